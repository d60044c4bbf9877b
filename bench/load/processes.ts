// What each process of a stack uses, from /proc: memory and time on a CPU. Elsewhere than on Linux nothing is known.
import { readdirSync, readFileSync } from 'node:fs'

/**
 * One process. `bytes`: what it has for itself (anonymous memory: heaps, stacks, buffers), which is what a leak fills. Not the
 * pages of its program, of which its share grows when another process of the same program ends; nor PostgreSQL's shared ones.
 */
export type ProcessUse = {
  readonly pid: number
  readonly name: string
  readonly bytes: number
  /** Since it began, user and system. */
  readonly cpuSeconds: number
}

export type ProcessRow = { readonly pid: number; readonly parent: number; readonly command: string }

const ours: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [/ministack-lambda-[\w-]+?-service-([A-Z][a-z]+)/, ([, name = '']) => `${name.toLowerCase()} function`],
  [/local\/supervisor\.ts/, () => 'supervisor'],
  [/kafka\.Kafka/, () => 'Kafka'],
  [/-m ministack/, () => 'emulator'],
  [/bin\/postgres /, () => 'PostgreSQL'],
]

/**
 * The processes of the tree below that one, itself included, by what they are: a function's worker, a server, the supervisor
 * (which has the trigger, the front door and the issuer in it). What has no name of its own has its parent's.
 */
export function nameProcesses(rows: readonly ProcessRow[], root: number): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  const pending = rows.filter(({ pid }) => pid === root).map((row) => ({ row, inherited: 'supervisor' }))
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { row, inherited } = next
    const found = ours.flatMap(([pattern, toName]) => {
      const match = pattern.exec(row.command)
      return match ? [toName(match)] : []
    })
    const name = found[0] ?? inherited
    names.set(row.pid, name)
    for (const child of rows) if (child.parent === row.pid) pending.push({ row: child, inherited: name })
  }
  return names
}

/** A process may end while it is looked at. */
function read<Result>(look: () => Result): Result | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}

/** Of /proc/PID/stat the fields after the name, which may hold anything. */
const readStat = (pid: number) => {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** What Linux counts CPU time in, for programs: 1/100 s (proc(5), `sysconf(_SC_CLK_TCK)`). */
const ticksPerSecond = 100

function readRows(): ProcessRow[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const pid = Number(name)
      const row = read(() => ({
        pid,
        parent: Number(readStat(pid)[1]),
        command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '),
      }))
      return row ? [row] : []
    })
}

/** Linux 4.5 and later (proc(5), status). */
function readBytes(pid: number): number {
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return Number(kilobytes) * 1024
}

/**
 * @param prepare what is done to each process just before it is looked at
 * @returns undefined where there is no /proc, as on macOS
 */
export async function readProcesses(
  root: number,
  prepare: (pid: number) => Promise<void>,
): Promise<readonly ProcessUse[] | undefined> {
  if (process.platform !== 'linux') return undefined
  const uses: ProcessUse[] = []
  for (const [pid, name] of nameProcesses(readRows(), root)) {
    await prepare(pid)
    const use = read(() => {
      const stat = readStat(pid)
      const cpuSeconds = (Number(stat[11]) + Number(stat[12])) / ticksPerSecond
      return { pid, name, bytes: readBytes(pid), cpuSeconds }
    })
    if (use) uses.push(use)
  }
  return uses
}
