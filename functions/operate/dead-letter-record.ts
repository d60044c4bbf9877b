// What a record of the dead-letter topic is about, in the two forms that it may have: Lambda's, and that of the trigger of a
// laptop. Whatever it is, it is read as a stranger's.
import * as z from 'zod'
import { type KafkaRecord, readRecords } from '../../shared/kafka-records.ts'

/** What a dead letter is about, and why it is one. */
export type OpenedLetter = {
  readonly reason: string
  /** As they were in their own topic. None: the letter is of neither form, and nothing of it can be published again. */
  readonly records: readonly KafkaRecord[]
}

/**
 * What Lambda writes: "Record format for a Kafka destination" (Lambda Developer Guide, "Using a Kafka topic as an on-failure
 * destination"), under the original key. `payload` is an event as the function got it.
 */
const lambdaLetterSchema = z.object({
  requestContext: z.object({ condition: z.string() }),
  responseContext: z.object({ functionError: z.string().nullish() }).nullish(),
  payload: z.unknown(),
})

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Text of a stranger, for a line of a terminal or a log: printable ASCII, and no more than that many characters. */
export function escapeText(text: string, longest = 200): string {
  const escaped = text
    .slice(0, longest)
    .replaceAll(/[^\x20-\x7e]/g, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
  return text.length > longest ? `${escaped}...` : escaped
}

/** Opens a letter. A record of neither form is told with a reason that says so. */
export function openLetter(letter: KafkaRecord): OpenedLetter {
  return openTriggerLetter(letter) ?? openLambdaLetter(letter) ?? { reason: 'in no known form', records: [] }
}

/** Headers that the local trigger puts behind a record's own (local/wallet-trigger.ts). */
const failureHeader = /^failure_(condition|attempts|error|topic|partition|offset|timestamp)$/

function openTriggerLetter(letter: KafkaRecord): OpenedLetter | undefined {
  const own = [...letter.headers]
  const failure: Record<string, string> = {}
  // From behind: a name that the record had already keeps its own values.
  for (let at = own.length - 1; at >= 0; at -= 1) {
    const [name, value] = own[at] ?? ['', '']
    if (!failureHeader.test(name) || failure[name] !== undefined) continue
    failure[name] = Buffer.from(value, 'base64').toString('utf8')
    own.splice(at, 1)
  }
  const { failure_condition: condition, failure_topic: topic } = failure
  const [partition, offset] = [Number(failure.failure_partition), Number(failure.failure_offset)]
  const recordedAt = new Date(failure.failure_timestamp ?? '')
  const isComplete =
    condition !== undefined &&
    topic !== undefined &&
    Number.isSafeInteger(partition) &&
    Number.isSafeInteger(offset) &&
    !Number.isNaN(recordedAt.getTime())
  if (!isComplete) return undefined
  return {
    reason: describeReason(condition, failure.failure_error),
    records: [{ ...letter, topic, partition, offset, recordedAt, headers: own }],
  }
}

function openLambdaLetter({ value }: KafkaRecord): OpenedLetter | undefined {
  if (value === null) return undefined
  try {
    const { requestContext, responseContext, payload } = lambdaLetterSchema.parse(JSON.parse(utf8.decode(value)))
    const records = readRecords(payload)
    if (records.length === 0) return undefined
    return { reason: describeReason(requestContext.condition, responseContext?.functionError ?? undefined), records }
  } catch {
    return undefined
  }
}

const describeReason = (condition: string, error: string | undefined) =>
  escapeText(error ? `${condition}: ${error}` : condition)
