// `npm run bench`: what it answers to wrong words, and that nothing outlives it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readStartMark } from '../../local/file-lock.mjs'
import { runProgram } from '../support/commands.ts'

const program = join(import.meta.dirname, '..', '..', 'bench', 'main.ts')
const bench = (...given: string[]) => runProgram(process.execPath, [program, ...given], '')

it.each([[['--help']], [['derive', '--help']]])('says what there is, and measures nothing: %j', async (given) => {
  expect(await bench(...given)).toMatchObject({ status: 0, stdout: expect.stringContaining('cold-start'), stderr: '' })
})

it.each([
  [[], 'got ""'],
  [['deriv'], 'got "deriv"'],
  [['derive', '--runs', '3'], 'derive knows no --runs'],
  [['cold-start', '--runs'], "'--runs <value>' argument missing"],
])('measures nothing that it does not understand: %j', async (given, why) => {
  const { status, stdout, stderr } = await bench(...given)
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr).toContain(why)
  expect(stderr).toContain('usage: npm run bench')
  expect(stderr).not.toContain('    at ')
})

it('ends its servers when it is interrupted, and leaves no file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
  try {
    const child = spawn(process.execPath, [program, 'batch'], { env: { ...process.env, TMPDIR: folder } })
    const exited = once(child, 'exit')
    const findRecord = () =>
      readdirSync(folder)
        .map((name) => join(folder, name, 'pids', 'postgres.json'))
        .find((path) => existsSync(path) && readFileSync(path).length > 0)
    await expect.poll(findRecord, { timeout: 100_000 }).toBeDefined()
    const { pid, startMark } = JSON.parse(readFileSync(findRecord() ?? '', 'utf8'))
    expect(readStartMark(pid)).toBe(startMark)
    child.kill('SIGTERM')
    expect(await exited).toEqual([143, null])
    await expect.poll(() => readStartMark(pid) === startMark, { timeout: 30_000 }).toBe(false)
    expect(readdirSync(folder)).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
