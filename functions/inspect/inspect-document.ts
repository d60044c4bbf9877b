// Whether a document is what it must be: a JPG or a PNG that decodes to its last row, or a PDF that opens and has a page.
// Parses strangers' bytes, so it reads no file, no environment and no network; the wasm of PDFium, once a process, is all.
import { crc32 } from 'node:zlib'
import { fileTypeFromBuffer } from 'file-type'
import sharp from 'sharp'
import type { VerdictReason } from '../../shared/metrics.ts'
import type { Reason } from '../../shared/model.ts'
import { openPdfium } from './open-pdfium.ts'

export type MediaType = 'image/jpeg' | 'image/png' | 'application/pdf'

export type Inspection =
  | { readonly verdict: 'passed'; readonly mediaType: MediaType }
  | { readonly verdict: 'rejected'; readonly reasons: readonly Reason[] }

/** More than the 50.3 megapixels of the largest common phone camera, and little enough to decode in 1 GB. */
const maximumPixels = 64_000_000

// Each finding says what is wrong and what to do. All are properties of the bytes: the same bytes never pass later.
const messages = {
  empty: 'The document is empty. Upload the file again.',
  unsupported_type: 'The document is not a JPG, PNG or PDF, whatever its name says. Upload it in one of these formats.',
  truncated: 'The end of the document is missing. Upload the complete file, or export or photograph it again.',
  undecodable_image: 'The picture is damaged and cannot be shown. Save or photograph it again and upload the new file.',
  too_many_pixels: `The picture has more than ${maximumPixels / 1_000_000} megapixels. Upload a smaller one.`,
  undecodable_pdf:
    'The PDF is damaged or protected and cannot be opened. Export it again, without a password, and upload the new file.',
  no_page: 'The PDF has no page. Export it again and upload the new file.',
} as const satisfies Partial<Record<VerdictReason, string>>
type Finding = keyof typeof messages

// Every loader is off but two, so that bytes of any other type (an SVG, say) never reach a decoder, whatever was sniffed.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({ operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer'] })
sharp.cache(false)
sharp.concurrency(1)

// What a later check finds goes into the list of its media type; a document is rejected for all that was found.
const checks: Record<MediaType, (bytes: Uint8Array) => Promise<readonly Finding[]>> = {
  'image/jpeg': checkPixels,
  'image/png': async (bytes) => {
    const findings = checkPngChunks(bytes)
    return findings.length > 0 ? findings : checkPixels(bytes)
  },
  'application/pdf': checkPdf,
}

/**
 * Inspects the bytes of one document.
 *
 * @returns what the document is, or every reason why it is rejected; a reason's code is stable.
 * @throws only when a decoder itself fails (a trap in its code, no memory): that says nothing certain about the document.
 */
export async function inspectDocument(bytes: Uint8Array): Promise<Inspection> {
  if (bytes.length === 0) return reject(['empty'])
  const mediaType = await detectMediaType(bytes)
  if (mediaType === undefined) return reject(['unsupported_type'])
  const findings = await checks[mediaType](bytes)
  return findings.length > 0 ? reject(findings) : { verdict: 'passed', mediaType }
}

function reject(findings: readonly Finding[]): Inspection {
  return {
    verdict: 'rejected',
    reasons: findings.map((code) => ({ code, message: messages[code], retry: false })),
  }
}

async function detectMediaType(bytes: Uint8Array): Promise<MediaType | undefined> {
  const type = await fileTypeFromBuffer(bytes)
  return type && Object.hasOwn(checks, type.mime) ? (type.mime as MediaType) : undefined
}

/**
 * Walks the chunks of a PNG to IEND: length, type, data, CRC-32 of type and data (PNG third edition, 5.3).
 * The decoder neither misses an end that was cut off after the pixels nor minds damage in a chunk that it can do without.
 */
function checkPngChunks(bytes: Uint8Array): readonly Finding[] {
  const signatureLength = 8
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let start = signatureLength
  while (start + 12 <= bytes.length) {
    const end = start + 8 + view.getUint32(start)
    if (end + 4 > bytes.length) return ['truncated']
    if (crc32(bytes.subarray(start + 4, end)) !== view.getUint32(end)) return ['undecodable_image']
    if (view.getUint32(start + 4) === 0x49454e44) return []
    start = end + 4
  }
  return ['truncated']
}

async function checkPixels(bytes: Uint8Array): Promise<readonly Finding[]> {
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata()
    if (width * height > maximumPixels) return ['too_many_pixels']
    await decode(bytes, height)
    return []
  } catch (error) {
    const message = readRefusal(error)
    return [message.includes('premature end of JPEG image') ? 'truncated' : 'undecodable_image']
  }
}

/**
 * Decodes every row in order and keeps one pixel of the last: all of the picture is read, none of it is held.
 * libjpeg reports damaged entropy-coded data as warnings only, so warnings fail, but for one that many phones' intact
 * photographs cause (Ss, Se, Ah or Al of the scan header is not what ITU-T T.81, B.2.3 wants and is of no consequence).
 */
async function decode(bytes: Uint8Array, height: number): Promise<void> {
  const lastPixel = { left: 0, top: height - 1, width: 1, height: 1 }
  const readLastPixel = (failOn: 'warning' | 'error') =>
    sharp(bytes, { failOn, limitInputPixels: maximumPixels, sequentialRead: true, ignoreIcc: true })
      .extract(lastPixel)
      .raw()
      .toBuffer()
  try {
    await readLastPixel('warning')
  } catch (error) {
    if (!readRefusal(error).includes('Invalid SOS parameters for sequential JPEG')) throw error
    await readLastPixel('error')
  }
}

/** PDFium repairs what it can, a missing end among it, so the header and the end-of-file marker are looked for first. */
async function checkPdf(bytes: Uint8Array): Promise<readonly Finding[]> {
  // ISO 32000-1, Annex H, implementation notes 13 and 18: within the first and the last 1024 bytes.
  const hasMarker = (part: Uint8Array, marker: string) => Buffer.from(part).includes(marker, 0, 'latin1')
  if (!hasMarker(bytes.subarray(-1024), '%%EOF')) return ['truncated']
  if (!hasMarker(bytes.subarray(0, 1024), '%PDF-')) return ['undecodable_pdf']
  const library = await openPdfium()
  try {
    const document = await library.loadDocument(bytes)
    // The page count is what the file claims, so the first page is opened: one that is not there has no size.
    const { originalWidth, originalHeight } = document.getPage(0).getOriginalSize()
    return originalWidth > 0 && originalHeight > 0 ? [] : ['no_page']
  } catch (error) {
    readRefusal(error)
    return ['undecodable_pdf']
  }
}

/** The message of a decoder that refused its input; anything else that was thrown (a trap, no memory) is thrown on. */
function readRefusal(error: unknown): string {
  // Both decoders refuse with a plain Error; a wasm trap is a RuntimeError, and memory is only told by its message.
  if (!(error instanceof Error) || error.name !== 'Error' || /memory/i.test(error.message)) throw error
  return error.message
}
