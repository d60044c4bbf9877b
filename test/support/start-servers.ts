// Before the integration tests: PostgreSQL with the migrated template database, and Kafka, fresh and on free ports.
// After them, and when they are interrupted: all servers end, those that a test file started too, and their files go.
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { installKafka } from '../../local/install.ts'
import { startKafka } from '../../local/kafka.ts'
import { startPostgres } from '../../local/postgres.ts'
import { createTemplate } from './database.ts'
import { makeTestFolder } from './test-folder.ts'

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
  const { folder, remove } = makeTestFolder(tmpdir())
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
    remove()
  }
}
