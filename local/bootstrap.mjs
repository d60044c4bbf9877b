// The entry of `npm start`, `npm test` and the like: makes sure that the tools and the node modules are there, then hands
// over to the pinned Node. Plain JavaScript without dependencies: it runs before anything is installed.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { accessSync, existsSync, constants as fileConstants, readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findLockHolder, lock } from './file-lock.mjs'
import { clean, reset } from './reset.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const vitest = join(modules, 'vitest', 'vitest.mjs')
// kafkajs asks for timers of negative length and means none.
const nodeFlags = ['--disable-warning=TimeoutNegativeWarning']
// `tools` are those that a target needs beside Node; all of them where it does not say.
const command = (name) => ({ program: [join(root, 'bin', `${name}.ts`)], folder: process.cwd(), tools: [] })
const targets = {
  start: { program: [...nodeFlags, join(root, 'local', 'supervisor.ts')], folder: process.cwd() },
  test: { program: [vitest, 'run'], folder: root },
  load: { program: [...nodeFlags, join(root, 'bench', 'load.ts')], folder: process.cwd() },
  coverage: { program: [vitest, 'run', '--coverage'], folder: root },
  synth: { program: [join(root, 'local', 'synth.ts')], folder: root, tools: ['python'] },
  derive: command('derive'),
  token: { program: [join(root, 'local', 'token.ts')], folder: process.cwd(), tools: [] },
  validate: command('validate'),
  inspect: command('inspect'),
  deploy: command('deploy'),
  diff: command('diff'),
  destroy: command('destroy'),
  smoke: command('smoke'),
  vault: command('vault'),
  chaos: { program: [...nodeFlags, join(root, 'test', 'chaos', 'main.ts')], folder: process.cwd() },
  dlq: command('dlq'),
}

await main(process.argv.slice(2))

async function main([name, ...rest]) {
  if (name === 'reset' || name === 'clean') {
    process.exitCode = name === 'reset' ? await reset(root, rest) : clean(root)
    return
  }
  if (name !== 'install' && !Object.hasOwn(targets, name ?? '')) {
    const names = [...Object.keys(targets), 'install', 'reset', 'clean'].join('|')
    fail(`usage: node local/bootstrap.mjs ${names} [arguments]; got "${name ?? ''}"`)
  }
  if (name === 'start') forgetReadiness(rest)
  // In containers are the programs that the tools are for.
  const inContainers = name === 'start' && rest.includes('--docker')
  const tools = inContainers ? [] : (targets[name]?.tools ?? ['python', 'java', 'maven'])
  const missing = [...findMissingNode(), ...findMissingTools(tools)]
  if (missing.length > 0) fail(`Missing on this machine:\n\n${missing.join('\n\n')}\n`)
  await installNodeModules()
  const node = findPinnedNode()
  if (name === 'install') return
  const { program, folder } = targets[name]
  process.exitCode = await run(node, [...program, ...rest], folder)
}

/** After a `kill -9` the last start still looks ready: that ends here, before anything that takes time. */
function forgetReadiness(flags) {
  const { values } = parseArgs({ args: flags, options: { state: { type: 'string' } }, strict: false })
  const folder = typeof values.state === 'string' ? resolve(values.state) : join(process.cwd(), '.local', 'state')
  try {
    if (!findLockHolder(join(folder, 'supervisor.lock'))) rmSync(join(folder, 'stack.json'), { force: true })
  } catch {
    // It is no folder, or not ours: the start says so.
  }
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

// ---- tools

function describeMissing(what, found, debian, macos) {
  return `  ${what}; found ${found}\n    Debian, Ubuntu:  ${debian}\n    macOS:           ${macos}`
}

/** As `findMissingTools`, of Node alone. */
function findMissingNode() {
  const { node } = process.versions
  const debian = 'sudo apt install nodejs npm   (Debian 13, Ubuntu 25.04 or newer; else from nodejs.org)'
  return Number.parseInt(node, 10) < 20
    ? [describeMissing('Node.js 20 or newer', node, debian, 'brew install node')]
    : []
}

/** One text for each tool that is missing or too old: what it is for, what is there, how to get it. */
function findMissingTools(tools) {
  const find = { python: findMissingPython, java: findMissingJava, maven: findMissingMaven }
  return tools.flatMap((tool) => find[tool]())
}

function findMissingPython() {
  const python = read('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])
  const [debian, macos] = ['sudo apt install python3 python3-venv', 'brew install python']
  if (python === undefined || !isAtLeast(python, 3, 10)) {
    return [describeMissing('Python 3.10 or newer, for the AWS emulator and cfn-lint', python ?? 'none', debian, macos)]
  }
  if (read('python3', ['-c', 'import venv, ensurepip; print("usable")']) !== undefined) return []
  const what = "Python's venv and ensurepip, for the AWS emulator and cfn-lint"
  return [describeMissing(what, `Python ${python} without them`, 'sudo apt install python3-venv', macos)]
}

function findMissingJava() {
  const program = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java'
  const java = /version "(\d+)/.exec(read(program, ['-version']) ?? '')?.[1]
  if (java !== undefined && Number(java) >= 17) return []
  const found = java === undefined ? 'none' : `Java ${java}${process.env.JAVA_HOME ? ' at JAVA_HOME' : ''}`
  const debian = 'sudo apt install openjdk-17-jre-headless'
  return [describeMissing('Java 17 or newer, for Kafka', found, debian, 'brew install openjdk@17')]
}

function findMissingMaven() {
  if (isOnPath('mvn')) return []
  return [describeMissing('Maven, which fetches Kafka', 'none', 'sudo apt install maven', 'brew install maven')]
}

/** What a program prints, on either stream; undefined when it is not there or fails. */
function read(program, programArguments) {
  const { status, stdout, stderr } = spawnSync(program, programArguments, { encoding: 'utf8' })
  return status === 0 ? `${stdout}${stderr}`.trim() : undefined
}

function isAtLeast(version, major, minor) {
  const [foundMajor, foundMinor] = version.split('.').map(Number)
  return foundMajor > major || (foundMajor === major && foundMinor >= minor)
}

/** Maven takes half a second to say its version: that it is there is enough. */
function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), fileConstants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

// ---- node modules

/** Runs `npm ci` unless what the lockfile says is there. One process at a time. Says so on standard error. */
async function installNodeModules() {
  if (isInstalled()) return
  const held = await lock(join(root, '.local', 'npm.lock'), ({ pid }) => {
    console.error(`process ${pid} is installing the node modules; waiting for it`)
  })
  try {
    if (isInstalled()) return
    console.error('installing the node modules (npm ci)')
    const started = Date.now()
    // When npm runs this file it says where it is itself; otherwise it is found on the PATH.
    const npm = process.env.npm_execpath
    const [program, ...first] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm']
    // Standard input and output are the target's. `npm run --silent` makes npm below it silent too, even of errors.
    const flags = ['ci', '--include=dev', '--include=optional', '--loglevel=notice', '--fetch-retries=5']
    execFileSync(program, [...first, ...flags], { cwd: root, stdio: ['ignore', 2, 2] })
    console.error(`node modules are installed (${Math.round((Date.now() - started) / 1000)} s)`)
  } catch (error) {
    fail(`npm ci failed (${error.message}). Its own output is above.`)
  } finally {
    held.release()
  }
}

/**
 * Compares the lockfile with the one that npm leaves in node_modules when it has finished. Packages for other platforms
 * are in the first only.
 */
function isInstalled() {
  const readPackages = (path) =>
    Object.entries(JSON.parse(readFileSync(path, 'utf8')).packages).filter(([name]) => name)
  const hidden = join(modules, '.package-lock.json')
  if (!existsSync(hidden)) return false
  const installed = new Map(readPackages(hidden))
  const wanted = new Map(readPackages(join(root, 'package-lock.json')))
  const isSame = (one, other) => one?.version === other?.version && one?.integrity === other?.integrity
  return (
    [...wanted].every(
      ([name, entry]) => (entry.optional && !installed.has(name)) || isSame(entry, installed.get(name)),
    ) && [...installed].every(([name, entry]) => isSame(entry, wanted.get(name)))
  )
}

/** The Node of the Lambda runtime, which is an optional dependency with one package a platform. */
function findPinnedNode() {
  const node = join(modules, '.bin', 'node')
  const version = read(node, ['--version'])
  if (version?.startsWith('v24.')) return node
  if (process.versions.node.startsWith('24.')) return process.execPath
  fail(
    `expected Node 24, the Lambda runtime's version, at node_modules/.bin/node; got ${version ?? 'none'}.\n` +
      `No package brings it for ${process.platform} on ${process.arch}: install Node 24 and run this with it.`,
  )
}

// ---- the target

/** Runs a program in place of this one: its streams, its signals, its exit status. Resolves to the status. */
function run(program, programArguments, folder) {
  const path = [join(modules, '.bin'), process.env.PATH].filter(Boolean).join(delimiter)
  // In a group of its own, so that a Ctrl-C at the terminal reaches it once, through here, and not a second time directly.
  const child = spawn(program, programArguments, {
    stdio: 'inherit',
    detached: true,
    cwd: folder,
    env: { ...process.env, PATH: path },
  })
  let lastPassed = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // npm passes on what the terminal has sent to this process as well: the two are one.
      if (Date.now() - lastPassed < 500) return
      lastPassed = Date.now()
      child.kill(signal)
    })
  }
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`could not start ${program}: ${error.message}`)
      resolve(1)
    })
    child.on('exit', (status, signal) => {
      if (signal !== null) console.error(`stopped by ${signal}`)
      resolve(status ?? 128 + (constants.signals[signal] ?? 0))
    })
  })
}
