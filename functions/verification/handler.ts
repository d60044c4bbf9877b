// Reads messages of the queue: notifications of S3, and verdicts that a provider had deferred. Calls the use case, answers
// which messages are to be delivered again.
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
import * as z from 'zod'
import { toDocumentKey } from '../../shared/model.ts'
import { verdictSchema } from './inspect-result.ts'
import { type InspectAnswer, type VerifyDocumentsPorts, verifyDocuments } from './verify-documents.ts'

const notificationSchema = z.object({
  Records: z.array(z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) })),
})
/** S3 sends this once, when the notification is set up. */
const testEventSchema = z.object({ Event: z.literal('s3:TestEvent') })

/** What whoever checked a deferred verdict puts into the queue: the answer that the provider would have given. */
const deferredVerdictSchema = z.object({
  verification_id: z.uuid(),
  attempt: z.int().min(1),
  answer: verdictSchema,
})

/** The objects that a message is about, and what it tells of them, if it does. */
type Message = { readonly keys: readonly string[]; readonly told: InspectAnswer | undefined }

/** The parser's own error would quote what it could not parse, which whoever sent it has chosen. */
function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new Error(`expected JSON; got ${body.length} characters that are none`)
  }
}

/** Keys of a notification are form-encoded, as S3 sends them. */
function readMessage(body: string, providerDefers: boolean): Message {
  const message = parseJson(body)
  if (testEventSchema.safeParse(message).success) return { keys: [], told: undefined }
  const deferred = providerDefers ? deferredVerdictSchema.safeParse(message) : undefined
  if (deferred?.success) {
    const { verification_id: id, attempt, answer } = deferred.data
    return { keys: [toDocumentKey({ id, attempt })], told: answer }
  }
  const keys = notificationSchema
    .parse(message)
    .Records.map((record) => decodeURIComponent(record.s3.object.key.replaceAll('+', ' ')))
  return { keys, told: undefined }
}

export function createHandler(ports: VerifyDocumentsPorts) {
  return async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const unreadable: string[] = []
    const keysOf = new Map<string, readonly string[]>()
    const told = new Map<string, InspectAnswer>()
    for (const record of event.Records) {
      try {
        const message = readMessage(record.body, ports.providerDefers)
        keysOf.set(record.messageId, message.keys)
        for (const key of message.keys) if (message.told && !told.has(key)) told.set(key, message.told)
      } catch (error) {
        ports.log.error('message is not understood', { message_id: record.messageId, error })
        unreadable.push(record.messageId)
      }
    }
    const failed = await verifyDocuments(ports, [...new Set([...keysOf.values()].flat())], told)
    const failedMessages = [...keysOf].filter(([, keys]) => keys.some((key) => failed.has(key))).map(([id]) => id)
    return { batchItemFailures: [...unreadable, ...failedMessages].map((itemIdentifier) => ({ itemIdentifier })) }
  }
}
