// The questions to a picture: whether it is whole, decodes within what memory holds, and shows a document that can be read.
import sharp from 'sharp'
import type { Examination, Finding } from './check.ts'
import { encodeCleanCopy } from './clean-picture.ts'
import { decodePicture, glanceAt, type Pixels } from './decode-picture.ts'
import { judgeBlankness, judgeBrightness, judgeDimensions, judgeSharpness } from './judge-picture.ts'
import { type Measures, measurePicture } from './measure-picture.ts'
import { checkPngStructure } from './png-structure.ts'
import { maximumPixels } from './reasons.ts'
import { readRefusal } from './refusal.ts'

type PictureType = 'image/jpeg' | 'image/png'

/** What was learned of the picture so far. It is decoded once; each check behind that one looks at the same pixels. */
type Learned = { size?: { width: number; height: number }; pixels?: Pixels; measures?: Measures }

export function examinePicture(bytes: Uint8Array, mediaType: PictureType): Examination {
  const learned: Learned = {}
  return {
    checks: [
      { name: 'structure', isGate: true, run: () => (mediaType === 'image/png' ? checkPngStructure(bytes) : []) },
      { name: 'pixels', isGate: true, run: () => checkPixels(bytes, learned) },
      { name: 'decode', isGate: true, run: () => checkDecode(bytes, learned) },
      { name: 'dimensions', isGate: true, run: () => judgeDimensions(demand(learned.size)) },
      { name: 'blankness', isGate: false, run: async () => judgeBlankness(await measure(learned)) },
      { name: 'brightness', isGate: false, run: async () => judgeBrightness(await measure(learned)) },
      { name: 'sharpness', isGate: false, run: async () => judgeSharpness(await measure(learned)) },
    ],
    makeCleanCopy: () => encodeCleanCopy(demand(learned.pixels)),
  }
}

/** What an earlier check, a gate, has put there. */
function demand<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('expected the checks to run in their order')
  return value
}

async function measure(learned: Learned): Promise<Measures> {
  learned.measures ??= measurePicture(await glanceAt(demand(learned.pixels)))
  return learned.measures
}

/** From the header alone, before memory is taken for what it says. */
async function checkPixels(bytes: Uint8Array, learned: Learned): Promise<readonly Finding[]> {
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata()
    learned.size = { width, height }
    return width * height > maximumPixels ? [{ code: 'too_many_pixels' }] : []
  } catch (error) {
    return toFindings(error)
  }
}

async function checkDecode(bytes: Uint8Array, learned: Learned): Promise<readonly Finding[]> {
  try {
    learned.pixels = await decodePicture(bytes)
    return []
  } catch (error) {
    return toFindings(error)
  }
}

const toFindings = (error: unknown): readonly Finding[] => [
  { code: readRefusal(error).includes('premature end of JPEG image') ? 'truncated' : 'undecodable_image' },
]
