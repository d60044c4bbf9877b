// What a document is by its content: never by its name or by what its sender says. What is none of the three types that are
// read is named, with how to make one of them out of it.
import type { Finding, MediaType } from './check.ts'

/** ISO 32000-1, annex H, note 13: readers take a header that starts within so many bytes. */
const pdfHeaderWithin = 1024

/**
 * Pictures must begin with the first byte. A PDF may begin later, unless what stands before is a type of its own.
 *
 * @returns the type, or why the document is none that is read
 */
export async function detectType(
  bytes: Uint8Array,
): Promise<{ readonly mediaType: MediaType } | { readonly finding: Finding }> {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, pdfHeaderWithin + 5))
  // An animated PNG and an Illustrator document have types of their own elsewhere: to us they are what they can be read as.
  if (startsWith(head, 'ffd8ff')) return { mediaType: 'image/jpeg' }
  if (startsWith(head, '89504e470d0a1a0a')) return { mediaType: 'image/png' }
  if (startsWith(head, '25504446')) return { mediaType: 'application/pdf' }
  const name = await nameType(bytes, head)
  if (name === undefined && head.includes('%PDF-', 0, 'latin1')) return { mediaType: 'application/pdf' }
  return { finding: describe(name) }
}

const startsWith = (head: Buffer, hex: string) => head.subarray(0, hex.length / 2).equals(Buffer.from(hex, 'hex'))

type Name = { readonly what: string; readonly how?: string }

const asImage = 'Open it and save or export it as a JPG or PNG'
const asPdf = 'Print or export it as a PDF'
const rendered = 'Export the photograph as a JPG in the camera or with the program that develops it'
const unpacked = 'Unpack it until you have the JPG, PNG or PDF that is in it'
const still = 'Take a photograph of the document, or save one frame as a JPG or PNG'
const heic = {
  what: 'a HEIC picture, as iPhones take them',
  how: 'Set the camera to Formats, Most Compatible and photograph the document again, or save the picture as a JPG',
}

// By media type, then by the part of it before the slash.
const names: Readonly<Record<string, Name>> = {
  'image/heic': heic,
  'image/heic-sequence': heic,
  'image/heif': { ...heic, what: 'a HEIF picture' },
  'image/heif-sequence': { ...heic, what: 'a HEIF picture' },
  'image/avif': { what: 'an AVIF picture' },
  'image/webp': { what: 'a WEBP picture' },
  'image/gif': { what: 'a GIF picture' },
  'image/bmp': { what: 'a BMP picture' },
  'image/tiff': { what: 'a TIFF picture' },
  'image/jp2': { what: 'a JPEG 2000 picture' },
  'image/jpx': { what: 'a JPEG 2000 picture' },
  'image/jpm': { what: 'a JPEG 2000 picture' },
  'image/j2c': { what: 'a JPEG 2000 picture' },
  'image/mj2': { what: 'a JPEG 2000 film', how: still },
  'image/jxl': { what: 'a JPEG XL picture' },
  'image/jls': { what: 'a JPEG-LS picture' },
  'image/vnd.ms-photo': { what: 'a JPEG XR picture' },
  'image/svg+xml': { what: 'an SVG drawing' },
  'image/x-icon': { what: 'an icon' },
  'image/icns': { what: 'an icon' },
  'image/vnd.adobe.photoshop': { what: 'a Photoshop document' },
  'image/x-xcf': { what: 'a GIMP document' },
  'image/x-canon-cr2': { what: 'a raw photograph of a Canon camera', how: rendered },
  'image/x-canon-cr3': { what: 'a raw photograph of a Canon camera', how: rendered },
  'image/x-nikon-nef': { what: 'a raw photograph of a Nikon camera', how: rendered },
  'image/x-sony-arw': { what: 'a raw photograph of a Sony camera', how: rendered },
  'image/x-adobe-dng': { what: 'a raw photograph (DNG)', how: rendered },
  'image/x-olympus-orf': { what: 'a raw photograph of an Olympus camera', how: rendered },
  'image/x-panasonic-rw2': { what: 'a raw photograph of a Panasonic camera', how: rendered },
  'image/x-fujifilm-raf': { what: 'a raw photograph of a Fujifilm camera', how: rendered },
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': { what: 'a Word document', how: asPdf },
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': { what: 'an Excel workbook', how: asPdf },
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': {
    what: 'a PowerPoint presentation',
    how: asPdf,
  },
  'application/vnd.oasis.opendocument.text': { what: 'an OpenDocument text', how: asPdf },
  'application/vnd.oasis.opendocument.spreadsheet': { what: 'an OpenDocument spreadsheet', how: asPdf },
  'application/vnd.oasis.opendocument.presentation': { what: 'an OpenDocument presentation', how: asPdf },
  'application/vnd.apple.pages': { what: 'a Pages document', how: asPdf },
  'application/vnd.apple.numbers': { what: 'a Numbers document', how: asPdf },
  'application/vnd.apple.keynote': { what: 'a Keynote presentation', how: asPdf },
  'application/x-cfb': { what: 'an office document of an old format', how: asPdf },
  'application/vnd.ms-outlook': { what: 'a message of Outlook', how: 'Save the document that is attached to it' },
  'application/vnd.visio': { what: 'a Visio drawing', how: asPdf },
  'application/x-indesign': { what: 'an InDesign document', how: asPdf },
  'application/rtf': { what: 'an RTF document', how: asPdf },
  'application/postscript': { what: 'a PostScript document', how: asPdf },
  'application/eps': { what: 'a PostScript document', how: asPdf },
  'application/epub+zip': { what: 'an EPUB book', how: asPdf },
  'application/xml': { what: 'an XML document', how: asPdf },
  'text/html': { what: 'a web page', how: asPdf },
  'text/plain': { what: 'text', how: 'Photograph or scan the document itself' },
  'application/dicom': { what: 'a DICOM picture' },
  'application/zip': { what: 'a ZIP archive', how: unpacked },
  'application/x-rar-compressed': { what: 'a RAR archive', how: unpacked },
  'application/x-7z-compressed': { what: 'a 7z archive', how: unpacked },
  'application/gzip': { what: 'a gzip archive', how: unpacked },
  'application/x-tar': { what: 'a tar archive', how: unpacked },
  image: { what: 'a picture of another type' },
  video: { what: 'a video', how: still },
  audio: { what: 'a sound recording', how: still },
}

const other: Name = { what: 'a file of another type', how: asPdf }

function describe(name: Name | undefined): Finding {
  if (name === undefined) return { code: 'unsupported_type' }
  const { what, how = asImage } = name
  return {
    code: 'unsupported_type',
    message: `The document is ${what}, not a JPG, PNG or PDF, whatever its name says. ${how}, and upload that.`,
  }
}

async function nameType(bytes: Uint8Array, head: Buffer): Promise<Name | undefined> {
  const text = head.toString('utf8').replace(/^\ufeff/, '')
  // Before the detection by first bytes, to which both are XML or nothing. A PDF may stand behind any other text.
  if (/^\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!doctype svg[^>]*>\s*)*<svg[\s>]/is.test(text))
    return names['image/svg+xml']
  if (/^\s*(?:<!doctype html|<html[\s>])/i.test(text)) return names['text/html']
  const mime = await detectMime(bytes)
  // Behind the mark of an encoding.
  if (mime === 'application/pdf') return undefined
  if (mime !== undefined) return names[mime] ?? names[mime.slice(0, mime.indexOf('/'))] ?? other
  return isText(text) && !text.includes('%PDF-') ? names['text/plain'] : undefined
}

/** It reads what strangers wrote: whatever it stumbles over has no name. */
async function detectMime(bytes: Uint8Array): Promise<string | undefined> {
  try {
    // Loaded for those alone that need it: each document has a process of its own.
    const { fileTypeFromBuffer } = await import('file-type')
    return (await fileTypeFromBuffer(bytes))?.mime
  } catch {
    return undefined
  }
}

/** The last character may have been cut in two. */
function isText(text: string): boolean {
  const inside = text.slice(0, -1)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: text has none but tabs and line ends
  return inside.trim() !== '' && !/[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]/.test(inside)
}
