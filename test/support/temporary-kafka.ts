// A Kafka outside vitest, with the topics of the stage `local`, for benchmarks.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeTopics } from '../../lib/stage-common.ts'
import { installKafka } from '../../local/install.ts'
import { createTopics, startKafka } from '../../local/kafka.ts'

/** Starts one in a temporary folder, which goes with it. */
export async function startTemporaryKafka(): Promise<{
  readonly brokers: readonly string[]
  readonly topics: ReturnType<typeof makeTopics>
  readonly stop: () => Promise<void>
}> {
  const jarFolder = await installKafka({ say: console.log })
  const stateFolder = await mkdtemp(join(tmpdir(), 'verified-wallets-kafka-'))
  const server = await startKafka({ stateFolder, jarFolder })
  const stop = async () => {
    await server.stop()
    await rm(stateFolder, { recursive: true, force: true })
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
