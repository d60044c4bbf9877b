// The flags of `npm run load`, parsed.
import { parseArgs } from 'node:util'

export const usage = `usage: npm run load -- [flags]

  --users N        so many people take turns, each with a document for one more kind of wallet (default: one document each)
  --rate R         documents a second, a whole number (default 5; of events 1000)
  --duration D     for how long: 90s, 20m, 1h (default 60s; of events 20s)
  --feed           no documents: user.verified events straight onto Kafka, which measures the wallet function, the database
                   and the announcements alone
  --soak           20 minutes at 2 documents a second; fails unless memory and latency are flat
  --overload       20 documents a second that each take long to inspect; fails unless that is five times what the pipeline
                   can take, the API stays up, and everything is worked off in the end
  --state DIR      measure the stack that runs with this --state, instead of one that is started and forgotten
  --report FILE    where the report goes (default .local/load/report.html)
  --help           show this

A flag given beside --soak or --overload replaces what these mean by it. Exit status 1: the verdict, which the report begins
with, is not that all went well.`

/** What goes in. `feed`: events onto Kafka. */
export type Mode = 'documents' | 'feed'
export type Preset = 'none' | 'soak' | 'overload'

export type LoadOptions = {
  readonly mode: Mode
  readonly preset: Preset
  readonly users: number
  /** Documents or events a second. */
  readonly rate: number
  readonly seconds: number
  /** Of a stack that runs; undefined: one is started. */
  readonly state: string | undefined
  readonly report: string
}

/** What was given cannot be meant. The message says what was expected. */
export class OptionError extends Error {
  override readonly name = 'OptionError'
}

const defaults = {
  documents: { rate: '5', duration: '60s' },
  feed: { rate: '1000', duration: '20s' },
  soak: { rate: '2', duration: '20m' },
  overload: { rate: '20', duration: '30s' },
} as const

/** No run sends more than this: it is held in memory, and each leaves a wallet. */
const mostDocuments = 1_000_000

function readWhole(name: string, text: string): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0
  if (value < 1) throw new OptionError(`--${name}: expected a whole number above 0; got "${text}"`)
  return value
}

/** Seconds of `90`, `90s`, `20m` or `1h`. */
function readDuration(text: string): number {
  const [, digits = '', unit = 's'] = /^(\d{1,6})([smh]?)$/.exec(text) ?? []
  const seconds = Number(digits) * { s: 1, m: 60, h: 3600, '': 1 }[unit as 's' | 'm' | 'h' | '']
  if (!(seconds >= 1)) throw new OptionError(`--duration: expected a time such as 90s, 20m or 1h; got "${text}"`)
  return seconds
}

/**
 * Undefined when only the usage was asked for.
 *
 * @throws {OptionError} when a flag is unknown or means nothing
 */
export function readOptions(programArguments: readonly string[]): LoadOptions | undefined {
  const options = {
    users: { type: 'string' },
    rate: { type: 'string' },
    duration: { type: 'string' },
    state: { type: 'string' },
    report: { type: 'string', default: '.local/load/report.html' },
    feed: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false },
    overload: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  let values: ReturnType<typeof parseArgs<{ options: typeof options }>>['values']
  try {
    values = parseArgs({ args: [...programArguments], options }).values
  } catch (cause) {
    throw new OptionError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
  if (values.help) return undefined
  if (Number(values.feed) + Number(values.soak) + Number(values.overload) > 1) {
    throw new OptionError('expected one of --feed, --soak and --overload; got more')
  }
  const mode = values.feed ? 'feed' : 'documents'
  const preset = values.soak ? 'soak' : values.overload ? 'overload' : 'none'
  const meant = defaults[preset === 'none' ? mode : preset]
  const rate = readWhole('rate', values.rate ?? meant.rate)
  const seconds = readDuration(values.duration ?? meant.duration)
  const documents = rate * seconds
  if (documents > mostDocuments) {
    throw new OptionError(`expected at most ${mostDocuments} documents; got ${rate} a second for ${seconds} s`)
  }
  const users = values.users === undefined ? documents : readWhole('users', values.users)
  return { mode, preset, users, rate, seconds, state: values.state, report: values.report }
}
