// Starts the parser: without environment, with no more rights, addresses and time of the CPU than it needs.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

/** A program for Node, and what it may read: files, or folders with all that is in them, as `/folder/*`. */
export type ParserProgram = { readonly file: string; readonly readable: readonly string[] }

/** Folders with all that is in them, under the name that they are given by and under their own. */
export const allIn = (...folders: readonly string[]): readonly string[] =>
  folders.flatMap((folder) => [...new Set([folder, realpathSync(folder)])].map((name) => join(name, '*')))

/** The one beside the bundle; where there is no bundle, the sources, and the packages and settings that they are run with. */
export function findParserProgram(): ParserProgram {
  const bundled = join(import.meta.dirname, 'parser.mjs')
  if (existsSync(bundled)) return { file: bundled, readable: allIn(import.meta.dirname) }
  const root = join(import.meta.dirname, '..', '..')
  const folders = [import.meta.dirname, join(root, 'shared'), join(root, 'node_modules')]
  return { file: join(import.meta.dirname, 'parser.ts'), readable: [...allIn(...folders), join(root, 'package.json')] }
}

/**
 * V8's heap, MiB; and no trap handler, which takes 8 GiB of addresses for a memory of WebAssembly, where addresses are bounded.
 * Other flags of V8 are set by open-pdfium.ts: given here they would have Node compile its own modules anew, 20 ms of CPU.
 */
const memoryFlags = ['--max-old-space-size=384', '--disable-wasm-trap-handler']
/** Of sources: what Node strips their types with is WebAssembly too, and comes before PDFium. 3.0 of the 3 GiB were gone without it. */
const sourceFlags = ['--wasm-max-mem-pages=8192']
/** JavaScript may read its own files and load sharp; it writes no file, starts no process and no thread. */
const permissionFlags = ['--permission', '--allow-addons', '--no-warnings']

/**
 * KiB. Node reserves 1.4 GiB of them and uses 60 MiB, PDFium's memory takes 0.5: 2.4 GiB were the most that documents took. So what
 * is really used stays below the memory of the function, which would end otherwise in the place of its parser.
 */
const addressSpace = 3 * 1024 * 1024
/** Seconds of CPU, all threads together, on however busy a machine; then it is told, and after as many again killed. */
const cpuSeconds = 10

/** Linux bounds what a shell asks for, which the program then takes the place of: also no core, and no file that grows. */
const limits = `ulimit -v ${addressSpace} && ulimit -S -t ${cpuSeconds} && ulimit -H -t ${2 * cpuSeconds} && ulimit -c 0 && ulimit -f 0 && exec "$0" "$@"`

/** Empty, but for where Lambda's own Node finds its libraries: its image says so by the environment. */
const lambdaLibraries = '/var/lang/lib'
const environment = existsSync(lambdaLibraries) ? { LD_LIBRARY_PATH: lambdaLibraries } : {}

/** In a group of its own, so that all of it can be killed. Its answers come on a fourth pipe, its complaints on standard error. */
export function spawnParser({ file, readable }: ParserProgram): ChildProcess {
  const ofSources = file.endsWith('.ts') ? sourceFlags : []
  const flags = [...memoryFlags, ...ofSources, ...permissionFlags, ...readable.map((path) => `--allow-fs-read=${path}`)]
  const node = [process.execPath, ...flags, file]
  const [program = '', ...parameters] = process.platform === 'linux' ? ['/bin/sh', '-c', limits, ...node] : node
  return spawn(program, parameters, {
    env: environment,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  })
}
