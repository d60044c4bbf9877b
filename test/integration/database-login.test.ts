// shared/database.ts on a server that speaks TLS and takes tokens for passwords, as Aurora does: whom it trusts, and when
// a token is made.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { createDatabase, type Database, type DatabaseOptions, type Sql } from '../../shared/database.ts'
import { ConfigurationError, UnavailableError } from '../../shared/errors.ts'
import { type Authority, makeAuthority, type ServerCertificate } from '../support/certificates.ts'
import { connectTo } from '../support/database.ts'
import { catchError } from '../support/fakes.ts'
import { startOwnPostgres } from '../support/servers.ts'

let folder: string
let authority: Authority
let server: Awaited<ReturnType<typeof startOwnPostgres>>
let admin: postgres.Sql
let now = 0
const opened: Database[] = []

/** The server reads its files as another user where this one is root. */
function present({ certificate, key }: ServerCertificate): void {
  writeFileSync(join(folder, 'server.pem'), certificate)
  writeFileSync(join(folder, 'server.key'), key, { mode: 0o600 })
}

beforeAll(async () => {
  folder = mkdtempSync(join(inject('serversFolder'), 'certificates-'))
  authority = makeAuthority(folder, 'authority')
  present(authority.issue('localhost'))
  // As on RDS, a token is sent as it is, so over TLS only.
  writeFileSync(
    join(folder, 'pg_hba.conf'),
    [
      'hostssl all app_token 127.0.0.1/32 password',
      'host all app_token 127.0.0.1/32 reject',
      'host all all 127.0.0.1/32 scram-sha-256\n',
    ].join('\n'),
  )
  server = await startOwnPostgres({
    ...{ ssl: 'on', ssl_cert_file: join(folder, 'server.pem'), ssl_key_file: join(folder, 'server.key') },
    hba_file: join(folder, 'pg_hba.conf'),
  })
  admin = connectTo(server.first.url)
  await admin`create role app_token login`
})

beforeEach(() => accept('token 1'))

afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()))
})

afterAll(async () => {
  await admin.end()
  await server.stop()
})

/** The one token that the server takes from now on. */
const accept = (token: string) => admin.unsafe(`alter role app_token password '${token}'`)

function open(options: Partial<DatabaseOptions> = {}): Database {
  const database = createDatabase({
    host: 'localhost',
    port: server.first.port,
    name: 'wallets',
    applicationName: 'login',
    deadline: 30_000,
    readCredentials: async () => ({ username: 'app_token', password: async () => 'token 1' }),
    tls: { readCertificates: async () => [authority.certificate] },
    now: () => now,
    ...options,
  })
  opened.push(database)
  return database
}

/** Tokens that are counted; the last one stays. */
function countTokens(...tokens: string[]) {
  const made: string[] = []
  const password = async () => {
    made.push(tokens[made.length] ?? tokens.at(-1) ?? '')
    return made.at(-1) ?? ''
  }
  return { made, readCredentials: async () => ({ username: 'app_token', password }) }
}

const findConnection = async (sql: Sql) =>
  (
    await sql<[{ pid: number; ssl: boolean; version: string }]>`
      select pid, ssl, version from pg_stat_ssl where pid = pg_backend_pid()`
  )[0]

test('a server whose certificate the authority made out to its host is trusted, over TLS 1.2 at least', async () => {
  const connection = await open().run(findConnection)
  expect(connection).toMatchObject({ ssl: true, version: expect.stringMatching(/^TLSv1\.[23]$/) })
})

test('a certificate of another authority is refused, and it is a person who must act', async () => {
  const other = makeAuthority(folder, 'other')
  const { made, readCredentials } = countTokens('token 1')
  const database = open({ readCredentials, tls: { readCertificates: async () => [other.certificate] } })
  const error = await catchError(() => database.run(findConnection))
  expect(error).toBeInstanceOf(ConfigurationError)
  expect(error.message).toMatch(/^expected a certificate of the database that is trusted for its host; got [A-Z_]+$/)
  // Nothing is told to a server that is not trusted.
  expect(made).toEqual([])
})

test('a certificate that is made out to another host is refused', async () => {
  present(authority.issue('elsewhere.example'))
  await admin`select pg_reload_conf()`
  const { made, readCredentials } = countTokens('token 1')
  const connect = () =>
    catchError(() =>
      open({ readCredentials })
        .run(findConnection)
        .then(() => Promise.reject(new Error('trusted'))),
    )
  try {
    // The server takes a moment to read its files.
    await expect
      .poll(async () => (await connect()).message, { timeout: 60_000 })
      .toContain('ERR_TLS_CERT_ALTNAME_INVALID')
    const before = made.length
    expect(await connect()).toBeInstanceOf(ConfigurationError)
    expect(made).toHaveLength(before)
  } finally {
    present(authority.issue('localhost'))
    await admin`select pg_reload_conf()`
  }
  await expect
    .poll(
      () =>
        open()
          .run(findConnection)
          .catch(() => undefined),
      { timeout: 60_000 },
    )
    .toMatchObject({ ssl: true })
})

test('a server without TLS is refused, and gets no token', async () => {
  const { port } = new URL(inject('postgresUrl'))
  const { made, readCredentials } = countTokens('token 1')
  const database = open({ port: Number(port), readCredentials, deadline: 5000 })
  expect(await catchError(() => database.run(findConnection))).toBeInstanceOf(UnavailableError)
  expect(made).toEqual([])
})

test('a token is made for each connection, and for none that is open', async () => {
  const { made, readCredentials } = countTokens('token 1')
  const database = open({ readCredentials })
  const first = await database.run(findConnection)
  // It is asked for at sign-in only: an open connection outlives it.
  await accept('token 2')
  expect(await database.run(findConnection)).toEqual(first)
  expect(made).toHaveLength(1)
  await database.close()
  await accept('token 1')
  expect((await database.run(findConnection)).pid).not.toBe(first.pid)
  expect(made).toHaveLength(2)
})

test('a token that has expired is tried again with a new one, once', async () => {
  const { made, readCredentials } = countTokens('expired', 'token 1')
  expect(await open({ readCredentials }).run(findConnection)).toMatchObject({ ssl: true })
  expect(made).toEqual(['expired', 'token 1'])

  const never = countTokens('expired')
  const error = await catchError(() => open({ readCredentials: never.readCredentials }).run(findConnection))
  expect(error).toBeInstanceOf(UnavailableError)
  expect(error.cause).toMatchObject({ code: '28P01' })
  expect(never.made).toHaveLength(2)
})

test('a token that cannot be made is an outage that says why, and the process lives', async () => {
  const failure = new Error('no credentials')
  const failures = [failure, failure]
  const password = async () => {
    const next = failures.shift()
    if (next) throw next
    return 'token 1'
  }
  const database = open({ readCredentials: async () => ({ username: 'app_token', password }) })
  const error = await catchError(() => database.run(findConnection))
  expect(error).toBeInstanceOf(UnavailableError)
  expect(error.cause).toBe(failure)
  expect(await database.run(findConnection)).toMatchObject({ ssl: true })
})

test('a connection that slept with its container is not used again, whatever the timers did', async () => {
  const { made, readCredentials } = countTokens('token 1')
  const database = open({ readCredentials })
  now = 1_000_000
  const first = await database.run(findConnection)
  now += 60_000
  expect(await database.run(findConnection)).toEqual(first)
  now += 60_001
  expect((await database.run(findConnection)).pid).not.toBe(first.pid)
  expect(made).toHaveLength(2)
})
