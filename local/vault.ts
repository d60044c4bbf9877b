// The mnemonic of the local stack: where it comes from, and that a database never meets another than it began with.
import { readFile, stat } from 'node:fs/promises'
import postgres from 'postgres'
import { provision } from '../functions/provision/provision.ts'
import { createVaultPorts } from '../functions/provision/vault-ports.ts'
import { commitMnemonic, decodeMnemonic } from '../shared/mnemonic.ts'
import { parseVaultRecord } from '../shared/vault.ts'
import type { Outputs } from './deploy.ts'
import { asRole, type EmulatorClients, runFunction } from './emulator-clients.ts'
import { describe, LocalError } from './local-error.ts'

/**
 * Works with the phrase of a mnemonic file, which is wiped when the work ends. It stays bytes: a string cannot be wiped.
 *
 * @throws {LocalError} when the file cannot be read or holds no phrase of 24 words; never shows it
 */
export async function withPhrase<Result>(
  path: string,
  work: (phrase: Uint8Array) => Promise<Result> | Result,
): Promise<Result> {
  const content = await readFile(path).catch((cause: unknown) => {
    throw new LocalError(`--mnemonic-file ${path} cannot be read: ${describe(cause)}`, { cause })
  })
  try {
    const phrase = trim(content)
    try {
      const entropy = decodeMnemonic(phrase)
      entropy.fill(0)
      if (entropy.length !== 32) throw new LocalError(`expected 24 words; got ${(entropy.length * 3) / 4}`)
    } catch (cause) {
      const expected = 'expected one line with the 24 words, lower case, one space between two'
      throw new LocalError(`--mnemonic-file ${path} holds no usable mnemonic (${describe(cause)}): ${expected}`, {
        cause,
      })
    }
    return await work(phrase)
  } finally {
    content.fill(0)
  }
}

/** Without the white space at both ends. A view, not a copy. */
function trim(bytes: Uint8Array): Uint8Array {
  const isSpace = (byte: number | undefined) => byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d)
  let start = 0
  let end = bytes.length
  while (start < end && isSpace(bytes[start])) start++
  while (end > start && isSpace(bytes[end - 1])) end--
  return bytes.subarray(start, end)
}

/** Whether others than its owner may read a file. */
export async function isReadableByOthers(path: string): Promise<boolean> {
  return ((await stat(path)).mode & 0o044) !== 0
}

/**
 * Makes sure that the deployed vault holds a root: that of the mnemonic file, or one that the provision function makes.
 *
 * @returns the root commitment, and whether the vault was empty before
 * @throws {ConfigurationError} when the vault holds another root than the file's
 */
export async function provisionVault(
  clients: EmulatorClients,
  outputs: Outputs,
  mnemonicFile: string | undefined,
): Promise<{ readonly rootCommitment: string; readonly created: boolean }> {
  const vault = { stage: 'local', secretArn: outputs.VaultSecretArn, keyArn: outputs.VaultKeyArn }
  const ports = createVaultPorts(clients, vault)
  const present = await ports.readRecord()
  if (mnemonicFile !== undefined) {
    // As `npm run vault -- import` does: the account itself cannot wrap.
    await asRole(clients.url, outputs.VaultImportRoleArn, (importer) =>
      withPhrase(mnemonicFile, (phrase) => provision(createVaultPorts(importer, vault), phrase)),
    )
  } else if (present === undefined) await runFunction(clients.lambda, outputs.ProvisionFunctionName)
  const record = await ports.readRecord()
  if (record === undefined) throw new LocalError('the vault is still empty after provisioning')
  return { rootCommitment: parseVaultRecord(record).root_commitment, created: present === undefined }
}

// ---- which root a database belongs to

/** Whether wallets were issued into a database, and from which root; the latter once `bindDatabase` has written it. */
export type DatabaseRoot = { readonly issued: boolean; readonly rootCommitment: string | undefined }

/** Reads it as administrator. A database that holds nothing yet has issued nothing. */
export function readDatabaseRoot(databaseUrl: string): Promise<DatabaseRoot> {
  return withDatabase(databaseUrl, async (sql) => {
    const [found] = await sql<[{ wallets: boolean; root: boolean }]>`
      select to_regclass('wallet.wallets') is not null as wallets, to_regclass('local_stack.root') is not null as root`
    const issued = found.wallets && (await sql`select 1 from wallet.wallets limit 1`).length > 0
    const rows = found.root ? await sql<{ commitment: string }[]>`select commitment from local_stack.root` : []
    return { issued, rootCommitment: rows[0]?.commitment }
  })
}

/**
 * Binds a database to a root, so that it is recognised even when the emulator's state is lost.
 *
 * @throws {LocalError} when wallets of another root are in it
 */
export async function bindDatabase(databaseUrl: string, rootCommitment: string): Promise<void> {
  const bound = await readDatabaseRoot(databaseUrl)
  if (bound.rootCommitment === rootCommitment) return
  if (bound.issued) {
    throw new LocalError(
      'the database holds wallets of another mnemonic than the vault does: issuing into it would mix the two. ' +
        'Use the state or the --mnemonic-file that it began with, or another database.',
    )
  }
  await withDatabase(databaseUrl, (sql) =>
    sql.begin(async (tx) => {
      await tx`create schema if not exists local_stack`
      await tx`create table if not exists local_stack.root (commitment text primary key)`
      await tx`delete from local_stack.root`
      await tx`insert into local_stack.root (commitment) values (${rootCommitment})`
    }),
  )
}

/** Whether the file's phrase is the root that a database is bound to. */
export async function isRootOf(database: DatabaseRoot, mnemonicFile: string): Promise<boolean> {
  return withPhrase(mnemonicFile, (phrase) => commitMnemonic(phrase) === database.rootCommitment)
}

async function withDatabase<Result>(
  databaseUrl: string,
  work: (sql: postgres.Sql) => Promise<Result>,
): Promise<Result> {
  const sql = postgres(databaseUrl, { max: 1, connect_timeout: 5, onnotice: () => {} })
  try {
    return await work(sql)
  } catch (cause) {
    if (cause instanceof LocalError) throw cause
    const { hostname, port, pathname } = new URL(databaseUrl)
    const address = `${hostname}:${port || 5432}${pathname}`
    const expected = 'expected a PostgreSQL that runs there, and a user who may create roles and schemas'
    throw new LocalError(`the database ${address} cannot be used (${describe(cause)}): ${expected}`, { cause })
  } finally {
    await sql.end({ timeout: 1 })
  }
}
