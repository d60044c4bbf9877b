// Looks for secrets in a process's own memory without holding them: every pattern is kept under a random mask, and is
// compared byte by byte. Linux: reads /proc/self/maps, /proc/self/pagemap and /proc/self/mem.
import { randomBytes, randomFillSync } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { Session } from 'node:inspector'

/** In which shape a secret may lie in memory. */
export const forms = {
  'big-endian': 'the bytes as they are',
  'little-endian': 'reversed: digits of a V8 BigInt, scalars of libsecp256k1',
  'limbs in slots': '32-bit limbs, lowest first, each in 64 bits: numbers that compiled code spilled',
  'words of 32 bits': 'each group of 4 bytes reversed, at any offset: what SHA-256 works on',
  'words of 64 bits': 'each group of 8 bytes reversed, at any offset: what SHA-512 works on',
  hex: 'a string of lower-case hex, one byte a character',
  'hex, two-byte': 'the same, two bytes a character',
  base64: 'a string of base64, one byte a character',
  'base64, two-byte': 'the same, two bytes a character',
  'two-byte text': 'the bytes as a string of two bytes a character',
  'word indices': 'positions in the list of BIP-39, two bytes each, lowest first',
  'word indices, small integers': 'the same as elements of a JavaScript array: the upper half of 64 bits',
} as const
export type Form = keyof typeof forms

/** One secret in one form, masked: `masked` XOR `mask` are its bytes, both in hex. */
export type Pattern = {
  readonly needle: number
  readonly form: Form
  readonly masked: string
  readonly mask: string
  /** The shortest run of its bytes that counts as a copy. */
  readonly shortest: number
}

function mask(needle: number, form: Form, bytes: Uint8Array, shortest: number): Pattern {
  const pad = randomBytes(bytes.length)
  const masked = bytes.map((byte, at) => byte ^ (pad[at] as number))
  const toHex = (given: Uint8Array) => Buffer.from(given).toString('hex')
  return { needle, form, masked: toHex(masked), mask: toHex(pad), shortest: Math.min(shortest, bytes.length) }
}

/** Groups of that many bytes, each reversed, from that offset on; whole groups only. */
function swapWords(bytes: Uint8Array, size: number, offset: number): Uint8Array {
  const count = Math.floor((bytes.length - offset) / size)
  return Uint8Array.from({ length: count * size }, (_, at) => {
    const start = offset + Math.floor(at / size) * size
    return bytes[start + size - 1 - (at % size)] as number
  })
}

/** The 32-bit limbs of a big-endian number, lowest first, each followed by four zero bytes. */
function spreadLimbs(bytes: Uint8Array): Uint8Array {
  const limbs = Uint8Array.from(bytes).reverse()
  return Uint8Array.from({ length: limbs.length * 2 }, (_, at) =>
    at % 8 < 4 ? (limbs[(at >> 3) * 4 + (at % 8)] as number) : 0,
  )
}

/**
 * Every form of a secret. In the process that knows it; the one that is scanned gets the result.
 *
 * @param text whether the bytes are ASCII, whose 8 bytes may be a common word
 */
export function toPatterns(needle: number, bytes: Uint8Array, text = false): Pattern[] {
  const shortest = text ? 16 : 8
  const buffer = Buffer.from(bytes)
  const [hex, base64] = [buffer.toString('hex'), buffer.toString('base64').replace(/=+$/, '')]
  const patterns = [
    mask(needle, 'big-endian', bytes, shortest),
    mask(needle, 'little-endian', Uint8Array.from(bytes).reverse(), shortest),
    mask(needle, 'hex', Buffer.from(hex, 'latin1'), 16),
    mask(needle, 'hex, two-byte', Buffer.from(hex, 'utf16le'), 32),
    mask(needle, 'base64', Buffer.from(base64, 'latin1'), 16),
    mask(needle, 'base64, two-byte', Buffer.from(base64, 'utf16le'), 32),
  ]
  if (text) patterns.push(mask(needle, 'two-byte text', Buffer.from(buffer.toString('latin1'), 'utf16le'), 32))
  else patterns.push(mask(needle, 'limbs in slots', spreadLimbs(bytes), 16))
  for (let offset = 0; offset < 4; offset++) {
    patterns.push(mask(needle, 'words of 32 bits', swapWords(bytes, 4, offset), 16))
  }
  for (let offset = 0; offset < 8; offset++) {
    patterns.push(mask(needle, 'words of 64 bits', swapWords(bytes, 8, offset), 16))
  }
  return patterns
}

/** The forms that are a phrase's alone: its words by their number. */
export function toIndexPatterns(needle: number, indices: readonly number[]): Pattern[] {
  const [short, long] = [new Uint8Array(indices.length * 2), new Uint8Array(indices.length * 8)]
  for (const [at, index] of indices.entries()) {
    for (const [bytes, start] of [
      [short, at * 2],
      [long, at * 8],
    ] as const) {
      bytes[start] = index & 255
      bytes[start + 1] = index >> 8
    }
  }
  // Four words are 44 bits.
  return [mask(needle, 'word indices', short, 8), mask(needle, 'word indices, small integers', long, 32)]
}

/** A run of a pattern's bytes: `address` is of the first of them, `length` how many there are. */
export type Match = { readonly pattern: number; readonly address: number; readonly length: number }

export type Finder = {
  /** Reports each run of a pattern's bytes in these, some more than once. `base` is the address of the first. */
  readonly find: (bytes: Uint8Array, base: number, report: (match: Match) => void) => void
}

const windowStride = 8
const bitmapBits = 24
const pageBytes = 4096
const zeroPage = new Uint8Array(pageBytes)

/** Of four bytes as a number: bits that nobody gets those back from. */
const scatter = (four: number) => Math.imul(four, 0x9e37_79b1) >>> (32 - bitmapBits)

/**
 * Finds all patterns in one pass: a hash of each four bytes is looked up among those of the beginnings of the patterns'
 * windows, and what is there compared under the mask. Windows start at every eighth byte of a pattern, so that a copy
 * whose beginning was overwritten is found too.
 */
export function createFinder(patterns: readonly Pattern[]): Finder {
  const masked = patterns.map((pattern) => Buffer.from(pattern.masked, 'hex'))
  const masks = patterns.map((pattern) => Buffer.from(pattern.mask, 'hex'))
  const readByte = (pattern: number, at: number) =>
    ((masked[pattern] as Buffer)[at] as number) ^ ((masks[pattern] as Buffer)[at] as number)
  const lengthOf = (pattern: number) => (masked[pattern] as Buffer).length

  const bitmap = new Uint8Array(2 ** (bitmapBits - 3))
  const windows = new Map<number, { readonly pattern: number; readonly offset: number; readonly shortest: number }[]>()
  for (const [pattern, { shortest }] of patterns.entries()) {
    for (let offset = 0; offset + shortest <= lengthOf(pattern); offset += windowStride) {
      let four = 0
      for (let at = 0; at < 4; at++) four = (four << 8) | readByte(pattern, offset + at)
      const hash = scatter(four)
      bitmap[hash >> 3] = (bitmap[hash >> 3] as number) | (1 << (hash & 7))
      const same = windows.get(hash)
      if (same) same.push({ pattern, offset, shortest })
      else windows.set(hash, [{ pattern, offset, shortest }])
    }
  }

  function compare(bytes: Uint8Array, start: number, base: number, hash: number, report: (match: Match) => void) {
    for (const { pattern, offset, shortest } of windows.get(hash) ?? []) {
      const length = lengthOf(pattern)
      let end = 0
      while (offset + end < length && start + end < bytes.length) {
        if (bytes[start + end] !== readByte(pattern, offset + end)) break
        end += 1
      }
      if (end < shortest) continue
      let before = 0
      while (before < offset && before < start) {
        if (bytes[start - before - 1] !== readByte(pattern, offset - before - 1)) break
        before += 1
      }
      report({ pattern, address: base + start - before, length: end + before })
    }
  }

  return {
    find(bytes, base, report) {
      let four = 0
      const end = bytes.length
      for (let at = 0; at < end; at++) {
        if (at % pageBytes === 0 && isZeroPage(bytes, at)) {
          at += pageBytes - 1
          four = 0
          continue
        }
        four = (four << 8) | (bytes[at] as number)
        const hash = scatter(four)
        if (((bitmap[hash >> 3] as number) & (1 << (hash & 7))) !== 0 && at >= 3) {
          compare(bytes, at - 3, base, hash, report)
        }
      }
    },
  }
}

/** Whether 4 KiB from there on are all zero: most of a process is. */
const isZeroPage = (bytes: Uint8Array, at: number) =>
  at + pageBytes <= bytes.length && Buffer.compare(bytes.subarray(at, at + pageBytes), zeroPage) === 0

/** A mapping of the process, from /proc/self/maps. Addresses are below 2^47: exact as numbers. */
export type Region = { readonly start: number; readonly end: number; readonly access: string; readonly name: string }

function readRegions(): Region[] {
  const lines = readFileSync('/proc/self/maps', 'latin1').split('\n')
  return lines.flatMap((line) => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)$/.exec(line)
    if (!match) return []
    const [, start = '', end = '', access = '', name = ''] = match
    return [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16), access, name }]
  })
}

/** Files that nobody wrote to hold what is on disk; the kernel's own pages cannot be read. */
const isWorthReading = ({ access, name }: Region) =>
  !(name.startsWith('/') && !access.includes('w')) && !/^\[v(?:var|var_vclock|dso|syscall)\]$/.test(name)

const chunkBytes = 2 ** 20
/** Longer than any pattern: so much of each chunk is read again with the next. */
const overlapBytes = 1024

export type MemoryScan = {
  readonly bytes: number
  readonly matches: readonly (Match & { readonly region: Region })[]
}

export type MemoryScanner = {
  /** Reads all memory of the process but the scanner's own. */
  readonly scan: (finder: Finder) => MemoryScan
}

/** The runs of pages of a region that are in memory or swapped out (bits 63 and 62 of their entries in the page map). */
function listPresent(pageMap: number, region: Region): { readonly start: number; readonly end: number }[] {
  const runs: { start: number; end: number }[] = []
  const entries = Buffer.alloc(8 * 8192)
  for (let page = region.start / pageBytes; page < region.end / pageBytes; ) {
    const wanted = Math.min(entries.length, (region.end / pageBytes - page) * 8)
    const read = readSync(pageMap, entries, 0, wanted, page * 8)
    if (read === 0) break
    for (let at = 0; at < read; at += 8, page++) {
      if (((entries[at + 7] as number) & 0xc0) === 0) continue
      const start = page * pageBytes
      const last = runs.at(-1)
      if (last?.end === start) last.end = start + pageBytes
      else runs.push({ start, end: start + pageBytes })
    }
  }
  return runs
}

function scanWith(
  buffer: Uint8Array,
  finder: Finder,
  own: { readonly start: number; readonly end: number },
): MemoryScan {
  const [memory, pageMap] = [openSync('/proc/self/mem', 'r'), openSync('/proc/self/pagemap', 'r')]
  const found = new Map<string, Match & { readonly region: Region }>()
  let bytes = 0
  try {
    for (const region of readRegions().filter(isWorthReading)) {
      for (const { start, end } of listPresent(pageMap, region)) {
        for (let at = start; at < end; at += chunkBytes - overlapBytes) {
          const read = readChunk(memory, buffer, at, Math.min(chunkBytes, end - at))
          const chunk = buffer.subarray(0, read)
          for (let page = 0; page < read; page += pageBytes) {
            if (at + page >= own.start && at + page < own.end) chunk.fill(0, page, page + pageBytes)
          }
          finder.find(chunk, at, (match) => {
            const key = `${match.pattern} ${match.address}`
            const known = found.get(key)
            if (!known || known.length < match.length) found.set(key, { ...match, region })
          })
          chunk.fill(0)
          bytes += read
          if (at + chunkBytes >= end) break
        }
      }
    }
  } finally {
    closeSync(memory)
    closeSync(pageMap)
  }
  return { bytes, matches: [...found.values()] }
}

function readChunk(memory: number, buffer: Uint8Array, address: number, length: number): number {
  try {
    return readSync(memory, buffer, 0, length, address)
  } catch (error) {
    // A mapping may vanish under the scan, or refuse: device memory, guards.
    if (error instanceof Error && 'code' in error && (error.code === 'EIO' || error.code === 'EFAULT')) return 0
    throw error
  }
}

/** Bytes that nobody else has, and the finder of them. */
function makeMarker(): { readonly bytes: Uint8Array; readonly finder: Finder } {
  const bytes = randomFillSync(new Uint8Array(32))
  return { bytes, finder: createFinder([mask(0, 'big-endian', bytes, 32)]) }
}

/**
 * Where these bytes lie: puts a marker there for as long as it takes to find it. While the scanner's own place is not
 * known, what it reads is found there as well, above the target.
 */
function locateWith(buffer: Uint8Array, target: Uint8Array, own = { start: 0, end: 0 }): number {
  const marker = makeMarker()
  const before = target.slice(0, 32)
  target.set(marker.bytes)
  marker.bytes.fill(0)
  const { matches } = scanWith(buffer, marker.finder, own)
  target.set(before)
  before.fill(0)
  if (matches.length === 0) throw new Error('expected to find the marker that was just put into memory')
  return Math.min(...matches.map(({ address }) => address))
}

/** A scanner and what finds the address of an array, of at least 32 bytes, whose beginning nobody uses meanwhile. */
export function createMemoryScanner(): MemoryScanner & { readonly locate: (target: Uint8Array) => number } {
  // Two halves: what is read into one finds the other, which tells where both are.
  const halves = new Uint8Array(chunkBytes * 2)
  const [lower, upper] = [halves.subarray(0, chunkBytes), halves.subarray(chunkBytes)]
  const start = locateWith(upper, lower)
  halves.fill(0)
  const firstPage = Math.floor(start / pageBytes) * pageBytes
  const own = { start: firstPage, end: start + halves.length }
  return { scan: (finder) => scanWith(lower, finder, own), locate: (target) => locateWith(lower, target, own) }
}

/**
 * Collects garbage and searches every array of bytes that is left in the process, whoever's: Uint8Arrays and Buffers,
 * other typed arrays, and ArrayBuffers, among them the pool of Buffers and the memory of WASM modules. Addresses of
 * matches count from the start of their array.
 */
export function scanLiveArrays(finder: Finder): { readonly count: number; readonly matches: readonly Match[] } {
  const session = new Session()
  session.connect()
  const matches: Match[] = []
  let count = 0
  const hook = '__searchLiveArrays'
  const search = (arrays: readonly (ArrayBufferView | ArrayBufferLike)[]) => {
    for (const array of arrays) {
      // Views of more than V8 keeps in its heap show a buffer, which is searched itself.
      if (ArrayBuffer.isView(array) && array.byteLength > pageBytes) continue
      count += 1
      const found = new Map<string, Match>()
      finder.find(toBytes(array), 0, (match) => {
        const key = `${match.pattern} ${match.address}`
        if ((found.get(key)?.length ?? 0) < match.length) found.set(key, match)
      })
      matches.push(...found.values())
    }
  }
  Object.assign(globalThis, { [hook]: search })
  try {
    for (const prototype of ['Object.getPrototypeOf(Uint8Array.prototype)', 'ArrayBuffer.prototype']) {
      // All three answer before they return, being of this thread.
      session.post('Runtime.evaluate', { expression: prototype }, (error, { result }) => {
        if (error || !result.objectId) throw new Error(`expected ${prototype}`, { cause: error })
        session.post('Runtime.queryObjects', { prototypeObjectId: result.objectId }, (failure, { objects }) => {
          if (failure || !objects.objectId) throw new Error('expected all arrays of the process', { cause: failure })
          session.post('Runtime.callFunctionOn', {
            objectId: objects.objectId,
            functionDeclaration: `function () { globalThis.${hook}(this) }`,
          })
        })
      })
    }
  } finally {
    Reflect.deleteProperty(globalThis, hook)
    session.disconnect()
  }
  if (count === 0) throw new Error('expected arrays that live; found none')
  return { count, matches }
}

/** Of a Uint8Array itself: asking a small one for its buffer would move its bytes out of V8's heap. */
function toBytes(array: ArrayBufferView | ArrayBufferLike): Uint8Array {
  if (array instanceof Uint8Array) return array
  if (ArrayBuffer.isView(array)) return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  return new Uint8Array(array)
}
