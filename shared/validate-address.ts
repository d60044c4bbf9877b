// What a text is as an address: a decoder that shares no code with the encoders which it checks. No key, no I/O.
import { createHash } from 'node:crypto'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { base58, bech32, bech32m } from '@scure/base'
import type { AddressType, BitcoinNetwork, Network } from './model.ts'

/** Why a text is no address of the network that was asked for. */
export type InvalidityCode =
  | 'empty'
  | 'whitespace'
  | 'invalid_character'
  | 'invalid_prefix'
  | 'mixed_case'
  | 'wrong_length'
  | 'bad_checksum'
  | 'invalid_witness_version'
  | 'invalid_padding'
  | 'wrong_network'

/**
 * `addressType` is the type of ours that the address is of, and undefined for one that anyone may pay to but this system
 * never issues: P2WSH, a witness program of version 1 that has not 32 bytes, and every witness version above (BIP-350
 * calls them valid). `detail` says what was expected and what was got, never more of the text than one character.
 */
export type AddressValidity =
  | { readonly valid: true; readonly addressType: AddressType | undefined }
  | { readonly valid: false; readonly reason: InvalidityCode; readonly detail: string }

/** What a text says of itself, whatever was asked for. `place` is the network by name, for people. */
type Decoded =
  | {
      readonly network: Network | undefined
      readonly bitcoinNetwork?: BitcoinNetwork
      readonly place: string
      readonly addressType: AddressType | undefined
      /** The one form of all those that mean the same, which is how issued addresses are stored. */
      readonly canonical: string
    }
  | { readonly reason: InvalidityCode; readonly detail: string }

/** The longest bech32 text (BIP-173); every other address is shorter. */
const longestAddress = 90

const refuse = (reason: InvalidityCode, detail: string) => ({ reason, detail })

/** A character as a message may show it. */
const describeCharacter = (character: string) =>
  /^[!-~]$/.test(character) ? `"${character}"` : `U+${character.codePointAt(0)?.toString(16).padStart(4, '0')}`

/**
 * Whether a text is an address of that network.
 *
 * * Ethereum: `0x` and 40 hex digits; EIP-55 when upper and lower case are mixed, which all-upper and all-lower need not.
 * * Bitcoin: base58check (P2PKH, P2SH), bech32 for witness version 0 (BIP-173), bech32m from version 1 on (BIP-350).
 * * Tron: base58check with version 0x41.
 *
 * A P2SH address hides its script: `p2sh-p2wpkh`, the only P2SH type of ours, says that it may be one, not that it is.
 * That the x of a taproot output lies on the curve is not asked, as BIP-350 does not: nobody could spend from one that does not.
 *
 * @param bitcoinNetwork says which Bitcoin is meant; other networks have one each
 */
export function validateAddress(address: string, network: Network, bitcoinNetwork: BitcoinNetwork): AddressValidity {
  const expected = network === 'bitcoin' ? `Bitcoin ${bitcoinNetwork}` : network === 'tron' ? 'Tron' : 'Ethereum'
  const fault = findFaultOfAnyText(address)
  if (fault) return { valid: false, ...fault }
  const decoded = decode(address)
  if ('place' in decoded) {
    const isBitcoinMeant = network !== 'bitcoin' || decoded.bitcoinNetwork === bitcoinNetwork
    if (decoded.network === network && isBitcoinMeant) return { valid: true, addressType: decoded.addressType }
    return { valid: false, ...refuse('wrong_network', `expected ${expected}; got an address of ${decoded.place}`) }
  }
  // No address at all: the fault is told in the terms of the network that was asked for.
  const faults = { ethereum: decodeHex, tron: decodeBase58Check, bitcoin: decodeBitcoin }
  const own = faults[network](address)
  return { valid: false, ...('place' in own ? decoded : own) }
}

/**
 * An address of whichever network it says, in the form in which addresses are stored: EIP-55 for Ethereum, lower case for
 * bech32, base58 as it stands. `network` is undefined for an address of none of ours.
 */
export function readAddress(
  text: string,
):
  | { readonly network: Network | undefined; readonly canonical: string }
  | { readonly reason: InvalidityCode; readonly detail: string } {
  const fault = findFaultOfAnyText(text)
  if (fault) return fault
  const decoded = decode(text)
  return 'place' in decoded ? { network: decoded.network, canonical: decoded.canonical } : decoded
}

function findFaultOfAnyText(text: string) {
  if (text.length === 0) return refuse('empty', 'expected an address; got nothing')
  if (text.length > longestAddress) {
    return refuse('wrong_length', `expected at most ${longestAddress} characters; got ${text.length}`)
  }
  const wrong = /[^!-~]/u.exec(text)?.[0]
  if (wrong === undefined) return undefined
  const code = /\s/.test(wrong) ? 'whitespace' : 'invalid_character'
  return refuse(code, `expected printable ASCII without spaces; got ${describeCharacter(wrong)}`)
}

function decode(text: string): Decoded {
  if (/^0x/i.test(text)) return decodeHex(text)
  return decodeBitcoin(text)
}

// ---- Ethereum

function decodeHex(text: string): Decoded {
  if (!text.startsWith('0x')) return refuse('invalid_prefix', 'expected 0x and 40 hex digits; got no 0x')
  const digits = text.slice(2)
  const wrong = /[^0-9a-fA-F]/.exec(digits)?.[0]
  if (wrong !== undefined) return refuse('invalid_character', `expected hex digits; got ${describeCharacter(wrong)}`)
  if (digits.length !== 40) return refuse('wrong_length', `expected 40 hex digits; got ${digits.length}`)
  const isMixed = /[a-f]/.test(digits) && /[A-F]/.test(digits)
  const checksummed = toEip55(digits)
  if (isMixed && checksummed !== digits) {
    return refuse('bad_checksum', 'the upper and lower case of the digits is not that of EIP-55')
  }
  return { network: 'ethereum', place: 'Ethereum', addressType: 'eip55', canonical: `0x${checksummed}` }
}

/** A letter is in upper case where the same nibble of keccak256(digits in lower case) is 8 or more (EIP-55). */
function toEip55(digits: string): string {
  const lower = digits.toLowerCase()
  const nibbles = Buffer.from(keccak_256(Buffer.from(lower, 'ascii'))).toString('hex')
  return [...lower]
    .map((digit, at) => (Number.parseInt(nibbles[at] ?? '', 16) >= 8 ? digit.toUpperCase() : digit))
    .join('')
}

// ---- base58check

/** Version bytes; 20 bytes of hash follow each. */
const versions: Readonly<Record<number, Omit<Extract<Decoded, { place: string }>, 'canonical'>>> = {
  0: { network: 'bitcoin', bitcoinNetwork: 'mainnet', place: 'Bitcoin mainnet', addressType: 'p2pkh' },
  5: { network: 'bitcoin', bitcoinNetwork: 'mainnet', place: 'Bitcoin mainnet', addressType: 'p2sh-p2wpkh' },
  111: { network: 'bitcoin', bitcoinNetwork: 'testnet', place: 'Bitcoin testnet', addressType: 'p2pkh' },
  196: { network: 'bitcoin', bitcoinNetwork: 'testnet', place: 'Bitcoin testnet', addressType: 'p2sh-p2wpkh' },
  65: { network: 'tron', place: 'Tron', addressType: 'base58check' },
}
/** 1 version ‖ 20 hash ‖ 4 checksum */
const base58CheckBytes = 25

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest()

function decodeBase58Check(text: string): Decoded {
  const wrong = /[^1-9A-HJ-NP-Za-km-z]/.exec(text)?.[0]
  if (wrong !== undefined) {
    return refuse('invalid_character', `expected digits of base58; got ${describeCharacter(wrong)}`)
  }
  const bytes = base58.decode(text)
  if (bytes.length !== base58CheckBytes) {
    return refuse('wrong_length', `expected base58 of ${base58CheckBytes} bytes; got ${bytes.length}`)
  }
  const checksum = sha256(sha256(bytes.subarray(0, -4))).subarray(0, 4)
  if (!checksum.equals(bytes.subarray(-4))) {
    return refuse('bad_checksum', 'the checksum of base58check does not match: a character is wrong')
  }
  const version = bytes[0] ?? 0
  const place = `an unknown network (version byte 0x${version.toString(16).padStart(2, '0')})`
  return { ...(versions[version] ?? { network: undefined, place, addressType: undefined }), canonical: text }
}

// ---- bech32, bech32m

/** Human-readable parts: BIP-173, and that of Bitcoin Core's private test networks, to name them. */
const prefixes: Readonly<Record<string, { readonly bitcoinNetwork?: BitcoinNetwork; readonly place: string }>> = {
  bc: { bitcoinNetwork: 'mainnet', place: 'Bitcoin mainnet' },
  tb: { bitcoinNetwork: 'testnet', place: 'Bitcoin testnet' },
  bcrt: { place: 'Bitcoin regtest' },
}

function decodeBitcoin(text: string): Decoded {
  const segwit = decodeSegwit(text)
  if ('place' in segwit) return segwit
  // A right checksum goes before a prefix: one Tron address in 3,400 begins with TB1. Without either, nothing says that
  // the text was meant as bech32.
  const versioned = decodeBase58Check(text)
  return 'reason' in versioned && /^(?:bc|tb|bcrt)1/i.test(text) ? segwit : versioned
}

/** Prefix ‖ "1" ‖ witness version, 5 bits ‖ program in groups of 5 bits ‖ checksum, 6 characters. */
function decodeSegwit(text: string): Decoded {
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) {
    return refuse('mixed_case', 'expected bech32 in one case; got both')
  }
  const lower = text.toLowerCase()
  const separator = lower.lastIndexOf('1')
  const prefix = lower.slice(0, separator)
  const data = lower.slice(separator + 1)
  const wrong = /[^qpzry9x8gf2tvdw0s3jn54khce6mua7l]/.exec(data)?.[0]
  if (wrong !== undefined) {
    return refuse('invalid_character', `expected characters of bech32; got ${describeCharacter(wrong)}`)
  }
  if (separator < 1 || data.length < 6)
    return refuse('wrong_length', 'expected a prefix, data and a checksum of bech32')
  const coder = [bech32, bech32m].find((each) => each.decodeUnsafe(lower) !== undefined)
  if (!coder) return refuse('bad_checksum', 'the checksum of bech32 does not match: a character is wrong')
  const { bitcoinNetwork, place } = (Object.hasOwn(prefixes, prefix) && prefixes[prefix]) || {
    place: 'an unknown network (another prefix than bc and tb)',
  }
  if (!bitcoinNetwork) return { network: undefined, place, addressType: undefined, canonical: lower }
  const program = decodeWitnessProgram(coder.decode(lower as `${string}1${string}`).words, coder)
  if ('reason' in program) return program
  return { network: 'bitcoin', bitcoinNetwork, place, addressType: program.addressType, canonical: lower }
}

/** BIP-173 and BIP-350, "Decoding": versions 0 to 16, programs of 2 to 40 bytes, of version 0 only 20 or 32. */
function decodeWitnessProgram(words: readonly number[], coder: typeof bech32 | typeof bech32m) {
  const [version, ...rest] = words
  if (version === undefined) return refuse('wrong_length', 'expected a witness program; got none')
  if (version > 16) return refuse('invalid_witness_version', `expected a witness version from 0 to 16; got ${version}`)
  if ((version === 0) !== (coder === bech32)) {
    const [expected, got] = version === 0 ? ['bech32', 'bech32m'] : ['bech32m', 'bech32']
    return refuse('bad_checksum', `witness version ${version} has a checksum of ${expected}; got that of ${got}`)
  }
  const program = coder.fromWordsUnsafe(rest)
  if (!program) return refuse('invalid_padding', 'expected at most 4 bits of padding, all zero')
  const isRightLength = version === 0 ? [20, 32].includes(program.length) : program.length >= 2 && program.length <= 40
  if (!isRightLength) {
    const expected = version === 0 ? '20 or 32' : '2 to 40'
    return refuse('wrong_length', `expected a witness program of ${expected} bytes; got ${program.length}`)
  }
  const addressType: AddressType | undefined =
    version === 0 && program.length === 20 ? 'p2wpkh' : version === 1 && program.length === 32 ? 'p2tr' : undefined
  return { addressType }
}
