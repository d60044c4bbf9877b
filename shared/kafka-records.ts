// Kafka records as Lambda hands them over, decoded: in the event of an invocation, and in what it sets aside.
import * as z from 'zod'
import type { Publication } from './kafka.ts'

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
const mskEventSchema = z.object({
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

/** Headers as a producer takes them: all values of each name, in their order. */
export function decodeHeaders(headers: KafkaRecord['headers']): Publication['headers'] {
  const byName = Map.groupBy(headers, ([name]) => name)
  return Object.fromEntries(
    [...byName].map(([name, same]) => [name, same.map(([, value]) => Buffer.from(value, 'base64'))]),
  )
}
