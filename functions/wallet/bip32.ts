// BIP-32 on bytes: node:crypto hashes, libsecp256k1 adds. Every private key here is a Uint8Array that its owner wipes.
import { createHmac, hash } from 'node:crypto'
import { createBase58check } from '@scure/base'
import type { BitcoinNetwork } from '../../shared/model.ts'
import { allocateSecret, copySecret } from '../../shared/secret-bytes.ts'
import { encodeBase58Check, sha256 } from './base58.ts'
import { addToPrivateKey, addToPublicKey, isPrivateKey, isPublicKey, toPublicKey, wipeScratch } from './secp256k1.ts'

/** A node of the tree: with its private key, or the public half alone. */
export type ExtendedKey = {
  /** 0 for the master, up to 255. */
  readonly depth: number
  /** The first 32 bits of the parent's HASH160, as an unsigned number; 0 for the master. */
  readonly parentFingerprint: number
  /** 32 bits, unsigned: 2^31 and above are hardened. */
  readonly childNumber: number
  /** 32 bytes. */
  readonly chainCode: Uint8Array
  /** Compressed, 33 bytes. */
  readonly publicKey: Uint8Array
  /** 32 bytes. */
  readonly privateKey: Uint8Array | undefined
}

export type PrivateExtendedKey = ExtendedKey & { readonly privateKey: Uint8Array }

export type KeyErrorCode = 'invalid_seed' | 'invalid_extended_key' | 'invalid_child'

/** A seed, an extended key or a child that BIP-32 knows none of. The message shows nothing of a key. */
export class KeyError extends Error {
  override readonly name = 'KeyError'
  readonly code: KeyErrorCode

  constructor(code: KeyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Added to an index it gives the child number of a hardened child. */
export const hardened = 0x8000_0000

export const hash160 = (data: Uint8Array): Uint8Array => hash('ripemd160', sha256(data), 'buffer')

/** I of BIP-32, 64 bytes; the caller wipes them. No Buffer: its slice shares the bytes where that of Uint8Array copies. */
function hmacSha512(key: Uint8Array, data: Uint8Array): Uint8Array {
  const digest = createHmac('sha512', key).update(data).digest()
  const copy = copySecret(digest)
  digest.fill(0)
  return copy
}

const seedKey = Buffer.from('Bitcoin seed', 'ascii')

/**
 * The master of a seed (BIP-32, "Master key generation"). The seed stays the caller's, who wipes it.
 *
 * @param seed 16 to 64 bytes
 * @throws {KeyError} `invalid_seed` for another length, or when it gives no key (probability 2^-127)
 */
export function toMasterKey(seed: Uint8Array): PrivateExtendedKey {
  if (seed.length < 16 || seed.length > 64) {
    throw new KeyError('invalid_seed', `expected a seed of 16 to 64 bytes; got ${seed.length}`)
  }
  const digest = hmacSha512(seedKey, seed)
  const privateKey = copySecret(digest.subarray(0, 32))
  const chainCode = digest.slice(32)
  digest.fill(0)
  const publicKey = toPublicKey(privateKey)
  wipeScratch()
  if (!publicKey) throw new KeyError('invalid_seed', 'this seed gives no master key (BIP-32): another one is needed')
  return { depth: 0, parentFingerprint: 0, childNumber: 0, chainCode, publicKey, privateKey }
}

/** I = HMAC-SHA512(chain code, 0x00 ‖ key ‖ i) when hardened, else (chain code, public key ‖ i): 64 bytes. */
function digestChild({ chainCode, publicKey, privateKey }: ExtendedKey, childNumber: number): Uint8Array {
  const data = allocateSecret(37)
  if (childNumber < hardened) data.set(publicKey)
  else if (privateKey) data.set(privateKey, 1)
  else throw new KeyError('invalid_child', 'a hardened child needs the private key; got a public one')
  new DataView(data.buffer).setUint32(33, childNumber)
  const digest = hmacSha512(chainCode, data)
  data.fill(0)
  return digest
}

/**
 * The child of a node (BIP-32, CKDpriv and CKDpub): private when the parent is.
 *
 * @param childNumber 0 to 2^32-1; from 2^31 on hardened
 * @throws {KeyError} `invalid_child` when there is none: a hardened child of a public key, below depth 255, or where
 *   the standard skips the index (probability 2^-127)
 */
export function deriveChild<Key extends ExtendedKey>(parent: Key, childNumber: number): Key {
  if (!Number.isInteger(childNumber) || childNumber < 0 || childNumber > 0xffff_ffff) {
    throw new KeyError('invalid_child', `expected a child number from 0 to 2^32-1; got ${childNumber}`)
  }
  if (parent.depth >= 255) throw new KeyError('invalid_child', 'expected a depth of at most 255; got 256')
  return toChild(parent, childNumber, digestChild(parent, childNumber))
}

/** The child that I, 64 bytes, makes of its parent. Wipes I. */
export function toChild<Key extends ExtendedKey>(parent: Key, childNumber: number, digest: Uint8Array): Key {
  const left = digest.subarray(0, 32)
  const privateKey = parent.privateKey && addToPrivateKey(parent.privateKey, left)
  const publicKey = parent.privateKey ? privateKey && toPublicKey(privateKey) : addToPublicKey(parent.publicKey, left)
  const chainCode = digest.slice(32)
  digest.fill(0)
  wipeScratch()
  if (!publicKey)
    throw new KeyError('invalid_child', 'there is no child at this index (BIP-32): the next one is to be used')
  const [depth, parentFingerprint] = [parent.depth + 1, toFingerprint(parent)]
  return { ...parent, depth, parentFingerprint, childNumber, chainCode, publicKey, privateKey }
}

/** The first 32 bits of HASH160 of the public key, as an unsigned number (BIP-32, "Key identifiers"). */
export function toFingerprint(key: { readonly publicKey: Uint8Array }): number {
  return Buffer.from(hash160(key.publicKey)).readUInt32BE(0)
}

/** Overwrites the private key. The public half is of no use to a thief of keys, and stays. */
export function wipeKey(key: ExtendedKey): void {
  key.privateKey?.fill(0)
}

/** Version bytes: BIP-32, and SLIP-132, whose prefixes say what the key is used for. */
const publicVersions: Record<BitcoinNetwork, number> = { mainnet: 0x0488b21e, testnet: 0x043587cf }
const knownVersions = new Map<number, 'public' | 'private'>([
  // xpub ypub zpub Ypub Zpub, tpub upub vpub Upub Vpub
  ...[0x0488b21e, 0x049d7cb2, 0x04b24746, 0x0295b43f, 0x02aa7ed3].map((version) => [version, 'public'] as const),
  ...[0x043587cf, 0x044a5262, 0x045f1cf6, 0x024289ef, 0x02575483].map((version) => [version, 'public'] as const),
  // xprv yprv zprv Yprv Zprv, tprv uprv vprv Uprv Vprv
  ...[0x0488ade4, 0x049d7878, 0x04b2430c, 0x0295b005, 0x02aa7a99].map((version) => [version, 'private'] as const),
  ...[0x04358394, 0x044a4e28, 0x045f18bc, 0x024285b5, 0x02575048].map((version) => [version, 'private'] as const),
])

/** 4 version ‖ 1 depth ‖ 4 parent's fingerprint ‖ 4 child number ‖ 32 chain code ‖ 33 key, in base58check. */
const extendedKeyBytes = 78

/** The public half in the serialization of BIP-32: always xpub, and tpub on testnet. */
export function serializePublicKey(key: Omit<ExtendedKey, 'privateKey'>, bitcoinNetwork: BitcoinNetwork): string {
  const bytes = Buffer.alloc(extendedKeyBytes)
  bytes.writeUInt32BE(publicVersions[bitcoinNetwork], 0)
  bytes.writeUInt8(key.depth, 4)
  bytes.writeUInt32BE(key.parentFingerprint, 5)
  bytes.writeUInt32BE(key.childNumber, 9)
  bytes.set(key.chainCode, 13)
  bytes.set(key.publicKey, 45)
  return encodeBase58Check(bytes)
}

const base58check = createBase58check(sha256)

/**
 * Reads a serialized extended key of BIP-32 or SLIP-132, mainnet or testnet.
 *
 * @throws {KeyError} `invalid_extended_key` for everything that BIP-32's test vector 5 calls invalid
 */
export function parseExtendedKey(text: string): ExtendedKey {
  const refuse = (why: string, cause?: unknown) =>
    new KeyError('invalid_extended_key', `expected an extended key of BIP-32; ${why}`, { cause })
  // 78 bytes and a checksum are 111 or 112 characters: no longer text is looked at.
  if (text.length > 120) throw refuse(`got ${text.length} characters`)
  let bytes: Uint8Array
  try {
    bytes = base58check.decode(text)
  } catch {
    // Its error would show the text.
    throw refuse('this is no base58 with a right checksum')
  }
  if (bytes.length !== extendedKeyBytes) throw refuse(`got ${bytes.length} bytes instead of ${extendedKeyBytes}`)
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const kind = knownVersions.get(view.readUInt32BE(0))
  const depth = view.readUInt8(4)
  const parentFingerprint = view.readUInt32BE(5)
  const childNumber = view.readUInt32BE(9)
  const chainCode = bytes.slice(13, 45)
  const key = copySecret(bytes.subarray(45))
  bytes.fill(0)
  try {
    if (!kind) throw refuse('its version bytes are none of xpub, ypub, zpub, tpub, upub, vpub or their private ones')
    if (depth === 0 && parentFingerprint !== 0) throw refuse('a master has no parent, and this one names one')
    if (depth === 0 && childNumber !== 0) throw refuse('a master has no index, and this one has')
    if (kind === 'public') {
      const isCompressed = key[0] === 2 || key[0] === 3
      if (!isCompressed || !isPublicKey(key)) throw refuse('its public key is none of secp256k1')
      return { depth, parentFingerprint, childNumber, chainCode, publicKey: key.slice(), privateKey: undefined }
    }
    if (key[0] !== 0) throw refuse('its version says private, and its key does not begin with a zero byte')
    const privateKey = copySecret(key.subarray(1))
    const publicKey = isPrivateKey(privateKey) ? toPublicKey(privateKey) : undefined
    if (!publicKey) {
      privateKey.fill(0)
      throw refuse('its private key is not from 1 to n-1')
    }
    return { depth, parentFingerprint, childNumber, chainCode, publicKey, privateKey }
  } finally {
    key.fill(0)
    wipeScratch()
  }
}
