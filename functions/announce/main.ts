// Wires the announce function: environment, Postgres, Kafka, the verification queue, and a look at whether the vault holds
// a root.
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient } from '@aws-sdk/client-sqs'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createBeat, findHeartbeats, writeHeartbeat } from '../../shared/heartbeats.ts'
import { createLog } from '../../shared/log.ts'
import { createMetrics, flushAfter } from '../../shared/metrics.ts'
import { openPublisher } from '../../shared/msk.ts'
import { openDatabase } from '../../shared/rds.ts'
import { runAnnounceTransaction } from './announce-tables.ts'
import { readBacklog } from './backlog.ts'
import { announceEnvironment } from './environment.ts'
import { forgetExpired } from './forget.ts'
import { createHandler } from './handler.ts'
import { createRequeue } from './requeue.ts'
import { createRootExists } from './root-exists.ts'

const environment = parseEnvironment(announceEnvironment, process.env)
const secrets = new SecretsManagerClient(quickCalls)
// Where all calls go, also when that is an emulator: not to the host that a queue's address happens to name.
const sqs = new SQSClient({ ...quickCalls, useQueueUrlAsEndpoint: false })
const database = openDatabase(secrets, environment, { applicationName: 'announce', deadline: 30_000 })
const { count, measure, flush } = createMetrics('announce', environment.STAGE)
const now = () => new Date()
const publisher = openPublisher(environment, { clientId: 'announce', deadline: 15_000 })

const handle = createHandler({
  log: createLog('announce'),
  count,
  measure,
  now,
  userVerifiedTopic: environment.USER_VERIFIED_TOPIC,
  walletCreatedTopic: environment.WALLET_CREATED_TOPIC,
  transaction: (work) => database.run((sql) => runAnnounceTransaction(sql, work)),
  overdueSeconds: {
    wallet: Number(environment.WALLET_OVERDUE_SECONDS),
    verdict: Number(environment.VERDICT_OVERDUE_SECONDS),
  },
  publish: publisher.publish,
  requeue: createRequeue(sqs, environment.VERIFICATION_QUEUE_URL),
  pingKafka: publisher.ping,
  readState: () =>
    database.run(async (sql) => ({ backlog: await readBacklog(sql), heartbeats: await findHeartbeats(sql) })),
  forget: () => database.run((sql) => forgetExpired(sql, 10_000)),
  rootExists: createRootExists(secrets, environment.VAULT_SECRET_ARN),
  beat: createBeat('kafka', { now, write: (heartbeat) => database.run((sql) => writeHeartbeat(sql, heartbeat)) }),
})

export const handler = flushAfter({ flush }, handle)
