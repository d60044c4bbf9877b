// The segments of a JPEG that its picture hangs on (ITU-T T.81, B.2): tables, the frame and its scans, read in their order.
// A structure that no decoder takes is `undecodable_image`, one of which the end is missing `truncated`.
import { buildHuffmanTable, type HuffmanTable } from './jpeg-huffman.ts'
import { findScanEnd, readScan, type Scan, type ScanComponent } from './jpeg-scan.ts'
import { maximumPixels } from './reasons.ts'

export const marker = {
  SOF0: 0xc0,
  DHT: 0xc4,
  JPG: 0xc8,
  DAC: 0xcc,
  SOF15: 0xcf,
  RST0: 0xd0,
  RST7: 0xd7,
  SOI: 0xd8,
  EOI: 0xd9,
  SOS: 0xda,
  DQT: 0xdb,
  DRI: 0xdd,
} as const

/** Encoders write about ten scans. Each can cost a decoder a pass over the whole picture, however few its bytes are. */
const maximumScans = 100
const maximumScannedPixels = 1_000_000_000

type Component = {
  readonly id: number
  readonly horizontal: number
  readonly vertical: number
  readonly quantisation: number
  /** Blocks across and down in a scan of this component alone (A.2.2). */
  readonly across: number
  readonly down: number
  /** How far each coefficient is known: -1 not at all, else the bits that are still missing. */
  readonly missingBits: Int8Array
  nonzero: Uint32Array
}

type Frame = {
  readonly width: number
  readonly height: number
  readonly isProgressive: boolean
  /** Of blocks coded by Huffman's way: no arithmetic and no lossless one, which are rare and not decoded here. */
  readonly isHuffman: boolean
  /** Minimum coded units of a scan of several components. */
  readonly units: number
  readonly components: readonly Component[]
}

export type Walk = {
  frame: Frame | undefined
  restartInterval: number
  scans: number
  lastBlockEnd: number
  /** Whether what is wrong lies in the picture, so that it is none of what follows one. */
  isDamaged: boolean
  readonly direct: (HuffmanTable | undefined)[]
  readonly alternating: (HuffmanTable | undefined)[]
  readonly quantisations: Set<number>
}

export type Fault = 'truncated' | 'undecodable_image'

export const readUint16 = (bytes: Uint8Array, at: number) => ((bytes[at] as number) << 8) | (bytes[at + 1] as number)

/** Whether scans have brought every coefficient of every component, to its last bit. */
export function isComplete({ frame }: Walk): boolean {
  return frame?.components.every(({ missingBits }) => missingBits.every((bits) => bits === 0)) ?? false
}

export /** A segment that no scan follows. What an application or a comment says is none of the structure. */
function readSegment(code: number, segment: Uint8Array, walk: Walk): Fault | undefined {
  if (code === marker.DHT) return readHuffmanTables(segment, walk)
  if (code === marker.DQT) return readQuantisations(segment, walk)
  if (code === marker.DRI) {
    if (segment.length < 2) return 'undecodable_image'
    walk.restartInterval = readUint16(segment, 0)
    return undefined
  }
  // Between them, all others are frames.
  if (code <= marker.SOF15 && code !== marker.JPG && code !== marker.DAC) return readFrame(code, segment, walk)
  return undefined
}

/** B.2.4.2: class and number (4 bits each), 16 counts, the symbols. */
function readHuffmanTables(segment: Uint8Array, walk: Walk): Fault | undefined {
  for (let at = 0; at < segment.length; ) {
    const head = segment[at] as number
    const counts = segment.subarray(at + 1, at + 17)
    const count = counts.reduce((sum, value) => sum + value, 0)
    at += 17 + count
    if (head >> 4 > 1 || (head & 15) > 3 || count > 256 || at > segment.length) return 'undecodable_image'
    const table = buildHuffmanTable(counts, segment.subarray(at - count, at))
    if (!table) return 'undecodable_image'
    const tables = head >> 4 === 0 ? walk.direct : walk.alternating
    tables[head & 15] = table
  }
  return undefined
}

/** B.2.4.1: precision and number (4 bits each), 64 values of one or two bytes. */
function readQuantisations(segment: Uint8Array, walk: Walk): Fault | undefined {
  for (let at = 0; at < segment.length; ) {
    const head = segment[at] as number
    at += 1 + (head >> 4 === 0 ? 64 : 128)
    if ((head & 15) > 3 || at > segment.length) return 'undecodable_image'
    walk.quantisations.add(head & 15)
  }
  return undefined
}

/** B.2.2: precision, height, width, count, and for each component its id, sampling (4 bits each) and quantisation table. */
function readFrame(code: number, segment: Uint8Array, walk: Walk): Fault | undefined {
  // Baseline, extended, progressive and lossless, Huffman or arithmetic, 8 bits: what decoders take at most.
  const isKnown = [0xc0, 0xc1, 0xc2, 0xc3, 0xc9, 0xca].includes(code)
  if (walk.frame || !isKnown || segment.length < 6 || segment[0] !== 8) return 'undecodable_image'
  const height = readUint16(segment, 1)
  const width = readUint16(segment, 3)
  const count = segment[5] as number
  if (width === 0 || height === 0 || count < 1 || count > 4 || segment.length < 6 + 3 * count)
    return 'undecodable_image'
  const heads = Array.from({ length: count }, (_, index) => {
    const at = 6 + 3 * index
    const sampling = segment[at + 1] as number
    return {
      id: segment[at] as number,
      horizontal: sampling >> 4,
      vertical: sampling & 15,
      quantisation: segment[at + 2] as number,
    }
  })
  const isSampling = (value: number) => value >= 1 && value <= 4
  if (!heads.every((head) => isSampling(head.horizontal) && isSampling(head.vertical))) return 'undecodable_image'
  const horizontal = Math.max(...heads.map((head) => head.horizontal))
  const vertical = Math.max(...heads.map((head) => head.vertical))
  walk.frame = {
    width,
    height,
    isProgressive: code === 0xc2 || code === 0xca,
    isHuffman: code < 0xc3,
    units: Math.ceil(width / 8 / horizontal) * Math.ceil(height / 8 / vertical),
    components: heads.map((head) => ({
      ...head,
      across: Math.ceil(Math.ceil((width * head.horizontal) / horizontal) / 8),
      down: Math.ceil(Math.ceil((height * head.vertical) / vertical) / 8),
      missingBits: new Int8Array(64).fill(-1),
      nonzero: new Uint32Array(),
    })),
  }
  return undefined
}

type ScanHeader = { readonly scan: Scan; readonly chosen: readonly Component[]; readonly missingBits: number }

/** B.2.3: count; for each component its id and its tables (4 bits each); spectral selection, successive approximation. */
function readScanHeader(segment: Uint8Array, frame: Frame, walk: Walk): ScanHeader | undefined {
  const count = segment[0] ?? 0
  if (count < 1 || segment.length < 4 + 2 * count) return undefined
  // Sequential scans have it all, whatever their header says here: many phones write what a progressive one would have.
  const selection = frame.isProgressive ? segment.subarray(1 + 2 * count) : [0, 63, 0]
  const [first = 0, last = 0, approximation = 0] = selection
  const isBand = first > 0 && first <= last && last <= 63 && count === 1
  if (frame.isProgressive && !isBand && (first > 0 || last > 0)) return undefined
  const chosen: Component[] = []
  const components: ScanComponent[] = []
  for (let index = 0; index < count; index++) {
    const component = frame.components.find(({ id }) => id === segment[1 + 2 * index])
    if (!component || chosen.includes(component)) return undefined
    chosen.push(component)
    components.push(makeScanComponent(component, segment[2 + 2 * index] as number, frame, first > 0, walk))
  }
  const isRefinement = approximation >> 4 > 0
  const hasTables = components.every(
    (component) => (first > 0 || isRefinement || component.direct) && (last === 0 || component.alternating),
  )
  const hasQuantisations = chosen.every(({ quantisation }) => walk.quantisations.has(quantisation))
  if (frame.isHuffman && !(hasTables && hasQuantisations)) return undefined
  const [only] = components
  const units = components.length === 1 && only ? only.blocks : frame.units
  const { isProgressive } = frame
  const scan = { components, units, restartInterval: walk.restartInterval, isProgressive, first, last, isRefinement }
  return { scan, chosen, missingBits: approximation & 15 }
}

function makeScanComponent(
  component: Component,
  tables: number,
  frame: Frame,
  isBand: boolean,
  walk: Walk,
): ScanComponent {
  const { across, down, horizontal, vertical } = component
  const blocks = across * down
  if (isBand && component.nonzero.length === 0 && isDecoded(frame)) component.nonzero = new Uint32Array(blocks * 2)
  const direct = walk.direct[tables >> 4]
  const alternating = walk.alternating[tables & 15]
  return { blocks, blocksPerUnit: horizontal * vertical, direct, alternating, nonzero: component.nonzero, strays: 0 }
}

/** @returns where the marker behind the scan is, or what is wrong */
export function readScanSegment(bytes: Uint8Array, start: number, segment: Uint8Array, walk: Walk): number | Fault {
  const { frame } = walk
  const header = frame && readScanHeader(segment, frame, walk)
  if (!header) return 'undecodable_image'
  walk.isDamaged = !isBounded(frame, ++walk.scans)
  if (walk.isDamaged) return 'undecodable_image'
  const end = findScanEnd(bytes, start)
  const report = isDecoded(frame)
    ? readScan(bytes, start, end, header.scan)
    : ({ outcome: 'complete', lastBlockEnd: end, hasForeignRest: false } as const)
  if (report.outcome !== 'complete') {
    // A cut ends at the end of the file or at an end marker; another marker in the middle of a scan is damage.
    const isCut = report.outcome === 'short' && (end === bytes.length || bytes[end + 1] === marker.EOI)
    return isCut ? 'truncated' : 'undecodable_image'
  }
  for (const { missingBits } of header.chosen)
    missingBits.fill(header.missingBits, header.scan.first, header.scan.last + 1)
  walk.lastBlockEnd = report.lastBlockEnd
  // A trailer may follow a picture without an end marker; what stands before an end marker is what a damaged scan left over.
  walk.isDamaged = report.hasForeignRest && (!isComplete(walk) || bytes[end + 1] === marker.EOI)
  return walk.isDamaged ? 'undecodable_image' : end
}

/** Whether the codes of its scans are read: one with more pixels goes to no decoder. */
export const isDecoded = ({ width, height, isHuffman }: Frame) => isHuffman && width * height <= maximumPixels

const isBounded = ({ width, height }: Frame, scans: number) =>
  scans <= maximumScans && (scans === 1 || scans * width * height <= maximumScannedPixels)
