// The charts of the report, as data: what each shows, its units, its series.
import type { Run } from './judge.ts'
import type { Call } from './post-documents.ts'
import {
  chooseBinSeconds,
  largestProcesses,
  type Measured,
  makeBins,
  maxima,
  quantiles,
  ratesPerSecond,
} from './series.ts'
import type { Passage } from './watch.ts'

export type Line = {
  readonly label: string
  /** One for each `x` of the chart; null where nothing was measured. */
  readonly values: readonly (number | null)[]
  /** `floor`: of the emulator, drawn in another way than what is ours. */
  readonly kind: 'ours' | 'floor'
}

export type Chart = {
  readonly title: string
  /** For whoever sees it the first time. */
  readonly shows: string
  /** Of the values; the times are seconds since the run began. */
  readonly unit: string
  readonly x: readonly number[]
  readonly lines: readonly Line[]
}

const toLatency = ({ at, milliseconds }: Call): Measured => ({ at, value: milliseconds })

const shares = { p50: 0.5, p90: 0.9, p99: 0.99 } as const

/** Seconds from one stage to another, by the time at which the first was passed. */
function toWaits(passages: readonly Passage[], from: keyof Passage, to: keyof Passage): readonly Measured[] {
  return passages.flatMap(({ [from]: begin, [to]: end }) =>
    begin === null || end === null ? [] : [{ at: begin, value: (end - begin) / 1000 }],
  )
}

const passed = (passages: readonly Passage[], stage: keyof Passage) =>
  passages.flatMap(({ [stage]: at }) => (at === null ? [] : [at]))

export function makeCharts(run: Run): readonly Chart[] {
  const { posted, fed, floor, passages, samples, processes, endedAt, sentAt, options, queueDelay } = run
  const width = chooseBinSeconds(endedAt, options.rate)
  const x = makeBins(endedAt, width)
  const line = (label: string, values: Line['values'], kind: Line['kind'] = 'ours'): Line => ({ label, values, kind })
  const percentiles = (
    of: string,
    values: readonly Measured[],
    names: readonly (keyof typeof shares)[],
    kind?: Line['kind'],
  ) => names.map((name) => line(`${of} ${name}`, quantiles(values, x, width, shares[name]), kind))
  const until = `The last was sent at ${Math.round(sentAt / 1000)} s; what is drawn after that is what was still to be worked off.`
  const floorLines = percentiles('floor', floor.calls.map(toLatency), ['p50', 'p99'], 'floor')
  const throughput = (label: string, stage: keyof Passage) =>
    line(
      label,
      ratesPerSecond(
        passed(passages, stage).map((at) => ({ at, count: 1 })),
        x,
        width,
      ),
    )

  const latency: Chart = posted
    ? {
        title: 'Answers of the API',
        shows:
          'How long POST /verify took, and beside it the floor: one call a second through the same front door and gateway ' +
          'to a function that does nothing. What lies below the floor is the emulator, not this system.',
        unit: 'ms',
        x,
        lines: [...percentiles('POST', posted.calls.map(toLatency), ['p50', 'p90', 'p99']), ...floorLines],
      }
    : {
        title: "The emulator's floor",
        shows:
          'One call a second through front door and gateway to a function that does nothing, while events are worked on: each ' +
          'call of the wallet function pays about as much to the emulator.',
        unit: 'ms',
        x,
        lines: floorLines,
      }

  const waits: Chart = posted
    ? {
        title: 'From POST to wallet',
        shows:
          `From the row of intake to the wallet's, by the time of the POST. The queue alone holds each document for ` +
          `${queueDelay} s, by its setting. ${until}`,
        unit: 's',
        x,
        lines: percentiles('to wallet', toWaits(passages, 'accepted', 'wallet'), ['p50', 'p99']),
      }
    : {
        title: 'From wallet to announcement',
        shows: `From the row of a wallet to the note that it is announced, by the time of the wallet. ${until}`,
        unit: 's',
        x,
        lines: percentiles('to announced', toWaits(passages, 'wallet', 'announced'), ['p50', 'p99']),
      }

  const stages: Chart = {
    title: 'Throughput of each stage',
    shows: posted
      ? 'How many a second pass each stage: accepted (row of intake), verdict (document inspected), event (user.verified on ' +
        'Kafka), wallet (row of wallet), announced (wallet.created on Kafka). Where the lines part, the earlier stage is ahead.'
      : 'How many events a second were fed, become wallets (rows) and are announced (wallet.created on Kafka).',
    unit: 'a second',
    x,
    lines: [
      ...(posted
        ? [throughput('accepted', 'accepted'), throughput('verdict', 'verdict'), throughput('event', 'event')]
        : [line('fed', ratesPerSecond(fed, x, width))]),
      ...[throughput('wallet', 'wallet'), throughput('announced', 'announced')],
    ],
  }

  const sampled = (label: string, read: (sample: (typeof samples)[number]) => number) =>
    line(
      label,
      maxima(
        samples.map((sample) => ({ at: sample.at, value: read(sample) })),
        x,
        width,
      ),
    )
  const backlog: Chart = {
    title: 'What waits between the stages',
    shows:
      'Documents in the verification queue (its delay included), records of user.verified that the wallet function has not ' +
      'done (consumer lag), and wallets that are not announced.',
    unit: 'waiting',
    x,
    lines: [
      ...(posted ? [sampled('queue', ({ queue }) => queue)] : []),
      sampled('consumer lag', ({ lag }) => lag),
      sampled('not announced', ({ progress }) => progress.wallets - progress.announced),
    ],
  }

  const memory = largestProcesses(processes)
  const memoryChart = (title: string, shows: string, isIn: (name: string) => boolean): Chart => ({
    ...{ title, shows, unit: 'MB', x },
    lines: [...memory]
      .filter(([name]) => isIn(name))
      .toSorted(([one], [other]) => one.localeCompare(other))
      .map(([name, values]) =>
        line(
          name.replace(' function', ''),
          maxima(
            values.map(({ at, value }) => ({ at, value: value / 1e6 })),
            x,
            width,
          ),
        ),
      ),
  })
  const isFunction = (name: string) => name.endsWith(' function')
  const memoryCharts =
    memory.size === 0
      ? []
      : [
          memoryChart(
            'Memory of the functions',
            'What the largest process of each function has for itself. A leak shows in the one that lives longest. In a soak each throws away what ' +
              'it no longer needs every half minute: what is left then is judged.',
            isFunction,
          ),
          memoryChart(
            'Memory of the servers',
            'What each has for itself; of PostgreSQL, which is several processes and shares most, the largest. The supervisor has the wallet trigger, the ' +
              'front door and the issuer of tokens in it. The emulator keeps every log line in memory, so it grows.',
            (name) => !isFunction(name),
          ),
        ]
  return posted
    ? [latency, waits, stages, backlog, ...memoryCharts]
    : [stages, backlog, waits, latency, ...memoryCharts]
}
