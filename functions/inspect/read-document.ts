// The port of reading documents, on S3.
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { InspectDependencies } from './handler.ts'

/** Far below the function's own timeout, in milliseconds: what is not read by then is an error of storage, not of the document. */
const readDeadline = 4000

/** What it makes throws what the SDK throws, but for an object that is not there. */
export function createReadDocument(s3: S3Client, bucket: string): InspectDependencies['readDocument'] {
  return async (key) => {
    const abortSignal = AbortSignal.timeout(readDeadline)
    try {
      const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal })
      return await object.Body?.transformToByteArray()
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchKey') return undefined
      throw error
    }
  }
}
