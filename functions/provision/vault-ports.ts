// The ports of provisioning on AWS: KMS and Secrets Manager.
import { GenerateDataKeyCommand, GenerateRandomCommand, type KMSClient } from '@aws-sdk/client-kms'
import { PutSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { IntegrityError } from '../../shared/errors.ts'
import { readSecret } from '../../shared/secrets.ts'
import { toEncryptionContext, toRootVersionId } from '../../shared/vault.ts'
import { keyringId, type ProvisionPorts } from './provision.ts'

export function createVaultPorts(
  clients: { readonly kms: KMSClient; readonly secrets: SecretsManagerClient },
  vault: { readonly stage: string; readonly secretArn: string; readonly keyArn: string },
): ProvisionPorts {
  const { kms, secrets } = clients
  return {
    stage: vault.stage,
    readRecord: () => readSecret(secrets, vault.secretArn),
    putRecord: async (text) => {
      const command = new PutSecretValueCommand({
        SecretId: vault.secretArn,
        SecretString: text,
        ClientRequestToken: toRootVersionId(keyringId),
      })
      await secrets.send(command).catch((error: unknown) => {
        // Another was first: its record is read back and used.
        if (!(error instanceof Error && error.name === 'ResourceExistsException')) throw error
      })
    },
    generateRandom: async (length) => {
      const { Plaintext } = await kms.send(new GenerateRandomCommand({ NumberOfBytes: length }))
      if (Plaintext?.length !== length) throw new IntegrityError(`expected ${length} random bytes from KMS`)
      return Plaintext
    },
    generateDataKey: async () => {
      const { Plaintext, CiphertextBlob } = await kms.send(
        new GenerateDataKeyCommand({
          KeyId: vault.keyArn,
          KeySpec: 'AES_256',
          EncryptionContext: toEncryptionContext(vault.stage),
        }),
      )
      if (!Plaintext || !CiphertextBlob) throw new IntegrityError('expected a data key from KMS; got none')
      return { plaintext: Plaintext, wrapped: CiphertextBlob }
    },
  }
}
