// The connection to Postgres, one a container, and the translation of its failures. No table is named here.
import postgres from 'postgres'
import * as z from 'zod'
import { ConfigurationError, UnavailableError } from './errors.ts'

/** A connection, or the transaction that is open on it. */
export type Sql = postgres.ISql

/**
 * Runs work in one transaction; inside one, in a savepoint of it. Committed when the work resolves, rolled back when
 * it rejects.
 */
export async function inTransaction<Result>(sql: Sql, work: (tx: Sql) => Promise<Result>): Promise<Result> {
  // Boxed, since the driver takes an array that the work resolves to for a list of queries.
  const run = async (tx: Sql) => ({ result: await work(tx) })
  const { result } = 'savepoint' in sql ? await (sql as postgres.TransactionSql).savepoint(run) : await (sql as postgres.Sql).begin(run)
  return result
}

/** Runs work on the database; a database that is away or too slow becomes an `UnavailableError`. */
export type Database = {
  run<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

export type DatabaseOptions = {
  readonly host: string
  readonly port: number
  readonly name: string
  readonly applicationName: string
  /** Reads user name and password; called when the first connection is made, and again after a failure. */
  readonly readCredentials: () => Promise<{ readonly username: string; readonly password: string }>
  /** Bound on one piece of work, the connection included, in milliseconds. */
  readonly deadline: number
}

const credentialsSchema = z.object({ username: z.string().min(1), password: z.string().min(1) })

/**
 * Parses a database secret.
 *
 * @throws {ConfigurationError} when it is not `{"username", "password"}`; never shows it.
 */
export function parseCredentials(text: string | undefined): z.output<typeof credentialsSchema> {
  try {
    return credentialsSchema.parse(JSON.parse(text ?? ''))
  } catch {
    throw new ConfigurationError('expected a database secret of the form {"username", "password"}')
  }
}

// SQLSTATE classes and codes after which the same work may succeed: connection exceptions, insufficient resources,
// operator intervention, serialization failure, deadlock (PostgreSQL, appendix A), and wrong credentials, since
// those are read anew with each connection.
const retriableStates = /^(08...|53...|57...|40001|40P01|28P01|28000|55P03)$/
const retriableClientCodes =
  /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/

/** Whether the database was away, restarting, full or busy, rather than the statement wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable)
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false
  return retriableStates.test(error.code) || retriableClientCodes.test(error.code)
}

/** Opens nothing yet: the first `run` connects. One connection, since a container serves one invocation at a time. */
export function createDatabase(options: DatabaseOptions): Database {
  let connection: Promise<postgres.Sql> | undefined

  async function connect(): Promise<postgres.Sql> {
    const credentials = await options.readCredentials()
    return postgres({
      host: options.host,
      port: options.port,
      database: options.name,
      username: credentials.username,
      password: credentials.password,
      max: 1,
      connect_timeout: 5,
      idle_timeout: 60,
      max_lifetime: 600,
      backoff: () => 0.1,
      onnotice: () => {},
      connection: {
        application_name: options.applicationName,
        statement_timeout: options.deadline,
        idle_in_transaction_session_timeout: options.deadline,
      },
    })
  }

  async function close() {
    const closing = connection
    connection = undefined
    const sql = await closing?.catch(() => undefined)
    await sql?.end({ timeout: 0 })
  }

  async function run<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    const { promise: expired, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new UnavailableError('database', `no answer within ${options.deadline} ms`)),
      options.deadline,
    )
    try {
      const attempt = async () => {
        connection ??= connect()
        return work(await connection)
      }
      return await Promise.race([attempt(), expired])
    } catch (error) {
      if (error instanceof UnavailableError && error.part === 'database') {
        await close()
        throw error
      }
      if (!isDatabaseUnavailable(error)) throw error
      await close()
      throw new UnavailableError('database', 'the database is not available', { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }

  return { run, close }
}
