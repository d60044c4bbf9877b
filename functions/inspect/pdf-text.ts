// The letters of a page whose fonts are not in the file: which they are, and which of them can be drawn.
import type { Pdfium } from './open-pdfium.ts'
import { chooseSubstitute, type SubstituteFonts } from './substitute-fonts.ts'

/**
 * A letter or digit, and where it belongs: in parts of the width and height of its page as it is shown, from the upper left
 * corner. Not `isKnown`: its text is only the number that it has in its font, and nobody knows which letter that is.
 */
export type Letter = {
  readonly text: string
  readonly isKnown: boolean
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** For each piece of text of a page in its order, the letters of it that may be lacking; of each letter the first one. */
export type PageLetters = readonly (readonly Letter[])[]

/** All of these the built-in fonts have. */
const builtInLetters = 0x100
/** Text that is not seen (ISO 32000-2, table 104): of scans that can be searched. */
const invisible = [3, 7]

/** @param page of a document whose fonts have all letters: PDFium tells of no other text */
export function readLetters(pdfium: Pdfium, page: number): PageLetters {
  const pieces = new Map(listText(pdfium, page).map((piece) => [piece, new Map<string, Letter>()]))
  const isSubstituted = (piece: number) =>
    pdfium.call('FPDFFont_GetIsEmbedded', pdfium.call('FPDFTextObj_GetFont', piece)) === 0 &&
    !invisible.includes(pdfium.call('FPDFTextObj_GetTextRenderMode', piece))
  const text = pdfium.call('FPDFText_LoadPage', page)
  if (text === 0) return []
  try {
    const count = pdfium.call('FPDFText_CountChars', text)
    for (let place = 0; place < count; place++) {
      const letter = readLetter(pdfium, text, place)
      if (letter === undefined) continue
      const piece = pdfium.call('FPDFText_GetTextObject', text, place)
      const letters = pieces.get(piece)
      const key = `${letter.text}${letter.isKnown}`
      if (letters === undefined || letters.has(key) || !isSubstituted(piece)) continue
      letters.set(key, { ...letter, ...findPlace(pdfium, page, text, place) })
    }
  } finally {
    pdfium.call('FPDFText_ClosePage', text)
  }
  return [...pieces.values()].map((letters) => [...letters.values()])
}

/** Undefined: it is none, or one that all fonts have. */
function readLetter(pdfium: Pdfium, text: number, place: number): Pick<Letter, 'text' | 'isKnown'> | undefined {
  const code = pdfium.call('FPDFText_GetUnicode', text, place) >>> 0
  const isKnown = code <= 0x10ffff && pdfium.call('FPDFText_HasUnicodeMapError', text, place) !== 1
  if (!isKnown) return { text: String(code), isKnown }
  if (code < builtInLetters) return undefined
  const character = String.fromCodePoint(code)
  // Half of a letter that takes two places is one, and signs that stand for Greek letters in many an encoding are.
  return /[\p{L}\p{N}\p{Surrogate}\u2126\u2206]/u.test(character) ? { text: character, isKnown } : undefined
}

/**
 * Gives each font of the page that is not in the file another for the letters that it lacks.
 *
 * @returns the letters that the other one lacks too
 */
export function supplyLetters(
  pdfium: Pdfium,
  fonts: SubstituteFonts,
  page: number,
  letters: PageLetters,
): readonly Letter[] {
  const lettersOf = new Map<number, Letter[]>()
  for (const [index, piece] of listText(pdfium, page).entries()) {
    const font = pdfium.call('FPDFTextObj_GetFont', piece)
    const found = lettersOf.get(font) ?? []
    for (const letter of letters[index] ?? []) found.push(letter)
    lettersOf.set(font, found)
  }
  return [...lettersOf].flatMap(([font, found]) => {
    const distinct = (isKnown: boolean) => [
      ...new Set(found.filter((letter) => letter.isKnown === isKnown).map(({ text }) => text)),
    ]
    const known = distinct(true)
    return fonts.fallBackTo(chooseSubstitute(known), () => {
      const lacking = new Set(known.filter((text) => !hasStrokes(pdfium, font, text)))
      // A single one that is not known is the space of a font.
      const isText = distinct(false).length > 1
      return found.filter(({ text, isKnown }) => (isKnown ? lacking.has(text) : isText))
    })
  })
}

/** The pieces of text of a page, those of its forms too (FPDF_PAGEOBJ_TEXT and FPDF_PAGEOBJ_FORM). */
function listText(pdfium: Pdfium, page: number): number[] {
  const found: number[] = []
  const visit = (kind: 'FPDFPage' | 'FPDFFormObj', parent: number) => {
    const count = pdfium.call(`${kind}_CountObjects`, parent)
    for (let index = 0; index < count; index++) {
      const object = pdfium.call(`${kind}_GetObject`, parent, index)
      const type = pdfium.call('FPDFPageObj_GetType', object)
      if (type === 1) found.push(object)
      if (type === 5) visit('FPDFFormObj', object)
    }
  }
  visit('FPDFPage', page)
  return found
}

/** FPDFFont_GetGlyphPath takes a letter, whatever it calls it, and finds it in what a font falls back to as well. */
function hasStrokes(pdfium: Pdfium, font: number, letter: string): boolean {
  const path = pdfium.call('FPDFFont_GetGlyphPath', font, letter.codePointAt(0) ?? 0, 10)
  return path !== 0 && pdfium.call('FPDFGlyphPath_CountGlyphSegments', path) > 0
}

function findPlace(pdfium: Pdfium, page: number, text: number, place: number): Omit<Letter, 'text' | 'isKnown'> {
  const start = pdfium.allocate(24)
  try {
    pdfium.memory().fill(0, start, start + 24)
    pdfium.call('FPDFText_GetLooseCharBox', text, place, start)
    // FS_RECTF: left, top, right and bottom, in points.
    const [left = 0, top = 0, right = 0, bottom = 0] = new Float32Array(pdfium.memory().buffer.slice(start, start + 16))
    // The page may be turned, and cut.
    const parts = 1_000_000
    const toParts = (x: number, y: number): readonly [number, number] => {
      pdfium.call('FPDF_PageToDevice', page, 0, 0, parts, parts, 0, x, y, start + 16, start + 20)
      const [across = 0, down = 0] = new Int32Array(pdfium.memory().buffer, start + 16, 2)
      return [across / parts, down / parts]
    }
    const [one, other] = [toParts(left, top), toParts(right, bottom)]
    return {
      left: Math.min(one[0], other[0]),
      top: Math.min(one[1], other[1]),
      right: Math.max(one[0], other[0]),
      bottom: Math.max(one[1], other[1]),
    }
  } finally {
    pdfium.call('free', start)
  }
}
