// What `derive` answers: from a mnemonic, a seed or an extended key and a path to an address, by the wallet function's own
// derivation. No standard input or output here.
import { isAscii } from 'node:buffer'
import { findAddressType } from '../functions/wallet/address-types.ts'
import {
  deriveChild,
  type ExtendedKey,
  hardened,
  parseExtendedKey,
  serializePublicKey,
  toFingerprint,
  toMasterKey,
  wipeKey,
} from '../functions/wallet/bip32.ts'
import { decodeMnemonic, deriveSeed, MnemonicError } from '../shared/mnemonic.ts'
import { type AddressType, addressTypes, type BitcoinNetwork, isAddressTypeOf, type Network } from '../shared/model.ts'
import { decodeUtf8, describeValue, InputError, toBitcoinNetwork, toNetwork } from './command-line.ts'

export const sources = ['mnemonic', 'seed', 'xprv', 'xpub'] as const
export type Source = (typeof sources)[number]

/** Where to derive from: the bytes as they were given, which `openSource` wipes. A passphrase belongs to a mnemonic only. */
export type Secret = { readonly source: Source; readonly bytes: Uint8Array; readonly passphrase: Uint8Array }

/** Where to derive to. Without a path that of the address type at the account, from the master. */
export type Destination = {
  readonly network: Network
  readonly addressType: AddressType
  readonly bitcoinNetwork: BitcoinNetwork
  /** Child numbers, with the hardened bit; relative to the key that was given. */
  readonly path: readonly number[] | undefined
  readonly account: number
}

/** One answer, in the order of its fields. */
export type Answer = {
  readonly path: string
  readonly address: string
  /** Compressed, in hex. */
  readonly public_key: string
  readonly xpub: string
  /** 8 hex digits; null when the given key is not a master, which does not tell its master. */
  readonly master_fingerprint: string | null
}

const lastAccount = hardened - 1
/** BIP-32 serializes the depth in one byte. */
const deepest = 255

// ---- reading

/**
 * The address type that was asked for, the network's default when none was.
 *
 * @throws {InputError} `unknown_address_type`
 */
export function toAddressType(network: Network, value: unknown): AddressType {
  if (value === undefined) return addressTypes[network][0]
  if (typeof value === 'string' && isAddressTypeOf(network, value)) return value
  throw new InputError(
    'unknown_address_type',
    `expected an address type of ${network}, one of ${addressTypes[network].join(', ')}; got ${describeValue(value)}`,
  )
}

/** @throws {InputError} `invalid_account` for anything but a whole number from 0 to 2^31-1 */
export function checkAccount(account: unknown): number {
  if (typeof account === 'number' && Number.isInteger(account) && account >= 0 && account <= lastAccount) {
    // -0 is 0.
    return account + 0
  }
  throw new InputError(
    'invalid_account',
    `expected an account, a whole number from 0 to ${lastAccount}; got ${describeValue(account)}`,
  )
}

/**
 * The child numbers of `m`, `m/0`, `m/44'/0'/0'/0/0`: decimal without leading zeros, hardened by one of ' h H, at most 255.
 *
 * @throws {InputError} `invalid_path`
 */
export function parsePath(text: string): number[] {
  const refuse = (message: string) => new InputError('invalid_path', message)
  const longestStep = "/2147483647'".length
  if (text.length > 1 + deepest * longestStep) throw refuse(`expected a path of at most ${deepest} steps; got more`)
  const [root, ...steps] = text.split('/')
  if (root !== 'm') throw refuse('expected a path that begins with m: m, or m/ and steps with / between them')
  if (steps.length > deepest) throw refuse(`expected a path of at most ${deepest} steps; got ${steps.length}`)
  return steps.map((step, at) => {
    const match = /^(0|[1-9]\d{0,9})(['hH]?)$/.exec(step)
    const index = Number(match?.[1])
    if (!match || index > lastAccount) {
      throw refuse(`step ${at + 1} of the path: expected a number from 0 to ${lastAccount}, then ' or h when hardened`)
    }
    return match[2] ? index + hardened : index
  })
}

const formatPath = (path: readonly number[]) =>
  ['m', ...path.map((child) => (child >= hardened ? `${child - hardened}'` : `${child}`))].join('/')

/** A path that differs in its account: the index of the third step. @throws {InputError} `invalid_path` when it is shorter */
export function withAccountStep(path: readonly number[], offset: number): number[] {
  const step = path[2]
  if (step === undefined) throw new InputError('invalid_path', '--count steps the third step of a path; got fewer')
  const base = step >= hardened ? hardened : 0
  return path.with(2, base + checkAccount(step - base + offset))
}

// ---- opening

/** Tab, LF, VT, FF, CR and space: what separates words in ASCII. */
const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)

/** Unicode in NFKD (BIP-39) as UTF-8. ASCII is that already, and never becomes a string. A new array in any case. */
function normalize(bytes: Uint8Array, what: string): Uint8Array {
  if (isAscii(bytes)) return bytes.slice()
  const text = decodeUtf8(bytes)
  if (text === undefined) throw new InputError('invalid_utf8', `expected UTF-8 in the ${what}; got other bytes`)
  return new Uint8Array(Buffer.from(text.normalize('NFKD'), 'utf8'))
}

/** The words with one space between two, none around them. */
function joinWords(text: Uint8Array): Uint8Array {
  const joined = new Uint8Array(text.length)
  let length = 0
  let isPending = false
  for (const byte of text) {
    if (isSpace(byte)) {
      isPending = length > 0
      continue
    }
    if (isPending) joined[length++] = 0x20
    isPending = false
    joined[length++] = byte
  }
  const result = joined.slice(0, length)
  joined.fill(0)
  return result
}

function openMnemonic(bytes: Uint8Array, passphraseBytes: Uint8Array): ExtendedKey {
  const secrets: Uint8Array[] = []
  const track = (secret: Uint8Array) => {
    secrets.push(secret)
    return secret
  }
  try {
    const phrase = track(joinWords(track(normalize(bytes, 'mnemonic'))))
    if (phrase.length === 0) throw new InputError('invalid_mnemonic', 'expected 12, 15, 18, 21 or 24 words; got none')
    const passphrase = track(normalize(passphraseBytes, 'passphrase'))
    track(decodeMnemonic(phrase))
    return toMasterKey(track(deriveSeed(phrase, passphrase)))
  } catch (error) {
    if (error instanceof MnemonicError) throw new InputError('invalid_mnemonic', error.message, { cause: error })
    throw error
  } finally {
    for (const secret of secrets) secret.fill(0)
  }
}

const toNibble = (byte: number) =>
  byte >= 0x30 && byte <= 0x39
    ? byte - 0x30
    : (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66
      ? (byte | 0x20) - 0x57
      : -1

function openSeed(hex: Uint8Array): ExtendedKey {
  const refuse = () => new InputError('invalid_seed', 'expected a seed of 16 to 64 bytes in hex, two digits a byte')
  if (hex.length % 2 !== 0 || hex.length < 32 || hex.length > 128) throw refuse()
  const seed = new Uint8Array(hex.length / 2)
  try {
    for (let at = 0; at < hex.length; at += 2) {
      const [high, low] = [toNibble(hex[at] as number), toNibble(hex[at + 1] as number)]
      if (high < 0 || low < 0) throw refuse()
      seed[at / 2] = (high << 4) | low
    }
    return toMasterKey(seed)
  } finally {
    seed.fill(0)
  }
}

/** An extended key is short-lived text: base58 is decoded by a library that takes strings. */
function openExtendedKey(source: 'xprv' | 'xpub', bytes: Uint8Array): ExtendedKey {
  const key = parseExtendedKey(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))
  const got = key.privateKey ? 'xprv' : 'xpub'
  if (got === source) return key
  wipeKey(key)
  const kinds = { xprv: 'an extended private key', xpub: 'an extended public key' }
  throw new InputError('invalid_extended_key', `expected ${kinds[source]} (${source}); got ${kinds[got]}`)
}

/**
 * The key that a path begins at. Wipes what was given; the caller wipes the key.
 *
 * @throws {InputError} `invalid_mnemonic`, `invalid_seed`, `invalid_utf8`, `unexpected_passphrase`
 * @throws {KeyError} `invalid_extended_key`, `invalid_seed`
 */
export function openSource({ source, bytes, passphrase }: Secret): ExtendedKey {
  try {
    if (source === 'mnemonic') return openMnemonic(bytes, passphrase)
    if (passphrase.length > 0) {
      throw new InputError('unexpected_passphrase', `a passphrase belongs to a mnemonic; got one with a ${source}`)
    }
    const start = bytes.findIndex((byte) => !isSpace(byte))
    const text = bytes.subarray(Math.max(start, 0), bytes.findLastIndex((byte) => !isSpace(byte)) + 1)
    return source === 'seed' ? openSeed(text) : openExtendedKey(source, text)
  } finally {
    bytes.fill(0)
    passphrase.fill(0)
  }
}

// ---- deriving

/** `m/a'/b'/c'/x/y`: the shape of the standard path, whose xpub is that of its account. */
const hasAccount = (path: readonly number[]) =>
  path.length === 5 && path.every((child, at) => child >= hardened === at < 3)

/**
 * Derives from a key, which stays as it is; every key on the way is wiped.
 *
 * @throws {InputError} `path_required`, `invalid_path`, `hardened_from_xpub`
 * @throws {KeyError} `invalid_child`
 */
export function deriveAnswer(start: ExtendedKey, destination: Destination): Answer {
  const { network, addressType, bitcoinNetwork, account } = destination
  const entry = findAddressType(network, addressType, bitcoinNetwork)
  if (!destination.path && start.depth > 0) {
    throw new InputError(
      'path_required',
      `without a path the standard one is derived, which begins at a master; got a key of depth ${start.depth}: ` +
        'give the path from that key on, as m/0/0',
    )
  }
  const path = destination.path ?? [entry.purpose + hardened, entry.coinType + hardened, account + hardened, 0, 0]
  if (start.depth + path.length > deepest) {
    throw new InputError('invalid_path', `expected a depth of at most ${deepest}; got ${start.depth + path.length}`)
  }
  const firstHardened = start.privateKey ? -1 : path.findIndex((child) => child >= hardened)
  if (firstHardened !== -1) {
    throw new InputError(
      'hardened_from_xpub',
      `step ${firstHardened + 1} of the path is hardened, which needs a private key; got a public one`,
    )
  }
  const keys: ExtendedKey[] = [start]
  try {
    for (const child of path) keys.push(deriveChild(keys.at(-1) as ExtendedKey, child))
    const key = keys.at(-1) as ExtendedKey
    const shown = (hasAccount(path) ? keys[3] : key) as ExtendedKey
    return {
      path: formatPath(path),
      address: entry.encode(key.publicKey),
      public_key: Buffer.from(key.publicKey).toString('hex'),
      xpub: serializePublicKey(shown, bitcoinNetwork),
      master_fingerprint: start.depth === 0 ? toFingerprint(start).toString(16).padStart(8, '0') : null,
    }
  } finally {
    for (const key of keys.slice(1)) wipeKey(key)
  }
}

// ---- requests of --ndjson

const fields = [...sources, 'passphrase', 'network', 'address_type', 'account', 'path', 'bitcoin_network']

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Its error would show the text.
    throw new InputError('invalid_json', 'expected one JSON object on the line; got text that is no JSON')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new InputError('invalid_json', 'expected one JSON object on the line; got another value')
}

/** The bytes of a text field; an absent one has none. */
function toBytes(request: Readonly<Record<string, unknown>>, name: string): Uint8Array {
  const value = request[name] ?? ''
  if (typeof value !== 'string' || request[name] === null) {
    const got = request[name] === null ? 'null' : `a ${typeof value}`
    throw new InputError('invalid_field', `${name}: expected text; got ${got}`)
  }
  if (!value.isWellFormed()) {
    throw new InputError('invalid_field', `${name}: expected well-formed Unicode; got a lone surrogate`)
  }
  return new Uint8Array(Buffer.from(value, 'utf8'))
}

/**
 * The answer to one request: `{mnemonic | seed | xprv | xpub, passphrase?, network, address_type?, account? | path?,
 * bitcoin_network?}` in JSON. Its strings cannot be wiped: JavaScript's parser makes them.
 *
 * @throws {InputError} for everything that is no such request, and as `openSource` and `deriveAnswer`
 */
export function answerRequest(line: Uint8Array): Answer {
  const text = decodeUtf8(line)
  if (text === undefined) throw new InputError('invalid_utf8', 'expected UTF-8; got other bytes')
  const request = parseObject(text)
  const unknown = Object.keys(request).find((name) => !fields.includes(name))
  if (unknown !== undefined) {
    throw new InputError('unknown_field', `expected fields of ${fields.join(', ')}; got ${describeValue(unknown)}`)
  }
  const given = sources.filter((name) => request[name] !== undefined)
  const [source] = given
  if (!source || given.length > 1) {
    const got = given.length > 0 ? given.join(' and ') : 'none'
    throw new InputError('invalid_field', `expected exactly one of ${sources.join(', ')}; got ${got}`)
  }
  if (request.path !== undefined && request.account !== undefined) {
    throw new InputError('invalid_field', 'expected account or path, not both: the path says the account')
  }
  const network = toNetwork(request.network)
  const destination = {
    network,
    addressType: toAddressType(network, request.address_type),
    bitcoinNetwork: toBitcoinNetwork(request.bitcoin_network),
    path: request.path === undefined ? undefined : parsePath(Buffer.from(toBytes(request, 'path')).toString('utf8')),
    account: request.account === undefined ? 0 : checkAccount(request.account),
  }
  const key = openSource({
    source,
    bytes: toBytes(request, source),
    passphrase: toBytes(request, 'passphrase'),
  })
  try {
    return deriveAnswer(key, destination)
  } finally {
    wipeKey(key)
  }
}
