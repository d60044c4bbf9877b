// Publishing to Kafka: one idempotent producer a container, dropped after a failure or a long freeze.
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { UnavailableError } from './errors.ts'
import type { EventRecord } from './events.ts'
import './kafkajs-patch.ts'

/** One record as Kafka takes it: of ours, or the original bytes of one that waited. */
export type Publication = {
  readonly topic: string
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array
  /** A name that comes more than once has all of its values. */
  readonly headers: Readonly<Record<string, string | Uint8Array | readonly Uint8Array[]>>
}

/** Publishes all, or throws an `UnavailableError`: then some may be on Kafka, and all are to be published again. */
export type Publish = (publications: readonly Publication[]) => Promise<void>

export function toPublication(topic: string, record: EventRecord): Publication {
  return { topic, ...record }
}

/** As kafkajs takes it. */
const toMessagePart = (data: string | Uint8Array) => (typeof data === 'string' ? data : Buffer.from(data))

/**
 * A connection that slept this long (ms) may be dead without either end knowing: brokers close idle ones after
 * 10 minutes, VPC flows are forgotten after about 350 s.
 */
const longestSleep = 240_000

/** Opens nothing yet: the first publication connects. */
export function createPublisher(options: {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly now: () => number
}): { readonly publish: Publish; readonly ping: () => Promise<void>; close(): Promise<void> } {
  const kafka = new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3000,
    requestTimeout: 5000,
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1500 },
  })
  let producer: Promise<Producer> | undefined
  let lastUse = 0

  async function connect(): Promise<Producer> {
    const fresh = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    try {
      await fresh.connect()
    } catch (error) {
      // It may have connected and failed after that.
      await fresh.disconnect().catch(() => undefined)
      throw error
    }
    return fresh
  }

  async function close(): Promise<void> {
    const closing = producer
    producer = undefined
    const open = await closing?.catch(() => undefined)
    await open?.disconnect().catch(() => undefined)
  }

  async function publish(publications: readonly Publication[]): Promise<void> {
    if (publications.length === 0) return
    if (producer && options.now() - lastUse > longestSleep) await close()
    try {
      producer ??= connect()
      const topics = Map.groupBy(publications, (publication) => publication.topic)
      await (await producer).sendBatch({
        acks: -1,
        timeout: 5000,
        topicMessages: [...topics].map(([topic, records]) => ({
          topic,
          messages: records.map(({ key, value, headers }) => ({
            key: key === null ? null : toMessagePart(key),
            value: toMessagePart(value),
            headers: Object.fromEntries(
              Object.entries(headers).map(([name, header]) => [
                name,
                typeof header === 'string' || header instanceof Uint8Array
                  ? toMessagePart(header)
                  : header.map(toMessagePart),
              ]),
            ),
          })),
        })),
      })
      lastUse = options.now()
    } catch (error) {
      await close()
      throw new UnavailableError('kafka', `could not publish ${publications.length} records`, { cause: error })
    }
  }

  /** Resolves when a broker answers. */
  async function ping(): Promise<void> {
    const admin = kafka.admin()
    try {
      await admin.connect()
      await admin.describeCluster()
    } catch (error) {
      throw new UnavailableError('kafka', 'no broker answers', { cause: error })
    } finally {
      await admin.disconnect().catch(() => undefined)
    }
  }

  return { publish, ping, close }
}
