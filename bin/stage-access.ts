// How a command reaches a deployed stage: which one, with whose credentials, and what its stacks answer. `local` is found by
// the folder of its state, every other stage by the credentials of who calls.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import * as z from 'zod'
import { readSettings } from '../lib/settings.ts'
import type { Stage } from '../lib/stage.ts'
import { findStage } from '../lib/stage-table.ts'
import { InputError } from './command-line.ts'

/** What every client of AWS is made with. */
export type ClientOptions = {
  readonly region: string
  readonly endpoint?: string
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
}

export type StageAccess = {
  readonly stage: Stage
  readonly client: ClientOptions
  /** Who calls, as STS says. */
  readonly caller: { readonly account: string; readonly arn: string }
}

export const dataStackOf = (stage: Pick<Stage, 'name'>) => `verified-wallets-${stage.name}-data`
export const serviceStackOf = (stage: Pick<Stage, 'name'>) => `verified-wallets-${stage.name}-service`

/**
 * Finds the stage and proves the credentials.
 *
 * @param flags `stage`: its name; `state`: the folder of a local stack (default .local/state)
 * @param insteadOfEmulated for commands that are for AWS alone: what does the same for a stage in the emulator
 * @throws {InputError} `invalid_arguments`, `emulated_stage`, `not_running`, `no_region`, `no_credentials`, `wrong_account`
 * @throws {SettingsError} for a setting of the environment that cannot be used
 */
export async function openStage(
  flags: { readonly stage?: string | true; readonly state?: string | true },
  insteadOfEmulated?: string,
): Promise<StageAccess> {
  if (typeof flags.stage !== 'string') throw new InputError('invalid_arguments', 'expected --stage NAME; got none')
  const named = findStage(flags.stage, readSettings(process.env))
  if (named.emulated && insteadOfEmulated !== undefined) {
    throw new InputError('emulated_stage', `${named.name} is in no account of AWS: ${insteadOfEmulated}`)
  }
  const client = named.emulated ? readEmulator(String(flags.state ?? '.local/state')) : await readRegion()
  const caller = await findCaller(client)
  // The table takes account and region from the same variables that the CDK CLI sets.
  const environment = { ...process.env, CDK_DEFAULT_ACCOUNT: caller.account, CDK_DEFAULT_REGION: client.region }
  const stage = findStage(flags.stage, readSettings(environment))
  if (stage.account !== caller.account || stage.region !== client.region) {
    throw new InputError(
      'wrong_account',
      `expected credentials of account ${stage.account} and region ${stage.region}, as the stage table says of ${stage.name}; ` +
        `got account ${caller.account} (${caller.arn}) and region ${client.region}`,
    )
  }
  return { stage, client, caller }
}

/** The emulator of a running local stack, and the credentials of its account's root: they open nothing else. */
function readEmulator(state: string): ClientOptions {
  const path = join(resolve(state), 'stack.json')
  try {
    const { emulator_url } = z.object({ emulator_url: z.url() }).parse(JSON.parse(readFileSync(path, 'utf8')))
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    return { region: 'us-east-1', endpoint: emulator_url, credentials }
  } catch (cause) {
    throw new InputError('not_running', `expected a running local stack in ${state}: npm start, or give --state DIR`, {
      cause,
    })
  }
}

async function readRegion(): Promise<ClientOptions> {
  const sts = new STSClient({})
  try {
    return { region: await sts.config.region() }
  } catch (cause) {
    throw new InputError('no_region', 'expected a region: set AWS_REGION, or one in the profile of AWS_PROFILE', {
      cause,
    })
  } finally {
    sts.destroy()
  }
}

async function findCaller(client: ClientOptions): Promise<StageAccess['caller']> {
  const sts = new STSClient(client)
  try {
    const { Account, Arn } = await sts.send(new GetCallerIdentityCommand({}))
    return { account: Account ?? '', arn: Arn ?? '' }
  } catch (cause) {
    throw new InputError(
      'no_credentials',
      `AWS does not know who calls (${nameOf(cause)}): sign in, for instance with aws sso login, and set AWS_PROFILE`,
      { cause },
    )
  } finally {
    sts.destroy()
  }
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name : typeof error)

/**
 * What AWS refused or failed at, as an error that explains itself.
 *
 * @throws {InputError} `access_denied` or `aws_failed`; AWS says no secret in its messages
 */
export function explainAws(what: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof InputError) throw error
    const name = nameOf(error)
    const message = error instanceof Error ? error.message : ''
    const code = /AccessDenied|NotAuthorized|UnauthorizedOperation/.test(name) ? 'access_denied' : 'aws_failed'
    throw new InputError(code, `${what}: ${name}: ${message}`, { cause: error })
  }
}

/** A deployed stack; undefined when there is none of that name. */
export async function findStack(client: ClientOptions, name: string): Promise<Stack | undefined> {
  const cloudFormation = new CloudFormationClient(client)
  try {
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: name }))
    return Stacks?.[0]
  } catch (error) {
    // CloudFormation has no name of its own for this.
    if (error instanceof Error && /does not exist/.test(error.message)) return undefined
    return explainAws(`the stack ${name} could not be looked at`)(error)
  } finally {
    cloudFormation.destroy()
  }
}

/** The outputs of a stack by name. */
export const outputsOf = (stack: Stack | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries((stack?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey ?? '', OutputValue ?? '']))

/**
 * An output that must be there.
 *
 * @throws {InputError} `not_deployed`
 */
export async function readOutputs<Name extends string>(
  client: ClientOptions,
  stackName: string,
  names: readonly Name[],
): Promise<Readonly<Record<Name, string>>> {
  const outputs = outputsOf(await findStack(client, stackName))
  const missing = names.filter((name) => !outputs[name])
  if (missing.length > 0) {
    throw new InputError('not_deployed', `expected the outputs ${missing.join(', ')} of ${stackName}: deploy it first`)
  }
  return outputs as Record<Name, string>
}
