// Stands in for Lambda's event source mapping for Kafka, which no emulator has: consumes the topic and invokes the
// function. Here lives what deals with the broker; the event is msk-event.ts, the rules are record-delivery.ts.
import '../shared/kafkajs-patch.ts'
import { EventEmitter, once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { type Consumer, type IHeaders, Kafka, type KafkaMessage, logLevel, Partitioners } from 'kafkajs'
import type { WalletTrigger } from '../lib/stage.ts'
import {
  countBatch,
  type EncodedRecord,
  encodeRecord,
  envelopeBytes,
  type InvocationResult,
  type KafkaRecord,
  maximumPayloadBytes,
} from './msk-event.ts'
import { deliverBatch, type Failure, logAttempt, type TriggerLog } from './record-delivery.ts'

// A member that was killed keeps its partitions for one session, so a restart after `kill -9` waits that long.
const sessionMilliseconds = 10_000
const heartbeatMilliseconds = 2_000
/** How long the broker holds a fetch that has nothing to give. */
const fetchMilliseconds = 250
/** A consumer that has not fetched for this long has stopped without saying so. */
const stallMilliseconds = 60_000
const longestRestartMilliseconds = 5_000

/** What goes into the events: the shape of a cluster's ARN, since no cluster of AWS is there. */
export const clusterArn = 'arn:aws:kafka:us-east-1:000000000000:cluster/local/00000000-0000-0000-0000-000000000000-1'

export type WalletTriggerOptions = {
  readonly trigger: WalletTrigger
  /** Each `host:port`. */
  readonly bootstrapServers: readonly string[]
  /** Goes into the events; `arn:aws:kafka:…` */
  readonly eventSourceArn: string
  /** Calls the function. Rejects when Lambda could not be reached or throttled the call: it is then called again. */
  readonly invoke: (payload: Uint8Array) => Promise<InvocationResult>
  readonly log: TriggerLog
  /** How long `stop` waits for invocations that run. */
  readonly stopTimeoutMilliseconds?: number
}

/** A partition that is ours, from one joining of the group to the next. */
type Assignment = {
  readonly partition: number
  /** Fetched and waiting for a delivery. */
  readonly queue: EncodedRecord[]
  /** Says `records` when some were added. */
  readonly arrivals: EventEmitter
  /** Aborts when the partition may be another member's: nothing is invoked or committed any more. */
  readonly lost: AbortController
}

/**
 * Starts consuming, from the group's offsets, or from the beginning where it has none. Returns at once: a broker that is
 * away, now or later, is waited for and reported in the log.
 *
 * @returns `stop`: lets running invocations end (30 seconds at most), commits what they did, and leaves the group.
 */
export async function startWalletTrigger(options: WalletTriggerOptions): Promise<{ stop: () => Promise<void> }> {
  const { trigger, log } = options
  const { topic } = trigger
  const kafka = new Kafka({
    clientId: 'wallet-trigger',
    brokers: [...options.bootstrapServers],
    // What matters is logged here, once; kafkajs logs each failed attempt of each connection.
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 15_000,
    // Its own restarts keep half of the old state; a new consumer is made instead.
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5, restartOnFailure: async () => false },
  })
  const destination = openDestination(kafka, trigger)
  const inSlot = createSlots(trigger.maximumConcurrency)
  const stopping = new AbortController()
  /** The last delivery of each partition, of this joining or an earlier one: the next one waits for it. */
  const deliveries = new Map<number, Promise<void>>()
  let endConsumer = () => {}
  let failedStarts = 0

  /** How many records, from the head of the queue, the next invocation takes. */
  const countNext = (queue: readonly EncodedRecord[]) => {
    const [first] = queue
    const maximumBytes = first === undefined ? 0 : maximumPayloadBytes - envelopeBytes(options, first)
    return countBatch(queue, { batchSize: trigger.batchSize, maximumBytes })
  }
  const isFull = (queue: readonly EncodedRecord[]) =>
    queue.length >= trigger.batchSize || countNext(queue) < queue.length

  const takeBatch = async (assignment: Assignment, signal: AbortSignal): Promise<EncodedRecord[]> => {
    const { queue, arrivals } = assignment
    while (queue.length === 0) await once(arrivals, 'records', { signal })
    if (trigger.maximumBatchingWindowSeconds > 0 && !isFull(queue)) {
      let open = true
      const window = setTimeout(() => {
        open = false
        arrivals.emit('records')
      }, trigger.maximumBatchingWindowSeconds * 1000)
      try {
        while (open && !isFull(queue)) await once(arrivals, 'records', { signal })
      } finally {
        clearTimeout(window)
      }
    }
    return queue.splice(0, countNext(queue))
  }

  const deliver = async (assignment: Assignment, consumer: Consumer): Promise<void> => {
    const { partition, lost } = assignment
    const signal = AbortSignal.any([stopping.signal, lost.signal])
    while (!signal.aborted) {
      const records = await takeBatch(assignment, signal)
      if (!isFull(assignment.queue)) consumer.resume([{ topic, partitions: [partition] }])
      await deliverBatch(
        records,
        options,
        trigger,
        {
          invoke: (event) =>
            inSlot(() => {
              signal.throwIfAborted()
              return options.invoke(event)
            }),
          setAside: destination.send,
          commit: async (offset) => {
            // Not `signal`: what ended well is committed also while stopping.
            lost.signal.throwIfAborted()
            await consumer.commitOffsets([{ topic, partition, offset: String(offset) }])
          },
          now: Date.now,
          random: Math.random,
          wait: (milliseconds, until) => wait(milliseconds, undefined, { signal: until }),
          log,
        },
        signal,
      )
    }
  }

  const consume = async (): Promise<void> => {
    const consumer = kafka.consumer({
      groupId: trigger.consumerGroupId,
      sessionTimeout: sessionMilliseconds,
      heartbeatInterval: heartbeatMilliseconds,
      rebalanceTimeout: sessionMilliseconds,
      maxWaitTimeInMs: fetchMilliseconds,
      allowAutoTopicCreation: false,
    })
    const ended = Promise.withResolvers<void>()
    endConsumer = ended.resolve
    const assignments = new Map<number, Assignment>()
    let open = true
    let joins: 'expected' | 'unexpected' = 'expected'
    let fetchedAt = Date.now()

    const abandon = () => {
      for (const { lost } of assignments.values()) lost.abort()
      assignments.clear()
    }
    const assign = (partition: number) => {
      const assignment = { partition, queue: [], arrivals: new EventEmitter(), lost: new AbortController() }
      assignments.set(partition, assignment)
      const before = deliveries.get(partition) ?? Promise.resolve()
      const delivery = before
        .then(() => deliver(assignment, consumer))
        .catch((error: unknown) => {
          if (!assignment.lost.signal.aborted && !stopping.signal.aborted) ended.reject(error)
        })
      deliveries.set(partition, delivery)
    }

    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      abandon()
      if (!open) return
      if (joins === 'unexpected') {
        // Joined again in the middle of a fetch: another fetch may still bring records from before, at offsets that the
        // group has not reached. A new consumer has none in flight.
        ended.reject(new Error('the assignment of partitions changed'))
        return
      }
      joins = 'unexpected'
      failedStarts = 0
      const partitions = payload.memberAssignment[topic] ?? []
      consumer.resume([{ topic }])
      for (const partition of partitions) assign(partition)
      log({ level: 'info', message: 'trigger: joined the group', topic, partitions: partitions.length })
    })
    consumer.on(consumer.events.REBALANCING, () => {
      joins = 'expected'
      abandon()
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => ended.reject(payload.error))
    consumer.on(consumer.events.FETCH, () => {
      fetchedAt = Date.now()
    })
    const watch = setInterval(() => {
      if (Date.now() - fetchedAt > stallMilliseconds) ended.reject(new Error('the consumer stopped fetching'))
    }, heartbeatMilliseconds)

    const start = async () => {
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      if (!open) return
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        // Hands the records over and returns, so that fetching and heartbeats go on however long an invocation takes,
        // and no partition waits for another one's.
        eachBatch: async ({ batch, resolveOffset }) => {
          const assignment = assignments.get(batch.partition)
          const last = batch.messages.at(-1)
          if (assignment === undefined || last === undefined) return
          for (const message of batch.messages) assignment.queue.push(encodeRecord(readMessage(batch, message)))
          resolveOffset(last.offset)
          if (isFull(assignment.queue)) consumer.pause([{ topic, partitions: [batch.partition] }])
          assignment.arrivals.emit('records')
        },
      })
    }
    const started = start().catch(ended.reject)
    try {
      await ended.promise
    } finally {
      open = false
      clearInterval(watch)
      abandon()
      // A consumer that is still joining would join after a disconnect.
      await within(
        5_000,
        started.then(() => consumer.disconnect()),
      )
    }
  }

  const running = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await consume()
      } catch (error) {
        failedStarts += 1
        logAttempt(log, 'no longer consuming; joining again', { topic, attempt: failedStarts }, error)
        const longest = Math.min(longestRestartMilliseconds, 100 * 2 ** Math.min(failedStarts, 10))
        await wait(Math.random() * longest, undefined, { signal: stopping.signal }).catch(() => {})
      }
    }
  })()

  return {
    stop: async () => {
      stopping.abort()
      await within(options.stopTimeoutMilliseconds ?? 30_000, Promise.all(deliveries.values()))
      endConsumer()
      await running
      await within(5_000, destination.close())
    },
  }
}

/** The Kafka topic that receives what could not be processed. */
function openDestination(kafka: Kafka, { onFailureTopic }: WalletTrigger) {
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { retries: 2 },
  })
  return {
    send: async (record: EncodedRecord, failure: Failure): Promise<void> => {
      await producer.connect()
      await producer.send({
        topic: onFailureTopic,
        acks: -1,
        timeout: 10_000,
        messages: [
          { key: toBuffer(record.key), value: toBuffer(record.value), headers: failureHeaders(record, failure) },
        ],
      })
    },
    close: () => producer.disconnect(),
  }
}

/** The record's own headers, and after them why it is here. A key that it has already keeps its values, ours last. */
export function failureHeaders(record: KafkaRecord, { condition, attempts, error }: Failure): IHeaders {
  const ours = {
    failure_condition: condition,
    failure_attempts: String(attempts),
    ...(error === undefined ? {} : { failure_error: error }),
    failure_topic: record.topic,
    failure_partition: String(record.partition),
    failure_offset: String(record.offset),
    failure_timestamp: new Date(record.timestamp).toISOString(),
  }
  // Without a prototype, since a header may be called `constructor` or `__proto__`.
  const headers: Record<string, Buffer[]> = Object.create(null)
  for (const [key, value] of [...record.headers, ...Object.entries(ours)]) {
    headers[key] = [...(headers[key] ?? []), Buffer.from(value)]
  }
  return headers
}

/** A record as kafkajs hands it over. */
export function readMessage(batch: { topic: string; partition: number }, message: KafkaMessage): KafkaRecord {
  return {
    topic: batch.topic,
    partition: batch.partition,
    offset: Number(message.offset),
    timestamp: Number(message.timestamp),
    timestampType: isLogAppendTime(message) ? 'LOG_APPEND_TIME' : 'CREATE_TIME',
    key: message.key,
    value: message.value,
    headers: Object.entries(message.headers ?? {}).flatMap(([key, given]) => {
      const values: readonly unknown[] = Array.isArray(given) ? given : [given]
      // kafkajs collects headers in an object with a prototype, so one called `constructor` comes with a function before
      // it. Kafka allows a header without a value; an event has no way to say so.
      return values
        .filter((value) => value === null || value instanceof Uint8Array)
        .map((value) => [key, value ?? new Uint8Array()] as const)
    }),
  }
}

/** kafkajs keeps the attributes of the batch with each record, which its types do not say. 1 is LogAppendTime. */
function isLogAppendTime(message: object): boolean {
  const context = 'batchContext' in message ? message.batchContext : undefined
  return typeof context === 'object' && context !== null && 'timestampType' in context && context.timestampType === 1
}

function toBuffer(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Runs work at most `count` at a time, in the order in which it came. */
function createSlots(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = count
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}

/** Waits for work whose failure changes nothing any more, but not for ever. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const enough = new AbortController()
  await Promise.race([work.catch(() => {}), wait(milliseconds, undefined, { signal: enough.signal }).catch(() => {})])
  enough.abort()
}
