// The questions to a picture: whether it decodes to its last row, within what memory holds.
import sharp from 'sharp'
import type { CleanCopy, Examination, Finding } from './check.ts'
import { checkPngStructure } from './png-structure.ts'
import { maximumPixels } from './reasons.ts'
import { readRefusal } from './refusal.ts'

type PictureType = 'image/jpeg' | 'image/png'

// Every loader is off but two, so that bytes of any other type (an SVG, say) never reach a decoder, whatever was sniffed.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({ operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer'] })
sharp.cache(false)
sharp.concurrency(1)

export function examinePicture(bytes: Uint8Array, mediaType: PictureType): Examination {
  return {
    checks: [
      {
        name: 'structure',
        isGate: true,
        run: () => (mediaType === 'image/png' ? checkPngStructure(bytes) : []),
      },
      { name: 'pixels', isGate: true, run: () => checkPixels(bytes) },
      { name: 'decode', isGate: true, run: () => checkDecode(bytes) },
    ],
    makeCleanCopy: () => makeCleanCopy(bytes, mediaType),
  }
}

async function checkPixels(bytes: Uint8Array): Promise<readonly Finding[]> {
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata()
    return width * height > maximumPixels ? [{ code: 'too_many_pixels' }] : []
  } catch (error) {
    return toFindings(error)
  }
}

async function checkDecode(bytes: Uint8Array): Promise<readonly Finding[]> {
  try {
    const { height } = await sharp(bytes, { limitInputPixels: false }).metadata()
    await decode(bytes, height)
    return []
  } catch (error) {
    return toFindings(error)
  }
}

const toFindings = (error: unknown): readonly Finding[] => [
  { code: readRefusal(error).includes('premature end of JPEG image') ? 'truncated' : 'undecodable_image' },
]

/**
 * Decodes every row in order and keeps one pixel of the last: all of the picture is read, none of it is held.
 * libjpeg reports damaged entropy-coded data as warnings only, so warnings fail, but for one that many phones' intact
 * photographs cause (Ss, Se, Ah or Al of the scan header is not what ITU-T T.81, B.2.3 wants and is of no consequence).
 */
async function decode(bytes: Uint8Array, height: number): Promise<void> {
  const lastPixel = { left: 0, top: height - 1, width: 1, height: 1 }
  const readLastPixel = (failOn: 'warning' | 'error') =>
    sharp(bytes, { failOn, limitInputPixels: maximumPixels, sequentialRead: true, ignoreIcc: true })
      .extract(lastPixel)
      .raw()
      .toBuffer()
  try {
    await readLastPixel('warning')
  } catch (error) {
    if (!readRefusal(error).includes('Invalid SOS parameters for sequential JPEG')) throw error
    await readLastPixel('error')
  }
}

/** Upright, and without anything but pixels. */
async function makeCleanCopy(bytes: Uint8Array, mediaType: PictureType): Promise<CleanCopy> {
  const upright = sharp(bytes, { failOn: 'error', limitInputPixels: maximumPixels }).autoOrient().toColourspace('srgb')
  const encoded = mediaType === 'image/jpeg' ? upright.jpeg({ quality: 90 }) : upright.png()
  return { mediaType, bytes: await encoded.toBuffer() }
}
