// Documents for tests: the committed samples, and any number of different ones made from them.
import { readFileSync } from 'node:fs'

const read = (name: string): Uint8Array => readFileSync(new URL(`../fixtures/${name}`, import.meta.url))

export const samples = { photo: read('photo.jpg'), card: read('card.png'), letter: read('letter.pdf') }

/** A letter of its own for every text: a comment before the PDF's trailer changes its hash and nothing else. */
export function makeLetter(text: string): Uint8Array {
  const letter = Buffer.from(samples.letter)
  const at = letter.lastIndexOf('startxref')
  const comment = Buffer.from(`%${Buffer.from(text).toString('hex')}\n`)
  return Buffer.concat([letter.subarray(0, at), comment, letter.subarray(at)])
}
