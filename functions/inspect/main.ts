// Wires the inspect function: environment and S3.
import { S3Client } from '@aws-sdk/client-s3'
import { parseEnvironment } from '../../shared/environment.ts'
import { createLog } from '../../shared/log.ts'
import { inspectEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { inspectDocument } from './inspect-document.ts'
import { createReadDocument } from './read-document.ts'

const environment = parseEnvironment(inspectEnvironment, process.env)
const s3 = new S3Client({ maxAttempts: 2 })

export const handler = createHandler({
  log: createLog('inspect'),
  inspectDocument,
  readDocument: createReadDocument(s3, environment.DOCUMENT_BUCKET),
})
