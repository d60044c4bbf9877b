// Wires the intake function: environment, Postgres, S3.
import { randomUUID } from 'node:crypto'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { createBeat, writeHeartbeat } from '../../shared/heartbeats.ts'
import { createLog } from '../../shared/log.ts'
import { toDocumentKey } from '../../shared/model.ts'
import { openDatabase } from '../../shared/secrets.ts'
import { registerUpload } from '../../shared/verifications.ts'
import { intakeEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'

const environment = parseEnvironment(intakeEnvironment, process.env)
const database = openDatabase(new SecretsManagerClient(quickCalls), environment, {
  applicationName: 'intake',
  deadline: 8000,
})
const s3 = new S3Client({ maxAttempts: 2, requestHandler: { connectionTimeout: 2000, requestTimeout: 4000 } })
const now = () => new Date()
const beat = createBeat('documents', {
  now,
  write: (heartbeat) => database.run((sql) => writeHeartbeat(sql, heartbeat)),
})

// A Lambda is called with at most 6 MB; base64 and JSON leave 4 MiB for the document.
const inlineLimit = 4 * 1024 * 1024

export const handler = createHandler({
  log: createLog('intake'),
  now,
  newId: randomUUID,
  maxDocumentBytes: Math.min(Number(environment.MAX_DOCUMENT_SIZE_MB) * 1024 * 1024, inlineLimit),
  registerUpload: (upload) => database.run((sql) => registerUpload(sql, upload)),
  putDocument: async (verification, document) => {
    try {
      await s3.send(
        new PutObjectCommand({
          Bucket: environment.DOCUMENT_BUCKET,
          Key: toDocumentKey(verification),
          Body: document,
          IfNoneMatch: '*',
        }),
      )
    } catch (error) {
      // 412: the object of this attempt is there already.
      if (!(error instanceof Error && error.name === 'PreconditionFailed')) {
        await beat('failing')
        throw new UnavailableError('documents', 'could not put the document', { cause: error })
      }
    }
    await beat('ok')
  },
})
