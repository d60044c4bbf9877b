// Wires the announce function: environment, Postgres, Kafka, and a look at whether the vault holds a root.
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createBeat, writeHeartbeat } from '../../shared/heartbeats.ts'
import { createLog } from '../../shared/log.ts'
import { openPublisher } from '../../shared/msk.ts'
import { openDatabase } from '../../shared/rds.ts'
import { holdsRoot } from '../../shared/vault.ts'
import { runAnnounceTransaction } from './announce-tables.ts'
import { announceEnvironment } from './environment.ts'
import { forgetExpired } from './forget.ts'
import { createHandler } from './handler.ts'

const environment = parseEnvironment(announceEnvironment, process.env)
const secrets = new SecretsManagerClient(quickCalls)
const database = openDatabase(secrets, environment, { applicationName: 'announce', deadline: 30_000 })
const now = () => new Date()
const publisher = openPublisher(environment, { clientId: 'announce', deadline: 15_000 })

export const handler = createHandler({
  log: createLog('announce'),
  now,
  userVerifiedTopic: environment.USER_VERIFIED_TOPIC,
  walletCreatedTopic: environment.WALLET_CREATED_TOPIC,
  transaction: (work) => database.run((sql) => runAnnounceTransaction(sql, work)),
  publish: publisher.publish,
  pingKafka: publisher.ping,
  forget: () => database.run((sql) => forgetExpired(sql, 10_000)),
  rootExists: async () => {
    const { VersionIdsToStages } = await secrets.send(
      new DescribeSecretCommand({ SecretId: environment.VAULT_SECRET_ARN }),
    )
    return holdsRoot(VersionIdsToStages ?? {})
  },
  beat: createBeat('kafka', { now, write: (heartbeat) => database.run((sql) => writeHeartbeat(sql, heartbeat)) }),
})
