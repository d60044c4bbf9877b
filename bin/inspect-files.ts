// Inspects files as the inspect function does a document: by the same parser, a process for each, as many at once as there are
// cores. Reading and order are here; what is written is inspect.ts's.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Parsed, type Parser, startParser } from '../functions/inspect/parser-process.ts'
import { maximumBytes, reasons } from '../functions/inspect/reasons.ts'
import { allIn, type ParserProgram } from '../functions/inspect/spawn-parser.ts'
import { bundleParser } from '../lib/bundle.ts'
import type { Reason } from '../shared/model.ts'
import { InputError } from './command-line.ts'

const root = join(import.meta.dirname, '..')

/** The parser, bundled as the function's is: from its sources it takes twice as long to start. It is gone when this process ends. */
export async function prepareParser(): Promise<ParserProgram> {
  mkdirSync(join(root, '.local'), { recursive: true })
  const folder = mkdtempSync(join(root, '.local', 'inspect-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = await bundleParser(root, folder)
  return { file, readable: [...allIn(folder, join(root, 'node_modules')), join(root, 'package.json')] }
}

/** What a document's upload would be told. */
export type FileVerdict = { readonly verdict: 'verified' | 'rejected'; readonly reasons: readonly Reason[] }

/**
 * Milliseconds. Longer than in the function, where nobody else computes: the parser is bounded by its time of the CPU, which is the
 * function's ten seconds, so a busy machine changes no verdict.
 */
const deadlines = { waiting: 60_000, answered: 60_000 } as const

const { message, retry } = reasons.inspection_failed
const failed: FileVerdict = { verdict: 'rejected', reasons: [{ code: 'inspection_failed', message, retry }] }

/** Where a shell hands over what a command writes: `<(command)`, and a pipe into standard input. */
const handedOver = /^\/(dev\/(fd\/|stdin$)|proc\/)/

const whyUnreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is none of that name',
  ENOTDIR: 'there is none of that name',
  EISDIR: 'it is a folder: name the files in it',
  EACCES: 'its permissions do not allow it',
  EPERM: 'its permissions do not allow it',
}

/** @throws {InputError} `unreadable_file` */
async function readDocument(path: string): Promise<Uint8Array> {
  const refuse = (why: string, cause?: unknown) =>
    new InputError('unreadable_file', `expected a file that can be read; got ${path}: ${why}`, { cause })
  try {
    // Whoever opens one that nobody writes to waits, and all files behind it as well.
    if (!handedOver.test(path) && (await stat(path)).isFIFO()) throw refuse('it is a pipe: name a file')
    await using file = await open(path)
    // One byte more than may be: enough to be refused.
    const bytes = Buffer.alloc(Math.min((await file.stat()).size || maximumBytes, maximumBytes) + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = (await file.read(bytes, length)).bytesRead
    }
    return bytes.subarray(0, length)
  } catch (error) {
    if (error instanceof InputError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no file'
    // Node reads names as UTF-8, and puts this character where one is none.
    const isOtherName = code === 'ENOENT' && path.includes('\ufffd')
    throw refuse(isOtherName ? 'its name is not in UTF-8: give it another' : (whyUnreadable[code] ?? code), error)
  }
}

/** As the pipeline does: what makes the parser crash twice is rejected. */
function toVerdict(parsed: Parsed): FileVerdict {
  if (parsed.outcome === 'crashed') return failed
  const { verdict, reasons } = parsed.inspection
  return { verdict: verdict === 'passed' ? 'verified' : 'rejected', reasons }
}

/**
 * Inspects files, and hands over what came of each in the order given, as soon as it and all before it are there.
 *
 * @param resolve the path of a file, from its name
 * @param take is waited for; a file that cannot be read has an error in the place of a verdict
 */
export async function inspectFiles(
  program: ParserProgram,
  files: readonly string[],
  resolve: (file: string) => string,
  take: (file: string, result: FileVerdict | InputError) => Promise<void>,
): Promise<void> {
  const results = new Map<number, FileVerdict | InputError>()
  const running = new Set<Parser>()
  // Whatever ends this program ends what it started.
  const killAll = () => {
    for (const parser of running) void parser.kill()
  }
  process.on('exit', killAll)

  async function parse(bytes: Uint8Array): Promise<Parsed> {
    const parser = startParser(program, deadlines)
    running.add(parser)
    try {
      return await parser.inspect(bytes)
    } finally {
      running.delete(parser)
    }
  }

  async function inspect(file: string): Promise<FileVerdict | InputError> {
    try {
      const bytes = await readDocument(resolve(file))
      const parsed = await parse(bytes)
      return toVerdict(parsed.outcome === 'crashed' ? await parse(bytes) : parsed)
    } catch (error) {
      if (error instanceof InputError) return error
      throw error
    }
  }

  let [begun, taken] = [0, 0]
  let isTaking = false
  async function takeThoseInOrder(): Promise<void> {
    if (isTaking) return
    isTaking = true
    for (let result = results.get(taken); result !== undefined; result = results.get(taken)) {
      results.delete(taken)
      await take(files[taken] ?? '', result)
      taken += 1
    }
    isTaking = false
  }

  async function work(): Promise<void> {
    while (begun < files.length) {
      const index = begun++
      results.set(index, await inspect(files[index] ?? ''))
      await takeThoseInOrder()
    }
  }
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, work))
  } finally {
    killAll()
    process.off('exit', killAll)
  }
}
