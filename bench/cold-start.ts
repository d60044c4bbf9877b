// Measures what each function weighs and what it costs to load it: `npm run bench -- cold-start`.
// In a fresh process each, interleaved, over an empty module. Figures are of this machine; compare within one run only.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { bundleFunctions, functionNames } from '../lib/bundle.ts'
import { thisMachine } from '../lib/native-packages.ts'
import { median } from './statistics.ts'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '15' } } })
const runs = Number(values.runs)

/** Every variable that any of the functions reads, so that all of them initialise; nothing is called at these addresses. */
const environment = {
  PATH: process.env.PATH,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
  DATABASE_HOST: '127.0.0.1',
  DATABASE_PORT: '1',
  DATABASE_NAME: 'none',
  DATABASE_LOGIN: 'secret:none',
  DATABASE_TLS: 'off',
  DATABASE_ROLE_SECRETS: '{}',
  KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
  KAFKA_AUTHENTICATION: 'none',
  USER_VERIFIED_TOPIC: 'none',
  WALLET_CREATED_TOPIC: 'none',
  DOCUMENT_BUCKET: 'none',
  MAX_DOCUMENT_SIZE_MB: '10',
  POST_LIMIT_CAPACITY: '60',
  POST_LIMIT_REFILL_PER_SECOND: '1',
  VAULT_SECRET_ARN: 'none',
  VAULT_KEY_ARN: 'none',
  TOKENS: 'null',
  STAGE: 'local',
  BITCOIN_NETWORK: 'mainnet',
  ACCEPT_PUBLIC_MNEMONICS: 'true',
  ROOT_COMMITMENT: 'of-record',
  INSPECT_FUNCTION: 'none',
  ANNOUNCE_FUNCTION: 'none',
}

/** Imports the module and prints how long that took, in milliseconds, and how much CPU, in microseconds. */
const script = `
  const before = process.cpuUsage()
  const start = performance.now()
  const { handler } = await import(process.argv[1])
  const milliseconds = performance.now() - start
  const { user, system } = process.cpuUsage(before)
  if (typeof handler !== 'function') throw new TypeError('expected a handler')
  process.stdout.write(JSON.stringify([milliseconds, (user + system) / 1000]))
  process.exit(0)`

function load(folder: string): [wall: number, cpu: number] {
  // As Lambda runs them: NODE_OPTIONS of the stage table.
  const parameters = ['--enable-source-maps', '--input-type=module', '--eval', script, join(folder, 'main.mjs')]
  return JSON.parse(execFileSync(process.execPath, parameters, { env: environment, cwd: folder, encoding: 'utf8' }))
}

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)

const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-bench-'))
try {
  const bundles: Record<string, string> = await bundleFunctions(
    join(import.meta.dirname, '..'),
    join(folder, 'bundles'),
    thisMachine,
  )
  const base = join(folder, 'base')
  mkdirSync(base)
  writeFileSync(join(base, 'main.mjs'), 'export const handler = async () => {}\n')
  const folders: Readonly<Record<string, string>> = { 'empty module': base, ...bundles }

  const times = Object.fromEntries(Object.keys(folders).map((name) => [name, [] as [number, number][]]))
  for (let run = 0; run < runs; run += 1) {
    for (const [name, path] of Object.entries(folders)) times[name]?.push(load(path))
  }

  const inKilobytes = (bytes: number) => (bytes / 1000).toFixed(0)
  const rows = ['empty module', ...functionNames].map((name) => {
    const path = folders[name] ?? ''
    const main = readFileSync(join(path, 'main.mjs'))
    const [wall, cpu] = [0, 1].map((column) => median((times[name] ?? []).map((time) => time[column] ?? Number.NaN)))
    return [
      ...[name, inKilobytes(main.length), inKilobytes(gzipSync(main, { level: 9 }).length), inKilobytes(sizeOf(path))],
      ...[wall?.toFixed(1) ?? '', cpu?.toFixed(1) ?? ''],
    ]
  })
  console.log(`import of main.mjs in a fresh Node ${process.versions.node}, median of ${runs} interleaved runs\n`)
  const head = ['function', 'main.mjs KB', 'gzip KB', 'folder KB', 'import ms', 'CPU ms']
  for (const [name = '', ...cells] of [head, ...rows]) {
    console.log(`${name.padEnd(14)}${cells.map((cell) => cell.padStart(13)).join('')}`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
