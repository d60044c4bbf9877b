// The chunks of a PNG (third edition, 5) from its signature to IEND: lengths, checksums, order, and what its header may say.
// Whether the rows within are complete is what the decoder finds.
import { crc32 } from 'node:zlib'
import type { Finding } from './check.ts'

export type PngStructure = {
  readonly findings: readonly Finding[]
  /** In pixels; 0 when there is no header. */
  readonly width: number
  readonly height: number
  /** It has more than one frame (11.3.7). */
  readonly isAnimated: boolean
  /** Where IEND ends: what stands from here on is no part of the picture. */
  readonly end: number
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
/** Length and type before the data of a chunk, checksum behind (5.3). */
const chunkHead = 8
const chunkTail = 4

export type PngChunk = { readonly type: string; readonly data: Uint8Array; readonly end: number }
type Fault = 'truncated' | 'undecodable_image'
type Walk = {
  width: number
  height: number
  colourType: number
  frames: number
  dataChunks: number
  hasPalette: boolean
}

/** Reads a PNG from its signature; what stands in chunks that no decoder needs is only looked at for its checksum. */
export function readPngStructure(bytes: Uint8Array): PngStructure {
  const walk: Walk = { width: 0, height: 0, colourType: 0, frames: 1, dataChunks: 0, hasPalette: false }
  const outcome = walkChunks(bytes, walk)
  const findings: readonly Finding[] = typeof outcome === 'number' ? [] : [{ code: outcome }]
  const end = typeof outcome === 'number' ? outcome : bytes.length
  return { findings, width: walk.width, height: walk.height, isAnimated: walk.frames > 1, end }
}

function walkChunks(bytes: Uint8Array, walk: Walk): number | Fault {
  if (signature.some((value, at) => bytes[at] !== value)) return 'undecodable_image'
  let last = ''
  for (const chunk of readPngChunks(bytes)) {
    if (typeof chunk === 'string') return chunk
    const fault = readChunk(chunk, last, walk)
    if (fault) return fault
    if (chunk.type === 'IEND') return chunk.end
    last = chunk.type
  }
  return 'truncated'
}

/** The chunks behind the signature, as far as they are whole and their checksums right; then what is wrong with the next. */
export function* readPngChunks(bytes: Uint8Array): Generator<PngChunk | Fault> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = signature.length; at + chunkHead <= bytes.length; ) {
    const start = at + chunkHead
    const type = String.fromCharCode(...bytes.subarray(at + 4, start))
    // The length comes first, so that a chunk that was cut off is told from one that makes no sense.
    const end = start + view.getUint32(at)
    if (!/^[A-Za-z]{4}$/.test(type)) return yield 'undecodable_image'
    if (end + chunkTail > bytes.length) return yield 'truncated'
    if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end)) return yield 'undecodable_image'
    at = end + chunkTail
    yield { type, data: bytes.subarray(start, end), end: at }
  }
}

/** The order of 5.6, as far as a decoder cannot do without it: what may be ignored may also stand in the wrong place. */
function readChunk({ type, data }: PngChunk, last: string, walk: Walk): Fault | undefined {
  if ((type === 'IHDR') !== (last === '')) return 'undecodable_image'
  switch (type) {
    case 'IHDR':
      return readHeader(data, walk)
    case 'PLTE':
      return readPalette(data, walk)
    case 'IDAT':
      // Needed by indexed colour (11.2.2); and data chunks follow each other without another between.
      if (walk.colourType === 3 && !walk.hasPalette) return 'undecodable_image'
      return walk.dataChunks++ > 0 && last !== 'IDAT' ? 'undecodable_image' : undefined
    case 'IEND':
      return walk.dataChunks > 0 && data.length === 0 ? undefined : 'undecodable_image'
    case 'acTL':
      if (walk.dataChunks === 0 && data.length === 8) walk.frames = readUint32(data, 0)
      return undefined
    default:
      // A capital first letter: a decoder that does not know the chunk cannot show the picture (5.4).
      return type < 'a' ? 'undecodable_image' : undefined
  }
}

const readUint32 = (data: Uint8Array, at: number) => new DataView(data.buffer, data.byteOffset).getUint32(at)

/** 11.2.1: the bits a sample that each colour type may have. */
const depths: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
}

/** 11.2.1: width, height, bits a sample, colour type, compression, filter and interlace method. */
function readHeader(data: Uint8Array, walk: Walk): Fault | undefined {
  if (data.length !== 13) return 'undecodable_image'
  walk.width = readUint32(data, 0)
  walk.height = readUint32(data, 4)
  const [depth = 0, colourType = 0, compression = 0, filter = 0, interlace = 0] = data.subarray(8)
  walk.colourType = colourType
  const isSize = (size: number) => size > 0 && size < 2 ** 31
  const isKnown = depths[colourType]?.includes(depth) && compression === 0 && filter === 0 && interlace <= 1
  return isKnown && isSize(walk.width) && isSize(walk.height) ? undefined : 'undecodable_image'
}

/** 11.2.2: once, before the data, 1 to 256 entries of three bytes, and none for grey. */
function readPalette(data: Uint8Array, walk: Walk): Fault | undefined {
  const isWellFormed = data.length > 0 && data.length % 3 === 0 && data.length <= 768
  const isInPlace = !walk.hasPalette && walk.dataChunks === 0 && walk.colourType !== 0 && walk.colourType !== 4
  walk.hasPalette = true
  return isWellFormed && isInPlace ? undefined : 'undecodable_image'
}
