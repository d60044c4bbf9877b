// Wires the operate function: environment, Postgres under a role that reads, the vault's secret, what KMS tells of its key.
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createLog } from '../../shared/log.ts'
import { openDatabase } from '../../shared/rds.ts'
import { readSecret } from '../../shared/secrets.ts'
import { operateEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { findVaultUse } from './vault-use.ts'

const environment = parseEnvironment(operateEnvironment, process.env)
const secrets = new SecretsManagerClient(quickCalls)
const kms = new KMSClient(quickCalls)
const database = openDatabase(secrets, environment, { applicationName: 'operate', deadline: 20_000 })

export const handler = createHandler({
  log: createLog('operate'),
  expectedRoot: environment.ROOT_COMMITMENT,
  readRecord: () => readSecret(secrets, environment.VAULT_SECRET_ARN),
  describeKey: async () => {
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: environment.VAULT_KEY_ARN }))
    return { state: KeyMetadata?.KeyState ?? 'unknown', deletionDate: KeyMetadata?.DeletionDate }
  },
  findUse: (keyringId) => database.run((sql) => findVaultUse(sql, keyringId)),
})
