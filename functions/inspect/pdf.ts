// The checks of a PDF, in their order. The bytes are read twice: as they are, and as PDFium understands them.
import type { Check, Examination, Finding } from './check.ts'
import { makeCleanPdf } from './clean-pdf.ts'
import { type OpenPdf, openPdf } from './open-pdf.ts'
import { MemoryExceeded } from './open-pdfium.ts'
import { type ActiveContent, activeContent, findActiveContent } from './pdf-active-content.ts'
import { findDecrypted, findHiddenContent } from './pdf-hidden-content.ts'
import { findObjects, type PdfObjects } from './pdf-objects.ts'
import { checkBlankness, checkLetters, checkPages } from './pdf-pages.ts'
import { hasHeader, isTruncated, lacksParts } from './pdf-structure.ts'
import { TooComplex } from './pdf-values.ts'

/** What the first check found, for those behind it. `document` undefined: it is locked. */
type Opened = { readonly objects: PdfObjects; readonly document: OpenPdf | undefined }

/** The questions to the bytes of one PDF. */
export function examinePdf(input: Uint8Array): Examination {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  let opened: Opened | undefined
  const getOpened = (): Opened => {
    if (opened === undefined) throw new Error('expected the structure to be checked first')
    return opened
  }
  const getDocument = (): OpenPdf => {
    const { document } = getOpened()
    if (document === undefined) throw new Error('expected the encryption to be checked first')
    return document
  }
  let rewritten: { readonly bytes?: Buffer; readonly objects: PdfObjects | undefined } | undefined
  /** The objects as PDFium sees them: none of an earlier revision, decrypted, none in an object stream. */
  const getRewritten = (): PdfObjects | undefined => {
    if (rewritten === undefined) {
      // What cannot be written or read is told once, by the check that asked first.
      rewritten = { objects: undefined }
      const anew = getDocument().writeAnew()
      if (anew) rewritten = { bytes: anew, objects: findObjects(anew) }
    }
    return rewritten.objects
  }
  const checkHiddenContent = (): readonly Finding[] => {
    const { objects, document } = getOpened()
    const decrypted = document?.isEncrypted ? getRewritten() : undefined
    const found =
      findHiddenContent(bytes, objects) ?? (decrypted && rewritten?.bytes && findDecrypted(rewritten.bytes, decrypted))
    return describeHiddenContent(found)
  }
  const checkStructure = async (): Promise<readonly Finding[]> => {
    if (!hasHeader(bytes)) return [{ code: 'undecodable_pdf' }]
    const objects = findObjects(bytes)
    if (isTruncated(bytes, objects)) return [{ code: 'truncated' }]
    const document = await openPdf(bytes)
    if (document === 'damaged') return [{ code: 'undecodable_pdf' }]
    opened = { objects, document: document === 'locked' ? undefined : document }
    return opened.document !== undefined && lacksParts(bytes, opened.document, objects) ? [{ code: 'truncated' }] : []
  }
  return {
    checks: [
      bound('structure', true, checkStructure),
      bound('hidden_content', false, checkHiddenContent),
      bound('encryption', true, () => (getOpened().document === undefined ? [{ code: 'password_protected' }] : [])),
      bound('active_content', false, () => checkActiveContent(getOpened().objects, getDocument(), getRewritten())),
      bound('pages', true, () => checkPages(getDocument(), getRewritten())),
      // A page whose letters are not there is not blank.
      bound('letters', true, () => checkLetters(getDocument(), getRewritten())),
      bound('blankness', false, () => checkBlankness(getDocument())),
    ],
    makeCleanCopy: async () => await makeCleanPdf(getDocument()),
  }
}

/** A trap of WebAssembly: PDFium did what it must not, and was stopped. */
const isTrap = (error: unknown) => error instanceof Error && error.name === 'RuntimeError'

/** What is more than is looked at, and what PDFium stumbles over, is a finding, since it is a property of the bytes. */
function bound(name: string, isGate: boolean, run: Check['run']): Check {
  return {
    name,
    isGate,
    run: async () => {
      try {
        return await run()
      } catch (error) {
        if (error instanceof TooComplex || error instanceof MemoryExceeded) return [{ code: 'too_complex' }]
        if (isTrap(error)) return [{ code: 'undecodable_pdf' }]
        throw error
      }
    },
  }
}

function describeHiddenContent(name: string | undefined): readonly Finding[] {
  if (name === undefined) return []
  const message = `Besides the document, the PDF file holds ${name}. Print it to a new PDF, and upload that.`
  return [{ code: 'hidden_content', message }]
}

function checkActiveContent(
  objects: PdfObjects,
  document: OpenPdf,
  rewritten: PdfObjects | undefined,
): readonly Finding[] {
  const found = new Set<ActiveContent>(findActiveContent(objects, !document.isEncrypted))
  if (rewritten !== undefined) for (const kind of findActiveContent(rewritten, true)) found.add(kind)
  if (document.scripts > 0) found.add('script')
  if (document.attachments > 0) found.add('attachment')
  if (document.hasXfa) found.add('xfa')
  if (found.size === 0) return []
  const kinds = Object.keys(activeContent) as ActiveContent[]
  const names = kinds.filter((kind) => found.has(kind)).map((kind) => activeContent[kind])
  const list = new Intl.ListFormat('en').format(names)
  const message = `The PDF can do more than be read: it has ${list}. Print it to a new PDF (in the print dialog: "Save as PDF"), and upload that.`
  return [{ code: 'active_content', message }]
}
