// The port of forms with which a client uploads a document by itself, on S3: signed here, without a call.
import type { S3Client } from '@aws-sdk/client-s3'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import { toDocumentKey } from '../../shared/model.ts'
import type { RequestUploadPorts } from './request-upload.ts'

/**
 * What it makes signs a form (POST Object, Signature Version 4) that is good for one key, one type and one size: each field
 * is a condition of the policy, word for word.
 */
export function createSignUpload(s3: S3Client, bucket: string): RequestUploadPorts['signUpload'] {
  return async (upload, seconds) =>
    await createPresignedPost(s3, {
      Bucket: bucket,
      Key: toDocumentKey(upload),
      Fields: { 'Content-Type': upload.contentType },
      Conditions: [['content-length-range', upload.size, upload.size]],
      Expires: seconds,
    })
}
