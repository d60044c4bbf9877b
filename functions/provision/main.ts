// Wires the provision function: environment, KMS, the vault's secret.
import { KMSClient } from '@aws-sdk/client-kms'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { parseEnvironment } from '../../shared/environment.ts'
import { createLog } from '../../shared/log.ts'
import { provisionEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { createVaultPorts } from './vault-ports.ts'

const environment = parseEnvironment(provisionEnvironment, process.env)

export const handler = createHandler({
  log: createLog('provision'),
  ...createVaultPorts(
    { kms: new KMSClient({}), secrets: new SecretsManagerClient({}) },
    { stage: environment.STAGE, secretArn: environment.VAULT_SECRET_ARN, keyArn: environment.VAULT_KEY_ARN },
  ),
})
