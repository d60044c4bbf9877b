// One PDF, opened by PDFium: what is asked of it, in the terms of a document.
import { openPdfium, type Pdfium } from './open-pdfium.ts'
import { type Letter, readLetters, supplyLetters } from './pdf-text.ts'
import { anyLetter, standIn, supplyFonts } from './substitute-fonts.ts'

/** In points, 1/72 inch, as it is shown: turned as /Rotate says, and cut to its crop box. */
export type PageSize = { readonly width: number; readonly height: number }

/** Rows from the top, four bytes a pixel: red, green, blue, and one that says nothing. */
export type Pixels = { readonly width: number; readonly height: number; readonly bytes: Uint8Array }

export type MissingLetter = Letter & { readonly page: number }

export type OpenPdf = {
  readonly isEncrypted: boolean
  /** Whether the cross references could be used as they are. Where not, the document was pieced together from its objects. */
  readonly hasValidCrossReferences: boolean
  /** Of scripts that run when it is opened, of attached files, and whether it is an XFA form: as PDFium sees it. */
  readonly scripts: number
  readonly attachments: number
  readonly hasXfa: boolean
  /** What it claims: a page may be missing. */
  readonly pages: number
  /** Undefined: the page is not there. */
  readonly measure: (page: number) => PageSize | undefined
  /** The page on white, with its annotations and form fields as they are seen. Undefined: it is not there. */
  readonly draw: (page: number, width: number, height: number) => Pixels | undefined
  /**
   * Has these pages drawn from now on with letters of other fonts, where their own are not in the file and PDFium's lack them.
   *
   * @returns the letters that are in no font here
   */
  readonly supplyLetters: (pages: readonly number[]) => readonly MissingLetter[]
  /** Whether a page is a picture or several, and nothing else: a scan, a photograph. */
  readonly isPicture: (page: number) => boolean
  /** The whole document written anew: each object once, decrypted, none in an object stream. Undefined: it cannot be. */
  readonly writeAnew: () => Buffer | undefined
}

/**
 * Opens a PDF without a password, which also opens what is encrypted only to restrict what may be done with it.
 *
 * @returns `locked`: it is encrypted, and not readable without a password or a certificate; `damaged`: it cannot be opened
 */
export async function openPdf(bytes: Uint8Array): Promise<OpenPdf | 'locked' | 'damaged'> {
  const pdfium = await openPdfium()
  const fonts = supplyFonts(pdfium)
  const start = pdfium.allocate(bytes.length)
  pdfium.memory().set(bytes, start)
  const load = () => pdfium.call('FPDF_LoadMemDocument', start, bytes.length, 0)
  const document = load()
  if (document === 0) {
    // FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY, a handler that PDFium does not know.
    return [4, 5].includes(pdfium.call('FPDF_GetLastError')) ? 'locked' : 'damaged'
  }
  let drawn = { document, form: openForm(pdfium, document) }
  const formType = pdfium.call('FPDF_GetFormType', document)
  return {
    isEncrypted: pdfium.call('FPDF_GetSecurityHandlerRevision', document) >= 0,
    hasValidCrossReferences: pdfium.call('FPDF_DocumentHasValidCrossReferenceTable', document) !== 0,
    scripts: pdfium.call('FPDFDoc_GetJavaScriptActionCount', document),
    attachments: pdfium.call('FPDFDoc_GetAttachmentCount', document),
    // FORMTYPE_XFA_FULL and FORMTYPE_XFA_FOREGROUND.
    hasXfa: formType === 2 || formType === 3,
    pages: pdfium.call('FPDF_GetPageCount', document),
    measure: (index) => measurePage(pdfium, document, index),
    draw: (index, width, height) =>
      withPage(pdfium, drawn.document, index, (page) =>
        fonts.fallBackTo(standIn, () => drawPage(pdfium, page, drawn.form, width, height)),
      ),
    supplyLetters: (pages) => {
      const letters = fonts.replaceWith(anyLetter, () => {
        const read = load()
        const found = pages.map((page) => withPage(pdfium, read, page, (opened) => readLetters(pdfium, opened)) ?? [])
        pdfium.call('FPDF_CloseDocument', read)
        return found
      })
      const supply = () =>
        pages.flatMap((page, index) => {
          const supplyPage = (opened: number) => supplyLetters(pdfium, fonts, opened, letters[index] ?? [])
          const missing = letters[index]?.some((piece) => piece.length > 0)
            ? withPage(pdfium, drawn.document, page, supplyPage)
            : undefined
          return (missing ?? []).map((letter) => ({ page, ...letter }))
        })
      const missing = supply()
      if (missing.length === 0) return []
      // For a font of Type 1 PDFium asks no other for a letter; and a document keeps the fonts that it was given.
      return fonts.replaceWith(standIn, () => {
        const again = load()
        drawn = { document: again, form: openForm(pdfium, again) }
        return supply()
      })
    },
    isPicture: (index) => withPage(pdfium, drawn.document, index, (page) => hasOnlyPictures(pdfium, page)) ?? false,
    writeAnew: () => writeAnew(pdfium, document),
  }
}

/** The environment that draws form fields: FPDF_FORMFILLINFO, version 2, every callback null. */
function openForm(pdfium: Pdfium, document: number): number {
  const length = 256
  const info = pdfium.allocate(length)
  pdfium.memory().fill(0, info, info + length)
  pdfium.memory()[info] = 2
  const form = pdfium.call('FPDFDOC_InitFormFillEnvironment', document, info)
  if (form !== 0) pdfium.call('FPDF_SetFormFieldHighlightAlpha', form, 0)
  return form
}

/** FS_SIZEF: two floats. The page's content is not read for it. */
function measurePage(pdfium: Pdfium, document: number, index: number): PageSize | undefined {
  const size = pdfium.allocate(8)
  try {
    if (pdfium.call('FPDF_GetPageSizeByIndexF', document, index, size) === 0) return undefined
    const [width = 0, height = 0] = new Float32Array(pdfium.memory().buffer, size, 2)
    return { width, height }
  } finally {
    pdfium.call('free', size)
  }
}

function withPage<Result>(pdfium: Pdfium, document: number, index: number, use: (page: number) => Result) {
  const page = pdfium.call('FPDF_LoadPage', document, index)
  if (page === 0) return undefined
  try {
    return use(page)
  } finally {
    pdfium.call('FPDF_ClosePage', page)
  }
}

/** FPDF_PAGEOBJ_IMAGE. What is typed on a scan is an annotation. */
function hasOnlyPictures(pdfium: Pdfium, page: number): boolean {
  const image = 3
  const count = pdfium.call('FPDFPage_CountObjects', page)
  if (count === 0 || pdfium.call('FPDFPage_GetAnnotCount', page) > 0) return false
  for (let index = 0; index < count; index++) {
    if (pdfium.call('FPDFPageObj_GetType', pdfium.call('FPDFPage_GetObject', page, index)) !== image) return false
  }
  return true
}

function drawPage(pdfium: Pdfium, page: number, form: number, width: number, height: number): Pixels {
  const length = width * height * 4
  const start = pdfium.allocate(length)
  // FPDFBitmap_BGRx; REVERSE_BYTE_ORDER makes it RGBx.
  const bitmap = pdfium.call('FPDFBitmap_CreateEx', width, height, 3, start, width * 4)
  const [annotations, reverseByteOrder] = [0x01, 0x10]
  pdfium.call('FPDFBitmap_FillRect', bitmap, 0, 0, width, height, 0xffffffff)
  pdfium.call('FPDF_RenderPageBitmap', bitmap, page, 0, 0, width, height, 0, annotations | reverseByteOrder)
  if (form !== 0) {
    pdfium.call('FORM_OnAfterLoadPage', page, form)
    pdfium.call('FPDF_FFLDraw', form, bitmap, page, 0, 0, width, height, 0, reverseByteOrder)
    pdfium.call('FORM_OnBeforeClosePage', page, form)
  }
  const bytes = pdfium.memory().slice(start, start + length)
  pdfium.call('FPDFBitmap_Destroy', bitmap)
  pdfium.call('free', start)
  return { width, height, bytes }
}

/** FPDF_FILEWRITE: a version, and a function that takes itself, an address and a length, and answers 1 when it took them. */
function writeAnew(pdfium: Pdfium, document: number): Buffer | undefined {
  const parts: Uint8Array[] = []
  const take = (_self: number, start: number, length: number) => {
    parts.push(pdfium.memory().slice(start, start + length))
    return 1
  }
  const writer = pdfium.allocate(8)
  const removeSecurity = 3
  const isWritten = pdfium.lend(take, (address) => {
    new Uint32Array(pdfium.memory().buffer, writer, 2).set([1, address])
    return pdfium.call('FPDF_SaveAsCopy', document, writer, removeSecurity) !== 0
  })
  return isWritten ? Buffer.concat(parts) : undefined
}
