// Base58Check, encoding only: the general coders take 50 µs for an extended key, this one 5. Decoding is @scure/base's.
import { hash } from 'node:crypto'

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** 58^5: five digits a limb, so that limb · 2^16 + carry stays exact in a double. */
const limbBase = 58 ** 5

export const sha256 = (data: Uint8Array): Uint8Array => hash('sha256', data, 'buffer')

/** Base58 of up to 128 bytes: a leading 1 for each leading zero byte, then the number without leading zeros. */
export function encodeBase58(bytes: Uint8Array): string {
  let zeros = 0
  while (zeros < bytes.length && bytes[zeros] === 0) zeros += 1
  const limbs: number[] = []
  const take = (value: number, factor: number) => {
    let carry = value
    for (let at = 0; at < limbs.length; at++) {
      const sum = (limbs[at] as number) * factor + carry
      carry = Math.floor(sum / limbBase)
      limbs[at] = sum - carry * limbBase
    }
    if (carry > 0) limbs.push(carry)
  }
  let position = zeros
  if ((bytes.length - zeros) % 2 === 1) take(bytes[position++] as number, 256)
  for (; position < bytes.length; position += 2) {
    take(((bytes[position] as number) << 8) | (bytes[position + 1] as number), 65_536)
  }
  let text = ''
  for (let at = 0; at < limbs.length; at++) {
    let limb = limbs[at] as number
    const isHighest = at === limbs.length - 1
    for (let digit = 0; digit < 5 && !(isHighest && limb === 0); digit++) {
      text = (alphabet[limb % 58] as string) + text
      limb = Math.floor(limb / 58)
    }
  }
  return '1'.repeat(zeros) + text
}

/** The payload and the first 4 bytes of its double SHA-256, in base58. */
export function encodeBase58Check(payload: Uint8Array): string {
  const bytes = new Uint8Array(payload.length + 4)
  bytes.set(payload)
  bytes.set(sha256(sha256(payload)).subarray(0, 4), payload.length)
  return encodeBase58(bytes)
}
