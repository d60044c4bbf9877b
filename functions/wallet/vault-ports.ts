// The ports of opening the vault on AWS: Secrets Manager and KMS, and which of their failures a retry can mend.
import { DecryptCommand, type KMSClient } from '@aws-sdk/client-kms'
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { ConfigurationError, UnavailableError } from '../../shared/errors.ts'
import { readSecret } from '../../shared/secrets.ts'
import { toEncryptionContext } from '../../shared/vault.ts'
import type { OpenKeyringPorts } from './open-keyring.ts'

/** Failures of AWS that a person must mend; all others are worth a retry. */
const needsPerson = new Set([
  'AccessDeniedException',
  'DecryptionFailure',
  'DeletedSecretError',
  'DisabledException',
  'IncorrectKeyException',
  'InvalidCiphertextException',
  'InvalidKeyUsageException',
  'InvalidRequestException',
  'KMSInvalidStateException',
  'NotFoundException',
])

function translateError(what: string) {
  return (error: unknown): never => {
    const name = error instanceof Error ? error.name : ''
    if (needsPerson.has(name)) throw new ConfigurationError(`${what}: ${name}`, { cause: error })
    throw new UnavailableError('vault', what, { cause: error })
  }
}

export function createVaultPorts(
  clients: { readonly kms: KMSClient; readonly secrets: SecretsManagerClient },
  vault: { readonly stage: string; readonly secretArn: string; readonly keyArn: string },
): Pick<OpenKeyringPorts, 'stage' | 'readRecord' | 'unwrapDataKey'> {
  const { kms, secrets } = clients
  return {
    stage: vault.stage,
    readRecord: () => readSecret(secrets, vault.secretArn).catch(translateError('the vault could not be read')),
    unwrapDataKey: async (wrapped) => {
      const command = new DecryptCommand({
        KeyId: vault.keyArn,
        CiphertextBlob: wrapped,
        EncryptionContext: toEncryptionContext(vault.stage),
      })
      const { Plaintext } = await kms.send(command).catch(translateError('the data key could not be unwrapped'))
      if (!Plaintext) throw new UnavailableError('vault', 'expected a data key from KMS; got none')
      return Plaintext
    },
  }
}
