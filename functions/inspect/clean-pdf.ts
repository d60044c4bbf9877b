// The clean copy of a PDF: its pages as they are drawn, as JPEGs, in a PDF that has nothing else.
import sharp from 'sharp'
import type { CleanCopy } from './check.ts'
import type { OpenPdf, PageSize, Pixels } from './open-pdf.ts'
import { measurePages, toPixels } from './pdf-pages.ts'
import { maximumBytes } from './reasons.ts'

/** Of a page: a sheet of A4 at 160 dots per inch, where the smallest print is still read. Of all pages: what is drawn in seconds. */
const maximumPagePixels = 2_500_000
const maximumTotalPixels = 50_000_000
/** In pixels a point: 400 dots per inch, more than a card that fills its page was printed with. */
const maximumScale = 400 / 72

type Page = { readonly size: PageSize; readonly pixels: PageSize; readonly jpeg: Buffer }

export async function makeCleanPdf(document: OpenPdf): Promise<CleanCopy> {
  const found = measurePages(document)
  const pixels = Math.min(maximumPagePixels, maximumTotalPixels / found.length)
  // Half a kilobyte a page is what the PDF around the picture takes.
  const maximumLength = maximumBytes / found.length - 1024
  const pages: Page[] = []
  for (const { index, size } of found) {
    const drawn = toPixels(size, pixels, maximumScale)
    const page = document.draw(index, drawn.width, drawn.height)
    if (page !== undefined) pages.push({ size, ...(await encode(page, maximumLength)) })
  }
  return { mediaType: 'application/pdf', bytes: writePdf(pages) }
}

/** The best that fits: less quality first, then fewer pixels. */
async function encode(page: Pixels, maximumLength: number): Promise<{ pixels: PageSize; jpeg: Buffer }> {
  for (const [quality, scale] of [
    [85, 1],
    [70, 1],
    [50, 1],
    [50, 0.5],
    [40, 0.25],
  ] as const) {
    const pixels = toPixels(page, scale * page.width * page.height)
    const raw = { width: page.width, height: page.height, channels: 4 } as const
    const jpeg = await sharp(page.bytes, { raw }).removeAlpha().resize(pixels).jpeg({ quality }).toBuffer()
    if (jpeg.length <= maximumLength) return { pixels, jpeg }
  }
  throw new Error(`expected a page of ${page.width} x ${page.height} pixels to fit into ${maximumLength} bytes`)
}

/** PDF 1.4, objects in order: the catalogue, the list of pages, then for each page itself, its content, its picture. */
function writePdf(pages: readonly Page[]): Uint8Array {
  const parts: Buffer[] = [Buffer.from('%PDF-1.4\n%\xe2\xe3\xcf\xd3\n', 'latin1')]
  const offsets: number[] = []
  let length = parts[0]?.length ?? 0
  const append = (part: Buffer) => {
    parts.push(part)
    length += part.length
  }
  const addObject = (dictionary: string, stream?: Buffer) => {
    offsets.push(length)
    append(Buffer.from(`${offsets.length} 0 obj\n${dictionary}\n`))
    if (stream !== undefined) {
      append(Buffer.from('stream\n'))
      append(stream)
      append(Buffer.from('\nendstream\n'))
    }
    append(Buffer.from('endobj\n'))
  }
  const kids = pages.map((_, index) => `${3 + 3 * index} 0 R`).join(' ')
  addObject('<< /Type /Catalog /Pages 2 0 R >>')
  addObject(`<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`)
  for (const { size, pixels, jpeg } of pages) {
    const first = offsets.length + 1
    const [width, height] = [size.width.toFixed(2), size.height.toFixed(2)]
    const content = Buffer.from(`${width} 0 0 ${height} 0 0 cm /Page Do`)
    addObject(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${first + 1} 0 R /Resources << /XObject << /Page ${first + 2} 0 R >> >> >>`,
    )
    addObject(`<< /Length ${content.length} >>`, content)
    addObject(
      `<< /Type /XObject /Subtype /Image /Width ${pixels.width} /Height ${pixels.height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode /Length ${jpeg.length} >>`,
      jpeg,
    )
  }
  const entries = offsets.map((offset) => `${offset.toString().padStart(10, '0')} 00000 n \n`).join('')
  const size = offsets.length + 1
  const start = length
  append(
    Buffer.from(
      `xref\n0 ${size}\n0000000000 65535 f \n${entries}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`,
    ),
  )
  return Buffer.concat(parts)
}
