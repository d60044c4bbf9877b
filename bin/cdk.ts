// The project's own synthesis and the pinned CDK CLI, run as a person would, on this terminal. Decides nothing.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { InputError } from './command-line.ts'
import type { ClientOptions, StageAccess } from './stage-access.ts'

export const projectFolder = join(import.meta.dirname, '..')

/** Synthesises a stage with `bin/app.ts`. Returns the folder of the cloud assembly. */
export async function synthesise({ stage, client, caller }: StageAccess): Promise<string> {
  const folder = join(projectFolder, 'cdk.out', stage.name)
  const program = [join(projectFolder, 'bin', 'app.ts'), '--stage', stage.name, '--output', folder]
  const status = await runNode(program, { CDK_DEFAULT_ACCOUNT: caller.account, CDK_DEFAULT_REGION: client.region })
  if (status !== 0) throw new InputError('synth_failed', 'the stacks could not be synthesised: see above')
  return folder
}

/** Runs the pinned CDK CLI on a cloud assembly, on this terminal. Resolves to its exit status. */
export function runCdk(client: ClientOptions, assembly: string, cdkArguments: readonly string[]): Promise<number> {
  const program = [join(projectFolder, 'node_modules', 'aws-cdk', 'bin', 'cdk'), ...cdkArguments]
  return runNode([...program, '--app', assembly, '--no-notices'], {
    AWS_REGION: client.region,
    // Otherwise the CLI says on standard output, in CI, what it says on standard error elsewhere.
    CI: 'false',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
  })
}

/** In this process's place on the terminal; a signal that comes here is passed on. */
function runNode(programArguments: readonly string[], environment: Readonly<Record<string, string>>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const child = spawn(process.execPath, programArguments, {
    cwd: projectFolder,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const pass = (signal: NodeJS.Signals) => void child.kill(signal)
  for (const signal of signals) process.on(signal, pass)
  child.on('error', reject)
  child.on('exit', (status) => {
    for (const signal of signals) process.off(signal, pass)
    resolve(status ?? 1)
  })
  return promise
}
