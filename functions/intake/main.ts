// Wires the intake function: environment, Postgres, S3, the announce function.
import { randomUUID } from 'node:crypto'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { S3Client } from '@aws-sdk/client-s3'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { boundCalls, quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createBeat, writeHeartbeat } from '../../shared/heartbeats.ts'
import { createLog } from '../../shared/log.ts'
import { countAnswers, createMetrics } from '../../shared/metrics.ts'
import { createNudge } from '../../shared/nudge.ts'
import { openDatabase } from '../../shared/rds.ts'
import { extendVerified } from '../../shared/verifications.ts'
import { intakeEnvironment } from './environment.ts'
import { expectUpload, keepUploadOpen } from './expect-upload.ts'
import { createHandler } from './handler.ts'
import { claimKey, keepAnswer, releaseKey, takeToken } from './limit-tables.ts'
import { createPutDocument } from './put-document.ts'
import { registerUpload } from './register-upload.ts'
import { createSignUpload } from './sign-upload.ts'

const environment = parseEnvironment(intakeEnvironment, process.env)
const database = openDatabase(new SecretsManagerClient(quickCalls), environment, {
  applicationName: 'intake',
  deadline: 8000,
})
const s3 = new S3Client(boundCalls({ attempts: 2, connect: 2000, request: 4000 }))
const putDocument = createPutDocument(s3, environment.DOCUMENT_BUCKET)
const lambda = new LambdaClient(quickCalls)
const log = createLog('intake')
const now = () => new Date()
const beat = createBeat('documents', {
  now,
  write: (heartbeat) => database.run((sql) => writeHeartbeat(sql, heartbeat)),
})

// A Lambda is called with at most 6 MB; base64 and JSON leave 4 MiB for the document.
const inlineLimit = 4 * 1024 * 1024

const maxUploadBytes = Number(environment.MAX_DOCUMENT_SIZE_MB) * 1024 * 1024

const handle = createHandler({
  log,
  now,
  newId: randomUUID,
  maxDocumentBytes: Math.min(maxUploadBytes, inlineLimit),
  maxUploadBytes,
  postLimit: {
    capacity: Number(environment.POST_LIMIT_CAPACITY),
    refillPerSecond: Number(environment.POST_LIMIT_REFILL_PER_SECOND),
  },
  takeToken: (caller, limit) => database.run((sql) => takeToken(sql, caller, limit)),
  claimKey: (request) => database.run((sql) => claimKey(sql, request)),
  keepAnswer: (request, given) => database.run((sql) => keepAnswer(sql, request, given)),
  releaseKey: (request) => database.run((sql) => releaseKey(sql, request)),
  extendVerified: (extension) => database.run((sql) => extendVerified(sql, extension)),
  nudgeAnnounce: createNudge(lambda, environment.ANNOUNCE_FUNCTION, log),
  registerUpload: (upload) => database.run((sql) => registerUpload(sql, upload, Number(environment.MAX_ATTEMPTS))),
  expectUpload: (upload) => database.run((sql) => expectUpload(sql, upload, Number(environment.MAX_ATTEMPTS))),
  keepUploadOpen: (id, times) => database.run((sql) => keepUploadOpen(sql, id, times)),
  signUpload: createSignUpload(s3, environment.DOCUMENT_BUCKET),
  putDocument: async (verification, document) => {
    try {
      await putDocument(verification, document)
      await beat('ok')
    } catch (error) {
      await beat('failing')
      throw error
    }
  },
})

export const handler = countAnswers(createMetrics('intake', environment.STAGE), handle)
