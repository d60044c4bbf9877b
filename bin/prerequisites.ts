// What must hold before a stage is deployed, each looked at and told in one line. Changes nothing.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Stack } from '@aws-sdk/client-cloudformation'
import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { projectFolder } from './cdk.ts'
import { type ClientOptions, findStack, outputsOf, type StageAccess } from './stage-access.ts'

/** `warn`: can be deployed, and will not serve as it should. */
export type Check = { readonly state: 'ok' | 'warn' | 'fail'; readonly text: string }

export type Facts = {
  readonly nodeVersion: string
  readonly cdk: { readonly pinned: string; readonly installed: string }
  /** The version of the CDK bootstrap of this account and region; undefined when there is none. */
  readonly bootstrapVersion: number | undefined
  /** How many executions of functions this account may have at once; undefined when AWS does not tell. */
  readonly concurrentExecutions: number | undefined
  /** How many of them the stage's functions reserve, together. */
  readonly reservedExecutions: number
  /** The state of each stack by name; undefined when it does not exist. */
  readonly stacks: Readonly<Record<string, string | undefined>>
}

/** What the legacy-free templates of CDK 2 ask for ("requiresBootstrapStackVersion" of the assembly). */
const neededBootstrap = 6
/** Below this an account is new: the documented default is 1000 (Lambda, "Lambda quotas"). */
const fewExecutions = 100
/** What functions without a reservation must be left (Lambda, "Configuring reserved concurrency"). */
const unreservedExecutions = 100

export function judge(facts: Facts, region: string, account: string): readonly Check[] {
  const { cdk, bootstrapVersion } = facts
  const bootstrap = `npx cdk bootstrap aws://${account}/${region}`
  return [
    facts.nodeVersion.startsWith('24.')
      ? { state: 'ok', text: `Node ${facts.nodeVersion}, the runtime's` }
      : { state: 'fail', text: `expected Node 24, the runtime's; got ${facts.nodeVersion}` },
    cdk.installed === cdk.pinned
      ? { state: 'ok', text: `CDK CLI ${cdk.installed}, the pinned one` }
      : { state: 'fail', text: `expected the CDK CLI ${cdk.pinned}; got ${cdk.installed}: npm ci` },
    bootstrapVersion === undefined
      ? { state: 'fail', text: `expected a CDK bootstrap in account ${account}, ${region}; got none: ${bootstrap}` }
      : bootstrapVersion < neededBootstrap
        ? {
            state: 'fail',
            text: `expected a CDK bootstrap of version ${neededBootstrap}; got ${bootstrapVersion}: ${bootstrap}`,
          }
        : { state: 'ok', text: `CDK bootstrap of version ${bootstrapVersion}` },
    judgeExecutions(facts),
    ...Object.entries(facts.stacks).map(([name, state]) => judgeStack(name, state)),
  ]
}

function judgeExecutions({ concurrentExecutions: executions, reservedExecutions: reserved }: Facts): Check {
  const ask = 'ask for 1000 (Service Quotas, AWS Lambda, Concurrent executions)'
  if (executions === undefined) {
    return {
      state: 'warn',
      text: 'AWS does not tell how many functions may run at once: see quotas in docs/operations.md',
    }
  }
  if (reserved > 0 && executions < reserved + unreservedExecutions) {
    const needed = reserved + unreservedExecutions
    return {
      state: 'fail',
      text: `expected ${needed} functions at once, of which the stage reserves ${reserved}; this account may run ${executions}: ${ask}`,
    }
  }
  if (executions < fewExecutions) return { state: 'warn', text: `only ${executions} functions may run at once: ${ask}` }
  return { state: 'ok', text: `${executions} functions may run at once` }
}

function judgeStack(name: string, state: string | undefined): Check {
  if (state === undefined) return { state: 'ok', text: `${name}: will be created` }
  if (state.endsWith('_IN_PROGRESS')) {
    return { state: 'fail', text: `${name}: ${state}: wait until it is done, or look at its events in CloudFormation` }
  }
  if (state === 'ROLLBACK_COMPLETE' || state === 'ROLLBACK_FAILED' || state === 'DELETE_FAILED') {
    return { state: 'fail', text: `${name}: ${state}: it can only be deleted (npm run destroy), then deployed anew` }
  }
  if (state === 'UPDATE_ROLLBACK_FAILED') {
    return { state: 'fail', text: `${name}: ${state}: npx cdk rollback ${name}, then deploy` }
  }
  return { state: 'ok', text: `${name}: will be updated (${state})` }
}

export async function readFacts(access: StageAccess, stackNames: readonly string[]): Promise<Facts> {
  const { client, stage } = access
  const [bootstrap, concurrentExecutions, ...stacks] = await Promise.all([
    findStack(client, 'CDKToolkit'),
    readConcurrency(client),
    ...stackNames.map((name) => findStack(client, name)),
  ])
  const states = stacks.map((stack: Stack | undefined, at) => [stackNames[at], stack?.StackStatus] as const)
  return {
    nodeVersion: process.versions.node,
    cdk: {
      pinned: await readVersion('package.json', 'pinned'),
      installed: await readVersion('node_modules/aws-cdk/package.json'),
    },
    bootstrapVersion: toNumber(outputsOf(bootstrap).BootstrapVersion),
    concurrentExecutions,
    reservedExecutions: Object.values(stage.reservedConcurrency ?? {}).reduce((sum, each) => sum + each, 0),
    stacks: Object.fromEntries(states),
  }
}

const toNumber = (text: string | undefined) => (text === undefined ? undefined : Number(text))

/** Undefined when it may not be asked. */
async function readConcurrency(client: ClientOptions): Promise<number | undefined> {
  const lambda = new LambdaClient(client)
  try {
    return (await lambda.send(new GetAccountSettingsCommand({}))).AccountLimit?.ConcurrentExecutions
  } catch {
    return undefined
  } finally {
    lambda.destroy()
  }
}

async function readVersion(path: string, which: 'pinned' | 'own' = 'own'): Promise<string> {
  const manifest: { version: string; devDependencies?: Record<string, string> } = JSON.parse(
    await readFile(join(projectFolder, path), 'utf8'),
  )
  return (which === 'pinned' ? manifest.devDependencies?.['aws-cdk'] : manifest.version) ?? 'none'
}
