// What is left of secrets in memory: of the WASM module, and of a whole process that opened a vault and derived.
import { execFileSync } from 'node:child_process'
import { createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HDKey } from '@scure/bip32'
import english from 'bip39/src/wordlists/english.json' with { type: 'json' }
import { beforeAll, describe, expect, it } from 'vitest'
import {
  addToPrivateKey,
  addToPublicKey,
  deriveAddress,
  isPrivateKey,
  isPublicKey,
  keccak256,
  memory,
  stackBytes,
  stackTop,
  toPublicKey,
  toUncompressed,
  wipeScratch,
} from '../../functions/wallet/secp256k1.ts'
import { commitMnemonic, encodeMnemonic } from '../../shared/mnemonic.ts'
import { sealPhrase } from '../../shared/vault.ts'
import { createFinder, type Match, type Pattern, toIndexPatterns, toPatterns } from '../support/memory-scan.ts'
import type { Copy, Findings, Job, Phase } from '../support/scanned-process.ts'

const key = new Uint8Array(randomBytes(32))
const tweak = new Uint8Array(randomBytes(32))
const chainCode = new Uint8Array(randomBytes(32))
const mask = new Uint8Array(randomBytes(32))
const masked = key.map((byte, at) => byte ^ (mask[at] as number))
const publicKey = toPublicKey(key) as Uint8Array

/** Each function of the module, and those of its arguments that are secret. */
const calls: Record<string, { readonly call: () => unknown; readonly secrets: readonly Uint8Array[] }> = {
  isPrivateKey: { call: () => isPrivateKey(key), secrets: [key] },
  toPublicKey: { call: () => toPublicKey(key), secrets: [key] },
  addToPrivateKey: { call: () => addToPrivateKey(key, tweak), secrets: [tweak] },
  addToPublicKey: { call: () => addToPublicKey(publicKey, tweak), secrets: [tweak] },
  isPublicKey: { call: () => isPublicKey(publicKey), secrets: [] },
  toUncompressed: { call: () => toUncompressed(publicKey), secrets: [] },
  keccak256: { call: () => keccak256(publicKey), secrets: [] },
}

function findAll(patterns: readonly Pattern[], bytes: Uint8Array): Match[] {
  const matches: Match[] = []
  createFinder(patterns).find(bytes, 0, (match) => matches.push(match))
  return matches
}

// TypeScript knows it as part of a browser only.
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}
type FreshModule = {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly getStack: () => number
  readonly getBuffer: () => number
}

describe("the WASM module's memory", () => {
  it.each(Object.entries(calls))('is after %s and wiping what it was before', (_name, { call, secrets }) => {
    wipeScratch()
    const before = memory.slice()
    expect(call()).toBeTruthy()
    // Not wiped, it holds what it was given.
    for (const secret of secrets) expect(findAll(toPatterns(0, secret), memory).length).toBeGreaterThan(0)
    wipeScratch()
    for (const secret of secrets) expect(findAll(toPatterns(0, secret), memory)).toEqual([])
    expect(Buffer.compare(memory, before)).toBe(0)
  })

  it.each([33, 65] as const)(
    'is after deriveAddress, %d bytes, what it was before, without further wiping',
    (length) => {
      wipeScratch()
      const before = memory.slice()
      expect(deriveAddress({ mask, masked, chainCode }, 7, length)?.publicKey).toHaveLength(length)
      expect(Buffer.compare(memory, before)).toBe(0)
    },
  )

  it('still has the constants that it came with: nothing above the stack is wiped', () => {
    wipeScratch()
    const file = join(import.meta.dirname, '../../functions/wallet/secp256k1/secp256k1.wasm')
    const fresh = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file))).exports as FreshModule
    const [start, end] = [fresh.getStack(), fresh.getBuffer()]
    expect(end - start).toBeGreaterThan(20_000)
    expect(Buffer.compare(memory.subarray(start, end), new Uint8Array(fresh.memory.buffer).subarray(start, end))).toBe(
      0,
    )
  })

  it('is written to by no call below what is wiped of the stack', () => {
    const paint = 0xa5
    for (const { call } of Object.values(calls)) {
      memory.fill(paint, 0, stackTop)
      call()
      const deepest = memory.findIndex((byte) => byte !== paint)
      expect(stackTop - deepest).toBeGreaterThan(0)
      expect(stackTop - deepest).toBeLessThan(stackBytes)
    }
    // It wipes what is wiped, so the paint that is left shows how far that goes, and that nothing was below.
    memory.fill(paint, 0, stackTop)
    deriveAddress({ mask, masked, chainCode }, 7, 65)
    expect(memory.findIndex((byte) => byte !== paint)).toBe(stackTop - stackBytes)
    memory.fill(0, 0, stackTop)
  })
})

describe('the finder', () => {
  const phrase = encodeMnemonic(randomBytes(32))
  const words = Buffer.from(phrase).toString('ascii').split(' ')
  const patterns = [...toPatterns(0, key), ...toPatterns(1, phrase, true), ...toIndexPatterns(1, toIndices(words))]
  const unmask = ({ masked, mask }: Pattern) => {
    const pad = Buffer.from(mask, 'hex')
    return Buffer.from(masked, 'hex').map((byte, at) => byte ^ (pad[at] as number))
  }

  it.each(patterns)('finds $form, whole and in part, and nothing like it', (pattern) => {
    const bytes = unmask(pattern)
    const around = Buffer.concat([randomBytes(13), bytes, randomBytes(7)])
    const find = (given: Uint8Array) => findAll([pattern], given)
    expect(find(around)).toContainEqual({ pattern: 0, address: 13, length: bytes.length })
    // One byte in eight is another: no run that counts is left.
    const altered = around.map((byte, at) => (at % 8 === 0 ? byte ^ 255 : byte))
    expect(find(altered)).toEqual([])
    if (bytes.length < pattern.shortest + 16) return
    // As free() leaves it: the first 16 bytes are gone.
    const rest = bytes.map((byte, at) => (at < 16 ? byte ^ 255 : byte))
    expect(find(rest)).toContainEqual({ pattern: 0, address: 16, length: bytes.length - 16 })
  })
})

function toIndices(words: readonly string[]): number[] {
  return words.map((word) => english.indexOf(word))
}

type Needle = { readonly kind: string; readonly name: string }

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const negate = (given: Uint8Array) =>
  Buffer.from((order - BigInt(`0x${Buffer.from(given).toString('hex')}`)).toString(16).padStart(64, '0'), 'hex')
const hardened = 2 ** 31
/** Purposes and coin types of all networks. */
const coins = [44, 49, 84, 86].flatMap((purpose) =>
  (purpose === 44 ? [0, 1, 60, 195] : [0, 1]).map((coinType) => [purpose, coinType] as const),
)

/** I of BIP-32, by Node's own HMAC. */
function digest(parent: HDKey, index: number): Uint8Array {
  const data = Buffer.alloc(37)
  if (index < hardened) data.set(parent.publicKey as Uint8Array)
  else data.set(parent.privateKey as Uint8Array, 1)
  data.writeUInt32BE(index, 33)
  return createHmac('sha512', parent.chainCode as Uint8Array)
    .update(data)
    .digest()
}

/** A random phrase in a vault's record, all that is made of it as needles, and the job of the process to be scanned. */
function prepare(): { readonly needles: readonly Needle[]; readonly job: Job } {
  const needles: Needle[] = []
  const patterns: Pattern[] = []
  const known = new Set<string>()
  const add = (kind: string, name: string, bytes: Uint8Array, text = false) => {
    if (known.has(name)) return
    known.add(name)
    needles.push({ kind, name })
    patterns.push(...toPatterns(needles.length - 1, bytes, text))
  }
  const addPhrase = (kind: string, phrase: Uint8Array) => {
    add(kind, kind, phrase, true)
    patterns.push(...toIndexPatterns(needles.length - 1, toIndices(Buffer.from(phrase).toString('ascii').split(' '))))
  }
  const entropy = randomBytes(32)
  const phrase = encodeMnemonic(entropy)
  const seed = pbkdf2Sync(phrase, 'mnemonic', 2048, 64, 'sha512')
  const dataKey = randomBytes(32)
  addPhrase('phrase', phrase)
  add('phrase', 'entropy', entropy)
  add('seed', 'seed', seed)
  add('data key', 'data key', dataKey)
  const master = HDKey.fromMasterSeed(seed)
  add('master key', 'm', master.privateKey as Uint8Array)

  /** The child, its key and the tweak that makes it of its parent. */
  const step = (parent: HDKey, index: number, path: string, kind: string) => {
    const child = parent.deriveChild(index)
    add(`${kind} key`, path, child.privateKey as Uint8Array)
    add(`${kind} tweak`, `tweak to ${path}`, digest(parent, index).subarray(0, 32))
    return child
  }
  const accounts = [3, 5, 2 ** 31 - 1]
  for (const [purpose, coinType] of coins) {
    const path = `m/${purpose}'/${coinType}'`
    const coin = step(step(master, purpose + hardened, `m/${purpose}'`, 'purpose'), coinType + hardened, path, 'coin')
    for (const index of accounts) {
      const account = step(coin, index + hardened, `${path}/${index}'`, 'account')
      const chain = step(account, 0, `${path}/${index}'/0`, 'change')
      const address = step(chain, 0, `${path}/${index}'/0/0`, 'address')
      if (purpose === 86) add('address key', `minus ${path}/${index}'/0/0`, negate(address.privateKey as Uint8Array))
    }
  }
  const firstPlanted = needles.length
  addPhrase('planted phrase', encodeMnemonic(randomBytes(32)))
  add('planted key', 'planted key', randomBytes(32))

  const record = sealPhrase(phrase, {
    ...{ stage: 'local', keyringId: 1, rootCommitment: commitMnemonic(phrase), dataKey },
    ...{ wrappedDataKey: Buffer.from('wrapped'), iv: randomBytes(12) },
  })
  const pad = randomBytes(32)
  const masked = Buffer.from(dataKey.map((byte, at) => byte ^ (pad[at] as number)))
  const job = {
    record: JSON.stringify(record),
    stage: 'local',
    dataKey: { masked: masked.toString('hex'), mask: pad.toString('hex') },
    batch: 100,
    accounts,
    patterns,
    planted: [firstPlanted, firstPlanted + 1],
  }
  return { needles, job }
}

const owned = ['array that lives', 'memory of the WASM module']

/** What was found, for people: a line for each kind of secret, form and place, and how many copies there are. */
function describeCopies(copies: readonly Copy[], needles: readonly Needle[], job: Job): string[] {
  const counts = new Map<string, number>()
  for (const { pattern, place, length } of copies) {
    const { needle, form, masked } = job.patterns[pattern] as Pattern
    const whole = length === masked.length / 2 ? 'whole' : 'in part'
    const line = `${needles[needle]?.kind} | ${form} | ${whole} | ${place}`
    counts.set(line, (counts.get(line) ?? 0) + 1)
  }
  return [...counts].map(([line, count]) => `${line} | ${count}`).toSorted()
}

// Where there is no /proc, as on macOS, a process cannot read itself this way.
if (existsSync('/proc/self/mem')) {
  describe('a process that opens a vault and derives', () => {
    const { needles, job } = prepare()
    let findings: Findings
    const find = (name: string) => findings.phases.find((phase) => phase.name === name) as Phase
    const describeOf = (copies: readonly Copy[]) => describeCopies(copies, needles, job)
    const toKind = ({ pattern }: Copy) => needles[job.patterns[pattern]?.needle as number]?.kind as string

    beforeAll(() => {
      const script = join(import.meta.dirname, '../support/scanned-process.ts')
      const output = execFileSync(process.execPath, [script], {
        ...{ input: JSON.stringify(job), encoding: 'utf8', maxBuffer: 2 ** 28 },
      })
      findings = JSON.parse(output) as Findings
      const report = findings.phases
        .filter(({ name }) => !name.startsWith('with '))
        .flatMap(({ name, bytes, arrays, copies }) => [
          `${name}: ${copies.length} copies in ${(bytes / 2 ** 20).toFixed(0)} MiB and ${arrays} arrays that live`,
          ...describeOf(copies).map((line) => `  ${line}`),
        ])
      console.log(
        [
          `${needles.length} secrets in ${job.patterns.length} forms; ${findings.addresses} addresses, ` +
            `${findings.crossChecks} of them derived twice. Copies of:`,
          ...report,
        ].join('\n'),
      )
    })

    it('derives several hundred addresses, and checks some', () => {
      expect(findings.addresses).toBeGreaterThan(1000)
      expect(findings.crossChecks).toBeGreaterThanOrEqual(12)
    })

    it('is given no copy by the scanner', () => {
      expect(find('before the vault is opened').copies).toEqual([])
    })

    it.each(['opened, derived without a check', 'after the batches', 'after the lifetime'])(
      'has no copy in memory that we own: %s',
      (phase) => {
        expect(describeOf(find(phase).copies.filter(({ place }) => owned.includes(place)))).toEqual([])
      },
    )

    it.each(['opened, derived without a check', 'after the batches', 'after the lifetime'])(
      'has no copy of phrase, seed, data key, master or purpose key anywhere: %s',
      (phase) => {
        const kinds = ['phrase', 'seed', 'data key', 'master key', 'purpose key', 'purpose tweak', 'coin tweak']
        const copies = find(phase).copies.filter((copy) => kinds.includes(toKind(copy)))
        expect(describeOf(copies)).toEqual([])
      },
    )

    it('has no copy at all of what the fast path derived below the coin', () => {
      const { copies } = find('opened, derived without a check')
      expect(describeOf(copies.filter((copy) => /^(?:account|change|address)/.test(toKind(copy))))).toEqual([])
    })

    it('is found out when copies are planted, in every form', () => {
      const { copies } = find('with planted copies')
      const whole = copies.filter(({ pattern, length }) => length === (job.patterns[pattern]?.masked.length ?? 0) / 2)
      const found = new Set(whole.map(({ pattern, place }) => `${pattern} ${place}`))
      for (const [number, { needle, form }] of job.patterns.entries()) {
        if (!job.planted.includes(needle)) continue
        for (const place of owned) expect(found, form).toContain(`${number} ${place}`)
      }
      // As V8 makes them: a big integer, and strings.
      const ofV8 = whole.filter(({ place }) => place === 'anonymous memory').map(({ pattern }) => job.patterns[pattern])
      for (const form of ['little-endian', 'hex', 'base64']) {
        const matches = ofV8.filter((pattern) => pattern?.form === form)
        expect(matches.map((pattern) => needles[pattern?.needle as number]?.kind)).toContain('planted key')
      }
    })

    it('holds exactly these needles when it does not wipe', () => {
      const { copies } = find('with everything held')
      const held = new Set(
        copies
          .filter(({ place }) => place === 'array that lives')
          .map(({ pattern }) => needles[job.patterns[pattern]?.needle as number]?.name),
      )
      const paths = ["m/86'", "m/86'/0'", "m/86'/0'/3'", "m/86'/0'/3'/0", "m/86'/0'/3'/0/0"]
      const expected = [
        'phrase',
        'entropy',
        'seed',
        'data key',
        'm',
        ...paths,
        ...paths.map((path) => `tweak to ${path}`),
      ]
      expect([...held].toSorted()).toEqual(expected.toSorted())
    })
  })
}
