// PostgreSQL, Kafka and the emulator together: started at once, kept running, stopped in order.

import { type RunningEmulator, startEmulator } from './emulator.ts'
import { startKafka } from './kafka.ts'
import { type KeptPart, keepRunning } from './keep-running.ts'
import type { LocalError } from './local-error.ts'
import type { Ports } from './ports.ts'
import { startPostgres } from './postgres.ts'

export type Servers = {
  /** With the administrator's name and password. */
  readonly databaseUrl: string
  readonly emulator: () => RunningEmulator
  /** Restarts the emulator, so that what it knows by now survives a kill. */
  readonly saveEmulator: () => Promise<void>
  /** `keep`: whether the emulator's present state becomes the one that the next start finds. */
  readonly stop: (keep: boolean) => Promise<void>
}

/**
 * Starts those that the user has none of.
 *
 * @param options.databaseUrl of the user's own PostgreSQL; undefined starts one
 * @param options.bootstrapServers of the user's own Kafka; undefined starts one
 * @param options.onFailure called when a server will not stay up
 * @throws what the first that failed has thrown, when all others have stopped
 */
export async function startServers(options: {
  readonly stateFolder: string
  readonly ports: Ports
  readonly python: string
  readonly jarFolder: string
  readonly databaseUrl: string | undefined
  readonly bootstrapServers: readonly string[] | undefined
  readonly say: (text: string) => void
  readonly onFailure: (error: LocalError) => void
  readonly signal: AbortSignal
}): Promise<Servers> {
  const { stateFolder, ports, python, jarFolder, say, onFailure, signal } = options
  const keepPostgres = () => {
    const start = () => startPostgres({ stateFolder, port: ports.postgres, signal })
    return keepRunning({ start, say, onFailure })
  }
  const keepKafka = () => {
    const kafkaPorts = { port: ports.kafka, controllerPort: ports.kafkaController }
    const start = () => startKafka({ stateFolder, jarFolder, ...kafkaPorts, signal })
    return keepRunning({ start, say, onFailure })
  }
  const keepEmulator = () => {
    const start = () => startEmulator({ stateFolder, python, port: ports.emulator, signal })
    return keepRunning({ start, say, onFailure })
  }
  const tellReady = async <Part>(what: string, started: Promise<Part>): Promise<Part> => {
    const part = await started
    say(`  ${what}`)
    return part
  }

  const outcomes = await Promise.allSettled([
    options.databaseUrl === undefined
      ? tellReady(`PostgreSQL answers on 127.0.0.1:${ports.postgres}`, keepPostgres())
      : undefined,
    options.bootstrapServers === undefined
      ? tellReady(`Kafka answers on 127.0.0.1:${ports.kafka} (its controller: ${ports.kafkaController})`, keepKafka())
      : undefined,
    tellReady(`the emulator answers on 127.0.0.1:${ports.emulator}`, keepEmulator()),
  ])
  const [postgres, kafka, emulator] = outcomes
  if (postgres.status === 'rejected' || kafka.status === 'rejected' || emulator.status === 'rejected') {
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value?.stop()
    throw outcomes.find((outcome) => outcome.status === 'rejected')?.reason
  }

  let keptEmulator: KeptPart<RunningEmulator> = emulator.value
  return {
    databaseUrl: options.databaseUrl ?? postgres.value?.current().url ?? '',
    emulator: () => keptEmulator.current(),
    saveEmulator: async () => {
      await keptEmulator.stop((part) => part.stopAndKeep())
      keptEmulator = await keepEmulator()
    },
    stop: async (keep) => {
      try {
        await keptEmulator.stop((part) => (keep ? part.stopAndKeep() : part.stop()))
      } finally {
        await kafka.value?.stop()
        await postgres.value?.stop()
      }
    },
  }
}
