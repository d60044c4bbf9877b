// Wires the inspect function: environment and S3.
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { boundCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createLog } from '../../shared/log.ts'
import { createMetrics, flushAfter } from '../../shared/metrics.ts'
import { inspectEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { inspectDocument } from './inspect-document.ts'

const environment = parseEnvironment(inspectEnvironment, process.env)
const metrics = createMetrics('inspect', environment.STAGE)
const s3 = new S3Client(boundCalls({ attempts: 2, connect: 1000, request: 2500 }))

/** Far below the function's own timeout: what is not read by then is an error of storage, not of the document. */
const readDeadline = 4000

const handle = createHandler({
  log: createLog('inspect'),
  count: metrics.count,
  inspectDocument,
  readDocument: async (key) => {
    const abortSignal = AbortSignal.timeout(readDeadline)
    try {
      const object = await s3.send(new GetObjectCommand({ Bucket: environment.DOCUMENT_BUCKET, Key: key }), {
        abortSignal,
      })
      return await object.Body?.transformToByteArray()
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchKey') return undefined
      throw error
    }
  },
})

export const handler = flushAfter(metrics, handle)
