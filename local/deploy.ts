// Deploys both stacks into the emulator with the CDK CLI, as into an account of AWS; nothing when they are there already.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DeleteBucketPolicyCommand } from '@aws-sdk/client-s3'
import { PutSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import * as z from 'zod'
import type { Settings } from '../lib/settings.ts'
import { readSecret } from '../shared/secrets.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { runChild } from './child-process.ts'
import { account, credentials, type EmulatorClients, region, runFunction } from './emulator-clients.ts'
import { LocalError } from './local-error.ts'
import type { Target } from './servers.ts'

const projectFolder = fileURLToPath(new URL('..', import.meta.url))
const programsOfModules = join(projectFolder, 'node_modules', '.bin')
const dataStack = 'verified-wallets-local-data'
const serviceStack = 'verified-wallets-local-service'
const stallMilliseconds = 180_000
const stagingBucket = `cdk-hnb659fds-assets-${account}-${region}`

const outputsSchema = z.object({
  DatabaseAdminSecretArn: z.string(),
  VaultSecretArn: z.string(),
  VaultKeyArn: z.string(),
  VaultImportRoleArn: z.string(),
  ApiId: z.string(),
  ApiStage: z.string(),
  WalletFunctionName: z.string(),
  ProvisionFunctionName: z.string(),
  MigrateFunctionName: z.string(),
})

/** The outputs of both stacks that are used here, and the name of each function by its folder's. */
export type Outputs = Readonly<z.infer<typeof outputsSchema>> & { readonly functions: Readonly<Record<string, string>> }

const stackOutputsSchema = z.record(z.string(), z.record(z.string(), z.string()))

/** `stacks`: the outputs of each stack by its name, as the CDK CLI writes them. */
const deploymentSchema = z.object({ digest: z.string(), stacks: stackOutputsSchema })

export type DeployOptions = {
  readonly stateFolder: string
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

/**
 * Bundles the functions and writes the cloud assembly, without the CDK CLI.
 *
 * @param settings the stage's settings; of the database's address without the credentials, which have no place in it
 * @param context what differs from the context of cdk.json
 * @returns the folder of the assembly
 */
export async function synthesise(
  options: DeployOptions,
  settings: Settings,
  context: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = join(options.stateFolder, 'cdk.out')
  await rm(folder, { recursive: true, force: true })
  const database = new URL(settings.databaseUrl)
  database.username = ''
  database.password = ''
  await runChild({
    name: 'cdk-synth',
    stateFolder: options.stateFolder,
    program: process.execPath,
    arguments: [join(projectFolder, 'bin', 'app.ts'), '--stage', 'local', '--output', folder],
    folder: projectFolder,
    environment: {
      ...(await baseEnvironment(options.stateFolder)),
      MAX_DOCUMENT_SIZE_MB: String(settings.maxDocumentSizeMb),
      MAX_ATTEMPTS: String(settings.maxAttempts),
      VERIFICATION_DELAY_SECONDS: String(settings.verificationDelaySeconds),
      MAX_CONCURRENT_GENERATIONS: String(settings.maxConcurrentGenerations),
      WALLET_OVERDUE_SECONDS: String(settings.net.walletOverdueSeconds),
      VERDICT_OVERDUE_SECONDS: settings.net.verdictOverdueSeconds?.toString(),
      KAFKA_BOOTSTRAP_SERVERS: settings.kafkaBootstrapServers.join(','),
      POST_LIMIT_CAPACITY: String(settings.postLimit.capacity),
      POST_LIMIT_REFILL_PER_SECOND: String(settings.postLimit.refillPerSecond),
      DATABASE_URL: database.href,
      TOKEN_ISSUER: settings.tokenIssuer,
      TOKEN_KEYS: settings.tokenKeys && JSON.stringify(settings.tokenKeys),
      CHAOS_FOLDER: settings.chaos?.crashPointFolder,
      CHAOS_PROXY: settings.chaos?.proxyUrl,
      CDK_CONTEXT_JSON: JSON.stringify(context),
    },
    signal: options.signal,
  })
  return folder
}

/** Makes the account ready for the CDK CLI: once for a state. */
export async function bootstrapAccount(
  options: DeployOptions,
  emulator: Target,
  clients: EmulatorClients,
): Promise<void> {
  if ((await readDeployment(emulator)) !== undefined) return
  await runCdk(options, emulator, 'cdk-bootstrap', ['bootstrap', `aws://${account}/${region}`])
  // It denies what does not come over TLS, which is everything on loopback.
  await clients.s3.send(new DeleteBucketPolicyCommand({ Bucket: stagingBucket }))
}

/**
 * Deploys the data stack, puts the database administrator's name and password, deploys the service stack.
 *
 * @param assembly the folder that `synthesise` has written
 * @param databaseUrl with the administrator's name and password
 * @returns the outputs of both stacks, and whether anything was deployed
 */
export async function deploy(
  options: DeployOptions,
  emulator: Target,
  clients: EmulatorClients,
  assembly: string,
  databaseUrl: string,
): Promise<{ readonly outputs: Outputs; readonly changed: boolean }> {
  const digest = await digestAssembly(assembly)
  const deployed = await readDeployment(emulator)
  if (deployed?.digest === digest) {
    const outputs = readOutputs(deployed.stacks)
    const changed = await putAdministrator(clients, outputs.DatabaseAdminSecretArn, databaseUrl)
    // No deploy runs them this time, and the database may be another than it was.
    await runFunction(clients.lambda, outputs.MigrateFunctionName)
    await writeOutputs(options.stateFolder, deployed.stacks)
    return { outputs, changed }
  }
  const data = await deployStack(options, emulator, assembly, dataStack)
  await putAdministrator(clients, data.DatabaseAdminSecretArn ?? '', databaseUrl)
  const service = await deployStack(options, emulator, assembly, serviceStack)
  const stacks = { [dataStack]: data, [serviceStack]: service }
  const deployment: z.infer<typeof deploymentSchema> = { digest, stacks }
  const outputs = readOutputs(stacks)
  // The deploy has run them, but in LocalStack, whose free releases pass over custom resources.
  await runFunction(clients.lambda, outputs.MigrateFunctionName)
  await writeFile(join(emulator.workingFolder, 'deployment.json'), JSON.stringify(deployment))
  await writeOutputs(options.stateFolder, stacks)
  return { outputs, changed: true }
}

function readOutputs(stacks: z.infer<typeof stackOutputsSchema>): Outputs {
  const names = Object.entries(stacks[serviceStack] ?? {}).flatMap(([output, value]) => {
    const name = /^(\w+)FunctionName$/.exec(output)?.[1]
    return name === undefined ? [] : [[name.toLowerCase(), value]]
  })
  const outputs = outputsSchema.parse({ ...stacks[dataStack], ...stacks[serviceStack] })
  return { ...outputs, functions: Object.fromEntries(names) }
}

/** `outputs.json`, for people and tests. */
function writeOutputs(stateFolder: string, stacks: z.infer<typeof stackOutputsSchema>): Promise<void> {
  return writeFileAtomically(join(stateFolder, 'outputs.json'), `${JSON.stringify(stacks, null, 2)}\n`)
}

/** Deploys one stack of an assembly. Resolves to its outputs. */
export async function deployStack(
  options: DeployOptions,
  emulator: Target,
  assembly: string,
  stack: string,
): Promise<Record<string, string>> {
  const outputsFile = join(assembly, `${stack}.outputs.json`)
  const flags = ['--exclusively', '--require-approval', 'never', '--method', 'direct', '--outputs-file', outputsFile]
  options.say(`  deploying ${stack}`)
  let done = 0
  await runCdk(options, emulator, 'cdk-deploy', ['deploy', stack, '--app', assembly, ...flags], (line) => {
    // `stack | 12 | 10:11:12 AM | CREATE_COMPLETE | type | id`
    if (/\| \w+_COMPLETE +\|/.test(line) && ++done % 20 === 0) options.say(`    ${done} resources so far`)
  })
  return stackOutputsSchema.parse(JSON.parse(await readFile(outputsFile, 'utf8')))[stack] ?? {}
}

async function runCdk(
  options: DeployOptions,
  emulator: Target,
  name: string,
  cdkArguments: readonly string[],
  onLine?: (line: string) => void,
): Promise<void> {
  // The emulator waits for the answer of a function that a template calls, also when that function has crashed.
  const stalled = new AbortController()
  const message = `${name} has made no progress for ${stallMilliseconds / 1000} s: see ${emulator.child.logFile} as well`
  const stall = setTimeout(() => stalled.abort(new LocalError(message)), stallMilliseconds)
  await runChild({
    name,
    stateFolder: options.stateFolder,
    program: process.execPath,
    arguments: [
      join(projectFolder, 'node_modules', 'aws-cdk', 'bin', 'cdk'),
      ...cdkArguments,
      '--no-notices',
      '--no-color',
    ],
    folder: options.stateFolder,
    environment: {
      ...(await baseEnvironment(options.stateFolder)),
      AWS_ENDPOINT_URL: emulator.url,
      AWS_ENDPOINT_URL_S3: emulator.url,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      CI: 'true',
    },
    signal: AbortSignal.any([options.signal, stalled.signal]),
    onLine: (line) => {
      stall.refresh()
      onLine?.(line)
    },
  }).finally(() => clearTimeout(stall))
}

/** Nothing of the user's: a profile, a proxy or a `~/.cdk.json` of theirs may name a real account. */
async function baseEnvironment(stateFolder: string): Promise<Record<string, string | undefined>> {
  const home = join(stateFolder, 'home')
  await mkdir(home, { recursive: true })
  return { PATH: [programsOfModules, process.env.PATH].join(delimiter), HOME: home, TMPDIR: home, LANG: 'C.UTF-8' }
}

/** Whether the secret had to be changed. */
async function putAdministrator(clients: EmulatorClients, secretArn: string, databaseUrl: string): Promise<boolean> {
  const { username, password } = new URL(databaseUrl)
  const text = JSON.stringify({ username: decodeURIComponent(username), password: decodeURIComponent(password) })
  if ((await readSecret(clients.secrets, secretArn)) === text) return false
  await clients.secrets.send(new PutSecretValueCommand({ SecretId: secretArn, SecretString: text }))
  return true
}

/** What was deployed last: kept with the emulator's own state, so that the two are never of different times. */
async function readDeployment(emulator: Target) {
  const text = await readFile(join(emulator.workingFolder, 'deployment.json'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : deploymentSchema.parse(JSON.parse(text))
}

/** Two assemblies of equal digest deploy the same: templates name each asset by the hash of its content. */
async function digestAssembly(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => /\.(template|assets)\.json$/.test(name)).toSorted()
  const hash = createHash('sha256')
  for (const name of names) hash.update(name).update(await readFile(join(folder, name)))
  return hash.digest('hex')
}
