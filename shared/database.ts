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
  readonly readCredentials: () => Promise<Credentials>
  /** Whose certificates are trusted (PEM), for that host and no other; `off` for a server on this machine. */
  readonly tls: 'off' | { readonly readCertificates: () => Promise<readonly string[]> }
  /** Bound on one piece of work, the connection included, in milliseconds. */
  readonly deadline: number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** A password that lives for minutes only is a function: it is called for each new connection. */
export type Credentials = { readonly username: string; readonly password: string | (() => Promise<string>) }

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
const refusedSignIn = /^28(000|P01)$/
const clientCodes = /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/

/** Codes of OpenSSL and Node for a certificate that is not trusted, or not that host's. */
const certificateCodes = /^(CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_|ERR_TLS_CERT_)/

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

/** Whether it is known already that the database is away. */
const isAway = (error: unknown) => error instanceof UnavailableError && error.part === 'database'

/** Fields of a server's error that quote rows (PostgreSQL, 53.8). Lambda logs every property of what a handler throws. */
const fieldsWithRows = ['detail', 'where', 'hint', 'internal_query']

/** A connection that nobody used for so long is closed, in seconds. */
const idleTimeout = 60

/**
 * Opens nothing yet: the first `run` connects. One connection, since a container serves one invocation at a time.
 *
 * A sign-in that is refused is tried once more within the deadline, with credentials that are read anew: a password may
 * have been changed, a token may have expired while its container was frozen.
 */
export function createDatabase(options: DatabaseOptions): Database {
  let connection: Promise<postgres.Sql> | undefined
  let running = 0
  let lastUse = 0
  let failedToken: unknown

  async function readCredentials() {
    try {
      return await options.readCredentials()
    } catch (error) {
      if (error instanceof ConfigurationError) throw error
      throw new UnavailableError('database', 'the credentials of the database could not be read', { cause: error })
    }
  }

  /** The driver awaits a password where a rejection would end the process: an empty one is refused by the server. */
  const toPassword = (password: Credentials['password']) =>
    typeof password === 'string'
      ? password
      : () =>
          password().catch((error: unknown) => {
            failedToken = error
            return ''
          })

  async function connect(): Promise<postgres.Sql> {
    const credentials = await readCredentials()
    const ca = options.tls === 'off' ? undefined : await options.tls.readCertificates()
    failedToken = undefined
    return postgres({
      host: options.host,
      port: options.port,
      database: options.name,
      username: credentials.username,
      password: toPassword(credentials.password),
      ssl: ca === undefined ? false : { ca: [...ca], servername: options.host, rejectUnauthorized: true },
      max: 1,
      // A cluster that wakes up takes a connection after 15 s: there is one bound, that of the work.
      connect_timeout: options.deadline / 1000,
      idle_timeout: idleTimeout,
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

  /** As the caller is to see it. */
  function translate(error: unknown): unknown {
    if (isAway(error)) return error
    if (certificateCodes.test(readCode(error))) {
      return new ConfigurationError(
        `expected a certificate of the database that is trusted for its host; got ${readCode(error)}`,
        { cause: error },
      )
    }
    if (!isDatabaseUnavailable(error)) return error
    return new UnavailableError('database', 'the database is not available', { cause: failedToken ?? error })
  }

  async function attempt<Result>(work: (sql: Sql) => Promise<Result>, expired: Promise<never>): Promise<Result> {
    // The timers of a container stop while it is frozen, and a connection that slept may be dead: nobody answers on it.
    if (connection && running === 0 && options.now() - lastUse > idleTimeout * 1000) void drop(connection)
    connection ??= connect()
    const used = connection
    // A failure to connect is not remembered.
    used.catch(() => drop(used))
    running++
    try {
      return await Promise.race([used.then(work), expired])
    } catch (error) {
      if (error instanceof postgres.PostgresError) {
        for (const field of fieldsWithRows) Reflect.deleteProperty(error, field)
      }
      // Not waited for: the deadline holds also when the connection itself does not come about.
      if (isAway(error) || translate(error) !== error) void drop(used)
      throw error
    } finally {
      running--
      lastUse = options.now()
    }
  }

  async function run<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    const { promise: expired, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new UnavailableError('database', `the database did not answer within ${options.deadline} ms`)),
      options.deadline,
    )
    try {
      // Refused before a transaction began, so the work may begin again.
      return await attempt(work, expired).catch((error: unknown) => {
        if (!refusedSignIn.test(readCode(error))) throw error
        return attempt(work, expired)
      })
    } catch (error) {
      throw translate(error)
    } finally {
      clearTimeout(timer)
    }
  }

  return { run, close }
}
