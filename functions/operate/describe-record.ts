// What an operator is told of a record: where it came from, how long it is, and what it says of itself in fields of ours that
// have their form. Bytes, and whose it is, only when that was asked for, and never as they are.
import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { isRequestId, networks } from '../../shared/model.ts'
import { escapeText } from './dead-letter-record.ts'
import type { DescribedRecord, ToldBytes } from './dead-letter-requests.ts'

/** Characters of a revealed value. */
const longestReveal = 1024

const word = z.string().regex(/^[\w.-]{1,64}$/)
/** Fields that an event may show. Whose it is, and of what document, is not among them. */
const shownFields: Readonly<Record<string, z.ZodType<string | number>>> = {
  event: word,
  version: z.int(),
  event_id: z.uuid(),
  verification_id: z.uuid(),
  network: z.enum(networks),
  address_type: word,
  timestamp: z.iso.datetime(),
}

/** Headers of ours, and the form that their values have. */
const shownHeaders: Readonly<Record<string, (value: string) => boolean>> = {
  event_type: (value) => word.safeParse(value).success,
  request_id: isRequestId,
  timestamp: (value) => z.iso.datetime().safeParse(value).success,
}

const tellBytes = (bytes: Uint8Array | null): ToldBytes =>
  bytes === null ? null : { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }

function readEvent(value: Uint8Array | null): DescribedRecord['event'] {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(value ?? []).toString('utf8'))
  } catch {
    return null
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null
  const fields = Object.entries(shownFields).flatMap(([name, schema]) => {
    const parsed = schema.safeParse(Object.hasOwn(json, name) ? Reflect.get(json, name) : undefined)
    return parsed.success ? [[name, parsed.data] as const] : []
  })
  return Object.fromEntries(fields)
}

const reveal = (bytes: Uint8Array | null) =>
  bytes === null ? null : escapeText(Buffer.from(bytes).toString('utf8'), longestReveal)

/** @param isRevealed with key and value, escaped: personal data */
export function describeRecord(record: KafkaRecord, isRevealed: boolean): DescribedRecord {
  const { topic, partition, offset, recordedAt, key, value, headers } = record
  return {
    topic: escapeText(topic),
    partition,
    offset,
    recorded_at: recordedAt.toISOString(),
    key: tellBytes(key),
    value: tellBytes(value),
    headers: headers.map(([name, encoded]) => {
      const bytes = Buffer.from(encoded, 'base64')
      const text = bytes.toString('utf8')
      const isShown = Object.hasOwn(shownHeaders, name) && shownHeaders[name]?.(text)
      return { name: escapeText(name), bytes: bytes.length, ...(isShown ? { value: text } : {}) }
    }),
    event: readEvent(value),
    ...(isRevealed ? { revealed: { key: reveal(key), value: reveal(value) } } : {}),
  }
}
