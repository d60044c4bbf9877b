// Installs what npm cannot bring: Python programs, each in an environment of its own, and Kafka's jars by Maven. All are
// pinned, and go to `.local/` in folders named by the hash of their pins: a renewed pin never pulls one away that runs.
import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runChild } from './child-process.ts'
import { lock } from './file-lock.mjs'

const projectFolder = fileURLToPath(new URL('..', import.meta.url))
const installFolder = join(projectFolder, '.local')
const requirementsFile = join(projectFolder, 'local', 'emulator-requirements.txt')
const pomFile = join(projectFolder, 'local', 'kafka', 'pom.xml')

/** Of each program: a registry that fails once is no reason to give up. */
const mostAttempts = 3

export type InstallOptions = { readonly say: (text: string) => void; readonly signal?: AbortSignal | undefined }

/** Installs the emulator unless it is there. Safe in several processes at once. Resolves to its Python interpreter. */
export async function installEmulator(options: InstallOptions): Promise<string> {
  const what = { name: 'emulator', describe: 'the AWS emulator (Python packages, about 100 MB)', requirementsFile }
  return await installPython(what, options)
}

/**
 * Makes a Python environment with what a requirements file pins, unless it is there. Safe in several processes at once.
 * Resolves to its interpreter.
 */
export async function installPython(
  what: {
    readonly name: string
    readonly describe: string
    readonly requirementsFile: string
    /** The Python that makes it; `python3` unless said. */
    readonly program?: string
  },
  options: InstallOptions,
): Promise<string> {
  const folder = join(installFolder, `${what.name}-${hash(await readFile(what.requirementsFile))}`)
  const python = join(folder, 'bin', 'python')
  // The interpreter is a link to the system's, which may be gone by now.
  const isInstalled = async () => (await exists(join(folder, 'installed'))) && (await exists(python))
  await installOnce(what.name, isInstalled, options, async (run) => {
    options.say(`installing ${what.describe}`)
    // An environment holds its own path, so that it cannot be made elsewhere and moved: the marker comes last instead.
    await rm(folder, { recursive: true, force: true })
    await run(what.program ?? 'python3', ['-m', 'venv', folder], () => undefined)
    const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '-r', what.requirementsFile]
    await run(python, pip, (line) => /^\s*(Downloading) (\S+)/.exec(line)?.slice(1).join(' '))
    await writeFile(join(folder, 'installed'), '')
  })
  return python
}

/** Installs Kafka unless it is there. Safe in several processes at once. Resolves to the folder of its jars. */
export async function installKafka(options: InstallOptions): Promise<string> {
  const folder = join(installFolder, `kafka-${hash(await readFile(pomFile))}`)
  await installOnce(
    'kafka',
    () => exists(folder),
    options,
    async (run) => {
      options.say('installing Kafka (46 jars, 44 MB, by Maven)')
      const temporary = `${folder}.new`
      await rm(temporary, { recursive: true, force: true })
      const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
      const output = ['-DincludeScope=runtime', `-DoutputDirectory=${temporary}`]
      await run('mvn', ['--batch-mode', '--file', pomFile, plugin, ...output], (line) => {
        const jar = /Downloaded from .*\/([^/]+\.jar) /.exec(line)?.[1]
        return jar === undefined ? undefined : `Downloaded ${jar}`
      })
      await rename(temporary, folder)
    },
  )
  return folder
}

type Run = (
  program: string,
  programArguments: string[],
  progress: (line: string) => string | undefined,
) => Promise<void>

async function installOnce(
  name: string,
  isInstalled: () => Promise<boolean>,
  { say, signal }: InstallOptions,
  install: (run: Run) => Promise<void>,
): Promise<void> {
  if (await isInstalled()) return
  const held = await lock(join(installFolder, `${name}.lock`), ({ pid }) => {
    say(`process ${pid} is installing the ${name}; waiting for it`)
  })
  try {
    if (await isInstalled()) return
    await mkdir(installFolder, { recursive: true })
    await install(async (program, programArguments, progress) => {
      const options = {
        ...{ name: `install-${name}`, stateFolder: installFolder, program, arguments: programArguments },
        ...{ environment: process.env, signal },
        onLine: (line: string) => {
          const text = progress(line)
          if (text !== undefined) say(`  ${text}`)
        },
      }
      for (let attempt = 1; ; attempt++) {
        try {
          return await runChild(options)
        } catch (error) {
          if (attempt === mostAttempts || signal?.aborted) throw error
          say(`  ${program} failed: once more`)
          await sleep(2000)
        }
      }
    })
  } finally {
    held.release()
  }
}

function hash(pins: Uint8Array): string {
  return createHash('sha256').update(pins).digest('hex').slice(0, 12)
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
