// What a start leaves that was killed before the vault was saved for the first time: cleared away when nothing depends on
// it, and never when wallets do.
import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findCheckpoint } from './emulator.ts'
import { LocalError } from './local-error.ts'
import { startPostgres } from './postgres.ts'
import { type DatabaseRoot, isRootOf, readDatabaseRoot } from './vault.ts'

/**
 * Clears a state that has no checkpoint of the emulator, unless wallets were issued in its database.
 *
 * @param options.databaseUrl of a database of the user's own; undefined for the one in the state
 * @throws {LocalError} when wallets were issued and the mnemonic file does not hold their root
 */
export async function clearHalfMadeState(options: {
  readonly stateFolder: string
  readonly databaseUrl: string | undefined
  readonly mnemonicFile: string | undefined
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}): Promise<void> {
  const { stateFolder, databaseUrl, mnemonicFile, say, signal } = options
  if ((await findCheckpoint(stateFolder)) !== undefined) return

  const database =
    databaseUrl === undefined ? await readOwnDatabase(stateFolder, signal) : await readDatabaseRoot(databaseUrl)
  if (database.issued) {
    if (mnemonicFile !== undefined && (await isRootOf(database, mnemonicFile))) {
      say('the vault of the wallets in the database is gone; it is made again from the mnemonic file, which is theirs')
      return
    }
    const where = databaseUrl === undefined ? stateFolder : 'the database at DATABASE_URL'
    const other = databaseUrl === undefined ? 'forget the wallets as well: npm run reset' : 'use another database'
    throw new LocalError(
      `${where} holds issued wallets, but ${stateFolder} has no vault with their mnemonic: a new one would silently ` +
        `take its place. Give theirs with --mnemonic-file FILE, or ${other}.`,
    )
  }
  const parts = ['postgres', 'kafka', 'emulator'].map((name) => join(stateFolder, name))
  const left = (await Promise.all(parts.map(exists))).includes(true)
  if (!left) return
  say('an earlier start was cut off before it was ready, and no wallet was issued: starting over')
  for (const part of parts) await rm(part, { recursive: true, force: true })
}

async function readOwnDatabase(stateFolder: string, signal: AbortSignal): Promise<DatabaseRoot> {
  if (!(await exists(join(stateFolder, 'postgres', 'data')))) return { issued: false, rootCommitment: undefined }
  const postgres = await startPostgres({ stateFolder, signal })
  try {
    return await readDatabaseRoot(postgres.url)
  } finally {
    await postgres.stop()
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
