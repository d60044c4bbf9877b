// Wires the verification function: environment, Postgres, the inspect function, Kafka.
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { createBeat, writeHeartbeat } from '../../shared/heartbeats.ts'
import { createPublisher } from '../../shared/kafka.ts'
import { createLog } from '../../shared/log.ts'
import { createMetrics, flushAfter } from '../../shared/metrics.ts'
import { openDatabase } from '../../shared/secrets.ts'
import {
  beginInspection,
  commitVerdict,
  findVerification,
  markVerificationsAnnounced,
} from '../../shared/verifications.ts'
import { verificationEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { readInspectResult } from './inspect-result.ts'

const environment = parseEnvironment(verificationEnvironment, process.env)
const database = openDatabase(new SecretsManagerClient(quickCalls), environment, {
  applicationName: 'verification',
  deadline: 8000,
})
// One attempt: a repeated call would open the document twice; the queue is the retry.
const lambda = new LambdaClient({ maxAttempts: 1, requestHandler: { connectionTimeout: 2000, requestTimeout: 12_000 } })
const { count, measure, flush } = createMetrics('verification', environment.STAGE)
const now = () => new Date()
const publisher = createPublisher({
  brokers: environment.KAFKA_BOOTSTRAP_SERVERS.split(','),
  clientId: 'verification',
  now: Date.now,
})
const beat = createBeat('kafka', { now, write: (heartbeat) => database.run((sql) => writeHeartbeat(sql, heartbeat)) })

const handle = createHandler({
  log: createLog('verification'),
  count,
  measure,
  now,
  topic: environment.USER_VERIFIED_TOPIC,
  beginInspection: (id, attempt) => database.run((sql) => beginInspection(sql, id, attempt)),
  findVerification: (id) => database.run((sql) => findVerification(sql, id)),
  commitVerdict: (id, attempt, verdict) => database.run((sql) => commitVerdict(sql, id, attempt, verdict)),
  markAnnounced: (ids, at) => database.run((sql) => markVerificationsAnnounced(sql, ids, at)),
  inspect: async (key) => {
    const command = new InvokeCommand({
      FunctionName: environment.INSPECT_FUNCTION,
      Payload: Buffer.from(JSON.stringify({ key })),
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
