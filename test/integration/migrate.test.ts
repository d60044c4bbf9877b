// Migrations on a real server: applied once, in order, by whoever comes first; and the passwords of the roles.
import { randomUUID } from 'node:crypto'
import postgres from 'postgres'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { createHandler } from '../../functions/migrate/handler.ts'
import { type Migration, migrate } from '../../functions/migrate/migrate.ts'
import { createDatabase, type Database } from '../../shared/database.ts'
import { IntegrityError, UnavailableError } from '../../shared/errors.ts'
import { connectTo, createTestDatabase, readMigrations, type TestDatabase } from '../support/database.ts'
import { catchError, createMemoryLog } from '../support/fakes.ts'
import { startOwnPostgres } from '../support/servers.ts'

let database: TestDatabase
let owner: postgres.Sql
const opened: Database[] = []
/** Belongs to the server, not to a database: made here, not shared with the other test files. */
const role = `test "role" ${randomUUID()}`

beforeEach(async () => {
  database = await createTestDatabase({ empty: true })
  owner = database.connect()
  return async () => {
    await Promise.all(opened.splice(0).map((own) => own.close()))
    await database.drop()
  }
})

afterAll(async () => {
  const last = await createTestDatabase({ empty: true })
  const sql = last.connect()
  await sql`drop role if exists ${sql(role)}`
  await last.drop()
})

const none = new Map<string, string>()
const project = await readMigrations()
const names = project.map(({ name }) => name).toSorted()

/** As the migrate function has it. */
function openOwn(port?: number): Database {
  const url = new URL(database.toUrl())
  const own = createDatabase({
    ...{ host: url.hostname, port: port ?? Number(url.port), name: database.name, applicationName: 'migrate' },
    readCredentials: async () => ({ username: url.username, password: url.password }),
    ...{ tls: 'off', deadline: 60_000, now: Date.now },
  })
  opened.push(own)
  return own
}

const findApplied = async () =>
  (await owner<{ name: string }[]>`select name from migration.applied order by name`).map(({ name }) => name)

/** The schema as text, to be compared. */
const describeSchema = async (sql: postgres.Sql) => [
  await sql`
    select table_schema, table_name, column_name, data_type, collation_name, is_nullable, column_default
    from information_schema.columns where table_schema in ('verification', 'wallet', 'operations') order by 1, 2, 3`,
  await sql`
    select conrelid::regclass::text as table, pg_get_constraintdef(oid) as definition from pg_constraint
    where connamespace::regnamespace::text in ('verification', 'wallet', 'operations') order by 1, 2`,
]

test('an empty database gets everything, in the order of the names, and nothing the second time', async () => {
  expect(await migrate(owner, project.toReversed(), none)).toEqual({ applied: names, version: names.length, ahead: [] })
  expect(await findApplied()).toEqual(names)
  expect(await migrate(owner, project, none)).toEqual({ applied: [], version: names.length, ahead: [] })
})

/**
 * A server whose roles are those of Aurora (Aurora User Guide, "Understanding the rds_superuser role"): the master user may
 * create roles and hand rds_iam on, and is no superuser.
 */
async function startAurora() {
  const server = await startOwnPostgres()
  const superuser = connectTo(server.first.url)
  await superuser`create role rds_iam nologin`
  await superuser`create role rds_superuser nologin`
  await superuser`grant rds_iam to rds_superuser with admin option`
  await superuser`create role master login createrole createdb password 'secret' in role rds_superuser`
  await superuser`create database mine owner master`
  const connect = (username: string, password: string) =>
    connectTo(Object.assign(new URL(server.first.url), { username, password, pathname: '/mine' }).href)
  const stop = async () => {
    await superuser.end()
    await server.stop()
  }
  return { superuser, connect, stop }
}

test('the master user of Aurora is enough, and each role of a function signs in by IAM and not by password', async () => {
  const { superuser, connect, stop } = await startAurora()
  const findRoles = () => superuser`
    select rolname as name, rolpassword as password, pg_has_role(rolname, 'rds_iam', 'member') as iam
    from pg_authid where rolname in ('app_intake', 'app_read', 'app_wallet', 'verified_extender') order by 1`
  try {
    const master = connect('master', 'secret')
    // As before there was IAM: passwords, which go.
    expect(await migrate(master, project, new Map([['app_read', 'old']]))).toMatchObject({ applied: names })
    expect(await findRoles()).toMatchObject([
      { iam: false },
      { iam: false, password: expect.stringMatching(/^SCRAM/) },
      {},
      {},
    ])
    for (let deploy = 1; deploy <= 2; deploy++) {
      expect(await migrate(master, project, none)).toMatchObject({ applied: [] })
      expect(await findRoles()).toEqual([
        { name: 'app_intake', password: null, iam: true },
        { name: 'app_read', password: null, iam: true },
        { name: 'app_wallet', password: null, iam: true },
        { name: 'verified_extender', password: null, iam: false },
      ])
    }
    // The master user's password still counts.
    const again = connect('master', 'secret')
    expect(await again`select pg_has_role('rds_iam', 'usage') as iam, current_user as name`).toMatchObject([
      { name: 'master' },
    ])
    expect(
      await superuser`
      select from pg_auth_members where roleid = 'rds_iam'::regrole and member = 'master'::regrole`,
    ).toEqual([])
    await Promise.all([master.end(), again.end()])
  } finally {
    await stop()
  }
})

test('where there is no IAM, roles keep the passwords that they have', async () => {
  const before = await owner`select rolname, rolpassword from pg_authid where rolname like 'app\\_%' order by 1`
  expect(before.length).toBeGreaterThan(0)
  await migrate(owner, project, none)
  expect(await owner`select rolname, rolpassword from pg_authid where rolname like 'app\\_%' order by 1`).toEqual(
    before,
  )
})

test('the template of the tests is what the migrations make', async () => {
  await migrate(owner, project, none)
  const copy = await createTestDatabase()
  try {
    const [columns, constraints] = await describeSchema(owner)
    expect(columns?.length).toBeGreaterThan(50)
    expect(await describeSchema(copy.connect())).toEqual([columns, constraints])
  } finally {
    await copy.drop()
  }
})

test('of deploys at once the first applies, the others wait for it and find nothing to do', async () => {
  const connections = Array.from({ length: 5 }, () => database.connect())
  const results = await Promise.all(connections.map((sql) => migrate(sql, project, none)))
  expect(results.map(({ applied }) => applied).filter(({ length }) => length > 0)).toEqual([names])
  expect(new Set(results.map(({ version }) => version))).toEqual(new Set([names.length]))
  expect(await findApplied()).toEqual(names)
})

const first: Migration = { name: '0001-first.sql', sql: 'create table one (id integer); create table two (id integer)' }
const second: Migration = { name: '0002-second.sql', sql: 'alter table one add column name text' }

test('a new file is applied to what is there', async () => {
  await migrate(owner, [first], none)
  await owner`insert into one values (1)`
  expect(await migrate(owner, [second, first], none)).toEqual({ applied: [second.name], version: 2, ahead: [] })
  expect(await owner`select * from one`).toEqual([{ id: 1, name: null }])
})

test('a file that changed after it was applied, is gone from the middle, or was put in between, is refused, and nothing is applied', async () => {
  await migrate(owner, [first, second], none)
  const third: Migration = { name: '0003-third.sql', sql: 'create table three ()' }
  const refused: [readonly Migration[], string][] = [
    [[{ ...first, sql: `${first.sql} ` }, second, third], 'expected migration 0001-first.sql unchanged'],
    [[second, third], 'got 0002-second.sql'],
    [[first, { ...third, name: '0001-then.sql' }, second], 'got 0001-then.sql'],
    [[first, { ...second, name: '0002-other.sql' }], 'got 0002-other.sql'],
    [[second], 'expected migration 0001-first.sql unchanged, since it is applied; got 0002-second.sql'],
  ]
  for (const [files, message] of refused) {
    const error = await catchError(() => migrate(owner, files, none))
    expect(error).toBeInstanceOf(IntegrityError)
    expect(error.message).toContain(message)
  }
  expect(await findApplied()).toEqual([first.name, second.name])
  expect(await migrate(owner, [first, second, third], none)).toMatchObject({ applied: [third.name] })
})

test('a deploy that is rolled back finds the schema ahead, and leaves it so', async () => {
  await migrate(owner, [first, second], none)
  const log = createMemoryLog()
  const dependencies = { log, readMigrations: async () => [first], readPasswords: async () => none }
  const handler = createHandler({ ...dependencies, database: openOwn() })
  expect(await handler()).toEqual({ applied: [], version: 1, ahead: [second.name] })
  expect(log.lines).toEqual([
    { level: 'info', message: 'schema is current', fields: { count: 0, version: 1 } },
    { level: 'warn', message: 'schema is ahead of this release', fields: { count: 1, version: 1 } },
  ])
  expect(await findApplied()).toEqual([first.name, second.name])
  // The deploy that comes again finds all in place.
  expect(await migrate(owner, [first, second], none)).toEqual({ applied: [], version: 2, ahead: [] })
})

test('a file that fails leaves nothing of its deploy, and is applied when it is mended', async () => {
  const broken: Migration = { ...second, sql: 'create table three (); alter table nothing add column name text' }
  expect(await catchError(() => migrate(owner, [first, broken], none))).toMatchObject({ code: '42P01' })
  expect(await owner`select from pg_tables where schemaname in ('public', 'migration')`).toHaveLength(0)
  expect(await migrate(owner, [first, second], none)).toMatchObject({ applied: [first.name, second.name] })
})

test('a role signs in with the password that was set last, whatever is in it', async () => {
  await owner`create role ${owner(role)} login`
  const signIn = async (password: string) => {
    const url = Object.assign(new URL(database.toUrl()), { username: encodeURIComponent(role), password })
    const sql = connectTo(url.href)
    try {
      return (await sql<[{ name: string }]>`select current_user as name`)[0].name
    } finally {
      await sql.end()
    }
  }
  for (const password of ['plain', `it's a "quoted" \\ $$ one; drop role x --`, 'x'.repeat(200)]) {
    await migrate(owner, [first], new Map([[role, password]]))
    expect(await signIn(encodeURIComponent(password))).toBe(role)
    expect(await catchError(() => signIn('other'))).toMatchObject({ code: '28P01' })
  }
  const [{ hash }] = await owner<[{ hash: string }]>`select rolpassword as hash from pg_authid where rolname = ${role}`
  expect(hash).toMatch(/^SCRAM-SHA-256\$/)
})

test('a password for a role that is none is refused, without showing it', async () => {
  const statements: string[] = []
  const watched = postgres(database.toUrl(), {
    max: 1,
    onnotice: () => {},
    debug: (_connection, query, parameters) => statements.push(`${query} ${JSON.stringify(parameters)}`),
  })
  const error = await catchError(() => migrate(watched, [first], new Map([['nobody at all', 'secret']])))
  await watched.end()
  expect(error).toMatchObject({ code: '42704' })
  expect(JSON.stringify([error, error.message])).not.toContain('secret')
  // A server may log what it is sent.
  expect(statements.join()).toContain('alter role "nobody at all" password')
  expect(statements.join()).not.toContain('secret')
  expect(await owner`select from pg_tables where schemaname = 'public'`).toHaveLength(0)
})

test('the handler reads, applies and says what it did', async () => {
  const log = createMemoryLog()
  const dependencies = { log, readMigrations: async () => [first], readPasswords: async () => none }
  const handler = createHandler({ ...dependencies, database: openOwn() })
  expect(await handler()).toEqual({ applied: [first.name], version: 1, ahead: [] })
  expect(log.lines).toEqual([{ level: 'info', message: 'schema is current', fields: { count: 1, version: 1 } }])
  await expect(createHandler({ ...dependencies, database: openOwn(1) })()).rejects.toThrow(UnavailableError)
})
