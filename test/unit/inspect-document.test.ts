// Every kind of bad document, derived from the good ones of test/fixtures, meets its exact reason; nothing throws.
import { readFile } from 'node:fs/promises'
import { crc32, deflateSync } from 'node:zlib'
import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { type Inspection, inspectDocument } from '../../functions/inspect/inspect-document.ts'
import { reasons } from '../../functions/inspect/reasons.ts'

const readFixture = (name: string) => readFile(new URL(`../fixtures/${name}`, import.meta.url))
const photo = await readFixture('photo.jpg')
const card = await readFixture('card.png')
const letter = await readFixture('letter.pdf')

const passed = (mediaType: string) => ({ verdict: 'passed', mediaType, reasons: [] })
const readCodes = (inspection: Inspection) => inspection.reasons.map((reason) => reason.code)

/** A copy of the bytes, changed in place by the given function. */
function change(bytes: Buffer, edit: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  edit(copy)
  return copy
}

/** The letter with a part of it replaced by one of the same length, so that its cross-reference table stays true. */
function changeLetter(from: string, to: string): Buffer {
  const text = letter.toString('latin1')
  expect(text).toContain(from)
  return Buffer.from(text.replace(from, to.padEnd(from.length)), 'latin1')
}

/** A PNG chunk: length, type, data, CRC-32 of type and data (PNG third edition, 5.3). */
function makeChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const chunk = Buffer.alloc(body.length + 8)
  chunk.writeUInt32BE(data.length, 0)
  body.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(body), chunk.length - 4)
  return chunk
}

/** A PNG of 8-bit grey whose header claims a size and whose rows are those given, one byte of filter before each. */
function makePng(width: number, height: number, rows: Uint8Array, between: readonly Buffer[] = []): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.writeUInt8(8, 8)
  return Buffer.concat([
    card.subarray(0, 8),
    makeChunk('IHDR', header),
    ...between,
    makeChunk('IDAT', deflateSync(rows)),
    makeChunk('IEND', Buffer.alloc(0)),
  ])
}

describe('a document that is what it must be', () => {
  it.each([
    ['photo.jpg', photo, 'image/jpeg'],
    ['card.png', card, 'image/png'],
    ['letter.pdf', letter, 'application/pdf'],
  ])('%s passes', async (_name, bytes, mediaType) => {
    expect(await inspectDocument(bytes)).toMatchObject(passed(mediaType))
  })

  it.each([
    ['with EXIF orientation', () => sharp(photo).withMetadata({ orientation: 6 }).jpeg()],
    ['with a colour profile', () => sharp(photo).withIccProfile('p3').jpeg()],
    ['progressive', () => sharp(photo).jpeg({ progressive: true })],
    ['in grey', () => sharp(photo).greyscale().jpeg()],
    ['in CMYK', () => sharp(photo).toColourspace('cmyk').jpeg()],
  ])('a JPG %s passes', async (_name, encode) => {
    expect(await inspectDocument(await encode().toBuffer())).toMatchObject(passed('image/jpeg'))
  })

  it.each([
    ['interlaced', () => sharp(card).png({ progressive: true })],
    ['with a palette', () => sharp(card).png({ palette: true })],
    ['of 16 bits', () => sharp(card).toColourspace('rgb16').png()],
  ])('a PNG %s passes', async (_name, encode) => {
    expect(await inspectDocument(await encode().toBuffer())).toMatchObject(passed('image/png'))
  })

  it('a JPG whose scan header has the values of a progressive one passes, as many phones write it', async () => {
    const scan = photo.indexOf(Buffer.from([0xff, 0xda]))
    // Marker (2), length (2), count (1), two bytes a component, Ss, Se, Ah and Al (ITU-T T.81, B.2.3).
    const endOfSpectralSelection = scan + 5 + 2 * 3 + 1
    expect(photo[endOfSpectralSelection]).toBe(63)
    const odd = change(photo, (copy) => copy.writeUInt8(0, endOfSpectralSelection))
    expect(await inspectDocument(odd)).toMatchObject(passed('image/jpeg'))
    expect(readCodes(await inspectDocument(odd.subarray(0, -2000)))).toEqual(['truncated'])
  })

  it('takes a view into a larger buffer, and leaves it as it was', async () => {
    for (const bytes of [photo, card, letter]) {
      const around = Buffer.concat([Buffer.alloc(7, 1), bytes, Buffer.alloc(9, 2)])
      const view = around.subarray(7, 7 + bytes.length)
      expect((await inspectDocument(view)).verdict).toBe('passed')
      expect(view.equals(bytes)).toBe(true)
    }
  })
})

describe('a bad document', () => {
  const rowsOf = (width: number, height: number) => Buffer.alloc(height * (width + 1))
  const animationControl = makeChunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]))

  it.each<[string, string, () => Buffer]>([
    ['empty', 'an empty file', () => Buffer.alloc(0)],
    ['unsupported_type', 'a text file, whatever its name', () => Buffer.from('This is my passport, honestly.\n')],
    [
      'unsupported_type',
      'an SVG',
      () =>
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'),
    ],
    [
      'unsupported_type',
      'a GIF',
      () => Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64'),
    ],
    ['unsupported_type', 'a ZIP', () => Buffer.from('504b0506000000000000000000000000000000000000', 'hex')],
    ['animated', 'an animated PNG', () => makePng(9, 9, rowsOf(9, 9), [animationControl])],
    ['truncated', 'a JPG cut in the middle', () => photo.subarray(0, photo.length / 2)],
    ['truncated', 'a JPG without the last byte before its end marker', () => photo.subarray(0, -3)],
    ['truncated', 'a JPG cut in its header', () => photo.subarray(0, 200)],
    ['truncated', 'a PNG cut in the middle', () => card.subarray(0, card.length / 2)],
    ['truncated', 'a PNG without its IEND chunk', () => card.subarray(0, -12)],
    ['truncated', 'a PDF cut in the middle', () => letter.subarray(0, letter.length / 2)],
    [
      'undecodable_image',
      'a JPG whose header makes no sense',
      // Start of frame: marker (2), length (2), then the precision in bits (ITU-T T.81, B.2.2).
      () => change(photo, (copy) => copy.writeUInt8(77, copy.indexOf(Buffer.from([0xff, 0xc0])) + 4)),
    ],
    // A JPG has no checksum: damage shows only where the decoder falls out of step, as it does over a zeroed disk block.
    [
      'undecodable_image',
      'a JPG with a lost block of data',
      () => change(photo, (copy) => copy.fill(0, 70_000, 74_096)),
    ],
    [
      // The codes stay in step, and there are too few of them.
      'truncated',
      'a JPG with blocks of data swapped',
      () => change(photo, (copy) => copy.copy(copy, 60_000, 90_000, 120_000)),
    ],
    [
      'undecodable_image',
      'a PNG with a wrong CRC of its header',
      () => change(card, (copy) => copy.writeUInt8(copy.readUInt8(32) ^ 1, 32)),
    ],
    [
      'undecodable_image',
      'a PNG with one bit of its data flipped',
      () => change(card, (copy) => copy.writeUInt8(copy.readUInt8(60_000) ^ 1, 60_000)),
    ],
    [
      'undecodable_image',
      'a PNG with a wrong CRC of a chunk that no decoder needs',
      () =>
        makePng(9, 9, rowsOf(9, 9), [
          change(makeChunk('tEXt', Buffer.from('a\0b')), (copy) => copy.fill(0, copy.length - 4)),
        ]),
    ],
    [
      'undecodable_image',
      'a PNG with a wrong CRC of its end',
      () => change(card, (copy) => copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1)),
    ],
    ['undecodable_image', 'a PNG of fewer rows than its header says', () => makePng(9, 20, rowsOf(9, 10))],
    ['undecodable_image', 'a PNG with an unknown filter', () => makePng(9, 9, rowsOf(9, 9).fill(77))],
    ['too_many_pixels', 'a PNG that claims 65 008 000 pixels', () => makePng(8126, 8000, rowsOf(9, 9))],
    ['too_many_pixels', 'a PNG that claims 10 thousand million', () => makePng(100_000, 100_000, rowsOf(9, 9))],
    ['undecodable_pdf', 'a PDF of a header and a trailer only', () => Buffer.from('%PDF-1.7\n%%EOF\n')],
    ['undecodable_pdf', 'a PDF header without a version', () => change(letter, (copy) => copy.write('%PDF!', 0))],
    ['undecodable_pdf', 'a PDF without a catalogue', () => changeLetter('/Root 1 0 R', '')],
    ['no_page', 'a PDF that counts no page', () => changeLetter('/Kids [3 0 R] /Count 1', '/Kids [] /Count 0')],
    ['no_page', 'a PDF that counts a page and has none', () => changeLetter('/Kids [3 0 R]', '/Kids []')],
    ['no_page', 'a PDF whose page is missing', () => changeLetter('/Kids [3 0 R]', '/Kids [9 0 R]')],
  ])('%s: %s', async (code, _name, make) => {
    expect(readCodes(await inspectDocument(make()))).toEqual([code])
  })

  it('is answered with what to do, and never with a retry of the same bytes', async () => {
    expect(await inspectDocument(photo.subarray(0, -3))).toMatchObject({
      verdict: 'rejected',
      reasons: [
        {
          code: 'truncated',
          message: reasons.truncated.message,
          retry: false,
        },
      ],
    })
  })

  it('protected by a password is password_protected', async () => {
    // An RC4 handler of 40 bits whose check value (U) fits no password that is tried (ISO 32000-1, 7.6.3).
    const value = '00'.repeat(32)
    const text = letter.toString('latin1')
    const locked = text.replace(
      '/Root 1 0 R',
      `/Root 1 0 R /ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /O <${value}> /U <${value}> /P -4 >>`,
    )
    expect(readCodes(await inspectDocument(Buffer.from(locked, 'latin1')))).toEqual(['password_protected'])
  })
})

// Hundreds of documents a test: no time is expected of it, only an end.
describe('whatever the bytes', () => {
  const findings = ['empty', 'unsupported_type', 'truncated', 'undecodable_image', 'undecodable_pdf', 'no_page']
  const expectRejected = async (bytes: Uint8Array) => {
    const codes = readCodes(await inspectDocument(bytes))
    expect(codes).toHaveLength(1)
    expect(findings).toContain(codes[0])
  }

  it.each([
    // The last byte of the letter is the line feed after %%EOF: optional (ISO 32000-1, 7.5.5), so its loss is none.
    // Nothing of the photograph is missing without its end marker alone.
    ['photo.jpg', photo, photo.length - 3],
    ['card.png', card, card.length - 1],
    ['letter.pdf', letter, letter.length - 2],
  ])('%s cut at any length is rejected', async (_name, bytes, longest) => {
    const lengths = fc.oneof(
      fc.nat({ max: longest }),
      fc.nat({ max: 1024 }).map((length) => Math.min(length, longest)),
      fc.nat({ max: 64 }).map((missing) => longest - missing),
    )
    await fc.assert(
      fc.asyncProperty(lengths, async (length) => expectRejected(bytes.subarray(0, length))),
      { numRuns: 150 },
    )
    for (let missing = 0; missing < 16; missing++) await expectRejected(bytes.subarray(0, longest - missing))
  })

  it('random bytes are rejected, with the first bytes of a document before them or not', async () => {
    const starts = [
      Buffer.alloc(0),
      photo.subarray(0, 20),
      photo.subarray(0, 650),
      card.subarray(0, 8),
      card.subarray(0, 33),
    ]
    const ends = [Buffer.alloc(0), Buffer.from('%%EOF')]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...starts, Buffer.from('%PDF-1.7\n')),
        fc.uint8Array({ maxLength: 4096 }),
        fc.constantFrom(...ends),
        async (start, bytes, end) => expectRejected(Buffer.concat([start, bytes, end])),
      ),
      { numRuns: 150 },
    )
  })

  it('a document damaged anywhere is passed or rejected, never thrown over', async () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 12 })), {
      minLength: 1,
      maxLength: 6,
    })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(photo, card, letter), damage, async (document, changes) => {
        const damaged = change(document, (copy) => {
          for (const [place, bytes] of changes) copy.set(bytes, place % (copy.length - bytes.length))
        })
        const inspection = await inspectDocument(damaged)
        expect(['passed', 'rejected']).toContain(inspection.verdict)
        for (const code of readCodes(inspection)) expect(Object.keys(reasons)).toContain(code)
      }),
      { numRuns: 60 },
    )
  })
})

describe('the decoder', () => {
  it('opens nothing but JPG and PNG once the inspection is loaded', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    await expect(sharp(svg).png().toBuffer()).rejects.toThrow('unsupported image format')
    await expect(
      sharp(await sharp(photo).webp().toBuffer())
        .png()
        .toBuffer(),
    ).rejects.toThrow('unsupported image format')
  })
})
