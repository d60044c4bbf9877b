// `npm run reset` forgets a state; `npm run clean` removes what was built and installed. Neither touches what runs.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { findLockHolder } from './file-lock.mjs'
import { endOrphans, listProcesses } from './orphans.mjs'

/**
 * Forgets a state: the vault with its mnemonic, the issued wallets, everything.
 *
 * @param {string} root the project's folder
 * @param {string[]} programArguments `--state DIR`, or none for the default one
 * @returns {Promise<number>} the exit status
 */
export async function reset(root, programArguments) {
  let values
  try {
    values = parseArgs({ args: programArguments, options: { state: { type: 'string' } } }).values
  } catch (error) {
    console.error(
      `${error.message}\n\nusage: npm run reset -- [--state DIR]   forgets a stopped stack's state (default .local/state)`,
    )
    return 2
  }
  const folder = values.state === undefined ? join(root, '.local', 'state') : resolve(values.state)
  if (!existsSync(folder)) {
    console.log(`nothing to forget: there is no ${folder}`)
    return 0
  }
  // The folder may be given by mistake: only what a start has made is removed.
  const isState = ['ports.json', 'pids', 'logs', 'supervisor.lock'].some((name) => existsSync(join(folder, name)))
  if (!isState && readdirSync(folder).length > 0) {
    console.error(`${folder} is not the state of a local stack: nothing is removed`)
    return 1
  }
  if (isInUse(folder)) return 1
  await endOrphans(folder)
  rmSync(folder, { recursive: true, force: true })
  console.log(`forgot ${folder}: the next start makes a new mnemonic and an empty database`)
  return 0
}

/**
 * Removes build output and what was installed to `.local/`; states stay.
 *
 * @param {string} root the project's folder
 * @returns {number} the exit status
 */
export function clean(root) {
  const local = join(root, '.local')
  const installing = ['npm', 'emulator', 'kafka'].some((name) => findLockHolder(join(local, `${name}.lock`)))
  if (installing) {
    console.error('an installation is going on: nothing is removed')
    return 1
  }
  if (isInUse(join(local, 'state'))) return 1
  // A stack may have its state anywhere, and runs what lies here all the same.
  const user = listProcesses().find(
    ({ pid, command }) =>
      pid !== process.pid && ['emulator-', 'kafka-'].some((name) => command.includes(join(local, name))),
  )
  if (user !== undefined) {
    console.error(`process ${user.pid} runs what is installed in ${local}: nothing is removed. Stop its stack first.`)
    return 1
  }
  const installed = existsSync(local) ? readdirSync(local).filter((name) => name !== 'state') : []
  const paths = [...['dist', 'cdk.out', 'coverage'], ...installed.map((name) => join('.local', name))]
  for (const path of paths) rmSync(join(root, path), { recursive: true, force: true })
  console.log(
    'removed build output and what was installed to .local/; issued wallets stay (npm run reset forgets them)',
  )
  return 0
}

function isInUse(stateFolder) {
  const holder = findLockHolder(join(stateFolder, 'supervisor.lock'))
  if (holder === undefined) return false
  console.error(`${stateFolder} is in use: process ${holder.pid} runs it. Stop that one first (kill ${holder.pid}).`)
  return true
}
