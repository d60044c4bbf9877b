// The sweep: publish, then note; page by page; what fails stays for the next one; and what GET /health learns of it.
import type { InvokeCommand } from '@aws-sdk/client-lambda'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { AnnouncePorts, AnnounceResult } from '../../functions/announce/announce.ts'
import { type AnnounceDependencies, createHandler } from '../../functions/announce/handler.ts'
import type { NetTables } from '../../functions/announce/net.ts'
import type { WaitingRecord } from '../../functions/announce/waiting.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { toUserVerified, toWalletCreated } from '../../shared/events.ts'
import type { Publication } from '../../shared/kafka.ts'
import type { PassedVerification } from '../../shared/model.ts'
import { createNudge, isNudge } from '../../shared/nudge.ts'
import type { UnannouncedWallet } from '../../shared/wallets.ts'
import {
  catchError,
  createMemoryLog,
  createMemoryMetrics,
  makeVerification,
  makeWallet,
  noon,
} from '../support/fakes.ts'

afterEach(() => vi.useRealTimers())

const makeId = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const minutesAgo = (minutes: number) => new Date(noon.getTime() - minutes * 60_000)

const makeVerified = (number: number, verifiedAt: Date): PassedVerification => ({
  ...makeVerification({ id: makeId(number), userId: `user-${number}`, status: 'verified' }),
  verifiedAt,
})

const makeWaiting = (offset: string): WaitingRecord => ({
  topic: 'user.verified',
  partition: 0,
  offset,
  recordedAt: noon,
  key: Buffer.from('user-1'),
  value: Buffer.from([0x7b, 0xff, 0x7d]),
  headers: { request_id: Buffer.from('request-1') },
})

/** A wallet that was asked for that many seconds before it was issued. */
const makeIssued = (seconds = 7): UnannouncedWallet => ({
  ...makeWallet(),
  askedAt: new Date(noon.getTime() - seconds * 1000),
})

const nothing = { count: 0, since: null }
const noLack = { ...nothing, givenUp: 0 }
const idle = {
  backlog: { unannounced: nothing, waiting: nothing, wallets: noLack, verdicts: noLack },
  heartbeats: [],
}

/** What a sweep answers that did so much. */
const done = (counts: Partial<AnnounceResult> = {}): AnnounceResult => ({
  ...{ verifications: 0, wallets: 0, released: 0, republished: 0, requeued: 0 },
  ...counts,
})

/** Nothing is missing. */
const nothingMissing: NetTables = {
  takeTurn: async () => true,
  noteMissingWallets: async () => 0,
  noteMissingVerdicts: async () => 0,
  noteUploadsNotCome: async () => 0,
  strikeSettled: async () => {},
  lockDue: async () => [],
  strike: async () => {},
  noteTries: async () => {},
  findWaiting: async () => new Set(),
}

function setUp(
  rows: {
    wallets?: UnannouncedWallet[]
    verifications?: PassedVerification[]
    waiting?: WaitingRecord[]
    rootExists?: boolean
  } = {},
  overrides: Partial<AnnounceDependencies> = {},
) {
  let unannounced = {
    wallets: rows.wallets ?? [],
    verifications: rows.verifications ?? [],
    waiting: rows.waiting ?? [],
  }
  const steps: string[] = []
  const pages: (readonly Publication[])[] = []
  const faults = new Map<string, Error>()
  const log = createMemoryLog()
  const metrics = createMemoryMetrics()
  const step = (name: string) => {
    steps.push(name)
    const fault = faults.get(name)
    if (fault) throw fault
  }
  const ports: AnnouncePorts = {
    count: metrics.count,
    measure: metrics.measure,
    now: () => noon,
    overdueSeconds: { wallet: 600, verdict: 3600 },
    requeue: async () => {},
    userVerifiedTopic: 'user.verified',
    walletCreatedTopic: 'wallet.created',
    rootExists: async () => {
      step('root?')
      return rows.rootExists ?? true
    },
    publish: async (publications) => {
      if (publications.length === 0) return
      step(`publish ${publications[0]?.topic} ${publications.length}`)
      pages.push(publications)
    },
    transaction: async (work) => {
      const draft = { ...unannounced }
      const result = await work({
        ...nothingMissing,
        lockWallets: async (limit) => draft.wallets.slice(0, limit),
        markWallets: async (marked, now) => {
          expect(now).toBe(noon)
          if (marked.length > 0) step(`mark wallets ${marked.length}`)
          draft.wallets = draft.wallets.filter((row) => !marked.includes(row))
        },
        lockVerifications: async (before, limit) =>
          draft.verifications.filter(({ verifiedAt }) => verifiedAt < before).slice(0, limit),
        markVerifications: async (ids) => {
          if (ids.length > 0) step(`mark verifications ${ids.length}`)
          draft.verifications = draft.verifications.filter(({ id }) => !ids.includes(id))
        },
        lockWaiting: async ({ rootExists, limit }) => (rootExists ? draft.waiting.slice(0, limit) : []),
        markReleased: async (released) => {
          if (released.length > 0) step(`mark released ${released.length}`)
          draft.waiting = draft.waiting.filter((row) => !released.includes(row))
        },
      })
      unannounced = draft
      return result
    },
  }
  const handle = createHandler({
    ...ports,
    log,
    pingKafka: async () => step('ping'),
    readState: async () => idle,
    forget: async () => ({ keys: 0, buckets: 0 }),
    ...overrides,
    beat: async (status) => step(`beat ${status}`),
  })
  return { handle, steps, pages, faults, log, metrics, read: () => unannounced }
}

describe('a sweep', () => {
  it('publishes and only then notes, wallets first', async () => {
    const verified = makeVerified(1, minutesAgo(2))
    const waiting = makeWaiting('7')
    const wallet = makeIssued()
    const { handle, steps, pages, read, log } = setUp({
      wallets: [wallet],
      verifications: [verified],
      waiting: [waiting],
    })
    expect(await handle()).toEqual(done({ wallets: 1, verifications: 1, released: 1 }))
    expect(steps).toEqual([
      'ping',
      'publish wallet.created 1',
      'mark wallets 1',
      'publish user.verified 1',
      'mark verifications 1',
      'root?',
      'publish user.verified 1',
      'mark released 1',
      'beat ok',
    ])
    expect(pages).toEqual([
      [{ topic: 'wallet.created', ...toWalletCreated(wallet) }],
      [{ topic: 'user.verified', ...toUserVerified(verified) }],
      [{ topic: waiting.topic, key: waiting.key, value: waiting.value, headers: waiting.headers }],
    ])
    expect(read()).toEqual({ wallets: [], verifications: [], waiting: [] })
    expect(log.lines).toEqual([
      { level: 'info', message: 'announced', fields: { wallets: 1, verifications: 1, released: 1 } },
    ])
  })

  it('publishes what waited with its original bytes, whatever they are', async () => {
    const { handle, pages } = setUp({ waiting: [{ ...makeWaiting('7'), key: null, headers: {} }] })
    await handle()
    expect(pages).toEqual([[{ topic: 'user.verified', key: null, value: Buffer.from('7bff7d', 'hex'), headers: {} }]])
  })

  it('with nothing to do says nothing, and Kafka is known to answer', async () => {
    const { handle, steps, log } = setUp()
    expect(await handle()).toEqual(done())
    expect(steps).toEqual(['ping', 'root?', 'beat ok'])
    expect(log.lines).toEqual([])
  })

  it('leaves the verification function a minute to announce its own verdicts', async () => {
    const { handle, read } = setUp({
      verifications: [makeVerified(1, minutesAgo(1)), makeVerified(2, minutesAgo(1.01))],
    })
    expect(await handle()).toMatchObject({ verifications: 1 })
    expect(read().verifications.map(({ userId }) => userId)).toEqual(['user-1'])
  })

  it('by a clock that jumped ahead announces early, and by one that was set back leaves it for later', async () => {
    let at = new Date(noon.getTime() - 86_400_000)
    const verdict = makeVerified(1, minutesAgo(0))
    const { handle, read, pages } = setUp({ verifications: [verdict] }, { now: () => at })
    expect(await handle()).toMatchObject({ verifications: 0 })
    expect(read().verifications).toHaveLength(1)
    at = new Date(noon.getTime() + 86_400_000)
    expect(await handle()).toMatchObject({ verifications: 1 })
    expect(pages).toEqual([[{ topic: 'user.verified', ...toUserVerified(verdict) }]])
  })

  it.each([
    [499, ['publish wallet.created 499', 'mark wallets 499']],
    [500, ['publish wallet.created 500', 'mark wallets 500']],
    [
      1001,
      [
        'publish wallet.created 500',
        'mark wallets 500',
        'publish wallet.created 500',
        'mark wallets 500',
        'publish wallet.created 1',
        'mark wallets 1',
      ],
    ],
  ])('takes %i wallets in pages of 500, one transaction a page', async (count, expected) => {
    const wallets = Array.from({ length: count }, (_, number) => ({
      ...makeIssued(),
      userId: `user-${number}`,
    }))
    const { handle, steps, pages } = setUp({ wallets })
    expect(await handle()).toMatchObject({ wallets: count })
    expect(steps.filter((step) => step.includes('wallet'))).toEqual(expected)
    expect(pages.flat().map(({ key }) => key)).toEqual(wallets.map(({ userId }) => userId))
  })

  it('with a backlog that does not end gives the others their turn first, ends in time, and is measured', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { handle, steps, metrics } = setUp(
      { verifications: [makeVerified(1, minutesAgo(2))], waiting: [makeWaiting('7')] },
      {
        transaction: async (work) =>
          work({
            ...nothingMissing,
            lockWallets: async (limit) => Array.from({ length: limit }, () => makeIssued()),
            markWallets: async () => void vi.advanceTimersByTime(1000),
            lockVerifications: async () => [makeVerified(1, minutesAgo(2))],
            markVerifications: async () => {},
            lockWaiting: async () => [makeWaiting('7')],
            markReleased: async () => {},
          }),
      },
    )
    expect(await handle()).toEqual(done({ wallets: 40 * 500, verifications: 1, released: 1 }))
    const own = steps.filter((step) => step !== 'publish wallet.created 500')
    expect(own).toEqual(['ping', 'publish user.verified 1', 'root?', 'publish user.verified 1', 'beat ok'])
    expect(steps.indexOf('root?')).toBe(4)
    expect(metrics.values.backlog).toEqual([0])
  })

  it('without a root lets what waits for one wait', async () => {
    const { handle, read } = setUp({ waiting: [makeWaiting('7')], rootExists: false })
    expect(await handle()).toMatchObject({ released: 0 })
    expect(read().waiting).toHaveLength(1)
  })
})

describe('a nudge', () => {
  const nudge = { nudge: true }

  it('announces what is new, and does nothing else of a sweep', async () => {
    const unexpected = async () => {
      throw new Error('expected of a sweep alone')
    }
    const { handle, steps, read, log } = setUp(
      { wallets: [makeIssued()], verifications: [makeVerified(1, minutesAgo(2))], waiting: [makeWaiting('7')] },
      { readState: unexpected, forget: unexpected, pingKafka: unexpected },
    )
    expect(await handle(nudge)).toEqual(done({ wallets: 1, verifications: 1 }))
    expect(steps).toEqual([
      ...['publish wallet.created 1', 'mark wallets 1', 'publish user.verified 1', 'mark verifications 1'],
    ])
    expect(read()).toMatchObject({ wallets: [], verifications: [] })
    expect(read().waiting).toHaveLength(1)
    expect(log.lines).toEqual([
      { level: 'info', message: 'announced', fields: { wallets: 1, verifications: 1, released: 0 } },
    ])
  })

  it('that comes late finds nothing', async () => {
    const { handle, steps, log } = setUp()
    expect(await handle(nudge)).toEqual(done())
    expect([...steps, ...log.lines]).toEqual([])
  })

  it('that fails leaves it to the next sweep, and GET /health learns of it', async () => {
    const { handle, faults, steps, read } = setUp({ wallets: [makeIssued()] })
    faults.set('publish wallet.created 1', new UnavailableError('kafka', 'away'))
    await catchError(() => handle(nudge))
    expect(steps.at(-1)).toBe('beat failing')
    expect(read().wallets).toHaveLength(1)
  })

  it('is what was sent for it, and no event of a schedule', async () => {
    const sent: unknown[] = []
    const log = createMemoryLog()
    const send = async (command: InvokeCommand) => void sent.push(command.input)
    await createNudge({ send } as never, 'announce', log)()
    const [input] = sent as InvokeCommand['input'][]
    expect(input).toMatchObject({ FunctionName: 'announce', InvocationType: 'Event' })
    expect(isNudge(JSON.parse(Buffer.from(input?.Payload as Uint8Array).toString()))).toBe(true)
    for (const event of [undefined, null, {}, { source: 'aws.events' }, { nudge: 'true' }]) {
      expect(isNudge(event)).toBe(false)
    }
    const failing = async () => {
      throw new Error('throttled')
    }
    await createNudge({ send: failing } as never, 'announce', log)()
    expect(log.lines).toMatchObject([{ level: 'warn', message: 'announce was not nudged' }])
  })
})

describe('a sweep that fails', () => {
  const away = new UnavailableError('kafka', 'could not publish 1 records')

  it('at publishing: what was noted stays noted, the rest stays for the next sweep', async () => {
    const verified = makeVerified(1, minutesAgo(2))
    const { handle, faults, read, steps, log } = setUp({ wallets: [makeIssued()], verifications: [verified] })
    faults.set('publish user.verified 1', away)
    expect(await catchError(handle)).toBe(away)
    expect(read()).toMatchObject({ wallets: [], verifications: [verified] })
    expect(steps.at(-1)).toBe('beat failing')
    expect(log.lines).toEqual([
      { level: 'error', message: 'not announced: the next sweep tries again', fields: { error: away } },
    ])
    faults.clear()
    expect(await handle()).toMatchObject({ wallets: 0, verifications: 1 })
  })

  it('at noting: the same bytes are published once more', async () => {
    const { handle, faults, pages } = setUp({ wallets: [makeIssued()] })
    faults.set('mark wallets 1', new UnavailableError('database', 'away'))
    await catchError(handle)
    faults.clear()
    await handle()
    expect(pages).toHaveLength(2)
    expect(pages[1]).toEqual(pages[0])
  })

  it('because no broker answers: nothing is begun', async () => {
    const { handle, faults, steps } = setUp({ wallets: [makeIssued()] })
    faults.set('ping', away)
    expect(await catchError(handle)).toBe(away)
    expect(steps).toEqual(['ping', 'beat failing'])
  })

  it.each([
    ['mark wallets 1', new UnavailableError('database', 'away')],
    ['root?', new Error('Secrets Manager is away')],
  ])('at %s: Kafka is not to blame, and has answered', async (where, error) => {
    const { handle, faults, steps } = setUp({ wallets: [makeIssued()] })
    faults.set(where, error)
    expect(await catchError(handle)).toBe(error)
    expect(steps.filter((step) => step.startsWith('beat'))).toEqual(['beat ok'])
  })
})

describe('a step that fails', () => {
  it.each([
    ['by a fault of its own', new Error('a row that cannot be told')],
    ['as the queue is away', new UnavailableError('documents', 'away')],
  ])('%s keeps nothing from those behind it, and fails the sweep', async (_, error) => {
    const { handle, faults, read } = setUp({ wallets: [makeIssued()], waiting: [makeWaiting('7')] })
    faults.set('mark wallets 1', error)
    expect(await catchError(handle)).toBe(error)
    expect(read()).toMatchObject({ wallets: [{}], waiting: [] })
  })
})

describe('what is over', () => {
  it('is forgotten after the announcements, and told when there was any', async () => {
    const { handle, log } = setUp({}, { forget: async () => ({ keys: 2, buckets: 1 }) })
    await handle()
    expect(log.lines).toEqual([{ level: 'info', message: 'forgot', fields: { keys: 2, buckets: 1 } }])
  })

  it('is forgotten also when nothing can be announced, which still fails', async () => {
    let forgotten = 0
    const away = new UnavailableError('kafka', 'no broker answers')
    const { handle, log } = setUp(
      {},
      {
        pingKafka: () => Promise.reject(away),
        forget: async () => {
          forgotten += 1
          return { keys: 0, buckets: 0 }
        },
      },
    )
    await expect(handle()).rejects.toBe(away)
    expect(forgotten).toBe(1)
    expect(log.lines.map(({ level }) => level)).toEqual(['error'])
  })

  it('is left for the next sweep when it cannot be forgotten, and fails nothing', async () => {
    const error = new Error('deadlock')
    const { handle, log } = setUp({}, { forget: () => Promise.reject(error) })
    expect(await handle()).toEqual(done())
    expect(log.lines).toEqual([
      { level: 'warn', message: 'not forgotten: the next sweep tries again', fields: { error } },
    ])
  })
})

describe('what is measured', () => {
  it('the time from the POST to each wallet, and which were late', async () => {
    const unknown = { ...makeWallet(), askedAt: null }
    const { handle, metrics } = setUp({ wallets: [makeIssued(3), makeIssued(60), makeIssued(60.001), unknown] })
    await handle()
    expect(metrics.values.wallet_milliseconds).toEqual([3000, 60_000, 60_001])
    expect(metrics.counted).toEqual({ wallets_late: 1, wallets_announced: 4 })
  })

  it('what was announced and released', async () => {
    const { handle, metrics } = setUp({ verifications: [makeVerified(1, minutesAgo(2))], waiting: [makeWaiting('7')] })
    await handle()
    expect(metrics.counted).toEqual({ verifications_announced: 1, records_released: 1 })
  })

  const state = {
    backlog: {
      unannounced: { count: 3, since: minutesAgo(2) },
      waiting: { count: 2, since: minutesAgo(60) },
      wallets: { count: 5, since: minutesAgo(20), givenUp: 1 },
      verdicts: { count: 4, since: minutesAgo(90), givenUp: 2 },
    },
    heartbeats: [
      { part: 'vault', status: 'failing', seenAt: noon },
      { part: 'kafka', status: 'ok', seenAt: noon },
    ],
  } as const
  const measuredState = {
    ...{ backlog: [3], backlog_seconds: [120], records_waiting: [2], waiting_seconds: [3600] },
    ...{ wallets_overdue: [5], wallets_overdue_seconds: [1200], wallets_given_up: [1] },
    ...{ verdicts_overdue: [4], verdicts_overdue_seconds: [5400], verdicts_given_up: [2] },
    ...{ vault_failing: [1], kafka_failing: [0] },
  }

  it('what is left, since when, and which parts are seen to fail', async () => {
    const { handle, metrics } = setUp({}, { readState: async () => state })
    await handle()
    expect(metrics.values).toEqual(measuredState)
  })

  it('nothing left as 0, so that a line goes down again', async () => {
    const { handle, metrics } = setUp()
    await handle()
    expect(metrics.values).toEqual({
      ...{ backlog: [0], backlog_seconds: [0], records_waiting: [0], waiting_seconds: [0] },
      ...{ wallets_overdue: [0], wallets_overdue_seconds: [0], wallets_given_up: [0] },
      ...{ verdicts_overdue: [0], verdicts_overdue_seconds: [0], verdicts_given_up: [0] },
    })
  })

  it('also after a sweep that failed', async () => {
    const { handle, faults, metrics } = setUp({}, { readState: async () => state })
    faults.set('ping', new UnavailableError('kafka', 'away'))
    await expect(handle()).rejects.toThrow('away')
    expect(metrics.values).toEqual(measuredState)
    expect(metrics.counted).toEqual({})
  })

  it('and a state that cannot be read fails nothing', async () => {
    const readState = async () => {
      throw new UnavailableError('database', 'away')
    }
    const { handle, log, metrics } = setUp({ wallets: [makeIssued()] }, { readState })
    expect(await handle()).toEqual(done({ wallets: 1 }))
    expect(log.lines.at(-1)).toMatchObject({ level: 'warn', message: 'not measured: the next sweep tries again' })
    expect(metrics.counted).toEqual({ wallets_announced: 1 })
  })
})
