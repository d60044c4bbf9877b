// Turns a JPG or PNG into pixels, once: what looks at the picture and what is kept of it start from the same ones.
import sharp, { type Sharp } from 'sharp'
import { maximumPixels } from './reasons.ts'

// Every loader is off but two, so that bytes of any other type (an SVG, say) never reach a decoder, whatever was sniffed.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({ operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer'] })
sharp.cache(false)
sharp.concurrency(1)

/** Rows from the top, `channels` bytes a pixel. */
export type Pixels = {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly bytes: Uint8Array
}

/** A picture as one sees it at a glance, in grey: `even` with each pixel the mean of the nine around it, which quiets noise. */
export type Glance = { readonly grey: Pixels; readonly even: Pixels }

/** Of what is kept, in pixels: 260 dots per inch of an A4 page, and a card however small it lies in a photograph. */
const longestKeptSide = 3072

/** Of what is looked at, in pixels: small letters on a page still have their shape there. */
const longestGlanceSide = 1024

/** The longer side to the shorter one: what is longer has as many pixels as what has this shape, so that a receipt stays legible across. */
const usualShape = 2.25

/** In pixels: the bound of the longer side of a picture of that shape, whatever its size. */
function boundSide(longest: number, { width, height }: { readonly width: number; readonly height: number }): number {
  const shape = Math.max(width, height) / Math.min(width, height)
  return Math.round(longest * Math.sqrt(Math.max(1, shape / usualShape)))
}

const meanOfNine = { width: 3, height: 3, kernel: [1, 1, 1, 1, 1, 1, 1, 1, 1] }

/**
 * Decodes all of a picture: sRGB, upright by its EXIF orientation, on white where it is transparent, and made smaller where
 * it is larger than what is kept. libjpeg only warns of data that ends early or is damaged, which the structure has told by
 * then, and of oddities that many phones' intact photographs have: so what it warns of passes.
 *
 * @throws what sharp throws when the picture is damaged.
 */
export async function decodePicture(bytes: Uint8Array): Promise<Pixels> {
  const input = sharp(bytes, { failOn: 'error', limitInputPixels: maximumPixels, sequentialRead: true })
  const side = boundSide(longestKeptSide, await input.metadata())
  const picture = input
    .autoOrient()
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    .flatten({ background: 'white' })
    .toColourspace('srgb')
  return await readPixels(picture)
}

export async function glanceAt(picture: Pixels): Promise<Glance> {
  const side = boundSide(longestGlanceSide, picture)
  const small = openPixels(picture).resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
  const grey = await readPixels(small.toColourspace('b-w'))
  return { grey, even: await readPixels(openPixels(grey).convolve(meanOfNine).toColourspace('b-w')) }
}

export const openPixels = ({ width, height, channels, bytes }: Pixels): Sharp =>
  sharp(bytes, { raw: { width, height, channels } })

async function readPixels(picture: Sharp): Promise<Pixels> {
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  if (channels !== 1 && channels !== 3) throw new Error(`expected pixels of 1 or 3 channels, got ${channels}`)
  return { width, height, channels, bytes: data }
}
