// A local stack of a chaos run: started by its command as a person would, with the settings of chaos; and the ways in which
// faults reach its parts.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { KMSClient } from '@aws-sdk/client-kms'
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import type { S3Client } from '@aws-sdk/client-s3'
import { SQSClient } from '@aws-sdk/client-sqs'
import { Kafka, logLevel } from 'kafkajs'
import postgres from 'postgres'
import '../../shared/kafkajs-patch.ts'
import { createEmulatorClients, credentials, region } from '../../local/emulator-clients.ts'
import { findLockHolder } from '../../local/file-lock.mjs'
import { issueToken } from '../../local/issuer.ts'
import { endOrphans } from '../../local/orphans.mjs'
import { runStart, type StackDescription, stopStack, waitUntilStackIsReady } from '../support/local-stack.ts'
import { drawMnemonic } from '../support/mnemonic.ts'
import { type ArmedPoints, openArmedPoints } from './armed-points.ts'
import { shortenPause } from './buckets.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'

export type Part = 'postgres' | 'kafka' | 'emulator' | 'wallet-trigger'

export type ChaosStack = {
  readonly stateFolder: string
  readonly description: StackDescription
  readonly mnemonic: string
  readonly points: ArmedPoints
  readonly proxy: FaultProxy
  readonly kafka: Kafka
  /** As the account's root, and past the proxy. */
  readonly s3: S3Client
  readonly kms: KMSClient
  readonly sqs: SQSClient
  readonly lambda: LambdaClient
  readonly outputs: Outputs
  /** As administrator. Its connections come back by themselves when the server does. */
  readonly sql: postgres.Sql
  /** An access token of a service that may do everything. */
  readonly issueToken: () => Promise<string>
  /** The process of a part, as the supervisor has recorded it. */
  readonly findProcess: (part: Part) => number
  /** The processes in which the emulator runs a function. */
  readonly findWorkers: (functionName: string) => readonly number[]
  readonly startedAt: number
  stop(): Promise<void>
}

const outputNames = [
  ...(['DocumentBucketName', 'DataKeyBucketName', 'DocumentDataKeyArn', 'VerificationQueueUrl'] as const),
  ...(['AnnounceFunctionName', 'EraseFunctionName'] as const),
]
/** Of the two stacks. */
type Outputs = Readonly<Record<(typeof outputNames)[number], string>>

/** In chaos runs the sweep is called each so many milliseconds, besides the minute of its schedule. */
const sweepInterval = 3000

/**
 * Starts a fresh stack in that folder, which is emptied before.
 *
 * @throws {Error} with what `npm start` printed when it does not become ready
 */
export async function startChaosStack(folder: string, signal: AbortSignal): Promise<ChaosStack> {
  const stateFolder = join(folder, 'stack')
  await endEarlierStack(stateFolder)
  rmSync(stateFolder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const pointsFolder = join(folder, 'points')
  const points = openArmedPoints(pointsFolder)
  const ports = () => JSON.parse(readFileSync(join(stateFolder, 'ports.json'), 'utf8')) as { emulator: number }
  const proxy = await startFaultProxy(() => `http://127.0.0.1:${ports().emulator}`)
  // Known here, so that the logs can be searched for it.
  const mnemonic = drawMnemonic()
  const mnemonicFile = join(folder, 'mnemonic')
  writeFileSync(mnemonicFile, mnemonic, { mode: 0o600 })

  const start = runStart(['--state', stateFolder, '--port', '0', '--mnemonic-file', mnemonicFile], {
    ...{ CHAOS_FOLDER: pointsFolder, CHAOS_PROXY: proxy.url, VERIFICATION_DELAY_SECONDS: '0' },
    ...{ WALLET_OVERDUE_SECONDS: '15', VERDICT_OVERDUE_SECONDS: '30' },
    ...{ MAX_ATTEMPTS: '1000', POST_LIMIT_CAPACITY: '1000000', POST_LIMIT_REFILL_PER_SECOND: '100000' },
  })
  signal.addEventListener('abort', () => start.child.kill('SIGTERM'))
  const description = await waitUntilStackIsReady(start, stateFolder).catch(async (error: unknown) => {
    await proxy.stop()
    throw error
  })
  const sql = postgres(description.database_url, { max: 2, connect_timeout: 5, idle_timeout: 20, onnotice: () => {} })
  const endpoint = description.emulator_url
  const { s3, kms, lambda, close } = createEmulatorClients(endpoint)
  const sqs = new SQSClient({ endpoint, region, credentials, useQueueUrlAsEndpoint: false })
  const outputs = readOutputs(stateFolder)
  const sweeping = new AbortController()
  const sweeps = sweep(lambda, outputs.AnnounceFunctionName, sweeping.signal)
  const stack: ChaosStack = {
    ...{ stateFolder, description, mnemonic, points, proxy, sql, s3, kms, sqs, lambda, outputs, startedAt: Date.now() },
    kafka: new Kafka({
      ...{ clientId: 'chaos', brokers: description.kafka_brokers.split(','), logLevel: logLevel.NOTHING },
      ...{ connectionTimeout: 3000, retry: { retries: 8, initialRetryTime: 200, maxRetryTime: 2000 } },
    }),
    issueToken: () => issueToken(stateFolder, { service: 'chaos' }, { lifetime: 7200 }),
    findProcess: (part) => {
      const record = readFileSync(join(stateFolder, 'pids', `${part}.json`), 'utf8')
      return (JSON.parse(record) as { pid: number }).pid
    },
    findWorkers: (functionName) => findWorkers(stateFolder, functionName),
    stop: async () => {
      sweeping.abort()
      await sweeps
      close()
      sqs.destroy()
      await sql.end({ timeout: 2 })
      await stopStack(start)
      await proxy.stop()
    },
  }
  await shortenPause(stack)
  return stack
}

/** What a run left that was killed: its supervisor first, which would start the others again. */
async function endEarlierStack(stateFolder: string): Promise<void> {
  const lock = join(stateFolder, 'supervisor.lock')
  const holder = findLockHolder(lock)
  if (holder) process.kill(holder.pid, 'SIGTERM')
  await waitUntil(() => !findLockHolder(lock), 60_000)
  await endOrphans(stateFolder)
}

function readOutputs(stateFolder: string): Outputs {
  const stacks = JSON.parse(readFileSync(join(stateFolder, 'outputs.json'), 'utf8')) as Record<string, Partial<Outputs>>
  const all: Partial<Outputs> = Object.assign({}, ...Object.values(stacks))
  const missing = outputNames.filter((name) => all[name] === undefined)
  if (missing.length > 0) throw new Error(`expected ${missing.join(', ')} among the outputs; got none`)
  return all as Outputs
}

async function sweep(lambda: LambdaClient, functionName: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // What becomes of it the next one sees.
    await lambda
      .send(new InvokeCommand({ FunctionName: functionName, Payload: Buffer.from('{}') }), { abortSignal: signal })
      .catch(() => undefined)
    await wait(sweepInterval, undefined, { signal }).catch(() => undefined)
  }
}

/** The emulator tells each of its workers the function's name; that they are this stack's, the state's folder in there tells. */
function findWorkers(stateFolder: string, functionName: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
        const name = /(?:^|\0)AWS_LAMBDA_FUNCTION_NAME=[^\0]*-service-(\w+?)Function/.exec(environment)?.[1]
        return name === functionName && environment.includes(`STATE_DIR=${stateFolder}/`)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Kills one process at once, if it is there. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Whether a process is there. */
export const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)

/** Waits until something is so; false when it is not within that time (ms). What is thrown means not yet. */
export async function waitUntil(isSo: () => Promise<boolean> | boolean, milliseconds: number): Promise<boolean> {
  const end = Date.now() + milliseconds
  for (;;) {
    if (
      await Promise.resolve()
        .then(isSo)
        .catch(() => false)
    )
      return true
    if (Date.now() > end) return false
    await wait(250)
  }
}
