// The fonts that a document names and does not hold.
import type { PdfObjects } from './pdf-objects.ts'
import { isDictionary, isName, type PdfDictionary, visitDictionaries } from './pdf-values.ts'

/** What a font descriptor names a font file by (ISO 32000-2, table 124). */
const fontFiles = ['FontFile', 'FontFile2', 'FontFile3']
/** Table 109: the descendants of composite fonts, and simple fonts. Of Type 3 the glyphs are drawings in the file. */
const composite = ['CIDFontType0', 'CIDFontType2']
const simple = ['Type1', 'MMType1', 'TrueType']

/**
 * @returns whether there are fonts that are not in the file and may need more letters than the Latin ones that PDFium has: composite
 * ones, and simple ones with an encoding of their own
 */
export function findForeignFonts(objects: PdfObjects): { readonly composite: boolean; readonly simple: boolean } {
  const has = (dictionary: PdfDictionary, key: string, names: readonly string[]) =>
    objects.resolve(dictionary.get(key)).some((value) => isName(value) && names.includes(value.name))
  const isInFile = (font: PdfDictionary) =>
    objects
      .resolve(font.get('FontDescriptor'))
      .some((descriptor) => isDictionary(descriptor) && fontFiles.some((key) => descriptor.has(key)))
  // Encodings without differences are all Latin (annex D.2).
  const hasDifferences = (font: PdfDictionary) =>
    objects.resolve(font.get('Encoding')).some((encoding) => isDictionary(encoding) && encoding.has('Differences'))
  const found = { composite: false, simple: false }
  for (const { value } of objects.all) {
    visitDictionaries(value, (font) => {
      if (has(font, 'Subtype', composite)) found.composite ||= !isInFile(font)
      if (has(font, 'Subtype', simple)) found.simple ||= hasDifferences(font) && !isInFile(font)
    })
  }
  return found
}
