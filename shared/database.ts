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
  const run = async (tx: Sql) => {
    try {
      // Boxed, since the driver takes an array that the work resolves to for a list of queries.
      return { result: await work(tx) }
    } catch (error) {
      // The driver answers a rejection by a rollback, and on a connection that is no more that ends the process
      // (a TypeError out of reach). It is not told: `begin` rejects by itself when its connection closes.
      if (isConnectionLost(error)) return new Promise<never>(() => {})
      throw error
    }
  }
  const { result } =
    'savepoint' in sql ? await (sql as postgres.TransactionSql).savepoint(run) : await (sql as postgres.Sql).begin(run)
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
  /**
   * Reads user name and password; called when the first connection is made, and again after a failure. What it throws
   * counts as the database being away, but for a `ConfigurationError`.
   */
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
// operator intervention, serialization failure, deadlock, a transaction that idled too long, a lock not had
// (PostgreSQL, appendix A), and wrong credentials, since those are read anew with each connection.
const retriableStates = /^(08...|53...|57...|40001|40P01|25P03|28P01|28000|55P03)$/
const clientCodes = /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/

/** The SQLSTATE of the server, or the code of Node or of the driver. */
const readCode = (error: unknown) =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** Whether a statement failed since its connection is no more. The driver adds the statement to its errors. */
const isConnectionLost = (error: unknown) =>
  error instanceof Error && 'query' in error && clientCodes.test(readCode(error))

/** Whether the database was away, restarting, full or busy, rather than the statement wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable)
  return retriableStates.test(readCode(error)) || clientCodes.test(readCode(error))
}

/** Fields of a server's error that quote rows (PostgreSQL, 53.8). Lambda logs every property of what a handler throws. */
const fieldsWithRows = ['detail', 'where', 'hint', 'internal_query']

/** Opens nothing yet: the first `run` connects. One connection, since a container serves one invocation at a time. */
export function createDatabase(options: DatabaseOptions): Database {
  let connection: Promise<postgres.Sql> | undefined

  async function readCredentials() {
    try {
      return await options.readCredentials()
    } catch (error) {
      if (error instanceof ConfigurationError) throw error
      throw new UnavailableError('database', 'the credentials of the database could not be read', { cause: error })
    }
  }

  async function connect(): Promise<postgres.Sql> {
    const credentials = await readCredentials()
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

  /** Forgets a connection, so that the next piece of work makes its own. A newer one stays. */
  async function drop(dropped: Promise<postgres.Sql>) {
    if (connection === dropped) connection = undefined
    const sql = await dropped.catch(() => undefined)
    await sql?.end({ timeout: 0 })
  }

  async function close() {
    if (connection !== undefined) await drop(connection)
  }

  async function run<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    connection ??= connect()
    const used = connection
    // A failure to connect is not remembered.
    used.catch(() => drop(used))
    const { promise: expired, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new UnavailableError('database', `no answer within ${options.deadline} ms`)),
      options.deadline,
    )
    try {
      return await Promise.race([used.then(work), expired])
    } catch (error) {
      if (error instanceof postgres.PostgresError) {
        for (const field of fieldsWithRows) Reflect.deleteProperty(error, field)
      }
      const isAway = error instanceof UnavailableError && error.part === 'database'
      if (!isAway && !isDatabaseUnavailable(error)) throw error
      // Not waited for: the deadline holds also when the connection itself does not come about.
      void drop(used)
      throw isAway ? error : new UnavailableError('database', 'the database is not available', { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }

  return { run, close }
}
