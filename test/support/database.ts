// Databases for tests, each with the newest schema, copied from one template; and connections to them as each role.
import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import postgres from 'postgres'
import { inject } from 'vitest'
import { type Migration, migrate } from '../../functions/migrate/migrate.ts'
import { createDatabase, type Database } from '../../shared/database.ts'

export const functionRoles = [
  'app_intake',
  'app_verification',
  'app_wallet',
  'app_announce',
  'app_read',
  'app_erase',
  'app_operate',
] as const
export type FunctionRole = (typeof functionRoles)[number]

const templateName = 'migrated'
const migrationsFolder = new URL('../../functions/migrate/migrations/', import.meta.url)

/** The password that the function's role has in tests. */
const toPassword = (role: FunctionRole) => `password of ${role}`

/** The project's migrations. */
export async function readMigrations(): Promise<readonly Migration[]> {
  const names = await readdir(migrationsFolder)
  return Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(new URL(name, migrationsFolder), 'utf8') })),
  )
}

const toUrl = (serverUrl: string, database: string) => Object.assign(new URL(serverUrl), { pathname: `/${database}` })

/** One connection with the names and password of a URL; whoever opens it ends it. */
export function connectTo(url: string): postgres.Sql {
  return postgres(url, { max: 1, onnotice: () => {} })
}

async function onServer<Result>(serverUrl: string, work: (sql: postgres.Sql) => Promise<Result>): Promise<Result> {
  const sql = connectTo(serverUrl)
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}

/** Makes the database that those of the tests are copied from, and the roles of the functions. Once a server. */
export async function createTemplate(serverUrl: string): Promise<void> {
  await onServer(serverUrl, async (server) => {
    await server`create database ${server(templateName)}`
    const migrations = await readMigrations()
    const passwords = new Map(functionRoles.map((role) => [role, toPassword(role)]))
    await onServer(toUrl(serverUrl, templateName).href, (sql) => migrate(sql, migrations, passwords))
    await server`alter database ${server(templateName)} is_template true allow_connections false`
  })
}

export type TestDatabase = {
  readonly name: string
  /** The superuser's, or a role's. */
  readonly toUrl: (role?: FunctionRole) => string
  /** A connection as the superuser, who owns everything; or as a function's role. */
  readonly connect: (role?: FunctionRole) => postgres.Sql
  /** The database as a function has it, signed in as its role. */
  readonly open: (role: FunctionRole, options?: { deadline?: number }) => Database
  /** Ends all connections and drops the database. */
  readonly drop: () => Promise<void>
}

/** A database of the test file's own; empty, or with the newest schema. */
export async function createTestDatabase(options: { empty?: boolean; serverUrl?: string } = {}): Promise<TestDatabase> {
  const serverUrl = options.serverUrl ?? inject('postgresUrl')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const template = options.empty ? 'template0' : templateName
  await onServer(serverUrl, (server) => server`create database ${server(name)} template ${server(template)}`)

  const url = toUrl(serverUrl, name)
  const connections: postgres.Sql[] = []
  const databases: Database[] = []
  const toRoleUrl = (role?: FunctionRole) =>
    role ? Object.assign(new URL(url), { username: role, password: toPassword(role) }).href : url.href
  return {
    name,
    toUrl: toRoleUrl,
    connect: (role) => {
      const sql = connectTo(toRoleUrl(role))
      connections.push(sql)
      return sql
    },
    open: (role, { deadline = 60_000 } = {}) => {
      const database = createDatabase({
        host: url.hostname,
        port: Number(url.port),
        name,
        applicationName: role,
        tls: 'off',
        now: Date.now,
        deadline,
        readCredentials: async () => ({ username: role, password: toPassword(role) }),
      })
      databases.push(database)
      return database
    },
    drop: async () => {
      await Promise.all([...connections.map((sql) => sql.end()), ...databases.map((database) => database.close())])
      await onServer(serverUrl, (server) => server`drop database ${server(name)} with (force)`)
    },
  }
}

/**
 * Starts work that has to wait for what that transaction holds, and resolves once it waits. It settles when the transaction
 * is over.
 */
export async function startWaiting<Result>(
  tx: postgres.TransactionSql,
  work: () => Promise<Result>,
): Promise<{ readonly settled: Promise<Result> }> {
  let isSettled = false
  const settled = work()
  const settle = () => {
    isSettled = true
  }
  settled.then(settle, settle)
  for (let isWaiting = false; !isWaiting && !isSettled; ) {
    ;[{ isWaiting }] = await tx<[{ isWaiting: boolean }]>`
      select exists (
        select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))) as "isWaiting"`
  }
  if (isSettled) throw new Error('expected work that waits for the transaction; it did not')
  return { settled }
}
