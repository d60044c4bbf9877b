// About the smallest document that passes: a PNG with a text of its own, on which some lines are seen. Inspecting it costs next
// to nothing.
import { crc32, deflateSync } from 'node:zlib'

const signature = Buffer.from('89504e470d0a1a0a', 'hex')
const [width, height] = [256, 160]
/** Width, height, 8 bits of grey (PNG third edition, 11.2.1). */
const header = makeChunk('IHDR', Buffer.from('00000100000000a00800000000', 'hex'))
/** Of each row a filter byte and its pixels: black bars on white, like words. */
const rows = Array.from({ length: height }, (_, y) => [
  0,
  ...Array.from({ length: width }, (_, x) => (y % 16 < 6 && x % 32 < 24 ? 0 : 255)),
])
const pixels = makeChunk('IDAT', deflateSync(Buffer.from(rows.flat())))
const end = makeChunk('IEND', Buffer.alloc(0))

/** Length, type, data, CRC-32 of type and data (PNG third edition, 5.3). */
function makeChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}

/** A document that passes, with its own bytes for every text. */
export function makeDocument(text: string): Buffer {
  return Buffer.concat([signature, header, makeChunk('tEXt', Buffer.from(`Comment\0${text}`, 'latin1')), pixels, end])
}

/** A document that is rejected for good: its end is missing. */
export function makeCutDocument(text: string): Buffer {
  return makeDocument(text).subarray(0, -end.length)
}
