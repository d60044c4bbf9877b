// A Kafka outside vitest, with the topics of the stage `local`, for benchmarks.
import { tmpdir } from 'node:os'
import { makeTopics } from '../../lib/stage-common.ts'
import { installKafka } from '../../local/install.ts'
import { createTopics, startKafka } from '../../local/kafka.ts'
import { makeTestFolder } from './test-folder.ts'

/** Starts one in a temporary folder. Both go when it is stopped, and when this process exits. */
export async function startTemporaryKafka(): Promise<{
  readonly brokers: readonly string[]
  readonly topics: ReturnType<typeof makeTopics>
  readonly stop: () => Promise<void>
}> {
  const jarFolder = await installKafka({ say: console.log })
  const { folder: stateFolder, remove } = makeTestFolder(tmpdir())
  const server = await startKafka({ stateFolder, jarFolder })
  const stop = async () => {
    await server.stop()
    remove()
  }
  const topics = makeTopics(6)
  try {
    await createTopics(server.bootstrapServers, Object.values(topics))
  } catch (error) {
    await stop()
    throw error
  }
  return { brokers: server.bootstrapServers, topics, stop }
}
