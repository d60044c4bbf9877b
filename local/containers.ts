// LocalStack, Kafka, PostgreSQL and the wallet trigger in containers, by Docker Compose: up, healthy, down. What is in them
// is docker-compose.localstack.yml; the same servers as processes are servers.ts.
import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runChild, startChild } from './child-process.ts'
import { readPublicKey } from './issuer.ts'
import { LocalError } from './local-error.ts'
import { choosePorts, isPortFree } from './ports.ts'
import type { PreparedServers, prepareProcesses, ServerOptions, Servers } from './servers.ts'

const composeFile = fileURLToPath(new URL('../docker-compose.localstack.yml', import.meta.url))

/** The ports that containers publish on 127.0.0.1, by the variable that moves each. */
export const publishedPorts = {
  LOCALSTACK_PORT: 4566,
  KAFKA_PORT: 19_092,
  KAFKA_UI_PORT: 8080,
  POSTGRES_PORT: 15_432,
} as const

/** The services that are there before anything is deployed. */
export const servers = ['localstack', 'kafka', 'kafka-ui', 'postgres'] as const
export const triggerService = 'trigger'

/** Where the functions, which run in containers as well, find what they talk to. */
export const addressesInside = { database: 'postgresql://postgres:5432/wallets', kafka: ['kafka:9092'] } as const
const administrator = 'postgres:local'

type PublishedPorts = Readonly<Record<keyof typeof publishedPorts, number>>

/** Looks for Docker, ends what a killed start has left, and looks at the ports. */
export async function prepareContainers(options: Parameters<typeof prepareProcesses>[0]): Promise<PreparedServers> {
  const { stateFolder, say, settings } = options
  for (const name of ['DATABASE_URL', 'KAFKA_BOOTSTRAP_SERVERS']) {
    if (process.env[name]) {
      throw new LocalError(`--docker brings a PostgreSQL and a Kafka of its own: unset ${name}, or leave out --docker`)
    }
  }
  await checkDocker(options)
  const ports = readPublishedPorts(process.env)
  await compose(options, 'containers-down', ['down', '--volumes', '--remove-orphans'])
  for (const [name, port] of Object.entries(ports)) {
    if (await isPortFree(port)) continue
    throw new LocalError(
      `port ${port} of 127.0.0.1 is taken, and a container is to be published there. Stop the program that listens on ` +
        `it, or give another one: ${name}=N npm start -- --docker`,
    )
  }
  return {
    settings: {
      ...settings,
      databaseUrl: addressesInside.database,
      kafkaBootstrapServers: addressesInside.kafka,
      // The issuer listens on 127.0.0.1, where a container does not reach it.
      tokenKeys: [await readPublicKey(stateFolder)],
    },
    issuerPort: (await choosePorts(stateFolder, say)).issuer,
    // References between stacks by exports: LocalStack does not know the intrinsic of weak ones, Fn::GetStackOutput.
    context: { '@aws-cdk/core:defaultCrossStackReferences': 'strong' },
    start: () => startContainers(options, ports),
  }
}

/** @throws {LocalError} naming the variable that holds no port */
function readPublishedPorts(environment: Readonly<Record<string, string | undefined>>): PublishedPorts {
  const entries = Object.entries(publishedPorts).map(([name, port]) => {
    const text = environment[name] || String(port)
    if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return [name, Number(text)]
    throw new LocalError(`${name}: expected a port from 1 to 65535; got "${text}"`)
  })
  return Object.fromEntries(entries) as PublishedPorts
}

/** @throws {LocalError} saying what is missing and where it is had */
async function checkDocker(options: ServerOptions): Promise<void> {
  const ask = (name: string, dockerArguments: readonly string[], advice: string) =>
    runDocker(options, name, dockerArguments).catch((cause: unknown) => {
      if (options.signal.aborted) throw cause
      const { logFile, tail } = cause instanceof LocalError ? cause : {}
      const instead = 'Without --docker no Docker is needed.'
      throw new LocalError(`${advice}\n${instead}`, { cause, ...(logFile && { logFile }), ...(tail && { tail }) })
    })
  await ask(
    'docker-version',
    ['--version'],
    'expected the program docker; got none. Install Docker Engine or Docker Desktop: https://docs.docker.com/get-started/get-docker/',
  )
  await ask(
    'docker-info',
    ['info'],
    "expected Docker's engine to answer; it does not. Start it (Linux: sudo systemctl start docker; else open Docker Desktop), " +
      'and see that you may use it: docker info',
  )
  await ask(
    'docker-compose-version',
    ['compose', 'version'],
    'expected Docker Compose 2; got none. Install its plugin: https://docs.docker.com/compose/install/',
  )
}

async function startContainers(options: ServerOptions, ports: PublishedPorts): Promise<Servers> {
  const { stateFolder, say } = options
  const stop = async () => {
    // Not ended by the signal that has ended the rest.
    const { signal } = new AbortController()
    await compose({ ...options, signal }, 'containers-down', ['down', '--volumes', '--remove-orphans'])
  }
  try {
    say('  starting the containers; the first time their images are fetched, which takes minutes')
    await compose(options, 'containers-up', ['up', '--detach', '--wait', ...servers])
    const child = await startChild({ ...toCompose(options, ['logs', '--follow', '--no-color']), name: 'containers' })
    const workingFolder = join(stateFolder, 'containers')
    await rm(workingFolder, { recursive: true, force: true })
    await mkdir(workingFolder, { recursive: true })
    say(`  LocalStack answers on 127.0.0.1:${ports.LOCALSTACK_PORT}, Kafka on 127.0.0.1:${ports.KAFKA_PORT}`)
    say(`  PostgreSQL answers on 127.0.0.1:${ports.POSTGRES_PORT}`)
    say(`  Kafka is to be looked at on http://127.0.0.1:${ports.KAFKA_UI_PORT}`)
    return {
      databaseUrl: `postgresql://${administrator}@127.0.0.1:${ports.POSTGRES_PORT}/wallets`,
      bootstrapServers: [`127.0.0.1:${ports.KAFKA_PORT}`],
      emulator: () => ({ child, url: `http://127.0.0.1:${ports.LOCALSTACK_PORT}`, workingFolder }),
      saveEmulator: async () => {},
      // LocalStack takes a function's logging configuration, and goes by the default.
      hasOwnLogGroups: false,
      startTrigger: () => compose(options, 'containers-up', ['up', '--detach', '--wait', triggerService]),
      stop: async () => {
        await child.stop()
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function compose(options: ServerOptions, name: string, composeArguments: readonly string[]): Promise<void> {
  return runChild({ ...toCompose(options, composeArguments), name, signal: options.signal })
}

function runDocker(options: ServerOptions, name: string, dockerArguments: readonly string[]): Promise<void> {
  return runChild({ ...toDocker(options, dockerArguments), name, signal: options.signal })
}

/** A state has containers of its own, so that two never take down each other's. */
function toCompose(options: ServerOptions, composeArguments: readonly string[]) {
  const project = `verified-wallets-${createHash('sha256').update(options.stateFolder).digest('hex').slice(0, 8)}`
  return toDocker(options, ['compose', '--file', composeFile, '--project-name', project, ...composeArguments])
}

/** With the user's environment, which says where Docker is, and which image is wanted. */
function toDocker({ stateFolder }: ServerOptions, dockerArguments: readonly string[]) {
  return { stateFolder, program: 'docker', arguments: dockerArguments, environment: process.env }
}
