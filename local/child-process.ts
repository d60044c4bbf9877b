// Child processes: started in a group of their own with their output in a file, recorded, stopped within a bound. Knows
// nothing of what the children are.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readStartMark } from './file-lock.mjs'
import { LocalError } from './local-error.ts'
import { followFile, prepareLog, readTail } from './log-file.ts'
import { sendSignal } from './orphans.mjs'

export type ChildOptions = {
  /** In kebab case: the name of its log and of its record. */
  readonly name: string
  /** The absolute path of the folder that `logs/` and `pids/` are in. */
  readonly stateFolder: string
  readonly program: string
  readonly arguments: readonly string[]
  /** All of its environment: nothing is inherited. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly folder?: string
  /** The signal that asks it to stop. */
  readonly stopSignal?: 'SIGTERM' | 'SIGINT'
}

export type Exit = { readonly code: number | null; readonly signal: string | null }

export type Child = {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  readonly exited: Promise<Exit>
  /** The last lines that it wrote. */
  tail(lines?: number): Promise<string>
  /** Asks it to stop, and kills its group when the bound passes. Resolves to how it ended. */
  stop(boundMilliseconds?: number): Promise<Exit>
}

/** Children that run now. None outlives this process, however it ends, short of a kill; then their records remain. */
const running = new Set<number>()
process.once('exit', () => {
  for (const pid of running) killGroup(pid)
})

/** Kills a group, of which there may be nothing left; macOS calls that a lack of permission. */
function killGroup(leader: number): void {
  try {
    sendSignal(-leader, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) throw error
  }
}

/** Starts a child that stays until it is stopped. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, stateFolder, stopSignal = 'SIGTERM' } = options
  const log = await prepareLog(stateFolder, name)
  const descriptor = openSync(log.path, 'a')
  const child = spawn(options.program, options.arguments, {
    cwd: options.folder,
    env: options.environment,
    detached: true,
    stdio: ['ignore', descriptor, descriptor],
  })
  closeSync(descriptor)
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (cause) => reject(new LocalError(`could not start ${name}: ${cause.message}`, { cause })))
  })
  const pid = child.pid as number
  running.add(pid)
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      running.delete(pid)
      // What it had started itself goes with it.
      killGroup(pid)
      resolve({ code, signal })
    })
  })
  const record = await writeRecord(stateFolder, name, { pid, startMark: readStartMark(pid) ?? '', stopSignal })

  return {
    name,
    pid,
    logFile: log.path,
    exited,
    tail: (lines) => readTail(log.path, log.length, lines),
    stop: async (boundMilliseconds = 10_000) => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(stopSignal)
        // Someone may have suspended it: it sees the signal only when it goes on.
        child.kill('SIGCONT')
        const kill = setTimeout(() => killGroup(pid), boundMilliseconds)
        await exited
        clearTimeout(kill)
      }
      await rm(record, { force: true })
      return exited
    },
  }
}

/**
 * Waits until `isReady` answers true; what it throws means not yet.
 *
 * @throws {LocalError} when the child ends first, or the bound passes.
 */
export async function waitUntilReady(
  child: Child,
  isReady: () => Promise<boolean>,
  options: { readonly boundMilliseconds: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const deadline = Date.now() + options.boundMilliseconds
  let exit: Exit | undefined
  void child.exited.then((value) => {
    exit = value
  })
  let cause: unknown
  for (;;) {
    options.signal?.throwIfAborted()
    const answers = await isReady().catch((error: unknown) => {
      cause = error
      return false
    })
    if (exit !== undefined) throw await failure(child, `${child.name} ended while it started (${describeExit(exit)})`)
    if (answers) return
    if (Date.now() > deadline) {
      throw await failure(child, `${child.name} did not answer within ${options.boundMilliseconds / 1000} s`, cause)
    }
    await sleep(50)
  }
}

/**
 * Runs a child to its end. Its output goes to its log, and line by line to `onLine`.
 *
 * @throws {LocalError} with the end of the log when it fails; the signal's reason when that ended it.
 */
export async function runChild(
  options: Omit<ChildOptions, 'stopSignal'> & {
    readonly signal?: AbortSignal | undefined
    readonly onLine?: ((line: string) => void) | undefined
  },
): Promise<void> {
  options.signal?.throwIfAborted()
  const log = await prepareLog(options.stateFolder, options.name)
  const child = await startChild(options)
  const stop = () => void child.stop(3000)
  options.signal?.addEventListener('abort', stop)
  const follower = options.onLine === undefined ? undefined : followFile(log.path, log.length, options.onLine)
  const exit = await child.exited
  options.signal?.removeEventListener('abort', stop)
  await follower?.stop()
  await child.stop()
  options.signal?.throwIfAborted()
  if (exit.code !== 0) throw await failure(child, `${child.name} failed (${describeExit(exit)})`)
}

async function failure(child: Child, message: string, cause?: unknown): Promise<LocalError> {
  return new LocalError(message, { logFile: child.logFile, tail: await child.tail(), cause })
}

export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `exit status ${code}` : `by ${signal}`
}

/** What `endOrphans` finds a child by when this process is killed before it has stopped it. */
async function writeRecord(
  stateFolder: string,
  name: string,
  record: { pid: number; startMark: string; stopSignal: string },
): Promise<string> {
  const folder = join(stateFolder, 'pids')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${name}.json`)
  await writeFile(path, JSON.stringify(record))
  return path
}
