// What is kept of a document: how its objects are named, what its data key is bound to, and how they are destroyed. Nothing
// here reads a document or a key.
import { DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3'
import { UnavailableError } from './errors.ts'
import { toDocumentKey } from './model.ts'

/** One attempt of one verification: what the objects of a document are named after. */
export type DocumentAttempt = { readonly id: string; readonly attempt: number }

/** The clean copy under its data key, in the bucket of documents: `kept/{verification_id}/{attempt}`. */
export const toKeptKey = ({ id, attempt }: DocumentAttempt): string => `kept/${id}/${attempt}`

/** The data key, wrapped by KMS, in the bucket of data keys: `keys/{verification_id}/{attempt}`. */
export const toDataKeyKey = ({ id, attempt }: DocumentAttempt): string => `keys/${id}/${attempt}`

/** The encryption context of a document's data key. It stands in the audit log in clear. */
export const toDocumentContext = (stage: string, verificationId: string) => ({
  app: 'verified-wallets',
  stage,
  purpose: 'document',
  verification_id: verificationId,
})

/** Deletes objects, those that are not there too. Rejects with `UnavailableError` unless all of them are gone. */
export type DeleteObjects = (keys: readonly string[]) => Promise<void>

/** As many as one call of S3 takes (DeleteObjects). */
const mostAtOnce = 1000

export function createDeleteObjects(s3: S3Client, bucket: string): DeleteObjects {
  return async (keys) => {
    for (let start = 0; start < keys.length; start += mostAtOnce) {
      const Objects = keys.slice(start, start + mostAtOnce).map((Key) => ({ Key }))
      const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } })
      const { Errors = [] } = await s3.send(command).catch((error: unknown) => {
        throw new UnavailableError('documents', 'objects could not be deleted', { cause: error })
      })
      if (Errors.length === 0) continue
      const codes = [...new Set(Errors.map(({ Code }) => Code))].join(', ')
      throw new UnavailableError('documents', `${Errors.length} objects could not be deleted: ${codes}`)
    }
  }
}

export type Destroy = {
  readonly deleteDataKeys: DeleteObjects
  readonly deleteDocuments: DeleteObjects
}

/** Destroys all that is kept of these attempts: the keys first, since what they open is unreadable from then on. */
export async function destroyDocuments(destroy: Destroy, attempts: readonly DocumentAttempt[]): Promise<void> {
  await destroy.deleteDataKeys(attempts.map(toDataKeyKey))
  await destroy.deleteDocuments(attempts.flatMap((attempt) => [toKeptKey(attempt), toDocumentKey(attempt)]))
}
