// The sweep between a real Postgres and a real Kafka: everything is announced, in the same bytes however often.
import { randomUUID } from 'node:crypto'
import type postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { type AnnouncePorts, type AnnounceResult, announce } from '../../functions/announce/announce.ts'
import { runAnnounceTransaction } from '../../functions/announce/announce-tables.ts'
import { readBacklog } from '../../functions/announce/backlog.ts'
import { forgetExpired } from '../../functions/announce/forget.ts'
import { createHandler } from '../../functions/announce/handler.ts'
import { lockWaiting } from '../../functions/announce/waiting.ts'
import { runWalletTransaction, type WaitingCause } from '../../functions/wallet/wallet-tables.ts'
import { type Database, inTransaction } from '../../shared/database.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { type EventRecord, toUserVerified, toWalletCreated } from '../../shared/events.ts'
import { writeHeartbeat } from '../../shared/heartbeats.ts'
import { createPublisher, type Publish } from '../../shared/kafka.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { isPassed } from '../../shared/model.ts'
import { extendVerified, findVerification } from '../../shared/verifications.ts'
import { findWallets, lockUnannouncedWallets } from '../../shared/wallets.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { catchError, createMemoryLog, createMemoryMetrics, noon } from '../support/fakes.ts'
import { createTestKafka, type ReadRecord } from '../support/kafka.ts'
import { issue, makeKafkaRecord, makeVerifiedRecord } from '../support/wallet-records.ts'

const kafka = createTestKafka(inject('kafkaBrokers'))
const open = (brokers: readonly string[]) =>
  createPublisher({ brokers, clientId: 'announce', login: undefined, deadline: 20_000, now: Date.now })
const publisher = open(inject('kafkaBrokers').split(','))
let database: TestDatabase
let owner: postgres.Sql
let wallet: Database
let ports: AnnouncePorts

beforeAll(() => publisher.publish([]))

beforeEach(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  wallet = database.open('app_wallet')
  ports = makePorts({
    userVerifiedTopic: await kafka.createTopic(),
    walletCreatedTopic: await kafka.createTopic(),
  })
  return () => database.drop()
})

afterAll(() => publisher.close())

const metrics = createMemoryMetrics()

/** What a sweep answers that did so much. */
const done = (counts: Partial<AnnounceResult> = {}): AnnounceResult => ({
  ...{ verifications: 0, wallets: 0, released: 0, republished: 0, requeued: 0 },
  ...counts,
})

/** Ports on a connection of their own, with the topics of this test unless said otherwise. */
function makePorts(overrides: Partial<AnnouncePorts> = {}): AnnouncePorts {
  const announcer = database.open('app_announce')
  return {
    ...metrics,
    now: () => laterBy(3600),
    overdueSeconds: { wallet: 600, verdict: 3600 },
    requeue: async () => {},
    userVerifiedTopic: ports?.userVerifiedTopic,
    walletCreatedTopic: ports?.walletCreatedTopic,
    transaction: (work) => announcer.run((sql) => runAnnounceTransaction(sql, work)),
    publish: publisher.publish,
    rootExists: async () => true,
    ...overrides,
  }
}

const laterBy = (seconds: number) => new Date(noon.getTime() + seconds * 1000)

/** A row of each number from 1 on, verified that many seconds after noon. */
const insertVerified = (count: number) => owner`
  insert into verification.verifications
    (id, user_id, network, address_type, document_sha256, request_id, created_at, status, verified_at)
  select gen_random_uuid(), 'verified ' || n, 'tron', 'base58check', sha256('document'), 'request-1', ${noon}, 'verified',
         ${noon}::timestamptz + n * interval '1 second'
  from generate_series(1, ${count}::integer) as n`

/** Wallets whose addresses are none: announcing does not look at them. */
async function insertWallets(count: number): Promise<void> {
  await owner`
    insert into wallet.accounts select 'issued ' || n, 1, n, ${noon} from generate_series(1, ${count}::integer) as n`
  await owner`
    insert into wallet.wallets
      (user_id, network, address_type, keyring_id, account_index, derivation_path, address, public_key, account_xpub,
       source_event_id, source_topic, source_partition, source_offset, request_id, created_at)
    select user_id, 'tron', 'base58check', 1, account_index, format('m/44''/195''/%s''/0/0', account_index), 'address ' || account_index,
           substr(sha256('key') || sha256('key'), 1, 33), 'xpub', gen_random_uuid(), 'topic', 0, 0, 'request-1', ${noon}
    from wallet.accounts`
}

/** What a topic holds, in the form of what was to be published. */
async function readEvents(topic: string): Promise<readonly EventRecord[]> {
  const text = (bytes: Buffer | null | undefined) => bytes?.toString() ?? 'nothing'
  return (await kafka.readTopic(topic)).map(({ key, value, headers }) => ({
    key: text(key),
    value: text(value),
    headers: {
      event_type: text(headers.event_type?.[0]),
      request_id: text(headers.request_id?.[0]),
      timestamp: text(headers.timestamp?.[0]),
    },
  }))
}

/** By key, then by content: of two wallets of one user made at the same time, either may come first. */
const sortByKey = (records: readonly EventRecord[]) =>
  records.toSorted((a, b) => (`${a.key} ${a.value}` < `${b.key} ${b.value}` ? -1 : 1))

test('what was issued and what was verified is announced once, with the key, the bytes and the headers of its event', async () => {
  await issue(wallet, [
    makeVerifiedRecord('é', 'bitcoin'),
    makeVerifiedRecord('é', 'bitcoin', 0, 'p2tr'),
    makeVerifiedRecord('e\u0301', 'tron'),
  ])
  await insertVerified(3)
  expect(await announce(ports)).toEqual(done({ verifications: 3, wallets: 3 }))
  expect(await announce(ports)).toEqual(done())

  const wallets = [...(await findWallets(owner, 'é')), ...(await findWallets(owner, 'e\u0301'))]
  expect(sortByKey(await readEvents(ports.walletCreatedTopic))).toEqual(sortByKey(wallets.map(toWalletCreated)))
  const ids = await owner<{ id: string }[]>`select id from verification.verifications`
  const rows = await Promise.all(ids.map(({ id }) => findVerification(owner, id)))
  const verified = rows.flatMap((row) => (row && isPassed(row) ? [toUserVerified(row)] : []))
  expect(sortByKey(await readEvents(ports.userVerifiedTopic))).toEqual(sortByKey(verified))
  for (const row of rows) expect(row?.announcedAt).toEqual(laterBy(3600))
  expect(await owner`select from wallet.wallets where announced_at = ${laterBy(3600)}`).toHaveLength(3)
})

test('a verdict is left to the verification function for a minute', async () => {
  await insertVerified(3)
  const at = (seconds: number) => announce({ ...ports, now: () => laterBy(seconds) })
  expect(await at(61)).toMatchObject({ verifications: 0 })
  expect(await at(62.5)).toMatchObject({ verifications: 2 })
  expect(await at(63.5)).toMatchObject({ verifications: 1 })
})

test('two sweeps at once publish each event once, over more than a page', async () => {
  await Promise.all([insertVerified(1100), insertWallets(1100)])
  const others = open(inject('kafkaBrokers').split(','))
  try {
    const results = await Promise.all([announce(ports), announce(makePorts({ publish: others.publish }))])
    // Each skips what the other holds; what is left over by both is none.
    for (const part of ['verifications', 'wallets'] as const) {
      expect(results.reduce((sum, result) => sum + result[part], 0)).toBe(1100)
    }
  } finally {
    await others.close()
  }
  for (const topic of [ports.userVerifiedTopic, ports.walletCreatedTopic]) {
    const records = await readEvents(topic)
    expect(records).toHaveLength(1100)
    expect(new Set(records.map(({ key }) => key)).size).toBe(1100)
  }
})

test('after a crash between publishing and noting, the next sweep publishes the same bytes', async () => {
  await issue(wallet, [makeVerifiedRecord('user-1', 'ethereum')])
  await insertVerified(1)
  const topics = [ports.walletCreatedTopic, ports.userVerifiedTopic]
  for (const topic of topics) {
    const publish: Publish = async (publications) => {
      await publisher.publish(publications)
      // As what ends a sweep at once.
      if (publications[0]?.topic === topic) throw new UnavailableError('kafka', 'the process ended')
    }
    expect((await catchError(() => announce(makePorts({ publish })))).message).toBe('the process ended')
  }
  expect(await announce(ports)).toEqual(done({ verifications: 1 }))
  for (const topic of topics) {
    const [first, second, ...rest] = await readEvents(topic)
    expect(first).toBeDefined()
    expect(second).toEqual(first)
    expect(rest).toEqual([])
  }
})

test('without Kafka nothing is noted, and everything goes out when it is back', async () => {
  await issue(wallet, [makeVerifiedRecord('user-1', 'ethereum')])
  await insertVerified(2)
  const nowhere = open(['127.0.0.1:1'])
  const error = await catchError(() => announce(makePorts({ publish: nowhere.publish })))
  expect(error).toBeInstanceOf(UnavailableError)
  expect(await owner`select from wallet.wallets where announced_at is not null`).toHaveLength(0)
  expect(await announce(ports)).toEqual(done({ verifications: 2, wallets: 1 }))
})

test('the handler tells of its part, and of nothing when there was nothing', async () => {
  const beats: string[] = []
  const log = createMemoryLog()
  const nowhere = open(['127.0.0.1:1'])
  const dependencies = {
    ...ports,
    log,
    beat: async (status: string) => void beats.push(status),
    readState: async () => ({ backlog: await database.open('app_announce').run(readBacklog), heartbeats: [] }),
    forget: () => database.open('app_announce').run((sql) => forgetExpired(sql, 100)),
  }
  const handler = createHandler({ ...dependencies, pingKafka: publisher.ping })
  expect(await handler()).toEqual(done())
  expect(log.lines).toEqual([])
  await issue(wallet, [makeVerifiedRecord('user-1', 'ethereum')])
  await handler()
  expect(log.lines).toMatchObject([{ level: 'info', fields: { verifications: 0, wallets: 1, released: 0 } }])
  await expect(createHandler({ ...dependencies, pingKafka: nowhere.ping })()).rejects.toThrow(UnavailableError)
  expect(beats).toEqual(['ok', 'ok', 'failing'])
  expect(log.lines.at(-1)?.level).toBe('error')
})

test('a verification that was extended from another is announced at once: no document will do it', async () => {
  const [{ id }] = await owner<[{ id: string }]>`
    insert into verification.verifications
      (id, user_id, network, address_type, document_sha256, request_id, created_at, status, verified_at, announced_at)
    values (gen_random_uuid(), 'user-1', 'tron', 'base58check', sha256('document'), 'request-1', ${noon}, 'verified',
      ${noon}, ${laterBy(3600)})
    returning id`
  const at = laterBy(3600)
  const extended = await database.open('app_intake').run((sql) =>
    extendVerified(sql, {
      ...{ id: randomUUID(), userId: 'user-1', network: 'bitcoin', addressType: 'p2tr', requestId: 'r', now: at },
    }),
  )
  expect(extended?.id).not.toBe(id)
  expect(await announce(ports)).toEqual(done({ verifications: 1 }))
  expect(await announce(ports)).toEqual(done())
})

// ---- what waits

/** Parks records as the wallet function does, that many seconds after noon. */
const park = (records: readonly KafkaRecord[], cause: WaitingCause, seconds: number) =>
  wallet.run((sql) => runWalletTransaction(sql, (tables) => tables.park(records, cause, laterBy(seconds))))

/** One record in the test's topic. */
const makeWaiting = (userId: string): KafkaRecord => ({
  ...makeVerifiedRecord(userId, 'tron'),
  topic: ports.userVerifiedTopic,
})

const sweepAt = async (seconds: number, rootExists: boolean) =>
  (await announce({ ...ports, now: () => laterBy(seconds), rootExists: async () => rootExists })).released

const readKeys = async () =>
  (await kafka.readTopic(ports.userVerifiedTopic)).map(({ key }) => key?.toString()).toSorted()

test('a record that waited goes back to its topic as it was: key, value, headers, repeated ones too', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const toBase64 = (data: Uint8Array) => Buffer.from(data).toString('base64')
  const records = [
    {
      ...makeWaiting('user-1'),
      headers: [
        ['twice', toBase64(bytes)],
        ['request_id', toBase64(Buffer.from('request-1'))],
        ['twice', ''],
        ['nul \u0000', toBase64(bytes)],
      ],
    },
    { ...makeKafkaRecord({ key: bytes, value: bytes }), topic: ports.userVerifiedTopic },
    { ...makeKafkaRecord({ key: null, value: 'keyless' }), topic: ports.userVerifiedTopic },
    { ...makeKafkaRecord({ key: '', value: '' }), topic: ports.userVerifiedTopic },
  ] satisfies KafkaRecord[]
  await park(records, 'no_root', 0)
  expect(await sweepAt(3600, false)).toBe(0)
  expect(await sweepAt(1, true)).toBe(4)
  expect(await sweepAt(3600, true)).toBe(0)

  const plain = ({ key, value }: { key: Uint8Array | null; value: Uint8Array | null }) =>
    `${key && toBase64(key)} ${value && toBase64(value)}`
  const read: readonly ReadRecord[] = await kafka.readTopic(ports.userVerifiedTopic)
  expect(read.map(plain).toSorted()).toEqual(records.map(plain).toSorted())
  const first = read.find(({ key }) => key?.toString() === 'user-1')
  expect(Object.entries(first?.headers ?? {}).toSorted()).toEqual([
    ['nul \u0000', [bytes]],
    ['request_id', [Buffer.from('request-1')]],
    ['twice', [bytes, Buffer.from('')]],
  ])
  expect(await owner`select from wallet.waiting where released_at = ${laterBy(1)}`).toHaveLength(4)
})

test('two sweeps at once release each record once, and a crash releases it again', async () => {
  await park(
    Array.from({ length: 600 }, (_, index) => makeWaiting(`user-${index}`)),
    'no_root',
    0,
  )
  const crash: Publish = async (publications) => {
    await publisher.publish(publications.slice(0, 1))
    if (publications.length > 0) throw new Error('the process ended')
  }
  await catchError(() => announce(makePorts({ publish: crash })))
  const results = await Promise.all([announce(ports), announce(makePorts())])
  expect(results.reduce((sum, { released }) => sum + released, 0)).toBe(600)
  const keys = await readKeys()
  expect(keys).toHaveLength(601)
  expect(new Set(keys).size).toBe(600)
})

test('records that a refused root parked are released by the next wallet function that opened the vault', async () => {
  const beat = (status: 'ok' | 'failing', seconds: number) =>
    wallet.run((sql) => writeHeartbeat(sql, { part: 'vault', status, seenAt: laterBy(seconds) }))
  await beat('ok', -1)
  await park([makeWaiting('a'), makeWaiting('b')], 'root_refused', 0)
  await park([makeWaiting('c')], 'root_refused', 100)
  await park([makeWaiting('used up')], 'account_indices_used_up', 1)
  expect(await sweepAt(200, true)).toBe(0)
  await beat('failing', 50)
  expect(await sweepAt(200, true)).toBe(0)
  await beat('ok', 51)
  expect(await sweepAt(200, true)).toBe(2)
  await beat('ok', 101)
  expect(await sweepAt(200, false)).toBe(1)
  expect(await readKeys()).toEqual(['a', 'b', 'c'])
})

test('whose cause leaves no trace is tried again every ten minutes, the oldest alone', async () => {
  await park([makeWaiting('oldest')], 'account_indices_used_up', 0)
  await park([makeWaiting('second')], 'root_refused', 1)
  await park([makeWaiting('rootless')], 'no_root', -100)
  expect(await sweepAt(600, false)).toBe(0)
  expect(await sweepAt(600.5, false)).toBe(1)
  expect(await readKeys()).toEqual(['oldest'])
  expect(await sweepAt(600.5, false)).toBe(0)
  expect(await sweepAt(602, false)).toBe(1)
  expect(await readKeys()).toEqual(['oldest', 'second'])
})

test('the backlog is what is committed and not announced, and what waits; the oldest of each', async () => {
  const readRest = () => database.open('app_announce').run(readBacklog)
  const nothing = { count: 0, since: null }
  const lacks = { wallets: { ...nothing, givenUp: 0 }, verdicts: { ...nothing, givenUp: 0 } }
  expect(await readRest()).toEqual({ unannounced: nothing, waiting: nothing, ...lacks })
  await insertVerified(2)
  await insertWallets(3)
  await park([makeWaiting('b')], 'no_root', 3)
  await park([makeWaiting('a')], 'account_indices_used_up', 1)
  expect(await readRest()).toEqual({
    unannounced: { count: 5, since: noon },
    waiting: { count: 2, since: laterBy(1) },
    ...lacks,
  })
  await announce(ports)
  expect(await readRest()).toEqual({ unannounced: nothing, waiting: nothing, ...lacks })
})

test('a wallet tells when it was asked for: at the first POST with a document whose first attempt passed', async () => {
  const insert = (document: string, attempt: number, seconds: number, verified = true) => owner`
    insert into verification.verifications
      (id, user_id, network, address_type, document_sha256, request_id, created_at, attempt, status, verified_at)
    values (gen_random_uuid(), 'issued 1', 'tron', 'base58check', sha256(${document}::bytea), 'request-1', ${laterBy(-seconds)},
      ${attempt}, ${verified ? 'verified' : 'rejected'}, ${verified ? noon : null})`
  const findAsked = () =>
    database.open('app_announce').run(async (sql) => (await lockUnannouncedWallets(sql, 1))[0]?.askedAt)
  await insertWallets(1)
  expect(await findAsked()).toBeNull()
  await insert('rejected', 1, 50, false)
  await insert('again', 2, 40)
  expect(await findAsked()).toBeNull()
  await owner`
    insert into verification.verifications
      (id, user_id, network, address_type, document_sha256, request_id, created_at, status, verified_at, upload_content_type,
       upload_size, upload_expires_at)
    values (gen_random_uuid(), 'issued 1', 'tron', 'base58check', sha256('uploaded'), 'request-1', ${laterBy(-800)},
      'verified', ${noon}, 'image/png', 1, ${noon})`
  expect(await findAsked()).toBeNull()
  await insert('later', 1, 20)
  await insert('first', 1, 30)
  expect(await findAsked()).toEqual(laterBy(-30))
})

test('waiting records come the oldest first, as many as are asked for', async () => {
  await park([makeWaiting('c')], 'no_root', 3)
  await park([makeWaiting('a')], 'no_root', 1)
  await park([makeWaiting('b')], 'no_root', 2)
  const locked = await inTransaction(database.connect('app_announce'), (tx) =>
    lockWaiting(tx, { rootExists: true, now: noon, limit: 2 }),
  )
  expect(locked.map(({ key }) => Buffer.from(key ?? '').toString())).toEqual(['a', 'b'])
})

test('a record that waited for a root becomes a wallet when it comes again', async () => {
  const record = makeWaiting(randomUUID())
  await issue(wallet, [record], { openKeyring: async () => ({ state: 'no_root' }) })
  expect(await sweepAt(1, true)).toBe(1)
  const [again] = await kafka.readTopic(ports.userVerifiedTopic)
  if (!again?.value) throw new Error('expected a record')
  const result = await issue(wallet, [{ ...record, offset: record.offset + 1, key: again.key, value: again.value }])
  expect(result).toMatchObject({ inserted: 1, waiting: 0 })
})
