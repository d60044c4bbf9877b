// Passes over the entropy-coded data of one scan of a JPEG (ITU-T T.81, annexes F and G) code by code, as a decoder does that
// throws away what it reads: so it is known, to the bit, whether the scan holds every block that the frame promises. Decoders
// fill what is missing with grey and say nothing.
import { findStep, type HuffmanTable } from './jpeg-huffman.ts'

export type ScanComponent = {
  /** Blocks of 8 x 8 in a scan of this component alone, and in each minimum coded unit (MCU) of a scan of several. */
  readonly blocks: number
  readonly blocksPerUnit: number
  /** Those that the scan has no use for may be missing. */
  readonly direct: HuffmanTable | undefined
  readonly alternating: HuffmanTable | undefined
  /** Progressive only: which coefficients of which block are not zero: two words of 32 bits a block, in zigzag order. */
  readonly nonzero: Uint32Array
  /**
   * Coefficients that a run puts behind the last. Decoders let them fall and say nothing, and intact scans have been seen with
   * one; in a scan that ends early they tell damage from a cut, which leaves all before it as it was. Not those of a block in
   * which the data ends: a code of which bits are missing may read as any.
   */
  strays: number
}

export type Scan = {
  readonly components: readonly ScanComponent[]
  /** MCUs: of a scan of one component each is one block. */
  readonly units: number
  /** MCUs between restart markers, 0 without them. */
  readonly restartInterval: number
  readonly isProgressive: boolean
  /** Spectral selection and successive approximation of a progressive scan: Ss, Se and Ah of its header. */
  readonly first: number
  readonly last: number
  readonly isRefinement: boolean
}

export type ScanReport = {
  /** `short`: it ends before its last block. `damaged`: what stands there is no code, or belongs to no block. */
  readonly outcome: 'complete' | 'short' | 'damaged'
  /** Where the last block ends in the file. */
  readonly lastBlockEnd: number
  /** Whether more stands between it and the end of the scan than a careless encoder leaves. */
  readonly hasForeignRest: boolean
}

/** A block takes at most 64 codes of 16 bits, each with 15 bits behind: what is read beyond the end stays in the padding. */
const padding = 64 * 4 + 4
/** Encoders that leave bytes behind the last block leave a few; or they fill up, with one value over and over. */
const harmlessRest = 16

const isRestart = (marker: number) => marker >= 0xd0 && marker <= 0xd7

/** @returns where the first marker but a restart is, or the length of the file */
export function findScanEnd(bytes: Uint8Array, start: number): number {
  for (let at = bytes.indexOf(0xff, start); at !== -1; at = bytes.indexOf(0xff, at)) {
    const next = bytes[at + 1]
    if (next === undefined) break
    if (next === 0xff) at++
    else if (next === 0 || isRestart(next)) at += 2
    else return at
  }
  return bytes.length
}

/** @returns whether the blocks that the frame promises stand between `start` and `end`, which `findScanEnd` found */
export function readScan(bytes: Uint8Array, start: number, end: number, scan: Scan): ScanReport {
  const data = new Uint8Array(end - start + padding)
  const view = new DataView(data.buffer)
  const length = scan.restartInterval || scan.units
  const last = Math.ceil(scan.units / length) - 1
  const fail = (outcome: 'short' | 'damaged') => ({ outcome, lastBlockEnd: end, hasForeignRest: false }) as const
  let at = start
  for (let index = 0; ; index++) {
    const { size, next, restart } = copyInterval(bytes, at, end, data)
    const from = index * length
    const bit = passInterval(view, size * 8, scan, from, Math.min(length, scan.units - from))
    const used = (bit + 7) >> 3
    if (bit < 0) return fail('damaged')
    if (used > size || (index < last && restart === undefined)) {
      const isCut = restart === undefined && !scan.components.some(({ strays }) => strays > 0)
      return fail(isCut && !hasLostSector(bytes.subarray(start, end)) ? 'short' : 'damaged')
    }
    if (index === last) {
      const lastBlockEnd = findStuffedEnd(bytes, at, used)
      return { outcome: 'complete', lastBlockEnd, hasForeignRest: isForeign(bytes.subarray(lastBlockEnd, end)) }
    }
    if (restart !== index % 8 || isForeign(data.subarray(used, size))) return fail('damaged')
    at = next
  }
}

/** What a disk or a transfer lost reads as one value over a sector or more; at the very end it is what is missing. */
function hasLostSector(bytes: Uint8Array): boolean {
  const sector = 512
  for (let start = 0, at = 1; at < bytes.length; at++) {
    if (bytes[at] === bytes[start]) continue
    if (at - start >= sector) return true
    start = at
  }
  return false
}

const isForeign = (rest: Uint8Array) => rest.length > harmlessRest && rest.some((value) => value !== rest[0])

/**
 * Copies what stands up to the next restart marker, without stuffed zeros and fill bytes (T.81, B.1.1.5, B.1.1.2).
 *
 * @returns how many bytes that are, where the file goes on, and the number of the restart; none at the end of the scan
 */
function copyInterval(bytes: Uint8Array, start: number, end: number, data: Uint8Array) {
  let size = 0
  let copied = start
  const copyTo = (at: number) => {
    data.set(bytes.subarray(copied, at), size)
    size += at - copied
  }
  for (let at = bytes.indexOf(0xff, start); at !== -1 && at < end; at = bytes.indexOf(0xff, copied)) {
    const next = bytes[at + 1] as number
    copyTo(next === 0 && at + 1 < end ? at + 1 : at)
    copied = next === 0xff || at + 1 >= end ? at + 1 : at + 2
    if (copied === at + 2 && isRestart(next)) return { size, next: copied, restart: next - 0xd0 }
  }
  copyTo(end)
  return { size, next: end, restart: undefined }
}

/** @returns where in the file so many bytes of data end, stuffed zeros and fill bytes counted */
function findStuffedEnd(bytes: Uint8Array, start: number, length: number): number {
  let at = start
  for (let left = length; left > 0; ) {
    const next = bytes.indexOf(0xff, at)
    if (next === -1 || next - at >= left) return at + left
    left -= next - at
    at = next + 1
    if (bytes[at] === 0) {
      at++
      left--
    }
  }
  return at
}

/** @returns the bit behind the last block; one beyond `end` when that comes first; -1 when something is wrong */
function passInterval(view: DataView, end: number, scan: Scan, from: number, units: number): number {
  const bit = passUnits(view, end, scan, from, units)
  if (bit >= 0) return bit
  // What is no code at the very end is a code of which bits are missing.
  return ~bit + 16 > end ? end + 1 : -1
}

function passUnits(view: DataView, end: number, scan: Scan, from: number, units: number): number {
  const { components, isProgressive, isRefinement, first } = scan
  const [component] = components
  if (!component) return 0
  if (!isProgressive) return passSequential(view, end, components, units, passBlock)
  if (first > 0) return (isRefinement ? passRefinement : passAlternating)(view, end, scan, component, from, units)
  if (!isRefinement) return passSequential(view, end, components, units, passDirect)
  const blocks = components.length === 1 ? 1 : components.reduce((sum, { blocksPerUnit }) => sum + blocksPerUnit, 0)
  return units * blocks
}

type PassBlock = (view: DataView, bit: number, component: ScanComponent) => number

function passSequential(
  view: DataView,
  end: number,
  components: readonly ScanComponent[],
  units: number,
  pass: PassBlock,
): number {
  let bit = 0
  for (let unit = 0; unit < units; unit++) {
    for (const component of components) {
      const blocks = components.length === 1 ? 1 : component.blocksPerUnit
      for (let block = 0; block < blocks; block++) {
        const { strays } = component
        bit = pass(view, bit, component)
        if (bit > end) component.strays = strays
        if (bit < 0 || bit > end) return bit
      }
    }
  }
  return bit
}

/** Sixteen bits, the longest that a code is. */
const readWindow = (view: DataView, bit: number) => (view.getUint32(bit >>> 3) << (bit & 7)) >>> 16
const readStep = (table: HuffmanTable | undefined, window: number) =>
  table ? (table.steps[window >> 7] as number) || findStep(table, window) : 0

// The functions below answer the bit behind what they passed, or the complement of the bit where something is wrong.

/** The first coefficient of a block (T.81, F.2.2.1, G.1.2.1). */
function passDirect(view: DataView, bit: number, component: ScanComponent): number {
  const step = readStep(component.direct, readWindow(view, bit))
  return step === 0 ? ~bit : bit + (step & 255)
}

/** All 64 coefficients of a block (T.81, F.2.2). */
function passBlock(view: DataView, start: number, component: ScanComponent): number {
  let bit = passDirect(view, start, component)
  if (bit < 0) return bit
  const table = component.alternating
  for (let place = 1; place < 64; ) {
    const step = readStep(table, readWindow(view, bit))
    if (step === 0) return ~bit
    const symbol = step >> 8
    if ((symbol & 15) === 0 && symbol !== 0xf0) return bit + (step & 255)
    place += (symbol >> 4) + 1
    if (place > 64) component.strays++
    bit += step & 255
  }
  return bit
}

/** The first bits of coefficients but the first, in a scan of one component (T.81, G.1.2.2). */
function passAlternating(
  view: DataView,
  end: number,
  { first, last }: Scan,
  component: ScanComponent,
  from: number,
  units: number,
): number {
  let bit = 0
  for (let block = from; block < from + units && bit <= end; block++) {
    const { strays } = component
    for (let place = first; place <= last; place++) {
      const step = readStep(component.alternating, readWindow(view, bit))
      if (step === 0) return ~bit
      const symbol = step >> 8
      const run = symbol >> 4
      if ((symbol & 15) === 0 && run < 15) {
        bit += step & 255
        // End of band: this block has no more, and so many behind it have none.
        block += (1 << run) - 1 + readBits(view, bit, run)
        bit += run
        break
      }
      place += run
      if ((symbol & 15) !== 0) setNonzero(component, block, place, last)
      bit += step & 255
    }
    if (bit > end) component.strays = strays
  }
  return bit
}

/** One more bit of coefficients but the first: codes for those that become one, a bit for each that is (T.81, G.1.2.3). */
function passRefinement(
  view: DataView,
  end: number,
  scan: Scan,
  component: ScanComponent,
  from: number,
  units: number,
): number {
  const band: Band = { bit: 0, place: 0, blocksAtEnd: 0 }
  for (let block = from; block < from + units && band.bit <= end; block++) {
    band.place = scan.first
    const { strays } = component
    if (band.blocksAtEnd === 0 && !passNewCoefficients(view, scan, component, block, band)) return ~band.bit
    if (band.bit > end) component.strays = strays
    if (band.blocksAtEnd === 0) continue
    band.bit += countNonzero(component.nonzero, block, band.place, scan.last)
    band.blocksAtEnd--
  }
  return band.bit
}

/** Where a refinement stands: in the data, in the block, and how many blocks, this one among them, have no new coefficient. */
type Band = { bit: number; place: number; blocksAtEnd: number }

/** @returns false where something is wrong; `band` is what it was before the code that is */
function passNewCoefficients(
  view: DataView,
  { last }: Scan,
  component: ScanComponent,
  block: number,
  band: Band,
): boolean {
  while (band.place <= last) {
    const step = readStep(component.alternating, readWindow(view, band.bit))
    const run = step >> 12
    const size = (step >> 8) & 15
    if (step === 0 || size > 1) return false
    let bit = band.bit + (step & 255)
    if (size === 0 && run < 15) {
      band.blocksAtEnd = (1 << run) + readBits(view, bit, run)
      band.bit = bit + run
      return true
    }
    let place = band.place
    for (let zeros = run; place <= last; place++) {
      if (isNonzero(component.nonzero, block, place)) bit++
      else if (zeros-- === 0) break
    }
    if (size === 1) setNonzero(component, block, place, last)
    band.bit = bit
    band.place = place + 1
  }
  return true
}

const readBits = (view: DataView, bit: number, count: number) => readWindow(view, bit) >> (16 - count)

function setNonzero(component: ScanComponent, block: number, place: number, last: number): void {
  if (place > last) {
    component.strays++
    return
  }
  const word = block * 2 + (place >> 5)
  component.nonzero[word] = (component.nonzero[word] as number) | (1 << (place & 31))
}

const isNonzero = (nonzero: Uint32Array, block: number, place: number) =>
  (((nonzero[block * 2 + (place >> 5)] as number) >>> (place & 31)) & 1) === 1

function countNonzero(nonzero: Uint32Array, block: number, first: number, last: number): number {
  const low = nonzero[block * 2] as number
  const high = nonzero[block * 2 + 1] as number
  return countBits(low & maskPlaces(first, last)) + countBits(high & maskPlaces(first - 32, last - 32))
}

/** The bits `first` to `last` of a word of 32, whatever of them lies outside it. */
function maskPlaces(first: number, last: number): number {
  if (last < 0 || first > 31 || first > last) return 0
  return (-1 << Math.max(first, 0)) & (-1 >>> (31 - Math.min(last, 31)))
}

function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
}
