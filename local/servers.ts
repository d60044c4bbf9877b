// PostgreSQL, Kafka and the emulator as processes: installed, started at once, kept running, stopped in order. The same
// servers in containers are containers.ts.
import type { Settings } from '../lib/settings.ts'
import { type RunningEmulator, startEmulator } from './emulator.ts'
import { clearHalfMadeState } from './half-made-state.ts'
import { installEmulator, installKafka } from './install.ts'
import { startKafka } from './kafka.ts'
import { type KeptPart, keepRunning } from './keep-running.ts'
import type { LocalError } from './local-error.ts'
import { choosePorts, type Ports } from './ports.ts'
import { databaseName, startPostgres } from './postgres.ts'
import { type RunningTrigger, startTriggerProcess } from './trigger-process.ts'

/** An emulator into which is deployed. What is written into `workingFolder` is forgotten when the emulator's state is. */
export type Target = Pick<RunningEmulator, 'child' | 'url' | 'workingFolder'>

export type Servers = {
  /** With the administrator's name and password, as this process reaches it. */
  readonly databaseUrl: string
  /** Each `host:port`, as this process reaches it. */
  readonly bootstrapServers: readonly string[]
  readonly emulator: () => Target
  /** Makes sure that what the emulator knows by now survives a kill, where anything does. */
  readonly saveEmulator: () => Promise<void>
  /** Whether functions log where their configuration says. */
  readonly hasOwnLogGroups: boolean
  /** Starts the wallet trigger that comes with the servers; undefined when none does. */
  readonly startTrigger: (() => Promise<void>) | undefined
  /** `keep`: whether the emulator's present state becomes the one that the next start finds. */
  readonly stop: (keep: boolean) => Promise<void>
}

/** Servers that are ready to be started. */
export type PreparedServers = {
  /** With the servers' addresses, as the functions reach them. */
  readonly settings: Settings
  readonly issuerPort: number
  /** What of CDK's context must differ for this emulator. */
  readonly context: Readonly<Record<string, string>>
  /** `onFailure` is called when a server will not stay up. Throws what the first that failed has thrown. */
  readonly start: (onFailure: (error: LocalError) => void) => Promise<Servers>
}

export type ServerOptions = {
  readonly stateFolder: string
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

/** Installs what is missing, clears what a start has left that was cut off, and chooses the ports. */
export async function prepareProcesses(
  options: ServerOptions & { readonly settings: Settings; readonly mnemonicFile: string | undefined },
): Promise<PreparedServers> {
  const { stateFolder, say, settings, mnemonicFile } = options
  // What the user has servers of, is not started here.
  const external = {
    databaseUrl: process.env.DATABASE_URL ? settings.databaseUrl : undefined,
    bootstrapServers: process.env.KAFKA_BOOTSTRAP_SERVERS ? settings.kafkaBootstrapServers : undefined,
  }
  const [python, jarFolder] = await Promise.all([
    installEmulator(options),
    external.bootstrapServers === undefined ? installKafka(options) : '',
  ])
  await clearHalfMadeState({ ...options, databaseUrl: external.databaseUrl, mnemonicFile })
  const ports = await choosePorts(stateFolder, say)
  return {
    settings: {
      ...settings,
      databaseUrl: external.databaseUrl ?? `postgresql://127.0.0.1:${ports.postgres}/${databaseName}`,
      kafkaBootstrapServers: external.bootstrapServers ?? [`127.0.0.1:${ports.kafka}`],
    },
    issuerPort: ports.issuer,
    context: {},
    start: (onFailure) => startServers({ ...options, ...external, ports, python, jarFolder, onFailure }),
  }
}

/**
 * Starts those that the user has none of.
 *
 * @param options.databaseUrl of the user's own PostgreSQL; undefined starts one
 * @param options.bootstrapServers of the user's own Kafka; undefined starts one
 * @throws what the first that failed has thrown, when all others have stopped
 */
async function startServers(
  options: ServerOptions & {
    readonly settings: Settings
    readonly ports: Ports
    readonly python: string
    readonly jarFolder: string
    readonly databaseUrl: string | undefined
    readonly bootstrapServers: readonly string[] | undefined
    readonly onFailure: (error: LocalError) => void
  },
): Promise<Servers> {
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
  let keptTrigger: KeptPart<RunningTrigger> | undefined
  const bootstrapServers = options.bootstrapServers ?? [`127.0.0.1:${ports.kafka}`]
  const { maxConcurrentGenerations, chaos } = options.settings
  const startTrigger = async () => {
    const emulatorUrl = keptEmulator.current().url
    const trigger = { name: 'wallet-trigger', stateFolder, emulatorUrl, bootstrapServers, maxConcurrentGenerations }
    keptTrigger = await keepRunning({ start: () => startTriggerProcess(trigger), say, onFailure })
  }
  return {
    databaseUrl: options.databaseUrl ?? postgres.value?.current().url ?? '',
    bootstrapServers,
    hasOwnLogGroups: true,
    // A chaos run kills it, which it cannot do to a part of the supervisor.
    startTrigger: chaos && startTrigger,
    emulator: () => keptEmulator.current(),
    saveEmulator: async () => {
      await keptEmulator.stop((part) => part.stopAndKeep())
      keptEmulator = await keepEmulator()
    },
    stop: async (keep) => {
      try {
        await keptTrigger?.stop()
        await keptEmulator.stop((part) => (keep ? part.stopAndKeep() : part.stop()))
      } finally {
        await kafka.value?.stop()
        await postgres.value?.stop()
      }
    },
  }
}
