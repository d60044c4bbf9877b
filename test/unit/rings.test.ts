// The guard of the rings still bites: our biome.json over a project of one violation a file gives exactly these findings.
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

const restricted = 'lint/style/noRestrictedImports'
const ownFolder = 'a function imports from its own folder and shared only'
const typesOnly = 'lib imports only types from functions'
const deployed = 'what runs knows nothing of how it is deployed'
const heavy = "Too heavy for a function's bundle"

const importValue = (module: string) => `import { value } from '${module}'\n\nexport const other = [value]\n`
const importType = (module: string) => `import type { Value } from '${module}'\n\nexport type Other = Value[]\n`
const importLate = (module: string) => `export const other = () => import('${module}')\n`
const exportAll = (module: string) => `export * from '${module}'\n`

/** A file, its text, and the finding that it must have: the rule and a part of the message. */
const violations: readonly (readonly [file: string, text: string, rule: string, message: string])[] = [
  ['shared/functions.ts', importValue('../functions/intake/handler.ts'), restricted, 'shared imports from shared only'],
  [
    'shared/functions-type.ts',
    importType('../functions/intake/handler.ts'),
    restricted,
    'shared imports from shared only',
  ],
  ['shared/lib.ts', importValue('../lib/stage.ts'), restricted, 'shared imports from shared only'],
  ['shared/local.ts', importLate('../local/install.ts'), restricted, 'shared imports from shared only'],
  ['shared/cdk.ts', importValue('aws-cdk-lib'), restricted, deployed],
  ['shared/cdk-part.ts', importType('aws-cdk-lib/aws-iam'), restricted, deployed],
  ['shared/constructs.ts', importValue('constructs'), restricted, deployed],
  ['shared/ethers.ts', importValue('ethers'), restricted, heavy],
  ['functions/intake/other.ts', importValue('../wallet/handler.ts'), restricted, ownFolder],
  ['functions/intake/other-type.ts', importType('../wallet/environment.ts'), restricted, ownFolder],
  ['functions/intake/other-late.ts', importLate('../wallet/handler.ts'), restricted, ownFolder],
  ['functions/intake/other-export.ts', exportAll('../wallet/handler.ts'), restricted, ownFolder],
  ['functions/intake/lib.ts', importValue('../../lib/stage.ts'), restricted, ownFolder],
  ['functions/intake/local.ts', importValue('../../local/install.ts'), restricted, ownFolder],
  ['functions/intake/bin.ts', importValue('../../bin/app.ts'), restricted, ownFolder],
  ['functions/intake/test.ts', importValue('../../test/support/stack.ts'), restricted, ownFolder],
  ['functions/intake/cdk.ts', importValue('aws-cdk-lib'), restricted, deployed],
  ['functions/wallet/ethers.ts', importValue('ethers'), restricted, heavy],
  ['functions/wallet/ethers-part.ts', importValue('ethers/crypto'), restricted, heavy],
  ['functions/wallet/tronweb.ts', importLate('tronweb'), restricted, heavy],
  ['functions/wallet/development.ts', importValue('bitcoinjs-lib'), 'lint/correctness/noUndeclaredDependencies', ''],
  ['lib/functions.ts', importValue('../functions/intake/handler.ts'), 'plugin', typesOnly],
  [
    'lib/functions-inline.ts',
    "import { type Value } from '../functions/intake/handler.ts'\n\nexport type Other = Value[]\n",
    'plugin',
    typesOnly,
  ],
  ['lib/functions-effect.ts', "import '../functions/intake/handler.ts'\n", 'plugin', typesOnly],
  ['lib/functions-late.ts', importLate('../functions/intake/handler.ts'), 'plugin', typesOnly],
  ['lib/functions-export.ts', exportAll('../functions/intake/handler.ts'), 'plugin', typesOnly],
  ['lib/functions-name.ts', "export { value } from '../functions/intake/handler.ts'\n", 'plugin', typesOnly],
  ['lib/local.ts', importValue('../local/install.ts'), restricted, 'lib imports from lib and shared'],
  ['lib/local-type.ts', importType('../local/install.ts'), restricted, 'lib imports from lib and shared'],
  ['lib/bin.ts', importValue('../bin/app.ts'), restricted, 'lib imports from lib and shared'],
  ['bin/functions.ts', importValue('../functions/intake/handler.ts'), restricted, 'bin imports from lib and shared'],
  ['bin/local.ts', importValue('../local/install.ts'), restricted, 'bin imports from lib and shared'],
  ['bench/local.ts', importValue('../local/install.ts'), restricted, 'local is imported by local and test only'],
  ['functions/intake/environment-read.ts', 'export const stage = process.env.STAGE\n', 'lint/style/noProcessEnv', ''],
  ['shared/console.ts', "console.log('x')\n", 'lint/suspicious/noConsole', ''],
  ['shared/barrel.ts', "export { a } from './a.ts'\nexport { b } from './b.ts'\n", 'lint/performance/noBarrelFile', ''],
  ['shared/any.ts', 'export const read = (value: any) => value\n', 'lint/suspicious/noExplicitAny', ''],
  ['shared/camelCase.ts', 'export const a = 1\n', 'lint/style/useFilenamingConvention', ''],
  [
    'shared/floating.ts',
    'export async function save(): Promise<void> {}\n\nexport function run(): void {\n  save()\n}\n',
    'lint/nursery/noFloatingPromises',
    '',
  ],
]

const allowed: readonly (readonly [file: string, text: string])[] = [
  ['shared/clean.ts', importValue('./model.ts')],
  ['shared/library.ts', importValue('zod')],
  [
    'functions/intake/clean.ts',
    importValue('../../shared/model.ts') + importType('./environment.ts').replace('Other', 'More'),
  ],
  ['functions/intake/main.ts', 'export const stage = process.env.STAGE\n'],
  ['lib/clean-type.ts', importType('../functions/intake/environment.ts')],
  ['lib/clean-shared.ts', importValue('../shared/model.ts')],
  ['lib/clean-cdk.ts', importValue('aws-cdk-lib')],
  ['bin/clean.ts', importValue('../lib/stage.ts')],
  ['bin/openapi-document.ts', importValue('../functions/intake/handler.ts')],
  ['bin/clean-inspect.ts', importValue('../functions/inspect/reasons.ts')],
  ['bin/clean-wallet.ts', importValue('../functions/wallet/bip32.ts')],
  ['bin/clean-provision.ts', importValue('../functions/provision/provision.ts')],
  ['bin/clean-operate.ts', importType('../functions/operate/vault-status.ts')],
  ['local/clean.ts', importValue('../lib/stage.ts')],
  ['local/clean-functions.ts', importValue('../functions/wallet/handler.ts')],
  ['test/clean.ts', importValue('../local/install.ts')],
  ['test/clean-ethers.ts', importValue('ethers')],
]

type Diagnostic = { category: string; message: string; location: { path: string } }

async function lint(folder: string): Promise<Diagnostic[]> {
  const biome = join(root, 'node_modules', '.bin', 'biome')
  const output = await new Promise<string>((resolve) => {
    // The exit status is 1 as soon as there is a finding.
    execFile(biome, ['lint', '--reporter=json', '--max-diagnostics=none', '.'], { cwd: folder }, (_error, stdout) =>
      resolve(stdout),
    )
  })
  return JSON.parse(output).diagnostics
}

let folder: string
let diagnostics: Diagnostic[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rings-'))
  for (const name of ['biome.json', 'biome-lib-imports-types.grit', 'package.json']) {
    await copyFile(join(root, name), join(folder, name))
  }
  for (const [file, text] of [...violations, ...allowed]) {
    await mkdir(join(folder, dirname(file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  diagnostics = await lint(folder)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const findingsOf = (file: string) =>
  diagnostics
    .filter((diagnostic) => diagnostic.location.path === file)
    .map(({ category, message }) => ({ category, message }))

describe('the linter refuses', () => {
  it.each(violations)('%s', (file, _text, rule, message) => {
    expect(findingsOf(file)).toContainEqual({ category: rule, message: expect.stringContaining(message) })
  })
})

describe('the linter accepts', () => {
  it.each(allowed)('%s', (file) => {
    expect(findingsOf(file)).toEqual([])
  })
})

it('the linter had nothing else to say, such as of its own configuration', () => {
  const files = new Set(violations.map(([file]) => file))
  expect(diagnostics.filter((diagnostic) => !files.has(diagnostic.location.path))).toEqual([])
})
