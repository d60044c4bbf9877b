// Native packages of the machine that functions run on, which need not be the one that deploys: those that are installed
// here when they fit it, else npm's, held against the lockfile.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BundleError } from './bundle-error.ts'
import type { Stage } from './stage.ts'

/** A machine that functions run on. On Linux it is one with glibc, as Lambda's Amazon Linux 2023 is; never musl. */
export type Machine = { readonly os: NodeJS.Platform; readonly cpu: 'arm64' | 'x64' }

/** What `package-lock.json` says of a package; `os`, `cpu` and `libc` where it is for some machines only. */
type LockedPackage = {
  readonly version: string
  readonly integrity?: string
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
type Lockfile = { readonly packages: Readonly<Record<string, LockedPackage>> }

const run = promisify(execFile)

const fits = ({ os, cpu, libc }: LockedPackage, machine: Machine): boolean =>
  (os?.includes(machine.os) ?? true) && (cpu?.includes(machine.cpu) ?? true) && (libc?.includes('glibc') ?? true)

/**
 * Copies the native packages that a package loads on that machine into a folder `node_modules`.
 *
 * @param root the folder of the repository: its lockfile says what to copy, and in which version
 * @throws {BundleError} when one of another machine is in neither `node_modules` nor `.local`, and npm cannot get it
 */
export async function copyNativePackages(root: string, name: string, machine: Machine, output: string): Promise<void> {
  const lockfile: Lockfile = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  for (const [each, locked] of closureOf(lockfile, name, machine)) {
    if (locked.cpu === undefined) continue
    const installed = join(root, 'node_modules', each)
    const folder = existsSync(installed) ? installed : await fetchPackage(root, each, locked)
    await cp(folder, join(output, each), { recursive: true, dereference: true })
  }
}

/** A package and all that it depends on, on that machine. */
function closureOf(
  lockfile: Lockfile,
  name: string,
  machine: Machine,
  found = new Map<string, LockedPackage>(),
): ReadonlyMap<string, LockedPackage> {
  const locked = lockfile.packages[`node_modules/${name}`]
  if (found.has(name) || locked === undefined || !fits(locked, machine)) return found
  found.set(name, locked)
  for (const dependency of Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })) {
    closureOf(lockfile, dependency, machine, found)
  }
  return found
}

/** The folder of a package that is not installed, since it is of another machine: kept in `.local`, fetched once. */
async function fetchPackage(root: string, name: string, locked: LockedPackage): Promise<string> {
  const packages = join(root, '.local/packages')
  const folder = join(packages, `${name.replace('/', '+')}@${locked.version}`)
  if (existsSync(folder)) return folder
  await mkdir(packages, { recursive: true })
  const temporary = await mkdtemp(join(packages, 'new-'))
  try {
    const archive = await download(root, `${name}@${locked.version}`, temporary)
    const integrity = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`
    if (integrity !== locked.integrity) {
      throw new BundleError(
        `expected ${name}@${locked.version} with the hash of package-lock.json, ${locked.integrity}; got ${integrity}. Do not deploy it: find out what stands between here and the registry`,
      )
    }
    // Whole or not at all under its name: other processes may be looking for it.
    await run('tar', ['-xzf', archive, '-C', temporary])
    await rename(join(temporary, 'package'), folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error
    })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
  return folder
}

async function download(root: string, specification: string, folder: string): Promise<string> {
  try {
    await run('npm', ['pack', specification, '--pack-destination', folder, '--silent'], { cwd: root })
  } catch (error) {
    throw new BundleError(
      `expected ${specification}, which the functions of this stage load, in .local/packages or from npm's registry; got neither. ` +
        'Run this once with a connection to the registry: it is kept, and not asked for again.',
      { cause: error },
    )
  }
  const archive = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  if (archive === undefined) throw new BundleError(`expected npm pack to write ${specification}; got no file`)
  return join(folder, archive)
}

/** The machine that this runs on. */
export const thisMachine: Machine = { os: process.platform, cpu: process.arch === 'arm64' ? 'arm64' : 'x64' }

/** The machine that the functions of a stage run on. */
export const machineOf = (stage: Pick<Stage, 'operatingSystem' | 'architecture'>): Machine => ({
  os: stage.operatingSystem,
  cpu: stage.architecture === 'arm64' ? 'arm64' : 'x64',
})
