// What a file holds besides its document: behind its end, before its start, or inside a segment or a chunk. Archives, PDFs, web
// pages, scripts and programs are looked for in every byte, because what opens them looks there too: a ZIP is found from its
// end, a PDF within its first kilobyte, a page by its first tag. What phones write behind their pictures (a Motion Photo's
// video, a gain map, Samsung's trailer) is none of these, and goes when the picture is encoded anew.
import { constants, inflateSync } from 'node:zlib'
import type { Finding } from './check.ts'
import { readPngChunks } from './png-structure.ts'
import { signatures } from './signatures.ts'

/** What the compressed chunks of a PNG may come to together: profiles and texts come to a few hundred kilobytes. */
const maximumInflated = 16 * 1024 * 1024

/** @returns what else is in a JPEG or a PNG */
export function findHiddenContent(bytes: Uint8Array): readonly Finding[] {
  const file = toBuffer(bytes)
  const name =
    findSignature(file, 1) ?? findPdf(file) ?? findScriptInSegment(file) ?? findContentOfCompressedChunks(file)
  if (name === undefined) return []
  const message = `The file holds ${name} besides the document. Photograph or scan the document again, or upload a screenshot of it.`
  return [{ code: 'hidden_content', message }]
}

/** @returns what the bytes are or hold, to a person, as in "a ZIP archive"; undefined: nothing that is refused */
export function recogniseContent(bytes: Uint8Array): string | undefined {
  const content = toBuffer(bytes)
  return findSignature(content, 0) ?? findPdf(content)
}

/** @returns the same of what begins with the bytes: whatever is written further on is none of a file's type */
export function recogniseStart(bytes: Uint8Array): string | undefined {
  const content = toBuffer(bytes)
  return signatures.find(({ start, place = 0, isReal }) => {
    return content.subarray(place, place + start.length).equals(start) && isReal(content, place)
  })?.name
}

const toBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function findSignature(file: Buffer, start: number): string | undefined {
  for (const signature of signatures) {
    for (let at = file.indexOf(signature.start, start); at !== -1; at = file.indexOf(signature.start, at + 1)) {
      if (signature.isReal(file, at)) return signature.name
    }
  }
  return undefined
}

/** A header, and an object somewhere behind it: without one there is nothing to open. */
function findPdf(file: Buffer): string | undefined {
  const header = file.indexOf('%PDF-', 0, 'latin1')
  return header !== -1 && file.includes(' obj', header, 'latin1') ? 'a PDF' : undefined
}

/**
 * A JPEG that is JavaScript as well: the length of its first segment reads as the start of a comment, which a later segment
 * ends before an assignment. The first four bytes are then a name.
 */
function findScriptInSegment(file: Buffer): string | undefined {
  if (file[1] !== 0xd8 || file.toString('latin1', 4, 6) !== '/*') return undefined
  return /\*\/\s*=\s*[\x20-\x7e]{4}/.test(file.toString('latin1', 6)) ? 'a script' : undefined
}

/** Texts and profiles of a PNG that are compressed (11.3.2.3, 11.3.3): a name, zeros, and what is inflated. */
function findContentOfCompressedChunks(file: Buffer): string | undefined {
  let left = maximumInflated
  for (const chunk of readPngChunks(file)) {
    if (typeof chunk === 'string') return undefined
    const compressed = readCompressed(chunk.type, toBuffer(chunk.data))
    if (!compressed) continue
    const content = inflateWithin(compressed, left)
    if (content === 'too large') return 'far too much text'
    left -= content.length
    const found = recogniseContent(content)
    if (found) return found
  }
  return undefined
}

function readCompressed(type: string, data: Buffer): Buffer | undefined {
  const nameEnd = data.indexOf(0)
  if (nameEnd === -1) return undefined
  // Behind the name: the compression method (1).
  if (type === 'zTXt' || type === 'iCCP') return data.subarray(nameEnd + 2)
  // Behind the name: whether it is compressed (1), the method (1), a language and a translated name, each with a zero.
  if (type !== 'iTXt' || data[nameEnd + 1] !== 1) return undefined
  const languageEnd = data.indexOf(0, nameEnd + 3)
  const translationEnd = languageEnd === -1 ? -1 : data.indexOf(0, languageEnd + 1)
  return translationEnd === -1 ? undefined : data.subarray(translationEnd + 1)
}

/** What cannot be inflated is nothing to anybody, and as it stands it was searched. */
function inflateWithin(compressed: Buffer, maximum: number): Buffer | 'too large' {
  try {
    return inflateSync(compressed, { maxOutputLength: Math.max(maximum, 1), finishFlush: constants.Z_SYNC_FLUSH })
  } catch (error) {
    return error instanceof RangeError ? 'too large' : Buffer.alloc(0)
  }
}
