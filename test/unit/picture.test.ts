// What a picture has to show, and what is kept of it. Pages and cards are those of the corpus; what is done to them here is
// what cameras, scanners and messengers do.
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { encodeCleanCopy } from '../../functions/inspect/clean-picture.ts'
import { decodePicture } from '../../functions/inspect/decode-picture.ts'
import { examinePicture } from '../../functions/inspect/picture.ts'
import { maximumBytes } from '../../functions/inspect/reasons.ts'
import { makePicture, type Picture } from '../fixtures/documents/canvas.ts'
import { seedRandom } from '../fixtures/documents/random.ts'
import { drawPage, drawReceipt, photograph, scanNothing, toPipeline } from '../fixtures/documents/scenes.ts'

/** The codes of all that is found, by the checks in their order; behind a gate that found something there is nothing. */
async function judge(bytes: Uint8Array): Promise<readonly string[]> {
  const codes: string[] = []
  for (const check of examinePicture(bytes, bytes[0] === 0xff ? 'image/jpeg' : 'image/png').checks) {
    const findings = await check.run()
    codes.push(...findings.map(({ code }) => code))
    if (check.isGate && findings.length > 0) break
  }
  return codes
}

const jpeg = (picture: Picture | Sharp, quality = 80) =>
  ('pixels' in picture ? toPipeline(picture) : picture).jpeg({ quality }).toBuffer()

const random = () => seedRandom('picture')
const card = await photograph(random(), { width: 1600, height: 1200 })
const page = drawPage(random(), 1240)

/** A sheet with dark specks of that many pixels on a side, at random places. */
function drawSpecks(count: number, side: number): Picture {
  const sheet = makePicture(1240, 1754, [252, 252, 250])
  const { integer } = random()
  for (let speck = 0; speck < count; speck++) {
    const [x, y] = [integer(0, 1240 - side), integer(0, 1754 - side)]
    for (let row = 0; row < side; row++)
      sheet.pixels.fill(40, ((y + row) * 1240 + x) * 3, ((y + row) * 1240 + x + side) * 3)
  }
  return sheet
}

/** The card as a hand sees it that moved as far to the right as down, in pixels. */
function shakeAslant(length: number): Sharp {
  const kernel = Array.from({ length: length ** 2 }, (_, at) => (at % (length + 1) === 0 ? 1 : 0))
  return toPipeline(card).convolve({ width: length, height: length, kernel })
}

/** An empty table under a lamp: light in the middle, dark at the edges. */
function drawLamp(): Picture {
  const table = makePicture(1200, 900, [0, 0, 0])
  for (let index = 0; index < 1200 * 900; index++) {
    const distance = Math.hypot((index % 1200) - 600, Math.floor(index / 1200) - 450) / 750
    table.pixels.fill(Math.round(235 - 140 * distance), index * 3, index * 3 + 3)
  }
  return table
}

describe('a picture that can be read passes', () => {
  it.each<[string, () => Promise<Buffer>]>([
    ['a card on a table', () => jpeg(card)],
    ['a letter', () => jpeg(page)],
    [
      'its first lines, and white below',
      () =>
        jpeg(
          toPipeline(page)
            .extract({ left: 0, top: 0, width: 1240, height: 270 })
            .extend({ bottom: 1480, background: 'white' }),
        ),
    ],
    [
      'a letter in black and white',
      () => toPipeline(page).threshold(140).png({ palette: true, colours: 2 }).toBuffer(),
    ],
    ['a letter in pencil', () => jpeg(toPipeline(page).linear(0.4, 153))],
    ['a letter in light grey', () => toPipeline(page).linear(0.25, 191).png().toBuffer()],
    ['a letter scanned with 75 dots per inch', () => jpeg(toPipeline(page).resize(620))],
    ['a card that a messenger made small', () => jpeg(toPipeline(card).resize(800), 40)],
    ['a card that fills 337 pixels', () => jpeg(toPipeline(card).resize(337), 70)],
    [
      'a card in the evening',
      async () => jpeg(await photograph(random(), { width: 1600, height: 1200, exposure: 0.3, noise: 6 })),
    ],
    ['a card in full sun', async () => jpeg(await photograph(random(), { width: 1600, height: 1200, exposure: 1.7 }))],
    [
      'a card by a noisy camera',
      async () => jpeg(await photograph(random(), { width: 1600, height: 1200, noise: 14 })),
    ],
    ['a card, a little soft', async () => jpeg(await photograph(random(), { width: 1600, height: 1200, blur: 2 }))],
    ['white letters on black', () => toPipeline(page).negate().png().toBuffer()],
    ['a receipt, ten times as long as wide', () => jpeg(toPipeline(page).resize(400, 4000, { fit: 'cover' }))],
    ['a receipt, twenty times as long as wide', () => jpeg(drawReceipt(random(), 300, 360))],
    [
      'a page that was scrolled to its end',
      () =>
        toPipeline(drawReceipt(random(), 1080, 267))
          .png()
          .toBuffer(),
    ],
  ])('%s', async (_name, make) => {
    expect(await judge(await make())).toEqual([])
  })

  it.each([0.25, 0.4, 0.6])('a sharp card on a table out of focus, %s of its width', async (share) => {
    const table = await toPipeline(await photograph(random(), { width: 1600, height: 1200 }))
      .blur(25)
      .png()
      .toBuffer()
    const input = await toPipeline(card)
      .resize(Math.round(1600 * share))
      .png()
      .toBuffer()
    expect(await judge(await sharp(table).composite([{ input }]).jpeg().toBuffer())).toEqual([])
  })
})

describe('a picture that cannot be read is told why', () => {
  const nothing = (grey: number, noise: number) => scanNothing(random(), { width: 1000, height: 1400, grey, noise })

  it.each<[string, string[], () => Promise<Buffer>]>([
    ['a pixel', ['too_small'], () => jpeg(makePicture(1, 1, [9, 9, 9]))],
    ['a preview', ['too_small'], () => jpeg(toPipeline(card).resize(200))],
    ['a strip', ['too_small'], () => jpeg(toPipeline(page).resize(5200, 200, { fit: 'fill' }))],
    [
      'a PNG with rows of 65 536 pixels',
      ['too_many_pixels'],
      () =>
        sharp({ create: { width: 65_536, height: 200, channels: 3, background: '#fff' } })
          .png()
          .toBuffer(),
    ],
    ['a white page', ['blank'], () => jpeg(nothing(255, 0))],
    ['a grey page', ['blank'], () => jpeg(nothing(128, 0))],
    ['a scanner that saw nothing', ['blank'], () => jpeg(nothing(240, 4), 95)],
    ['the same, compressed hard', ['blank'], () => jpeg(nothing(240, 8), 40)],
    [
      'a small picture of noise',
      ['blank'],
      () => jpeg(scanNothing(random(), { width: 400, height: 600, grey: 200, noise: 5 })),
    ],
    ['a sheet with 25 specks of dust', ['blank'], () => jpeg(drawSpecks(25, 4))],
    [
      'a transparent picture',
      ['blank'],
      () =>
        sharp({ create: { width: 900, height: 900, channels: 4, background: '#0000' } })
          .png()
          .toBuffer(),
    ],
    ['an empty table under a lamp', ['blank', 'blurred'], () => jpeg(drawLamp())],
    ['a covered lens', ['blank', 'too_dark'], () => jpeg(nothing(6, 2))],
    [
      'a card at night',
      ['too_dark'],
      async () => jpeg(await photograph(random(), { width: 1600, height: 1200, exposure: 0.07, noise: 2 })),
    ],
    [
      'a card in the flash',
      ['too_bright'],
      async () => jpeg(await photograph(random(), { width: 1600, height: 1200, exposure: 8 })),
    ],
    [
      'a card out of focus',
      ['blurred'],
      async () => jpeg(await photograph(random(), { width: 1600, height: 1200, blur: 9 })),
    ],
    [
      'the same, by a noisy camera',
      ['blurred'],
      async () => jpeg(await photograph(random(), { width: 1600, height: 1200, blur: 9, noise: 14 })),
    ],
    [
      'a card and a shaken hand',
      ['blurred'],
      async () => jpeg(await photograph(random(), { width: 1600, height: 1200, shake: 50 })),
    ],
    ['a card and a hand that shook aslant', ['blurred'], () => jpeg(shakeAslant(31))],
    ['a letter out of focus', ['blurred'], () => jpeg(toPipeline(page).blur(8))],
    [
      'a preview made large',
      ['blurred'],
      async () => jpeg(sharp(await jpeg(toPipeline(card).resize(160))).resize(1600)),
    ],
  ])('%s', async (_name, codes, make) => {
    expect(await judge(await make())).toEqual(codes)
  })
})

describe('the clean copy', () => {
  const makeCopy = async (bytes: Uint8Array) => Buffer.from((await encodeCleanCopy(await decodePicture(bytes))).bytes)

  /** The markers of a JPG up to its scan, and the bytes behind it (ITU-T T.81, B.1.1). */
  function readMarkers(copy: Buffer): readonly number[] {
    const markers: number[] = []
    let start = 2
    while (copy[start] === 0xff && copy[start + 1] !== 0xda) {
      markers.push(copy.readUInt8(start + 1))
      start += 2 + copy.readUInt16BE(start + 2)
    }
    expect(copy.readUInt16BE(0)).toBe(0xffd8)
    expect(copy.readUInt16BE(start)).toBe(0xffda)
    expect(copy.indexOf(Buffer.from([0xff, 0xd9]), start)).toBe(copy.length - 2)
    return markers
  }

  it('holds tables, a frame and one scan: nothing that says where, when and by whom', async () => {
    const exif = { IFD0: { Artist: 'SECRET' }, IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' } }
    const original = await toPipeline(card)
      .withExif(exif)
      .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/">SECRET</x:xmpmeta>')
      .withIccProfile('p3')
      .jpeg()
      .toBuffer()
    const copy = await makeCopy(Buffer.concat([original, Buffer.from('SECRET behind the end')]))
    expect(original.includes('SECRET')).toBe(true)
    // Quantisation tables, the frame, Huffman tables.
    expect(new Set(readMarkers(copy))).toEqual(new Set([0xdb, 0xc0, 0xc4]))
    for (const trace of ['SECRET', 'Exif', 'http', 'ICC_PROFILE', 'adobe']) expect(copy.includes(trace)).toBe(false)
    const { width, height, exif: none, icc, xmp, orientation } = await sharp(copy).metadata()
    expect([width, height, none, icc, xmp, orientation]).toEqual([
      1600,
      1200,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  // The corners of what is stored that are seen top left and top right (EXIF 3.0, 4.6.5.1).
  it.each([
    [1, 'red', 'green'],
    [2, 'green', 'red'],
    [3, 'white', 'blue'],
    [4, 'blue', 'white'],
    [5, 'red', 'blue'],
    [6, 'blue', 'red'],
    [7, 'white', 'green'],
    [8, 'green', 'white'],
  ])('of EXIF orientation %i is upright', async (orientation, left, right) => {
    const colours = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255], white: [255, 255, 255] }
    const stored = makePicture(40, 20, [255, 0, 0])
    for (let index = 0; index < 800; index++) {
      const [isRight, isLow] = [index % 40 >= 20, index >= 400]
      stored.pixels.set(
        isLow ? (isRight ? colours.white : colours.blue) : isRight ? colours.green : colours.red,
        index * 3,
      )
    }
    const original = await toPipeline(stored).withMetadata({ orientation }).jpeg({ quality: 100 }).toBuffer()
    const copy = sharp(await makeCopy(original))
    const { data, info } = await copy.raw().toBuffer({ resolveWithObject: true })
    const seen = [4 * info.width + 4, 5 * info.width - 5].map((place) => {
      const pixel = [...data.subarray(place * 3, place * 3 + 3)].map((value) => (value > 127 ? 255 : 0))
      return Object.entries(colours).find(([, colour]) => colour.join() === pixel.join())?.[0]
    })
    expect([info.width > info.height, seen]).toEqual([orientation < 5, [left, right]])
  })

  it('has the colours of the original in sRGB, also of CMYK, of a wide gamut, of 16 bits and of grey', async () => {
    const originals = [
      toPipeline(card).withIccProfile('p3').jpeg({ quality: 95 }),
      toPipeline(card).withIccProfile('cmyk').jpeg({ quality: 95 }),
      toPipeline(card).toColourspace('rgb16').png(),
      toPipeline(card).png({ palette: true, progressive: true }),
    ]
    const readMeans = async (bytes: Uint8Array) => (await sharp(bytes).stats()).channels.map(({ mean }) => mean)
    const expected = await readMeans(await toPipeline(card).png().toBuffer())
    for (const original of originals) {
      const means = await readMeans(await makeCopy(await original.toBuffer()))
      for (const [channel, mean] of means.entries()) expect(Math.abs(mean - (expected[channel] ?? 0))).toBeLessThan(10)
    }
    const grey = await makeCopy(await toPipeline(card).greyscale().ensureAlpha().png().toBuffer())
    const [red, green, blue] = await readMeans(grey)
    expect(red).toBeCloseTo(green ?? 0, 0)
    expect(red).toBeCloseTo(blue ?? 0, 0)
  })

  it('is white where the original is transparent', async () => {
    const original = sharp({ create: { width: 300, height: 300, channels: 4, background: '#0000' } })
      .png()
      .toBuffer()
    expect((await sharp(await makeCopy(await original)).stats()).channels.map(({ min }) => min)).toEqual([
      255, 255, 255,
    ])
  })

  it('has bounded sides and bounded bytes, of a picture of pure noise as well', async () => {
    const side = 3500
    const { data, info } = await sharp(random().bytes(side * 100), { raw: { width: side, height: 100, channels: 1 } })
      .extend({ bottom: side - 100, extendWith: 'repeat' })
      .raw()
      .toBuffer({ resolveWithObject: true })
    const copy = await makeCopy(await sharp(data, { raw: info }).png({ compressionLevel: 1 }).toBuffer())
    expect(await sharp(copy).metadata()).toMatchObject({ width: 3072, height: 3072, format: 'jpeg' })
    expect(copy.length).toBeLessThanOrEqual(maximumBytes)
  })

  it('of what is long and narrow stays as wide as it takes to be read', async () => {
    const copy = await makeCopy(await jpeg(drawReceipt(random(), 1080, 267)))
    const { width, height } = await sharp(copy).metadata()
    expect(width).toBeGreaterThan(500)
    expect(width * height).toBeLessThan(3072 ** 2)
  })

  it('is the same for the same bytes', async () => {
    const original = await jpeg(card)
    expect((await makeCopy(original)).equals(await makeCopy(original))).toBe(true)
  })
})
