// The port of putting documents, on S3.
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { UnavailableError } from '../../shared/errors.ts'
import { toDocumentKey } from '../../shared/model.ts'
import type { ReceiveDocumentPorts } from './receive-document.ts'

/** What it makes throws `UnavailableError` when S3 does not take the object. */
export function createPutDocument(s3: S3Client, bucket: string): ReceiveDocumentPorts['putDocument'] {
  return async (verification, document) => {
    const Key = toDocumentKey(verification)
    try {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: document, IfNoneMatch: '*' }))
    } catch (error) {
      // 412: the object of this attempt is there already.
      if (error instanceof Error && error.name === 'PreconditionFailed') return
      throw new UnavailableError('documents', 'could not put the document', { cause: error })
    }
  }
}
