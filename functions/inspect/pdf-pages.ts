// The pages of a PDF: that there are some, that they have a size, that one of them shows something.
import type { Finding } from './check.ts'
import { glanceAt } from './decode-picture.ts'
import { judgeBlankness } from './judge-picture.ts'
import { measurePicture } from './measure-picture.ts'
import type { MissingLetter, OpenPdf, PageSize, Pixels } from './open-pdf.ts'
import { findForeignFonts } from './pdf-fonts.ts'
import type { PdfObjects } from './pdf-objects.ts'
import { isDictionary, isReference, type PdfDictionary, type PdfValue } from './pdf-values.ts'
import { maximumPages } from './reasons.ts'

/** Half an inch, in points: a seal, not a document. */
const minimumSide = 36
/** Of a page that is looked at: a sheet of A4 at 78 dots per inch, where a stroke of 10-point print has about a pixel. */
const glancePixels = 600_000
/** In pixels: the longest roll of paper is drawn no longer. */
const maximumSide = 8192

/** Levels of 256 between what is drawn and what it is drawn on: faint print is above, the grain of a scanner is not. */
const step = 12
/** Levels of 256: less is what rounding leaves. */
const leastNoise = 0.5
const readBrightness = (bytes: Uint8Array, at: number) =>
  ((bytes[at] ?? 0) + 2 * (bytes[at + 1] ?? 0) + (bytes[at + 2] ?? 0)) / 4

/** @returns those that are there, in order, with the index at which PDFium has them */
export function measurePages(document: OpenPdf): { index: number; size: PageSize }[] {
  const pages: { index: number; size: PageSize }[] = []
  for (let index = 0; index < document.pages; index++) {
    const size = document.measure(index)
    if (size !== undefined) pages.push({ index, size })
  }
  return pages
}

/** @param objects of the document as it is, without its earlier revisions; undefined: they are not known */
export function checkPages(document: OpenPdf, objects: PdfObjects | undefined): readonly Finding[] {
  if (document.pages > maximumPages) return [{ code: 'too_many_pages' }]
  if (objects !== undefined && hasMorePages(objects, maximumPages)) return [{ code: 'too_many_pages' }]
  const pages = measurePages(document)
  if (pages.length === 0) return [{ code: 'no_page' }]
  const isLarge = ({ size }: { size: PageSize }) => Math.min(size.width, size.height) >= minimumSide
  return pages.some(isLarge)
    ? []
    : [
        {
          code: 'too_small',
          message:
            'The pages of the PDF are too small to hold a document. Print it to a new PDF with a common paper size, and upload that.',
        },
      ]
}

/** Whether the tree has more pages than that: PDFium believes /Count, other viewers count (ISO 32000-2, 7.7.3.2). */
function hasMorePages(objects: PdfObjects, maximum: number): boolean {
  const isTrailer = (value: PdfValue): value is PdfDictionary => isDictionary(value) && value.has('Root')
  const trailers = [...objects.trailers, ...objects.all.map(({ value }) => value)].filter(isTrailer)
  const catalogues = trailers.flatMap((trailer) => objects.resolve(trailer.get('Root'))).filter(isDictionary)
  const waiting = [...new Set(catalogues)].flatMap((catalogue) => objects.resolve(catalogue.get('Pages')))
  const entered = new Set<PdfValue>()
  let pages = 0
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (!isDictionary(node)) continue
    if (!node.has('Kids')) {
      if (++pages > maximum) return true
    } else if (!entered.has(node)) {
      entered.add(node)
      for (const kids of objects.resolve(node.get('Kids'))) {
        if (Array.isArray(kids)) for (const kid of kids.filter(isReference)) waiting.push(...objects.resolve(kid))
      }
    }
  }
  return false
}

/** @param objects as for the pages; undefined: they are not known */
export function checkLetters(document: OpenPdf, objects: PdfObjects | undefined): readonly Finding[] {
  const foreign = objects === undefined ? { composite: true, simple: true } : findForeignFonts(objects)
  if (!foreign.composite && !foreign.simple) return []
  const pages = measurePages(document)
  const missing = document.supplyLetters(pages.map(({ index }) => index))
  const isLost = pages.some(({ index, size }) => {
    const letters = missing.filter(({ page }) => page === index)
    if (letters.length === 0) return false
    const { width, height } = toPixels(size, glancePixels)
    const pixels = document.draw(index, width, height)
    return pixels !== undefined && letters.some((letter) => isMissing(pixels, letter, foreign.composite))
  })
  return isLost ? [{ code: 'missing_fonts' }] : []
}

export async function checkBlankness(document: OpenPdf): Promise<readonly Finding[]> {
  for (const { index, size } of measurePages(document)) {
    const { width, height } = toPixels(size, glancePixels)
    const pixels = document.draw(index, width, height)
    if (pixels === undefined || !isMarked(pixels)) continue
    // A word is a page; of a scan, marks may be dust, holes and the edge of the glass.
    if (!document.isPicture(index) || !(await isBlankPicture(pixels))) return []
  }
  return [
    {
      code: 'blank',
      message: 'No page of the PDF shows anything. Check which file you chose, or scan or export the document again.',
    },
  ]
}

/**
 * As a picture is that comes without a PDF around it, if paper was photographed or scanned: of what was drawn, as copies are that
 * are kept of pages, each mark was meant.
 */
async function isBlankPicture({ width, height, bytes }: Pixels): Promise<boolean> {
  const grey = new Uint8Array(width * height)
  for (let at = 0; at < grey.length; at++) grey[at] = readBrightness(bytes, at * 4)
  const glance = await glanceAt({ width, height, channels: 1, bytes: grey })
  const measures = measurePicture(glance)
  return measures.quiet >= leastNoise && judgeBlankness(measures).length > 0
}

/** In whole pixels of about that many in all, and at least one on each side. */
export function toPixels(size: PageSize, pixels: number, maximumScale = Number.POSITIVE_INFINITY): PageSize {
  const fitting = Math.sqrt(pixels / (size.width * size.height))
  const scale = Math.min(maximumScale, fitting, maximumSide / Math.max(size.width, size.height))
  const round = (side: number) => Math.max(1, Math.round(side * scale))
  return { width: round(size.width), height: round(size.height) }
}

/**
 * Whether a letter that no font has is not seen: where it belongs, on the page, nothing is drawn. It may be drawn under another
 * name, or covered by a picture.
 *
 * @param isNamed whether codes are meant to be letters: in simple fonts some without a letter are strewn in. What is drawn for a
 * letter that nobody knows is another one
 */
function isMissing({ width, height, bytes }: Pixels, letter: MissingLetter, isNamed: boolean): boolean {
  let [darkest, brightest] = [255, 0]
  const clamp = (part: number, side: number) => Math.min(side, Math.max(0, Math.round(part * side)))
  for (let y = clamp(letter.top, height); y < clamp(letter.bottom, height); y++) {
    for (let x = clamp(letter.left, width); x < clamp(letter.right, width); x++) {
      const value = readBrightness(bytes, (y * width + x) * 4)
      darkest = Math.min(darkest, value)
      brightest = Math.max(brightest, value)
    }
  }
  const isOnPage = darkest <= brightest
  return isOnPage && (letter.isKnown ? brightest - darkest < step : isNamed)
}

/**
 * Whether there are edges: pixels that differ from the one before or above. Paper that is unevenly lit has none, the grain
 * of a scanner stays below the step, faint print does not.
 */
function isMarked({ width, height, bytes }: Pixels): boolean {
  const enough = 24
  let edges = 0
  for (let y = 1; y < height; y++) {
    for (let x = 1; x < width; x++) {
      const at = (y * width + x) * 4
      const value = readBrightness(bytes, at)
      if (
        Math.abs(value - readBrightness(bytes, at - 4)) < step &&
        Math.abs(value - readBrightness(bytes, at - width * 4)) < step
      )
        continue
      if (++edges >= enough) return true
    }
  }
  return false
}
