// Wires the announce function: environment, Postgres, Kafka, and a look at whether the vault holds a root.
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
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
import { createRootExists } from './root-exists.ts'

const environment = parseEnvironment(announceEnvironment, process.env)
const secrets = new SecretsManagerClient(quickCalls)
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
  publish: publisher.publish,
  pingKafka: publisher.ping,
  readState: () =>
    database.run(async (sql) => ({ backlog: await readBacklog(sql), heartbeats: await findHeartbeats(sql) })),
  forget: () => database.run((sql) => forgetExpired(sql, 10_000)),
  rootExists: createRootExists(secrets, environment.VAULT_SECRET_ARN),
  beat: createBeat('kafka', { now, write: (heartbeat) => database.run((sql) => writeHeartbeat(sql, heartbeat)) }),
})

export const handler = flushAfter({ flush }, handle)
