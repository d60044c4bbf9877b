// A document is what its bytes are, whatever it is called; what is none of the three types is named, with what to do.
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { detectType } from '../../functions/inspect/detect-type.ts'
import { insertBehindHeader, makeChunk } from '../fixtures/documents/png-writer.ts'

const readFixture = (name: string) => readFile(new URL(`../fixtures/${name}`, import.meta.url))
const photo = await readFixture('photo.jpg')
const card = await readFixture('card.png')
const letter = await readFixture('letter.pdf')
const latin1 = (text: string) => Buffer.from(text, 'latin1')

/** ISO/IEC 14496-12, 4.3: the brand of the file, then what it is compatible with. */
const makeBrand = (brand: string) =>
  Buffer.concat([Buffer.from([0, 0, 0, 24]), latin1(`ftyp${brand}\0\0\0\0mif1${brand}`)])

describe('a document that is read', () => {
  it.each<[string, Buffer, string]>([
    ['a JPG', photo, 'image/jpeg'],
    ['a PNG', card, 'image/png'],
    [
      'an animated PNG',
      insertBehindHeader(card, [makeChunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]))]),
      'image/png',
    ],
    ['a PDF', letter, 'application/pdf'],
    ['a PDF behind blank lines', Buffer.concat([latin1('\r\n\r\n'), letter]), 'application/pdf'],
    ['a PDF behind a mark of its encoding', Buffer.concat([latin1('\xef\xbb\xbf'), letter]), 'application/pdf'],
    [
      'a PDF behind a mail header',
      Buffer.concat([latin1('Content-Type: application/pdf\r\n\r\n'), letter]),
      'application/pdf',
    ],
    [
      'a PDF behind the language of printers',
      Buffer.concat([latin1('\x1b%-12345X@PJL\r\n'), letter]),
      'application/pdf',
    ],
    ['a PDF of Illustrator', Buffer.concat([letter, latin1('/AIPrivateData1')]), 'application/pdf'],
    ['a JPG with a PDF near its start', Buffer.concat([photo.subarray(0, 20), letter]), 'image/jpeg'],
  ])('%s', async (_name, bytes, mediaType) => {
    expect(await detectType(bytes)).toEqual({ mediaType })
  })
})

describe('another document is named', () => {
  const squares = sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
  it.each<[string, () => Buffer | Promise<Buffer>]>([
    ['a HEIC picture', () => makeBrand('heic')],
    ['an AVIF picture', () => makeBrand('avif')],
    ['a WEBP picture', () => squares.clone().webp().toBuffer()],
    ['a TIFF picture', () => squares.clone().tiff().toBuffer()],
    ['a GIF picture', () => squares.clone().gif().toBuffer()],
    ['a BMP picture', () => Buffer.concat([latin1('BM'), Buffer.alloc(60)])],
    ['an SVG drawing', () => latin1('<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>')],
    [
      'a JPEG 2000 picture',
      () => Buffer.from('0000000c6a5020200d0a870a00000014667479706a703220000000006a703220', 'hex'),
    ],
    ['a JPEG XL picture', () => Buffer.from('ff0afa7f01900b08', 'hex')],
    ['a web page', () => latin1('\n<!doctype html><title>Passport</title>')],
    ['text', () => latin1('This is my passport, honestly.\n')],
    ['an RTF document', () => latin1('{\\rtf1 Passport}')],
    ['a ZIP archive', () => Buffer.from('504b0506000000000000000000000000000000000000', 'hex')],
    ['a file of another type', () => Buffer.concat([latin1('\x7fELF\x02\x01\x01'), Buffer.alloc(60)])],
    ['a file of another type', () => Buffer.concat([latin1('\x7fELF\x02\x01\x01'), Buffer.alloc(60), letter])],
  ])('%s', async (what, make) => {
    const type = await detectType(await make())
    expect(type).toMatchObject({ finding: { code: 'unsupported_type' } })
    const message = 'finding' in type ? type.finding.message : ''
    expect(message).toContain(`is ${what}`)
    expect(message).toMatch(/, and upload that\.$/)
  })

  it('what nobody knows is told in general', async () => {
    expect(await detectType(Buffer.alloc(64))).toEqual({ finding: { code: 'unsupported_type' } })
    expect(await detectType(Buffer.alloc(0))).toEqual({ finding: { code: 'unsupported_type' } })
  })

  it('a PDF that begins too late is none', async () => {
    expect(await detectType(Buffer.concat([Buffer.alloc(1100, 7), letter]))).toHaveProperty('finding')
  })

  it('a picture that begins too late is none', async () => {
    expect(await detectType(Buffer.concat([latin1('\r\n'), photo]))).toHaveProperty('finding')
    expect(await detectType(Buffer.concat([latin1('GIF89a'), card]))).toHaveProperty('finding')
  })
})

describe('whatever the bytes', () => {
  it('it answers', async () => {
    const starts = [
      'RIFF',
      'PK\x03\x04',
      '\0\0\0\x18ftyp',
      'II*\0',
      'MM\0*',
      '<svg',
      '<?xml',
      '%PDF',
      'OggS',
      '\x1f\x8b',
      'ID3',
      '',
    ]
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 300 }), async (start, bytes) => {
        const type = await detectType(Buffer.concat([latin1(start), bytes]))
        expect('mediaType' in type || type.finding.code === 'unsupported_type').toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
