// What a clean copy must not hold: anything but pixels and what is needed to show them.
import { pngSignature } from '../fixtures/documents/png-writer.ts'

const needlessNames =
  /\/(Info|Metadata|JavaScript|JS|OpenAction|AA|Names|AcroForm|EmbeddedFile|Annots|URI|Author|Creator|Producer|CreationDate|ModDate|Title|ID)\b/g

/** Chunks without which a PNG is shown otherwise (PNG third edition, 11). */
const neededChunks = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND', 'pHYs', 'sRGB', 'gAMA', 'cHRM']

function findInPng(bytes: Buffer): string[] {
  const found: string[] = []
  let at = pngSignature.length
  for (let type = ''; type !== 'IEND' && at + 12 <= bytes.length; ) {
    type = bytes.toString('latin1', at + 4, at + 8)
    if (!neededChunks.includes(type)) found.push(type)
    at += 12 + bytes.readUInt32BE(at)
  }
  if (at !== bytes.length) found.push('bytes behind IEND')
  return found
}

/** APP0 of JFIF and APP14 of Adobe say how the colours are stored, APP2 may hold a profile of colours: a copy needs only the first. */
function findInJpeg(bytes: Buffer): string[] {
  const found: string[] = []
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1] ?? 0
    if (marker === 0xda) break
    if ((marker > 0xe0 && marker <= 0xef) || marker === 0xfe) found.push(`segment ${marker.toString(16)}`)
  }
  if (bytes.indexOf(Buffer.from([0xff, 0xd9])) !== bytes.length - 2) found.push('bytes behind the end')
  return found
}

/** @returns the names of what is too much; none: the copy is clean */
export function findMetadata(copy: Uint8Array): string[] {
  const bytes = Buffer.from(copy)
  if (bytes.subarray(0, 2).equals(Buffer.from([0xff, 0xd8]))) return findInJpeg(bytes)
  if (bytes.subarray(0, 8).equals(pngSignature)) return findInPng(bytes)
  const text = bytes.toString('latin1').replace(/\bstream\r?\n.*?\nendstream/gs, '')
  return [...new Set(text.match(needlessNames) ?? [])]
}
