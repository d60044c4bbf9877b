// Reads a stretch of a topic, from offset to offset, and leaves no trace there: no offset is committed, and the group that
// kafkajs must have for reading is of this call alone.
import '../../shared/kafkajs-patch.ts'
import { setTimeout as wait } from 'node:timers/promises'
import type { Kafka, KafkaMessage } from 'kafkajs'
import { UnavailableError } from '../../shared/errors.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'

/** Offsets by partition. */
export type Offsets = ReadonlyMap<number, number>

export type TopicReading = {
  /** From which offset of each partition; a partition that is absent is read from its first record. */
  readonly from: Offsets
  /** Up to which offset, that one left out; undefined: up to what is there now. Partitions that are absent are not read. */
  readonly to: Offsets | undefined
  /** Takes one record, in the order of its partition; `false` ends the reading behind it. */
  readonly take: (record: KafkaRecord) => boolean
}

/** How long (ms) a farewell to a broker may take. */
const longestFarewell = 2000

/** Names of the groups begin so: the function's role may use no others. */
export const groupPrefix = 'operate-'

/** As the broker has it; header values in base64. A header without a value is told as an empty one. */
function toRecord(topic: string, partition: number, message: KafkaMessage): KafkaRecord {
  const headers = Object.entries(message.headers ?? {}).flatMap(([name, given]) => {
    const values: readonly unknown[] = Array.isArray(given) ? given : [given]
    // kafkajs collects headers in an object with a prototype, so one called `constructor` comes with a function before it.
    return values
      .filter((value) => value === null || value instanceof Uint8Array)
      .map((value) => [name, Buffer.from(value ?? []).toString('base64')] as const)
  })
  const { key, value } = message
  const recordedAt = new Date(Number(message.timestamp))
  return { topic, partition, offset: Number(message.offset), recordedAt, key, value, headers }
}

/**
 * Reads until everything is read, `take` has enough, or the time is over.
 *
 * @param id of this call, for the group's name
 * @param deadline in milliseconds
 * @returns where a further reading begins; undefined when everything was read
 * @throws {UnavailableError} when Kafka is away, or nothing was read in the time that there is
 */
export async function readTopic(
  kafka: Kafka,
  topic: string,
  reading: TopicReading,
  options: { readonly id: string; readonly deadline: number },
): Promise<Offsets | undefined> {
  const over = Promise.withResolvers<'expired'>()
  const timer = setTimeout(() => over.resolve('expired'), options.deadline)
  const close: (() => Promise<void>)[] = []
  try {
    const ranges = await Promise.race([findRanges(kafka, topic, reading, close), over.promise])
    if (ranges === 'expired') throw new Error(`no offsets within ${options.deadline} ms`)
    const next = new Map([...ranges].map(([partition, { from }]) => [partition, from]))
    const findLeft = () => [...ranges].filter(([partition, { to }]) => (next.get(partition) ?? 0) < to)
    if (findLeft().length === 0) return undefined

    const consumer = kafka.consumer({
      groupId: `${groupPrefix}${options.id}`,
      maxWaitTimeInMs: 100,
      allowAutoTopicCreation: false,
    })
    close.push(() => consumer.disconnect())
    const done = Promise.withResolvers<'done'>()
    let isOpen = true
    const end = () => {
      isOpen = false
      done.resolve('done')
    }
    // What may pass, such as a broker that still loads what it knows of groups, kafkajs begins anew with; for how long is the
    // deadline's to say.
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) done.reject(payload.error)
    })
    // Offsets without a record, as marks of transactions have, are read as well; a batch of nothing else comes here alone.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
      const range = ranges.get(partition)
      if (!isOpen || range === undefined) return
      const behind = Math.min(Number(lastOffset) + 1, range.to)
      next.set(partition, Math.max(next.get(partition) ?? 0, behind))
      if (findLeft().length === 0) end()
    })
    // Each time, before anything is fetched.
    consumer.on(consumer.events.GROUP_JOIN, () => {
      for (const [partition, offset] of next) consumer.seek({ topic, partition, offset: String(offset) })
    })
    const start = async () => {
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          const range = ranges.get(batch.partition)
          for (const message of batch.messages) {
            const offset = Number(message.offset)
            if (!isOpen || range === undefined || offset < (next.get(batch.partition) ?? 0) || offset >= range.to)
              continue
            next.set(batch.partition, offset + 1)
            if (!reading.take(toRecord(topic, batch.partition, message))) return end()
          }
        },
      })
    }
    // A consumer that cannot begin is an error; one that is stopped while it begins is not.
    start().catch((error: unknown) => done.reject(error))
    const outcome = await Promise.race([done.promise, over.promise])
    isOpen = false
    const left = findLeft()
    const hasRead = [...ranges].some(([partition, { from }]) => (next.get(partition) ?? 0) > from)
    if (outcome === 'expired' && !hasRead) throw new Error(`no record within ${options.deadline} ms`)
    return left.length === 0 ? undefined : next
  } catch (error) {
    throw new UnavailableError('kafka', `${topic} could not be read`, { cause: error })
  } finally {
    clearTimeout(timer)
    const farewell = Promise.all(close.map((each) => each().catch(() => undefined)))
    await Promise.race([farewell, wait(longestFarewell, undefined, { ref: false })])
  }
}

/** What there is to be read: offsets that the broker has, within those that are asked for. */
async function findRanges(
  kafka: Kafka,
  topic: string,
  { from, to }: TopicReading,
  close: (() => Promise<void>)[],
): Promise<ReadonlyMap<number, { readonly from: number; readonly to: number }>> {
  const admin = kafka.admin()
  close.push(() => admin.disconnect())
  await admin.connect()
  const watermarks = await admin.fetchTopicOffsets(topic)
  return new Map(
    watermarks
      .filter(({ partition }) => to === undefined || to.has(partition))
      .map(({ partition, low, high }) => [
        partition,
        {
          from: Math.max(Number(low), from.get(partition) ?? 0),
          to: Math.min(Number(high), to?.get(partition) ?? Number.POSITIVE_INFINITY),
        },
      ]),
  )
}
