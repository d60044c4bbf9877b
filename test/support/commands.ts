// Runs the commands of bin/ as their callers do: as processes. No test here.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

export type CommandResult = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

/** Runs a program to its end. */
export function runProgram(
  program: string,
  programArguments: readonly string[],
  input: string | Uint8Array,
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>()
  const child = spawn(program, programArguments, { cwd: root, env })
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (part) => stdout.push(part))
  child.stderr.on('data', (part) => stderr.push(part))
  child.on('error', reject)
  child.on('close', (status) =>
    resolve({ status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
  )
  // A command that refuses its flags does not read its input.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  return promise
}

export type CommandName = 'derive' | 'validate' | 'deploy' | 'diff' | 'destroy' | 'smoke' | 'vault' | 'dlq' | 'inspect'

export const commandPath = (name: CommandName) => join(root, 'bin', `${name}.ts`)

export const runCommand = (
  name: CommandName,
  flags: readonly string[],
  input: string | Uint8Array,
  env: NodeJS.ProcessEnv = process.env,
) => runProgram(process.execPath, [commandPath(name), ...flags], input, env)

/** The values of lines of JSON, each of which must have its end. */
export function parseLines<Value>(text: string): Value[] {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new TypeError('expected a line end after the last line')
  return lines.map((line) => JSON.parse(line) as Value)
}

export type DeriveAnswer = {
  readonly path: string
  readonly address: string
  readonly public_key: string
  readonly xpub: string
  readonly master_fingerprint: string | null
  readonly error?: { readonly code: string; readonly message: string }
}

/** The answers to requests, by one process. */
export async function derive(requests: readonly unknown[]): Promise<DeriveAnswer[]> {
  const input = requests.map((request) => `${JSON.stringify(request)}\n`).join('')
  const { status, stdout, stderr } = await runCommand('derive', ['--ndjson'], input)
  const answers = parseLines<DeriveAnswer>(stdout)
  if (status !== 0 || stderr !== '' || answers.length !== requests.length) {
    throw new Error(`expected ${requests.length} answers and status 0; got ${answers.length} and ${status}: ${stderr}`)
  }
  return answers
}

export type ValidateAnswer = {
  readonly address: string
  readonly valid: boolean
  readonly address_type?: string
  readonly reason?: string
}

/** What one process says of addresses. */
export async function validate(flags: readonly string[], addresses: readonly string[]): Promise<ValidateAnswer[]> {
  const { status, stdout, stderr } = await runCommand('validate', flags, addresses.map((each) => `${each}\n`).join(''))
  const answers = parseLines<ValidateAnswer>(stdout)
  if (status !== 0 || stderr !== '' || answers.length !== addresses.length) {
    throw new Error(`expected ${addresses.length} answers and status 0; got ${answers.length} and ${status}: ${stderr}`)
  }
  return answers
}
