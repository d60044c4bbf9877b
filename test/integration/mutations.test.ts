// What must never be lost is held by tests: each patch of test/mutations breaks one promise in a copy of the sources, where
// the one test that holds it fails, and on a copy without it the same tests pass.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { type Check, copySources, type Results, runChecks, sound, testFaults } from '../support/patched-copies.ts'

const patches = join(import.meta.dirname, '../mutations')

/** By the name of the patch. */
const mutations: Readonly<Record<string, Check>> = {
  idempotency: {
    file: 'test/integration/wallet-tables.test.ts',
    check: 'a repetition changes nothing and burns no index',
    message: /quarantined: 18/,
  },
  ordering: {
    file: 'test/unit/wallet.test.ts',
    check: 'is found by halves, in order, and set aside with the reason; everything else is issued',
    message: /expected \[ 18, 21, 12, .* to deeply equal \[ \+0, 3, 6/,
  },
  outbox: {
    file: 'test/unit/announce.test.ts',
    check: 'publishes and only then notes, wallets first',
    message: /expected \[ 'ping', 'mark wallets 1', 'publish wallet\.created 1'/,
  },
  'partial-response': {
    file: 'test/unit/wallet.test.ts',
    check: 'database away: every record comes again, named by an object of partition and offset',
    message: /expected { batchItemFailures: \[\] }/,
  },
  'ack-last': {
    file: 'test/unit/verification.test.ts',
    check: 'the verdicts stay, every message with something to announce comes again, and then only publishes',
    message: /expected \[\] to deeply equal \[ { itemIdentifier: 'm1' }/,
  },
  immutability: {
    file: 'test/integration/wallet-tables.test.ts',
    check: 'an issued row refuses every change, to the function by its grants and to the owner by its triggers',
    message: /expected an error; nothing was thrown/,
  },
}

const parts = ['functions', 'lib', 'local', 'shared', 'test/unit', 'test/integration', 'test/support', 'package.json']

let folder: string
let results: Results

/** The tests of a copy; those of tables with a PostgreSQL of its own, since migrations are among what is broken. */
function toProject(name: string, files: readonly string[]) {
  const needsPostgres = files.some((file) => file.startsWith('test/integration/'))
  const globalSetup = needsPostgres ? { globalSetup: `${name}/test/support/provide-postgres.ts` } : {}
  const include = files.map((file) => `${name}/${file}`)
  const chaiConfig = { truncateThreshold: 0 }
  return { test: { name, include, testTimeout: 300_000, hookTimeout: 900_000, chaiConfig, ...globalSetup } }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verified-wallets-mutations-'))
  const copies = [sound, ...Object.keys(mutations)]
  await Promise.all(copies.map((name) => copySources(folder, name, patches, parts)))
  const checks = Object.values(mutations)
  const projects = [
    toProject(sound, [...new Set(checks.map(({ file }) => file))]),
    ...Object.entries(mutations).map(([name, { file }]) => toProject(name, [file])),
  ]
  results = await runChecks(folder, { projects }, checks)
}, 1_800_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

testFaults(patches, mutations, () => results)
