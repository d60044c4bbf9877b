// Publishing to Kafka: one idempotent producer a container, dropped after a failure, a long freeze, or before its token
// ends.
import { Kafka, logLevel, Partitioners, type Producer, type TopicMessages } from 'kafkajs'
import { UnavailableError } from './errors.ts'
import type { EventRecord } from './events.ts'
import './kafkajs-patch.ts'
import { publishInTurn } from './publish-in-turn.ts'

/** One record as Kafka takes it: of ours, or the original bytes of one that waited. */
export type Publication = {
  readonly topic: string
  readonly key: string | Uint8Array | null
  /** Null is a tombstone. */
  readonly value: string | Uint8Array | null
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
const toNullablePart = (data: string | Uint8Array | null) => (data === null ? null : toMessagePart(data))

/**
 * Bytes of one request. A broker refuses what one request has for a partition beyond 1 MiB (message.max.bytes, overhead
 * included), for ever: a page of rows that are all long would hold up all those behind it.
 */
const mostBytes = 512 * 1024

/** Of keys and values; and of headers and what stands around each record, a generous guess. */
const sizeOf = ({ key, value }: Publication) =>
  [key, value].reduce((sum, part) => sum + (part === null ? 0 : Buffer.byteLength(part)), 256)

/** In their order; one that is larger than a request should be is in a request of its own. */
function splitBySize(publications: readonly Publication[]): readonly (readonly Publication[])[] {
  const requests: Publication[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const publication of publications) {
    bytes += sizeOf(publication)
    if (bytes <= mostBytes) {
      requests.at(-1)?.push(publication)
      continue
    }
    requests.push([publication])
    bytes = sizeOf(publication)
  }
  return requests
}

/** Records of one topic in one request, in their order. */
function toTopicMessages(publications: readonly Publication[]): TopicMessages[] {
  const topics = Map.groupBy(publications, (publication) => publication.topic)
  return [...topics].map(([topic, records]) => ({
    topic,
    messages: records.map(({ key, value, headers }) => ({
      key: toNullablePart(key),
      value: toNullablePart(value),
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, header]) => [
          name,
          typeof header === 'string' || header instanceof Uint8Array
            ? toMessagePart(header)
            : header.map(toMessagePart),
        ]),
      ),
    })),
  }))
}

/** Waits for work at most that long (ms); what comes of it later nobody hears. */
async function within<Result>(bound: number, work: () => Promise<Result>): Promise<Result> {
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${bound} ms`)), bound)
  try {
    return await Promise.race([work(), expired])
  } finally {
    clearTimeout(timer)
  }
}

/** How long (ms) a farewell to a broker may take. */
const longestFarewell = 500

/**
 * A connection that slept this long (ms) may be dead without either end knowing: brokers close idle ones after
 * 10 minutes, VPC flows are forgotten after about 350 s.
 */
const longestSleep = 240_000

/**
 * A connection is given up this long (ms) before the token that it was opened with ends, by the wall clock: kafkajs goes by
 * one that may stand still while the container is frozen. So no connection is authenticated a second time, which brokers
 * refuse when the name of the session has changed ("cannot change principals").
 */
const sessionMargin = 60_000

/** How a publisher signs in, over TLS. */
export type KafkaLogin = {
  /** PEM of whom the certificates of the brokers must come from; undefined: those that Node knows. */
  readonly certificateAuthority: string | undefined
  /** A new token, and when it ends: milliseconds since 1970. */
  readonly readToken: () => Promise<{ readonly value: string; readonly expiresAt: number }>
}

/** A client, which opens nothing by itself. */
export function createKafka(options: {
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Undefined: no sign-in and no TLS, for brokers on this machine. */
  readonly login: KafkaLogin | undefined
}): Kafka {
  const { login } = options
  return new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3000,
    authenticationTimeout: 5000,
    requestTimeout: 5000,
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1500 },
    ...(login && {
      ssl: login.certificateAuthority === undefined ? true : { ca: login.certificateAuthority },
      sasl: { mechanism: 'oauthbearer', oauthBearerProvider: login.readToken },
    }),
  })
}

/**
 * Opens nothing yet: the first publication connects. What is published side by side goes one request at a time.
 *
 * What fails on a connection of an earlier call is tried once more on a new one, since that one may have died meanwhile:
 * each has half of the deadline. Records of the first try may be on Kafka then; consumers know them by their ids.
 */
export function createPublisher(options: {
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Undefined: no sign-in and no TLS, for brokers on this machine. */
  readonly login: KafkaLogin | undefined
  /** Bound on one publication, the connection included, in milliseconds. */
  readonly deadline: number
  readonly now: () => number
}): { readonly publish: Publish; readonly ping: () => Promise<void>; close(): Promise<void> } {
  const { login, deadline, now } = options
  const kafka = createKafka({ ...options, login: login && { ...login, readToken: () => readToken(login) } })
  let producer: Promise<Producer> | undefined
  let lastUse = 0
  let sessionEnd = Number.POSITIVE_INFINITY

  async function readToken({ readToken }: KafkaLogin) {
    const token = await readToken()
    sessionEnd = Math.min(sessionEnd, token.expiresAt)
    return token
  }

  async function connect(): Promise<Producer> {
    sessionEnd = Number.POSITIVE_INFINITY
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

  /** A connection that says nothing any more ends by itself: it is waited for a moment only. */
  async function close(): Promise<void> {
    const closing = producer?.then((open) => open.disconnect())
    producer = undefined
    await within(longestFarewell, async () => await closing).catch(() => undefined)
  }

  /** @throws whatever went wrong; the producer is gone then */
  async function send(publications: readonly Publication[], bound: number): Promise<void> {
    try {
      await within(bound, async () => {
        producer ??= connect()
        const open = await producer
        for (const request of splitBySize(publications)) {
          await open.sendBatch({ acks: -1, timeout: 5000, topicMessages: toTopicMessages(request) })
        }
      })
      lastUse = now()
    } catch (error) {
      await close()
      throw error
    }
  }

  async function publish(publications: readonly Publication[]): Promise<void> {
    if (publications.length === 0) return
    if (now() - lastUse > longestSleep || now() > sessionEnd - sessionMargin) await close()
    const hasSlept = producer !== undefined
    try {
      await send(publications, hasSlept ? deadline / 2 : deadline).catch((error: unknown) => {
        if (!hasSlept) throw error
        return send(publications, deadline / 2)
      })
    } catch (error) {
      throw new UnavailableError('kafka', `could not publish ${publications.length} records`, { cause: error })
    }
  }

  /** Resolves when a broker answers. */
  async function ping(): Promise<void> {
    const admin = kafka.admin()
    try {
      await within(deadline, async () => {
        await admin.connect()
        await admin.describeCluster()
      })
    } catch (error) {
      throw new UnavailableError('kafka', 'no broker answers', { cause: error })
    } finally {
      await within(longestFarewell, () => admin.disconnect()).catch(() => undefined)
    }
  }

  return { publish: publishInTurn(publish), ping, close }
}
