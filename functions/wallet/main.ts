// Wires the wallet function: environment, Postgres, the vault's secret and key, the announce function.
import { KMSClient } from '@aws-sdk/client-kms'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createBeat, writeHeartbeat } from '../../shared/heartbeats.ts'
import { createLog } from '../../shared/log.ts'
import { createMetrics, flushAfter } from '../../shared/metrics.ts'
import { createNudge } from '../../shared/nudge.ts'
import { openDatabase } from '../../shared/rds.ts'
import { walletEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { createKeyringOpener } from './open-keyring.ts'
import { createRetry } from './retry-transient.ts'
import { createVaultPorts } from './vault-ports.ts'
import { createTablePorts } from './wallet-tables.ts'

const environment = parseEnvironment(walletEnvironment, process.env)
const secrets = new SecretsManagerClient(quickCalls)
const kms = new KMSClient(quickCalls)
const lambda = new LambdaClient(quickCalls)
const database = openDatabase(secrets, environment, { applicationName: 'wallet', deadline: 20_000 })
const log = createLog('wallet')
const metrics = createMetrics('wallet', environment.STAGE)
const now = () => new Date()

const vaultPorts = createVaultPorts(
  { kms, secrets },
  { stage: environment.STAGE, secretArn: environment.VAULT_SECRET_ARN, keyArn: environment.VAULT_KEY_ARN },
)

const handle = createHandler({
  log,
  now,
  count: metrics.count,
  random: Math.random,
  createRetry: (remainingMilliseconds) => createRetry(log, remainingMilliseconds),
  openKeyring: createKeyringOpener({
    ...vaultPorts,
    unwrapDataKey: async (wrapped) => {
      const dataKey = await vaultPorts.unwrapDataKey(wrapped)
      metrics.count('vault_opened', 1)
      return dataKey
    },
    expectedRoot: environment.ROOT_COMMITMENT,
    acceptPublicMnemonics: environment.ACCEPT_PUBLIC_MNEMONICS === 'true',
    bitcoinNetwork: environment.BITCOIN_NETWORK,
    now,
  }),
  ...createTablePorts(database),
  nudgeAnnounce: createNudge(lambda, environment.ANNOUNCE_FUNCTION, log),
  beat: createBeat('vault', { now, write: (heartbeat) => database.run((sql) => writeHeartbeat(sql, heartbeat)) }),
})

export const handler = flushAfter(metrics, handle)
