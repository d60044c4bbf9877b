// A folder for what tests start: all of it ends, and its files go, however the run ends. Called in vitest's main process:
// a worker that is interrupted can do nothing any more.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { findLockHolder, readStartMark } from '../../local/file-lock.mjs'
import { sendSignal } from '../../local/orphans.mjs'

/** Makes a folder in that one. Returns it, and what ends and removes everything in it. */
export function makeTestFolder(parent: string): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(parent, 'verified-wallets-test-'))
  const end = () => {
    killServers(folder)
    removeFolder(folder)
  }
  process.once('exit', end)
  // vitest ends in order on Ctrl-C and SIGTERM, but not when its terminal closes.
  const hangUp = () => process.exit(129)
  process.once('SIGHUP', hangUp)
  return {
    folder,
    remove: () => {
      process.off('exit', end)
      process.off('SIGHUP', hangUp)
      end()
    },
  }
}

/** What was killed may write for a moment: PostgreSQL's backends end when they see that their postmaster has. */
function removeFolder(folder: string): void {
  for (let attempt = 1; existsSync(folder); attempt++) {
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch (error) {
      if (attempt === 50) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    }
  }
}

/**
 * Kills every supervisor and server whose state is in that folder, at once: a process that exits can wait for nothing.
 * A recorded one is killed only when its start time is the recorded one. Supervisors first: they start servers again.
 */
function killServers(folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  for (const file of files.filter((name) => basename(name) === 'supervisor.lock')) {
    const holder = findLockHolder(file)
    if (holder) sendSignal(holder.pid, 'SIGKILL')
  }
  for (const file of files.filter((name) => basename(dirname(name)) === 'pids' && name.endsWith('.json'))) {
    const { pid, startMark } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; startMark: string }
    if (readStartMark(pid) === startMark) sendSignal(-pid, 'SIGKILL')
  }
}
