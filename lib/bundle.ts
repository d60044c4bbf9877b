// Turns the folders of `functions/` into folders that Lambda runs: one `main.mjs` each, and what it loads at run time.

import { existsSync } from 'node:fs'
import { cp, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { build, type Metafile } from 'esbuild'

export const functionNames = [
  'authorize',
  'intake',
  'inspect',
  'verification',
  'wallet',
  'announce',
  'read',
  'docs',
  'operate',
  'migrate',
  'provision',
] as const

export type FunctionName = (typeof functionNames)[number]

/** The folder of each function's bundle. */
export type Bundles = Readonly<Record<FunctionName, string>>

/** Seconds of cold start and megabytes for an encoding that we have: they check ours, in tests. */
const tooHeavy = ['ethers', 'tronweb']

/** A function that cannot be bundled. The message names it. */
export class BundleError extends Error {
  override readonly name = 'BundleError'
}

// esbuild turns a `require` of CommonJS code in an ESM bundle into a call of a global that Node does not have.
const requireBanner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"

/**
 * Bundles every function.
 *
 * @param root the folder of the repository
 * @param output where the folders go, one a function
 * @returns the folder of each
 * @throws {BundleError} when a function is missing, or one pulls in a package that is too heavy, through whatever other
 */
export async function bundleFunctions(root: string, output: string): Promise<Bundles> {
  const missing = functionNames.filter((name) => !existsSync(join(root, 'functions', name, 'main.ts')))
  if (missing.length > 0) {
    throw new BundleError(`expected functions/NAME/main.ts of every function; missing: ${missing.join(', ')}`)
  }
  const folders = functionNames.map((name) => [name, join(output, name)] as const)
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: folders.map(([name]) => ({ in: join('functions', name, 'main.ts'), out: join(name, 'main') })),
    outdir: output,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minify: true,
    sourcemap: false,
    mainFields: ['module', 'main'],
    banner: { js: requireBanner },
    external: ['sharp'],
    logLevel: 'warning',
    metafile: true,
  })
  refuseHeavyPackages(metafile)
  await copyInspectFiles(root, join(output, 'inspect'))
  await cp(join(root, 'functions/wallet/secp256k1/secp256k1.wasm'), join(output, 'wallet/secp256k1/secp256k1.wasm'))
  await copyDocsFiles(root, join(output, 'docs'))
  await cp(join(root, 'functions/migrate/migrations'), join(output, 'migrate/migrations'), { recursive: true })
  return Object.fromEntries(folders) as Record<FunctionName, string>
}

function refuseHeavyPackages({ outputs }: Metafile): void {
  const found = Object.entries(outputs).flatMap(([output, { inputs }]) =>
    tooHeavy
      .filter((name) => Object.keys(inputs).some((input) => input.includes(`node_modules/${name}/`)))
      .map((name) => `${name} in ${basename(dirname(output))}`),
  )
  if (found.length > 0)
    throw new BundleError(`expected no package that is too heavy for a function; got ${found.join(', ')}`)
}

/** `sharp` is native code and finds its parts in `node_modules`; the PDF reader looks for its wasm beside itself. */
async function copyInspectFiles(root: string, folder: string): Promise<void> {
  const modules = join(root, 'node_modules')
  for (const name of await installedClosure(modules, 'sharp')) {
    await cp(join(modules, name), join(folder, 'node_modules', name), { recursive: true, dereference: true })
  }
  await cp(join(modules, '@hyzyla/pdfium/dist/pdfium.wasm'), join(folder, 'pdfium.wasm'))
}

/** The contract, and the page that shows it. */
async function copyDocsFiles(root: string, folder: string): Promise<void> {
  const library = join(root, 'node_modules/swagger-ui-dist')
  const files = ['openapi.json', 'functions/docs/own.js', 'functions/docs/own.css'].map((name) => join(root, name))
  for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css']) files.push(join(library, name))
  for (const file of files) await cp(file, join(folder, basename(file)))
}

/** A package and all that it depends on and is installed: of the optional ones, those of this machine's platform. */
async function installedClosure(modules: string, name: string, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(name) || !existsSync(join(modules, name))) return found
  found.add(name)
  const manifest: { dependencies?: Record<string, string>; optionalDependencies?: Record<string, string> } = JSON.parse(
    await readFile(join(modules, name, 'package.json'), 'utf8'),
  )
  for (const dependency of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    await installedClosure(modules, dependency, found)
  }
  return found
}
