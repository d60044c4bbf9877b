// The AWS emulator as a child process on loopback. It keeps its state in memory and writes it only while it stops in
// order, file by file: so its folder is trusted only as a checkpoint, a copy taken after a stop that ended well.
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Child, describeExit, startChild, waitUntilReady } from './child-process.ts'
import { LocalError } from './local-error.ts'
import { findFreePort } from './ports.ts'

const programsOfModules = fileURLToPath(new URL('../node_modules/.bin', import.meta.url))

export type RunningEmulator = {
  readonly child: Child
  readonly port: number
  readonly url: string
  /** What is written here by others becomes part of the next checkpoint. */
  readonly workingFolder: string
  /** Stops it. The next start begins at the last checkpoint. */
  readonly stop: () => Promise<void>
  /** Stops it and makes what it knows the checkpoint. */
  readonly stopAndKeep: () => Promise<void>
}

const toFolder = (stateFolder: string) => join(stateFolder, 'emulator')

/** The folder of the last checkpoint; undefined when there is none yet. */
export async function findCheckpoint(stateFolder: string): Promise<string | undefined> {
  const folder = join(toFolder(stateFolder), 'checkpoints')
  const numbers = (await readdir(folder).catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number)
  return numbers.length === 0 ? undefined : join(folder, String(Math.max(...numbers)))
}

/**
 * Starts the emulator from the last checkpoint of `stateFolder/emulator`, or empty where there is none.
 *
 * @param options.python the interpreter that `installEmulator` has made
 * @param options.port a free port is taken when it is left out
 * @throws {LocalError} when it does not come up
 */
export async function startEmulator(options: {
  readonly stateFolder: string
  readonly python: string
  readonly port?: number | undefined
  readonly signal?: AbortSignal | undefined
}): Promise<RunningEmulator> {
  const { stateFolder } = options
  const folder = toFolder(stateFolder)
  const port = options.port ?? (await findFreePort())
  const workingFolder = join(folder, 'working')
  const temporaryFolder = join(folder, 'tmp')
  const objectFolder = join(folder, 's3')
  const checkpoint = await findCheckpoint(stateFolder)
  // Objects are on disk at once, ahead of the rest; without a checkpoint nothing knows of them.
  const stale = checkpoint === undefined ? [objectFolder] : []
  for (const path of [workingFolder, temporaryFolder, ...stale]) await rm(path, { recursive: true, force: true })
  for (const path of [workingFolder, temporaryFolder, objectFolder]) await mkdir(path, { recursive: true })
  if (checkpoint !== undefined) await cp(checkpoint, workingFolder, { recursive: true })
  // The emulator runs its functions from there, through a script in CommonJS; a package.json of a folder above, as is
  // this project's, would tell Node that the script is a module.
  await writeFile(join(temporaryFolder, 'package.json'), '{ "type": "commonjs" }\n')

  const child = await startChild({
    name: 'emulator',
    stateFolder,
    program: options.python,
    // The option means nothing to Python: it puts the state's folder into the command line, which `endOrphans` looks for.
    arguments: ['-X', `state=${folder}`, '-m', 'ministack'],
    // The functions inherit this: nothing of the user's environment is in it.
    environment: {
      // The functions run with the first `node` of the path.
      PATH: [programsOfModules, process.env.PATH].join(delimiter),
      HOME: temporaryFolder,
      TMPDIR: temporaryFolder,
      LANG: 'C.UTF-8',
      // What the emulator puts around the functions calls url.parse, and each cold start would say so in their logs.
      NODE_OPTIONS: '--disable-warning=DEP0169',
      AWS_EC2_METADATA_DISABLED: 'true',
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      AUTH: 'true',
      PERSIST_STATE: '1',
      STATE_DIR: workingFolder,
      S3_PERSIST: '1',
      S3_DATA_DIR: objectFolder,
      // Servers that nobody here asks for, and that would listen beyond loopback.
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
    },
  })
  const url = `http://127.0.0.1:${port}`
  const stop = () => child.stop(20_000)
  try {
    const isReady = async () => (await fetch(`${url}/_ministack/ready`, { signal: AbortSignal.timeout(2000) })).ok
    await waitUntilReady(child, isReady, { boundMilliseconds: 60_000, signal: options.signal })
  } catch (error) {
    await stop()
    throw error
  }

  return {
    child,
    port,
    url,
    workingFolder,
    stop: async () => void (await stop()),
    stopAndKeep: async () => {
      const exit = await stop()
      if (exit.code !== 0) {
        const message = `the emulator did not stop in order (${describeExit(exit)}): its last checkpoint stands`
        throw new LocalError(message, { logFile: child.logFile, tail: await child.tail() })
      }
      // It reports what it could not write, and ends well all the same.
      const tail = await child.tail(100)
      if (/Persistence: (failed|error)/.test(tail)) {
        throw new LocalError('the emulator could not write all of its state', { logFile: child.logFile, tail })
      }
      await keep(folder, workingFolder)
    },
  }
}

/** A kill at any moment leaves the old checkpoint or the new one, whole. */
async function keep(folder: string, workingFolder: string): Promise<void> {
  const checkpoints = join(folder, 'checkpoints')
  await mkdir(checkpoints, { recursive: true })
  const names = await readdir(checkpoints)
  const number = 1 + Math.max(0, ...names.filter((name) => /^\d+$/.test(name)).map(Number))
  const temporary = join(checkpoints, 'new')
  await rm(temporary, { recursive: true, force: true })
  await cp(workingFolder, temporary, { recursive: true })
  await rename(temporary, join(checkpoints, String(number)))
  for (const name of names) await rm(join(checkpoints, name), { recursive: true, force: true })
}
