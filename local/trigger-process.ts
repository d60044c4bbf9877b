// The wallet trigger as a child process: in chaos runs, which kill it and start a second one. Otherwise it is a part of the
// supervisor.
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from './child-process.ts'

const program = fileURLToPath(new URL('./run-wallet-trigger.ts', import.meta.url))

export type RunningTrigger = { readonly child: Child; readonly stop: () => Promise<void> }

/** Starts it; it joins the group of the others when it has found the deployed function. */
export async function startTriggerProcess(options: {
  /** The name of its log and of its record. */
  readonly name: string
  readonly stateFolder: string
  readonly emulatorUrl: string
  readonly bootstrapServers: readonly string[]
  readonly maxConcurrentGenerations: number
}): Promise<RunningTrigger> {
  const { name, stateFolder } = options
  const child = await startChild({
    name,
    stateFolder,
    program: process.execPath,
    arguments: ['--disable-warning=TimeoutNegativeWarning', program, stateFolder],
    environment: {
      PATH: [process.env.PATH, '/usr/bin', '/bin'].join(delimiter),
      EMULATOR_URL: options.emulatorUrl,
      KAFKA_BOOTSTRAP_SERVERS: options.bootstrapServers.join(','),
      MAX_CONCURRENT_GENERATIONS: String(options.maxConcurrentGenerations),
    },
  })
  return { child, stop: async () => void (await child.stop(20_000)) }
}
