// Before the end-to-end tests: Kafka's jars, the schema fuzzer, and a folder for the states of their stacks. After them, and when they are
// interrupted: all that runs in there ends.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { installKafka } from '../../local/install.ts'
import { installFuzzer } from './fuzzer.ts'
import { makeTestFolder } from './test-folder.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** In the project's folder, as the state of `npm start` is unless it is told otherwise. */
    stacksFolder: string
    /** The program of the schema fuzzer. */
    fuzzer: string
  }
}

const localFolder = fileURLToPath(new URL('../../.local', import.meta.url))

/** Called by vitest; what it returns is called after the last test file. */
export async function setup(project: TestProject): Promise<() => void> {
  mkdirSync(localFolder, { recursive: true })
  const { folder, remove } = makeTestFolder(localFolder)
  const say = (text: string) => project.vitest.logger.log(text)
  project.provide('kafkaJarFolder', await installKafka({ say }))
  project.provide('fuzzer', await installFuzzer(say))
  project.provide('stacksFolder', folder)
  return remove
}
