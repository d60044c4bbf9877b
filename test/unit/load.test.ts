// What the load run computes and says: who uploads what, series over time, trends, the verdict, and the report of it.
import { describe, expect, it } from 'vitest'
import { makeCharts } from '../../bench/load/charts.ts'
import { makeLetters, prepareScans } from '../../bench/load/documents.ts'
import { judgeTrend } from '../../bench/load/flatness.ts'
import { judge, type Run } from '../../bench/load/judge.ts'
import { type LoadOptions, OptionError, readOptions } from '../../bench/load/options.ts'
import { splitRate } from '../../bench/load/post-documents.ts'
import { nameProcesses } from '../../bench/load/processes.ts'
import { describeRun, makeReport } from '../../bench/load/report.ts'
import {
  chooseBinSeconds,
  largestProcesses,
  makeBins,
  maxima,
  quantiles,
  ratesPerSecond,
  sumProcesses,
} from '../../bench/load/series.ts'
import { toWalletKey } from '../../bench/load/watch.ts'
import { countWallets, makeUpload, makeVerified } from '../../bench/load/workload.ts'
import { median, quantile, theilSen } from '../../bench/statistics.ts'
import { inspectDocument } from '../../functions/inspect/inspect-document.ts'
import { toUserVerified } from '../../shared/events.ts'

/** A generator of numbers from 0 to below 1 that gives the same each time (mulberry32). */
function makeRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('statistics', () => {
  it('quantiles are values of the list', () => {
    const values = [5, 1, 4, 2, 3]
    expect(median(values)).toBe(3)
    expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([1, 3, 5, 5])
    expect(quantile([], 0.5)).toBeNaN()
  })

  it('a slope is found through outliers, and its interval holds it', () => {
    const random = makeRandom(1)
    const points = Array.from({ length: 40 }, (_, x) => ({ x, y: 100 + 2 * x + random() + (x % 9 === 0 ? 500 : 0) }))
    const found = theilSen(points)
    expect(found?.slope).toBeCloseTo(2, 1)
    expect(found?.low).toBeLessThan(2)
    expect(found?.high).toBeGreaterThan(2)
  })

  it('without a trend the interval holds 0 in about 95 of 100 samples', () => {
    const random = makeRandom(2)
    const held = Array.from({ length: 400 }, () => {
      const found = theilSen(Array.from({ length: 30 }, (_, x) => ({ x, y: random() })))
      return found !== undefined && found.low <= 0 && found.high >= 0
    }).filter(Boolean).length
    expect(held / 400).toBeGreaterThan(0.92)
    expect(held / 400).toBeLessThan(0.98)
  })

  it('of four points no interval is told', () => {
    expect(theilSen([1, 2, 3, 4].map((x) => ({ x, y: x })))).toBeUndefined()
  })
})

describe('the workload', () => {
  it('gives each user one wallet of each kind, then repeats', () => {
    const uploads = Array.from({ length: 14 }, (_, index) => makeUpload('run', 2, index))
    const keys = uploads.map(toWalletKey)
    expect(new Set(keys).size).toBe(12)
    expect(keys.slice(12)).toEqual(keys.slice(0, 2))
    expect(countWallets(2, 14)).toBe(12)
    expect(countWallets(2, 5)).toBe(new Set(keys.slice(0, 5)).size)
    expect(makeLetters(uploads[12] as never)).toEqual(makeLetters(uploads[0] as never))
    expect(makeLetters(uploads[2] as never)).not.toEqual(makeLetters(uploads[0] as never))
  })

  it('repeats an event byte for byte', () => {
    const at = new Date(0)
    const [one, again] = [0, 12].map((index) => toUserVerified(makeVerified(makeUpload('run', 2, index), at)).value)
    expect(again).toBe(one)
  })

  it('has scans that pass inspection, each another', async () => {
    const makeScan = await prepareScans()
    const [one, other] = [0, 1].map((index) => makeScan(makeUpload('run', 2, index)))
    expect(await inspectDocument(one as Uint8Array)).toMatchObject({ verdict: 'passed', mediaType: 'image/png' })
    expect(other).not.toEqual(one)
    expect(one?.length).toBeLessThan(10_000)
  })

  it.each([
    [1, [1]],
    [4, [1, 1, 1, 1]],
    [23, [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]],
  ])('%i a second are split evenly', (rate, groups) => {
    expect(splitRate(rate)).toEqual(groups)
  })
})

describe('flags', () => {
  it('mean a minute of 5 documents a second, each of another person, unless said', () => {
    expect(readOptions([])).toMatchObject({ mode: 'documents', preset: 'none', users: 300, rate: 5, seconds: 60 })
  })

  it.each([
    [['--soak'], { preset: 'soak', rate: 2, seconds: 1200, users: 2400 }],
    [['--soak', '--duration', '5m'], { preset: 'soak', rate: 2, seconds: 300 }],
    [['--overload'], { preset: 'overload', mode: 'documents' }],
    [['--feed', '--users', '7'], { mode: 'feed', rate: 1000, seconds: 20, users: 7 }],
    [['--duration', '1h', '--rate', '3', '--state', 'x'], { seconds: 3600, rate: 3, state: 'x' }],
    [['--help'], undefined],
  ])('%j', (flags, expected) => {
    const options = readOptions(flags)
    if (expected === undefined) expect(options).toBeUndefined()
    else expect(options).toMatchObject(expected)
  })

  it.each([
    [['--rate', '0'], '--rate: expected a whole number above 0; got "0"'],
    [['--rate', '1.5'], '--rate'],
    [['--users', '-1'], '--users'],
    [['--duration', '0s'], '--duration: expected a time such as 90s, 20m or 1h; got "0s"'],
    [['--duration', 'soon'], '--duration'],
    [['--soak', '--feed'], 'expected one of'],
    [['--rate', '1000000', '--duration', '1h'], 'expected at most 1000000 documents'],
    [['--colour'], '--colour'],
  ])('%j are refused', (flags, message) => {
    expect(() => readOptions(flags)).toThrow(OptionError)
    expect(() => readOptions(flags)).toThrow(message)
  })
})

describe('series', () => {
  const bins = makeBins(4500, 2)

  it('cover the whole run in whole seconds', () => {
    expect(bins).toEqual([0, 2, 4])
    expect(chooseBinSeconds(30_000, 100)).toBe(1)
    expect(chooseBinSeconds(5000, 2)).toBe(1)
    expect(chooseBinSeconds(60_000, 2)).toBe(3)
    expect(chooseBinSeconds(600_000, 2)).toBe(5)
    expect(chooseBinSeconds(1_200_000, 100)).toBe(8)
  })

  it('have a percentile for each bin that has values', () => {
    const values = [1, 2, 9].map((value) => ({ at: 100, value })).concat({ at: 4100, value: 5 }, { at: 9000, value: 1 })
    expect(quantiles(values, bins, 2, 0.5)).toEqual([2, null, 5])
    expect(maxima(values, bins, 2)).toEqual([9, null, 5])
  })

  it('count what passed a stage in each second', () => {
    const counts = [0, 1, 1999, 2000, 4400, 99_999].map((at) => ({ at, count: at === 2000 ? 7 : 1 }))
    expect(ratesPerSecond(counts, bins, 2)).toEqual([1.5, 3.5, 0.5])
  })
})

describe('processes', () => {
  const supervisor = { pid: 10, parent: 1, command: 'node /p/local/supervisor.ts --state x' }
  const rows = [
    supervisor,
    { pid: 11, parent: 10, command: 'java -cp x kafka.Kafka y' },
    { pid: 12, parent: 10, command: '/p/native/bin/postgres -D z' },
    { pid: 13, parent: 12, command: 'postgres: wallet wallets 127.0.0.1(1) idle' },
    { pid: 14, parent: 10, command: 'python -X state=x -m ministack' },
    {
      pid: 15,
      parent: 14,
      command: 'node /x/ministack-lambda-verified-wallets-local-service-WalletFunctionAB12-x/_worker.js',
    },
    { pid: 16, parent: 1, command: 'java kafka.Kafka of another stack' },
  ]

  it('are named by what they are, those of other stacks not at all', () => {
    expect(Object.fromEntries(nameProcesses(rows, 10))).toEqual({
      ...{ 10: 'supervisor', 11: 'Kafka', 12: 'PostgreSQL', 13: 'PostgreSQL', 14: 'emulator', 15: 'wallet function' },
    })
  })

  it('are the largest of a name over time; CPU is counted from the first look, of newcomers all', () => {
    const use = (pid: number, bytes: number, cpuSeconds: number) => ({
      pid,
      name: 'wallet function',
      bytes,
      cpuSeconds,
    })
    const samples = [
      { at: 0, processes: [use(1, 10, 5)], isCollected: false },
      { at: 5000, processes: [use(1, 12, 6), use(2, 30, 1)], isCollected: false },
      { at: 10_000, processes: [use(2, 20, 2)], isCollected: false },
    ]
    expect(
      largestProcesses(samples)
        .get('wallet function')
        ?.map(({ value }) => value),
    ).toEqual([10, 30, 20])
    expect(sumProcesses(samples)).toEqual([{ name: 'wallet function', processes: 1, bytes: 20, cpuSeconds: 3 }])
  })
})

describe('a trend', () => {
  const random = makeRandom(3)
  const span = { from: 0, to: 1_200_000, share: 0.1 }
  /** One value each 5 s, of 100 and so much noise, which grows by so much over the span. */
  const measure = (growth: number, noise: number) =>
    Array.from({ length: 240 }, (_, index) => ({
      ...{ at: index * 5000, value: 100 + (growth * index) / 240 + noise * (random() - 0.5) },
    }))

  it.each([
    ['flat', 0, 10],
    ['flat', -50, 10],
    ['flat', 5, 4],
    ['grows', 30, 10],
    ['unclear', 8, 300],
  ] as const)('is %s when it grows by %i with %i of noise', (flatness, growth, noise) => {
    expect(judgeTrend(measure(growth, noise), span)?.flatness).toBe(flatness)
  })

  it('of which only the span counts', () => {
    const values = [...measure(0, 1), ...measure(0, 1).map(({ at }) => ({ at: at + 1_200_000, value: 1000 }))]
    expect(judgeTrend(values, span)).toMatchObject({ flatness: 'flat', tolerated: expect.closeTo(10, 0) })
  })

  it('of too little is none', () => {
    expect(judgeTrend(measure(0, 1).slice(0, 10), span)).toBeUndefined()
  })
})

const options: LoadOptions = {
  ...{ mode: 'documents', preset: 'none', users: 20, rate: 2, seconds: 10, state: undefined, report: 'x' },
}

/** A run of 20 documents in which all went well: each accepted at its time, and its wallet announced 4 s later. */
function makeRun(changes: Partial<Run> = {}): Run {
  const uploads = Array.from({ length: 20 }, (_, index) => makeUpload('run', 20, index))
  const progress = { accepted: 20, verdicts: 20, events: 20, wallets: 20, announced: 20 }
  const use = { pid: 1, bytes: 60e6, cpuSeconds: 1 }
  return {
    ...{ options, name: 'run', began: new Date(0), sentAt: 10_000, endedAt: 15_000, sent: 20, queueDelay: 3 },
    posted: {
      calls: uploads.map(({ index }) => ({ at: index * 500, milliseconds: 40 + index, status: 202 })),
      accepted: uploads.map((upload) => ({ ...upload, verificationId: `id-${upload.index}` })),
      ...{ broken: new Map(), sent: 20 },
    },
    fed: [],
    floor: { calls: [{ at: 0, milliseconds: 20, status: 304 }], broken: new Map() },
    samples: [0, 15_000].map((at) => ({ at, progress, queue: at === 0 ? 4 : 0, deadLetters: 0, lag: 0 })),
    processes: [
      {
        at: 0,
        isCollected: false,
        processes: ['wallet function', 'intake function', 'Kafka', 'supervisor'].map((name) => ({ name, ...use })),
      },
    ],
    passages: uploads.map(({ index }) => {
      const at = index * 500
      return { accepted: at, verdict: at + 3200, event: at + 3300, wallet: at + 3500, announced: at + 4000 }
    }),
    wallets: new Map(uploads.map((upload) => [toWalletKey(upload), 1])),
    ...changes,
  }
}

const posted = makeRun().posted as NonNullable<Run['posted']>
const withStatus = (status: number) => ({
  posted: { ...posted, calls: posted.calls.map((call, at) => (at === 3 ? { ...call, status } : call)) },
})
const overload = { ...options, preset: 'overload' as const }
const [lastSample] = makeRun().samples.slice(-1)

describe('the verdict', () => {
  it('is good when each 202 has its wallet and nothing is left', () => {
    const { ok, checks } = judge(makeRun())
    expect(checks.filter((check) => !check.ok)).toEqual([])
    expect(ok).toBe(true)
  })

  it.each<[string, Partial<Run>, RegExp]>([
    ['a call that failed', withStatus(500), /19 x 202, 1 x 500/],
    ['a call that was limited, in a run that is no overload', withStatus(429), /1 x 429/],
    ['a call that broke', { posted: { ...posted, broken: new Map([['reset', 1]]) } }, /1 x reset/],
    ['a wallet that is missing', { wallets: new Map([...makeRun().wallets].slice(1)) }, /promised, 1 are missing/],
    [
      'a second address',
      { wallets: new Map([...makeRun().wallets].map(([key], at) => [key, at === 0 ? 2 : 1])) },
      /1 have more/,
    ],
    ['a queue that is not empty', { samples: [{ ...lastSample, queue: 1 } as never] }, /queue 1/],
    ['records that nobody consumed', { samples: [{ ...lastSample, lag: 2 } as never] }, /lag 2/],
    [
      'a dead letter',
      { samples: [lastSample as never, { ...lastSample, deadLetters: 1 } as never] },
      /0 before, 1 after/,
    ],
    ['no documents', { posted: { ...posted, calls: [], accepted: [] }, wallets: new Map() }, /Of 0 wallets/],
    ['a 502 in an overload', { options: overload, ...withStatus(502) }, /1 x 502/],
    ['an overload that is none', { options: overload }, /times what it can/],
    ['a soak that is too short', { options: { ...options, preset: 'soak' } }, /too short/],
  ])('tells of %s', (_, changes, text) => {
    const { ok, checks } = judge(makeRun(changes))
    expect(ok).toBe(false)
    expect(checks.filter((check) => !check.ok).map((check) => check.text)).toContainEqual(expect.stringMatching(text))
  })

  it('takes an overload with 429 and 503 for one that the API stands', () => {
    const slow = makeRun().passages.map((passage) => ({ ...passage, verdict: 12_000 }))
    expect(judge(makeRun({ options: overload, ...withStatus(429), passages: slow })).ok).toBe(true)
  })

  it('of a soak is that of its memory and its latency', () => {
    const soak = (leak: number, slower = 0, busier = 0): Run => {
      const process = { pid: 1, name: 'wallet function', cpuSeconds: 0 }
      const minutes = Array.from({ length: 240 }, (_, at) => at * 5000)
      return makeRun({
        ...{ options: { ...options, preset: 'soak' }, sentAt: 1_200_000, endedAt: 1_205_000 },
        // A machine that gets busier slows the floor as well.
        floor: {
          broken: new Map(),
          calls: minutes.map((at) => ({ at, milliseconds: 20 * (1 + busier * at), status: 304 })),
        },
        posted: {
          ...posted,
          calls: minutes.map((at) => ({
            ...{ at, status: 202 },
            milliseconds: (40 + (at % 7)) * (1 + busier * at) * (1 + slower * at),
          })),
        },
        passages: minutes.map((at) => ({
          ...{ accepted: at, verdict: at, event: at, announced: at },
          wallet: at + 3300,
        })),
        processes: minutes.map((at, index) => ({
          at,
          // Garbage grows, whatever is in use.
          processes: [{ ...process, bytes: 60e6 + (index % 6 === 0 ? leak : 100_000) * index }],
          isCollected: index % 6 === 0,
        })),
      })
    }
    const failures = (run: Run) => judge(run).checks.flatMap(({ ok, text }) => (ok ? [] : [text]))
    expect(failures(soak(0))).toEqual([])
    expect(failures(soak(0, 0, 1e-6))).toEqual([])
    expect(failures(soak(100_000))).toEqual([
      expect.stringMatching(/^memory in use by wallet function: .* it grows\.$/),
    ])
    expect(failures(soak(0, 1e-6))).toEqual([expect.stringMatching(/^POST \/verify over the floor: .* it grows\.$/)])
  })
})

describe('the report', () => {
  const content = describeRun(makeRun(), judge(makeRun()))
  const html = makeReport(content)

  it('has a chart for each thing that is measured, and in it each series, with a value for each moment', () => {
    const charts = makeCharts(makeRun())
    expect(charts.map(({ title, unit, lines }) => [title, unit, lines.map(({ label }) => label)])).toEqual([
      ['Answers of the API', 'ms', ['POST p50', 'POST p90', 'POST p99', 'floor p50', 'floor p99']],
      ['From POST to wallet', 's', ['to wallet p50', 'to wallet p99']],
      ['Throughput of each stage', 'a second', ['accepted', 'verdict', 'event', 'wallet', 'announced']],
      ['What waits between the stages', 'waiting', ['queue', 'consumer lag', 'not announced']],
      ['Memory of the functions', 'MB', ['intake', 'wallet']],
      ['Memory of the servers', 'MB', ['Kafka', 'supervisor']],
    ])
    for (const { x, lines } of charts) {
      for (const { values } of lines) expect(values).toHaveLength(x.length)
      expect(lines.some(({ values }) => values.some((value) => value !== null))).toBe(true)
    }
  })

  it('of events has no calls of the API', () => {
    const fed = [{ at: 100, count: 20 }]
    const feed = makeRun({ options: { ...options, mode: 'feed' }, posted: undefined, fed })
    expect(judge(feed).ok).toBe(true)
    const charts = makeCharts(feed)
    expect(charts.flatMap(({ lines }) => lines.map(({ label }) => label))).not.toContain('POST p50')
    expect(charts.find(({ title }) => title.startsWith('Throughput'))?.lines.map(({ label }) => label)).toEqual([
      ...['fed', 'wallet', 'announced'],
    ])
  })

  it('says what is missing where there is no /proc', () => {
    const rows = describeRun(makeRun({ processes: [] }), judge(makeRun({ processes: [] }))).sections.flatMap(
      (each) => each.rows,
    )
    expect(rows).toContainEqual(['Not known', expect.stringContaining('/proc')])
  })

  it('carries the data of each series, the verdict, and a table of figures', () => {
    const [, data = ''] = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(html) ?? []
    expect(JSON.parse(data)).toEqual(JSON.parse(JSON.stringify(content.charts)))
    expect(html).toContain('Everything that must hold held.')
    for (const { text } of content.checks) expect(html).toContain(text)
    for (const { title } of content.sections) expect(html).toContain(`<h2>${title}</h2>`)
  })

  it('asks nobody for anything, and has nothing of what it measured taken for HTML', () => {
    const own = html.replaceAll(/<(script|style)[^>]*>.*?<\/\1>/gs, '')
    expect([...own.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link)).toEqual(['data:,'])
    expect(own).not.toMatch(/https?:/)
    const charts = content.charts.map((chart) => ({ ...chart, title: '</script><b>' }))
    const hostile = makeReport({ ...content, headline: '<img src=x>', charts })
    expect(hostile).not.toContain('<img')
    expect(hostile).not.toContain('</script><b>')
  })
})
