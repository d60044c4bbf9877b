// The documents of a run: each user's and kind's own, quick to inspect or slow.
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { makeLetter } from '../../test/support/fixtures.ts'
import type { Upload } from './workload.ts'

/** The document of an upload: the same bytes for the same user and kind. */
export type MakeDocument = (upload: Upload) => Uint8Array

const toText = ({ userId, addressType }: Upload) => `${userId} ${addressType}`

/** A page of a letter, as PDF: the least work that inspection has with anything. */
export const makeLetters: MakeDocument = (upload) => makeLetter(toText(upload))

/** A chunk of a PNG (PNG third edition, 5.3). */
function toChunk(type: string, data: string): Uint8Array {
  const named = Buffer.from(`${type}${data}`, 'latin1')
  const chunk = Buffer.alloc(named.length + 8)
  chunk.writeUInt32BE(data.length)
  chunk.set(named, 4)
  chunk.writeUInt32BE(crc32(named), named.length + 4)
  return chunk
}

/** Length, type and CRC-32 of IEND, the last chunk of each PNG. */
const endLength = 12

/**
 * Scans of 20 megapixels, interlaced: 9 KB to send, and a third of a second of a CPU or more to inspect. With these a laptop can
 * ask for many times what it can do.
 */
export async function prepareScans(): Promise<MakeDocument> {
  const paper = sharp({ create: { width: 5000, height: 4000, channels: 3, background: '#eeeeee' } })
  // Something has to be seen on it: 20 lines of 12 words, as bars.
  const word = await sharp({ create: { width: 240, height: 60, channels: 3, background: '#111111' } })
    .png()
    .toBuffer()
  const words = Array.from({ length: 240 }, (_, index) => ({
    input: word,
    left: 400 + 350 * (index % 12),
    top: 400 + 160 * Math.floor(index / 12),
  }))
  const page = await paper.composite(words).png({ compressionLevel: 1 }).toBuffer()
  const scan = await sharp(page).toColourspace('b-w').png({ palette: true, colours: 2, progressive: true }).toBuffer()
  return (upload) =>
    Buffer.concat([
      scan.subarray(0, -endLength),
      toChunk('tEXt', `Comment\0${toText(upload)}`),
      scan.subarray(-endLength),
    ])
}
