// Whether a picture shows enough to be read. Each number is the least that is asked for; what was measured on both sides of it
// stands in docs/documents.md, "Thresholds". Where they are close, an honest document is let in.
import type { Finding } from './check.ts'
import type { Measures } from './measure-picture.ts'

/** Pixels. A card of 85.6 x 54 mm that fills the picture has 253 x 159 at 75 dots per inch, and its large print can be read. */
const leastSize = { longer: 250, shorter: 150 }
/** The longer side to the shorter one: a receipt or a screenshot that was scrolled is long, a strip is no document. */
const longestShape = 25
/** Share of the picture: a heading and a line on a page of A4. */
const leastVisible = 0.006
/** Levels of 256. On pure white more: there a picture with too much light has lost what was light, and keeps shadows. */
const leastContrast = { anywhere: 28, onWhite: 52 }
/** Share of the picture: what is full of things that stand out has lost none to the light, and is printed in grey. */
const wholeVisible = 0.2
/** Where nothing stands out although dark and light are this far apart (levels), it may be for want of focus. */
const shadedContrast = 40
/** Share of its contrast that an edge crosses within two of 1024 pixels. */
const leastSharpness = 0.3
/** Levels. A picture without contrast is dark or bright by its middle; one that shows nothing is dark when all of it is. */
const halfLight = 128
const pureWhite = 250
const nearBlack = 40

export function judgeDimensions({ width, height }: { width: number; height: number }): readonly Finding[] {
  const longer = Math.max(width, height)
  const shorter = Math.min(width, height)
  const isLarge = longer >= leastSize.longer && shorter >= leastSize.shorter
  return isLarge && longer <= longestShape * shorter ? [] : [{ code: 'too_small' }]
}

const isBlank = ({ visible }: Measures) => visible < leastVisible

export const judgeBlankness = (measures: Measures): readonly Finding[] => (isBlank(measures) ? [{ code: 'blank' }] : [])

/** By what is left of the contrast, whatever the light: a page in the dark is readable when its letters stand out. */
export function judgeBrightness(measures: Measures): readonly Finding[] {
  if (isBlank(measures)) return measures.light < nearBlack ? [{ code: 'too_dark' }] : []
  const isWhole = measures.middle < pureWhite || measures.visible >= wholeVisible
  const least = isWhole ? leastContrast.anywhere : leastContrast.onWhite
  if (measures.contrast >= least) return []
  return [{ code: measures.middle < halfLight ? 'too_dark' : 'too_bright' }]
}

export function judgeSharpness(measures: Measures): readonly Finding[] {
  const isBlurred = isBlank(measures)
    ? measures.light - measures.dark >= shadedContrast
    : measures.sharpness < leastSharpness
  return isBlurred ? [{ code: 'blurred' }] : []
}
