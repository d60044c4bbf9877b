// The net between a real Postgres and a real Kafka: what should be there and is not is set going again, in the same bytes,
// a bounded number of times, whatever crashes and whatever the clock says.
import { randomUUID } from 'node:crypto'
import type postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { type AnnouncePorts, type AnnounceTables, announce } from '../../functions/announce/announce.ts'
import { runAnnounceTransaction } from '../../functions/announce/announce-tables.ts'
import { readBacklog } from '../../functions/announce/backlog.ts'
import { mostTries } from '../../functions/announce/net.ts'
import type { Database } from '../../shared/database.ts'
import { inTransaction } from '../../shared/database.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { toUserVerified } from '../../shared/events.ts'
import { createPublisher } from '../../shared/kafka.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { type AddressType, isPassed, type Network, toDocumentKey, type Verification } from '../../shared/model.ts'
import { beginInspection, findVerification, markVerificationsAnnounced } from '../../shared/verifications.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { catchError, createMemoryMetrics, noon } from '../support/fakes.ts'
import { createTestKafka } from '../support/kafka.ts'
import { commit, register as registerUpload, toExpired, toVerified } from '../support/uploads.ts'
import { issue, makeKafkaRecord } from '../support/wallet-records.ts'

const kafka = createTestKafka(inject('kafkaBrokers'))
const publisher = createPublisher({
  ...{ brokers: inject('kafkaBrokers').split(','), clientId: 'announce', login: undefined },
  ...{ deadline: 20_000, now: Date.now },
})
let database: TestDatabase
let owner: postgres.Sql
let intake: postgres.Sql
let verification: postgres.Sql
let wallet: Database
let userVerifiedTopic: string
/** The keys of the documents that were put into the queue, in order. */
let requeued: string[]

beforeAll(() => publisher.publish([]))
afterAll(() => publisher.close())

beforeEach(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  intake = database.connect('app_intake')
  verification = database.connect('app_verification')
  wallet = database.open('app_wallet')
  userVerifiedTopic = await kafka.createTopic()
  requeued = []
  return () => database.drop()
})

const laterBy = (seconds: number) => new Date(noon.getTime() + seconds * 1000)

/** A sweep that many seconds after noon, on a connection of its own. */
function sweep(seconds: number, overrides: Partial<AnnouncePorts> = {}) {
  const announcer = database.open('app_announce')
  return announce({
    ...createMemoryMetrics(),
    now: () => laterBy(seconds),
    overdueSeconds: { wallet: 600, verdict: 3600 },
    userVerifiedTopic,
    walletCreatedTopic: 'never written',
    transaction: (work) => announcer.run((sql) => runAnnounceTransaction(sql, work)),
    publish: async (publications) => {
      await publisher.publish(publications.filter(({ topic }) => topic === userVerifiedTopic))
    },
    requeue: async (verifications) => void requeued.push(...verifications.map(toDocumentKey)),
    rootExists: async () => true,
    ...overrides,
  })
}

/** Sweeps at all of these seconds after noon; answers those at which something was set going again. */
async function findBusy(times: readonly number[], what: 'republished' | 'requeued'): Promise<readonly number[]> {
  const busy: number[] = []
  for (const at of times) if ((await sweep(at))[what] > 0) busy.push(at)
  return busy
}

type Asked = {
  readonly userId?: string
  readonly network?: Network
  readonly addressType?: AddressType
  readonly document?: string
}

const register = (
  { userId = 'user-1', network = 'tron', addressType = 'base58check', document = 'a' }: Asked,
  seconds: number,
) =>
  registerUpload(intake, {
    ...{ id: randomUUID(), userId, network, addressType, requestId: 'request-1', now: laterBy(seconds) },
    documentSha256: Buffer.alloc(32, document),
  })

/** Has a document pass, announced at noon; answers its event. */
async function verify({ id }: Verification) {
  await beginInspection(verification, id, 1)
  await commit(verification, id, 1, toVerified(laterBy(-1)))
  await markVerificationsAnnounced(verification, [id], noon)
  const row = await findVerification(verification, id)
  if (!row || !isPassed(row)) throw new Error('expected a verified row')
  return toUserVerified(row)
}

/** Its document is not there. */
async function lose({ id }: Verification) {
  await beginInspection(verification, id, 1)
  await commit(verification, id, 1, toExpired)
}

const insertVerified = async (asked: Asked = {}) => await verify(await register(asked, -5))

const toRecord = (event: ReturnType<typeof toUserVerified>): KafkaRecord => makeKafkaRecord(event)
const readOverdue = () => owner`
  select missing, tries, given_up_at from verification.overdue order by missing, verification_id`
const readState = () => database.open('app_announce').run(readBacklog)

/** What the topic holds: key and value of each record, and the names of headers. */
const readTopic = async () =>
  (await kafka.readTopic(userVerifiedTopic)).map(({ key, value, headers }) => ({
    key: key?.toString(),
    value: value?.toString(),
    headers: Object.fromEntries(Object.entries(headers).map(([name, [text]]) => [name, text?.toString()])),
  }))

describe('verified and no wallet', () => {
  test('is announced again in the same bytes, with pauses that double, and in the end given up', async () => {
    const event = await insertVerified()
    const pauses = Array.from({ length: mostTries }, (_, tries) => 600 * 2 ** tries)
    // When each pause is over: after 600 s the first time, then after each pause.
    const ends = pauses.map((_, at) => 601 + pauses.slice(0, at).reduce((sum, pause) => sum + pause, 0))
    const times = ends.flatMap((end) => [end - 2, end, end + 1])
    expect(await findBusy(times, 'republished')).toEqual(ends)
    expect(await readTopic()).toEqual(ends.map(() => event))
    expect((await readState()).wallets).toEqual({ count: 1, since: laterBy(-1), givenUp: 0 })

    const end = (ends.at(-1) ?? 0) + (pauses.at(-1) ?? 0)
    expect(await findBusy([end, end + 700, end + 100_000], 'republished')).toEqual([])
    expect((await readState()).wallets).toEqual({ count: 1, since: laterBy(-1), givenUp: 1 })
    // When the wallet comes all the same, nothing is missing any more.
    await issue(wallet, [toRecord(event)])
    await sweep(end + 200_000)
    expect((await readState()).wallets).toEqual({ count: 0, since: null, givenUp: 0 })
  })

  test('is no matter when there is a wallet, of whatever event, or when it was announced only lately', async () => {
    const late = await register({ document: 'a' }, -5)
    await lose(late)
    const first = await insertVerified({ document: 'b' })
    // The other document of the same person came late and passed as well, as it could in the release before.
    await owner`
      update verification.verifications set status = 'verified', verified_at = ${noon}, announced_at = ${noon}
      where id = ${late.id}`
    await insertVerified({ userId: 'user-2' })
    await issue(wallet, [toRecord(first)])
    expect(await sweep(600)).toMatchObject({ republished: 0 })
    expect(await sweep(601)).toMatchObject({ republished: 1 })
    expect(await readTopic()).toMatchObject([{ key: 'user-2' }])
    expect(await owner`select from verification.verifications where looked_at is not null`).toHaveLength(3)
  })

  test('is over as soon as the wallet is there, without waiting for the pause to end', async () => {
    const event = await insertVerified()
    await sweep(601)
    expect(await readOverdue()).toHaveLength(1)
    await issue(wallet, [toRecord(event)])
    await sweep(602)
    expect(await readOverdue()).toHaveLength(0)
  })

  test('while its record waits for a root is left alone, and takes no try', async () => {
    const event = await insertVerified()
    await issue(wallet, [toRecord(event)], { openKeyring: async () => ({ state: 'no_root' }) })
    const withoutRoot = { rootExists: async () => false }
    for (const at of [601, 1202, 1803]) expect(await sweep(at, withoutRoot)).toMatchObject({ republished: 0 })
    expect(await readOverdue()).toEqual([{ missing: 'wallet', tries: 0, given_up_at: null }])
    expect((await readState()).wallets.count).toBe(0)
    // Released, it has until the next look to become a wallet.
    expect(await sweep(1900)).toMatchObject({ released: 1, republished: 0 })
    expect(await sweep(2404)).toMatchObject({ released: 0, republished: 1 })
  })

  test('two sweeps at once announce it once, and lose nothing of the outbox', async () => {
    for (let user = 0; user < 20; user++) await insertVerified({ userId: `user-${user}` })
    const results = await Promise.all([sweep(601), sweep(601), sweep(601)])
    // Each had the turn for a part of it; what none of them came to is the next one's.
    results.push(await sweep(601))
    expect(results.reduce((sum, { republished }) => sum + republished, 0)).toBe(20)
    expect(await readTopic()).toHaveLength(20)
  })

  test('when many are missing, as many are on their way at once as the consumer can be asked for', async () => {
    await owner`
      insert into verification.verifications
        (id, user_id, network, address_type, document_sha256, request_id, created_at, status, verified_at, announced_at)
      select gen_random_uuid(), 'verified ' || n, 'tron', 'base58check', sha256('document'), 'request-1', ${noon}, 'verified',
        ${noon}::timestamptz + n * interval '1 microsecond', ${noon}
      from generate_series(1, 10_100) as n`
    const published: number[] = []
    const publish = async (publications: readonly unknown[]) => void published.push(publications.length)
    expect(await sweep(601, { publish })).toMatchObject({ republished: 10_000 })
    expect(Math.max(...published)).toBe(500)
    expect(await sweep(602, { publish })).toMatchObject({ republished: 0 })
    // The oldest were the first.
    expect(
      await owner`
      select count(*)::integer as count, max(tries) as tries, bool_and(since > (select max(since) from verification.overdue where tries = 1)) as later
      from verification.overdue where tries = 0`,
    ).toEqual([{ count: 100, tries: 0, later: true }])
  })

  test('costs no look at what was looked at before', async () => {
    await owner`
      insert into verification.verifications
        (id, user_id, network, address_type, document_sha256, request_id, created_at, status, verified_at, announced_at, looked_at)
      select gen_random_uuid(), 'verified ' || n, 'tron', 'base58check', sha256('document'), 'request-1', ${noon}, 'verified',
        ${noon}, ${noon}, ${noon}
      from generate_series(1, 20_000) as n`
    await insertVerified()
    await register({ userId: 'user-2', document: 'c' }, 0)
    await owner`analyze verification.verifications, verification.overdue, wallet.wallets`
    await inTransaction(database.connect('app_announce'), async (sql) => {
      const transaction: AnnouncePorts['transaction'] = (work) => runAnnounceTransaction(sql, work)
      expect(await sweep(4000, { transaction })).toMatchObject({ republished: 1, requeued: 1 })
      const [read] = await sql`
        select seq_scan::integer as scans, idx_tup_fetch::integer as rows from pg_stat_xact_user_tables
        where schemaname = 'verification' and relname = 'verifications'`
      expect(read?.scans).toBe(0)
      expect(read?.rows).toBeLessThan(100)
    })
  })
})

describe('no verdict', () => {
  test('has its document put into the queue again, with pauses that double, and is given up in the end', async () => {
    const row = await register({}, 0)
    const ends = Array.from({ length: mostTries }, (_, tries) => 3601 + 3600 * (2 ** tries - 1))
    expect(
      await findBusy(
        ends.flatMap((end) => [end - 2, end, end + 1]),
        'requeued',
      ),
    ).toEqual(ends)
    expect(requeued).toEqual(ends.map(() => `incoming/${row.id}/1`))
    const end = 3600 * 2 ** mostTries + 2
    expect(await findBusy([end, end + 100_000], 'requeued')).toEqual([])
    expect((await readState()).verdicts).toEqual({ count: 1, since: noon, givenUp: 1 })
  })

  test('of one that is being inspected too; and is over with any verdict', async () => {
    const row = await register({}, 0)
    await beginInspection(verification, row.id, 1)
    expect(await sweep(3601)).toMatchObject({ requeued: 1 })
    await commit(verification, row.id, 1, toExpired)
    expect(await sweep(8000)).toMatchObject({ requeued: 0 })
    expect(await readOverdue()).toEqual([])
  })

  test('of a later attempt, which no column dates, is waited for as long from the first look', async () => {
    const row = await register({}, 0)
    await sweep(3601)
    await lose(row)
    expect(await register({}, 90_000)).toMatchObject({ id: row.id, attempt: 2 })
    expect(await findBusy([90_001, 93_600, 93_602], 'requeued')).toEqual([93_602])
    expect(requeued).toEqual([`incoming/${row.id}/1`, `incoming/${row.id}/2`])
    expect((await readState()).verdicts).toEqual({ count: 1, since: laterBy(90_001), givenUp: 0 })
  })

  test('and the queue away: the sweep fails, and says the same again later', async () => {
    await register({}, 0)
    const away = new Error('the queue is away')
    expect(await catchError(() => sweep(3601, { requeue: () => Promise.reject(away) }))).toBe(away)
    expect(await readOverdue()).toEqual([{ missing: 'verdict', tries: 0, given_up_at: null }])
    expect(await sweep(3602)).toMatchObject({ requeued: 1 })
  })
})

describe('a clock that jumps', () => {
  test('forward: everything is set going early, once, and nothing is forgotten when it is right again', async () => {
    const event = await insertVerified()
    const document = await register({ userId: 'user-2' }, 0)
    const year = 365 * 86_400
    expect(await sweep(year)).toMatchObject({ republished: 1, requeued: 1 })
    // Right again: what was noted for next year is due, and from then on by the right clock.
    expect(await sweep(700)).toMatchObject({ republished: 1, requeued: 1 })
    expect(await sweep(701)).toMatchObject({ republished: 0, requeued: 0 })
    expect(await sweep(700 + 1201)).toMatchObject({ republished: 1 })
    expect(new Set((await readTopic()).map(({ value }) => value))).toEqual(new Set([event.value]))
    expect(new Set(requeued)).toEqual(new Set([toDocumentKey(document)]))
  })

  test('backward: nothing is due, until it is', async () => {
    await insertVerified()
    expect(await sweep(-100_000)).toMatchObject({ republished: 0 })
    expect(await sweep(601)).toMatchObject({ republished: 1 })
    expect(await sweep(-100_000)).toMatchObject({ republished: 0 })
    expect(await sweep(1802)).toMatchObject({ republished: 1 })
  })
})

test('a row that was copied without its wallet is looked at again when its mark is taken away, as a restore does', async () => {
  await insertVerified()
  await owner`update verification.verifications set looked_at = ${laterBy(600)}`
  expect(await sweep(7200)).toMatchObject({ republished: 0 })
  await owner`update verification.verifications set looked_at = null where verified_at > ${laterBy(-3600)}`
  expect(await sweep(7300)).toMatchObject({ republished: 1 })
})

/** As what ends a sweep at once. */
const ended = new UnavailableError('kafka', 'the process ended')

/** A step of a sweep at which its process ends: after it, so that what it did is there and nothing is committed. */
function makeCrashing(announcer: Database, crashAt: number) {
  const steps: string[] = []
  const step = (name: string) => {
    steps.push(name)
    if (steps.length === crashAt) throw ended
  }
  const crashing = (tables: AnnounceTables): AnnounceTables =>
    Object.fromEntries(
      Object.entries(tables).map(([name, call]) => [
        name,
        async (...parameters: unknown[]) => {
          const result = await (call as (...parameters: unknown[]) => Promise<unknown>)(...parameters)
          step(name)
          return result
        },
      ]),
    ) as AnnounceTables
  const overrides: Partial<AnnouncePorts> = {
    transaction: (work) => announcer.run((sql) => runAnnounceTransaction(sql, (tables) => work(crashing(tables)))),
    publish: async (publications) => {
      await publisher.publish(publications.filter(({ topic }) => topic === userVerifiedTopic))
      step('publish')
    },
    requeue: async (verifications) => {
      requeued.push(...verifications.map(toDocumentKey))
      step('requeue')
    },
  }
  return { steps, overrides }
}

test('a crash at any step sets the same going once more at most, and loses nothing', async () => {
  const seen = new Set<string>()
  // One connection for all of these sweeps: a server has a hundred.
  const announcer = database.open('app_announce')
  const transaction: AnnouncePorts['transaction'] = (work) => announcer.run((sql) => runAnnounceTransaction(sql, work))
  for (let crashAt = 1, isThere = true; isThere; crashAt++) {
    const name = (what: string) => `${what} ${crashAt}`
    const event = await insertVerified({ userId: name('overdue') })
    const settled = await insertVerified({ userId: name('settled') })
    const document = await register({ userId: name('undecided') }, 0)
    await sweep(601, { transaction })
    await issue(wallet, [toRecord(settled)])

    const { steps, overrides } = makeCrashing(announcer, crashAt)
    try {
      await sweep(7300, overrides)
      isThere = false
    } catch (error) {
      expect(error).toBe(ended)
    }
    for (const done of steps) seen.add(done)
    await sweep(7300, { transaction })

    expect(
      await owner`
      select missing, tries, user_id from verification.overdue
      join verification.verifications on id = verification_id
      where user_id like ${`% ${crashAt}`} order by missing`,
    ).toEqual([
      { missing: 'verdict', tries: 1, user_id: name('undecided') },
      { missing: 'wallet', tries: 2, user_id: name('overdue') },
    ])
    // Once at 601, and at 7300 once or, after the crash, twice.
    const published = (await readTopic()).filter(({ key }) => key === name('overdue'))
    expect([2, 3]).toContain(published.length)
    for (const record of published) expect(record).toEqual(event)
    const inQueue = requeued.filter((key) => key === toDocumentKey(document))
    expect([1, 2]).toContain(inQueue.length)
  }
  expect(seen).toEqual(
    new Set([
      ...['lockWallets', 'publish', 'markWallets', 'lockVerifications', 'lockWaiting', 'takeTurn', 'strikeSettled'],
      ...[
        'noteMissingWallets',
        'noteMissingVerdicts',
        'noteUploadsNotCome',
        'lockDue',
        'findWaiting',
        'requeue',
        'strike',
        'noteTries',
      ],
    ]),
  )
})
