// Whether a PDF is whole. Its cross references need not be right, since every viewer looks for the objects where they are
// not; what was cut off cannot be found by anybody.
import type { OpenPdf } from './open-pdf.ts'
import type { PdfObjects } from './pdf-objects.ts'
import { isDictionary, isName, isReference, type PdfDictionary, type PdfValue } from './pdf-values.ts'

/** Within the first 1024 bytes (ISO 32000-1, annex H, 3.4.1, note 13). */
export function hasHeader(bytes: Buffer): boolean {
  return bytes.subarray(0, 1024).includes('%PDF-')
}

/** What the bytes tell. Whether it opens is another question. */
export function isTruncated(bytes: Buffer, objects: PdfObjects): boolean {
  const end = bytes.lastIndexOf('%%EOF')
  if (end < 0) return true
  // An update that was begun behind the last end.
  if (/\d[\0\s]+\d+[\0\s]+obj\b/.test(bytes.toString('latin1', end))) return true
  return hasOpenStream(bytes, objects)
}

/** A file made for the web says its length in its first object (annex F): its first end marker is near its start. */
function isShorterThanLinearized(bytes: Buffer, objects: PdfObjects): boolean {
  const first = objects.all[0]?.value
  if (!isDictionary(first) || !first.has('Linearized')) return false
  const length = first.get('L')
  return typeof length === 'number' && bytes.length < length
}

/** A stream behind whose start nothing ends: the file was cut in it, whatever marker was put behind. */
function hasOpenStream(bytes: Buffer, objects: PdfObjects): boolean {
  const last = objects.all.findLast(({ streamStart }) => streamStart !== undefined)
  if (last?.streamStart === undefined) return false
  return !bytes.includes('endstream', last.streamStart) && !bytes.includes('endobj', last.streamStart)
}

/**
 * Where cross references had to be made up, what a page is made of may have been lost with them: an object that a page
 * refers to is nowhere, or the file is shorter than it was written.
 */
export function lacksParts(bytes: Buffer, document: OpenPdf, objects: PdfObjects): boolean {
  if (document.hasValidCrossReferences) return false
  if (isShorterThanLinearized(bytes, objects)) return true
  return objects.all.some(({ value }) => isDictionary(value) && isPage(value) && !isWhole(value, objects))
}

function isPage(value: PdfDictionary): boolean {
  const type = value.get('Type')
  return isName(type) && (type.name === 'Page' || type.name === 'Pages')
}

function isWhole(page: PdfDictionary, objects: PdfObjects): boolean {
  const needed = ['Kids', 'Contents', 'Resources'].flatMap((key) => listReferences(page.get(key)))
  return needed.every((reference) => objects.resolve(reference).length > 0)
}

function listReferences(value: PdfValue | undefined): readonly PdfValue[] {
  if (Array.isArray(value)) return value.filter(isReference)
  return isReference(value) ? [value] : []
}
