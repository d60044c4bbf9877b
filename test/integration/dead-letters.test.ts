// Dead letters between a real Postgres and a real Kafka: a poison record is found by its coordinates, a redriven record makes
// one wallet, what fails again is seen again, and reading leaves no trace.
import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeEach, expect, inject, test } from 'vitest'
import type { LetterFilter, Place } from '../../functions/operate/dead-letter-requests.ts'
import {
  findHandled,
  findQuarantined,
  loadQuarantined,
  noteHandled,
} from '../../functions/operate/dead-letter-tables.ts'
import {
  type DeadLetterPorts,
  discardDeadLetters,
  findDeadLetters,
  redriveDeadLetters,
} from '../../functions/operate/dead-letters.ts'
import { groupPrefix, readTopic } from '../../functions/operate/read-topic.ts'
import { runWalletTransaction } from '../../functions/wallet/wallet-tables.ts'
import { failureHeaders } from '../../local/wallet-trigger.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { createKafka, createPublisher } from '../../shared/kafka.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { catchError, noon } from '../support/fakes.ts'
import { createTestKafka } from '../support/kafka.ts'
import { issue, makeKafkaRecord, makeVerifiedRecord } from '../support/wallet-records.ts'

const brokers = inject('kafkaBrokers').split(',')
const testKafka = createTestKafka(inject('kafkaBrokers'))
const kafka = createKafka({ brokers, clientId: 'operate', login: undefined })
const publisher = createPublisher({ brokers, clientId: 'operate', login: undefined, deadline: 20_000, now: Date.now })
const asked = { by: 'arn:aws:iam::000000000000:user/eve', requestId: 'request-7' }

let database: TestDatabase
let ports: DeadLetterPorts
let deadLetterTopic: string

beforeEach(async () => {
  database = await createTestDatabase()
  deadLetterTopic = await testKafka.createTopic(2)
  ports = makePorts(await testKafka.createTopic(1))
  return () => database.drop()
})

afterAll(() => publisher.close())

function makePorts(userVerifiedTopic: string): DeadLetterPorts {
  const operate = database.open('app_operate')
  return {
    ...{ now: () => noon, userVerifiedTopic, publish: publisher.publish },
    findQuarantined: (filter, page) => operate.run((sql) => findQuarantined(sql, filter, page)),
    loadQuarantined: (places) => operate.run((sql) => loadQuarantined(sql, places)),
    readDeadLetters: (reading) => readTopic(kafka, deadLetterTopic, reading, { id: randomUUID(), deadline: 60_000 }),
    findHandled: (source, places) => operate.run((sql) => findHandled(sql, source, places)),
    noteHandled: (note) => operate.run((sql) => noteHandled(sql, note)),
  }
}

const toPlace = ({ topic, partition, offset, recordedAt }: KafkaRecord): Place => ({
  ...{ topic, partition, offset, recorded_at: recordedAt.toISOString() },
})

/** Sets records aside as the wallet function does. */
const quarantine = (records: readonly KafkaRecord[], reason = 'value is not JSON in UTF-8', at = noon) =>
  database.open('app_wallet').run((sql) =>
    runWalletTransaction(sql, (tables) =>
      tables.quarantine(
        records.map((record) => ({ record, reason })),
        at,
      ),
    ),
  )

/** Sets a record aside as the local trigger does. */
async function setAside(record: KafkaRecord, partition = 0): Promise<void> {
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  const headers = failureHeaders(
    {
      ...{ ...record, timestamp: record.recordedAt.getTime(), timestampType: 'CREATE_TIME' },
      headers: record.headers.map(([name, value]) => [name, Buffer.from(value, 'base64')] as const),
    },
    { condition: 'RetryAttemptsExhausted', attempts: 241, error: 'Unhandled: TypeError' },
  )
  const [key, value] = [record.key, record.value].map((bytes) => (bytes === null ? null : Buffer.from(bytes)))
  await producer.send({
    topic: deadLetterTopic,
    messages: [{ partition, key: key ?? null, value: value ?? null, headers }],
  })
  await producer.disconnect()
}

const find = (source: 'quarantine' | 'topic', filter: LetterFilter = {}, limit = 100) =>
  findDeadLetters(ports, { source, filter, limit, detail: 'places' })
const ofOurs = (record: KafkaRecord): KafkaRecord => ({ ...record, topic: ports.userVerifiedTopic })

test('a poison record is found by its own coordinates, redriven once, and makes one wallet however often it comes', async () => {
  const poison = ofOurs(makeVerifiedRecord('user-1', 'tron'))
  await setAside(ofOurs(makeVerifiedRecord('user-0', 'tron')))
  await setAside(poison, 1)
  const { topic, partition, offset } = poison
  const { letters } = await find('topic', { topic, partition, offset })
  expect(letters).toMatchObject([
    { place: { topic: deadLetterTopic, partition: 1, offset: 0 }, origin: { topic, partition, offset } },
  ])
  const places = letters.map(({ place }) => place)
  expect(await redriveDeadLetters(ports, { ...asked, source: 'topic', places })).toEqual({
    done: 1,
    already: 0,
    skipped: [],
  })
  expect(await redriveDeadLetters(ports, { ...asked, source: 'topic', places })).toEqual({
    done: 0,
    already: 1,
    skipped: [],
  })
  const published = await testKafka.readTopic(topic)
  expect(published).toEqual([
    {
      ...{ partition: 0, key: Buffer.from(poison.key ?? []), value: Buffer.from(poison.value ?? []) },
      headers: Object.fromEntries(poison.headers.map(([name, value]) => [name, [Buffer.from(value, 'base64')]])),
    },
  ])
  expect((await find('topic')).letters).toHaveLength(1)

  // The same event at another offset, twice.
  const wallet = database.open('app_wallet')
  await issue(wallet, [{ ...poison, offset: offset + 100 }])
  await issue(wallet, [{ ...poison, offset: offset + 101 }])
  expect(await database.connect()`select source_offset::int as offset from wallet.wallets`).toEqual([
    { offset: offset + 100 },
  ])
})

test('what fails again after it was redriven is a dead letter of its own', async () => {
  const record = ofOurs(makeKafkaRecord({ key: 'user-1', value: 'garbage', headers: { request_id: 'r' } }))
  await quarantine([record])
  const { letters } = await find('quarantine')
  const places = letters.map(({ place }) => place)
  await redriveDeadLetters(ports, { ...asked, source: 'quarantine', places })
  expect((await find('quarantine')).letters).toEqual([])
  await quarantine([{ ...record, offset: record.offset + 1 }])
  expect((await find('quarantine')).letters.map(({ place }) => place.offset)).toEqual([record.offset + 1])
  const all = await find('quarantine', { handled: true })
  expect(all.letters.map(({ handled }) => handled.map(({ how, by }) => [how, by]))).toEqual([
    [['redriven', asked.by]],
    [],
  ])
})

test('the quarantine is paged by its key, filtered, and keeps its bytes whatever is done', async () => {
  const later = new Date(noon.getTime() + 1000)
  const records = [3, 1, 2].flatMap((partition) =>
    [1, 2].map((n) => ofOurs(makeKafkaRecord({ key: `user-${partition}`, value: `${n}`, partition }))),
  )
  await quarantine(records.slice(0, 4))
  await quarantine(records.slice(4), 'unknown version 2 of user.verified', later)
  const seen: number[] = []
  for (let page = await find('quarantine', {}, 4); ; ) {
    seen.push(...page.letters.map(({ place }) => place.partition))
    if (page.next === null) break
    page = await findDeadLetters(ports, {
      ...{ source: 'quarantine', filter: {}, limit: 4, detail: 'places', cursor: page.next },
    })
  }
  expect(seen).toEqual([1, 1, 2, 2, 3, 3])
  const count = async (filter: LetterFilter) => (await find('quarantine', filter)).letters.length
  expect(await count({ reason: 'version 2' })).toBe(2)
  expect(await count({ user_id: 'user-3' })).toBe(2)
  expect(await count({ since: later.toISOString() })).toBe(2)
  expect(await count({ until: later.toISOString() })).toBe(4)
  expect(await count({ topic: ports.userVerifiedTopic, partition: 3, offset: records[0]?.offset ?? -1 })).toBe(1)
  expect(await count({ topic: 'other' })).toBe(0)

  const places = records.slice(0, 2).map(toPlace)
  const discard = { ...asked, source: 'quarantine', places, because: 'test records' } as const
  expect(await discardDeadLetters(ports, discard)).toEqual({ done: 2, already: 0, skipped: [] })
  expect(await count({})).toBe(4)
  expect(await database.connect()`select count(*)::int as rows from wallet.quarantine`).toEqual([{ rows: 6 }])
  expect(
    await database.connect()`
      select distinct source, handled_how, handled_by, because, request_id from operations.handled_dead_letters`,
  ).toEqual([
    ...[
      {
        source: 'quarantine',
        handled_how: 'discarded',
        handled_by: asked.by,
        because: 'test records',
        request_id: 'request-7',
      },
    ],
  ])
})

test('of many dead letters of two partitions each is read once, over pages, and no group is left behind', async () => {
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  const messages = Array.from({ length: 500 }, (_, at) => ({ partition: at % 2, key: `user-${at}`, value: `${at}` }))
  await producer.send({ topic: deadLetterTopic, messages })
  await producer.disconnect()
  const seen = new Set<string>()
  let pages = 0
  for (let page = await find('topic', {}, 200); ; pages += 1) {
    for (const { place } of page.letters) seen.add(`${place.partition}/${place.offset}`)
    if (page.next === null) break
    page = await findDeadLetters(ports, {
      source: 'topic',
      filter: {},
      limit: 200,
      detail: 'places',
      cursor: page.next,
    })
  }
  expect([seen.size, pages]).toEqual([500, 2])
  const admin = kafka.admin()
  await admin.connect()
  const { groups } = await admin.listGroups()
  await admin.disconnect()
  const own = groups.filter(({ groupId }) => groupId.startsWith(groupPrefix))
  // The broker forgets a group without members and offsets by itself; until then it has neither. A farewell may still be on
  // its way; whoever said none would be a member for half a minute.
  for (const { groupId } of own) {
    await expect.poll(async () => (await describeGroup(groupId)).members, { timeout: 20_000 }).toEqual([])
  }
})

async function describeGroup(groupId: string) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const [group] = (await admin.describeGroups([groupId])).groups
    return { members: group?.members ?? [] }
  } finally {
    await admin.disconnect()
  }
}

test('offsets that hold no record, as the marks of transactions do, end no reading early and hold none up', async () => {
  const producer = new Kafka({ clientId: 'test', brokers, logLevel: logLevel.NOTHING }).producer({
    ...{ transactionalId: randomUUID(), idempotent: true, maxInFlightRequests: 1 },
  })
  await producer.connect()
  for (const [partition, how] of [
    [0, 'abort'],
    [0, 'commit'],
    [0, 'abort'],
    [1, 'abort'],
  ] as const) {
    const transaction = await producer.transaction()
    await transaction.send({ topic: deadLetterTopic, messages: [{ key: 'user-1', value: how, partition }] })
    await transaction[how]()
  }
  await producer.disconnect()
  const page = await findDeadLetters(ports, { source: 'topic', filter: {}, limit: 100, detail: 'places' })
  expect(page).toMatchObject({ letters: [{ place: { partition: 0, offset: 2 } }], next: null })
})

test('a topic that is empty has no dead letter; one that is not there, and a broker that is away, are told', async () => {
  expect(await find('topic')).toEqual({ letters: [], next: null })
  const read = (client: Kafka, topic: string) =>
    readTopic(
      client,
      topic,
      { from: new Map(), to: undefined, take: () => true },
      { id: randomUUID(), deadline: 20_000 },
    )
  for (const [client, topic] of [
    [kafka, 'not.there'],
    [createKafka({ brokers: ['127.0.0.1:1'], clientId: 'operate', login: undefined }), deadLetterTopic],
  ] as const) {
    const error = await catchError(() => read(client, topic))
    expect(error).toBeInstanceOf(UnavailableError)
    expect(error).toMatchObject({ part: 'kafka' })
  }
})

test('a note may be made twice, and of messages of the queue as well', async () => {
  const note = { how: 'redriven', because: null, by: asked.by, at: noon, requestId: 'request-7' } as const
  const messages = { ...note, source: 'queue', messageIds: ['m1', 'm2'] } as const
  expect([await ports.noteHandled(messages), await ports.noteHandled(messages)]).toEqual([2, 0])
  const discarded = { ...messages, how: 'discarded', because: 'test' } as const
  expect(await ports.noteHandled(discarded)).toBe(2)
})
