// Derivation: from the phrase to coin-level nodes, from those to addresses. The node type never leaves this file.
import { createHash } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { createBase58check } from '@scure/base'
import { HARDENED_OFFSET, HDKey } from '@scure/bip32'
import { commitRoot, deriveSeed } from '../../shared/mnemonic.ts'
import { type AddressType, type Network, networks } from '../../shared/model.ts'

const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest()
const hash160 = (data: Uint8Array): Uint8Array => createHash('ripemd160').update(sha256(data)).digest()
const base58check = createBase58check(sha256)

/** keccak256 of the point's x ‖ y, 32 bytes each, without the leading 0x04; the last 20 bytes. */
function toAccountHash(publicKey: Uint8Array): Uint8Array {
  const uncompressed = secp256k1.Point.fromBytes(publicKey).toBytes(false)
  return keccak_256(uncompressed.subarray(1)).subarray(-20)
}

/**
 * The text of an account, 20 bytes: 0x and 40 hex digits, upper case where the digit's nibble of
 * keccak256(lower-case hex) is 8 or more (EIP-55).
 */
export function encodeEip55(account: Uint8Array): string {
  const hex = Buffer.from(account).toString('hex')
  const nibbles = Buffer.from(keccak_256(Buffer.from(hex, 'ascii'))).toString('hex')
  return `0x${[...hex].map((digit, at) => ((nibbles[at] ?? '0') >= '8' ? digit.toUpperCase() : digit)).join('')}`
}

const withVersion = (version: number, hash: Uint8Array) => base58check.encode(Uint8Array.of(version, ...hash))

/** Coin types as in SLIP-44, purposes as in BIP-43; an address type has one purpose and never another. */
const table: Record<
  Network,
  { readonly coinType: number; readonly encodings: Partial<Record<AddressType, (publicKey: Uint8Array) => string>> }
> = {
  ethereum: { coinType: 60, encodings: { eip55: (publicKey) => encodeEip55(toAccountHash(publicKey)) } },
  bitcoin: { coinType: 0, encodings: { p2pkh: (publicKey) => withVersion(0x00, hash160(publicKey)) } },
  tron: { coinType: 195, encodings: { base58check: (publicKey) => withVersion(0x41, toAccountHash(publicKey)) } },
}
const purpose = 44

/** One derived address, public parts only. */
export type DerivedAddress = {
  /** `m/44'/{coin}'/{account}'/0/0` */
  readonly path: string
  readonly address: string
  /** Compressed, 33 bytes. */
  readonly publicKey: Uint8Array
  /** The extended public key of `m/44'/{coin}'/{account}'` (BIP-32 serialization, version xpub). */
  readonly accountXpub: string
}

/** An open root: derives addresses, tells nothing else. */
export type Keyring = {
  readonly id: number
  readonly derive: (network: Network, addressType: AddressType, account: number) => DerivedAddress
}

/**
 * Opens a root. Keeps its coin-level nodes (`m/44'/{coin}'`); the seed, the master and the purpose node are wiped.
 *
 * @param phrase the words in ASCII; stays the caller's, who wipes it
 * @returns the keyring and the root's commitment, to be compared before anything is derived
 */
export function openRoot(
  phrase: Uint8Array,
  keyringId: number,
): { readonly commitment: string; readonly keyring: Keyring } {
  const seed = deriveSeed(phrase)
  const master = HDKey.fromMasterSeed(seed)
  seed.fill(0)
  const commitment = commitRoot(master)
  const purposeNode = master.deriveChild(purpose + HARDENED_OFFSET)
  master.wipePrivateData()
  const coinNodes = new Map(
    networks.map((network) => [network, purposeNode.deriveChild(table[network].coinType + HARDENED_OFFSET)]),
  )
  purposeNode.wipePrivateData()

  function derive(network: Network, addressType: AddressType, account: number): DerivedAddress {
    const { coinType, encodings } = table[network]
    const encode = encodings[addressType]
    const coinNode = coinNodes.get(network)
    if (!encode || !coinNode) throw new RangeError(`expected an address type of ${network}; got ${addressType}`)
    if (!Number.isInteger(account) || account < 0 || account >= HARDENED_OFFSET) {
      throw new RangeError(`expected an account from 0 to 2^31-1; got ${account}`)
    }
    // Not hardened below the account: its public half suffices, so no further private key comes into being.
    const accountNode = coinNode.deriveChild(account + HARDENED_OFFSET).wipePrivateData()
    const { publicKey } = accountNode.deriveChild(0).deriveChild(0)
    const accountXpub = accountNode.publicExtendedKey
    if (!publicKey) throw new TypeError('expected a node with a public key')
    return { path: `m/${purpose}'/${coinType}'/${account}'/0/0`, address: encode(publicKey), publicKey, accountXpub }
  }

  return { commitment, keyring: { id: keyringId, derive } }
}
