// Faults put into the templates by hand are caught: each patch of test/faults is applied to a copy, where the one check that
// must see it fails, and on a copy without it the same checks pass.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Check, copySources, type Results, run, runChecks, sound, testFaults } from '../support/patched-copies.ts'

const root = join(import.meta.dirname, '../..')
const patches = join(root, 'test/faults')

/** By the name of the patch. */
const faults: Readonly<Record<string, Check>> = {
  'wildcard-action': {
    file: 'test/infra/permissions.test.ts',
    check: 'no statement says more than it names',
    message: /GetDocuments/,
  },
  'public-bucket': {
    file: 'test/infra/who-may.test.ts',
    check: 'another account may do nothing',
    message: /s3:GetObject DocumentBucket/,
  },
  'missing-permission': {
    file: 'test/infra/permissions.test.ts',
    check: 'its part: Intake',
    message: /PutDocuments/,
  },
  'mapping-without-partial-responses': {
    file: 'test/infra/logical-ids.test.ts',
    check: 'in prod are these',
    message: /expected ReportBatchItemFailures of the event source mapping/,
  },
  'renamed-stateful-resource': {
    file: 'test/infra/logical-ids.test.ts',
    check: 'in prod are these',
    message: /DocumentBucket/,
  },
}
/** Caught by the compiler. */
const uncompiled = { name: 'variable-not-passed', message: /TS2345|TS2741|TS2322[\s\S]*ANNOUNCE_FUNCTION/ }

/** What the templates and their tests are made of. */
const parts = ['lib', 'functions', 'shared', 'test/infra', 'test/support', 'cdk.json', 'package.json', 'tsconfig.json']

let folder: string
let results: Results

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verified-wallets-faults-'))
  const copies = [sound, ...Object.keys(faults), uncompiled.name]
  await Promise.all(copies.map((name) => copySources(folder, name, patches, parts)))
  const include = [
    ...new Set(Object.values(faults).map(({ file }) => `${sound}/${file}`)),
    ...Object.entries(faults).map(([name, { file }]) => `${name}/${file}`),
  ]
  // Not isolated: a worker loads the CDK once, and the copies have no other module in common.
  const config = { include, isolate: false, testTimeout: 300_000, chaiConfig: { truncateThreshold: 0 } }
  results = await runChecks(folder, config, Object.values(faults))
}, 1_800_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

testFaults(patches, faults, () => results, [uncompiled.name])

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
