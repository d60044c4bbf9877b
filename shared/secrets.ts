// Reading a secret from AWS Secrets Manager.
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'

/**
 * The text of a secret; undefined when it has no value yet (the emulator then answers an empty one). Other failures of
 * the service are thrown as they are.
 */
export async function readSecret(client: SecretsManagerClient, arn: string): Promise<string | undefined> {
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }))
    return SecretString || undefined
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined
    throw error
  }
}
