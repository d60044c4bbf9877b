// Base58Check, encoding only: the general coders take 50 µs for an extended key, this one 5. Decoding is @scure/base's.
import { hash } from 'node:crypto'

const alphabet = Buffer.from('123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz', 'ascii')
const one = alphabet[0] as number
/** 58^5: five digits a limb, so that limb · 2^16 + carry stays exact in a double. */
const limbBase = 58 ** 5
const longest = 128
const limbs = new Float64Array(Math.ceil((longest * 8) / Math.log2(limbBase)))
const text = Buffer.alloc(longest + limbs.length * 5)

export const sha256 = (data: Uint8Array): Uint8Array => hash('sha256', data, 'buffer')

/** Base58 of up to 128 bytes: a leading 1 for each leading zero byte, then the number without leading zeros. */
export function encodeBase58(bytes: Uint8Array): string {
  if (bytes.length > longest) throw new RangeError(`expected at most ${longest} bytes; got ${bytes.length}`)
  let zeros = 0
  while (zeros < bytes.length && bytes[zeros] === 0) zeros += 1
  let count = 0
  let position = zeros
  while (position < bytes.length) {
    // 16 bits at a time, the first time 8 when their number is odd.
    const isOdd = (bytes.length - position) % 2 === 1
    const factor = isOdd ? 256 : 65_536
    let carry = isOdd
      ? (bytes[position] as number)
      : ((bytes[position] as number) << 8) | (bytes[position + 1] as number)
    position += isOdd ? 1 : 2
    for (let at = 0; at < count; at++) {
      const sum = (limbs[at] as number) * factor + carry
      carry = Math.floor(sum / limbBase)
      limbs[at] = sum - carry * limbBase
    }
    if (carry > 0) limbs[count++] = carry
  }
  let start = text.length
  for (let at = 0; at < count; at++) {
    let limb = limbs[at] as number
    for (let digit = 0; digit < 5; digit++) {
      const rest = Math.floor(limb / 58)
      text[--start] = alphabet[limb - rest * 58] as number
      limb = rest
    }
  }
  while (start < text.length && text[start] === one) start += 1
  for (let zero = 0; zero < zeros; zero++) text[--start] = one
  return text.toString('latin1', start)
}

/** The payload and the first 4 bytes of its double SHA-256, in base58. */
export function encodeBase58Check(payload: Uint8Array): string {
  const bytes = new Uint8Array(payload.length + 4)
  bytes.set(payload)
  bytes.set(sha256(sha256(payload)).subarray(0, 4), payload.length)
  return encodeBase58(bytes)
}
