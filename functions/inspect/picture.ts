// The questions to a picture: whether it is whole, decodes within what memory holds, and shows a document that can be read.
import type { Examination, Finding } from './check.ts'
import { encodeCleanCopy } from './clean-picture.ts'
import { decodePicture, glanceAt, type Pixels } from './decode-picture.ts'
import { findHiddenContent } from './hidden-content.ts'
import { cutToPicture, readJpegStructure } from './jpeg-structure.ts'
import { judgeBlankness, judgeBrightness, judgeDimensions, judgeSharpness } from './judge-picture.ts'
import { type Measures, measurePicture } from './measure-picture.ts'
import { readPngStructure } from './png-structure.ts'
import { maximumPixels } from './reasons.ts'
import { readRefusal } from './refusal.ts'

type PictureType = 'image/jpeg' | 'image/png'

/** What its bytes say of themselves, before they are decoded. */
type Structure = {
  readonly findings: readonly Finding[]
  readonly width: number
  readonly height: number
  readonly isAnimated: boolean
  /** The bytes of the picture alone. */
  readonly picture: Uint8Array
}

/** What was learned of the picture so far. It is decoded once; each check behind that one looks at the same pixels. */
type Learned = { structure?: Structure; pixels?: Pixels; measures?: Measures }

export function examinePicture(bytes: Uint8Array, mediaType: PictureType): Examination {
  const learned: Learned = {}
  return {
    checks: [
      { name: 'structure', isGate: true, run: () => checkStructure(bytes, mediaType, learned) },
      { name: 'hidden_content', isGate: true, run: () => findHiddenContent(bytes) },
      { name: 'pixels', isGate: true, run: () => checkPixels(demand(learned.structure)) },
      { name: 'animation', isGate: true, run: () => checkAnimation(demand(learned.structure)) },
      { name: 'decode', isGate: true, run: () => checkDecode(learned) },
      { name: 'dimensions', isGate: true, run: () => judgeDimensions(demand(learned.structure)) },
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

function checkStructure(bytes: Uint8Array, mediaType: PictureType, learned: Learned): readonly Finding[] {
  learned.structure = mediaType === 'image/jpeg' ? readJpeg(bytes) : readPng(bytes)
  return learned.structure.findings
}

function readJpeg(bytes: Uint8Array): Structure {
  const structure = readJpegStructure(bytes)
  return { ...structure, isAnimated: false, picture: cutToPicture(bytes, structure) }
}

function readPng(bytes: Uint8Array): Structure {
  const structure = readPngStructure(bytes)
  return { ...structure, picture: bytes.subarray(0, structure.end) }
}

/** Pixels. What a JPG can have at most; a decoder holds whole rows, which a PNG could make as long as it likes. */
const longestSide = 65_535

/** From the header alone, before memory is taken for what it says. */
function checkPixels({ width, height }: Structure): readonly Finding[] {
  if (width * height > maximumPixels) return [{ code: 'too_many_pixels' }]
  if (Math.max(width, height) <= longestSide) return []
  return [
    { code: 'too_many_pixels', message: `The picture is more than ${longestSide} pixels long. Upload a shorter one.` },
  ]
}

const checkAnimation = ({ isAnimated }: Structure): readonly Finding[] => (isAnimated ? [{ code: 'animated' }] : [])

async function checkDecode(learned: Learned): Promise<readonly Finding[]> {
  try {
    learned.pixels = await decodePicture(demand(learned.structure).picture)
    return []
  } catch (error) {
    return toFindings(error)
  }
}

const toFindings = (error: unknown): readonly Finding[] => [
  { code: readRefusal(error).includes('premature end of JPEG image') ? 'truncated' : 'undecodable_image' },
]
