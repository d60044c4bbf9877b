// Wires the inspect function: environment, S3 and KMS.
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import { boundCalls, quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createLog } from '../../shared/log.ts'
import { createMetrics, flushAfter } from '../../shared/metrics.ts'
import { inspectEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { hideEnvironment } from './hide-environment.ts'
import { createKeepCopy } from './keep-copy.ts'
import { startParser } from './parser-process.ts'
import { createReadDocument } from './read-document.ts'
import { findParserProgram } from './spawn-parser.ts'

const environment = parseEnvironment(inspectEnvironment, process.env)
const metrics = createMetrics('inspect', environment.STAGE)
const s3 = new S3Client(boundCalls({ attempts: 2, connect: 1000, request: 2500 }))

const log = createLog('inspect')
const program = findParserProgram()

try {
  // Before the first document: what a parser has no business with shall be there for none.
  hideEnvironment(process.env)
} catch (error) {
  log.warn('environment not hidden', { error })
}

const handle = createHandler({
  log,
  count: metrics.count,
  startParser: () => startParser(program),
  readDocument: createReadDocument(s3, environment.DOCUMENT_BUCKET),
  keepCopy: createKeepCopy(
    { kms: new KMSClient(quickCalls), s3 },
    {
      stage: environment.STAGE,
      keyArn: environment.DOCUMENT_DATA_KEY_ARN,
      bucket: environment.DOCUMENT_BUCKET,
    },
  ),
})

export const handler = flushAfter(metrics, handle)
