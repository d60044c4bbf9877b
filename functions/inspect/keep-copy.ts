// The port of keeping a clean copy: its data key is unwrapped by KMS, used once and wiped, and the sealed copy put where
// this function can never read it again.
import { randomBytes } from 'node:crypto'
import { DecryptCommand, type KMSClient } from '@aws-sdk/client-kms'
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { toDocumentContext, toKeptKey } from '../../shared/kept-documents.ts'
import type { CleanCopy } from './check.ts'
import { type CopyOrigin, sealCopy } from './sealed-copy.ts'

/** Keeps the copy of that document under its data key. Rejects when it is not kept, and when it is told to end. */
export type KeepCopy = (
  copy: CleanCopy,
  origin: CopyOrigin,
  options: { readonly wrappedDataKey: Uint8Array; readonly abortSignal: AbortSignal },
) => Promise<void>

const dataKeyLength = 32
const ivLength = 12

export function createKeepCopy(
  clients: { readonly kms: KMSClient; readonly s3: S3Client },
  settings: { readonly stage: string; readonly keyArn: string; readonly bucket: string },
): KeepCopy {
  const { kms, s3 } = clients

  async function unwrap(verificationId: string, wrapped: Uint8Array, abortSignal: AbortSignal): Promise<Uint8Array> {
    const command = new DecryptCommand({
      KeyId: settings.keyArn,
      CiphertextBlob: wrapped,
      EncryptionContext: toDocumentContext(settings.stage, verificationId),
    })
    const { Plaintext } = await kms.send(command, { abortSignal })
    if (Plaintext?.length !== dataKeyLength) throw new Error(`expected a data key of ${dataKeyLength} bytes from KMS`)
    return Plaintext
  }

  return async (copy, origin, { wrappedDataKey, abortSignal }) => {
    const dataKey = await unwrap(origin.id, wrappedDataKey, abortSignal)
    let Body: Uint8Array
    try {
      Body = sealCopy(copy, { origin, dataKey, iv: randomBytes(ivLength) })
    } finally {
      dataKey.fill(0)
    }
    // Over what an earlier delivery put: it is sealed with the same key, made of the same bytes.
    const object = { Bucket: settings.bucket, Key: toKeptKey(origin), Body }
    await s3.send(new PutObjectCommand(object), { abortSignal })
  }
}
