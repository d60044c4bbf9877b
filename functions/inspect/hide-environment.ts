// Keeps the environment of this process from other processes of its user, of which one is the parser: Linux shows them what a
// process was started with, the credentials of its role among it, in /proc/PID/environ.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/**
 * Overwrites what the process was started with; `environment`, which is its own, stays as it is. Elsewhere than on Linux there is
 * nothing to be hidden.
 *
 * @throws when Linux does not let it
 */
export function hideEnvironment(environment: NodeJS.ProcessEnv): void {
  if (process.platform !== 'linux') return
  // setenv(3) makes a copy of each: from here on nothing refers to the place where they came.
  for (const [name, value] of Object.entries(environment)) environment[name] = value
  // proc_pid_stat(5): fields 50 and 51, env_start and env_end. The second field may hold blanks, and ends in the last bracket.
  const fields = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  const [start, end] = [Number(fields[50 - 3]), Number(fields[51 - 3])]
  if (!(start > 0 && end >= start))
    throw new Error('expected the place of the environment in /proc/self/stat; got none')
  const memory = openSync('/proc/self/mem', 'r+')
  try {
    writeSync(memory, Buffer.alloc(end - start), 0, end - start, start)
  } finally {
    closeSync(memory)
  }
}
