// Copies of the sources with a fault that was put in by hand, each a patch with its own check, and one copy without any:
// what the tests say of each. All copies are tested by one run of vitest.
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TestUserConfig } from 'vitest/config'

const root = join(import.meta.dirname, '../..')

/** The test file, from the root; the beginning of the title of the one test that must fail; what it must say. */
export type Check = { readonly file: string; readonly check: string; readonly message: RegExp }

/** The copy without a fault. */
export const sound = 'sound'

type Ended = { readonly code: unknown; readonly output: string }

/** Runs a program of the node modules to its end, whatever that is. */
export function run(program: string, programArguments: string[], cwd: string): Promise<Ended> {
  // None of this run's own settings, by which vitest would take itself for a worker.
  const environment = { PATH: process.env.PATH, HOME: process.env.HOME, CDK_VALIDATION: 'false' }
  const options = { cwd, env: environment, maxBuffer: 64 * 1024 * 1024 }
  return new Promise((resolve) => {
    execFile(program, programArguments, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr }),
    )
  })
}

/** Copies those parts of the sources into a folder of that name, and applies the patch of that name, unless it is the sound one. */
export async function copySources(folder: string, name: string, patches: string, parts: readonly string[]) {
  const copy = join(folder, name)
  await mkdir(copy)
  for (const part of parts) await cp(join(root, part), join(copy, part), { recursive: true })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  if (name === sound) return
  const patch = `${relative(root, patches)}/${name}.patch`
  const { code, output } = await run('git', ['apply', '--whitespace=nowarn', join(root, patch)], copy)
  if (code === 0) return
  throw new Error(
    `expected ${patch} to apply to the sources; git says: ${output.trim()}\n` +
      'What it changes was changed. Renew it: commit, put the fault that its first line names into the sources by hand, then\n' +
      `  git diff > ${patch} && git stash\n` +
      'and write its first line again.',
  )
}

type Report = {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly title: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/** By copy, file and title; by copy and file what broke the file itself. */
export type Results = Readonly<Record<string, { readonly status: string; readonly message: string }>>

/** Runs the checks in the copies below a folder, as vitest's configuration says. */
export async function runChecks(folder: string, config: TestUserConfig, checks: readonly Check[]): Promise<Results> {
  await writeFile(join(folder, 'vitest.config.mjs'), `export default ${JSON.stringify({ test: config })}\n`)
  const titles = [...new Set(checks.map(({ check }) => check))].join('|')
  const report = join(folder, 'report.json')
  const { output } = await run(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=json', `--outputFile=${report}`, '-t', titles],
    folder,
  )
  const text = await readFile(report, 'utf8').catch(() => {
    throw new Error(`expected vitest to report on the copies; it said:\n${output.slice(-4000)}`)
  })
  return Object.fromEntries(
    (JSON.parse(text) as Report).testResults.flatMap(({ name, message, assertionResults }) => {
      const file = name
        .slice(name.indexOf(basename(folder)))
        .split('/')
        .slice(1)
        .join('/')
      return [
        [file, { status: message === '' ? 'passed' : 'failed', message }],
        ...assertionResults.map(({ title, status, failureMessages }) => [
          `${file} ${title}`,
          { status, message: failureMessages.join('\n') },
        ]),
      ]
    }),
  )
}

/** What became of a check in a copy. */
function find(results: Results, copy: string, { file, check }: Check) {
  const found = Object.entries(results).filter(([name]) => name.startsWith(`${copy}/${file} ${check}`))
  expect(found, `${copy}: ${results[`${copy}/${file}`]?.message || 'no such check'}`).toHaveLength(1)
  return found[0]?.[1]
}

/** The tests of a table of faults, by the names of their patches. `others`: patches that something else catches. */
export function testFaults(
  patches: string,
  faults: Readonly<Record<string, Check>>,
  readResults: () => Results,
  others: readonly string[] = [],
): void {
  test('each patch has its check, and each check its patch', async () => {
    const names = (await readdir(patches)).map((name) => name.replace('.patch', ''))
    expect(names.toSorted()).toEqual([...Object.keys(faults), ...others].toSorted())
  })

  describe.each(Object.entries(faults))('%s', (name, fault) => {
    test('is caught', () => {
      const result = find(readResults(), name, fault)
      expect(result?.status).toBe('failed')
      expect(result?.message).toMatch(fault.message)
    })

    test('is what is caught: without it, the check passes', () =>
      expect(find(readResults(), sound, fault)?.status).toBe('passed'))
  })
}
