// A PostgreSQL server outside vitest, with the newest schema and the functions' roles, for benchmarks.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../local/postgres.ts'
import { createTemplate } from './database.ts'

/** Starts one in a temporary folder, which goes with it. */
export async function startTemporaryPostgres(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'verified-wallets-postgres-'))
  const server = await startPostgres({ stateFolder })
  const stop = async () => {
    await server.stop()
    await rm(stateFolder, { recursive: true, force: true })
  }
  try {
    await createTemplate(server.url)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: server.url, stop }
}
