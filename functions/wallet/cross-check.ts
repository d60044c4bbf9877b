// The second implementation: @scure/bip32 and noble, beside the fast path. What production compares before it commits.
import { createHmac } from 'node:crypto'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { ripemd160 } from '@noble/hashes/legacy.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bech32, bech32m, base58check as createBase58check } from '@scure/base'
import { HARDENED_OFFSET, HDKey } from '@scure/bip32'
import type { AddressType, BitcoinNetwork } from '../../shared/model.ts'
import { allocateSecret } from '../../shared/secret-bytes.ts'

/** Private and public version bytes of BIP-32. */
const versions = {
  mainnet: { private: 0x0488ade4, public: 0x0488b21e },
  testnet: { private: 0x04358394, public: 0x043587cf },
}

/** The public parts of one derivation. */
export type Rederived = { readonly publicKey: Uint8Array; readonly accountXpub: string; readonly address: string }

/** Derives each step from the one before, the private keys of all but the given node wiped. */
function walk(start: HDKey, childNumbers: readonly number[]): HDKey[] {
  const nodes = [start]
  for (const childNumber of childNumbers) {
    nodes.push((nodes.at(-1) as HDKey).deriveChild(childNumber))
  }
  for (const node of nodes) node.wipePrivateData()
  return nodes
}

/** n of secp256k1 (SEC 2, section 2.4.1). */
const order = Buffer.from('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141', 'hex')

/** (one + other) mod n, of numbers below n: 32 bytes each, on bytes, since a big integer cannot be wiped. */
function addScalars(one: Uint8Array, other: Uint8Array): Uint8Array {
  const sum = allocateSecret(32)
  const reduced = allocateSecret(32)
  let [carry, borrow] = [0, 0]
  for (let at = 31; at >= 0; at--) {
    const digits = (one[at] as number) + (other[at] as number) + carry
    sum[at] = digits
    carry = digits >> 8
    const difference = (digits & 255) - (order[at] as number) - borrow
    reduced[at] = difference
    borrow = difference < 0 ? 1 : 0
  }
  // n or more: the subtraction borrowed no more than the addition carried.
  const [result, unused] = carry >= borrow ? [reduced, sum] : [sum, reduced]
  unused.fill(0)
  return result
}

type PrivateNode = { readonly privateKey: Uint8Array; readonly chainCode: Uint8Array }

/** A hardened child (BIP-32, CKDpriv) by Node's own HMAC and the addition above. The caller wipes its key. */
function rederiveHardened({ privateKey, chainCode }: PrivateNode, index: number): PrivateNode {
  const data = allocateSecret(37)
  data.set(privateKey, 1)
  new DataView(data.buffer).setUint32(33, index + HARDENED_OFFSET)
  const digest = createHmac('sha512', chainCode).update(data).digest()
  data.fill(0)
  const child = {
    privateKey: addScalars(privateKey, digest.subarray(0, 32)),
    chainCode: Uint8Array.from(digest.subarray(32)),
  }
  digest.fill(0)
  return child
}

/**
 * The coin-level node of a master, its public key and chain code. @scure/bip32 makes big integers of a private key, which
 * stay in memory for a while: it is given the coin node's, as in each batch, but none above.
 *
 * @param master its private key stays the caller's, who wipes it
 */
export function rederiveCoinNode(
  master: PrivateNode,
  purpose: number,
  coinType: number,
): { readonly publicKey: Uint8Array | null; readonly chainCode: Uint8Array } {
  const purposeNode = rederiveHardened(master, purpose)
  const coin = rederiveHardened(purposeNode, coinType)
  purposeNode.privateKey.fill(0)
  try {
    const { publicKey } = new HDKey(coin).wipePrivateData()
    return { publicKey, chainCode: coin.chainCode }
  } finally {
    coin.privateKey.fill(0)
  }
}

/**
 * The address at `{coin node}/{account}'/0/0`.
 *
 * @param coin a node of depth 2; its private key stays the caller's, who wipes it
 */
export function rederive(
  coin: {
    readonly privateKey: Uint8Array
    readonly chainCode: Uint8Array
    readonly coinType: number
    readonly parentFingerprint: number
  },
  account: number,
  addressType: AddressType,
  bitcoinNetwork: BitcoinNetwork,
): Rederived {
  const { privateKey, chainCode, coinType, parentFingerprint } = coin
  const start = new HDKey({
    ...{ versions: versions[bitcoinNetwork], privateKey, chainCode, parentFingerprint },
    ...{ depth: 2, index: coinType + HARDENED_OFFSET },
  })
  const [, accountNode, , addressNode] = walk(start, [account + HARDENED_OFFSET, 0, 0]) as [HDKey, HDKey, HDKey, HDKey]
  const publicKey = addressNode.publicKey as Uint8Array
  return {
    publicKey,
    accountXpub: accountNode.publicExtendedKey,
    address: encoders[addressType](publicKey, bitcoinNetwork),
  }
}

const base58check = createBase58check(sha256)
const hash160 = (data: Uint8Array) => ripemd160(sha256(data))
const encodeVersioned = (version: number, program: Uint8Array) => base58check.encode(Uint8Array.of(version, ...program))

function toAccountHash(publicKey: Uint8Array): Uint8Array {
  return keccak_256(secp256k1.Point.fromBytes(publicKey).toBytes(false).subarray(1)).subarray(12)
}

function toChecksummedHex(account: Uint8Array): string {
  const hex = Buffer.from(account).toString('hex')
  const nibbles = Buffer.from(keccak_256(Buffer.from(hex, 'ascii'))).toString('hex')
  return `0x${[...hex].map((digit, at) => ((nibbles[at] ?? '0') >= '8' ? digit.toUpperCase() : digit)).join('')}`
}

function toTaprootOutput(publicKey: Uint8Array): Uint8Array {
  const x = publicKey.subarray(1)
  const tweak = secp256k1.Point.Fn.fromBytes(schnorr.utils.taggedHash('TapTweak', x))
  const internal = schnorr.utils.lift_x(secp256k1.Point.Fp.fromBytes(x))
  return internal.add(secp256k1.Point.BASE.multiply(tweak)).toBytes(true).subarray(1)
}

const isMainnet = (network: BitcoinNetwork) => network === 'mainnet'
const toPrefix = (network: BitcoinNetwork) => (isMainnet(network) ? 'bc' : 'tb')

const encoders: Record<AddressType, (publicKey: Uint8Array, network: BitcoinNetwork) => string> = {
  eip55: (key) => toChecksummedHex(toAccountHash(key)),
  base58check: (key) => encodeVersioned(0x41, toAccountHash(key)),
  p2pkh: (key, network) => encodeVersioned(isMainnet(network) ? 0x00 : 0x6f, hash160(key)),
  'p2sh-p2wpkh': (key, network) =>
    encodeVersioned(isMainnet(network) ? 0x05 : 0xc4, hash160(Uint8Array.of(0x00, 0x14, ...hash160(key)))),
  p2wpkh: (key, network) => bech32.encode(toPrefix(network), [0, ...bech32.toWords(hash160(key))]),
  p2tr: (key, network) => bech32m.encode(toPrefix(network), [1, ...bech32m.toWords(toTaprootOutput(key))]),
}
