// Wires the provision function: environment, KMS, the vault's secret.
import { KMSClient } from '@aws-sdk/client-kms'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createLog } from '../../shared/log.ts'
import { provisionEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { createVaultPorts } from './vault-ports.ts'

const environment = parseEnvironment(provisionEnvironment, process.env)

export const handler = createHandler({
  log: createLog('provision'),
  ...createVaultPorts(
    { kms: new KMSClient(quickCalls), secrets: new SecretsManagerClient(quickCalls) },
    { stage: environment.STAGE, secretArn: environment.VAULT_SECRET_ARN, keyArn: environment.VAULT_KEY_ARN },
  ),
})
