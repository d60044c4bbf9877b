// What the project's own functions weigh, and what machine their native code is of: the bundles that are deployed.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bundles, bundleFunctions, type FunctionName, functionNames } from '../../lib/bundle.ts'
import { type Machine, thisMachine } from '../../lib/native-packages.ts'

const project = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))

/** Of the JavaScript, in bytes. Whoever waits for an answer waits for a cold start, and that for each of them. */
const budgets: Readonly<Partial<Record<FunctionName, number>>> = {
  // People wait for these three. Two AWS clients and the schemas of requests; one client; a signature check.
  intake: 600_000,
  read: 450_000,
  authorize: 200_000,
  docs: 200_000,
  // Three AWS clients, one of them S3's, Kafka and Postgres.
  verification: 1_050_000,
}
/** Nobody waits for the others, but the wallet function's start is a part of every first wallet. */
const budgetOfOthers = 900_000

/** Of the asset, packed: files are compressed one by one, as in a zip. `inspect` carries libvips, PDFium and 15 MB of fonts. */
const packedBudgets: Readonly<Partial<Record<FunctionName, number>>> = { inspect: 28_500_000, docs: 1_500_000 }
const packedBudgetOfOthers = 1_000_000

const machines: readonly (readonly [stage: string, machine: Machine])[] = [
  ['dev and prod', { os: 'linux', cpu: 'arm64' }],
  ['local', thisMachine],
]
const bundlesOf: Record<string, Bundles> = {}

beforeAll(async () => {
  for (const [name, machine] of machines) {
    bundlesOf[name] = await bundleFunctions(project, join(folder, name), machine)
  }
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const filesOf = (path: string): string[] =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => statSync(name).isFile())

/** The CPU that a file of native code is for, by its header: ELF's e_machine, or Mach-O's cputype; undefined: no such file. */
function cpuOf(file: string): string | undefined {
  const header = readFileSync(file).subarray(0, 20)
  if (header.length < 20) return undefined
  if (header.toString('latin1', 1, 4) === 'ELF') return `elf ${header.readUInt16LE(18)}`
  if (header.readUInt32LE(0) === 0xfeedfacf) return `mach-o ${header.readUInt32LE(4)}`
  return undefined
}

describe.each(machines)('for %s', (stage, machine) => {
  const bundles = () => bundlesOf[stage] as Bundles

  test('native code is of the CPU that runs it, and only inspect has any', () => {
    const cpus = { 'linux arm64': 'elf 183', 'linux x64': 'elf 62', 'darwin arm64': 'mach-o 16777228' }
    const found = functionNames.flatMap((name) =>
      filesOf(bundles()[name]).flatMap((file) => {
        const cpu = cpuOf(file)
        return cpu === undefined ? [] : [`${name} ${cpu}`]
      }),
    )
    // sharp's own binding and libvips.
    const expected = `inspect ${cpus[`${machine.os} ${machine.cpu}` as keyof typeof cpus]}`
    expect(found).toEqual([expected, expected])
    const platforms = readdirSync(join(bundles().inspect, 'node_modules/@img')).toSorted()
    const suffix = `${machine.os}-${machine.cpu}`
    expect(platforms).toEqual([`sharp-${suffix}`, `sharp-libvips-${suffix}`].toSorted())
  })

  test('source maps name sources of the repository, and nothing of the machine that made them', () => {
    const programs = [...functionNames.map((name) => [name, 'main'] as const), ['inspect', 'parser'] as const]
    for (const [name, program] of programs) {
      const text = readFileSync(join(bundles()[name], `${program}.mjs.map`), 'utf8')
      const { sources, sourcesContent } = JSON.parse(text)
      expect(sources, name).toContain(`functions/${name}/${program}.ts`)
      expect(
        sources.filter((source: string) => !/^(functions|shared|node_modules)\//.test(source)),
        name,
      ).toEqual([])
      expect(sourcesContent, name).toBeUndefined()
      // Node parses it at each cold start: all lines of the packages would make it larger than the code.
      expect(text.length, name).toBeLessThan(statSync(join(bundles()[name], `${program}.mjs`)).size / 2)
    }
  })
})

test.each(functionNames)('%s stays within its budgets', (name) => {
  const files = filesOf((bundlesOf['dev and prod'] as Bundles)[name])
  expect(statSync(files.find((file) => file.endsWith('main.mjs')) ?? '').size).toBeLessThan(
    budgets[name] ?? budgetOfOthers,
  )
  const packed = files.reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 1 }).length, 0)
  expect(packed).toBeLessThan(packedBudgets[name] ?? packedBudgetOfOthers)
})
