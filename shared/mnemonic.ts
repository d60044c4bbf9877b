// BIP-39 on bytes: the phrase and everything made from it are Uint8Arrays that the caller wipes, never strings.
import { createHash, pbkdf2Sync } from 'node:crypto'
import { HDKey } from '@scure/bip32'
import english from 'bip39/src/wordlists/english.json' with { type: 'json' }
import { allocateSecret, copySecret } from './secret-bytes.ts'

/** The English words, sorted, as bytes (all ASCII). A word's position is its 11 bits. */
const words: readonly Uint8Array[] = english.map((word: string) => Buffer.from(word, 'ascii'))
const space = 0x20
const mostWords = 24

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
  const bits = allocateSecret(entropy.length + 1)
  bits.set(entropy)
  bits[entropy.length] = sha256(entropy)[0] ?? 0
  const count = (entropy.length * 3) / 4
  const phrase = allocateSecret(count * 9)
  let end = 0
  for (let position = 0; position < count; position++) {
    if (position > 0) phrase[end++] = space
    const word = words[readBits(bits, position * 11)] as Uint8Array
    phrase.set(word, end)
    end += word.length
  }
  bits.fill(0)
  const result = copySecret(phrase.subarray(0, end))
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
  const indices = new Uint16Array(allocateSecret(2 * mostWords).buffer)
  try {
    return decodeIndices(indices.subarray(0, readIndices(phrase, indices)))
  } finally {
    indices.fill(0)
  }
}

/** Writes the number of each word; answers how many there are. */
function readIndices(phrase: Uint8Array, indices: Uint16Array): number {
  let count = 0
  for (let start = 0; start <= phrase.length; ) {
    const next = phrase.indexOf(space, start)
    const end = next === -1 ? phrase.length : next
    const index = findWord(phrase.subarray(start, end))
    if (index === undefined) throw new MnemonicError(`word ${count + 1} is not in the English list of BIP-39`)
    // Beyond the last place nothing is written.
    indices[count] = index
    count += 1
    start = end + 1
  }
  if (count < 12 || count > mostWords || count % 3 !== 0) {
    throw new MnemonicError(`expected 12, 15, 18, 21 or 24 words; got ${count}`)
  }
  return count
}

function decodeIndices(indices: Uint16Array): Uint8Array {
  const count = indices.length
  const bits = allocateSecret(Math.ceil((count * 11) / 8))
  for (const [position, index] of indices.entries()) {
    for (let bit = 0; bit < 11; bit++) {
      const at = position * 11 + bit
      bits[at >> 3] = (bits[at >> 3] ?? 0) | (((index >> (10 - bit)) & 1) << (7 - (at & 7)))
    }
  }
  const length = Math.floor((bits.length * 32) / 33 / 4) * 4
  const entropy = copySecret(bits.subarray(0, length))
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

/**
 * The 64-byte seed of a phrase (BIP-39, "From mnemonic to seed"). The caller wipes it.
 *
 * @param passphrase UTF-8 in NFKD; none in what this system issues
 */
export function deriveSeed(phrase: Uint8Array, passphrase: Uint8Array = new Uint8Array()): Uint8Array {
  const prefix = Buffer.from('mnemonic', 'ascii')
  const salt = new Uint8Array(prefix.length + passphrase.length)
  salt.set(prefix)
  salt.set(passphrase, prefix.length)
  try {
    return pbkdf2Sync(phrase, salt, 2048, 64, 'sha512')
  } finally {
    salt.fill(0)
  }
}

/**
 * SHA-256("root/v1" ‖ master public key, 33 bytes ‖ chain code, 32 bytes), in hex: names a root without telling
 * anything of it, and is what checks compare. (The 32-bit master fingerprint is for people to read.)
 */
export function commitRoot(master: {
  readonly publicKey: Uint8Array | null
  readonly chainCode: Uint8Array | null
}): string {
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
// Those with patterned entropy, most vectors of BIP-39 among them, are caught by `isPatterned`.
const publicPhrases = new Set([
  'f79cd64f9cea237897b8133e4b905b361c6f166faa5a1c64c32280938f5b707e', // Hardhat and Anvil, default accounts
  'b83e96417f61cb148d0dc8a89b839ee4956ad45b5e4b6a2a6cae048e48782157', // Truffle, default accounts
  '9c5d0a6656e5d3f36601d0bf98762be09bad5d7b164382c1d6c826324d6d599a', // Ganache, --deterministic
  '5584400f78dc4e42a2ff2deddd1433213a7bbb50eae52d8177e98d5ca6615a1b', // Trust Wallet core, tests
  '58acf278961fcef660089d8233eddffe68bfaeb5ff69f3b03bdc5a8daa7f07d0', // Trezor firmware, tests
  'd16d608fce743a041ddb5841a32ceb7dd38645f27a6f3c5f5010d9403b1cb6c9', // Substrate, development accounts
  'c4546324c2acf02b957dc4e4b754eda6cd1b946447cbbb2c35ec968f851e27eb', // Mastering Bitcoin, chapter 5, 12 words
  '995fa2f8b2b00f9bb6accb558418f0c481f524f5f82fd7077a6ae93433afbf72', // Mastering Bitcoin, chapter 5, 24 words
  '7f56506406dc6faff57bb3aab7c2a8dd20dc5031941dfc7200a3a9c9d40259ca', // NIP-06, test vector 1
  '61b5f1dab96e46e3bf083ea4051e3ac752955fd254b4ef6780349adef8bbc96d', // NIP-06, test vector 2
  '95fc9e0c537bd9811779d3b207848080ccb86f3e11ddf7aa16792575553f89ab', // BIP-85, test vectors
  'd6da54d12db9eac818868b841c1c9cc7c39f5294c8620ad24b7715b7820febc0', // BIP-39, English test vector 13
  'b12ee277a669b18fb7c5d9d3642c9298ce06f0814a4166a6396ad9cb2eccc914', // BIP-39, English test vector 14
  '341c225b06c91708aa82ab8389075a8227fda76fb2b9cae2d445e36ca8c44da1', // BIP-39, English test vector 15
  '6d828debd306e21a02511899832f7ee5591de0693b2f2bd78967fb1e09bafdbb', // BIP-39, English test vector 16
  'cc95a8a1b5e9bf130a4468b1b4857b6a7fc64979970a06b806cb879460d15348', // BIP-39, English test vector 17
  '30452ba5605dd25289bc2ae7b1883a53b1cece62e2331fa105b88c9682dd37c7', // BIP-39, English test vector 18
  'b2e71100d10bee74156b69806498a2e3d90e432160c2e266465ba669a220d50b', // BIP-39, English test vector 19
  'b8ae5c99142647d1043595539d615197ee7dad5e7c031d5447e78c69e62ba01f', // BIP-39, English test vector 20
  '0f388b04e512d7a0eda5889c96ff034cf63499b73898965a8e187e3a8a25d198', // BIP-39, English test vector 21
  'b1bff22ae077ce1ae482e4dcb01c144ff8a44e97fbb3f3a5f62567f4ac19da7c', // BIP-39, English test vector 22
  '662c451cc5886e1d6f185f418b815a175bfd197536556607272b36fdefa8c969', // BIP-39, English test vector 23
  '867f9f5929a7201c1116579e17be6ce501f8a8c5a8d0d1ac7173d72ae78fd945', // BIP-39, English test vector 24
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
