// The port of making a data key: a new one, wrapped, or the one that an earlier delivery of the same document made. What it
// is in clear, nobody is told here.
import { GenerateDataKeyWithoutPlaintextCommand, type KMSClient } from '@aws-sdk/client-kms'
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { UnavailableError } from '../../shared/errors.ts'
import { type DocumentAttempt, toDataKeyKey, toDocumentContext } from '../../shared/kept-documents.ts'

/** Answers the wrapped data key of that attempt, which lies in the bucket by then. Rejects with `UnavailableError`. */
export type EnsureDataKey = (attempt: DocumentAttempt) => Promise<Uint8Array>

export function createEnsureDataKey(
  clients: { readonly kms: KMSClient; readonly s3: S3Client },
  settings: { readonly stage: string; readonly keyArn: string; readonly bucket: string },
): EnsureDataKey {
  const { kms, s3 } = clients

  async function makeDataKey(id: string): Promise<Uint8Array> {
    const command = new GenerateDataKeyWithoutPlaintextCommand({
      KeyId: settings.keyArn,
      KeySpec: 'AES_256',
      EncryptionContext: toDocumentContext(settings.stage, id),
    })
    const { CiphertextBlob } = await kms.send(command)
    if (!CiphertextBlob) throw new Error('expected a data key from KMS; got none')
    return CiphertextBlob
  }

  async function readDataKey(object: { readonly Bucket: string; readonly Key: string }): Promise<Uint8Array> {
    const { Body } = await s3.send(new GetObjectCommand(object))
    if (!Body) throw new Error('expected a data key in the bucket; got nothing')
    return await Body.transformToByteArray()
  }

  return async (attempt) => {
    const object = { Bucket: settings.bucket, Key: toDataKeyKey(attempt) }
    try {
      const wrapped = await makeDataKey(attempt.id)
      try {
        await s3.send(new PutObjectCommand({ ...object, Body: wrapped, IfNoneMatch: '*' }))
        return wrapped
      } catch (error) {
        // 412: an earlier delivery made one, and may have sealed a copy with it.
        if (!(error instanceof Error && error.name === 'PreconditionFailed')) throw error
        return await readDataKey(object)
      }
    } catch (error) {
      throw new UnavailableError('documents', 'the data key of a document could not be made', { cause: error })
    }
  }
}
