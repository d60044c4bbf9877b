// Wires the operate function: environment, Postgres under a role that reads and notes, Kafka, the vault's secret, what KMS
// tells of its key.
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createKafka } from '../../shared/kafka.ts'
import { createLog } from '../../shared/log.ts'
import { openPublisher, readKafkaAccess } from '../../shared/msk.ts'
import { openDatabase } from '../../shared/rds.ts'
import { readSecret } from '../../shared/secrets.ts'
import { findHandled, findQuarantined, loadQuarantined, noteHandled } from './dead-letter-tables.ts'
import { operateEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { readTopic } from './read-topic.ts'
import { findVaultUse } from './vault-use.ts'

const environment = parseEnvironment(operateEnvironment, process.env)
const secrets = new SecretsManagerClient(quickCalls)
const kms = new KMSClient(quickCalls)
const database = openDatabase(secrets, environment, { applicationName: 'operate', deadline: 20_000 })
const kafka = createKafka({ ...readKafkaAccess(environment), clientId: 'operate' })
const publisher = openPublisher(environment, { clientId: 'operate', deadline: 15_000 })

export const handler = createHandler({
  log: createLog('operate'),
  expectedRoot: environment.ROOT_COMMITMENT,
  readRecord: () => readSecret(secrets, environment.VAULT_SECRET_ARN),
  describeKey: async () => {
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: environment.VAULT_KEY_ARN }))
    return { state: KeyMetadata?.KeyState ?? 'unknown', deletionDate: KeyMetadata?.DeletionDate }
  },
  findUse: (keyringId) => database.run((sql) => findVaultUse(sql, keyringId)),
  deadLetters: (requestId) => ({
    now: () => new Date(),
    userVerifiedTopic: environment.USER_VERIFIED_TOPIC,
    findQuarantined: (filter, page) => database.run((sql) => findQuarantined(sql, filter, page)),
    loadQuarantined: (places) => database.run((sql) => loadQuarantined(sql, places)),
    readDeadLetters: (reading) =>
      readTopic(kafka, environment.DEAD_LETTER_TOPIC, reading, { id: requestId, deadline: 25_000 }),
    findHandled: (source, places) => database.run((sql) => findHandled(sql, source, places)),
    noteHandled: (note) => database.run((sql) => noteHandled(sql, note)),
    publish: publisher.publish,
  }),
})
