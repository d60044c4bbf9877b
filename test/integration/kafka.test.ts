// shared/kafka.ts on a broker of its own: what arrives, and what happens while the broker is stopped or frozen.
import { afterEach, beforeAll, expect, test } from 'vitest'
import { UnavailableError } from '../../shared/errors.ts'
import { createPublisher, type Publication, toPublication } from '../../shared/kafka.ts'
import { catchError } from '../support/fakes.ts'
import { createTestKafka } from '../support/kafka.ts'
import { startOwnKafka } from '../support/servers.ts'
import { makeUserVerified } from '../support/wallet-records.ts'

let broker: Awaited<ReturnType<typeof startOwnKafka>>
let kafka: ReturnType<typeof createTestKafka>
const opened: ReturnType<typeof createPublisher>[] = []

beforeAll(async () => {
  broker = await startOwnKafka()
  kafka = createTestKafka(broker.first.bootstrapServers.join())
  return () => broker.stop()
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((publisher) => publisher.close()))
})

function open(options: { brokers?: readonly string[]; now?: () => number } = {}) {
  const publisher = createPublisher({
    brokers: broker.first.bootstrapServers,
    clientId: 'test',
    login: undefined,
    deadline: 20_000,
    now: Date.now,
    ...options,
  })
  opened.push(publisher)
  return publisher
}

const makePublication = (topic: string, value: string, key = 'key'): Publication => ({ topic, key, value, headers: {} })
const readValues = async (topic: string) => (await kafka.readTopic(topic)).map(({ value }) => value?.toString())

async function expectUnavailable(work: () => Promise<unknown>, message: string): Promise<void> {
  const error = await catchError(work)
  expect(error).toBeInstanceOf(UnavailableError)
  expect(error).toMatchObject({ part: 'kafka', retriable: true, message })
  expect(error.cause).toBeInstanceOf(Error)
}

test('an event arrives with its key, its bytes and its headers', async () => {
  const topic = await kafka.createTopic()
  const event = makeUserVerified('é e\u0301 \u{1f600}', 'tron')
  await open().publish([toPublication(topic, event)])
  const [read, ...rest] = await kafka.readTopic(topic)
  expect(rest).toEqual([])
  expect(read).toMatchObject({ key: Buffer.from(event.key), value: Buffer.from(event.value) })
  expect(read?.headers).toEqual({
    event_type: [Buffer.from('user.verified')],
    request_id: [Buffer.from('request-1')],
    timestamp: [Buffer.from(event.headers.timestamp)],
  })
})

test('bytes arrive as they are, with no key, an empty one, and headers that repeat', async () => {
  const topic = await kafka.createTopic(1)
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  // A view into a larger buffer, as Node's small buffers are.
  const view = new Uint8Array(Uint8Array.of(9, 1, 2, 9).buffer, 1, 2)
  await open().publish([
    { topic, key: bytes, value: bytes, headers: { one: bytes, twice: [view, new Uint8Array()] } },
    { topic, key: null, value: view, headers: {} },
    { topic, key: '', value: '', headers: { empty: '' } },
  ])
  expect(await kafka.readTopic(topic)).toEqual([
    {
      partition: 0,
      key: Buffer.from(bytes),
      value: Buffer.from(bytes),
      headers: { one: [Buffer.from(bytes)], twice: [Buffer.from([1, 2]), Buffer.from('')] },
    },
    { partition: 0, key: null, value: Buffer.from([1, 2]), headers: {} },
    { partition: 0, key: Buffer.from(''), value: Buffer.from(''), headers: { empty: [Buffer.from('')] } },
  ])
})

test('one call publishes to several topics, and the events of one user stay in order on one partition', async () => {
  const topics = [await kafka.createTopic(), await kafka.createTopic()]
  const users = ['a', 'b', 'c', 'd', 'e']
  const numbers = Array.from({ length: 40 }, (_, index) => index)
  await open().publish(
    numbers.flatMap((number) =>
      topics.flatMap((topic) => users.map((user) => makePublication(topic, `${user} ${number}`, user))),
    ),
  )
  for (const topic of topics) {
    const records = await kafka.readTopic(topic)
    expect(records).toHaveLength(200)
    for (const user of users) {
      const own = records.filter(({ key }) => key?.toString() === user)
      expect(own.map(({ value }) => value?.toString())).toEqual(numbers.map((number) => `${user} ${number}`))
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1)
    }
  }
})

test('a page of the longest events that there are arrives in its order, also when all are of one partition', async () => {
  const topic = await kafka.createTopic(1)
  // 255 code points, most of four bytes.
  const userIds = Array.from({ length: 500 }, (_, number) => `${number + 100}${'\u{1f600}'.repeat(252)}`)
  await open().publish(userIds.map((userId) => toPublication(topic, makeUserVerified(userId, 'tron'))))
  const read = await kafka.readTopic(topic)
  expect(read.map(({ key }) => key?.toString())).toEqual(userIds)
})

test('publishing nothing needs no broker', async () => {
  await open({ brokers: ['127.0.0.1:1'] }).publish([])
})

test('a broker that was never there is an outage', async () => {
  const publisher = open({ brokers: ['127.0.0.1:1'] })
  await expectUnavailable(() => publisher.publish([makePublication('topic', 'x')]), 'could not publish 1 records')
  await expectUnavailable(publisher.ping, 'no broker answers')
  await publisher.close()
})

test('a topic that does not exist is an outage, is not made, and spoils nothing that follows', async () => {
  const publisher = open()
  const topic = await kafka.createTopic(1)
  const publications = [makePublication('nowhere', '1'), makePublication(topic, '1')]
  await expectUnavailable(() => publisher.publish(publications), 'could not publish 2 records')
  await publisher.publish([makePublication(topic, '2')])
  expect(await readValues(topic)).toContain('2')
  await expectUnavailable(() => publisher.publish([makePublication('nowhere', '1')]), 'could not publish 1 records')
})

test('after a long sleep it connects anew, and a closed publisher opens again', async () => {
  let now = 0
  const publisher = open({ now: () => now })
  const topic = await kafka.createTopic(1)
  for (const time of [0, 239_999, 500_000, 500_001]) {
    now = time
    await publisher.publish([makePublication(topic, `at ${time}`)])
  }
  await publisher.close()
  await publisher.publish([makePublication(topic, 'after it was closed')])
  expect(await readValues(topic)).toEqual(['at 0', 'at 239999', 'at 500000', 'at 500001', 'after it was closed'])
})

test('a broker answers a ping', async () => {
  await open().ping()
})

test('a stopped broker is an outage, and the same publisher goes on when it is back', async () => {
  const topic = await kafka.createTopic(1)
  const publisher = open()
  const late = open()
  await publisher.publish([makePublication(topic, 'before')])
  await broker.stop()
  try {
    await expectUnavailable(() => publisher.publish([makePublication(topic, 'lost')]), 'could not publish 1 records')
    await expectUnavailable(() => late.publish([makePublication(topic, 'lost')]), 'could not publish 1 records')
    await expectUnavailable(publisher.ping, 'no broker answers')
  } finally {
    await broker.startAgain()
  }
  await publisher.ping()
  await publisher.publish([makePublication(topic, 'after')])
  await late.publish([makePublication(topic, 'late')])
  expect(await readValues(topic)).toEqual(['before', 'after', 'late'])
})

test('a broker that keeps the connection and says nothing is an outage within the bounds of the requests', async () => {
  const topic = await kafka.createTopic(1)
  const publisher = open()
  const fresh = open()
  await publisher.publish([makePublication(topic, 'before')])
  broker.freeze()
  try {
    await Promise.all([
      expectUnavailable(() => publisher.publish([makePublication(topic, 'frozen')]), 'could not publish 1 records'),
      expectUnavailable(() => fresh.publish([makePublication(topic, 'fresh')]), 'could not publish 1 records'),
      expectUnavailable(publisher.ping, 'no broker answers'),
    ])
  } finally {
    broker.thaw()
  }
  await expect.poll(() => publisher.ping().catch(() => 'away'), { timeout: 60_000 }).toBeUndefined()
  await publisher.publish([makePublication(topic, 'after')])
  // What was sent and not answered may have been taken, and late: it is published again, and consumers know it by its id.
  const values = await readValues(topic)
  expect(values.filter((value) => value !== 'frozen' && value !== 'fresh')).toEqual(['before', 'after'])
})
