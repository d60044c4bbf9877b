// The trigger against a real Kafka: what arrives, in which order, how often, and what the group's offsets say.
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type ITopicConfig, Kafka, logLevel, type Message, Partitioners } from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import type { WalletTrigger } from '../../lib/stage.ts'
import { startWalletTrigger } from '../../local/wallet-trigger.ts'

type SentRecord = {
  topic: string
  partition: number
  offset: number
  timestamp: number
  timestampType: string
  key?: string
  value?: string
  headers: Record<string, number[]>[]
}
type Invocation = { partition: number; records: SentRecord[] }
type Answer = { functionError?: string; payload: Uint8Array }

const bootstrapServers = inject('kafkaBrokers').split(',')
const kafka = new Kafka({ clientId: 'test', brokers: bootstrapServers, logLevel: logLevel.NOTHING })
const admin = kafka.admin()
// Idempotent, since a retry right after a topic's creation would otherwise write some records twice.
const producer = kafka.producer({
  idempotent: true,
  maxInFlightRequests: 1,
  createPartitioner: Partitioners.DefaultPartitioner,
})
const patiently = { timeout: 60_000, interval: 50 }
const stops: (() => Promise<void>)[] = []

beforeAll(async () => {
  await admin.connect()
  await producer.connect()
})

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

afterAll(async () => {
  await producer.disconnect()
  await admin.disconnect()
})

const json = (value: unknown): Answer => ({ payload: new TextEncoder().encode(JSON.stringify(value)) })
const success = json({ batchItemFailures: [] })
const failedFrom = (topic: string, partition: number, offset: number) =>
  json({ batchItemFailures: [{ itemIdentifier: { partition: `${topic}-${partition}`, offset } }] })
const text = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64').toString()

/** Resolves when every partition has a leader; for a moment after its creation a topic is unknown even to the broker. */
async function createTopic(config: ITopicConfig): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, topics: [config] })
  const findLeaders = async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [config.topic] })
    return topics.flatMap(({ partitions }) => partitions).filter(({ leader }) => leader >= 0).length
  }
  await expect.poll(findLeaders, patiently).toBe(config.numPartitions)
}

async function createTopics(partitions: number, config: Record<string, string> = {}): Promise<WalletTrigger> {
  const topic = `user.verified.${randomUUID()}`
  const onFailureTopic = `${topic}.dead-letter`
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  await createTopic({ topic, numPartitions: partitions, configEntries })
  await createTopic({ topic: onFailureTopic, numPartitions: 1 })
  return {
    topic,
    onFailureTopic,
    consumerGroupId: `group.${topic}`,
    batchSize: 10,
    maximumBatchingWindowSeconds: 0,
    maximumRetryAttempts: 1,
    maximumRecordAgeSeconds: 3600,
    bisectBatchOnFunctionError: true,
    maximumConcurrency: partitions,
  }
}

async function start(
  trigger: WalletTrigger,
  answer: (invocation: Invocation) => Answer | Promise<Answer>,
  stopTimeoutMilliseconds = 30_000,
) {
  const lines: Record<string, unknown>[] = []
  const started = await startWalletTrigger({
    trigger,
    bootstrapServers,
    eventSourceArn: 'arn:aws:kafka:us-east-1:000000000000:cluster/local/uuid-1',
    log: (line) => lines.push(line),
    stopTimeoutMilliseconds,
    invoke: async (payload) => {
      const event = JSON.parse(new TextDecoder().decode(payload)) as { records: Record<string, SentRecord[]> }
      const [records = []] = Object.values(event.records)
      return answer({ partition: records[0]?.partition ?? -1, records })
    },
  })
  stops.push(started.stop)
  return { ...started, lines }
}

const send = (topic: string, messages: Message[]) => producer.send({ topic, acks: -1, messages })
const numbered = (count: number, partition = 0): Message[] =>
  Array.from({ length: count }, (_, index) => ({ partition, key: `${partition}`, value: `${index}` }))

/** The group's next offset by partition; -1 where it has none. */
async function committed({ consumerGroupId, topic }: WalletTrigger): Promise<number[]> {
  const [offsets] = await admin.fetchOffsets({ groupId: consumerGroupId, topics: [topic] })
  return (offsets?.partitions ?? []).toSorted((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset))
}

test('hands over what was sent before it started: keys, tombstones, and headers byte by byte', async () => {
  const trigger = await createTopics(1)
  await send(trigger.topic, [
    {
      key: 'k',
      value: 'v',
      timestamp: String(Date.now() - 5000),
      headers: { a: ['1', Buffer.from([0, 200])], b: 'x' },
    },
    { key: null, value: 'no key' },
    { key: Buffer.from([255]), value: null },
  ])
  const invocations: Invocation[] = []
  await start(trigger, (invocation) => {
    invocations.push(invocation)
    return success
  })
  await expect.poll(() => committed(trigger), patiently).toEqual([3])
  const records = invocations.flatMap((invocation) => invocation.records)
  expect(records).toMatchObject([
    { topic: trigger.topic, partition: 0, offset: 0, timestampType: 'CREATE_TIME', key: 'aw==', value: 'dg==' },
    { offset: 1, value: Buffer.from('no key').toString('base64'), headers: [] },
    { offset: 2, key: '/w==', headers: [] },
  ])
  expect(records[0]?.headers).toEqual([{ a: [49] }, { a: [0, -56] }, { b: [120] }])
  expect(Object.keys(records[1] ?? {})).not.toContain('key')
  expect(Object.keys(records[2] ?? {})).not.toContain('value')
  expect(records[0]?.timestamp).toBeLessThan(records[1]?.timestamp ?? 0)
})

test('says when the broker wrote the time', async () => {
  const trigger = await createTopics(1, { 'message.timestamp.type': 'LogAppendTime' })
  await send(trigger.topic, numbered(1))
  const invocations: Invocation[] = []
  await start(trigger, (invocation) => {
    invocations.push(invocation)
    return success
  })
  await expect.poll(() => invocations.length, patiently).toBe(1)
  expect(invocations[0]?.records[0]?.timestampType).toBe('LOG_APPEND_TIME')
})

test('works on several partitions at once, on each in order and one at a time, within its concurrency', async () => {
  const trigger = { ...(await createTopics(6)), maximumConcurrency: 4 }
  const seen = new Map<number, number[]>()
  const running: number[] = []
  let most = 0
  await start(trigger, async ({ partition, records }) => {
    expect(running).not.toContain(partition)
    expect(records.length).toBeLessThanOrEqual(10)
    running.push(partition)
    most = Math.max(most, running.length)
    await wait(20)
    seen.set(partition, [...(seen.get(partition) ?? []), ...records.map(({ value }) => Number(text(value)))])
    running.splice(running.indexOf(partition), 1)
    return success
  })
  await send(trigger.topic, Array.from({ length: 6 }, (_, partition) => numbered(100, partition)).flat())
  await expect.poll(() => committed(trigger), patiently).toEqual(Array(6).fill(100))
  expect([...seen.keys()].toSorted()).toEqual([0, 1, 2, 3, 4, 5])
  for (const values of seen.values()) expect(values).toEqual(Array.from({ length: 100 }, (_, index) => index))
  expect(most).toBe(4)
})

test('gathers a batch for as long as its window is open', async () => {
  const trigger = { ...(await createTopics(1)), maximumBatchingWindowSeconds: 300, batchSize: 5 }
  const sizes: number[] = []
  await start(trigger, ({ records }) => {
    sizes.push(records.length)
    return success
  })
  for (let index = 0; index < 10; index += 1) await send(trigger.topic, numbered(1))
  await expect.poll(() => committed(trigger), patiently).toEqual([10])
  expect(sizes).toEqual([5, 5])
})

test('resumes from the lowest failure, then sets aside what keeps failing and goes on', async () => {
  const trigger = await createTopics(2)
  await send(trigger.topic, [
    ...numbered(3),
    { partition: 0, key: 'poison', value: Buffer.from([1, 255]), headers: { request_id: ['r', Buffer.from([200])] } },
    { partition: 1, key: '1', value: 'other' },
  ])
  const invoked: number[][] = []
  await start(trigger, ({ partition, records }) => {
    if (partition === 1) return success
    invoked.push(records.map(({ offset }) => offset))
    const poison = records.find(({ key }) => text(key) === 'poison')
    return poison === undefined ? success : failedFrom(trigger.topic, 0, poison.offset)
  })
  await expect.poll(() => committed(trigger), patiently).toEqual([4, 1])
  await send(trigger.topic, numbered(1))
  await expect.poll(() => committed(trigger), patiently).toEqual([5, 1])
  expect(invoked).toEqual([[0, 1, 2, 3], [3], [4]])

  const [dead] = await readAll(trigger.onFailureTopic, 1)
  expect(dead?.key?.toString()).toBe('poison')
  expect(dead?.value).toEqual(Buffer.from([1, 255]))
  expect(dead?.headers).toMatchObject({
    request_id: [Buffer.from('r'), Buffer.from([200])],
    failure_condition: Buffer.from('RetryAttemptsExhausted'),
    failure_topic: Buffer.from(trigger.topic),
    failure_partition: Buffer.from('0'),
    failure_offset: Buffer.from('3'),
    failure_attempts: Buffer.from('2'),
  })
})

test('sets a tombstone without a key aside as it was', async () => {
  const trigger = { ...(await createTopics(1)), maximumRetryAttempts: 0 }
  await send(trigger.topic, [{ key: null, value: null, headers: { h: '' } }])
  await start(trigger, () => ({
    functionError: 'Unhandled',
    payload: new TextEncoder().encode('{"errorType":"Error"}'),
  }))
  await expect.poll(() => committed(trigger), patiently).toEqual([1])
  const [dead] = await readAll(trigger.onFailureTopic, 1)
  expect(dead?.key).toBeNull()
  expect(dead?.value).toBeNull()
  expect(dead?.headers).toMatchObject({ h: Buffer.from(''), failure_error: Buffer.from('Unhandled: Error') })
})

test('stays where it is while the destination does not take the record', async () => {
  const trigger = await createTopics(1)
  const { onFailureTopic } = trigger
  await admin.deleteTopics({ topics: [onFailureTopic] })
  await send(trigger.topic, numbered(2))
  const { lines } = await start({ ...trigger, batchSize: 1 }, ({ records }) =>
    records[0]?.offset === 0 ? failedFrom(trigger.topic, 0, 0) : success,
  )
  await expect
    .poll(() => lines.map(({ message }) => message).join(), patiently)
    .toContain('the destination did not take')
  expect(await committed(trigger)).toEqual([-1])
  await createTopic({ topic: onFailureTopic, numPartitions: 1 })
  await expect.poll(() => committed(trigger), patiently).toEqual([2])
  expect(await readAll(onFailureTopic, 1)).toHaveLength(1)
})

test('calls again without end when Lambda is not reached, while other partitions go on', async () => {
  const trigger = { ...(await createTopics(2)), maximumRetryAttempts: 0 }
  await send(trigger.topic, [...numbered(1, 0), ...numbered(1, 1)])
  let throttled = 0
  await start(trigger, ({ partition }) => {
    if (partition === 1) return success
    throttled += 1
    if (throttled < 4) throw new Error('TooManyRequestsException')
    return success
  })
  await expect.poll(() => committed(trigger), patiently).toEqual([1, 1])
  expect(throttled).toBe(4)
  expect(await readAll(trigger.onFailureTopic, 0)).toEqual([])
})

test('keeps its place in the group through an invocation longer than a session', async () => {
  const trigger = await createTopics(1)
  await send(trigger.topic, numbered(1))
  let invocations = 0
  const { lines } = await start(trigger, async () => {
    invocations += 1
    await wait(13_000)
    return success
  })
  await expect.poll(() => committed(trigger), patiently).toEqual([1])
  expect(invocations).toBe(1)
  expect(lines.filter(({ message }) => message === 'trigger: joined the group')).toHaveLength(1)
})

test('lets what runs end when it stops, commits it, and starts nothing more', async () => {
  const trigger = { ...(await createTopics(1)), batchSize: 1 }
  await send(trigger.topic, numbered(3))
  const release = Promise.withResolvers<Answer>()
  let invocations = 0
  const { stop } = await start(trigger, () => {
    invocations += 1
    return release.promise
  })
  await expect.poll(() => invocations, patiently).toBe(1)
  const stopped = stop()
  release.resolve(success)
  await stopped
  expect(await committed(trigger)).toEqual([1])
  expect(invocations).toBe(1)
})

test('hands over again what was running when it ended without an answer', async () => {
  const trigger = await createTopics(1)
  await send(trigger.topic, numbered(2))
  let invocations = 0
  const { stop } = await start(
    trigger,
    () => {
      invocations += 1
      return new Promise<Answer>(() => {})
    },
    100,
  )
  await expect.poll(() => invocations, patiently).toBe(1)
  await stop()
  expect(await committed(trigger)).toEqual([-1])
  const again: number[] = []
  await start(trigger, ({ records }) => {
    again.push(...records.map(({ offset }) => offset))
    return success
  })
  await expect.poll(() => committed(trigger), patiently).toEqual([2])
  expect(again).toEqual([0, 1])
})

test('loses nothing while members come and go, and keeps one invocation a partition through it', async () => {
  const trigger = await createTopics(4)
  const running = new Set<number>()
  const done = new Map<number, Set<number>>()
  const work = async ({ partition, records }: Invocation) => {
    await wait(5)
    const offsets = done.get(partition) ?? new Set()
    for (const { offset } of records) offsets.add(offset)
    done.set(partition, offsets)
    return success
  }
  const release = Promise.withResolvers<void>()
  let held = -1
  const first = await start(trigger, async (invocation) => {
    const { partition } = invocation
    expect(running).not.toContain(partition)
    running.add(partition)
    if (held === -1) {
      held = partition
      await release.promise
    }
    const answer = await work(invocation)
    running.delete(partition)
    return answer
  })
  await send(
    trigger.topic,
    [0, 1, 2, 3].flatMap((partition) => numbered(50, partition)),
  )
  await expect.poll(() => held, patiently).not.toBe(-1)
  const second = await start(trigger, work)
  const joined = ({ lines }: { lines: Record<string, unknown>[] }) =>
    lines.filter(({ message }) => message === 'trigger: joined the group').length
  await expect.poll(() => [joined(first) >= 2, joined(second) >= 1], patiently).toEqual([true, true])
  release.resolve()
  await send(
    trigger.topic,
    [0, 1, 2, 3].flatMap((partition) => numbered(50, partition)),
  )
  await second.stop()
  await expect.poll(() => committed(trigger), patiently).toEqual(Array(4).fill(100))
  for (const offsets of done.values()) expect(offsets.size).toBe(100)
  expect(done.size).toBe(4)
})

/** Everything in partition 0 of a topic, which must be this many messages. */
async function readAll(topic: string, count: number) {
  const [watermarks] = await admin.fetchTopicOffsets(topic)
  expect(Number(watermarks?.high)).toBe(count)
  const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 })
  const messages: { key: Buffer | null; value: Buffer | null; headers?: unknown }[] = []
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void messages.push(message) })
    await expect.poll(() => messages.length, patiently).toBe(count)
  } finally {
    await consumer.disconnect()
  }
  return messages
}
