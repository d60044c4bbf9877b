// The connection to Postgres without a Postgres: what counts as away, what is forgotten after a failure, what is hidden.
import { createServer } from 'node:net'
import postgres from 'postgres'
import { describe, expect, it, vi } from 'vitest'
import {
  createDatabase,
  type DatabaseOptions,
  inTransaction,
  isDatabaseUnavailable,
  parseCredentials,
  type Sql,
} from '../../shared/database.ts'
import { ConfigurationError, UnavailableError } from '../../shared/errors.ts'
import { catchError, makeAwsError } from '../support/fakes.ts'

const withCode = (code: string, message = 'as the driver says') => Object.assign(new Error(message), { code })

/** A port of this machine at which nobody listens. */
async function findClosedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 1
}

/** Connects to nothing until a statement is sent; most work here sends none. */
function setUp(options: Partial<DatabaseOptions> = {}) {
  const readCredentials = vi.fn(options.readCredentials ?? (async () => ({ username: 'app', password: 'hunter2' })))
  const database = createDatabase({
    host: '127.0.0.1',
    port: 1,
    name: 'wallets',
    applicationName: 'test',
    tls: 'off',
    now: Date.now,
    deadline: 5000,
    ...options,
    readCredentials,
  })
  return { database, readCredentials }
}

describe('what counts as the database being away', () => {
  it.each([
    '08006',
    '53300',
    '57P01',
    '57014',
    '40001',
    '40P01',
    '25P03',
    '28P01',
    '28000',
    '55P03',
    'CONNECTION_CLOSED',
    'CONNECTION_DESTROYED',
    'CONNECTION_ENDED',
    'CONNECT_TIMEOUT',
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ENOTFOUND',
    'EAI_AGAIN',
  ])('%s', (code) => {
    expect(isDatabaseUnavailable(withCode(code))).toBe(true)
  })

  it.each(['23505', '23514', '42501', '42P01', '22021', '3D000', '080', 'XECONNREFUSED', 'ENOENT', ''])(
    'not %s, which a retry cannot mend',
    (code) => {
      expect(isDatabaseUnavailable(withCode(code))).toBe(false)
    },
  )

  it('several addresses, one of which failed so', () => {
    expect(isDatabaseUnavailable(new AggregateError([withCode('ENOENT'), withCode('ECONNREFUSED')], 'all'))).toBe(true)
    expect(isDatabaseUnavailable(new AggregateError([new Error('other')], 'all'))).toBe(false)
  })

  it.each([undefined, null, 'ECONNREFUSED', { code: 'ECONNREFUSED' }, new Error('x'), { code: 8 }])(
    'not %j',
    (error) => {
      expect(isDatabaseUnavailable(error)).toBe(false)
    },
  )
})

describe('a piece of work', () => {
  it('gets a connection, whose credentials are read once', async () => {
    const { database, readCredentials } = setUp()
    const connections = new Set<unknown>()
    const results = [
      await database.run(async (sql) => connections.add(sql).size),
      await database.run(async (sql) => connections.add(sql).size),
    ]
    expect(results).toEqual([1, 1])
    expect(readCredentials).toHaveBeenCalledTimes(1)
    await database.close()
  })

  it.each(['ECONNRESET', '57P01', 'CONNECTION_CLOSED'])(
    'that fails with %s is unavailable, and the next one connects anew',
    async (code) => {
      const { database, readCredentials } = setUp()
      const cause = withCode(code)
      const error = await catchError(() => database.run(() => Promise.reject(cause)))
      expect(error).toMatchObject({ name: 'UnavailableError', part: 'database', cause })
      expect(await database.run(async () => 'fine')).toBe('fine')
      expect(readCredentials).toHaveBeenCalledTimes(2)
      await database.close()
    },
  )

  it.each([
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
  ])('that meets a certificate it cannot trust (%s) is for a person, and the next one connects anew', async (code) => {
    const { database, readCredentials } = setUp()
    const error = await catchError(() => database.run(() => Promise.reject(withCode(code))))
    expect(error).toBeInstanceOf(ConfigurationError)
    expect(error.message).toContain(code)
    await database.run(async () => 'fine')
    expect(readCredentials).toHaveBeenCalledTimes(2)
    await database.close()
  })

  it('after a sleep gets another connection, but none while others are at work', async () => {
    let now = 0
    const { database, readCredentials } = setUp({ now: () => now })
    const long = Promise.withResolvers<string>()
    const slow = database.run(() => long.promise)
    now = 3_600_000
    expect(await database.run(async () => 'beside it')).toBe('beside it')
    long.resolve('done')
    expect(await slow).toBe('done')
    expect(readCredentials).toHaveBeenCalledTimes(1)
    now += 60_001
    await database.run(async () => 'after a sleep')
    expect(readCredentials).toHaveBeenCalledTimes(2)
    await database.close()
  })

  it('that is wrong fails as it is, and keeps the connection', async () => {
    const { database, readCredentials } = setUp()
    const error = withCode('23505')
    expect(await catchError(() => database.run(() => Promise.reject(error)))).toBe(error)
    const kafka = new UnavailableError('kafka', 'away')
    expect(await catchError(() => database.run(() => Promise.reject(kafka)))).toBe(kafka)
    await database.run(async () => 'fine')
    expect(readCredentials).toHaveBeenCalledTimes(1)
    await database.close()
  })

  it('that comes late to a connection which is gone leaves the newer one alone', async () => {
    const { database, readCredentials } = setUp()
    const late = Promise.withResolvers<never>()
    const slow = database.run(() => late.promise)
    await catchError(() => database.run(() => Promise.reject(withCode('CONNECTION_CLOSED'))))
    await database.run(async () => 'on a new connection')
    late.reject(withCode('CONNECTION_DESTROYED'))
    expect(await catchError(() => slow)).toBeInstanceOf(UnavailableError)
    await database.run(async () => 'on the same one')
    expect(readCredentials).toHaveBeenCalledTimes(2)
    await database.close()
  })

  it('that takes too long is unavailable', async () => {
    const { database, readCredentials } = setUp({ deadline: 5 })
    const error = await catchError(() => database.run(() => new Promise(() => {})))
    expect(error).toEqual(new UnavailableError('database', 'the database did not answer within 5 ms'))
    await database.run(async () => 'fine')
    expect(readCredentials).toHaveBeenCalledTimes(2)
    await database.close()
  })

  it('for which nobody listens is unavailable', async () => {
    const { database } = setUp({ port: await findClosedPort() })
    const error = await catchError(() => database.run((sql) => sql`select 1`))
    expect(error).toMatchObject({ name: 'UnavailableError', part: 'database' })
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' })
    expect(error.message).not.toMatch(/127\.0\.0\.1|hunter2/)
    await database.close()
  })

  it('that Postgres refuses tells why, without the row that it was about', async () => {
    const { database } = setUp()
    // The driver makes them of the fields that the server sent.
    const fields = {
      message: 'duplicate key value violates unique constraint "w"',
      code: '23505',
      constraint_name: 'w',
      detail: 'Key (user_id, address)=(alice, 1Lq) already exists.',
      where: 'PL/pgSQL function f(alice)',
      hint: 'alice',
      internal_query: "select 'alice'",
    }
    const refusal = new postgres.PostgresError(fields as unknown as string)
    const error = await catchError(() => database.run(() => Promise.reject(refusal)))
    expect(error).toBe(refusal)
    expect(error).toMatchObject({ code: '23505', constraint_name: 'w', message: expect.stringContaining('duplicate') })
    expect(JSON.stringify({ ...error, message: error.message, stack: error.stack })).not.toMatch(/alice|1Lq/)
    await database.close()
  })
})

describe('credentials', () => {
  it.each(['28P01', '28000'])('that are refused (%s) are read anew and tried once more', async (code) => {
    const { database, readCredentials } = setUp()
    const refusals = [withCode(code)]
    const work = vi.fn(async () => {
      const refusal = refusals.pop()
      if (refusal) throw refusal
      return 'fine'
    })
    expect(await database.run(work)).toBe('fine')
    expect(readCredentials).toHaveBeenCalledTimes(2)
    refusals.push(withCode(code), withCode(code))
    expect(await catchError(() => database.run(work))).toMatchObject({ name: 'UnavailableError', cause: { code } })
    expect(work).toHaveBeenCalledTimes(4)
    await database.close()
  })

  it('that cannot be read are the database being away, and are read again', async () => {
    const failures = [makeAwsError('ThrottlingException'), undefined]
    const { database } = setUp({
      readCredentials: async () => {
        const failure = failures.shift()
        if (failure) throw failure
        return { username: 'app', password: 'hunter2' }
      },
    })
    expect(await catchError(() => database.run(async () => 1))).toMatchObject({
      name: 'UnavailableError',
      part: 'database',
      cause: { name: 'ThrottlingException' },
    })
    expect(await database.run(async () => 2)).toBe(2)
    await database.close()
  })

  it('that are none are a fault of the deployment, which may be mended while we run', async () => {
    const texts = [undefined, '{"username":"app","password":"hunter2"}']
    const { database } = setUp({ readCredentials: async () => parseCredentials(texts.shift()) })
    expect(await catchError(() => database.run(async () => 1))).toBeInstanceOf(ConfigurationError)
    expect(await database.run(async () => 2)).toBe(2)
    await database.close()
  })

  it('that never come do not hold up the deadline', async () => {
    const { database } = setUp({ deadline: 5, readCredentials: () => new Promise(() => {}) })
    expect(await catchError(() => database.run(async () => 1))).toMatchObject({ name: 'UnavailableError' })
  })

  it.each([
    undefined,
    '',
    'hunter2',
    '{"username":"app"}',
    '{"username":"","password":"hunter2"}',
    '["app","hunter2"]',
  ])('are not %j, and are not shown', async (text) => {
    const error = await catchError(() => parseCredentials(text))
    expect(error).toEqual(new ConfigurationError('expected a database secret of the form {"username", "password"}'))
    expect(error.cause).toBeUndefined()
  })
})

it('a connection that was never opened can be closed', async () => {
  const { database, readCredentials } = setUp()
  await database.close()
  expect(readCredentials).not.toHaveBeenCalled()
})

describe('a transaction', () => {
  it('is begun on a connection, and is a savepoint inside another', async () => {
    const calls: string[] = []
    const inner = {
      savepoint: (work: (tx: unknown) => unknown) => {
        calls.push('savepoint')
        return work('inner')
      },
    }
    const outer = {
      begin: (work: (tx: unknown) => unknown) => {
        calls.push('begin')
        return work(inner)
      },
    }
    const result = await inTransaction(outer as unknown as Sql, (tx) => inTransaction(tx, async (tx) => [tx]))
    expect(calls).toEqual(['begin', 'savepoint'])
    expect(result).toEqual(['inner'])
  })
})
