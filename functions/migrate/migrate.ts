// Brings a database to the newest schema: numbered SQL files, in order, each in one transaction, under one lock.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { inTransaction, type Sql } from '../../shared/database.ts'
import { IntegrityError } from '../../shared/errors.ts'

/** One file of `migrations/`, named `NNNN-what.sql`. */
export type Migration = { readonly name: string; readonly sql: string }

export type MigrateResult = {
  readonly applied: readonly string[]
  /** How many files this release has. */
  readonly version: number
  /** Files that a newer release applied and this one does not have: it runs on that schema, as the release before. */
  readonly ahead: readonly string[]
}

/** Any number that nothing else in this database uses: the key of the advisory lock. */
const lockKey = 7_249_203_001

type AppliedFile = { readonly name: string; readonly sha256: string }

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * What Postgres keeps of a password (SCRAM-SHA-256, RFC 5803; salt and keys in base64). Made here, since a server logs
 * statements: the password itself never is in one.
 */
function toVerifier(password: string): string {
  const salt = randomBytes(16)
  const iterations = 4096
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const sign = (text: string) => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(sign('Client Key')).digest()
  const [salt64, stored64, server64] = [salt, storedKey, sign('Server Key')].map((bytes) => bytes.toString('base64'))
  return `SCRAM-SHA-256$${iterations}:${salt64}$${stored64}:${server64}`
}

/** `alter role` takes no parameter: format() quotes, in the server. */
async function setPassword(tx: Sql, role: string, verifier: string | null): Promise<void> {
  const [statement] = await tx<[{ text: string }]>`
    select format('alter role %I password %L', ${role}::text, ${verifier}::text) as text`
  await tx.unsafe(statement.text)
}

/**
 * Lets the functions' roles sign in with tokens of IAM and with nothing else. The role that stands for that exists on RDS
 * only; the master user gets no such membership, since its password would count no more.
 */
async function letSignInByIam(tx: Sql): Promise<void> {
  const roles = await tx<{ name: string }[]>`
    select rolname as name from pg_roles
    where rolname like 'app\\_%' and rolcanlogin and exists (select from pg_roles where rolname = 'rds_iam')
    order by rolname`
  for (const { name } of roles) {
    await setPassword(tx, name, null)
    await tx`grant rds_iam to ${tx(name)}`
  }
}

/**
 * Refuses a history that is not ours: of the applied files and this release's, in the order of their names, one list must
 * begin with the other. The longer one may be the database's: a deploy that is rolled back finds it ahead, and migrations
 * expand before they contract, so this release runs on it.
 */
function checkHistory(applied: readonly AppliedFile[], files: readonly Migration[]): void {
  for (const [index, file] of files.slice(0, applied.length).entries()) {
    const row = applied[index] as AppliedFile
    if (file.name === row.name && sha256(file.sql) === row.sha256) continue
    throw new IntegrityError(
      `expected migration ${row.name} unchanged, since it is applied; got ${file.name}. Add a new file instead.`,
    )
  }
}

/**
 * Applies what was not applied yet and lets the functions' roles sign in. Safe to run at any time, also by two deploys at
 * once: the second waits for the first and finds nothing to do.
 *
 * @param sql a connection as an administrator of the database (one connection: the lock belongs to it)
 * @param passwords database role to password; empty where roles sign in by IAM
 * @throws {IntegrityError} when a file that was applied has changed since, is gone, or another stands before it. Nothing is
 * applied then.
 */
export async function migrate(
  sql: Sql,
  migrations: readonly Migration[],
  passwords: ReadonlyMap<string, string>,
): Promise<MigrateResult> {
  return await inTransaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${lockKey})`
    await tx`create schema if not exists migration`
    await tx`
      create table if not exists migration.applied (
        name text primary key,
        sha256 text not null,
        applied_at timestamptz not null default now()
      )`
    const applied = await tx<AppliedFile[]>`
      select name, sha256 from migration.applied order by name`
    const ordered = migrations.toSorted((a, b) => (a.name < b.name ? -1 : 1))

    checkHistory(applied, ordered)
    const pending = ordered.slice(applied.length)
    for (const file of pending) {
      await tx.unsafe(file.sql)
      await tx`insert into migration.applied (name, sha256) values (${file.name}, ${sha256(file.sql)})`
    }
    for (const [role, password] of passwords) await setPassword(tx, role, toVerifier(password))
    if (passwords.size === 0) await letSignInByIam(tx)
    const ahead = applied.slice(ordered.length).map((row) => row.name)
    return { applied: pending.map((file) => file.name), version: ordered.length, ahead }
  })
}
