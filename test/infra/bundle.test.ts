// The bundling, on a repository made here: what must lie beside `main.mjs`, and that Node runs what comes out.
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileSystem } from 'aws-cdk-lib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Bundles, bundleFunctions, functionNames } from '../../lib/bundle.ts'
import { BundleError } from '../../lib/bundle-error.ts'
import { thisMachine } from '../../lib/native-packages.ts'
import { byGlyph, writeForeign } from '../fixtures/documents/pdf-foreign-text.ts'
import { writeClassic } from '../fixtures/documents/pdf-writer.ts'

const project = join(import.meta.dirname, '../..')
let folder: string
let root: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
  root = join(folder, 'repository')
  for (const name of functionNames) {
    mkdirSync(join(root, 'functions', name), { recursive: true })
    writeFileSync(join(root, 'functions', name, 'main.ts'), 'export const handler = async (): Promise<number> => 1\n')
  }
  writeFileSync(join(root, 'functions/inspect/parser.ts'), 'export {}\n')
  mkdirSync(join(root, 'functions/migrate/migrations'))
  writeFileSync(join(root, 'functions/migrate/migrations/0001-first.sql'), 'select 1;\n')
  cpSync(join(project, 'functions/wallet/secp256k1'), join(root, 'functions/wallet/secp256k1'), { recursive: true })
  for (const file of ['openapi.json', 'functions/docs/own.js', 'functions/docs/own.css']) {
    cpSync(join(project, file), join(root, file))
  }
  symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'))
  symlinkSync(join(project, 'package-lock.json'), join(root, 'package-lock.json'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Bundles, and forgets the repository, so that nothing is found there by accident. */
async function bundleApart(): Promise<Bundles> {
  const bundles = await bundleFunctions(root, join(folder, 'bundles'), thisMachine)
  rmSync(root, { recursive: true })
  return bundles
}

function call(bundle: string, ...parameters: string[]): string {
  const script = `const { handler } = await import(process.argv[1]); console.log(JSON.stringify(await handler(...process.argv.slice(2))))`
  const main = join(bundle, 'main.mjs')
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script, main, ...parameters], {
    cwd: bundle,
    encoding: 'utf8',
  }).trim()
}

test('makes one folder a function, with one ESM file that Node runs', async () => {
  const bundles = await bundleApart()
  expect(Object.keys(bundles)).toEqual([...functionNames])
  for (const name of functionNames) expect(call(bundles[name]), name).toBe('1')
  expect(readdirSync(bundles.read)).toEqual(['main.mjs', 'main.mjs.map'])
})

test('an error tells where it was thrown in our sources, not where in the bundle', async () => {
  writeFileSync(
    join(root, 'functions/read/main.ts'),
    `export const handler = async () => {
      const complain = (): never => { throw new Error('said so') }
      return complain()
    }`,
  )
  const bundles = await bundleApart()
  const script = `const { handler } = await import('./main.mjs'); await handler().catch(({ stack }) => console.log(stack))`
  const options = ['--enable-source-maps', '--input-type=module', '--eval', script]
  const stack = execFileSync(process.execPath, options, { cwd: bundles.read, encoding: 'utf8' })
  expect(stack).toMatch(/functions\/read\/main\.ts:2:/)
})

test('calls of AWS are signed with what Lambda puts into the environment, for every operation that is called', async () => {
  writeFileSync(
    join(root, 'functions/read/main.ts'),
    `import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
    import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
    const seen = []
    const requestHandler = { handle: async (request) => {
      seen.push([request.method, request.path, request.headers.authorization.match(/Credential=\\w+/)[0]])
      throw Object.assign(new Error('seen enough'), { name: 'Seen' })
    } }
    const options = { requestHandler, maxAttempts: 1, region: 'us-east-1' }
    export const handler = async () => {
      const asked = { Bucket: 'documents', Key: 'one' }
      await new S3Client(options).send(new GetObjectCommand(asked)).catch(() => {})
      await new LambdaClient(options).send(new InvokeCommand({ FunctionName: 'inspect' })).catch(() => {})
      return seen
    }`,
  )
  const bundles = await bundleApart()
  const credentials = { AWS_ACCESS_KEY_ID: 'OFTHEROLE', AWS_SECRET_ACCESS_KEY: 'none', AWS_SESSION_TOKEN: 'none' }
  const script = `const { handler } = await import('./main.mjs'); console.log(JSON.stringify(await handler()))`
  const said = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    ...{ cwd: bundles.read, encoding: 'utf8' as const },
    env: { PATH: process.env.PATH, ...credentials },
  })
  expect(JSON.parse(said)).toEqual([
    ['GET', '/one', 'Credential=OFTHEROLE'],
    ['POST', '/2015-03-31/functions/inspect/invocations', 'Credential=OFTHEROLE'],
  ])
})

test('CommonJS of a dependency finds its require: kafkajs', async () => {
  writeFileSync(
    join(root, 'functions/announce/main.ts'),
    `import { Kafka } from 'kafkajs'\nexport const handler = async () => typeof new Kafka({ brokers: ['127.0.0.1:1'] }).producer\n`,
  )
  const bundles = await bundleApart()
  expect(call(bundles.announce)).toBe('"function"')
})

test('tokens of IAM are made inside a bundle', async () => {
  cpSync(join(project, 'shared'), join(root, 'shared'), { recursive: true })
  writeFileSync(
    join(root, 'functions/announce/main.ts'),
    `import { createMskLogin } from '../../shared/msk.ts'
    import { createRdsToken } from '../../shared/rds.ts'
    export const handler = async (broker: string, host: string) => {
      Object.assign(process.env, { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'x' })
      const { value } = await createMskLogin([broker]).readToken()
      const token = await createRdsToken({ host, port: 5432, role: 'app_announce' })
      return [Buffer.from(value, 'base64url').toString(), token].map((text) => text.includes('AKIDEXAMPLE'))
    }\n`,
  )
  const bundles = await bundleApart()
  const names = ['b-1.x.c2.kafka.us-east-1.amazonaws.com:9098', 'x.us-east-1.rds.amazonaws.com']
  expect(call(bundles.announce, ...names)).toBe('[true,true]')
})

test('who opens a database of RDS finds its certificates beside itself, in no file that a cold start parses', async () => {
  cpSync(join(project, 'shared'), join(root, 'shared'), { recursive: true })
  writeFileSync(
    join(root, 'functions/read/main.ts'),
    `import { readRdsCertificates } from '../../shared/rds.ts'
    export const handler = async (host: string) => (await readRdsCertificates(host)).length\n`,
  )
  const bundles = await bundleApart()
  expect(Number(call(bundles.read, 'x.eu-central-1.rds.amazonaws.com'))).toBeGreaterThanOrEqual(3)
  expect(readFileSync(join(bundles.read, 'main.mjs'), 'utf8')).not.toContain('BEGIN CERTIFICATE')
  expect(existsSync(join(bundles.intake, 'node_modules'))).toBe(false)
})

test('inspect finds its parser beside itself, and that finds sharp, the wasm of PDFium and its fonts', async () => {
  for (const name of ['functions/inspect', 'shared']) cpSync(join(project, name), join(root, name), { recursive: true })
  writeFileSync(
    join(root, 'functions/inspect/main.ts'),
    `import { readFile } from 'node:fs/promises'
    import { startParser } from './parser-process.ts'
    import { findParserProgram } from './spawn-parser.ts'
    export const handler = async (...files: string[]) => {
      const program = findParserProgram()
      const answers = [program.file]
      for (const file of files) {
        const parsed = await startParser(program).inspect(await readFile(file))
        const { mediaType, verdict } = parsed.outcome === 'inspected' ? parsed.inspection : { mediaType: null, verdict: parsed.how }
        answers.push(\`\${verdict} \${mediaType}\`)
      }
      return answers
    }`,
  )
  const bundles = await bundleApart()
  const files = ['card.png', 'letter.pdf'].map((name) => join(project, 'test/fixtures', name))
  // Each is blank without a font of its own.
  for (const [index, text] of ['Пётр', '山田の', '홍길동', '王小明', 'محمد', 'משה', 'สมชาย'].entries()) {
    files.push(join(folder, `${index}.pdf`))
    writeFileSync(join(folder, `${index}.pdf`), writeClassic(writeForeign(byGlyph('Unknown'), [text])))
  }
  const [program, ...verdicts] = JSON.parse(call(bundles.inspect, ...files))
  expect(program).toBe(join(bundles.inspect, 'parser.mjs'))
  expect(verdicts).toEqual(['passed image/png', ...Array.from({ length: 8 }, () => 'passed application/pdf')])
  expect(existsSync(join(bundles.read, 'node_modules'))).toBe(false)
})

test('wallet finds the module of its curve beside itself', async () => {
  cpSync(join(project, 'functions/wallet/secp256k1.ts'), join(root, 'functions/wallet/secp256k1.ts'))
  cpSync(join(project, 'shared/secret-bytes.ts'), join(root, 'shared/secret-bytes.ts'))
  writeFileSync(
    join(root, 'functions/wallet/main.ts'),
    `import { toPublicKey } from './secp256k1.ts'
    export const handler = async () => toPublicKey(new Uint8Array(32).fill(1))?.length`,
  )
  const bundles = await bundleApart()
  expect(call(bundles.wallet)).toBe('33')
})

test('docs finds the contract and the page beside itself', async () => {
  const bundles = await bundleApart()
  expect(readdirSync(bundles.docs).toSorted()).toEqual([
    ...['main.mjs', 'main.mjs.map', 'openapi.json', 'own.css', 'own.js', 'swagger-ui-bundle.js', 'swagger-ui.css'],
  ])
})

test('the same sources give the same bytes, so that nothing is deployed anew', async () => {
  const first = await bundleFunctions(root, join(folder, 'first'), thisMachine)
  cpSync(root, join(folder, 'elsewhere'), { recursive: true, verbatimSymlinks: true })
  const second = await bundleFunctions(join(folder, 'elsewhere'), join(folder, 'second'), thisMachine)
  for (const name of functionNames) {
    expect(FileSystem.fingerprint(second[name]), name).toBe(FileSystem.fingerprint(first[name]))
  }
})

test('a new migration changes the asset of migrate, and of no other function', async () => {
  const before = await bundleFunctions(root, join(folder, 'before'), thisMachine)
  writeFileSync(join(root, 'functions/migrate/migrations/0002-second.sql'), 'select 2;\n')
  const after = await bundleFunctions(root, join(folder, 'after'), thisMachine)
  expect(readFileSync(join(after.migrate, 'migrations/0002-second.sql'), 'utf8')).toBe('select 2;\n')
  const changed = functionNames.filter(
    (name) => FileSystem.fingerprint(before[name]) !== FileSystem.fingerprint(after[name]),
  )
  expect(changed).toEqual(['migrate'])
})

test.each(['ethers', 'tronweb'])('%s in a function is refused, also when another package brings it', async (heavy) => {
  mkdirSync(join(root, 'shared'))
  writeFileSync(
    join(root, 'shared/encode.ts'),
    `import * as heavy from '${heavy}'\nexport const encode = () => Object.keys(heavy)\n`,
  )
  writeFileSync(
    join(root, 'functions/read/main.ts'),
    `import { encode } from '../../shared/encode.ts'\nexport const handler = async () => encode()\n`,
  )
  const bundling = bundleFunctions(root, join(folder, 'bundles'), thisMachine)
  await expect(bundling).rejects.toThrow(BundleError)
  await expect(bundling).rejects.toThrow(`${heavy} in read`)
})

test('says which functions are missing', async () => {
  rmSync(join(root, 'functions/read'), { recursive: true })
  rmSync(join(root, 'functions/wallet/main.ts'))
  const bundling = bundleFunctions(root, join(folder, 'bundles'), thisMachine)
  await expect(bundling).rejects.toThrow(BundleError)
  await expect(bundling).rejects.toThrow('missing: wallet, read')
})
