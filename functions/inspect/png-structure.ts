// Whether the chunks of a PNG are whole.
import { crc32 } from 'node:zlib'
import type { Finding } from './check.ts'

/**
 * Walks the chunks of a PNG to IEND: length, type, data, CRC-32 of type and data (PNG third edition, 5.3).
 * The decoder neither misses an end that was cut off after the pixels nor minds damage in a chunk that it can do without.
 */
export function checkPngStructure(bytes: Uint8Array): readonly Finding[] {
  const signatureLength = 8
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let start = signatureLength
  while (start + 12 <= bytes.length) {
    const end = start + 8 + view.getUint32(start)
    if (end + 4 > bytes.length) return [{ code: 'truncated' }]
    if (crc32(bytes.subarray(start + 4, end)) !== view.getUint32(end)) return [{ code: 'undecodable_image' }]
    if (view.getUint32(start + 4) === 0x49454e44) return []
    start = end + 4
  }
  return [{ code: 'truncated' }]
}
