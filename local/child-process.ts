// Child processes: started in a group of their own with their output in a file, stopped within a bound, and found again
// after whatever started them was killed. Knows nothing of what the children are.
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { readStartMark } from './file-lock.mjs'
import { LocalError } from './local-error.ts'
import { followFile, prepareLog, readTail } from './log-file.ts'

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

/** Kills a group, which may be empty already. */
function killGroup(leader: number): void {
  sendSignal(-leader, 'SIGKILL')
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

// ---- what a killed supervisor left running

const recordSchema = z.object({ pid: z.int(), startMark: z.string(), stopSignal: z.enum(['SIGTERM', 'SIGINT']) })

async function writeRecord(stateFolder: string, name: string, record: z.infer<typeof recordSchema>): Promise<string> {
  const folder = join(stateFolder, 'pids')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${name}.json`)
  await writeFile(path, JSON.stringify(record))
  return path
}

/**
 * Ends the children of this state that an earlier process started and did not stop.
 *
 * A recorded child is ended only when its start time is the recorded one, and a member of its group only when the
 * state's folder is in its command line: ids are used again by strangers.
 *
 * @returns the names of those that were still there
 */
export async function endOrphans(stateFolder: string): Promise<readonly string[]> {
  const folder = join(stateFolder, 'pids')
  const files = await readdir(folder).catch(() => [])
  const ended = await Promise.all(
    files
      .filter((file) => file.endsWith('.json'))
      .map(async (file) => {
        const text = await readFile(join(folder, file), 'utf8')
        const found = await endOrphan(stateFolder, text)
        await rm(join(folder, file))
        return found ? [file.replace(/\.json$/, '')] : []
      }),
  )
  return ended.flat()
}

async function endOrphan(stateFolder: string, text: string): Promise<boolean> {
  let record: z.infer<typeof recordSchema>
  try {
    record = recordSchema.parse(JSON.parse(text))
  } catch {
    // Cut off by the kill: its process had just begun.
    return false
  }
  const isLeaderAlive = () => readStartMark(record.pid) === record.startMark
  const findMembers = () =>
    listProcesses().filter(({ group, command }) => group === record.pid && command.includes(stateFolder))
  if (!isLeaderAlive() && findMembers().length === 0) return false

  const deadline = Date.now() + 10_000
  if (isLeaderAlive()) {
    sendSignal(record.pid, record.stopSignal)
    sendSignal(record.pid, 'SIGCONT')
    while (isLeaderAlive() && Date.now() < deadline) await sleep(50)
  }
  if (isLeaderAlive()) sendSignal(record.pid, 'SIGKILL')
  for (const { pid } of findMembers()) sendSignal(pid, 'SIGKILL')
  return true
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has just ended by itself.
  }
}

type ListedProcess = { readonly pid: number; readonly group: number; readonly command: string }

/** Every process of this machine that can be seen. */
export function listProcesses(): readonly ListedProcess[] {
  if (process.platform === 'linux') {
    // Not with ps: small images have none.
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          const statText = readFileSync(`/proc/${name}/stat`, 'utf8')
          const group = Number(statText.slice(statText.lastIndexOf(')') + 2).split(' ')[2])
          const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
          return [{ pid: Number(name), group, command }]
        } catch {
          return []
        }
      })
  }
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,pgid=,command='], { encoding: 'utf8' }).split('\n')
  return lines.flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)
    return match === null ? [] : [{ pid: Number(match[1]), group: Number(match[2]), command: match[3] ?? '' }]
  })
}
