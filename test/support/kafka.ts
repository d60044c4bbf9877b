// Topics of a test's own, and everything that is in one.
import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { expect } from 'vitest'
import '../../shared/kafkajs-patch.ts'

export type ReadRecord = {
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** All values of each name. */
  readonly headers: Readonly<Record<string, readonly Buffer[]>>
}

export type TestKafka = {
  /** Makes a topic whose name nobody else has. */
  readonly createTopic: (partitions?: number) => Promise<string>
  /** Every record of a topic, by partition and offset. */
  readonly readTopic: (topic: string) => Promise<readonly ReadRecord[]>
}

export function createTestKafka(brokers: string): TestKafka {
  const kafka = new Kafka({ clientId: 'test', brokers: brokers.split(','), logLevel: logLevel.NOTHING })

  async function withAdmin<Result>(work: (admin: ReturnType<Kafka['admin']>) => Promise<Result>): Promise<Result> {
    const admin = kafka.admin()
    await admin.connect()
    try {
      return await work(admin)
    } finally {
      await admin.disconnect()
    }
  }

  async function createTopic(partitions = 3): Promise<string> {
    const topic = `test.${randomUUID()}`
    await withAdmin((admin) =>
      admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] }),
    )
    return topic
  }

  async function readTopic(topic: string): Promise<readonly ReadRecord[]> {
    const watermarks = await withAdmin((admin) => admin.fetchTopicOffsets(topic))
    const count = watermarks.reduce((sum, { high }) => sum + Number(high), 0)
    if (count === 0) return []
    const read: (ReadRecord & { readonly offset: bigint })[] = []
    const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 })
    try {
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ partition, message }) => {
          const headers = Object.fromEntries(
            Object.entries(message.headers ?? {}).map(([name, value]) => [
              name,
              (Array.isArray(value) ? value : [value ?? '']).map((part) => Buffer.from(part)),
            ]),
          )
          read.push({ partition, offset: BigInt(message.offset), key: message.key, value: message.value, headers })
        },
      })
      await expect.poll(() => read.length, { timeout: 60_000, interval: 50 }).toBe(count)
    } finally {
      await consumer.disconnect()
    }
    return read
      .toSorted((a, b) => a.partition - b.partition || Number(a.offset - b.offset))
      .map(({ partition, key, value, headers }) => ({ partition, key, value, headers }))
  }

  return { createTopic, readTopic }
}
