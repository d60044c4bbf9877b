// `npm start`: the whole system on one machine, through the real parts. This file is the order of things, top to bottom;
// how each is done is in the file that it is imported from.
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readSettings, type Settings, SettingsError } from '../lib/settings.ts'
import { findStage } from '../lib/stage-table.ts'
import { ConfigurationError } from '../shared/errors.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { prepareContainers } from './containers.ts'
import { findSample, runDemonstration } from './demonstration.ts'
import { bootstrapAccount, deploy, type Outputs, synthesise } from './deploy.ts'
import { createEmulatorClients, type EmulatorClients, invokeFunction } from './emulator-clients.ts'
import { tryLock } from './file-lock.mjs'
import { FrontDoorError, startFrontDoor } from './front-door.ts'
import { followFunctionLogs } from './function-logs.ts'
import { issueToken, startIssuer, toIssuerUrl } from './issuer.ts'
import { createTopics } from './kafka.ts'
import { describe, LocalError } from './local-error.ts'
import { endOrphans } from './orphans.mjs'
import { isPortFree } from './ports.ts'
import { followServerLogs } from './server-logs.ts'
import { prepareProcesses, type Servers } from './servers.ts'
import { type LogLine, openStackLog, type StackLog } from './stack-log.ts'
import { bindDatabase, isReadableByOthers, provisionVault, withPhrase } from './vault.ts'
import { clusterArn, startWalletTrigger } from './wallet-trigger.ts'

const usage = `usage: npm start -- [flags]

  --once                 run the demonstration, stop; exit status 0 when it went well
  --state DIR            where everything is kept (default .local/state)
  --port N               port of the API on 127.0.0.1 (default 8000; 0 takes any free one)
  --mnemonic-file FILE   for a fresh state: the 24 words to derive from. With an existing state the same are accepted,
                         others refused
  --docker               LocalStack, Kafka and PostgreSQL in containers (docker-compose.localstack.yml), which forget
                         everything when they stop
  --help                 show this

Environment: MAX_DOCUMENT_SIZE_MB, MAX_ATTEMPTS, VERIFICATION_DELAY_SECONDS, WALLET_OVERDUE_SECONDS,
  VERDICT_OVERDUE_SECONDS, POST_LIMIT_CAPACITY, POST_LIMIT_REFILL_PER_SECOND, MAX_CONCURRENT_GENERATIONS;
  DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS, to use a PostgreSQL or a Kafka of your own. README, "Settings", has them.`

type Flags = {
  readonly once: boolean
  readonly stateFolder: string
  readonly port: number
  readonly mnemonicFile: string | undefined
  readonly docker: boolean
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
    docker: { type: 'boolean', default: false },
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
  return { once: values.once, stateFolder: resolve(values.state), port, mnemonicFile, docker: values.docker }
}

/** @throws {LocalError} when the folder cannot be made, or not be written to */
function lockState(stateFolder: string): ReturnType<typeof tryLock> {
  try {
    return tryLock(join(stateFolder, 'supervisor.lock'))
  } catch (cause) {
    throw new LocalError(
      `${stateFolder} cannot hold the state (${describe(cause)}): give a folder that you may write to, by --state DIR`,
      { cause },
    )
  }
}

/** Stops what was started, last first, whatever happens in between. Resolves to the exit status. */
async function supervise(flags: Flags, settings: Settings): Promise<number> {
  const { stateFolder } = flags
  const lock = lockState(stateFolder)
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

/** The seven steps. Resolves when the stack is to stop; throws what failed, or the interrupt. */
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

  // What can be refused is refused before anything is started.
  if (flags.port !== 0 && !(await isPortFree(flags.port))) {
    throw new LocalError(
      `port ${flags.port} of 127.0.0.1 is taken, and the API is to be served there. Stop the program that listens on ` +
        'it, or give another one with --port N (0 takes any free one).',
    )
  }
  if (mnemonicFile !== undefined) {
    await withPhrase(mnemonicFile, () => undefined)
    if (await isReadableByOthers(mnemonicFile)) say(`warning: others may read ${mnemonicFile}; chmod 600 it`)
  }
  const orphans = await endOrphans(stateFolder)
  if (orphans.length > 0) say(`ended what an earlier start had left running: ${orphans.join(', ')}`)

  const prepare = flags.docker ? prepareContainers : prepareProcesses
  const prepared = await step(flags.docker ? '1/7  look for Docker' : '1/7  install what is missing', signal, () =>
    prepare({ ...options, settings, mnemonicFile }),
  )
  const { issuerPort } = prepared
  const addresses: Settings = { ...prepared.settings, tokenIssuer: toIssuerUrl(issuerPort) }
  const stage = findStage('local', addresses)

  const log = await openStackLog(stateFolder, ['functions', 'trigger', 'front-door'])
  onStop('the logs', () => log.close())

  // The addresses are known before the servers answer: what will be deployed is made meanwhile.
  const assembly = synthesise(options, addresses, prepared.context)
  assembly.catch(() => undefined)
  const servers = await step(
    '2/7  start PostgreSQL, Kafka, the emulator and the issuer of tokens',
    signal,
    async () => {
      const issuer = await startIssuer({ stateFolder, port: issuerPort })
      onStop('the issuer of tokens', () => issuer.stop())
      say(`  the issuer of tokens answers on 127.0.0.1:${issuerPort}`)
      return await prepared.start((error) => stopping.abort(error))
    },
  )
  let isProvisioned = false
  onStop('the servers', () => servers.stop(isProvisioned))

  const outputs = await step('3/7  deploy both stacks, create the topics, provision the vault', signal, async () => {
    const clients = createEmulatorClients(servers.emulator().url)
    try {
      await Promise.all([
        bootstrapAccount(options, servers.emulator(), clients),
        createTopics(servers.bootstrapServers, Object.values(stage.topics)),
      ])
      const deployed = await deploy(options, servers.emulator(), clients, await assembly, servers.databaseUrl)
      if (!deployed.changed) say('  both stacks are as they were deployed last')
      const vault = await provisionVault(clients, deployed.outputs, mnemonicFile)
      await bindDatabase(servers.databaseUrl, vault.rootCommitment)
      say(`  the vault ${vault.created ? 'has a new mnemonic' : 'holds its mnemonic'}: root ${vault.rootCommitment}`)
      if (deployed.changed || vault.created) await servers.saveEmulator()
      isProvisioned = true
      return deployed.outputs
    } finally {
      clients.close()
    }
  })

  const clients = createEmulatorClients(servers.emulator().url)
  onStop('the clients', async () => clients.close())
  const followers = await followEverything(logFolder, log, clients, outputs, servers)
  onStop('the followed logs', () => followers.stop())

  await step('4/7  start the wallet trigger', signal, async () => {
    if (servers.startTrigger) return await servers.startTrigger()
    const write = (line: LogLine) => log.write('trigger', line, { file: 'trigger' })
    const trigger = await startWalletTrigger({
      trigger: stage.walletTrigger,
      bootstrapServers: servers.bootstrapServers,
      eventSourceArn: clusterArn,
      invoke: async (payload) => {
        const start = Date.now()
        const result = await invokeFunction(clients.lambda, outputs.WalletFunctionName, payload)
        const end = Date.now()
        const times = { started_at: start, ended_at: end, milliseconds: end - start }
        write({ level: 'info', message: 'wallet function invoked', ...times, error: result.functionError })
        return result
      },
      log: write,
    })
    onStop('the wallet trigger', () => trigger.stop())
  })

  const frontDoor = await step('5/7  open the front door', signal, () =>
    startFrontDoor({
      port: flags.port,
      upstream: `${servers.emulator().url}/_aws/execute-api/${outputs.ApiId}/${outputs.ApiStage}`,
      log: (line) => log.write('front-door', line, { file: 'front-door' }),
    }),
  )
  onStop('the front door', () => frontDoor.stop())
  say(`  the API answers on ${frontDoor.url}`)

  sayCurlLines(frontDoor.url, stateFolder)
  await step('6/7  run the demonstration', signal, () =>
    runDemonstration({
      ...{ apiUrl: frontDoor.url, say, signal },
      issueToken: (user) => issueToken(stateFolder, { user }),
      boundMilliseconds: (settings.verificationDelaySeconds + 120) * 1000,
      logFile: join(logFolder, 'functions.log'),
    }),
  )
  if (flags.once) return

  const description = {
    api_url: frontDoor.url,
    emulator_url: servers.emulator().url,
    kafka_brokers: servers.bootstrapServers.join(','),
    database_url: servers.databaseUrl,
    log_dir: logFolder,
    pid: process.pid,
  }
  // It holds the database's password.
  await writeFileAtomically(stackFile, `${JSON.stringify(description, null, 2)}\n`, 0o600)
  say(`7/7  ready after ${formatSeconds(Date.now() - started)}: ${frontDoor.url}`)
  say(`     ${stackFile} says where everything is; the logs are in ${logFolder}; Ctrl-C stops everything\n`)
  log.showOnTerminal()
  await new Promise<void>((done) => signal.addEventListener('abort', () => done()))
  if (!(signal.reason instanceof Interrupt)) throw signal.reason
}

/** Says what begins and how long it took. */
async function step<Result>(title: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  signal.throwIfAborted()
  say(title)
  const started = Date.now()
  const result = await work()
  signal.throwIfAborted()
  say(`     done in ${formatSeconds(Date.now() - started)}`)
  return result
}

function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}

/** The logs of the functions and of the servers, to the merged log. */
async function followEverything(
  logFolder: string,
  log: StackLog,
  clients: EmulatorClients,
  outputs: Outputs,
  { hasOwnLogGroups }: Servers,
): Promise<{ stop(): Promise<void> }> {
  const servers = await followServerLogs(logFolder, (component, line) => log.write(component, line))
  const functions = await followFunctionLogs({
    ...clients,
    functions: outputs.functions,
    hasOwnGroups: hasOwnLogGroups,
    onLine: (component, line, time) => log.write(component, line, { time, file: 'functions' }),
  })
  return { stop: async () => void (await Promise.all([servers.stop(), functions.stop()])) }
}

function sayCurlLines(apiUrl: string, stateFolder: string): void {
  const encode = `"$(base64 < '${fileURLToPath(findSample('photo.jpg'))}' | tr -d '\\n')"`
  const project = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
  say(`
Post a document, then read the wallet:

  TOKEN=$(npm run --silent --prefix '${project}' token -- --user dave --state '${stateFolder}')
  printf '{"user_id":"dave","network":"ethereum","document":"%s"}' ${encode} |
    curl -s ${apiUrl}/verify -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' --data-binary @-
  curl -s -H "authorization: Bearer $TOKEN" '${apiUrl}/wallet/dave?network=ethereum'
`)
}

/** Aborts at the first signal; at a second one, which is not its echo, ends at once. */
function listenForStop(): AbortController {
  const stopping = new AbortController()
  let first = 0
  const onSignal = () => {
    if (first === 0) {
      first = Date.now()
      stopping.abort(new Interrupt('interrupted'))
      return
    }
    // npm passes on what the terminal has sent as well.
    if (Date.now() - first < 1000) return
    console.error('stopping at once')
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)

  // Whoever started this, a terminal or a test, may be killed: nobody could stop it then.
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid !== parent) stopping.abort(new Interrupt('the process that started this has ended'))
  }, 1000)
  watch.unref()
  return stopping
}

/** Says what failed, with the end of its log and where the rest is. Resolves to the exit status. */
function reportFailure(error: unknown): number {
  const isExplained = [LocalError, SettingsError, ConfigurationError, FrontDoorError].some(
    (kind) => error instanceof kind,
  )
  console.error(`\nfailed: ${isExplained ? describe(error) : error instanceof Error ? error.stack : String(error)}`)
  if (error instanceof LocalError && error.tail) console.error(`\n${error.tail.replaceAll(/^/gm, '  | ')}`)
  if (error instanceof LocalError && error.logFile) console.error(`\nthe whole log: ${error.logFile}`)
  return 1
}
