// What a PDF file holds besides the PDF: before its header, behind its end, in a stream that is another file.
import { constants, inflateSync } from 'node:zlib'
import { recogniseContent, recogniseStart } from './hidden-content.ts'
import { findReachable, type PdfObjects } from './pdf-objects.ts'
import { isDictionary, isName, isReference, isSpace, type PdfValue, visitDictionaries } from './pdf-values.ts'

const bytesOf = (text: string) => Buffer.from(text, 'latin1')

/** How a file begins that is none of a PDF's own parts, and what it is called to a person. */
const beginnings: readonly (readonly [Buffer, string])[] = [
  [bytesOf('PK\x03\x04'), 'a ZIP archive or office file'],
  [bytesOf('Rar!\x1a\x07'), 'a RAR archive'],
  [bytesOf('7z\xbc\xaf\x27\x1c'), 'a 7z archive'],
  [bytesOf('\x7fELF'), 'a program'],
  [bytesOf('\xcf\xfa\xed\xfe'), 'a program'],
  [bytesOf('\xca\xfe\xba\xbe'), 'a program'],
  [bytesOf('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'), 'an office file'],
  [bytesOf('MSCF\0\0\0\0'), 'an archive'],
  [bytesOf('#!/'), 'a script'],
  [bytesOf('%PDF-'), 'another PDF'],
]
/** Six bytes and more, so that no compressed picture has them by chance: these are found by programs wherever they are. */
const anywhere = [bytesOf('Rar!\x1a\x07'), bytesOf('7z\xbc\xaf\x27\x1c')]
const page = /^\s*(<!doctype\s+html|<html|<head|<body|<script|<svg|<iframe|<\?php|<\?xml[^>]*\?>\s*<(html|svg))/i

/**
 * @param bytes with a mark of its end: what has none is cut off
 * @returns what it is called to a person; undefined: nothing of the kind
 */
export function findHiddenContent(bytes: Buffer, objects: PdfObjects): string | undefined {
  const header = bytes.subarray(0, 1024).indexOf('%PDF-')
  const before = bytes.subarray(0, Math.max(0, header))
  const behind = bytes.subarray(bytes.lastIndexOf('%%EOF') + 5)
  // A later mark of the end may be forged: what has no cross references is no update.
  const trueEnd = bytes.indexOf('%%EOF', Math.max(0, bytes.lastIndexOf('startxref')))
  const behindTrueEnd = bytes.subarray(trueEnd < 0 ? bytes.length : trueEnd + 5)
  const attached = findAttached(objects)
  return (
    recogniseStart(bytes) ??
    recogniseOutside(before) ??
    recogniseOutside(behindTrueEnd) ??
    recogniseUnknown(before, behind) ??
    (holdsAnotherPdf(bytes) ? 'another PDF' : undefined) ??
    // An attached archive is one of these as well.
    (attached.size > 0 ? undefined : findZip(bytes)) ??
    findAnywhere(bytes) ??
    recogniseGaps(bytes) ??
    recogniseStreams(bytes, objects, attached)
  )
}

/** @returns as `findHiddenContent`, of what could be read only once the document was decrypted */
export const findDecrypted = (bytes: Buffer, objects: PdfObjects): string | undefined =>
  recogniseStreams(bytes, objects, findAttached(objects))

/** Comments are short: a version, the name of a program. */
const longestGap = 64 * 1024

/**
 * Between its objects, in comments: servers run PHP, and browsers pages, wherever they find them, so a file of two types has one
 * there. What an object says is another matter: letters speak of scripts, and annotations are written in tags.
 */
function recogniseGaps(bytes: Buffer): string | undefined {
  for (let start = bytes.indexOf('%PDF-') + 5; start >= 5; start = bytes.indexOf('endobj', start)) {
    const next = bytes.indexOf(' obj', start)
    const end = next < 0 ? bytes.length : next
    const gap = bytes.subarray(start, Math.min(end, start + longestGap))
    // Most are a line end and a number.
    const found = gap.includes(0x25) ? recogniseContent(gap) : undefined
    if (found !== undefined) return found
    start = end
  }
  return undefined
}

/** What is no part of the PDF: white space, zeros and the lines that mail and printers add are no matter. */
function recogniseOutside(bytes: Buffer): string | undefined {
  return recogniseBeginning(trimStart(bytes)) ?? recogniseContent(bytes)
}

function trimStart(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => !isSpace(byte))
  return bytes.subarray(start < 0 ? bytes.length : start)
}

/** Of no text: control characters, but for the escape that begins a printer's job. */
const isControl = (byte: number) => (byte > 0 && byte < 9) || (byte > 13 && byte < 32 && byte !== 0x1b)

/**
 * Of 12,000 public PDFs, 4 have such bytes before the header, and all 4 are files of two types; 2 have more behind the end than
 * the 1024 bytes in which readers look for it (ISO 32000-1, annex H, note 18), and both are made to be broken.
 */
function recogniseUnknown(before: Buffer, behind: Buffer): string | undefined {
  const isData = before.some(isControl) || behind.findLastIndex((byte) => !isSpace(byte)) > 1024
  return isData ? 'data that is no part of it' : undefined
}

function recogniseBeginning(bytes: Buffer): string | undefined {
  if (isWindowsProgram(bytes)) return 'a program'
  if (page.test(bytes.toString('latin1', 0, 256))) return 'a web page'
  return (
    beginnings.find(([beginning]) => bytes.subarray(0, beginning.length).equals(beginning))?.[1] ??
    recogniseStart(bytes)
  )
}

/**
 * A header behind an end, from which on the last cross references lie where the last `startxref` says: a whole file of its
 * own. Some programs write a header before an update, which counts from the start of the file, and a download that was
 * begun twice has the same file twice.
 */
function holdsAnotherPdf(bytes: Buffer): boolean {
  const first = bytes.indexOf('%PDF-')
  const keyword = bytes.lastIndexOf('startxref')
  const offset = /^startxref\s+(\d{1,10})\s/.exec(bytes.toString('latin1', Math.max(0, keyword), keyword + 64))?.[1]
  if (offset === undefined) return false
  for (let at = bytes.lastIndexOf('%PDF-', keyword); at > first; at = bytes.lastIndexOf('%PDF-', at - 1)) {
    const references = bytes.toString('latin1', at + Number(offset), at + Number(offset) + 32)
    if (!/^(xref|\d+\s+\d+\s+obj)/.test(references) || !isBehindEnd(bytes, at)) continue
    if (!bytes.subarray(at).equals(bytes.subarray(first, first + bytes.length - at))) return true
  }
  return false
}

function isBehindEnd(bytes: Buffer, at: number): boolean {
  let end = at
  while (isSpace(bytes[end - 1])) end--
  return bytes.toString('latin1', Math.max(0, end - 5), end) === '%%EOF'
}

/** `MZ`, and where the number at 60 says so `PE` (Microsoft PE format); what is too short for both may be data. */
function isWindowsProgram(bytes: Buffer): boolean {
  if (bytes.length < 64 || bytes.toString('latin1', 0, 2) !== 'MZ') return false
  const header = bytes.readUInt32LE(60)
  return bytes.toString('latin1', header, header + 4) === 'PE\0\0'
}

/** An end of central directory within its reach of the end (APPNOTE 4.3.16) that has its directory right before it. */
function findZip(bytes: Buffer): string | undefined {
  const reach = Math.max(0, bytes.length - 65_557)
  for (
    let at = bytes.lastIndexOf('PK\x05\x06');
    at >= reach;
    at = at === 0 ? -1 : bytes.lastIndexOf('PK\x05\x06', at - 1)
  ) {
    if (at + 22 > bytes.length) continue
    const directory = at - bytes.readUInt32LE(at + 12)
    if (directory >= 0 && bytes.toString('latin1', directory, directory + 4) === 'PK\x01\x02') return 'a ZIP archive'
  }
  return undefined
}

function findAnywhere(bytes: Buffer): string | undefined {
  return anywhere.some((signature) => bytes.includes(signature)) ? 'an archive' : undefined
}

/** A stream that is a file of its own: no font, picture, profile or page begins like one. What is attached is active content. */
function recogniseStreams(bytes: Buffer, objects: PdfObjects, attached: ReadonlySet<number>): string | undefined {
  for (const { number, value, streamStart } of objects.all) {
    if (streamStart === undefined || !isDictionary(value) || attached.has(number)) continue
    const raw = bytes.subarray(streamStart, streamStart + 4096)
    const name = recogniseBeginning(decodeBeginning(raw, value.get('Filter')))
    if (name !== undefined) return name
  }
  return undefined
}

/** The numbers of the streams that file specifications refer to: of those that something refers to. */
function findAttached(objects: PdfObjects): ReadonlySet<number> {
  const numbers = new Set<number>()
  for (const object of findReachable(objects)) {
    visitDictionaries(object.value, (dictionary) => {
      for (const files of objects.resolve(dictionary.get('EF'))) {
        if (!isDictionary(files)) continue
        for (const file of files.values()) if (isReference(file)) numbers.add(file.object)
      }
    })
  }
  return numbers
}

/** What a stream begins with, once its filters are taken off (7.4); empty where one is of another kind: of pictures, mostly. */
function decodeBeginning(raw: Buffer, filter: PdfValue | undefined): Buffer {
  const filters = Array.isArray(filter) ? filter : isName(filter) ? [filter] : []
  return filters.slice(0, mostFilters).reduce<Buffer>((bytes, each) => {
    const decode = isName(each) ? decoders.get(each.name) : undefined
    return decode?.(bytes) ?? Buffer.alloc(0)
  }, raw)
}

const mostFilters = 4

const decoders = new Map([
  ['FlateDecode', inflateBeginning],
  ['Fl', inflateBeginning],
  ['ASCIIHexDecode', readHex],
  ['AHx', readHex],
  ['ASCII85Decode', readAscii85],
  ['A85', readAscii85],
])

function readHex(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/>[\s\S]*|[^0-9a-f]/gi, ''), 'hex')
}

/** Five digits of base 85 for four bytes, `z` for four zeros; a shorter last group is for one byte less than it has digits (7.4.3). */
function readAscii85(bytes: Buffer): Buffer {
  const text = bytes
    .toString('latin1')
    .replace(/~[\s\S]*|[^!-uz]/g, '')
    .replaceAll('z', '!!!!!')
  const decoded = Buffer.alloc(Math.ceil(text.length / 5) * 4)
  for (let at = 0; at < text.length; at += 5) {
    const digits = text.slice(at, at + 5).padEnd(5, 'u')
    const value = [...digits].reduce((sum, digit) => sum * 85 + digit.charCodeAt(0) - 0x21, 0)
    decoded.writeUInt32BE(value % 2 ** 32, (at / 5) * 4)
  }
  return decoded.subarray(0, Math.floor((text.length * 4) / 5))
}

function inflateBeginning(raw: Buffer): Buffer {
  try {
    return inflateSync(raw, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 8 * 1024 * 1024 })
  } catch {
    return Buffer.alloc(0)
  }
}
