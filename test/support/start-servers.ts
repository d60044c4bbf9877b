// Before the integration tests: PostgreSQL with the migrated template database, and Kafka, fresh and on free ports.
// After them, and when they are interrupted: all servers end, those that a test file started too, and their files go.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { readStartMark } from '../../local/file-lock.mjs'
import { installKafka } from '../../local/install.ts'
import { startKafka } from '../../local/kafka.ts'
import { startPostgres } from '../../local/postgres.ts'
import { createTemplate } from './database.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** With the superuser's name and password. */
    postgresUrl: string
    /** One string, separated by commas. */
    kafkaBrokers: string
    kafkaJarFolder: string
    /** Each server that a test file starts has its state in a folder of its own in here. */
    serversFolder: string
  }
}

/** Called by vitest; what it returns is called after the last test file. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'verified-wallets-test-'))
  const end = () => {
    killServers(folder)
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
  }
  process.once('exit', end)
  // vitest ends in order on Ctrl-C and SIGTERM, but not when its terminal closes.
  const hangUp = () => process.exit(129)
  process.once('SIGHUP', hangUp)

  const jarFolder = await installKafka({ say: (text) => project.vitest.logger.log(text) })
  const stateFolder = join(folder, 'shared')
  await mkdir(stateFolder)
  const [postgres, kafka] = await Promise.all([startPostgres({ stateFolder }), startKafka({ stateFolder, jarFolder })])
  await createTemplate(postgres.url)
  project.provide('postgresUrl', postgres.url)
  project.provide('kafkaBrokers', kafka.bootstrapServers.join())
  project.provide('kafkaJarFolder', jarFolder)
  project.provide('serversFolder', folder)

  return async () => {
    await Promise.all([kafka.stop(), postgres.stop()])
    process.off('exit', end)
    process.off('SIGHUP', hangUp)
    end()
  }
}

/**
 * Kills every server whose state is in that folder, at once: a process that exits can wait for nothing. A recorded one
 * is killed only when its start time is the recorded one.
 */
function killServers(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!/(^|\/)pids\/[^/]+\.json$/.test(name)) continue
    const { pid, startMark } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
      pid: number
      startMark: string
    }
    if (readStartMark(pid) === startMark) process.kill(-pid, 'SIGKILL')
  }
}
