// Locks between processes: a file that names its holder. A lock whose holder has died is free, whatever killed it.
// Plain JavaScript without dependencies: the bootstrap runs it on an older Node, before anything is installed.
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * When a process started, as text that no later process with the same id shares; undefined when there is none.
 * Ids are used again, in containers soon: a process is the one we mean only when both are equal.
 *
 * @param {number} pid
 * @returns {string | undefined}
 */
export function readStartMark(pid) {
  if (process.platform === 'linux') {
    try {
      // proc(5): the second field is the program's name in parentheses and may hold anything; the 22nd is the start time.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const state = fields[0]
      return state === 'Z' || state === 'X' ? undefined : fields[19]
    } catch {
      return undefined
    }
  }
  try {
    const options = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'ignore'] }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], options).trim() || undefined
  } catch {
    return undefined
  }
}

/**
 * The process that holds a lock; undefined when it is free.
 *
 * @param {string} path
 * @returns {{ pid: number, startMark: string } | undefined}
 */
export function findLockHolder(path) {
  let holder
  try {
    holder = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
  return readStartMark(holder.pid) === holder.startMark ? holder : undefined
}

/**
 * Takes a lock for this process, or says who has it.
 *
 * @param {string} path
 * @returns {{ release: () => void } | { holder: { pid: number, startMark: string } }}
 */
export function tryLock(path) {
  mkdirSync(dirname(path), { recursive: true })
  const own = `${path}.${process.pid}`
  const text = JSON.stringify({ pid: process.pid, startMark: readStartMark(process.pid) })
  writeFileSync(own, text)
  try {
    for (;;) {
      try {
        // A link appears with its content, or not at all.
        linkSync(own, path)
        return {
          release: () => {
            if (findLockHolder(path)?.pid === process.pid) rmSync(path, { force: true })
          },
        }
      } catch (error) {
        if (error.code !== 'EEXIST') throw error
      }
      const holder = findLockHolder(path)
      if (holder !== undefined) return { holder }
      removeAbandoned(path)
    }
  } finally {
    rmSync(own, { force: true })
  }
}

/** Two processes may find the same abandoned lock: whoever moved a live one away by mistake puts it back. */
function removeAbandoned(path) {
  const aside = `${path}.abandoned.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if (error.code === 'ENOENT') return
    throw error
  }
  if (findLockHolder(aside) !== undefined) renameSync(aside, path)
  else rmSync(aside, { force: true })
}

/**
 * Takes a lock, waiting for whoever has it.
 *
 * @param {string} path
 * @param {(holder: { pid: number }) => void} onWait called once, when there is something to wait for
 * @returns {Promise<{ release: () => void }>}
 */
export async function lock(path, onWait) {
  let told = false
  for (;;) {
    const result = tryLock(path)
    if ('release' in result) return result
    if (!told) onWait(result.holder)
    told = true
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
