// The markers of a JPEG (ITU-T T.81, annex B) from its start to its end, through every scan: whether all that the frame
// promises is there, and where the picture ends. What a camera or a phone writes otherwise than the standard, and every
// decoder takes, is taken.
import type { Finding } from './check.ts'
import { typicalTables } from './jpeg-huffman.ts'
import {
  type Fault,
  isComplete,
  isDecoded,
  marker,
  readScanSegment,
  readSegment,
  readUint16,
  type Walk,
} from './jpeg-segments.ts'

export type JpegStructure = {
  readonly findings: readonly Finding[]
  /** In pixels, as coded: not turned; 0 when no frame was found. */
  readonly width: number
  readonly height: number
  /** Where the picture ends: what a phone writes behind it lies from here on. */
  readonly end: number
  /** Some cameras and phones leave it out. */
  readonly hasEndMarker: boolean
}

const endMarker = Uint8Array.of(0xff, marker.EOI)

/** The picture alone, ended as the standard wants it: decoders refuse what they would otherwise take. */
export function cutToPicture(bytes: Uint8Array, { end, hasEndMarker }: JpegStructure): Uint8Array {
  const picture = bytes.subarray(0, end)
  return hasEndMarker ? picture : Buffer.concat([picture, endMarker])
}

/** Reads a JPEG from its start; of one with more pixels than are ever decoded, and of an arithmetic or lossless one, only the markers. */
export function readJpegStructure(bytes: Uint8Array): JpegStructure {
  const walk: Walk = {
    frame: undefined,
    restartInterval: 0,
    scans: 0,
    lastBlockEnd: 0,
    isDamaged: false,
    direct: [...typicalTables.direct],
    alternating: [...typicalTables.alternating],
    quantisations: new Set(),
  }
  const outcome = walkSegments(bytes, walk)
  const { width, height } = walk.frame ?? { width: 0, height: 0 }
  if (typeof outcome === 'number') return { findings: [], width, height, end: outcome, hasEndMarker: true }
  // Whatever follows a picture that is complete is no part of it: its end marker is missing.
  const canTell = walk.frame && isDecoded(walk.frame) && !walk.isDamaged
  if (canTell && isComplete(walk)) return { findings: [], width, height, end: walk.lastBlockEnd, hasEndMarker: false }
  return { findings: [{ code: outcome }], width, height, end: bytes.length, hasEndMarker: false }
}

/** @returns where the end marker of a complete picture ends, or what is wrong */
function walkSegments(bytes: Uint8Array, walk: Walk): number | Fault {
  if (bytes[0] !== 0xff || bytes[1] !== marker.SOI) return 'undecodable_image'
  for (let at = findMarker(bytes, 2); at + 2 <= bytes.length; ) {
    const code = bytes[at + 1] as number
    if (code === marker.EOI) return endPicture(at + 2, walk)
    if (code === marker.SOI || code < marker.SOF0) return 'undecodable_image'
    if (at + 4 > bytes.length) return 'truncated'
    const end = at + 2 + readUint16(bytes, at + 2)
    if (end < at + 4) return 'undecodable_image'
    if (end > bytes.length) return 'truncated'
    const segment = bytes.subarray(at + 4, end)
    const next = code === marker.SOS ? readScanSegment(bytes, end, segment, walk) : readSegment(code, segment, walk)
    if (typeof next === 'string') return next
    at = findMarker(bytes, next ?? end)
  }
  return 'truncated'
}

/** Fill bytes stand before a marker (B.1.1.2); what else stands between segments decoders skip. */
function findMarker(bytes: Uint8Array, start: number): number {
  for (let at = bytes.indexOf(0xff, start); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const code = bytes[at + 1] ?? 0
    const hasSegmentOrEnd = code > 1 && code < 0xff && (code < marker.RST0 || code > marker.RST7)
    if (hasSegmentOrEnd) return at
  }
  return bytes.length
}

function endPicture(end: number, walk: Walk): number | Fault {
  if (isComplete(walk)) return end
  return walk.scans > 0 ? 'truncated' : 'undecodable_image'
}
