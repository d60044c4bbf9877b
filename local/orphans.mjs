// Ends the children that a killed supervisor has left running. Plain JavaScript without dependencies: `npm run reset` runs it
// on an older Node, before anything is installed.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readStartMark } from './file-lock.mjs'

/**
 * Ends the children of a state that an earlier process started and did not stop.
 *
 * A recorded child is ended only when its start time is the recorded one, and a member of its group only when the
 * state's folder is in its command line: ids are used again by strangers.
 *
 * @param {string} stateFolder
 * @returns {Promise<string[]>} the names of those that were still there
 */
export async function endOrphans(stateFolder) {
  const folder = join(stateFolder, 'pids')
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : []))
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, `${name}.json`)
      const wasThere = await endOrphan(stateFolder, readRecord(path))
      rmSync(path, { force: true })
      return wasThere ? [name] : []
    }),
  )
  return found.flat()
}

/** Undefined when the kill has cut it off: its process had just begun. */
function readRecord(path) {
  try {
    const { pid, startMark, stopSignal } = JSON.parse(readFileSync(path, 'utf8'))
    return Number.isInteger(pid) && pid > 1 && stopSignal ? { pid, startMark, stopSignal } : undefined
  } catch {
    return undefined
  }
}

async function endOrphan(stateFolder, record) {
  if (record === undefined) return false
  const { pid, startMark, stopSignal } = record
  const isLeaderAlive = () => readStartMark(pid) === startMark
  const findMembers = () =>
    listProcesses().filter((process) => process.group === pid && process.command.includes(stateFolder))
  if (!isLeaderAlive() && findMembers().length === 0) return false

  const deadline = Date.now() + 10_000
  if (isLeaderAlive()) {
    sendSignal(pid, stopSignal)
    // Someone may have suspended it: it sees the signal only when it goes on.
    sendSignal(pid, 'SIGCONT')
    while (isLeaderAlive() && Date.now() < deadline) await sleep(50)
  }
  if (isLeaderAlive()) sendSignal(pid, 'SIGKILL')
  for (const member of findMembers()) sendSignal(member.pid, 'SIGKILL')
  return true
}

/**
 * Sends a signal to a process, or to a group by its negative id; nothing when it has just ended by itself.
 *
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
export function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/**
 * Every process of this machine that can be seen.
 *
 * @returns {{ pid: number, group: number, command: string }[]}
 */
export function listProcesses() {
  if (process.platform === 'linux') {
    // Not with ps: small images have none.
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return []
      try {
        // proc(5): after the program's name in parentheses, state, parent, group.
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const group = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
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
    return match === null ? [] : [{ pid: Number(match[1]), group: Number(match[2]), command: match[3] }]
  })
}
