// Reading a secret from AWS Secrets Manager.
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { createDatabase, type Database, parseCredentials } from './database.ts'
import type { DatabaseLogin } from './environment.ts'
import { ConfigurationError } from './errors.ts'

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

/** The database of a function, signed in with the user name and password of the function's own secret. */
export function openDatabase(
  secrets: SecretsManagerClient,
  environment: {
    readonly DATABASE_HOST: string
    readonly DATABASE_PORT: string
    readonly DATABASE_NAME: string
    readonly DATABASE_LOGIN: DatabaseLogin
    readonly DATABASE_TLS: 'rds' | 'off'
  },
  options: { readonly applicationName: string; readonly deadline: number },
): Database {
  const { DATABASE_LOGIN: login } = environment
  if (login.kind === 'iam' || environment.DATABASE_TLS === 'rds') throw new ConfigurationError('expected a secret')
  return createDatabase({
    host: environment.DATABASE_HOST,
    port: Number(environment.DATABASE_PORT),
    name: environment.DATABASE_NAME,
    readCredentials: async () => parseCredentials(await readSecret(secrets, login.arn)),
    ...options,
  })
}
