// Brings a database to the newest schema: numbered SQL files, in order, each in one transaction, under one lock.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { inTransaction, type Sql } from '../../shared/database.ts'
import { IntegrityError } from '../../shared/errors.ts'

/** One file of `migrations/`, named `NNNN-what.sql`. */
export type Migration = { readonly name: string; readonly sql: string }

export type MigrateResult = { readonly applied: readonly string[]; readonly version: number }

/** Any number that nothing else in this database uses: the key of the advisory lock. */
const lockKey = 7_249_203_001

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

/**
 * Applies what was not applied yet and sets the passwords of the functions' roles. Safe to run at any time, also by
 * two deploys at once: the second waits for the first and finds nothing to do.
 *
 * @param sql a connection as an administrator of the database (one connection: the lock belongs to it)
 * @param passwords database role to password; empty where roles sign in by IAM
 * @throws {IntegrityError} when a file that was applied has changed since, or is gone. Nothing is applied then.
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
    const applied = await tx<{ name: string; sha256: string }[]>`
      select name, sha256 from migration.applied order by name`
    const ordered = migrations.toSorted((a, b) => (a.name < b.name ? -1 : 1))

    for (const [index, row] of applied.entries()) {
      const file = ordered[index]
      if (file?.name !== row.name || sha256(file.sql) !== row.sha256) {
        throw new IntegrityError(
          `expected migration ${row.name} unchanged, since it is applied; got ${file?.name ?? 'none'}. Add a new file instead.`,
        )
      }
    }
    const pending = ordered.slice(applied.length)
    for (const file of pending) {
      await tx.unsafe(file.sql)
      await tx`insert into migration.applied (name, sha256) values (${file.name}, ${sha256(file.sql)})`
    }
    for (const [role, password] of passwords) {
      // `alter role` takes no parameter: format() quotes, in the server.
      const [statement] = await tx<[{ text: string }]>`
        select format('alter role %I password %L', ${role}::text, ${toVerifier(password)}::text) as text`
      await tx.unsafe(statement.text)
    }
    return { applied: pending.map((file) => file.name), version: ordered.length }
  })
}
