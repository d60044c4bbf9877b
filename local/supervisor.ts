// `npm start`: the whole system on one machine, through the real parts. This file is the order of things, top to bottom;
// how each is done is in the file that it is imported from.
import { rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { findStage, readSettings, type Settings, SettingsError } from '../lib/stage.ts'
import { ConfigurationError } from '../shared/errors.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { endOrphans } from './child-process.ts'
import { findSample, runDemonstration } from './demonstration.ts'
import { bootstrapAccount, deploy, synthesise } from './deploy.ts'
import { type RunningEmulator, startEmulator } from './emulator.ts'
import { createEmulatorClients, invokeFunction } from './emulator-clients.ts'
import { tryLock } from './file-lock.mjs'
import { FrontDoorError, startFrontDoor } from './front-door.ts'
import { followFunctionLogs } from './function-logs.ts'
import { clearHalfMadeState } from './half-made-state.ts'
import { installEmulator, installKafka } from './install.ts'
import { createTopics, startKafka } from './kafka.ts'
import { type KeptPart, keepRunning } from './keep-running.ts'
import { describe, LocalError } from './local-error.ts'
import { readTail } from './log-file.ts'
import { choosePorts, isPortFree } from './ports.ts'
import { startPostgres } from './postgres.ts'
import { followServerLogs } from './server-logs.ts'
import { openStackLog } from './stack-log.ts'
import { bindDatabase, isReadableByOthers, provisionVault, withPhrase } from './vault.ts'
import { startWalletTrigger } from './wallet-trigger.ts'

const usage = `usage: npm start -- [flags]

  --once                 run the demonstration, stop; exit status 0 when it went well
  --state DIR            where everything is kept (default .local/state)
  --port N               port of the API on 127.0.0.1 (default 8000; 0 takes any free one)
  --mnemonic-file FILE   for a fresh state: the 24 words to derive from. With an existing state the same are accepted,
                         others refused
  --help                 show this

Environment: MAX_DOCUMENT_SIZE_MB, VERIFICATION_DELAY_SECONDS, MAX_CONCURRENT_GENERATIONS; DATABASE_URL and
KAFKA_BOOTSTRAP_SERVERS, to use a PostgreSQL or a Kafka of your own. See the README.`

/** What goes into the events of Kafka: the shape of a cluster's ARN, since no cluster of AWS is there. */
const clusterArn = 'arn:aws:kafka:us-east-1:000000000000:cluster/local/00000000-0000-0000-0000-000000000000-1'

type Flags = {
  readonly once: boolean
  readonly stateFolder: string
  readonly port: number
  readonly mnemonicFile: string | undefined
}

/** Why everything is being stopped: an interrupt, or a part that will not stay up. */
class Interrupt extends Error {
  override readonly name = 'Interrupt'
}

const say = (text: string) => console.log(text)
process.exit(await main())

/** Resolves to the exit status. */
async function main(): Promise<number> {
  // A terminal that is gone must not keep the rest from being stopped.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  try {
    const flags = readFlags(process.argv.slice(2))
    if (flags === undefined) return 0
    const settings = readSettings(process.env)
    return await supervise(flags, settings)
  } catch (error) {
    return reportFailure(error)
  }
}

/** Undefined when only the usage was asked for. */
function readFlags(programArguments: string[]): Flags | undefined {
  const options = {
    once: { type: 'boolean', default: false },
    state: { type: 'string', default: '.local/state' },
    port: { type: 'string', default: '8000' },
    'mnemonic-file': { type: 'string' },
    help: { type: 'boolean', default: false },
  } as const
  let values: ReturnType<typeof parseArgs<{ options: typeof options }>>['values']
  try {
    values = parseArgs({ args: programArguments, options }).values
  } catch (cause) {
    throw new LocalError(`${describe(cause)}\n\n${usage}`, { cause })
  }
  if (values.help) {
    say(usage)
    return undefined
  }
  const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : Number.NaN
  if (!(port <= 65_535)) {
    throw new LocalError(`--port: expected a number from 0 to 65535; got "${values.port}"\n\n${usage}`)
  }
  const mnemonicFile = values['mnemonic-file'] === undefined ? undefined : resolve(values['mnemonic-file'])
  return { once: values.once, stateFolder: resolve(values.state), port, mnemonicFile }
}

/** Stops what was started, last first, whatever happens in between. Resolves to the exit status. */
async function supervise(flags: Flags, settings: Settings): Promise<number> {
  const { stateFolder } = flags
  const lock = tryLock(join(stateFolder, 'supervisor.lock'))
  if ('holder' in lock) {
    const { pid } = lock.holder
    throw new LocalError(
      `${stateFolder} is in use: process ${pid} runs it. Stop that one (kill ${pid}), or give another --state DIR.`,
    )
  }
  const stackFile = join(stateFolder, 'stack.json')
  // Also when this process ends in a way that nothing else sees.
  process.once('exit', () => rmSync(stackFile, { force: true }))
  rmSync(stackFile, { force: true })

  const stopping = listenForStop()
  const cleanups: { readonly what: string; readonly stop: () => Promise<void> }[] = []
  const onStop = (what: string, stop: () => Promise<void>) => void cleanups.push({ what, stop })
  let status = 0
  try {
    await run(flags, settings, stackFile, stopping, onStop)
  } catch (error) {
    const reason = stopping.signal.aborted ? stopping.signal.reason : error
    // Interrupted before it was ready: not what was asked for.
    if (reason instanceof Interrupt) status = 130
    else status = reportFailure(reason)
  }
  rmSync(stackFile, { force: true })
  if (cleanups.length > 0) say('\nstopping everything')
  for (const { what, stop } of cleanups.reverse()) {
    await stop().catch((error: unknown) => {
      console.error(`could not stop ${what} in order: ${describe(error)}`)
    })
  }
  lock.release()
  if (cleanups.length > 0) say('stopped')
  return status
}

async function run(
  flags: Flags,
  settings: Settings,
  stackFile: string,
  stopping: AbortController,
  onStop: (what: string, stop: () => Promise<void>) => void,
): Promise<void> {
  const { stateFolder, mnemonicFile } = flags
  const { signal } = stopping
  const started = Date.now()
  const logFolder = join(stateFolder, 'logs')
  const options = { stateFolder, say, signal }
  const onFailure = (error: LocalError) => stopping.abort(error)
  const ownDatabaseUrl = process.env.DATABASE_URL ? settings.databaseUrl : undefined
  const ownKafka = process.env.KAFKA_BOOTSTRAP_SERVERS ? settings.kafkaBootstrapServers : undefined

  // What can be refused without starting anything.
  if (flags.port !== 0 && !(await isPortFree(flags.port))) {
    throw new LocalError(
      `port ${flags.port} of 127.0.0.1 is taken, and the API is to be served there. Stop the program that listens on ` +
        `it, or give another one with --port N (0 takes any free one).`,
    )
  }
  if (mnemonicFile !== undefined) {
    await withPhrase(mnemonicFile, () => undefined)
    if (await isReadableByOthers(mnemonicFile)) say(`warning: others may read ${mnemonicFile}; chmod 600 it`)
  }
  await mkdir(stateFolder, { recursive: true })
  const orphans = await endOrphans(stateFolder)
  if (orphans.length > 0) say(`ended what an earlier start left running: ${orphans.join(', ')}`)

  const [python, jarFolder] = await step('1/7 installing what is missing', signal, () =>
    Promise.all([installEmulator(options), ownKafka === undefined ? installKafka(options) : '']),
  )
  await clearHalfMadeState({ ...options, databaseUrl: ownDatabaseUrl, mnemonicFile })
  const ports = await choosePorts(stateFolder, say)

  // The addresses are known before the servers answer: what is to be deployed is made meanwhile.
  const log = await openStackLog(stateFolder, ['functions', 'trigger', 'front-door'])
  onStop('the logs', () => log.close())
  const effective: Settings = {
    ...settings,
    databaseUrl: ownDatabaseUrl ?? `postgresql://127.0.0.1:${ports.postgres}/wallets`,
    kafkaBootstrapServers: ownKafka ?? [`127.0.0.1:${ports.kafka}`],
  }
  const stage = findStage('local', effective)
  const synthesis = synthesise(options, effective)
  synthesis.catch(() => undefined)

  let emulator: KeptPart<RunningEmulator>
  let isEmulatorSaved = false
  const keepEmulator = () =>
    keepRunning({ start: () => startEmulator({ stateFolder, python, port: ports.emulator, signal }), say, onFailure })
  const databaseUrl = await step('2/7 starting PostgreSQL, Kafka and the emulator', signal, async () => {
    const startDatabase = async () => {
      if (ownDatabaseUrl !== undefined) return ownDatabaseUrl
      const start = () => startPostgres({ stateFolder, port: ports.postgres, signal })
      const postgres = await keepRunning({ start, say, onFailure })
      onStop('PostgreSQL', () => postgres.stop())
      return postgres.current().url
    }
    const startStream = async () => {
      if (ownKafka !== undefined) return
      const numbers = { port: ports.kafka, controllerPort: ports.kafkaController }
      const start = () => startKafka({ stateFolder, jarFolder, ...numbers, signal })
      const kafka = await keepRunning({ start, say, onFailure })
      onStop('Kafka', () => kafka.stop())
    }
    const startCloud = async () => {
      emulator = await keepEmulator()
      onStop('the emulator', () => emulator.stop((part) => (isEmulatorSaved ? part.stopAndKeep() : part.stop())))
    }
    const outcomes = await Promise.allSettled([startDatabase(), startStream(), startCloud()])
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    const url = await startDatabaseUrl(outcomes)
    return url
  })
}
