// Faults put into the sources by hand are caught: each patch of test/faults is applied to a copy, where the one check that
// must see it fails, and on a copy without it the same checks pass. All copies are tested by one run of vitest.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const patches = join(root, 'test/faults')

type Fault = { readonly file: string; readonly check: string; readonly message: RegExp }

/** By the name of the patch: the test file, the test in it that must fail, and what it must say. */
const faults: Readonly<Record<string, Fault>> = {
  'wildcard-action': {
    file: 'permissions.test.ts',
    check: 'no statement says more than it names',
    message: /GetDocuments/,
  },
  'public-bucket': {
    file: 'who-may.test.ts',
    check: 'another account may do nothing',
    message: /s3:GetObject DocumentBucket/,
  },
  'missing-permission': { file: 'permissions.test.ts', check: 'its part: Intake', message: /PutDocuments/ },
  'mapping-without-partial-responses': {
    file: 'logical-ids.test.ts',
    check: 'in prod are these',
    message: /expected ReportBatchItemFailures of the event source mapping/,
  },
  'renamed-stateful-resource': { file: 'logical-ids.test.ts', check: 'in prod are these', message: /DocumentBucket/ },
}
/** Caught by the compiler. */
const uncompiled = { name: 'variable-not-passed', message: /TS2345|TS2741|TS2322[\s\S]*ANNOUNCE_FUNCTION/ }

const sound = 'sound'
let folder: string
let results: Readonly<Record<string, { readonly status: string; readonly message: string }>>

type Ended = { readonly code: unknown; readonly output: string }

/** Runs a program of the node modules to its end, whatever that is. */
function run(program: string, programArguments: string[], cwd: string): Promise<Ended> {
  // None of this run's own settings, by which vitest would take itself for a worker.
  const environment = { PATH: process.env.PATH, HOME: process.env.HOME, CDK_VALIDATION: 'false' }
  const options = { cwd, env: environment, maxBuffer: 64 * 1024 * 1024 }
  return new Promise((resolve) => {
    execFile(program, programArguments, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr }),
    )
  })
}

/** A copy of what the templates and their tests are made of. */
async function copySources(name: string): Promise<string> {
  const copy = join(folder, name)
  await mkdir(copy)
  for (const part of [
    'lib',
    'functions',
    'shared',
    'test/infra',
    'test/support',
    'cdk.json',
    'package.json',
    'tsconfig.json',
  ]) {
    await cp(join(root, part), join(copy, part), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  if (name === sound) return copy
  const { code, output } = await run('git', ['apply', '--whitespace=nowarn', join(patches, `${name}.patch`)], copy)
  if (code === 0) return copy
  throw new Error(
    `expected test/faults/${name}.patch to apply to the sources; git says: ${output.trim()}\n` +
      'What it changes was changed. Renew it: commit, put the fault that its first line names into lib/ by hand, then\n' +
      `  git diff lib > test/faults/${name}.patch && git checkout lib\n` +
      'and write its first line again.',
  )
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verified-wallets-faults-'))
  await Promise.all([sound, ...Object.keys(faults), uncompiled.name].map(copySources))
  const files = [...new Set(Object.values(faults).map(({ file }) => file))]
  const include = [
    ...files.map((file) => `${sound}/test/infra/${file}`),
    ...Object.entries(faults).map(([name, { file }]) => `${name}/test/infra/${file}`),
  ]
  // Not isolated: a worker loads the CDK once, and the copies have no other module in common.
  await writeFile(
    join(folder, 'vitest.config.mjs'),
    `export default ${JSON.stringify({ test: { include, isolate: false, testTimeout: 60_000, chaiConfig: { truncateThreshold: 0 } } })}\n`,
  )
  const checks = [...new Set(Object.values(faults).map(({ check }) => check))].join('|')
  const report = join(folder, 'report.json')
  const { output } = await run(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=json', `--outputFile=${report}`, '-t', checks],
    folder,
  )
  const { testResults }: { testResults: FileReport[] } = JSON.parse(
    await readFile(report, 'utf8').catch(() => {
      throw new Error(`expected vitest to report on the copies; it said:\n${output.slice(-4000)}`)
    }),
  )
  results = Object.fromEntries(
    testResults.flatMap(({ name, message, assertionResults }) => {
      const file = name.slice(name.indexOf('verified-wallets-faults-')).split('/').slice(1).join('/')
      return [
        [file, { status: message === '' ? 'passed' : 'failed', message }],
        ...assertionResults.map(({ title, status, failureMessages }) => [
          `${file} ${title}`,
          { status, message: failureMessages.join('\n') },
        ]),
      ]
    }),
  )
}, 300_000)

type FileReport = {
  readonly name: string
  readonly message: string
  readonly assertionResults: readonly {
    readonly title: string
    readonly status: string
    readonly failureMessages: readonly string[]
  }[]
}

afterAll(() => rm(folder, { recursive: true, force: true }))

/** What became of a check in a copy. */
function find(copy: string, { file, check }: Fault) {
  const found = Object.entries(results).filter(([name]) => name.startsWith(`${copy}/test/infra/${file} ${check}`))
  const broken = results[`${copy}/test/infra/${file}`]?.message
  expect(found, `${copy}: ${broken || 'no such check'}`).toHaveLength(1)
  return found[0]?.[1]
}

test('each patch has its check, and each check its patch', async () => {
  const names = (await readdir(patches)).map((name) => name.replace('.patch', ''))
  expect(names.toSorted()).toEqual([...Object.keys(faults), uncompiled.name].toSorted())
})

describe.each(Object.entries(faults))('%s', (name, fault) => {
  test('is caught', () => {
    const result = find(name, fault)
    expect(result?.status).toBe('failed')
    expect(result?.message).toMatch(fault.message)
  })

  test('is what is caught: without it, the check passes', () => expect(find(sound, fault)?.status).toBe('passed'))
})

test(`${uncompiled.name}: does not compile, and compiles without it`, async () => {
  const compile = async (copy: string) => {
    const config = { extends: './tsconfig.json', include: ['lib'] }
    await writeFile(join(folder, copy, 'tsconfig.lib.json'), JSON.stringify(config))
    return await run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.lib.json'], join(folder, copy))
  }
  const broken = await compile(uncompiled.name)
  expect(broken.code).not.toBe(0)
  expect(broken.output).toMatch(uncompiled.message)
  expect(await compile(sound)).toEqual({ code: 0, output: '' })
})
