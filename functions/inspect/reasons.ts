// Why a document is rejected: every code, stable, with what it tells the person who uploaded it. Each says what is wrong and
// what to do now. docs/documents.md has them in one table.
import type { Reason } from '../../shared/model.ts'
import { unjudgedReasons } from '../../shared/unjudged-reasons.ts'

/** More than the 64.4 (9280 x 6944) of the cameras that are sold as 64 megapixels, and little enough to decode within the memory. */
export const maximumPixels = 65_000_000
/** 10 MiB: the largest document of any stage. */
export const maximumBytes = 10 * 1024 * 1024
/** Of a PDF: the longest bank statements and tenancy agreements have fewer, and so many are drawn in seconds. */
export const maximumPages = 30

/** `retry`: the same bytes may be sent again. What is a property of the bytes never passes later. */
export const reasons = {
  empty: {
    message:
      'The file is empty. Choose it again; when it is empty on your device too, photograph or scan the document.',
    retry: false,
  },
  too_large: {
    message: `The file is larger than ${maximumBytes / 1024 / 1024} MB. Photograph the document with fewer megapixels or scan it with 200 dots per inch, and upload the smaller file.`,
    retry: false,
  },
  unsupported_type: {
    message:
      'The document is not a JPG, PNG or PDF, whatever its name says. Photograph it or export it as one of these, and upload that.',
    retry: false,
  },
  truncated: {
    message:
      'The end of the file is missing, as after an upload or a download that broke off. Download, scan or photograph the document again, and upload the new file.',
    retry: false,
  },
  hidden_content: {
    message:
      'The file holds something besides the document. Photograph or scan the document again, or upload a screenshot of it.',
    retry: false,
  },
  undecodable_image: {
    message:
      'The picture is damaged and cannot be shown whole. Photograph or scan the document again, and upload the new file.',
    retry: false,
  },
  too_many_pixels: {
    message: `The picture has more than ${maximumPixels / 1_000_000} megapixels. Photograph or scan the document with fewer (12 are plenty), and upload that.`,
    retry: false,
  },
  animated: {
    message: 'The picture moves. Photograph the document, or save a single frame as a JPG or PNG, and upload that.',
    retry: false,
  },
  too_small: {
    message:
      'The picture has too few pixels to read the document. Upload the original photograph, not a preview of it, or take one from nearer.',
    retry: false,
  },
  blank: {
    message: 'Nothing can be seen in the document. Check that it lies face up, and photograph or scan it again.',
    retry: false,
  },
  too_dark: {
    message: 'The picture is too dark to read. Photograph the document again in better light.',
    retry: false,
  },
  too_bright: {
    message: 'The picture is too bright to read. Photograph the document again without flash and out of direct light.',
    retry: false,
  },
  blurred: {
    message:
      'The picture is blurred. Lay the document down, hold the camera still until it is in focus, and photograph it again.',
    retry: false,
  },
  undecodable_pdf: {
    message: 'The PDF is damaged and cannot be opened. Download, scan or export it again, and upload the new file.',
    retry: false,
  },
  password_protected: {
    message:
      'The PDF cannot be read without its password. Save it without a password, or print it to a new PDF, and upload that.',
    retry: false,
  },
  active_content: {
    message: 'The PDF can do more than be read. Print it to a new PDF, and upload that.',
    retry: false,
  },
  no_page: {
    message: 'The PDF has no page. Scan or export the document again, and upload the new file.',
    retry: false,
  },
  too_many_pages: {
    message: `The PDF has more than ${maximumPages} pages. Upload only the pages that show the document.`,
    retry: false,
  },
  missing_fonts: {
    message:
      'Some letters of the PDF cannot be shown, since the font that they are written in is not in the file. Print it to a new PDF (in the print dialog: "Save as PDF") where you can read it, or photograph a print of it, and upload that.',
    retry: false,
  },
  too_complex: {
    message: 'The PDF is too complex to be inspected. Print or scan the document to a new PDF, and upload that.',
    retry: false,
  },
  ...unjudgedReasons,
} as const satisfies Record<string, Omit<Reason, 'code'>>

export type ReasonCode = keyof typeof reasons
