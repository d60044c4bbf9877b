// The port that puts documents into the verification queue again, on SQS: in the form in which S3 tells of new objects.
import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { UnavailableError } from '../../shared/errors.ts'
import { toDocumentKey } from '../../shared/model.ts'
import type { NetPorts } from './net.ts'

/** SQS takes no more messages in one call. */
const batchSize = 10

/** What it makes throws an `UnavailableError` unless SQS takes all. */
export function createRequeue(sqs: SQSClient, queueUrl: string): NetPorts['requeue'] {
  return async (verifications) => {
    const messages = verifications.map((verification, at) => ({
      Id: String(at),
      // UUID and number: nothing that S3 would encode.
      MessageBody: JSON.stringify({ Records: [{ s3: { object: { key: toDocumentKey(verification) } } }] }),
    }))
    const batches = Array.from({ length: Math.ceil(messages.length / batchSize) }, (_, at) =>
      messages.slice(at * batchSize, (at + 1) * batchSize),
    )
    await Promise.all(
      batches.map(async (Entries) => {
        const command = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries })
        const { Failed = [] } = await sqs.send(command).catch((error: unknown) => {
          throw new UnavailableError('documents', 'the verification queue takes nothing', { cause: error })
        })
        if (Failed.length > 0) {
          throw new UnavailableError('documents', `the verification queue did not take ${Failed.length} messages`)
        }
      }),
    )
  }
}
