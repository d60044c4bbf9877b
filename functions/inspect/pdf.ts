// The questions to a PDF: whether it opens and has a page.
import sharp from 'sharp'
import type { CleanCopy, Examination, Finding } from './check.ts'
import { openPdfium } from './open-pdfium.ts'
import { readRefusal } from './refusal.ts'

export function examinePdf(bytes: Uint8Array): Examination {
  return {
    checks: [
      { name: 'structure', isGate: true, run: () => checkMarkers(bytes) },
      { name: 'pages', isGate: true, run: () => checkPages(bytes) },
    ],
    makeCleanCopy: () => makeCleanCopy(bytes),
  }
}

/** PDFium repairs what it can, a missing end among it, so the header and the end-of-file marker are looked for first. */
function checkMarkers(bytes: Uint8Array): readonly Finding[] {
  // ISO 32000-1, Annex H, implementation notes 13 and 18: within the first and the last 1024 bytes.
  const hasMarker = (part: Uint8Array, marker: string) => Buffer.from(part).includes(marker, 0, 'latin1')
  if (!hasMarker(bytes.subarray(-1024), '%%EOF')) return [{ code: 'truncated' }]
  return hasMarker(bytes.subarray(0, 1024), '%PDF-') ? [] : [{ code: 'undecodable_pdf' }]
}

async function checkPages(bytes: Uint8Array): Promise<readonly Finding[]> {
  const library = await openPdfium()
  try {
    const document = await library.loadDocument(bytes)
    // The page count is what the file claims, so the first page is opened: one that is not there has no size.
    const { originalWidth, originalHeight } = document.getPage(0).getOriginalSize()
    return originalWidth > 0 && originalHeight > 0 ? [] : [{ code: 'no_page' }]
  } catch (error) {
    readRefusal(error)
    return [{ code: 'undecodable_pdf' }]
  }
}

/** The first page, as pixels. */
async function makeCleanCopy(bytes: Uint8Array): Promise<CleanCopy> {
  const document = await (await openPdfium()).loadDocument(bytes)
  const { data, width, height } = await document.getPage(0).render({ scale: 2, render: 'bitmap' })
  const picture = sharp(data, { raw: { width, height, channels: 4 } }).removeAlpha()
  return { mediaType: 'image/jpeg', bytes: await picture.jpeg({ quality: 90 }).toBuffer() }
}
