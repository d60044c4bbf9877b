// What can be seen in a picture, in numbers: a grid of squares over a glance at it, and what stands out in them. What is enough
// is not decided here.
import type { Glance, Pixels } from './decode-picture.ts'

/** Pixels on a side: a line of small print, or a word of it. */
const squareSide = 16
/** Of the glance, over which an edge is looked at: what is in focus has crossed most of its contrast within them. */
const edgePixels = 2
/** To the right, downwards and along both diagonals: a hand shakes in any direction, and the edges along it stay sharp. */
const directions = [
  { right: edgePixels, down: 0 },
  { right: 0, down: edgePixels },
  { right: edgePixels, down: edgePixels },
  { right: edgePixels, down: -edgePixels },
] as const
const pixelsInSquare = squareSide ** 2
/**
 * Least squares: the sum of the squared distances from the middle, of one direction, over all pixels, is
 * side^2 (side^2 - 1) / 12. Distances are counted double here, their squares fourfold, and this is what is left of it per pixel.
 */
const slopeParts = (squareSide ** 2 - 1) / 3
/** Levels of 256: what less stands out by is not seen. */
const leastRelief = 8
/** What stands out does so from the quiet squares as well, unless (levels) it is stronger than noise gets. */
const overQuiet = { times: 2.5, most: 60 }
/** Squares that touch each other: print, a face or a seal fill more; a speck of dust fewer. */
const leastGroup = 6

export type Measures = {
  /** Share of the squares that belong to something that stands out, 0 to 1. */
  readonly visible: number
  /** Levels from dark to light, once an even slope is taken away, in the quietest tenth of the squares: the noise; 0 of what was drawn. */
  readonly quiet: number
  /** Levels from dark to light around what stands out, but for its strongest tenth. */
  readonly contrast: number
  /** Of the contrast around it, how much the sharpest edges cross within two pixels, in the least sharp direction. */
  readonly sharpness: number
  /** Levels of the picture that 1 %, half and 99 % of the pixels do not exceed. */
  readonly dark: number
  readonly middle: number
  readonly light: number
}

type Square = {
  readonly lowest: number
  readonly highest: number
  /** Levels between its lowest and its highest once an even slope is taken away: light falls off, and is no content. */
  readonly relief: number
}

type Grid = { readonly columns: number; readonly rows: number; readonly squares: readonly Square[] }

export function measurePicture(glance: Glance): Measures {
  const levels = readLevels(glance.grey)
  const grid = drawGrid(glance.even)
  // The outermost squares are not looked at: there are the edge of a scanner's glass, and a frame.
  const inner = grid.squares.filter((_, index) => isInner(grid, index))
  const quiet = takeShare(inner.map(({ relief }) => relief).sort(ascending), 0.1)
  const least = Math.max(leastRelief, Math.min(overQuiet.times * quiet, overQuiet.most))
  const standing = findGroups(grid, least)
  const ranges = standing.map((index) => readRange(grid, index))
  const contrast = takeShare([...ranges].sort(ascending), 0.9)
  return {
    visible: standing.length / Math.max(1, grid.squares.length),
    quiet,
    contrast,
    sharpness: measureSharpness({ grey: glance.grey, grid }, standing, {
      ranges,
      contrast,
      noise: Math.min(2 * quiet, 16),
    }),
    dark: levels(0.01),
    middle: levels(0.5),
    light: levels(0.99),
  }
}

const ascending = (one: number, other: number) => one - other

/** The value that the given share of the sorted ones does not exceed; 0 of none. */
const takeShare = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0

function readLevels({ bytes }: Pixels): (share: number) => number {
  const counts = new Uint32Array(256)
  for (let at = 0; at < bytes.length; at++) {
    const level = bytes[at] as number
    counts[level] = (counts[level] as number) + 1
  }
  return (share) => {
    let left = share * bytes.length
    return counts.findIndex((count) => {
      left -= count
      return left <= 0
    })
  }
}

function drawGrid(even: Pixels): Grid {
  const columns = Math.floor(even.width / squareSide)
  const rows = Math.floor(even.height / squareSide)
  const squares = Array.from({ length: columns * rows }, (_, index) =>
    measureSquare(even, (index % columns) * squareSide, Math.floor(index / columns) * squareSide),
  )
  return { columns, rows, squares }
}

/** Whole numbers alone, in variables: most of what is computed here is so before V8 has optimised it, and fractions are memory. */
function measureSquare({ width, bytes }: Pixels, left: number, top: number): Square {
  let [lowest, highest, all, across, down] = [255, 0, 0, 0, 0]
  // Of a pixel, `fromLeft` and `fromTop` are twice its distance from the middle.
  for (let row = 0, fromTop = 1 - squareSide; row < squareSide; row++, fromTop += 2) {
    const start = (top + row) * width + left
    for (let column = 0, fromLeft = 1 - squareSide; column < squareSide; column++, fromLeft += 2) {
      const level = bytes[start + column] as number
      if (level < lowest) lowest = level
      if (level > highest) highest = level
      all += level
      across += level * fromLeft
      down += level * fromTop
    }
  }
  let [deepest, tallest] = [0, 0]
  for (let row = 0, fromTop = 1 - squareSide; row < squareSide; row++, fromTop += 2) {
    const start = (top + row) * width + left
    for (let column = 0, fromLeft = 1 - squareSide; column < squareSide; column++, fromLeft += 2) {
      const slope = across * fromLeft + down * fromTop
      const rest = ((bytes[start + column] as number) * pixelsInSquare - all) * slopeParts - slope
      if (rest < deepest) deepest = rest
      if (rest > tallest) tallest = rest
    }
  }
  return { lowest, highest, relief: (tallest - deepest) / (pixelsInSquare * slopeParts) }
}

const isInner = ({ columns, rows }: Grid, index: number): boolean => {
  const column = index % columns
  const row = Math.floor(index / columns)
  return column > 0 && row > 0 && column < columns - 1 && row < rows - 1
}

/** The index itself among them. */
function findNeighbours({ columns, rows }: Grid, index: number): readonly number[] {
  const column = index % columns
  const row = Math.floor(index / columns)
  const neighbours: number[] = []
  for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++) neighbours.push(y * columns + x)
  }
  return neighbours
}

/** The inner squares with that relief which are one of a group, by their places in the grid. */
function findGroups(grid: Grid, least: number): readonly number[] {
  const open = new Set(
    [...grid.squares.keys()].filter((index) => isInner(grid, index) && (grid.squares[index]?.relief ?? 0) >= least),
  )
  const found: number[] = []
  for (const start of open) {
    open.delete(start)
    const group = [start]
    for (const index of group) {
      for (const neighbour of findNeighbours(grid, index)) if (open.delete(neighbour)) group.push(neighbour)
    }
    if (group.length >= leastGroup) found.push(...group)
  }
  return found
}

/** Levels between the darkest and the lightest around a square: of a letter that is no more than a grey shade, its paper's. */
function readRange(grid: Grid, index: number): number {
  const around = findNeighbours(grid, index).map((neighbour) => grid.squares[neighbour])
  return (
    Math.max(...around.map((square) => square?.highest ?? 0)) -
    Math.min(...around.map((square) => square?.lowest ?? 255))
  )
}

/**
 * The sharpest twentieth of what has at least half of the picture's contrast. So a sharp card on a table out of focus is
 * sharp; of a camera that moved, the edges along the way are as sharp as ever, those across it are not.
 */
function measureSharpness(
  { grey, grid }: { readonly grey: Pixels; readonly grid: Grid },
  standing: readonly number[],
  around: { readonly ranges: readonly number[]; readonly contrast: number; readonly noise: number },
): number {
  const shares: readonly number[][] = directions.map(() => [])
  for (const [place, index] of standing.entries()) {
    const range = around.ranges[place] ?? 0
    if (range < around.contrast / 2) continue
    const left = (index % grid.columns) * squareSide
    const top = Math.floor(index / grid.columns) * squareSide
    for (const [place, direction] of directions.entries()) {
      const step = findLargestStep(grey, { left, top }, direction)
      shares[place]?.push(Math.max(0, step - around.noise) / Math.max(1, range))
    }
  }
  return Math.min(...shares.map((ofDirection) => takeShare(ofDirection.sort(ascending), 0.95)))
}

/** The largest, in levels, from any pixel of a square to the one that lies so far from it, where there is one. */
function findLargestStep(
  { width, height, bytes }: Pixels,
  { left, top }: { readonly left: number; readonly top: number },
  { right, down }: (typeof directions)[number],
): number {
  let largest = 0
  const last = Math.min(left + squareSide, width - right)
  const end = Math.min(top + squareSide, height - Math.max(0, down))
  const distance = down * width + right
  for (let y = Math.max(top, -down); y < end; y++) {
    for (let here = y * width + left; here < y * width + last; here++) {
      const step = (bytes[here + distance] as number) - (bytes[here] as number)
      if (step > largest) largest = step
      else if (-step > largest) largest = -step
    }
  }
  return largest
}
