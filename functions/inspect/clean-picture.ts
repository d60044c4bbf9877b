// What is kept of a picture: its pixels, encoded anew. Nothing else of the file gets here.
import type { CleanCopy } from './check.ts'
import { openPixels, type Pixels } from './decode-picture.ts'
import { maximumBytes } from './reasons.ts'

/**
 * Small print survives the first one; the others are for pictures that are all noise, which would outgrow any original.
 * Colour is as fine as light, or thin red and blue letters would run. Codes are not optimised: a tenth smaller, three times
 * the work.
 */
const qualities = [85, 60, 30]

/** A JPG, also of a PNG: one format to keep, whatever came, and a photograph in a PNG would be several times as large. */
export async function encodeCleanCopy(picture: Pixels): Promise<CleanCopy> {
  const sizes: number[] = []
  for (const quality of qualities) {
    const options = { quality, chromaSubsampling: '4:4:4', optimiseCoding: false }
    const bytes = await openPixels(picture).jpeg(options).toBuffer()
    if (bytes.length <= maximumBytes) return { mediaType: 'image/jpeg', bytes }
    sizes.push(bytes.length)
  }
  throw new Error(`expected at most ${maximumBytes} bytes, got ${sizes.join(', ')}`)
}
