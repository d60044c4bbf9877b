// The parser in a process of its own, as the inspect function runs it: also one with an attacker in it, which crashes, hangs,
// takes all memory, lies and looks around. Each ends in an answer, and the next document is judged right.
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createFrameReader, type FrameKind, makeFrameHead } from '../../functions/inspect/frames.ts'
import { createHandler } from '../../functions/inspect/handler.ts'
import { readCheckName } from '../../functions/inspect/parser-answer.ts'
import { type Parser, type ParserDeadlines, startParser } from '../../functions/inspect/parser-process.ts'
import { readRefusal } from '../../functions/inspect/refusal.ts'
import { rulesVersion } from '../../functions/inspect/rules-version.ts'
import { findParserProgram, type ParserProgram } from '../../functions/inspect/spawn-parser.ts'
import { createMemoryLog, createMemoryMetrics } from '../support/fakes.ts'
import { samples } from '../support/fixtures.ts'

const real = findParserProgram()
const file = fileURLToPath(new URL('../support/planted-parser.ts', import.meta.url))
const planted: ParserProgram = { file, readable: [...real.readable, file] }
/** Nobody waits for these on a busy machine; who hangs is waited for. */
const patient: ParserDeadlines = { waiting: 60_000, answered: 60_000 }
const secret = 'AKIDPLANTEDSECRET'

function setUp(program: ParserProgram, deadlines: ParserDeadlines = patient) {
  return setUpParser(() => startParser(program, deadlines))
}

function setUpParser(start: () => Parser) {
  const log = createMemoryLog()
  const { count, counted } = createMemoryMetrics()
  let document: Uint8Array = new Uint8Array()
  const handle = createHandler({
    log,
    count,
    readDocument: async () => document,
    startParser: start,
    keepCopy: async () => {},
  })
  const inspect = async (bytes: Uint8Array) => {
    document = bytes
    return await handle({ key: 'incoming/x/1' })
  }
  return { log, counted, inspect }
}

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

beforeAll(() => {
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret)
  vi.stubEnv('AWS_SESSION_TOKEN', secret)
})
afterAll(() => vi.unstubAllEnvs())

describe('the parser', () => {
  it.each([
    ['photo', 'image/jpeg'],
    ['card', 'image/png'],
    ['letter', 'application/pdf'],
  ] as const)('passes the %s, and makes its clean copy', async (name, mediaType) => {
    const parsed = await startParser(real, patient).inspect(samples[name])
    expect(parsed).toMatchObject({ outcome: 'inspected', inspection: { verdict: 'passed', mediaType, reasons: [] } })
    if (parsed.outcome !== 'inspected') throw new Error('expected a verdict')
    expect(parsed.cleanCopy?.bytes.length).toBeGreaterThan(1000)
    expect(parsed.usage.peakKilobytes).toBeGreaterThan(1000)
    expect(parsed.usage.cpuMilliseconds).toBeGreaterThan(0)
  })

  it('rejects a document with its reasons, and keeps no copy', async () => {
    const parsed = await startParser(real, patient).inspect(samples.photo.subarray(0, 5000))
    expect(parsed).toMatchObject({ outcome: 'inspected', inspection: { verdict: 'rejected' }, cleanCopy: undefined })
  })

  it('that is not needed is killed before it was given anything', async () => {
    await startParser(real, patient).kill()
  })

  it.each([
    ['is not there', { file: '/nowhere/parser.mjs', readable: [] }],
    ['may not read its own code', { file: real.file, readable: [] }],
  ])('that %s is no verdict on a document', async (_name, program) => {
    const { inspect, log } = setUp(program)
    expect(await inspect(samples.photo)).toEqual({ outcome: 'unreadable' })
    expect(log.lines).toMatchObject([{ level: 'error', message: 'parser did not start' }])
  })
})

describe('what the function makes of a parser', () => {
  it('that ended before its first check: a crash of no check', async () => {
    const parsed = { outcome: 'crashed', how: 'crash', check: null, milliseconds: 5 } as const
    const { inspect, log } = setUpParser(() => ({ inspect: async () => parsed, kill: async () => {} }))
    const sha256 = hashOf(samples.card)
    expect(await inspect(samples.card)).toEqual({ outcome: 'crashed', sha256, rulesVersion, checks: [] })
    expect(log.lines).toEqual([expect.not.objectContaining({ part: expect.anything() })])
  })

  it('that fails as nobody foresaw: its own failure, and the parser is killed', async () => {
    const kill = vi.fn(async () => {})
    const { inspect } = setUpParser(() => ({ inspect: () => Promise.reject(new TypeError('unforeseen')), kill }))
    await expect(inspect(samples.card)).rejects.toThrow('unforeseen')
    expect(kill).toHaveBeenCalledOnce()
  })

  it('that names a check as none is named: no name', () => {
    expect(readCheckName(Buffer.from('decode'))).toBe('decode')
    expect(readCheckName(Buffer.from('a line\nof its own'))).toBeNull()
  })
})

it.each([
  ['that ran out of memory', new Error('VipsJpeg: out of memory')],
  ['that was stopped by a trap', Object.assign(new Error('unreachable'), { name: 'RuntimeError' })],
  ['that threw no error', 'text'],
])('a decoder %s has not refused its input', (_name, thrown) => {
  expect(() => readRefusal(thrown)).toThrow(thrown instanceof Error ? thrown : 'text')
})

describe('a parser that is attacked', () => {
  const hasty: ParserDeadlines = { waiting: 60_000, answered: 6000 }

  it.each<[what: string, how: string, deadlines: ParserDeadlines]>([
    ['abort', 'crash', patient],
    ['exit', 'crash', patient],
    ['throw', 'crash', patient],
    ['garbage', 'crash', patient],
    ['flood', 'crash', patient],
    ['lie', 'crash', patient],
    ['forge', 'crash', patient],
    ['print', 'crash', patient],
    ['hang', 'timeout', hasty],
    ['heap', 'memory', patient],
    ...(process.platform === 'linux' ? [['buffers', 'memory', patient] as [string, string, ParserDeadlines]] : []),
  ])('that should %s ends as a %s; the next document is judged right', async (what, how, deadlines) => {
    const { inspect, log, counted } = setUp(planted, deadlines)
    const document = Buffer.from(`${what} of a document`)
    const checks = [{ check: 'decode', outcome: 'failed', milliseconds: expect.any(Number) }]
    expect(await inspect(document)).toEqual({ outcome: 'crashed', sha256: hashOf(document), rulesVersion, checks })
    expect(counted).toEqual({ 'documents_inspected crashed': 1 })
    // Nothing that it printed, nothing of the document.
    expect(log.lines).toEqual([{ level: 'warn', message: 'parser crashed', fields: { reason: how, part: 'decode' } }])
    const next = setUp(planted)
    expect(await next.inspect(samples.card)).toMatchObject({
      outcome: 'inspected',
      sha256: hashOf(samples.card),
      verdict: 'passed',
    })
  })

  it('sees no credential, no file but its own, and starts nothing', async () => {
    const { inspect } = setUp(planted)
    expect(await inspect(Buffer.from('look around'))).toMatchObject({
      outcome: 'crashed',
      checks: [{ check: 'all_told' }],
    })
  })
})

describe('a reader of frames', () => {
  const read = (chunks: readonly Uint8Array[]) => {
    const frames: [FrameKind, string][] = []
    const take = createFrameReader((kind, bytes) => frames.push([kind, Buffer.from(bytes).toString()]))
    return { understood: chunks.map(take), frames }
  }
  const frame = (kind: FrameKind, text: string) => Buffer.concat([makeFrameHead(kind, text.length), Buffer.from(text)])
  const bytes = Buffer.concat([frame('ready', ''), frame('check', 'size'), frame('copy', ''), frame('answer', '{}')])
  const frames = [
    ['ready', ''],
    ['check', 'size'],
    ['copy', ''],
    ['answer', '{}'],
  ]

  it('takes them in whatever pieces they come', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      )
      expect(read(chunks).frames).toEqual(frames)
    }
  })

  it.each([
    ['of no kind', Buffer.from([77, 0, 0, 0, 0])],
    ['too long for its kind', makeFrameHead('check', 65)],
    ['of a kind that has no bytes, with one', makeFrameHead('ready', 1)],
  ])('takes none %s', (_name, head) => {
    expect(read([Buffer.concat([frame('check', 'size'), head])])).toEqual({
      understood: [false],
      frames: [['check', 'size']],
    })
  })
})
