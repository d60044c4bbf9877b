// A parser, from its start to its end: a process for each document, killed when it has answered or takes too long. So one
// that was attacked judges no other document. Nothing that it prints is kept: it may hold a document.
import type { Readable, Writable } from 'node:stream'
import type { CleanCopy } from './check.ts'
import { createFrameReader } from './frames.ts'
import type { Inspection } from './inspect-document.ts'
import { type ParserAnswer, readCheckName, readParserAnswer } from './parser-answer.ts'
import { type ParserProgram, spawnParser } from './spawn-parser.ts'

export type Parsed =
  | {
      readonly outcome: 'inspected'
      readonly inspection: Inspection
      /** Of a document that passed. */
      readonly cleanCopy: CleanCopy | undefined
      readonly usage: ParserAnswer['usage']
    }
  /**
   * It ended without an answer: by itself, by the clock, or for want of memory. `check`: the one under way, and for how many
   * milliseconds it was.
   */
  | {
      readonly outcome: 'crashed'
      readonly how: 'crash' | 'timeout' | 'memory'
      readonly check: string | null
      readonly milliseconds: number
    }

/** A parser did not come as far as to open its document, which says nothing of that. */
export class ParserNotStartedError extends Error {
  override readonly name = 'ParserNotStartedError'
}

export type Parser = {
  /** Has it inspect a document: once. @throws {ParserNotStartedError} */
  readonly inspect: (bytes: Uint8Array) => Promise<Parsed>
  /** Ends it, whatever it does. */
  readonly kill: () => Promise<void>
}

/**
 * Milliseconds since it was started: by when it has to wait for its document, and by when it is killed. The function is given
 * three seconds more, to keep the copy in, so the time in which the document comes counts as well.
 */
export type ParserDeadlines = { readonly waiting: number; readonly answered: number }
export const parserDeadlines: ParserDeadlines = { waiting: 5000, answered: 10_000 }

/** Of decoders and V8, when they are refused memory. */
const memoryComplaint = /out of memory|cannot allocate|failed to allocate|bad_alloc|allocation failed/i
const longestComplaint = 16 * 1024

export function startParser(program: ParserProgram, deadlines = parserDeadlines): Parser {
  const child = spawnParser(program)
  const start = performance.now()
  const [documents, , complaints, answers] = child.stdio as unknown as [Writable, null, Readable, Readable]
  const ready = Promise.withResolvers<boolean>()
  const ended = Promise.withResolvers<'answered' | 'crash' | 'timeout' | 'memory'>()
  const gone = Promise.withResolvers<void>()
  let check: string | null = null
  let checkBegan = start
  let copy: Uint8Array | undefined
  let answer: ParserAnswer | undefined
  let complaint = ''

  const readFrames = createFrameReader((kind, bytes) => {
    if (kind === 'ready') ready.resolve(true)
    if (kind === 'check') {
      check = readCheckName(bytes)
      checkBegan = performance.now()
    }
    if (kind === 'copy') copy = bytes
    if (kind === 'memory') ended.resolve('memory')
    if (kind !== 'answer') return
    answer = readParserAnswer(bytes)
    ended.resolve(answer ? 'answered' : 'crash')
  })
  answers.on('data', (chunk: Uint8Array) => {
    if (readFrames(chunk)) return
    answers.destroy()
    ended.resolve('crash')
  })
  complaints.on('data', (chunk: Buffer) => {
    if (complaint.length < longestComplaint) complaint += chunk.toString('latin1')
  })
  // A parser that ends while it is written to is told of by its end.
  for (const stream of [documents, complaints, answers]) stream.on('error', () => {})
  const end = (signal?: NodeJS.Signals | null) => {
    ready.resolve(false)
    // Nobody here has killed it before it ended: then the kernel has, which wants its memory back.
    const isMemory = signal === 'SIGKILL' || memoryComplaint.test(complaint)
    ended.resolve(signal === 'SIGXCPU' ? 'timeout' : isMemory ? 'memory' : 'crash')
    gone.resolve()
  }
  child.on('error', () => end())
  child.on('exit', () => gone.resolve())
  // Behind the last byte of its pipes.
  child.on('close', (_code, signal) => end(signal))

  async function kill(): Promise<void> {
    // Without a process there is no group.
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
    for (const stream of [documents, complaints, answers]) stream.destroy()
    await gone.promise
  }

  const crashed = (how: 'crash' | 'timeout' | 'memory'): Parsed => ({
    ...{ outcome: 'crashed', how, check },
    milliseconds: Math.round(performance.now() - checkBegan),
  })

  /** What a promise brings; when the deadline comes first, that instead. */
  async function before<Value, Late>(deadline: number, promise: Promise<Value>, late: Late): Promise<Value | Late> {
    const clock = Promise.withResolvers<Late>()
    const timer = setTimeout(() => clock.resolve(late), start + deadline - performance.now())
    try {
      return await Promise.race([promise, clock.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  async function inspect(bytes: Uint8Array): Promise<Parsed> {
    try {
      if (!(await before(deadlines.waiting, ready.promise, false))) {
        throw new ParserNotStartedError(
          'expected a parser that waits for a document; it ended, or did not begin in time',
        )
      }
      documents.end(bytes)
      const ending = await before(deadlines.answered, ended.promise, 'timeout' as const)
      if (ending !== 'answered' || answer === undefined) {
        return crashed(ending === 'answered' ? 'crash' : ending)
      }
      const { inspection, copyMediaType: mediaType, usage } = answer
      if (mediaType === null) return { outcome: 'inspected', inspection, cleanCopy: undefined, usage }
      if (copy === undefined) return crashed('crash')
      return { outcome: 'inspected', inspection, cleanCopy: { mediaType, bytes: copy }, usage }
    } finally {
      await kill()
    }
  }
  return { inspect, kill }
}
