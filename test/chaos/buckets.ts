// What lies in the buckets of documents and of data keys, and what the queue still has: by the APIs of S3, KMS and SQS, as the
// account's root. It judges nothing.
import { DecryptCommand } from '@aws-sdk/client-kms'
import { GetObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3'
import { GetQueueAttributesCommand, SendMessageCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import { openCopy } from '../../functions/inspect/sealed-copy.ts'
import { toDocumentContext } from '../../shared/kept-documents.ts'
import type { ChaosStack } from './stack.ts'

/** What the names of objects have behind their prefix: `{verification_id}/{attempt}`. */
export type SeenObjects = {
  readonly originals: readonly string[]
  readonly copies: readonly string[]
  readonly dataKeys: readonly string[]
}

async function list({ s3 }: ChaosStack, Bucket: string, Prefix: string): Promise<string[]> {
  const names: string[] = []
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, { Bucket, Prefix })) {
    names.push(...Contents.map(({ Key = '' }) => Key.slice(Prefix.length)))
  }
  return names
}

/** All that lie there, also of earlier faults. */
export async function listObjects(stack: ChaosStack): Promise<SeenObjects> {
  const { DocumentBucketName: documents, DataKeyBucketName: keys } = stack.outputs
  const [originals, copies, dataKeys] = await Promise.all([
    list(stack, documents, 'incoming/'),
    list(stack, documents, 'kept/'),
    list(stack, keys, 'keys/'),
  ])
  return { originals, copies, dataKeys }
}

/**
 * Opens what is kept of a document as whoever may read it does.
 *
 * @param kept what its objects are named after, and the SHA-256 (hex) of the original
 * @returns undefined when it opens; else why not
 */
export async function tryToOpen(
  { s3, kms, outputs }: ChaosStack,
  kept: { readonly object: string; readonly sha256: string },
): Promise<string | undefined> {
  const [id = '', attempt] = kept.object.split('/')
  const read = async (Bucket: string, Key: string) => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }))
    return (await Body?.transformToByteArray()) ?? new Uint8Array()
  }
  try {
    const [CiphertextBlob, sealed] = await Promise.all([
      read(outputs.DataKeyBucketName, `keys/${kept.object}`),
      read(outputs.DocumentBucketName, `kept/${kept.object}`),
    ])
    const EncryptionContext = toDocumentContext('local', id)
    const { Plaintext: dataKey = new Uint8Array() } = await kms.send(
      new DecryptCommand({ KeyId: outputs.DocumentDataKeyArn, CiphertextBlob, EncryptionContext }),
    )
    openCopy(sealed, { origin: { id, attempt: Number(attempt), sha256: Buffer.from(kept.sha256, 'hex') }, dataKey })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** How many messages the verification queue has, also those that are being worked on or come again later. */
export async function countMessages({ sqs, outputs }: ChaosStack): Promise<number> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: outputs.VerificationQueueUrl, AttributeNames: ['All'] }),
  )
  const states = ['', 'NotVisible', 'Delayed'] as const
  return states.reduce((sum, state) => sum + Number(Attributes[`ApproximateNumberOfMessages${state}`]), 0)
}

/**
 * After how many seconds a message comes again, instead of after 180: later than the sweep's grace, which is a minute, and than
 * anybody reads a document.
 */
const pause = 75

/** Has messages come again sooner. An emulator that is killed forgets it. */
export async function shortenPause({ sqs, outputs }: ChaosStack): Promise<void> {
  const Attributes = { VisibilityTimeout: String(pause) }
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: outputs.VerificationQueueUrl, Attributes }))
}

/** Puts a message of each of these originals into the queue, as S3 does when one comes. */
export async function sendAgain({ sqs, outputs }: ChaosStack, originals: readonly string[]): Promise<void> {
  for (const name of originals) {
    const MessageBody = JSON.stringify({ Records: [{ s3: { object: { key: `incoming/${name}` } } }] })
    await sqs.send(new SendMessageCommand({ QueueUrl: outputs.VerificationQueueUrl, MessageBody }))
  }
}
