// The one table of networks and address types: coin types, purposes, encodings. From a public key to an address; no
// private key comes here.

import { bech32, bech32m } from '@scure/base'
import { type AddressType, type BitcoinNetwork, isAddressTypeOf, type Network } from '../../shared/model.ts'
import { encodeBase58Check, sha256 } from './base58.ts'
import { hash160 } from './bip32.ts'
import { addToPublicKey, keccak256, toUncompressed } from './secp256k1.ts'

/** The address of a public key, compressed (33 bytes); Ethereum and Tron take the form of 65 bytes as well. */
type Encode = (publicKey: Uint8Array) => string

export type AddressTypeEntry = {
  /** BIP-43: hardened, the first step of the path. */
  readonly purpose: number
  /** SLIP-44: hardened, the second step. */
  readonly coinType: number
  readonly encode: Encode
  /** The form of the public key that `encode` need not convert first. */
  readonly keyBytes: 33 | 65
}

const refusePoint = () => new RangeError('expected a public key of secp256k1; got other bytes')

/** keccak256 of x ‖ y, 32 bytes each, without the leading 0x04; its last 20 bytes. */
function toAccountHash(publicKey: Uint8Array): Uint8Array {
  const uncompressed = publicKey.length === 65 ? publicKey : toUncompressed(publicKey)
  if (!uncompressed) throw refusePoint()
  return keccak256(uncompressed.subarray(1)).subarray(-20)
}

/**
 * The text of an account, 20 bytes: 0x and 40 hex digits, upper case where the digit's nibble of
 * keccak256(lower-case hex) is 8 or more (EIP-55).
 */
export function encodeEip55(account: Uint8Array): string {
  const text = Buffer.from(Buffer.from(account).toString('hex'), 'ascii')
  const digest = keccak256(text)
  for (let at = 0; at < text.length; at++) {
    const nibble = ((digest[at >> 1] as number) >> (at % 2 === 0 ? 4 : 0)) & 15
    const character = text[at] as number
    // a to f are 0x61 to 0x66; 0x20 less is their upper case.
    if (nibble >= 8 && character >= 0x61) text[at] = character - 0x20
  }
  return `0x${text.toString('ascii')}`
}

function encodeVersioned(version: number, program: Uint8Array): string {
  const payload = new Uint8Array(1 + program.length)
  payload[0] = version
  payload.set(program, 1)
  return encodeBase58Check(payload)
}

/** P2SH of the script 0 <20 bytes>, which is P2WPKH (BIP-141, "P2WPKH nested in BIP16 P2SH"). */
function toNestedScriptHash(publicKey: Uint8Array): Uint8Array {
  const script = new Uint8Array(22)
  script[1] = 20
  script.set(hash160(publicKey), 2)
  return hash160(script)
}

const tapTweakTag = sha256(Buffer.from('TapTweak', 'ascii'))

/** The tagged hash of the internal key's x, for an output without scripts (BIP-341; BIP-86). */
const toTapTweak = (x: Uint8Array) => sha256(Buffer.concat([tapTweakTag, tapTweakTag, x]))

/**
 * The output key: x of P + tweak · G, where P is the point with the internal key's x and an even y (BIP-341,
 * "Constructing and spending Taproot outputs"). 32 bytes.
 */
function toTaprootOutput(publicKey: Uint8Array): Uint8Array {
  const internal = publicKey.slice()
  internal[0] = 2
  const output = addToPublicKey(internal, toTapTweak(internal.subarray(1)))
  if (!output) throw refusePoint()
  return output.subarray(1)
}

/** BIP-173 for witness version 0, BIP-350 from version 1 on. */
function encodeSegwit(prefix: string, version: 0 | 1, program: Uint8Array): string {
  const coder = version === 0 ? bech32 : bech32m
  return coder.encode(prefix, [version, ...coder.toWords(program)])
}

const bitcoin = {
  mainnet: { coinType: 0, publicKeyHash: 0x00, scriptHash: 0x05, prefix: 'bc' },
  testnet: { coinType: 1, publicKeyHash: 0x6f, scriptHash: 0xc4, prefix: 'tb' },
} as const

function toBitcoinEntries(network: BitcoinNetwork): Partial<Record<AddressType, AddressTypeEntry>> {
  const { coinType, publicKeyHash, scriptHash, prefix } = bitcoin[network]
  return {
    p2pkh: { purpose: 44, coinType, keyBytes: 33, encode: (key) => encodeVersioned(publicKeyHash, hash160(key)) },
    'p2sh-p2wpkh': {
      purpose: 49,
      coinType,
      keyBytes: 33,
      encode: (key) => encodeVersioned(scriptHash, toNestedScriptHash(key)),
    },
    p2wpkh: { purpose: 84, coinType, keyBytes: 33, encode: (key) => encodeSegwit(prefix, 0, hash160(key)) },
    p2tr: {
      purpose: 86,
      coinType,
      keyBytes: 33,
      encode: (key) => encodeSegwit(prefix, 1, toTaprootOutput(key)),
    },
  }
}

const ethereum: Partial<Record<AddressType, AddressTypeEntry>> = {
  eip55: { purpose: 44, coinType: 60, keyBytes: 65, encode: (key: Uint8Array) => encodeEip55(toAccountHash(key)) },
}
const tron: Partial<Record<AddressType, AddressTypeEntry>> = {
  base58check: {
    purpose: 44,
    coinType: 195,
    keyBytes: 65,
    encode: (key: Uint8Array) => encodeVersioned(0x41, toAccountHash(key)),
  },
}

/** A type belongs to one purpose and never to another (BIP-44, 49, 84, 86): "m / purpose' / coin type' / …". */
const table: Record<BitcoinNetwork, Record<Network, Partial<Record<AddressType, AddressTypeEntry>>>> = {
  mainnet: { ethereum, bitcoin: toBitcoinEntries('mainnet'), tron },
  testnet: { ethereum, bitcoin: toBitcoinEntries('testnet'), tron },
}

/**
 * The row of an address type. Ethereum and Tron are the same beside either network of Bitcoin.
 *
 * @throws {RangeError} when the network has no such type
 */
export function findAddressType(
  network: Network,
  addressType: AddressType,
  bitcoinNetwork: BitcoinNetwork,
): AddressTypeEntry {
  const entry = isAddressTypeOf(network, addressType) ? table[bitcoinNetwork][network][addressType] : undefined
  if (!entry) throw new RangeError(`expected an address type of ${network}; got ${addressType}`)
  return entry
}
