// shared/database.ts on a real server: what a transaction keeps, and every way in which the server can be away.
import type postgres from 'postgres'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import {
  createDatabase,
  type Database,
  type DatabaseOptions,
  inTransaction,
  isDatabaseUnavailable,
  parseCredentials,
  type Sql,
} from '../../shared/database.ts'
import { ConfigurationError, IntegrityError, UnavailableError } from '../../shared/errors.ts'
import { connectTo } from '../support/database.ts'
import { catchError } from '../support/fakes.ts'
import { startOwnPostgres } from '../support/servers.ts'

let server: Awaited<ReturnType<typeof startOwnPostgres>>
let admin: postgres.Sql
const opened: Database[] = []

beforeAll(async () => {
  server = await startOwnPostgres()
  admin = connectTo(server.first.url)
  await admin`create table items (id integer primary key)`
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()))
  await admin`truncate items`
})

afterAll(async () => {
  await admin.end()
  await server.stop()
})

function open(options: Partial<DatabaseOptions> = {}): Database {
  const { hostname, port, pathname, username, password } = new URL(server.first.url)
  const database = createDatabase({
    host: hostname,
    port: Number(port),
    name: pathname.slice(1),
    applicationName: 'test',
    tls: 'off',
    now: Date.now,
    deadline: 30_000,
    readCredentials: async () => ({ username, password }),
    ...options,
  })
  opened.push(database)
  return database
}

const insert = (sql: Sql, id: number) => sql`insert into items values (${id})`
const findIds = async (sql: Sql) => (await sql<{ id: number }[]>`select id from items order by id`).map(({ id }) => id)
const findPid = async (sql: Sql) => (await sql<[{ pid: number }]>`select pg_backend_pid() as pid`)[0].pid
const terminate = (pid: number) => admin`select pg_terminate_backend(${pid})`
/** Which of the test's connections sleep in the server now. */
const findSleepers = () => admin<{ pid: number }[]>`
  select pid from pg_stat_activity where application_name = 'test' and state = 'active' and query like '%pg_sleep%'`

async function expectUnavailable(work: () => Promise<unknown>): Promise<Error> {
  const error = await catchError(work)
  expect(error).toBeInstanceOf(UnavailableError)
  expect(error).toMatchObject({ part: 'database', retriable: true })
  return error
}

test('a transaction is committed when its work resolves, to whatever it resolves to', async () => {
  const database = open()
  const result = await database.run((sql) =>
    inTransaction(sql, async (tx) => {
      await insert(tx, 1)
      return [Promise.resolve(1), 'two']
    }),
  )
  expect(result).toEqual([Promise.resolve(1), 'two'])
  expect(await database.run(findIds)).toEqual([1])
})

test('a transaction is rolled back when its work rejects, and the rejection passes as it is', async () => {
  const database = open()
  const refusal = new IntegrityError('no')
  const work = () =>
    database.run((sql) =>
      inTransaction(sql, async (tx) => {
        await insert(tx, 1)
        throw refusal
      }),
    )
  expect(await catchError(work)).toBe(refusal)
  expect(await database.run(findIds)).toEqual([])
})

test('a transaction inside one is undone alone, whether its work or a statement failed', async () => {
  const database = open()
  await database.run((sql) =>
    inTransaction(sql, async (tx) => {
      await insert(tx, 1)
      const refusal = new Error('no')
      const byWork = inTransaction(tx, async (nested) => {
        await insert(nested, 2)
        throw refusal
      })
      expect(await catchError(() => byWork)).toBe(refusal)
      const byStatement = inTransaction(tx, async (nested) => {
        await insert(nested, 3)
        await insert(nested, 1)
      })
      expect(await catchError(() => byStatement)).toMatchObject({ code: '23505' })
      await inTransaction(tx, (nested) => insert(nested, 4))
    }),
  )
  expect(await database.run(findIds)).toEqual([1, 4])
})

test('a transaction inside one that is rolled back goes with it', async () => {
  const database = open()
  const work = () =>
    database.run((sql) =>
      inTransaction(sql, async (tx) => {
        await inTransaction(tx, (nested) => insert(nested, 1))
        throw new Error('no')
      }),
    )
  await catchError(work)
  expect(await database.run(findIds)).toEqual([])
})

test('a wrong statement is no outage, and its error quotes no row', async () => {
  const database = open()
  const pid = await database.run(findPid)
  await database.run((sql) => insert(sql, 7))
  const error = await catchError(() => database.run((sql) => insert(sql, 7)))
  expect(error).toMatchObject({ code: '23505', constraint_name: 'items_pkey' })
  for (const field of ['detail', 'where', 'hint', 'internal_query']) expect(error).not.toHaveProperty(field)
  expect(await database.run(findPid)).toBe(pid)
})

test('the server knows whose connection it is and for how long it may work', async () => {
  const [settings] = await open({ applicationName: 'wallet', deadline: 12_345 }).run(
    (sql) => sql`
      select current_setting('application_name') as name, current_setting('statement_timeout') as statement,
             current_setting('idle_in_transaction_session_timeout') as idle`,
  )
  expect(settings).toEqual({ name: 'wallet', statement: '12345ms', idle: '12345ms' })
})

test('what the server remarks is printed nowhere', async () => {
  const print = vi.spyOn(console, 'log')
  await open().run((sql) => sql`create table if not exists items ()`)
  expect(print).not.toHaveBeenCalled()
})

test('work at the same time shares the one connection', async () => {
  const database = open()
  const pids = await Promise.all(
    [1, 2, 3].map((id) =>
      database.run((sql) =>
        inTransaction(sql, async (tx) => {
          await insert(tx, id)
          return await findPid(tx)
        }),
      ),
    ),
  )
  expect(new Set(pids).size).toBe(1)
  expect(await database.run(findIds)).toEqual([1, 2, 3])
})

test('a closed database opens again when it is used; closing what was never open does nothing', async () => {
  const database = open()
  await database.close()
  const pid = await database.run(findPid)
  await database.close()
  await expect.poll(() => admin`select from pg_stat_activity where pid = ${pid}`).toHaveLength(0)
  expect(await database.run(findPid)).not.toBe(pid)
})

test('a stopped server is an outage, and the end of it is noticed without help', async () => {
  const database = open()
  await database.run((sql) => insert(sql, 1))
  await server.stop()
  try {
    const error = await expectUnavailable(() => database.run(findIds))
    expect(error.cause).toMatchObject({ code: expect.stringMatching(/^(ECONN|CONNECTION_)/) })
    // Also for one that never was connected.
    await expectUnavailable(() => open().run(findIds))
    await expectUnavailable(() => database.run(findIds))
  } finally {
    await server.startAgain()
  }
  expect(await database.run(findIds)).toEqual([1])
})

test('a connection that ends in the middle of a statement is an outage, and nothing of its transaction stays', async () => {
  const database = open()
  const failure = expectUnavailable(() =>
    database.run((sql) =>
      inTransaction(sql, async (tx) => {
        await insert(tx, 1)
        await tx`select pg_sleep(60)`
      }),
    ),
  )
  await expect.poll(findSleepers).toHaveLength(1)
  for (const { pid } of await findSleepers()) await terminate(pid)
  await failure
  expect(await database.run(findIds)).toEqual([])
})

test('a connection that ends while its transaction waits for something else is an outage', async () => {
  const database = open()
  const elsewhere = Promise.withResolvers<void>()
  const inside = Promise.withResolvers<number>()
  let late: unknown
  const failure = expectUnavailable(() =>
    database.run((sql) =>
      inTransaction(sql, async (tx) => {
        await insert(tx, 1)
        inside.resolve(await findPid(tx))
        await elsewhere.promise
        late = await catchError(() => insert(tx, 2))
      }),
    ),
  )
  await terminate(await inside.promise)
  await failure
  elsewhere.resolve()
  expect(await database.run(findIds)).toEqual([])
  await expect.poll(() => late).toMatchObject({ code: 'CONNECTION_DESTROYED' })
})

test('a connection that ended while it idled is replaced', async () => {
  const database = open()
  const pid = await database.run(findPid)
  await terminate(pid)
  await expect.poll(() => admin`select from pg_stat_activity where pid = ${pid}`).toHaveLength(0)
  // The first use may be what notices.
  await database.run(findPid).catch((error: unknown) => expect(error).toBeInstanceOf(UnavailableError))
  expect(await database.run(findPid)).not.toBe(pid)
})

test('work that takes too long is an outage, and ends in the server too', async () => {
  const database = open({ deadline: 400 })
  await expectUnavailable(() => database.run((sql) => sql`select pg_sleep(60)`))
  await expect.poll(findSleepers).toHaveLength(0)
  expect(await database.run(async () => 'works')).toBe('works')
})

test('a server that takes the connection and says nothing is an outage at the deadline', async () => {
  const database = open({ deadline: 400 })
  server.freeze()
  try {
    const error = await expectUnavailable(() => database.run(findIds))
    expect(error.message).toBe('the database did not answer within 400 ms')
  } finally {
    server.thaw()
  }
  expect(await open().run(findIds)).toEqual([])
  await expect.poll(() => database.run(findIds).catch(() => undefined)).toEqual([])
})

test('one piece of work that fails takes along what shares its connection, and no newer one', async () => {
  const database = open()
  const elsewhere = Promise.withResolvers<void>()
  const late = expectUnavailable(() =>
    database.run(async (sql) => {
      await elsewhere.promise
      return await findPid(sql)
    }),
  )
  const sleep = () => expectUnavailable(() => database.run((sql) => sql`select pg_sleep(60)`))
  const both = Promise.all([sleep(), sleep()])
  await expect.poll(findSleepers).toHaveLength(1)
  for (const { pid } of await findSleepers()) await terminate(pid)
  await both
  const pid = await database.run(findPid)
  elsewhere.resolve()
  await late
  expect(await database.run(findPid)).toBe(pid)
})

test('an error of another service inside a transaction rolls it back, though it looks like a lost connection', async () => {
  const database = open()
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  const error = await catchError(() =>
    database.run((sql) =>
      inTransaction(sql, async (tx) => {
        await insert(tx, 1)
        throw refused
      }),
    ),
  )
  expect(error.cause).toBe(refused)
  expect(await database.run(findIds)).toEqual([])
})

test('a password that is refused is read anew and tried once more; refused again it is an outage', async () => {
  const { username, password } = new URL(server.first.url)
  const passwords = ['old', password, 'old', 'still old', password]
  const readCredentials = async () => ({ username, password: passwords.shift() ?? 'none left' })
  const database = open({ readCredentials })
  expect(await database.run(findIds)).toEqual([])
  expect(await database.run(findIds)).toEqual([])
  expect(passwords).toHaveLength(3)
  await database.close()
  const error = await expectUnavailable(() => database.run(findIds))
  expect(error.cause).toMatchObject({ code: '28P01' })
  expect(await database.run(findIds)).toEqual([])
  expect(passwords).toEqual([])
})

test('credentials that cannot be read are an outage, those that are malformed are not; neither is remembered', async () => {
  const { username, password } = new URL(server.first.url)
  const throttled = new Error('ThrottlingException')
  const malformed = new ConfigurationError('expected something else')
  const failures: Error[] = [throttled, malformed]
  const readCredentials = async () => {
    const failure = failures.shift()
    if (failure) throw failure
    return { username, password }
  }
  const database = open({ readCredentials })
  expect((await expectUnavailable(() => database.run(findIds))).cause).toBe(throttled)
  expect(await catchError(() => database.run(findIds))).toBe(malformed)
  expect(await database.run(findIds)).toEqual([])
})

test('which failures are outages', () => {
  const withCode = (code: unknown) => Object.assign(new Error('failed'), { code })
  const outages = ['08006', '53300', '57P03', '57014', '40001', '40P01', '25P03', '28P01', '55P03', 'ECONNREFUSED']
  for (const code of [...outages, 'CONNECTION_CLOSED', 'CONNECT_TIMEOUT', 'ENOTFOUND']) {
    expect(isDatabaseUnavailable(withCode(code)), code).toBe(true)
  }
  for (const code of ['23505', '42501', '42P01', '22P02', '3D000', 7]) {
    expect(isDatabaseUnavailable(withCode(code)), String(code)).toBe(false)
  }
  // Node gathers the failures of a host with several addresses.
  expect(isDatabaseUnavailable(new AggregateError([withCode('ECONNREFUSED')], 'both'))).toBe(true)
  expect(isDatabaseUnavailable(new AggregateError([withCode('23505')], 'both'))).toBe(false)
  expect(isDatabaseUnavailable(new Error('failed'))).toBe(false)
  expect(isDatabaseUnavailable('ECONNREFUSED')).toBe(false)
})

test('a database secret is told from anything else, and never shown', async () => {
  expect(parseCredentials('{"username":"u","password":"p","engine":"postgres"}')).toEqual({
    username: 'u',
    password: 'p',
  })
  for (const text of [undefined, '', 'secret', '{}', '{"username":"u","password":""}', '{"password":"secret"}']) {
    const error = await catchError(() => parseCredentials(text))
    expect(error).toBeInstanceOf(ConfigurationError)
    expect(JSON.stringify([error.message, error.cause ?? null])).not.toContain('secret"')
  }
})
