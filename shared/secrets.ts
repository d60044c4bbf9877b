// Reading a secret from AWS Secrets Manager.
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { DeletedSecretError } from './errors.ts'

/**
 * The text of a secret; undefined when it has no value yet (the emulator then answers an empty one). Other failures of
 * the service are thrown as they are.
 *
 * @throws {DeletedSecretError} while it can still be restored
 */
export async function readSecret(client: SecretsManagerClient, arn: string): Promise<string | undefined> {
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }))
    return SecretString || undefined
  } catch (error) {
    if (!(error instanceof Error)) throw error
    if (error.name === 'ResourceNotFoundException') return undefined
    // The same name stands for other faults of a request; Secrets Manager says this in its message alone.
    if (error.name === 'InvalidRequestException' && /marked for deletion|scheduled for deletion/.test(error.message)) {
      throw new DeletedSecretError('the secret is marked for deletion', { cause: error })
    }
    throw error
  }
}
