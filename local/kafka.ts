// Apache Kafka as a child process on loopback: one broker that is its own controller.
import { randomBytes } from 'node:crypto'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import type { Topic } from '../lib/stage.ts'
import '../shared/kafkajs-patch.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { type Child, runChild, startChild, waitUntilReady } from './child-process.ts'
import { LocalError } from './local-error.ts'
import { findFreePort } from './ports.ts'

const configurationFolder = fileURLToPath(new URL('./kafka/', import.meta.url))

export type RunningKafka = {
  readonly child: Child
  readonly port: number
  readonly bootstrapServers: readonly string[]
  readonly stop: () => Promise<void>
}

/**
 * Starts Kafka in `stateFolder/kafka`, formatted on the first start. Ready means that an admin client is answered.
 *
 * @param options.jarFolder where `installKafka` has put Kafka
 * @param options.port free ports are taken when it is left out
 * @throws {LocalError} when it does not come up
 */
export async function startKafka(options: {
  readonly stateFolder: string
  readonly jarFolder: string
  readonly port?: number | undefined
  readonly controllerPort?: number | undefined
  /** Lines of the broker's properties after ours: of one name the last one counts. */
  readonly properties?: readonly string[]
  readonly signal?: AbortSignal | undefined
}): Promise<RunningKafka> {
  const { stateFolder, signal } = options
  const folder = join(stateFolder, 'kafka')
  const dataFolder = join(folder, 'data')
  const port = options.port ?? (await findFreePort())
  const controllerPort = options.controllerPort ?? (await findFreePort())
  await mkdir(folder, { recursive: true })
  const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java'
  const classPath = ['-cp', join(options.jarFolder, '*')]
  const logging = `-Dlog4j2.configurationFile=${join(configurationFolder, 'log4j2.properties')}`
  const environment = { PATH: [process.env.PATH, '/usr/bin', '/bin'].join(delimiter) }

  if (!(await exists(dataFolder))) await format()
  const child = await startChild({
    name: 'kafka',
    stateFolder,
    program: java,
    // A broker for one laptop: little memory, and quick to start rather than quick at its peak.
    arguments: [
      ...['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', logging],
      ...[...classPath, 'kafka.Kafka', await writeProperties('server.properties', dataFolder)],
    ],
    environment,
  })
  const stop = async () => void (await child.stop(30_000))
  const bootstrapServers = [`127.0.0.1:${port}`]
  try {
    const isReady = () =>
      withAdmin(bootstrapServers, async (admin) => (await admin.describeCluster()).brokers.length > 0)
    await waitUntilReady(child, isReady, { boundMilliseconds: 60_000, signal })
  } catch (error) {
    await stop()
    throw error
  }
  return { child, port, bootstrapServers, stop }

  /** In a folder beside, then renamed: a kill in between leaves nothing that looks formatted. */
  async function format() {
    const newFolder = join(folder, 'data.new')
    await rm(newFolder, { recursive: true, force: true })
    const properties = await writeProperties('format.properties', newFolder)
    // May begin with a dash, hence the option's long form below.
    const clusterId = randomBytes(16).toString('base64url')
    await runChild({
      name: 'kafka-format',
      stateFolder,
      program: java,
      arguments: [
        logging,
        ...classPath,
        'kafka.tools.StorageTool',
        'format',
        `--cluster-id=${clusterId}`,
        '-c',
        properties,
      ],
      environment,
      signal,
    })
    await rename(newFolder, dataFolder)
  }

  async function writeProperties(name: string, dataFolder: string): Promise<string> {
    const template = await readFile(join(configurationFolder, 'server.properties'), 'utf8')
    const values: Readonly<Record<string, string>> = {
      port: String(port),
      controllerPort: String(controllerPort),
      dataFolder,
    }
    const path = join(folder, name)
    await writeFileAtomically(
      path,
      [
        template.replaceAll(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole),
        ...(options.properties ?? []),
      ].join('\n'),
    )
    return path
  }
}

/**
 * Makes the topics that are missing, and gives those with too few partitions the rest. Does nothing to others.
 *
 * @throws {LocalError} naming the servers when they do not answer
 */
export async function createTopics(bootstrapServers: readonly string[], topics: readonly Topic[]): Promise<void> {
  try {
    await withAdmin(bootstrapServers, async (admin) => {
      await admin.createTopics({
        topics: topics.map((topic) => ({
          topic: topic.name,
          numPartitions: topic.partitions,
          configEntries: [{ name: 'retention.ms', value: String(topic.retentionHours * 3_600_000) }],
        })),
        waitForLeaders: true,
      })
      const { topics: found } = await admin.fetchTopicMetadata({ topics: topics.map(({ name }) => name) })
      for (const { name, partitions } of topics) {
        const count = found.find((topic) => topic.name === name)?.partitions.length ?? 0
        if (count >= partitions) continue
        await admin.createPartitions({ topicPartitions: [{ topic: name, count: partitions }] })
      }
    })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new LocalError(`could not create the topics at ${bootstrapServers.join(', ')}: ${message}`, { cause })
  }
}

async function withAdmin<Result>(servers: readonly string[], work: (admin: Admin) => Promise<Result>): Promise<Result> {
  const kafka = new Kafka({
    brokers: [...servers],
    clientId: 'local-supervisor',
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    // A topic's leader may be told a moment after the topic itself.
    retry: { retries: 6, initialRetryTime: 50, maxRetryTime: 1000 },
  })
  const admin = kafka.admin()
  try {
    await admin.connect()
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
