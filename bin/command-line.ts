// What the commands share: flags, standard input as bytes line by line, answers as lines of JSON. No key and no address.
import { isUtf8 } from 'node:buffer'
import { parseArgs } from 'node:util'
import { type BitcoinNetwork, bitcoinNetworks, type Network, networkSchema, networks } from '../shared/model.ts'

/** What a caller gave and what cannot be answered. The code is stable; the message never shows a secret. */
export class InputError extends Error {
  override readonly name = 'InputError'
  readonly code: string
  /** Of the command: 2 for what the caller can put right, 1 when a deployed stage is not as it should be. */
  readonly exitStatus: 1 | 2

  constructor(code: string, message: string, options: ErrorOptions & { readonly exitStatus?: 1 } = {}) {
    super(message, options)
    this.code = code
    this.exitStatus = options.exitStatus ?? 2
  }
}

/** What was got, for a message. Text only when it is a short word, too short for a seed: a secret may be in the wrong place. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'none'
  if (value === null || typeof value === 'number') return String(value)
  if (typeof value !== 'string') return `a ${Array.isArray(value) ? 'list' : typeof value}`
  return /^[\w.-]{1,16}$/.test(value) ? `"${value}"` : `${value.length} characters`
}

/** The longest line that is read, its end not counted. */
export const longestLine = 1024 * 1024

// ---- flags

/**
 * Flags by name; those that take a value give it as it stands, the others `true`. Arguments are visible to every process
 * of the machine, and a person may paste a secret there: no message repeats one.
 *
 * @throws {InputError} `invalid_arguments` for an unknown, repeated or incomplete flag, and for anything that is no flag
 */
export function readFlags<Name extends string>(
  given: readonly string[],
  known: Readonly<Record<Name, 'string' | 'boolean'>>,
): Partial<Record<Name, string | true>> {
  const refuse = (message: string) => new InputError('invalid_arguments', `${message}; --help lists the flags`)
  const options = Object.fromEntries(
    Object.entries<'string' | 'boolean'>(known).map(([name, type]) => [name, { type }]),
  )
  const { tokens } = parseArgs({ args: [...given], options, strict: false, allowPositionals: true, tokens: true })
  const flags: Partial<Record<Name, string | true>> = {}
  const isKnown = (name: string): name is Name => Object.hasOwn(known, name)
  for (const token of tokens) {
    if (token.kind !== 'option')
      throw refuse('expected flags only: secrets go to standard input, never into an argument')
    const { name, value } = token
    if (!isKnown(name)) throw refuse(`expected a flag of this command; got ${describeValue(name)}`)
    if (flags[name] !== undefined) throw refuse(`expected --${name} once; got it twice`)
    if ((known[name] === 'string') !== (value !== undefined)) {
      throw refuse(known[name] === 'string' ? `expected a value after --${name}` : `expected no value for --${name}`)
    }
    flags[name] = value ?? true
  }
  return flags
}

/** A network in any case. @throws {InputError} `unknown_network`, also when there is none */
export function toNetwork(value: unknown): Network {
  const result = networkSchema.safeParse(value)
  if (result.success) return result.data
  throw new InputError(
    'unknown_network',
    `expected a network, one of ${networks.join(', ')}; got ${describeValue(value)}`,
  )
}

/** Bitcoin's mainnet when nothing is said. @throws {InputError} `unknown_bitcoin_network` */
export function toBitcoinNetwork(value: unknown): BitcoinNetwork {
  if (value === undefined) return 'mainnet'
  const found = bitcoinNetworks.find((name) => name === value)
  if (found) return found
  throw new InputError(
    'unknown_bitcoin_network',
    `expected a Bitcoin network, one of ${bitcoinNetworks.join(', ')}; got ${describeValue(value)}`,
  )
}

// ---- standard input

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** A line without its end (LF or CRLF), and whether it was longer than may be: then `bytes` is only its beginning. */
export type Line = { readonly bytes: Uint8Array; readonly isTooLong: boolean }

/**
 * The lines of a stream, each as soon as its end is there; what follows the last LF is a line unless it is empty. A byte
 * order mark at the very beginning is skipped. Memory is bounded by the longest line, which is read to its end in any case.
 * What was read is wiped once a line is handed over, whose bytes are the caller's to wipe.
 */
export async function* readLines(input: AsyncIterable<Uint8Array>, longest = longestLine): AsyncGenerator<Line> {
  // One byte more than may be kept: the CR of an end.
  let kept = new Uint8Array(4096)
  let length = 0
  let isTooLong = false
  let isFirst = true

  function keep(bytes: Uint8Array): void {
    const room = longest + 1 - length
    if (bytes.length > room) isTooLong = true
    const part = bytes.subarray(0, Math.max(room, 0))
    if (length + part.length > kept.length) {
      const larger = new Uint8Array(Math.max(length + part.length, kept.length * 2))
      larger.set(kept.subarray(0, length))
      kept.fill(0)
      kept = larger
    }
    kept.set(part, length)
    length += part.length
  }

  function take(): Line {
    const hasReturn = !isTooLong && length > 0 && kept[length - 1] === carriageReturn
    const end = hasReturn ? length - 1 : length
    const hasMark = isFirst && end >= 3 && kept[0] === 0xef && kept[1] === 0xbb && kept[2] === 0xbf
    const bytes = kept.slice(hasMark ? 3 : 0, Math.min(end, longest))
    const line = { bytes, isTooLong: isTooLong || end > longest }
    kept.fill(0, 0, length)
    length = 0
    isTooLong = false
    isFirst = false
    return line
  }

  for await (const chunk of input) {
    try {
      let start = 0
      for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
        keep(chunk.subarray(start, end))
        start = end + 1
        yield take()
      }
      keep(chunk.subarray(start))
    } finally {
      chunk.fill(0)
    }
  }
  if (length > 0) yield take()
}

/** The text of UTF-8; undefined when the bytes are none. A byte order mark stays. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8') : undefined
}

// ---- standard output

/** Writes one line and waits until there is room for the next. */
export async function writeLine(text: string): Promise<void> {
  if (process.stdout.write(`${text}\n`)) return
  await new Promise<void>((resolve) => {
    process.stdout.once('drain', resolve)
  })
}

/** `{"error": {"code", "message"}}`, as one line. Of a fault of ours only the kind is told: its message may hold anything. */
export function describeError(error: unknown): string {
  if (error instanceof Error && 'code' in error && (error.name === 'InputError' || error.name === 'KeyError')) {
    return JSON.stringify({ error: { code: error.code, message: error.message } })
  }
  const kind = error instanceof Error ? error.name : typeof error
  return JSON.stringify({
    error: { code: 'internal', message: `a fault of this program, not of what it was given: ${kind}` },
  })
}

/**
 * Runs a command. What it throws becomes a line on standard error, and exit status 2. A reader of standard output that goes
 * away ends it quietly.
 */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    console.error(describeError(new InputError('output_failed', `standard output: ${error.code}`, { cause: error })))
    process.exit(2)
  })
  try {
    await command()
  } catch (error) {
    console.error(describeError(error))
    process.exitCode = 2
  }
}

/**
 * Runs a command of operators: as `runCommand`, but a person at a terminal reads sentences. Exit status 1 when a deployed
 * stage is not as it should be, 130 after Ctrl-C, else 2.
 */
export async function runOperatorCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command()
  } catch (error) {
    const isExplained = error instanceof InputError || (error instanceof Error && error.name === 'SettingsError')
    if (process.stderr.isTTY && isExplained) {
      console.error(`\n${error.message}${error instanceof InputError ? `  [${error.code}]` : ''}`)
    } else {
      console.error(
        describeError(
          isExplained && !(error instanceof InputError) ? new InputError('invalid_settings', error.message) : error,
        ),
      )
    }
    process.exitCode = !(error instanceof InputError) ? 2 : error.code === 'interrupted' ? 130 : error.exitStatus
  }
}
