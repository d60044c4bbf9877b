// Reads S3 notifications from SQS messages, calls the use case, answers which messages are to be delivered again.
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
import * as z from 'zod'
import { type VerifyDocumentsPorts, verifyDocuments } from './verify-documents.ts'

const notificationSchema = z.object({
  Records: z.array(z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) })),
})
/** S3 sends this once, when the notification is set up. */
const testEventSchema = z.object({ Event: z.literal('s3:TestEvent') })

/** The object keys in a message: form-encoded, as S3 sends them. */
function readKeys(body: string): readonly string[] {
  const message: unknown = JSON.parse(body)
  if (testEventSchema.safeParse(message).success) return []
  return notificationSchema
    .parse(message)
    .Records.map((record) => decodeURIComponent(record.s3.object.key.replaceAll('+', ' ')))
}

export function createHandler(ports: VerifyDocumentsPorts) {
  return async (event: SQSEvent): Promise<SQSBatchResponse> => {
    const unreadable: string[] = []
    const keysOf = new Map<string, readonly string[]>()
    for (const record of event.Records) {
      try {
        keysOf.set(record.messageId, readKeys(record.body))
      } catch (error) {
        ports.log.error('message is no S3 notification', { error })
        unreadable.push(record.messageId)
      }
    }
    const failed = await verifyDocuments(ports, [...new Set([...keysOf.values()].flat())])
    const failedMessages = [...keysOf].filter(([, keys]) => keys.some((key) => failed.has(key))).map(([id]) => id)
    return { batchItemFailures: [...unreadable, ...failedMessages].map((itemIdentifier) => ({ itemIdentifier })) }
  }
}
