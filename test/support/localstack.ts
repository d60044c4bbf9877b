// The real LocalStack 4.14.0 as a plain process: all of AWS that it has without Docker, which is all but running functions.
// For tests: `npm start -- --docker` runs it in a container.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { cp, mkdir, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { startChild, waitUntilReady } from '../../local/child-process.ts'
import { installPython } from '../../local/install.ts'
import { findFreePort } from '../../local/ports.ts'
import type { Target } from '../../local/servers.ts'

/** A Python of 3.12 or newer: of the path, or of pyenv, whose programs are on the path and work for one version only. */
function findPython(): string | undefined {
  const pyenv = process.env.PYENV_ROOT ?? join(homedir(), '.pyenv')
  const programs = ['python3.13', 'python3.12', 'python3.14', 'python3']
  programs.push(...globSync(join(pyenv, 'versions/3.1[2-4].*/bin/python3')))
  const question = 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < (3, 12))'
  return programs.find((program) => spawnSync(program, ['-c', question]).status === 0)
}

/** What is said where it cannot be installed. */
export const withoutLocalStack =
  'Python 3.12 or newer is not installed (Debian 13, Ubuntu 24.04: sudo apt install python3 python3-venv): nothing is tried on LocalStack'

/**
 * Installs LocalStack unless it is there.
 *
 * @returns its Python interpreter; undefined when there is no Python that it runs with, which in CI is an error
 */
export async function installLocalStack(say: (text: string) => void): Promise<string | undefined> {
  const requirementsFile = join(import.meta.dirname, 'localstack-requirements.txt')
  const program = findPython()
  if (program === undefined && process.env.CI) throw new Error(withoutLocalStack)
  if (program === undefined) return undefined
  const what = { name: 'localstack', describe: 'LocalStack (Python packages, about 400 MB)', requirementsFile, program }
  return await installPython(what, { say })
}

/** Starts an empty one on a free port of 127.0.0.1. */
export async function startLocalStack(options: {
  readonly stateFolder: string
  readonly python: string
}): Promise<Target & { readonly stop: () => Promise<void> }> {
  const { stateFolder, python } = options
  const folder = join(stateFolder, 'localstack')
  const scripts = join(folder, 'etc/localstack/init/start.d')
  const workingFolder = join(folder, 'working')
  await rm(folder, { recursive: true, force: true })
  for (const path of [scripts, workingFolder]) await mkdir(path, { recursive: true })
  // As docker-compose.localstack.yml mounts it.
  await cp(join(import.meta.dirname, '../../local/localstack'), scripts, { recursive: true })
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const child = await startChild({
    name: 'localstack',
    stateFolder,
    program: python,
    // The option means nothing to Python: it puts the state's folder into the command line.
    arguments: ['-X', `state=${folder}`, '-m', 'localstack.runtime.main'],
    environment: {
      PATH: [join(python, '..'), process.env.PATH].join(delimiter),
      HOME: folder,
      TMPDIR: folder,
      LANG: 'C.UTF-8',
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      // Its default server takes the port alone from that and listens on all addresses.
      GATEWAY_SERVER: 'hypercorn',
      // In a container, as CI may be, it would take the file system for that of its own image.
      OVERRIDE_IN_DOCKER: '0',
      FILESYSTEM_ROOT: folder,
      DNS_ADDRESS: '0',
      DISABLE_EVENTS: '1',
      SKIP_SSL_CERT_DOWNLOAD: '1',
    },
  })
  const stop = async () => void (await child.stop(20_000))
  try {
    const isReady = async () => (await fetch(`${url}/_localstack/health`, { signal: AbortSignal.timeout(2000) })).ok
    await waitUntilReady(child, isReady, { boundMilliseconds: 120_000 })
  } catch (error) {
    await stop()
    throw error
  }
  return { child, url, workingFolder, stop }
}
