// The bytes that Lambda's event source mapping for MSK sends to a function, and what it reads from the answer.
// Pure: no clock, no broker, no Lambda.

/** A Lambda is called with at most 6 MB (Lambda quotas, "Invocation payload", synchronous). */
export const maximumPayloadBytes = 6 * 1024 * 1024

/** One Kafka record, as the broker keeps it. Offsets stay exact up to 2^53. */
export type KafkaRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly timestampType: 'CREATE_TIME' | 'LOG_APPEND_TIME'
  readonly key: Uint8Array | null
  /** Null is a tombstone. */
  readonly value: Uint8Array | null
  /** In order; a key may come more than once. */
  readonly headers: readonly (readonly [key: string, value: Uint8Array])[]
}

/** A record and its place in the event, encoded once however often it is sent. */
export type EncodedRecord = KafkaRecord & {
  /** One element of `records[topic-partition]`. */
  readonly json: string
  /** Length of `json` in UTF-8. */
  readonly bytes: number
}

/** What every event of one mapping has in common. */
export type EventSource = {
  readonly eventSourceArn: string
  readonly bootstrapServers: readonly string[]
}

/** What Lambda's Invoke answers. */
export type InvocationResult = {
  /** Set when the function threw, timed out or died. */
  readonly functionError?: string
  readonly payload: Uint8Array
}

/** What became of a batch. */
export type Outcome =
  | { readonly kind: 'succeeded' }
  /** Every record before `offset` succeeded; those from it on must come again. */
  | { readonly kind: 'failed-from'; readonly offset: number }
  /** The function threw: nothing is known of any record. */
  | { readonly kind: 'function-error'; readonly error: string }
  /** The function answered something that is no answer of its batch, which counts as a failure of all of it. */
  | { readonly kind: 'malformed'; readonly error: string }

/** Encodes a record as the event has it. Header values are signed bytes there, a Java `byte[]` written as JSON. */
export function encodeRecord(record: KafkaRecord): EncodedRecord {
  const json = JSON.stringify({
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestamp,
    timestampType: record.timestampType,
    ...(record.key === null ? {} : { key: base64(record.key) }),
    ...(record.value === null ? {} : { value: base64(record.value) }),
    headers: record.headers.map(([key, value]) => ({ [key]: Array.from(new Int8Array(value)) })),
  })
  return { ...record, json, bytes: Buffer.byteLength(json) }
}

/**
 * The event for records of one partition, in the order given.
 *
 * @param records at least one.
 */
export function buildEvent(source: EventSource, records: readonly EncodedRecord[]): Uint8Array {
  return Buffer.from(openEvent(source, records[0]) + records.map(({ json }) => json).join(',') + closeEvent)
}

/** How many bytes an event has around the records of a partition. */
export function envelopeBytes(source: EventSource, record: KafkaRecord): number {
  return Buffer.byteLength(openEvent(source, record) + closeEvent)
}

/**
 * How many of the records, from the first on, go into one invocation: at most `batchSize`, and no more than fit
 * `maximumBytes`. At least one, also when it alone does not fit: the caller decides what to do with that one.
 */
export function countBatch(
  records: readonly { readonly bytes: number }[],
  { batchSize, maximumBytes }: { readonly batchSize: number; readonly maximumBytes: number },
): number {
  let bytes = 0
  let count = 0
  for (const record of records) {
    // One comma between two records.
    bytes += record.bytes + (count > 0 ? 1 : 0)
    if (count > 0 && (count >= batchSize || bytes > maximumBytes)) break
    count += 1
  }
  return count
}

/**
 * Reads the answer to an invocation with these records (`ReportBatchItemFailures`): null, nothing, or no failures listed is
 * success; an unknown partition or offset, or any other answer, fails the whole batch.
 */
export function readOutcome(result: InvocationResult, records: readonly KafkaRecord[]): Outcome {
  if (result.functionError !== undefined) {
    return { kind: 'function-error', error: nameError(result) }
  }
  const answer = parseJson(result.payload)
  if (answer === null) return { kind: 'succeeded' }
  if (!isObject(answer)) return malformed('expected an object')
  const failures = answer.batchItemFailures
  if (failures === undefined || failures === null) return { kind: 'succeeded' }
  if (!Array.isArray(failures)) return malformed('expected batchItemFailures to be a list')

  const offsets = new Map(records.map((record) => [record.offset, `${record.topic}-${record.partition}`]))
  let lowest = Number.POSITIVE_INFINITY
  for (const failure of failures as unknown[]) {
    const identifier = isObject(failure) ? failure.itemIdentifier : undefined
    if (!isObject(identifier)) return malformed('expected itemIdentifier to be {partition, offset}')
    const { partition, offset } = identifier
    if (typeof offset !== 'number' || offsets.get(offset) !== partition) {
      return malformed('expected a partition and an offset that were in the batch')
    }
    lowest = Math.min(lowest, offset)
  }
  return failures.length === 0 ? { kind: 'succeeded' } : { kind: 'failed-from', offset: lowest }
}

const closeEvent = ']}}'

function openEvent({ eventSourceArn, bootstrapServers }: EventSource, record: KafkaRecord | undefined): string {
  const head = { eventSource: 'aws:kafka', eventSourceArn, bootstrapServers: bootstrapServers.join(',') }
  const partition = JSON.stringify(`${record?.topic}-${record?.partition}`)
  return `${JSON.stringify(head).slice(0, -1)},"records":{${partition}:[`
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function malformed(expected: string): Outcome {
  return { kind: 'malformed', error: `malformed answer: ${expected}` }
}

/** Undefined when it is not JSON; no bytes at all are null, which is what a function that returns nothing answers. */
function parseJson(payload: Uint8Array): unknown {
  if (payload.length === 0) return null
  try {
    return JSON.parse(new TextDecoder().decode(payload))
  } catch {
    return undefined
  }
}

/** The error's class where the answer names it. Its message may quote a record, and stays in the function's log. */
function nameError({ functionError = '', payload }: InvocationResult): string {
  const answer = parseJson(payload)
  const name = isObject(answer) ? answer.errorType : undefined
  return typeof name === 'string' && /^[\w.$:-]{1,100}$/.test(name) ? `${functionError}: ${name}` : functionError
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
