// The records of an MSK invocation: decoded, and told apart into ours and not ours.
import * as z from 'zod'
import { type UserVerified, userVerifiedSchema } from '../../shared/events.ts'
import { isRequestId } from '../../shared/model.ts'

/** Base64 with its padding. Told by the length of what it decodes to, at a tenth of the cost of looking at each character. */
const bytes = z.string().transform((text, context): Uint8Array => {
  const decoded = Buffer.from(text, 'base64')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (decoded.length === (text.length / 4) * 3 - padding) return decoded
  context.addIssue({ code: 'custom', message: 'expected base64' })
  return z.NEVER
})

type Header = Readonly<Record<string, readonly number[] | null>>

/** Bytes as numbers, and signed ones: -128 to 127. A header may have no value. By hand: a batch has 50,000 of these numbers. */
const header = z.custom<Header>((value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  for (const numbers of Object.values(value)) {
    if (numbers === null) continue
    if (!Array.isArray(numbers)) return false
    for (const number of numbers) if (!Number.isInteger(number)) return false
  }
  return true
}, 'expected names with lists of bytes')

/** The event that Lambda hands over for a batch of Kafka records. `records` is keyed by `topic-partition`. */
export const mskEventSchema = z.object({
  records: z.record(
    z.string(),
    z.array(
      z.object({
        topic: z.string(),
        partition: z.int(),
        offset: z.int(),
        /** Milliseconds since 1970. */
        timestamp: z.number(),
        key: bytes.nullish(),
        value: bytes.nullish(),
        headers: z.array(header).nullish(),
      }),
    ),
  ),
})
export type MskEvent = z.input<typeof mskEventSchema>

/** Where a record stands, and its original bytes. */
export type KafkaRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly recordedAt: Date
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** In order, names may repeat; values as base64. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

export type ClassifiedRecord =
  | { readonly record: KafkaRecord; readonly event: UserVerified; readonly requestId: string }
  | { readonly record: KafkaRecord; readonly refusal: string }

/** Milliseconds of 9999-12-31T23:59:59.999Z: later, and before 1970, instants are not written alike everywhere. */
const latest = 253_402_300_799_999

/** All records of an invocation, in the order of their partitions. */
export function readRecords(event: unknown): readonly KafkaRecord[] {
  return Object.values(mskEventSchema.parse(event).records)
    .flat()
    .map((record) => ({
      topic: record.topic,
      partition: record.partition,
      offset: record.offset,
      // The producer sets it, to anything.
      recordedAt: new Date(Math.min(Math.max(record.timestamp, 0), latest)),
      key: record.key ?? null,
      value: record.value ?? null,
      headers: (record.headers ?? []).flatMap((header) =>
        Object.entries(header).map(
          ([name, numbers]) => [name, Buffer.from(Uint8Array.from(numbers ?? [])).toString('base64')] as const,
        ),
      ),
    }))
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const versionSchema = z.object({ event: z.literal('user.verified'), version: z.int() })

/** Tells what a record is: a `user.verified` that we understand, or why not. The refusal names fields, never values. */
export function classifyRecord(record: KafkaRecord): ClassifiedRecord {
  if (record.value === null) return { record, refusal: 'no value (tombstone)' }
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(record.value))
  } catch {
    return { record, refusal: 'value is not JSON in UTF-8' }
  }
  const versioned = versionSchema.safeParse(json)
  if (versioned.success && versioned.data.version !== 1) {
    return { record, refusal: `unknown version ${versioned.data.version} of user.verified` }
  }
  const parsed = userVerifiedSchema.safeParse(json)
  if (!parsed.success) {
    const paths = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'value'))]
    return { record, refusal: `not a user.verified event: wrong or missing ${paths.join(', ')}` }
  }
  const header = record.headers.find(([name]) => name === 'request_id')?.[1]
  const requestId = Buffer.from(header ?? '', 'base64').toString('utf8')
  return { record, event: parsed.data, requestId: isRequestId(requestId) ? requestId : parsed.data.event_id }
}
