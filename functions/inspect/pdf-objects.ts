// All objects of a PDF, found by looking for them and not by its cross references: viewers that repair a document do not
// agree on which of them count, so what any of them could reach is here, that of earlier revisions and what nothing refers to too.
import { constants, inflateSync } from 'node:zlib'
import {
  type Budget,
  type Cursor,
  isDictionary,
  isName,
  isReference,
  isSpace,
  type PdfDictionary,
  type PdfValue,
  readValue,
  skipSpace,
  TooComplex,
} from './pdf-values.ts'

export type PdfObject = {
  readonly number: number
  readonly value: PdfValue
  /** Where the bytes of its stream begin, in the file; undefined: it has none, or lies in an object stream. */
  readonly streamStart?: number
}

export type PdfObjects = {
  readonly all: readonly PdfObject[]
  /** What follows the keyword `trailer`: as often as there are revisions. */
  readonly trailers: readonly PdfDictionary[]
  /** All that was ever given under a number; a document says one thing of each, a revised or forged one says more. */
  readonly find: (number: number) => readonly PdfObject[]
  /** The value, or all that it refers to. */
  readonly resolve: (value: PdfValue | undefined) => readonly PdfValue[]
}

/** A document of 10 MiB that is all small objects has some 2 million. */
const maximumValues = 8_000_000
/** In bytes, of all object streams inflated. */
const maximumInflated = 64 * 1024 * 1024
/** Of one object. A form that was saved again and again has dozens. */
const maximumRevisions = 1000
/** Objects do not overlap in what a writer makes; in garbage some do. */
const maximumOverlap = 4

/** @throws TooComplex */
export function findObjects(input: Uint8Array): PdfObjects {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  const budget = { values: maximumValues }
  const all: PdfObject[] = []
  let inflated = 0
  let read = 0
  for (const { number, cursor } of findHeaders(bytes)) {
    const start = cursor.at
    const object = readObject(number, cursor, budget)
    all.push(object)
    read += cursor.at - start
    if (read > maximumOverlap * bytes.length) throw new TooComplex('expected objects that do not overlap')
    if (object.streamStart === undefined || !isDictionary(object.value)) continue
    if (!isObjectStream(object.value)) continue
    const content = readStream(bytes, object.streamStart, object.value, maximumInflated - inflated)
    inflated += content.isInflated ? content.bytes.length : 0
    for (const inner of readObjectStream(content.bytes, object.value, budget)) all.push(inner)
  }
  return { all, trailers: findTrailers(bytes, budget), ...index(all) }
}

/**
 * What can be reached from the trailer or the catalogue of any revision, and from what only may be a catalogue. What
 * programs forgot in a file and nothing ever refers to is not among it.
 */
export function findReachable(objects: PdfObjects): ReadonlySet<PdfObject> {
  const reached = new Set<PdfObject>(objects.all.filter(({ value }) => isDictionary(value) && isRoot(value)))
  const waiting: PdfValue[] = [...objects.trailers, ...[...reached].map(({ value }) => value)]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (isReference(value)) {
      const unseen = objects.find(value.object).filter((object) => !reached.has(object))
      for (const object of unseen) {
        reached.add(object)
        waiting.push(object.value)
      }
    } else if (isDictionary(value)) {
      for (const entry of value.values()) waiting.push(entry)
    } else if (Array.isArray(value)) {
      for (const entry of value) waiting.push(entry)
    }
  }
  for (const trailer of objects.trailers) reached.add({ number: 0, value: trailer })
  return reached
}

const isRoot = (value: PdfDictionary) =>
  value.has('Pages') || value.has('Root') || hasName(value, 'Type', 'Catalog') || hasName(value, 'Type', 'XRef')

function hasName(dictionary: PdfDictionary, key: string, name: string): boolean {
  const value = dictionary.get(key)
  return isName(value) && value.name === name
}

/** Some viewers ask for its type, others only for what they need to read it. */
const isObjectStream = (value: PdfDictionary) =>
  hasName(value, 'Type', 'ObjStm') || (value.has('N') && value.has('First'))

/** Every `obj` that has a number and a generation before it, wherever it is. */
function* findHeaders(bytes: Buffer): Generator<{ number: number; cursor: Cursor }> {
  const keyword = Buffer.from('obj')
  for (let at = bytes.indexOf(keyword); at >= 0; at = bytes.indexOf(keyword, at + 3)) {
    const generation = readNumberBefore(bytes, at)
    const number = generation && isSpace(bytes[generation.start - 1]) && readNumberBefore(bytes, generation.start)
    if (number) yield { number: number.value, cursor: { bytes, at: at + 3 } }
  }
}

/** The digits that end at a place, or at the white space before it. */
function readNumberBefore(bytes: Buffer, end: number): { value: number; start: number } | undefined {
  let last = end - 1
  while (isSpace(bytes[last])) last--
  let start = last + 1
  let value = 0
  for (let scale = 1; isDigit(bytes[start - 1]) && scale <= 1e10; scale *= 10) {
    start--
    value += ((bytes[start] ?? 0) - 0x30) * scale
  }
  return start > last ? undefined : { value, start }
}

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39

function readObject(number: number, cursor: Cursor, budget: Budget): PdfObject {
  const value = readValue(cursor, budget) ?? null
  if (!isDictionary(value)) return { number, value }
  skipSpace(cursor)
  if (cursor.bytes[cursor.at] !== 0x73 || cursor.bytes.toString('latin1', cursor.at, cursor.at + 6) !== 'stream')
    return { number, value }
  let streamStart = cursor.at + 6
  // A line feed, or both; some writers put a space or a carriage return alone.
  while (isSpace(cursor.bytes[streamStart]) && cursor.bytes[streamStart] !== 10 && streamStart < cursor.at + 9)
    streamStart++
  if (cursor.bytes[streamStart] === 10) streamStart++
  return { number, value, streamStart }
}

/**
 * The bytes of a stream, and what lies behind them where nothing but a search could tell its end. Empty: it has a filter
 * that no writer uses for objects, or is encrypted.
 */
function readStream(bytes: Buffer, start: number, dictionary: PdfDictionary, maximumLength: number) {
  const filter = dictionary.get('Filter') ?? null
  const first = Array.isArray(filter) ? (filter[0] ?? null) : filter
  if (first === null) return { bytes: bytes.subarray(start), isInflated: false }
  const isFlate = isName(first) && (first.name === 'FlateDecode' || first.name === 'Fl')
  return { bytes: isFlate ? inflate(bytes.subarray(start), maximumLength) : Buffer.alloc(0), isInflated: true }
}

/** As far as it goes: of a stream that was cut, what could be inflated; of one that is none, nothing. */
function inflate(bytes: Buffer, maximumLength: number): Buffer {
  try {
    return inflateSync(bytes, { maxOutputLength: Math.max(1, maximumLength), finishFlush: constants.Z_SYNC_FLUSH })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') return Buffer.alloc(0)
    throw new TooComplex(`expected at most ${maximumLength} bytes in object streams`)
  }
}

/** ISO 32000-2, 7.5.7: /N pairs of number and offset, then the values, the first at /First. */
function readObjectStream(content: Buffer, dictionary: PdfDictionary, budget: Budget): PdfObject[] {
  const objects: PdfObject[] = []
  const first = dictionary.get('First')
  const header: Cursor = { bytes: content, at: 0 }
  while (true) {
    const number = readValue(header, budget)
    const offset = readValue(header, budget)
    if (typeof number !== 'number' || typeof offset !== 'number') return objects
    if (typeof first !== 'number' || header.at > first) return objects
    objects.push({ number, value: readValue({ bytes: content, at: first + offset }, budget) ?? null })
  }
}

function findTrailers(bytes: Buffer, budget: Budget): PdfDictionary[] {
  const trailers: PdfDictionary[] = []
  for (let at = bytes.indexOf('trailer'); at >= 0; at = bytes.indexOf('trailer', at + 7)) {
    const value = readValue({ bytes, at: at + 7 }, budget)
    if (isDictionary(value)) trailers.push(value)
  }
  return trailers
}

function index(all: readonly PdfObject[]): Pick<PdfObjects, 'find' | 'resolve'> {
  const byNumber = new Map<number, PdfObject[]>()
  for (const object of all) {
    const known = byNumber.get(object.number)
    if (known === undefined) byNumber.set(object.number, [object])
    else if (known.push(object) > maximumRevisions)
      throw new TooComplex(`expected at most ${maximumRevisions} revisions`)
  }
  const find = (number: number) => byNumber.get(number) ?? []
  const resolve = (value: PdfValue | undefined, depth: number): readonly PdfValue[] => {
    if (value === undefined) return []
    if (!isReference(value)) return [value]
    // A reference to a reference is no PDF, but some viewers follow it.
    return depth > 8 ? [] : find(value.object).flatMap((found) => resolve(found.value, depth + 1))
  }
  return { find, resolve: (value) => resolve(value, 0) }
}
