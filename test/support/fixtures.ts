// Documents for tests: the committed samples, and any number of different ones made from them.
import { readFileSync } from 'node:fs'
import sharp from 'sharp'

const read = (name: string): Uint8Array => readFileSync(new URL(`../fixtures/${name}`, import.meta.url))

export const samples = { photo: read('photo.jpg'), card: read('card.png'), letter: read('letter.pdf') }

/** A letter of its own for every text: a comment before the PDF's trailer changes its hash and nothing else. */
export function makeLetter(text: string): Uint8Array {
  const letter = Buffer.from(samples.letter)
  const at = letter.lastIndexOf('startxref')
  const comment = Buffer.from(`%${Buffer.from(text).toString('hex')}\n`)
  return Buffer.concat([letter.subarray(0, at), comment, letter.subarray(at)])
}

/**
 * A photograph of exactly so many bytes, 8 MiB at least: of a page with blocks for words, under noise, which no encoder makes
 * smaller, and filled up by comments.
 */
export async function makePhoto(size: number): Promise<Uint8Array> {
  const [width, height] = [3200, 2400]
  const pixels = Buffer.alloc(width * height * 3)
  // Xorshift (Marsaglia, 2003).
  let state = 1
  const random = (below: number) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  const words = Array.from({ length: 100 }, (_, line) =>
    Array.from({ length: 100 }, () => line % 2 === 1 && random(4) > 0),
  )
  for (let at = 0; at < pixels.length; at++) {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)]
    pixels[at] = (words[Math.floor(y / 24)]?.[Math.floor(x / 32)] ? 20 : 140) + random(96)
  }
  const photo = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer()
  // Behind the JFIF header: ITU-T T.81, B.2.4.5, a marker and a length that counts itself.
  const start = 4 + photo.readUInt16BE(4)
  const comments: Uint8Array[] = []
  for (let left = size - photo.length; left > 0; ) {
    const length = left > 65_537 + 4 ? 65_537 : left
    const comment = Buffer.alloc(length, ' ')
    comment.writeUInt16BE(0xfffe, 0)
    comment.writeUInt16BE(length - 2, 2)
    comments.push(comment)
    left -= length
  }
  return Buffer.concat([photo.subarray(0, start), ...comments, photo.subarray(start)])
}
