// The records of user.verified, told apart into ours and not ours.
import * as z from 'zod'
import { type UserVerified, userVerifiedSchema } from '../../shared/events.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { isRequestId } from '../../shared/model.ts'

export type ClassifiedRecord =
  | { readonly record: KafkaRecord; readonly event: UserVerified; readonly requestId: string }
  | { readonly record: KafkaRecord; readonly refusal: string }

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
