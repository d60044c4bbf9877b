// Damages documents as disks, transports and attackers do: bytes, segments of JPEG, chunks of PNG, tokens and objects of PDF.
import { crc32, deflateSync, inflateSync } from 'node:zlib'
import { type PdfBody, writeClassic, writeLinearised, writeStreams } from '../fixtures/documents/pdf-writer.ts'
import { makeChunk, pngSignature } from '../fixtures/documents/png-writer.ts'
import type { Random } from '../fixtures/documents/random.ts'

type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer

const interestingBytes = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0xd8, 0xd9, 0xda, 0x0a]

function pickRange(bytes: Buffer, random: Random): readonly [start: number, end: number] {
  const start = random.integer(0, Math.max(0, bytes.length - 1))
  const longest = random.pick([1, 4, 16, 256, 4096, bytes.length])
  return [start, Math.min(bytes.length, start + random.integer(1, longest))]
}

function edit(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length > 0) change(copy)
  return copy
}

const ofBytes: Record<string, Mutation> = {
  'flip bits': (bytes, random) =>
    edit(bytes, (copy) => {
      for (let count = random.integer(1, 12); count > 0; count--) {
        const at = random.integer(0, copy.length - 1)
        copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(0, 7))
      }
    }),
  'set bytes': (bytes, random) =>
    edit(bytes, (copy) => {
      // More often near the start, where headers are.
      const last = random.pick([64, 1024, copy.length]) - 1
      for (let count = random.integer(1, 6); count > 0; count--)
        copy[random.integer(0, Math.min(last, copy.length - 1))] = random.pick(interestingBytes)
    }),
  'fill a range': (bytes, random) =>
    edit(bytes, (copy) => copy.fill(random.pick(interestingBytes), ...pickRange(copy, random))),
  'delete a range': (bytes, random) => {
    const [start, end] = pickRange(bytes, random)
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
  },
  'double a range': (bytes, random) => {
    const [start, end] = pickRange(bytes, random)
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)])
  },
  'insert noise': (bytes, random) => {
    const at = random.integer(0, bytes.length)
    return Buffer.concat([bytes.subarray(0, at), random.bytes(random.integer(1, 300)), bytes.subarray(at)])
  },
  truncate: (bytes, random) => bytes.subarray(0, random.integer(0, bytes.length)),
  'splice two files': (bytes, random, other) =>
    Buffer.concat([
      bytes.subarray(0, random.integer(0, bytes.length)),
      other.subarray(random.integer(0, other.length)),
    ]),
  'append a file': (bytes, _random, other) => Buffer.concat([bytes, other]),
  'insert a file': (bytes, random, other) => {
    const at = random.integer(0, bytes.length)
    return Buffer.concat([bytes.subarray(0, at), other.subarray(0, 60_000), bytes.subarray(at)])
  },
}

/** Parts in their order, some of them changed. */
function shuffleParts(parts: Buffer[], random: Random, change: (part: Buffer) => Buffer): Buffer[] {
  const at = random.integer(0, parts.length - 1)
  const part = parts[at] ?? Buffer.alloc(0)
  const way = random.pick(['delete', 'double', 'move', 'change', 'change', 'change'])
  if (way === 'change') parts[at] = change(part)
  else if (way === 'double') parts.splice(random.integer(0, parts.length), 0, part)
  else {
    parts.splice(at, 1)
    if (way === 'move') parts.splice(random.integer(0, parts.length), 0, part)
  }
  return parts
}

/** Cut before each marker; what follows a scan's header is its data. */
function cutSegments(bytes: Buffer): Buffer[] {
  const starts = [0]
  for (let at = 2; at + 1 < bytes.length; at++)
    if (bytes[at] === 0xff && (bytes[at + 1] ?? 0) >= 0xc0 && (bytes[at + 1] ?? 0) < 0xff) starts.push(at)
  return starts.map((start, index) => bytes.subarray(start, starts[index + 1] ?? bytes.length))
}

const ofJpegs: Record<string, Mutation> = {
  'change segments': (bytes, random) => {
    let parts = cutSegments(bytes)
    for (let count = random.integer(1, 3); count > 0; count--)
      parts = shuffleParts(parts, random, (part) =>
        edit(part, (copy) => {
          const way = random.integer(0, 3)
          if (way === 0) copy[1] = random.integer(0xc0, 0xfe)
          else if (way === 1 && copy.length > 4)
            copy.writeUInt16BE(random.pick([0, 1, 2, 3, 65_535, copy.length, copy.length - 3]) & 0xffff, 2)
          else
            copy[random.integer(2, Math.min(40, copy.length - 1))] = random.pick([
              ...interestingBytes,
              random.integer(0, 255),
            ])
        }),
      )
    return Buffer.concat(parts)
  },
}

type Chunk = { readonly type: string; readonly data: Buffer }

function readChunks(bytes: Buffer): Chunk[] {
  const chunks: Chunk[] = []
  for (let at = pngSignature.length; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    chunks.push({ type: bytes.toString('latin1', at + 4, at + 8), data: bytes.subarray(at + 8, at + 8 + length) })
    at += 12 + length
  }
  return chunks
}

const joinChunks = (chunks: readonly Chunk[]) =>
  Buffer.concat([pngSignature, ...chunks.map(({ type, data }) => makeChunk(type, data))])

const chunkTypes = [
  'IHDR',
  'PLTE',
  'IDAT',
  'IEND',
  'tRNS',
  'acTL',
  'fcTL',
  'fdAT',
  'iCCP',
  'zTXt',
  'iTXt',
  'eXIf',
  'sBIT',
  'abCd',
]

const ofPngs: Record<string, Mutation> = {
  'change chunks': (bytes, random) => {
    const parts = readChunks(bytes).map(({ type, data }) => makeChunk(type, data))
    const changed = shuffleParts(parts, random, (part) =>
      edit(part, (copy) => {
        const way = random.integer(0, 2)
        if (way === 0) copy.write(random.pick(chunkTypes), 4, 'latin1')
        else if (way === 1) copy.writeUInt32BE(random.pick([0, 1, copy.length, 0x7fff_ffff, 0xffff_ffff]), 0)
        else if (copy.length > 12)
          copy[random.integer(8, Math.min(copy.length - 5, 60))] = random.pick([...interestingBytes, 3, 4, 16])
        if (way !== 1) copy.writeUInt32BE(crc32(copy.subarray(4, -4)), copy.length - 4)
      }),
    )
    return Buffer.concat([pngSignature, ...changed])
  },
  'change rows': (bytes, random) => {
    const chunks = readChunks(bytes)
    const data = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data: part }) => part))
    const rows = random.pick([ofBytes['flip bits'], ofBytes['delete a range'], ofBytes['fill a range']])?.(
      inflateSync(data),
      random,
      bytes,
    )
    const first = chunks.findIndex(({ type }) => type === 'IDAT')
    const rest = chunks.filter(({ type }) => type !== 'IDAT')
    rest.splice(first, 0, { type: 'IDAT', data: deflateSync(rows ?? data, { level: 1 }) })
    return joinChunks(rest)
  },
}

const numbers = [
  '0',
  '-1',
  '1',
  '7',
  '255',
  '65536',
  '2147483647',
  '4294967296',
  '99999999999999999999',
  '1e9',
  '0.0',
  '-0.5',
]
const names = [
  ...[
    '/Type',
    '/Page',
    '/Pages',
    '/Kids',
    '/Count',
    '/Parent',
    '/Contents',
    '/Length',
    '/Filter',
    '/FlateDecode',
    '/DCTDecode',
  ],
  ...[
    '/ASCIIHexDecode',
    '/LZWDecode',
    '/RunLengthDecode',
    '/Crypt',
    '/DecodeParms',
    '/ObjStm',
    '/XRef',
    '/W',
    '/Index',
    '/Prev',
  ],
  ...[
    '/First',
    '/N',
    '/Extends',
    '/OpenAction',
    '/JavaScript',
    '/JS',
    '/AA',
    '/S',
    '/URI',
    '/Names',
    '/AcroForm',
    '/Encrypt',
  ],
  ...[
    '/MediaBox',
    '/Rotate',
    '/Resources',
    '/Font',
    '/XObject',
    '/Width',
    '/Height',
    '/Annots',
    '/Next',
    '/#41#',
    '/#',
    '/',
  ],
]
const pieces = [
  '<<',
  '>>',
  '[',
  ']',
  '(',
  ')',
  '<',
  '>',
  'null',
  'true',
  'R',
  '1 0 R',
  '2 0 R',
  '9999 0 R',
  '%',
  'stream',
  'endobj',
  '\0',
]

function changeTokens(text: string, random: Random): string {
  const tokens = [...text.matchAll(/\/[^\s/<>[\]()]*|-?\d+(\.\d+)?|<<|>>|[[\]]|[A-Za-z]+/g)]
  if (tokens.length === 0) return text
  const token = random.pick(tokens)
  const [old] = token
  const kinds = old.startsWith('/') ? names : /^-?\d/.test(old) ? numbers : pieces
  const put = random.pick([
    random.pick(kinds),
    random.pick(kinds),
    random.pick([...names, ...numbers, ...pieces]),
    '',
    `${old} ${old}`,
  ])
  return text.slice(0, token.index) + put + text.slice(token.index + old.length)
}

const ofPdfs: Record<string, Mutation> = {
  'change tokens': (bytes, random) => {
    let text = bytes.toString('latin1')
    for (let count = random.integer(1, 4); count > 0; count--) text = changeTokens(text, random)
    return Buffer.from(text, 'latin1')
  },
  'change objects': (bytes, random) => {
    const parts = bytes.toString('latin1').split(/(?=\n\d+ 0 obj)/)
    return Buffer.concat(
      shuffleParts(
        parts.map((part) => Buffer.from(part, 'latin1')),
        random,
        (part) => Buffer.from(changeTokens(part.toString('latin1'), random), 'latin1'),
      ),
    )
  },
}

const kinds: readonly (readonly [start: Buffer, mutations: Record<string, Mutation>])[] = [
  [Buffer.from([0xff, 0xd8]), ofJpegs],
  [pngSignature, ofPngs],
  [Buffer.from('%PDF-'), ofPdfs],
]

/** A document damaged once, seldom twice; `how`: in words. */
export function mutateDocument(
  bytes: Buffer,
  other: Buffer,
  random: Random,
): { readonly how: string; readonly bytes: Buffer } {
  const own = kinds.find(([start]) => bytes.subarray(0, start.length).equals(start))?.[1] ?? {}
  const mutations = Object.entries(random.next() < 0.5 ? { ...own } : ofBytes)
  const [how, mutate] = random.pick(mutations.length > 0 ? mutations : Object.entries(ofBytes))
  const damaged = mutate(bytes, random, other)
  if (random.next() < 0.85) return { how, bytes: damaged }
  const [again, mutateAgain] = random.pick(Object.entries(ofBytes))
  return { how: `${how}, ${again}`, bytes: mutateAgain(damaged, random, other) }
}

/** The objects of a PDF damaged before they are written, so that every table is right: also what is compressed is reached. */
export function mutateBody(body: PdfBody, random: Random): { readonly how: string; readonly bytes: Buffer } {
  const objects = [...body.objects]
  for (let count = random.integer(1, 5); count > 0; count--) {
    const at = random.integer(0, objects.length - 1)
    const object = objects[at]
    if (object) objects[at] = { ...object, value: changeTokens(object.value, random) }
  }
  const changed = { ...body, objects }
  const [how, write] = random.pick<[string, (body: PdfBody) => Buffer]>([
    ['objects in a table', (one) => writeClassic(one)],
    ['objects in streams', (one) => writeStreams(one, { packed: true })],
    ['objects linearised', (one) => writeLinearised(one)],
  ])
  return { how, bytes: write(changed) }
}
