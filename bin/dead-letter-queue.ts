// The dead-letter queue of the verification queue, by the credentials of who asks: notifications of documents that got no
// verdict. SQS shows a message by lending it: each is given back, or sent round again and deleted.
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import * as z from 'zod'
import { InputError } from './command-line.ts'
import { type ClientOptions, explainAws } from './stage-access.ts'

/** A message as it is told. What it says is an object's key, which has the verification in it, and no user. */
export type QueueLetter = {
  readonly source: 'queue'
  readonly message_id: string
  readonly reason: string
  /** When S3 sent it: a message keeps its age when it moves. */
  readonly set_aside_at: string
  readonly verification_id: string | null
  readonly attempt: number | null
}

/** One that we hold: nobody else is shown it, until it is given back or its time is over. */
export type HeldMessage = { readonly letter: QueueLetter; readonly body: string; readonly receipt: string }

export type DeadLetterQueue = {
  /** About how many there are, as SQS says, those that somebody holds included. */
  readonly count: () => Promise<number>
  /** Up to 10 that SQS has at hand; none: it has no more. */
  readonly receive: () => Promise<readonly HeldMessage[]>
  readonly giveBack: (messages: readonly HeldMessage[]) => Promise<void>
  /** Puts copies into the verification queue. */
  readonly send: (messages: readonly HeldMessage[]) => Promise<void>
  readonly remove: (messages: readonly HeldMessage[]) => Promise<void>
}

/** Messages of one call. */
const batch = 10
/** How long nobody else is shown what we hold, in seconds. */
const holdSeconds = 120

const notificationSchema = z.object({
  Records: z.array(z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) })).min(1),
})
const keyPattern = /^incoming\/([0-9a-f-]{36})\/(\d{1,9})$/

/** What a message is about; a message that is no notification of ours is told as such, and nothing of it is shown. */
export function readMessage({ MessageId = '', Body = '', Attributes = {} }: Message): QueueLetter {
  const sentAt = new Date(Number(Attributes.SentTimestamp ?? Number.NaN))
  const letter = {
    source: 'queue' as const,
    message_id: MessageId,
    set_aside_at: (Number.isNaN(sentAt.getTime()) ? new Date(0) : sentAt).toISOString(),
  }
  let key: string | undefined
  try {
    key = notificationSchema.parse(JSON.parse(Body)).Records[0]?.s3.object.key
  } catch {
    // Told below.
  }
  const [, id, attempt] = keyPattern.exec(key ?? '') ?? []
  if (id === undefined)
    return { ...letter, reason: 'no notification of a document', verification_id: null, attempt: null }
  return { ...letter, reason: 'document without a verdict', verification_id: id, attempt: Number(attempt) }
}

/** @throws {InputError} its functions: `access_denied`, `aws_failed` */
export async function withDeadLetterQueue<Result>(
  client: ClientOptions,
  urls: { readonly deadLetters: string; readonly verification: string },
  work: (queue: DeadLetterQueue) => Promise<Result>,
): Promise<Result> {
  // Queue URLs of the emulator name a host of their own.
  const sqs = new SQSClient({ ...client, useQueueUrlAsEndpoint: false })
  const QueueUrl = urls.deadLetters
  const explain = explainAws('the dead-letter queue could not be worked on')

  /** SQS answers 200 for a batch of which some failed. */
  const refuseFailed = ({ Failed = [] }: { Failed?: readonly { Code?: string | undefined }[] | undefined }) => {
    const [first] = Failed
    if (first) throw new InputError('aws_failed', `SQS refused ${Failed.length} messages of a batch: ${first.Code}`)
  }
  const toEntries = (messages: readonly HeldMessage[]) =>
    messages.map(({ receipt }, index) => ({ Id: String(index), ReceiptHandle: receipt }))
  const inBatches = async (messages: readonly HeldMessage[], each: (some: readonly HeldMessage[]) => Promise<void>) => {
    for (let at = 0; at < messages.length; at += batch) await each(messages.slice(at, at + batch)).catch(explain)
  }

  try {
    return await work({
      count: async () => {
        const { Attributes = {} } = await sqs
          .send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
          .catch(explain)
        const numbers = [Attributes.ApproximateNumberOfMessages, Attributes.ApproximateNumberOfMessagesNotVisible]
        return numbers.reduce((sum, text) => sum + Number(text ?? 0), 0)
      },
      receive: async () => {
        const command = new ReceiveMessageCommand({
          ...{ QueueUrl, MaxNumberOfMessages: batch, VisibilityTimeout: holdSeconds },
          // Asks all of the servers that the queue is on, so that an empty answer means that there are no more.
          WaitTimeSeconds: 1,
          MessageSystemAttributeNames: ['SentTimestamp'],
        })
        const { Messages = [] } = await sqs.send(command).catch(explain)
        return Messages.map((message) => ({
          letter: readMessage(message),
          body: message.Body ?? '',
          receipt: message.ReceiptHandle ?? '',
        }))
      },
      giveBack: (messages) =>
        inBatches(messages, async (some) => {
          const Entries = toEntries(some).map((entry) => ({ ...entry, VisibilityTimeout: 0 }))
          refuseFailed(await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries })))
        }),
      send: (messages) =>
        inBatches(messages, async (some) => {
          const Entries = some.map(({ body }, index) => ({ Id: String(index), MessageBody: body }))
          refuseFailed(await sqs.send(new SendMessageBatchCommand({ QueueUrl: urls.verification, Entries })))
        }),
      remove: (messages) =>
        inBatches(messages, async (some) => {
          refuseFailed(await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: toEntries(some) })))
        }),
    })
  } finally {
    sqs.destroy()
  }
}
