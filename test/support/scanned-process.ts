// A process that opens a vault and derives as the wallet function does, and searches its own memory on the way. Reads a
// job from standard input, writes its findings to standard output. It knows the secrets only under masks.
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { deriveChild, hardened, toMasterKey } from '../../functions/wallet/bip32.ts'
import type { Keyring } from '../../functions/wallet/derivation.ts'
import { createKeyringOpener } from '../../functions/wallet/open-keyring.ts'
import { memory } from '../../functions/wallet/secp256k1.ts'
import { decodeMnemonic, deriveSeed } from '../../shared/mnemonic.ts'
import { type AddressType, addressTypes, bitcoinNetworks, type Network, networks } from '../../shared/model.ts'
import { allocateSecret, copySecret } from '../../shared/secret-bytes.ts'
import { openPhrase, parseVaultRecord } from '../../shared/vault.ts'
import { createFinder, createMemoryScanner, type Pattern, type Region, scanLiveArrays } from './memory-scan.ts'

export type Job = {
  /** The vault's record and its stage. */
  readonly record: string
  readonly stage: string
  /** The data key, 32 bytes in hex: masked, and the mask. */
  readonly dataKey: { readonly masked: string; readonly mask: string }
  /** How many records a batch has. */
  readonly batch: number
  /** The accounts whose keys are among the needles. */
  readonly accounts: readonly number[]
  readonly patterns: readonly Pattern[]
  /** The needles that are planted: nothing else knows them. */
  readonly planted: readonly number[]
}

export const places = {
  'array that lives': 'owned: arrays of bytes that are left after a garbage collection, ours and all others',
  'memory of the WASM module': 'owned: libsecp256k1 works there',
  'anonymous memory': 'the heap of V8, with big integers, strings and small arrays; stacks of threads, large buffers',
  malloc: "OpenSSL's, Node's, and the buffers of arrays that were collected",
  stack: 'of the main thread',
  'data of a library': 'of a file that was loaded',
} as const
export type Place = keyof typeof places

export type Copy = {
  readonly pattern: number
  readonly place: Place
  /** Of the first byte that is there. */
  readonly address: number
  /** How many bytes of the pattern are there. */
  readonly length: number
}
export type Phase = {
  readonly name: string
  /** What was read of memory, and how many arrays were searched. */
  readonly bytes: number
  readonly arrays: number
  readonly copies: readonly Copy[]
}
export type Findings = { readonly phases: readonly Phase[]; readonly addresses: number; readonly crossChecks: number }

const job = JSON.parse(readFileSync(0, 'utf8')) as Job
const finder = createFinder(job.patterns)
const scanner = createMemoryScanner()
const lastBytes = memory.subarray(-64)
const wasmEnd = scanner.locate(lastBytes) + lastBytes.length
const phases: Phase[] = []

function toPlace(address: number, region: Region): Place {
  if (address >= wasmEnd - memory.length && address < wasmEnd) return 'memory of the WASM module'
  if (region.name === '[stack]') return 'stack'
  // glibc aligns the arenas of further threads to 64 MiB.
  if (region.name === '[heap]' || (region.name === '' && region.start % 2 ** 26 === 0)) return 'malloc'
  return region.name === '' ? 'anonymous memory' : 'data of a library'
}

function scan(name: string): void {
  // First as it is, then with the garbage collected.
  const { bytes, matches } = scanner.scan(finder)
  const live = scanLiveArrays(finder)
  phases.push({
    name,
    bytes,
    arrays: live.count,
    copies: [
      ...matches.map(({ region, ...match }) => ({ ...match, place: toPlace(match.address, region) })),
      ...live.matches.map((match) => ({ ...match, place: 'array that lives' as const })),
    ],
  })
}

function unmask(masked: string, mask: string): Uint8Array {
  const [hidden, pad] = [Buffer.from(masked, 'hex'), Buffer.from(mask, 'hex')]
  const bytes = allocateSecret(pad.length)
  for (let at = 0; at < pad.length; at++) bytes[at] = (hidden[at] as number) ^ (pad[at] as number)
  return bytes
}

let time = Date.UTC(2026, 0, 2)
let text: string | undefined = job.record
const openers = bitcoinNetworks.map((bitcoinNetwork) =>
  createKeyringOpener({
    stage: job.stage,
    expectedRoot: { kind: 'of-record' },
    acceptPublicMnemonics: false,
    bitcoinNetwork,
    now: () => new Date(time),
    readRecord: async () => text,
    unwrapDataKey: async () => unmask(job.dataKey.masked, job.dataKey.mask),
  }),
)
const types: readonly (readonly [Network, AddressType])[] = networks.flatMap((network) =>
  addressTypes[network].map((addressType) => [network, addressType] as const),
)
let addresses = 0
let crossChecks = 0

async function openAll(): Promise<Keyring[]> {
  const vaults = await Promise.all(openers.map((open) => open()))
  return vaults.map((vault) => {
    if (vault.state !== 'open') throw new Error(`expected an open vault; got ${vault.state}`)
    return vault.keyring
  })
}

/** As the wallet function does: the first record is checked, and one in a hundred: here the last. Both are of needles. */
function deriveBatch(keyring: Keyring, firstType: number): void {
  const last = job.batch - 1
  for (let at = 0; at <= last; at++) {
    const [network, addressType] = types[(firstType + at) % types.length] as readonly [Network, AddressType]
    const account = at === 0 || at === last ? (job.accounts.at(at === 0 ? 0 : -1) as number) : 1000 + at
    const derived = keyring.derive(network, addressType, account)
    addresses += 1
    if (at > 0 && at < last) continue
    keyring.crossCheck(network, addressType, account, derived)
    crossChecks += 1
  }
}

scan('before the vault is opened')

const keyrings = await openAll()
for (const keyring of keyrings) {
  for (const [network, addressType] of types) {
    for (const account of job.accounts) keyring.derive(network, addressType, account)
    addresses += job.accounts.length
  }
}
scan('opened, derived without a check')

for (const keyring of keyrings) for (const firstType of types.keys()) deriveBatch(keyring, firstType)
scan('after the batches')

// The lifetime of the keyring is over: the next invocation wipes it, and here finds no record to open again.
time += 24 * 3600 * 1000
text = undefined
for (const open of openers) {
  const { state } = await open()
  if (state !== 'no_root') throw new Error(`expected a closed vault; got ${state}`)
}
scan('after the lifetime')

plant()
hold()
process.stdout.write(JSON.stringify({ phases, addresses, crossChecks } satisfies Findings))

/** Every form of the planted needles in an array and in the module's memory; and some as V8 makes them itself. */
function plant(): void {
  const held: unknown[] = []
  let at = memory.length
  for (const { needle, form, masked, mask } of job.patterns) {
    if (!job.planted.includes(needle)) continue
    const bytes = unmask(masked, mask)
    at -= bytes.length
    memory.set(bytes, at)
    held.push(bytes)
    if (form !== 'big-endian') continue
    const hex = Buffer.from(bytes).toString('hex')
    held.push(BigInt(`0x${hex}`), hex, Buffer.from(bytes).toString('base64'))
  }
  // It collects garbage, which moves them to where they stay: a copy that moves during the scan may be missed.
  scanLiveArrays(finder)
  scan('with planted copies')
  for (const bytes of held) if (bytes instanceof Uint8Array) bytes.fill(0)
  memory.fill(0, at)
}

/** What production computes on the way to `m/86'/0'/{account}'/0/0`, held where production wipes it. */
function hold(): void {
  const dataKey = unmask(job.dataKey.masked, job.dataKey.mask)
  const phrase = openPhrase(parseVaultRecord(job.record), job.stage, dataKey)
  const seed = deriveSeed(phrase)
  let node = toMasterKey(seed)
  const held = [dataKey, phrase, decodeMnemonic(phrase), seed, node.privateKey]
  for (const childNumber of [86 + hardened, hardened, (job.accounts[0] as number) + hardened, 0, 0]) {
    const data = allocateSecret(37)
    if (childNumber < hardened) data.set(node.publicKey)
    else data.set(node.privateKey, 1)
    new DataView(data.buffer).setUint32(33, childNumber)
    // I of BIP-32: production has it inside other functions.
    const digest = createHmac('sha512', node.chainCode).update(data).digest()
    node = deriveChild(node, childNumber)
    held.push(copySecret(digest.subarray(0, 32)), node.privateKey)
  }
  scan('with everything held')
  for (const bytes of held) bytes.fill(0)
}
