// Fonts for text whose own font is not in the file. PDFium has Latin ones built in. For others it asks, by FPDF_SYSFONTINFO
// (fpdf_sysfontinfo.h): for those of Chinese, Japanese and Korean by their character set, and for what a font lacks by the name Helvetica.
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { makeAnyLetterFont } from './any-letter-font.ts'
import type { Pdfium } from './open-pdfium.ts'

/** A file of a package, and the scripts that it is taken for. */
type Substitute = { readonly package: string; readonly file: string; readonly scripts: RegExp }

const latin: Substitute = {
  package: '@embedpdf/fonts-latin',
  file: 'fonts/NotoSans-Regular.ttf',
  scripts: /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Devanagari}]/u,
}
const japanese: Substitute = {
  package: '@embedpdf/fonts-jp',
  file: 'fonts/NotoSansJP-Regular.otf',
  scripts: /[\p{Script=Hiragana}\p{Script=Katakana}]/u,
}
const korean: Substitute = {
  package: '@embedpdf/fonts-kr',
  file: 'fonts/NotoSansKR-Regular.otf',
  scripts: /\p{Script=Hangul}/u,
}
/** For Taiwan and Hong Kong too, of whose characters it has all but the rarest, and for text of which no letter tells its country. */
const chinese: Substitute = {
  package: '@embedpdf/fonts-sc',
  file: 'fonts/NotoSansHans-Regular.otf',
  scripts: /\p{Script=Han}/u,
}
const arabic: Substitute = {
  package: '@embedpdf/fonts-arabic',
  file: 'fonts/NotoNaskhArabic-Regular.ttf',
  scripts: /\p{Script=Arabic}/u,
}
const hebrew: Substitute = {
  package: '@embedpdf/fonts-hebrew',
  file: 'fonts/NotoSansHebrew-Regular.ttf',
  scripts: /\p{Script=Hebrew}/u,
}
const thai: Substitute = {
  package: '@expo-google-fonts/noto-sans-thai',
  file: '400Regular/NotoSansThai_400Regular.ttf',
  scripts: /\p{Script=Thai}/u,
}
/** The first is taken for letters of none of these scripts. */
export const substitutes: readonly Substitute[] = [latin, japanese, korean, chinese, arabic, hebrew, thai]
/** What is taken before anybody has looked at the letters. */
export const standIn = latin
/** What is taken to look at them. */
export const anyLetter = 'any letter'
type Font = Substitute | typeof anyLetter
const fonts: readonly Font[] = [anyLetter, ...substitutes]

/** By FXFONT_SHIFTJIS_CHARSET, HANGEUL, GB2312 and CHINESEBIG5. */
const byCharacterSet: ReadonlyMap<number, Font> = new Map([
  [128, japanese],
  [129, korean],
  [134, chinese],
  [136, chinese],
])

export type SubstituteFonts = {
  /**
   * While it is done, fonts that are not in the file are that font: those that PDFium would have of its own, of `anyLetter` those
   * of Chinese, Japanese and Korean as well.
   */
  readonly replaceWith: <Result>(font: Font, use: () => Result) => Result
  /** While it is done, a font that lacks its first letter is given that one for all that it lacks. */
  readonly fallBackTo: <Result>(font: Font, use: () => Result) => Result
}

/** The font that most of the letters are written in. */
export function chooseSubstitute(letters: readonly string[]): Substitute {
  const counts = substitutes.map(({ scripts }) => letters.filter((letter) => scripts.test(letter)).length)
  return substitutes[counts.indexOf(Math.max(...counts))] ?? latin
}

/** Has an instance of PDFium ask for fonts here. None is read before it is asked for. */
export function supplyFonts(pdfium: Pdfium): SubstituteFonts {
  let replacement: Font | undefined
  let fallback: Font | undefined
  // A font is known by its place, from 1 on.
  const handleOf = (font: Font | undefined) => (font === undefined ? 0 : fonts.indexOf(font) + 1)

  /** MapFont: itself, weight, whether italic, character set, pitch and family, name, whether it is exactly that. */
  const mapFont = (...[, , , characterSet = 0, , name = 0]: number[]): number => {
    if (replacement === anyLetter) return handleOf(anyLetter)
    const own = byCharacterSet.get(characterSet)
    if (own !== undefined) return handleOf(own)
    return handleOf(fallback !== undefined && isHelvetica(pdfium.memory(), name) ? fallback : replacement)
  }
  /** GetFontData: itself, font, table (0: the whole file), where to, and how much of it. Answers the length. */
  const getFontData = (...[, handle = 0, table = 0, start = 0, room = 0]: number[]): number => {
    const font = fonts[handle - 1]
    return font === undefined || table !== 0 ? 0 : give(readFont(font), start, room)
  }
  /** GetFaceName: itself, font, where to, and how much of it. PDFium keeps what it was given under that name. */
  const getFaceName = (...[, handle = 0, start = 0, room = 0]: number[]): number =>
    give(Buffer.from(`substitute ${handle}`), start, room)
  const give = (bytes: Uint8Array, start: number, room: number): number => {
    if (start !== 0 && room >= bytes.length) pdfium.memory().set(bytes, start)
    return bytes.length
  }

  // The members of the structure: version, Release, EnumFonts, MapFont, GetFont, GetFontData, GetFaceName, GetFontCharset, DeleteFont.
  const members = 9
  const words = (start: number) => new Uint32Array(pdfium.memory().buffer, start, members)
  const builtIn = words(pdfium.call('FPDF_GetDefaultSystemFontInfo'))
  const [, , , mapFontAddress = 0, , getFontDataAddress = 0, getFaceNameAddress = 0] = builtIn
  pdfium.replace(mapFontAddress, 7, mapFont)
  pdfium.replace(getFontDataAddress, 5, getFontData)
  pdfium.replace(getFaceNameAddress, 4, getFaceName)
  const start = pdfium.allocate(4 * members)
  words(start).set([1, 0, 0, mapFontAddress, 0, getFontDataAddress, getFaceNameAddress, 0, 0])
  pdfium.call('FPDF_SetSystemFontInfo', start)
  return {
    replaceWith: (font, use) => {
      const before = replacement
      replacement = font
      try {
        return use()
      } finally {
        replacement = before
      }
    },
    fallBackTo: (font, use) => {
      const before = fallback
      fallback = font
      try {
        return use()
      } finally {
        fallback = before
      }
    },
  }
}

const isHelvetica = (memory: Uint8Array, start: number) =>
  Buffer.from(memory.buffer, start, 10).toString('latin1') === 'Helvetica\0'

const read = new Map<Font, Buffer>()

function readFont(font: Font): Buffer {
  const bytes = read.get(font) ?? (font === anyLetter ? makeAnyLetterFont() : readFile(font))
  read.set(font, bytes)
  return bytes
}

function readFile(font: Substitute): Buffer {
  const found = findPackageJSON(font.package, import.meta.url)
  if (found === undefined) throw new Error(`expected the package ${font.package}`)
  return readFileSync(join(dirname(found), font.file))
}
