// The verdict on a run, in words: each thing that must hold, and what was seen of it.
import { median, quantile } from '../statistics.ts'
import type { FedLog } from './feed-events.ts'
import { type Flatness, judgeTrend, type Trend } from './flatness.ts'
import type { LoadOptions } from './options.ts'
import type { Call, FloorLog, PostedLog } from './post-documents.ts'
import { largestProcesses, type Measured } from './series.ts'
import { type Passage, type ProcessSample, type Sample, toWalletKey } from './watch.ts'
import { countWallets } from './workload.ts'

/** Everything that was measured in one run. Times are milliseconds since it began. */
export type Run = {
  readonly options: LoadOptions
  readonly name: string
  readonly began: Date
  /** When the last document or event was sent and answered. */
  readonly sentAt: number
  readonly endedAt: number
  /** Documents or events that were sent. */
  readonly sent: number
  /** Undefined: events were fed. */
  readonly posted: PostedLog | undefined
  readonly fed: FedLog['slices']
  readonly floor: FloorLog
  readonly samples: readonly Sample[]
  readonly processes: readonly ProcessSample[]
  readonly passages: readonly Passage[]
  readonly wallets: ReadonlyMap<string, number>
  /** Seconds that the queue holds each document by its setting. */
  readonly queueDelay: number
}

export type Check = { readonly ok: boolean; readonly text: string }
export type NamedTrend = Trend & { readonly name: string; readonly unit: 'ms' | 'MB' | 'times' }
export type Judgement = {
  readonly ok: boolean
  readonly checks: readonly Check[]
  readonly trends: readonly NamedTrend[]
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`
const rate = (count: number, milliseconds: number) => (count / milliseconds) * 1000

const documented = new Set([202, 429, 503])

function judgeCalls({ options, posted }: Run): readonly Check[] {
  if (!posted) return []
  const { calls, broken, sent } = posted
  const counts = new Map<number, number>()
  for (const { status } of calls) counts.set(status, (counts.get(status) ?? 0) + 1)
  const statuses = [...counts].toSorted(([a], [b]) => a - b).map(([status, count]) => `${count} x ${status}`)
  const broke = [...broken].map(([what, count]) => `${count} x ${what}`)
  const failed = [...broken.values()].reduce((sum, count) => sum + count, 0)
  // The time was over: nothing was promised, and nothing refused.
  const cut = sent - calls.length - failed
  if (cut > 0) statuses.push(`${cut} not within the time`)
  const isAllowed = (status: number) => (options.preset === 'overload' ? documented.has(status) : status === 202)
  return [
    {
      ok: calls.length > 0 && calls.every(({ status }) => isAllowed(status)) && broken.size === 0,
      text: `The API answered ${[...statuses, ...broke].join(', ')}; expected 202${options.preset === 'overload' ? ', or the 429 and 503 that are documented' : ' alone'}.`,
    },
  ]
}

/** Each 202 that was seen is a wallet, and no user has two addresses of one kind. */
function judgeWallets({ options, posted, sent, wallets }: Run): readonly Check[] {
  const promised = posted
    ? new Set(posted.accepted.map(toWalletKey))
    : { size: countWallets(options.users, sent), [Symbol.iterator]: () => wallets.keys() }
  const lost = posted ? [...promised].filter((key) => !wallets.has(key)).length : promised.size - wallets.size
  const doubled = [...wallets.values()].filter((count) => count !== 1).length
  const what = posted
    ? `Of ${promised.size} wallets that a 202 promised`
    : `Of ${promised.size} wallets that were asked for`
  return [
    { ok: promised.size > 0 && lost === 0, text: `${what}, ${lost || 'none'} are missing.` },
    {
      ok: doubled === 0,
      text: `Of the ${wallets.size} that there are, ${doubled || 'none'} have more than one address.`,
    },
  ]
}

function judgeRest({ samples, sentAt, endedAt, wallets }: Run): readonly Check[] {
  const last = samples.at(-1)
  const unannounced = wallets.size - (last?.progress.announced ?? 0)
  const isEmpty = last !== undefined && last.queue === 0 && last.lag === 0 && unannounced === 0
  const rest = last ? `queue ${last.queue}, lag ${last.lag}, not announced ${unannounced}` : 'nobody looked'
  return [
    { ok: isEmpty, text: `Worked off ${seconds(endedAt - sentAt)} after the last was sent: ${rest}.` },
    {
      ok: last?.deadLetters === samples[0]?.deadLetters,
      text: `The queue's dead letters: ${samples[0]?.deadLetters ?? 'unknown'} before, ${last?.deadLetters ?? 'unknown'} after.`,
    },
  ]
}

/** How many times what the pipeline does the API must have taken meanwhile, for it to count as an overload. */
const overload = 5

/** What went in and came out of the pipeline while documents were sent, after those that it had not got to yet. */
function judgeOverload({ options, passages, samples, sentAt, queueDelay }: Run): readonly Check[] {
  if (options.preset !== 'overload') return []
  const from = queueDelay * 1000
  const countBetween = (stage: keyof Passage) =>
    passages.filter(({ [stage]: at }) => at !== null && at >= from && at < sentAt).length
  const taken = rate(countBetween('accepted'), sentAt - from)
  const done = rate(countBetween('verdict'), sentAt - from)
  const longest = Math.max(0, ...samples.map(({ queue }) => queue))
  return [
    {
      ok: taken >= overload * done,
      text: `While documents were sent, the API took ${taken.toFixed(1)} a second and the pipeline passed ${done.toFixed(1)}: ${(taken / done).toFixed(1)} times what it can; expected at least ${overload}. The queue grew to ${longest}.`,
    },
  ]
}

/** Caches fill, code is compiled, workers are started: that is over after so much of the run. */
const warmUp = 0.25
/** Growth that is tolerated over a soak, as a share of the level. */
const toleratedShare = { ms: 0.2, times: 0.2, MB: 0.1 } as const

/** What is not ours to judge: the emulator keeps each log line in memory, Kafka and PostgreSQL fill the caches they were given. */
const isJudged = (name: string) => name === 'supervisor' || name.endsWith(' function')

/** How many times as long as the floor's middle one of the same half minute each call took: what the machine does is in both. */
function divideByFloor(calls: readonly Call[], floor: readonly Call[]): readonly Measured[] {
  const toWindow = ({ at }: Call) => Math.floor(at / 30_000)
  const floors = Map.groupBy(floor, toWindow)
  const middles = new Map([...floors].map(([at, each]) => [at, median(each.map((call) => call.milliseconds))]))
  return calls.flatMap((call) => {
    const middle = middles.get(toWindow(call))
    return middle === undefined ? [] : [{ at: call.at, value: call.milliseconds / middle }]
  })
}

function findTrends({ posted, floor, passages, processes, sentAt }: Run): readonly NamedTrend[] {
  const span = { from: sentAt * warmUp, to: sentAt }
  const latencies = (calls: readonly Call[]) => calls.map(({ at, milliseconds }) => ({ at, value: milliseconds }))
  const waits = passages.flatMap(({ accepted, wallet }) =>
    accepted === null || wallet === null ? [] : [{ at: accepted, value: wallet - accepted }],
  )
  const timed = [
    { name: 'POST /verify', unit: 'ms', values: latencies(posted?.calls ?? []) },
    {
      name: 'POST /verify over the floor',
      unit: 'times',
      values: divideByFloor(posted?.calls ?? [], floor.calls),
    },
    { name: 'from POST to wallet', unit: 'ms', values: waits },
    { name: "the emulator's floor", unit: 'ms', values: latencies(floor.calls) },
  ] as const
  // At a low rate Node sees no reason to collect, and what grows is garbage.
  const sized = [...largestProcesses(processes.filter(({ isCollected }) => isCollected))].map(([name, values]) => ({
    name: `memory in use by ${name}`,
    unit: 'MB' as const,
    values: values.map(({ at, value }) => ({ at, value: value / 1e6 })),
  }))
  return [...timed, ...sized].flatMap(({ name, unit, values }) => {
    const trend = judgeTrend(values, { ...span, share: toleratedShare[unit] })
    return trend ? [{ name, unit, ...trend }] : []
  })
}

const says: Record<Flatness, string> = {
  flat: 'flat',
  grows: 'it grows',
  unclear: 'too noisy to tell: use a quieter machine, or more time',
}

export function describeTrend({ name, unit, level, growth, tolerated, flatness }: NamedTrend): string {
  const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`
  return (
    `${name}: ${level.toFixed(1)} ${unit}, over the run ${signed(growth.slope)} ${unit} ` +
    `(${signed(growth.low)} to ${signed(growth.high)} with 95 % confidence; tolerated +${tolerated.toFixed(1)}): ${says[flatness]}.`
  )
}

function judgeSoak({ options }: Run, trends: readonly NamedTrend[]): readonly Check[] {
  if (options.preset !== 'soak') return []
  const judged = trends.filter(
    ({ name }) =>
      name === 'POST /verify over the floor' ||
      name === 'from POST to wallet' ||
      isJudged(name.replace('memory in use by ', '')),
  )
  const isMemoryKnown = judged.some(({ unit }) => unit === 'MB')
  return [
    ...judged.map((trend) => ({ ok: trend.flatness === 'flat', text: describeTrend(trend) })),
    ...(isMemoryKnown ? [] : [{ ok: false, text: `Memory is not known on ${process.platform}: a soak needs Linux.` }]),
    ...(judged.some(({ unit }) => unit !== 'MB') ? [] : [{ ok: false, text: 'The run was too short for a trend.' }]),
  ]
}

export function judge(run: Run): Judgement {
  const trends = findTrends(run)
  const checks = [
    ...judgeCalls(run),
    ...judgeWallets(run),
    ...judgeRest(run),
    ...judgeOverload(run),
    ...judgeSoak(run, trends),
  ]
  return { ok: checks.every(({ ok }) => ok), checks, trends }
}

/** Percentiles of times (ms), in words. */
export function describeTimes(values: readonly number[]): string {
  if (values.length === 0) return 'none'
  const isLong = quantile(values, 0.99) >= 10_000
  const show = (share: number) => {
    const value = quantile(values, share)
    return isLong ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`
  }
  // What belongs together stays on one line.
  return [0.5, 0.9, 0.99].map((share) => `p${share * 100}\u00a0${show(share).replace(' ', '\u00a0')}`).join(', ')
}
