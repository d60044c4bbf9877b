// The port that puts documents into the verification queue again, on SQS: in the form in which S3 tells of new objects.
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { UnavailableError } from '../../shared/errors.ts'
import { toDocumentKey } from '../../shared/model.ts'
import type { NetPorts } from './net.ts'

/**
 * What it makes throws an `UnavailableError` unless SQS takes all. A call for each: the emulator has a right of its own for
 * calls with several messages, which AWS does not know.
 */
export function createRequeue(sqs: SQSClient, queueUrl: string): NetPorts['requeue'] {
  return async (verifications) => {
    const messages = verifications.map((verification) =>
      // UUID and number: nothing that S3 would encode.
      JSON.stringify({ Records: [{ s3: { object: { key: toDocumentKey(verification) } } }] }),
    )
    try {
      await Promise.all(
        messages.map((MessageBody) => sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }))),
      )
    } catch (error) {
      throw new UnavailableError('documents', 'the verification queue did not take a document', { cause: error })
    }
  }
}
