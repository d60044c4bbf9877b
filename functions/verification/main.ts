// Wires the verification function: environment, Postgres, KMS, the two buckets, the inspect function, Kafka.
import { KMSClient } from '@aws-sdk/client-kms'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { S3Client } from '@aws-sdk/client-s3'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { boundCalls, quickCalls } from '../../shared/aws-clients.ts'
import { crashPoint } from '../../shared/crash-point.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { createBeat, writeHeartbeat } from '../../shared/heartbeats.ts'
import { createDeleteObjects } from '../../shared/kept-documents.ts'
import { createLog } from '../../shared/log.ts'
import { createMetrics, flushAfter } from '../../shared/metrics.ts'
import { openPublisher } from '../../shared/msk.ts'
import { openDatabase } from '../../shared/rds.ts'
import {
  beginInspection,
  closeReplaced,
  commitVerdict,
  findKeptAttempts,
  findVerification,
  markVerificationsAnnounced,
} from '../../shared/verifications.ts'
import { commitArrival } from './commit-arrival.ts'
import { createEnsureDataKey } from './data-keys.ts'
import { verificationEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { inspectDeadline, readInspectResult } from './inspect-result.ts'
import { createMacDocument } from './mac-document.ts'

const environment = parseEnvironment(verificationEnvironment, process.env)
const database = openDatabase(new SecretsManagerClient(quickCalls), environment, {
  applicationName: 'verification',
  deadline: 8000,
})
// One attempt: a repeated call would open the document twice; the queue is the retry. So each call has a connection of its
// own: one that slept with the container could be dead, and there is no second attempt to find that out.
const calls = boundCalls({ attempts: 1, connect: 2000, request: inspectDeadline })
const lambda = new LambdaClient({
  ...calls,
  requestHandler: { ...calls.requestHandler, httpAgent: { keepAlive: false }, httpsAgent: { keepAlive: false } },
})
const kms = new KMSClient(quickCalls)
const s3 = new S3Client(quickCalls)
const { count, measure, flush } = createMetrics('verification', environment.STAGE)
const now = () => new Date()
const publisher = openPublisher(environment, { clientId: 'verification', deadline: 8000 })
const beat = createBeat('kafka', { now, write: (heartbeat) => database.run((sql) => writeHeartbeat(sql, heartbeat)) })
const ensureDataKey = createEnsureDataKey(
  { kms, s3 },
  {
    stage: environment.STAGE,
    keyArn: environment.DOCUMENT_DATA_KEY_ARN,
    bucket: environment.DATA_KEY_BUCKET,
  },
)
const deleteDataKeys = createDeleteObjects(s3, environment.DATA_KEY_BUCKET)

const handle = createHandler({
  log: createLog('verification'),
  count,
  measure,
  now,
  topic: environment.USER_VERIFIED_TOPIC,
  beginInspection: (id, attempt, options) => database.run((sql) => beginInspection(sql, id, attempt, options)),
  findVerification: (id) => database.run((sql) => findVerification(sql, id)),
  closeReplaced: (id, attempt) => database.run((sql) => closeReplaced(sql, id, attempt)),
  macDocument: createMacDocument(kms, environment.DOCUMENT_MAC_KEY_ARN),
  commitVerdict: (id, attempt, verdict) => database.run((sql) => commitVerdict(sql, id, attempt, verdict)),
  commitArrival: (arrival, verdict) => database.run((sql) => commitArrival(sql, arrival, verdict)),
  markAnnounced: (ids, at) => database.run((sql) => markVerificationsAnnounced(sql, ids, at)),
  findKeptAttempts: (id) => database.run((sql) => findKeptAttempts(sql, id)),
  deleteDataKeys: async (keys) => {
    await deleteDataKeys(keys)
    crashPoint('verification-after-destruction')
  },
  deleteDocuments: createDeleteObjects(s3, environment.DOCUMENT_BUCKET),
  providerDefers: false,
  inspect: async ({ key, id, attempt }) => {
    const wrappedDataKey = await ensureDataKey({ id, attempt })
    crashPoint('verification-after-key')
    const command = new InvokeCommand({
      FunctionName: environment.INSPECT_FUNCTION,
      Payload: Buffer.from(JSON.stringify({ key, wrapped_data_key: Buffer.from(wrappedDataKey).toString('base64') })),
    })
    const result = await lambda.send(command).catch((error: unknown) => {
      throw new UnavailableError('inspection', 'inspect could not be called', { cause: error })
    })
    return readInspectResult(result.FunctionError, Buffer.from(result.Payload ?? []).toString('utf8'))
  },
  publish: async (publications) => {
    try {
      await publisher.publish(publications)
      await beat('ok')
    } catch (error) {
      await beat('failing')
      throw error
    }
  },
})

export const handler = flushAfter({ flush }, handle)
