// Wires the wallet function: environment, Postgres, the vault's secret and key, the announce function.
import { DecryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { parseEnvironment } from '../../shared/environment.ts'
import { ConfigurationError, UnavailableError } from '../../shared/errors.ts'
import { createBeat, writeHeartbeat } from '../../shared/heartbeats.ts'
import { createLog } from '../../shared/log.ts'
import { openDatabase, readSecret } from '../../shared/secrets.ts'
import { toEncryptionContext } from '../../shared/vault.ts'
import { walletEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { createKeyringOpener } from './open-keyring.ts'
import { runWalletTransaction } from './wallet-tables.ts'

const environment = parseEnvironment(walletEnvironment, process.env)
const secrets = new SecretsManagerClient({})
const kms = new KMSClient({})
const lambda = new LambdaClient({ maxAttempts: 2, requestHandler: { connectionTimeout: 1000, requestTimeout: 3000 } })
const database = openDatabase(secrets, environment, { applicationName: 'wallet', deadline: 20_000 })
const log = createLog('wallet')
const now = () => new Date()

/** Failures of AWS that a person must mend; all others are worth a retry. */
const needsPerson = new Set([
  'AccessDeniedException',
  'DisabledException',
  'KMSInvalidStateException',
  'NotFoundException',
  'InvalidCiphertextException',
  'IncorrectKeyException',
])

function translateVaultError(what: string) {
  return (error: unknown): never => {
    const name = error instanceof Error ? error.name : ''
    if (needsPerson.has(name)) throw new ConfigurationError(`${what}: ${name}`, { cause: error })
    throw new UnavailableError('vault', what, { cause: error })
  }
}

export const handler = createHandler({
  log,
  now,
  openKeyring: createKeyringOpener({
    stage: environment.STAGE,
    acceptPublicMnemonics: environment.ACCEPT_PUBLIC_MNEMONICS === 'true',
    readRecord: () =>
      readSecret(secrets, environment.VAULT_SECRET_ARN).catch(translateVaultError('the vault could not be read')),
    unwrapDataKey: async (wrapped) => {
      const command = new DecryptCommand({
        KeyId: environment.VAULT_KEY_ARN,
        CiphertextBlob: wrapped,
        EncryptionContext: toEncryptionContext(environment.STAGE),
      })
      const { Plaintext } = await kms.send(command).catch(translateVaultError('the data key could not be unwrapped'))
      if (!Plaintext) throw new UnavailableError('vault', 'expected a data key from KMS; got none')
      return Plaintext
    },
  }),
  transaction: (work) => database.run((sql) => runWalletTransaction(sql, work)),
  nudgeAnnounce: async () => {
    const command = new InvokeCommand({ FunctionName: environment.ANNOUNCE_FUNCTION, InvocationType: 'Event' })
    await lambda.send(command).catch((error: unknown) => log.warn('announce was not nudged', { error }))
  },
  beat: createBeat('vault', { now, write: (heartbeat) => database.run((sql) => writeHeartbeat(sql, heartbeat)) }),
})
