// A PostgreSQL server outside vitest, with the newest schema and the functions' roles, for benchmarks.
import { tmpdir } from 'node:os'
import { startPostgres } from '../../local/postgres.ts'
import { createTemplate } from './database.ts'
import { makeTestFolder } from './test-folder.ts'

/** Starts one in a temporary folder. Both go when it is stopped, and when this process exits. */
export async function startTemporaryPostgres(): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const { folder: stateFolder, remove } = makeTestFolder(tmpdir())
  const server = await startPostgres({ stateFolder })
  const stop = async () => {
    await server.stop()
    remove()
  }
  try {
    await createTemplate(server.url)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: server.url, stop }
}
