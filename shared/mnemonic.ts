// BIP-39 on bytes: the phrase and everything made from it are Uint8Arrays that the caller wipes, never strings.
import { createHash, pbkdf2Sync } from 'node:crypto'
import { HDKey } from '@scure/bip32'
import english from 'bip39/src/wordlists/english.json' with { type: 'json' }

/** The English words, sorted, as bytes (all ASCII). A word's position is its 11 bits. */
const words: readonly Uint8Array[] = english.map((word: string) => Buffer.from(word, 'ascii'))
const space = 0x20

/** A phrase that is not one. The message never shows a word of it. */
export class MnemonicError extends Error {
  override readonly name = 'MnemonicError'
}

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/**
 * The phrase of some entropy (BIP-39, "Generating the mnemonic").
 *
 * @param entropy 16, 20, 24, 28 or 32 bytes
 * @returns the words in ASCII, one space between two: 12 to 24 of them
 */
export function encodeMnemonic(entropy: Uint8Array): Uint8Array {
  if (entropy.length < 16 || entropy.length > 32 || entropy.length % 4 !== 0) {
    throw new RangeError(`expected 16, 20, 24, 28 or 32 bytes of entropy; got ${entropy.length}`)
  }
  // Entropy, then its checksum: the first byte of the hash holds all the bits that are used (4 to 8).
  const bits = new Uint8Array(entropy.length + 1)
  bits.set(entropy)
  bits[entropy.length] = sha256(entropy)[0] ?? 0
  const count = (entropy.length * 3) / 4
  const phrase = new Uint8Array(count * 9)
  let end = 0
  for (let position = 0; position < count; position++) {
    if (position > 0) phrase[end++] = space
    const word = words[readBits(bits, position * 11)] as Uint8Array
    phrase.set(word, end)
    end += word.length
  }
  bits.fill(0)
  const result = phrase.slice(0, end)
  phrase.fill(0)
  return result
}

/** 11 bits from that bit on, the highest first. */
function readBits(bytes: Uint8Array, start: number): number {
  let value = 0
  for (let bit = start; bit < start + 11; bit++) {
    value = (value << 1) | (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1)
  }
  return value
}

/**
 * The entropy of a phrase, its checksum checked.
 *
 * @param phrase English words in ASCII, one space between two
 * @returns 16 to 32 bytes; the caller wipes them
 * @throws {MnemonicError} for another number of words, a word that is not in the list, or a wrong checksum
 */
export function decodeMnemonic(phrase: Uint8Array): Uint8Array {
  const indices: number[] = []
  for (let start = 0; start <= phrase.length; ) {
    const next = phrase.indexOf(space, start)
    const end = next === -1 ? phrase.length : next
    const index = findWord(phrase.subarray(start, end))
    if (index === undefined) throw new MnemonicError(`word ${indices.length + 1} is not in the English list of BIP-39`)
    indices.push(index)
    start = end + 1
  }
  if (indices.length < 12 || indices.length > 24 || indices.length % 3 !== 0) {
    throw new MnemonicError(`expected 12, 15, 18, 21 or 24 words; got ${indices.length}`)
  }
  const bits = new Uint8Array(Math.ceil((indices.length * 11) / 8))
  for (const [position, index] of indices.entries()) {
    for (let bit = 0; bit < 11; bit++) {
      const at = position * 11 + bit
      bits[at >> 3] = (bits[at >> 3] ?? 0) | (((index >> (10 - bit)) & 1) << (7 - (at & 7)))
    }
  }
  indices.fill(0)
  const length = Math.floor((bits.length * 32) / 33 / 4) * 4
  const entropy = bits.slice(0, length)
  const expected = (sha256(entropy)[0] ?? 0) >> (8 - length / 4)
  const got = (bits[length] ?? 0) >> (8 - length / 4)
  bits.fill(0)
  if (expected !== got) {
    entropy.fill(0)
    throw new MnemonicError('the checksum of the words does not match: one of them is wrong or out of place')
  }
  return entropy
}

function findWord(word: Uint8Array): number | undefined {
  let low = 0
  let high = words.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const order = Buffer.compare(words[middle] as Uint8Array, word)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return undefined
}

/** The 64-byte seed of a phrase, without a passphrase (BIP-39, "From mnemonic to seed"). The caller wipes it. */
export function deriveSeed(phrase: Uint8Array): Uint8Array {
  return pbkdf2Sync(phrase, 'mnemonic', 2048, 64, 'sha512')
}

/**
 * SHA-256("root/v1" ‖ master public key, 33 bytes ‖ chain code, 32 bytes), in hex: names a root without telling
 * anything of it, and is what checks compare. (The 32-bit master fingerprint is for people to read.)
 */
export function commitRoot(master: HDKey): string {
  if (!master.publicKey || !master.chainCode) throw new TypeError('expected a master node with key and chain code')
  return Buffer.from(sha256(Buffer.from('root/v1'), master.publicKey, master.chainCode)).toString('hex')
}

/** The root commitment of a phrase. Everything on the way is wiped. */
export function commitMnemonic(phrase: Uint8Array): string {
  const seed = deriveSeed(phrase)
  const master = HDKey.fromMasterSeed(seed)
  seed.fill(0)
  try {
    return commitRoot(master)
  } finally {
    master.wipePrivateData()
  }
}

// SHA-256 of phrases that tutorials, test suites and development tools publish, so that everyone has their keys.
// The trezor vectors of BIP-39 with patterned entropy are caught by `isPatterned`.
const publicPhrases = new Set([
  'f79cd64f9cea237897b8133e4b905b361c6f166faa5a1c64c32280938f5b707e', // Hardhat, Anvil
  'b83e96417f61cb148d0dc8a89b839ee4956ad45b5e4b6a2a6cae048e48782157', // Truffle
  '9c5d0a6656e5d3f36601d0bf98762be09bad5d7b164382c1d6c826324d6d599a', // Ganache (deterministic)
  '5584400f78dc4e42a2ff2deddd1433213a7bbb50eae52d8177e98d5ca6615a1b', // Trust Wallet tests
  '58acf278961fcef660089d8233eddffe68bfaeb5ff69f3b03bdc5a8daa7f07d0', // Trezor firmware tests
  'ecb0e7ba498c5920991f0b3483e91f7abafa9ecc6bd82a9a51494589592b1a8f', // BIP-39 wiki, Ian Coleman examples
])

/** The entropy of most published phrases: one byte, repeated. */
const isPatterned = (entropy: Uint8Array) => entropy.every((byte) => byte === entropy[0])

/** Whether a phrase is publicly known. It must be valid. */
export function isPubliclyKnown(phrase: Uint8Array): boolean {
  if (publicPhrases.has(Buffer.from(sha256(phrase)).toString('hex'))) return true
  const entropy = decodeMnemonic(phrase)
  const patterned = isPatterned(entropy)
  entropy.fill(0)
  return patterned
}
