// `npm run reset`: what it removes, and what it leaves alone.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runProgram } from '../support/commands.ts'

const bootstrap = join(import.meta.dirname, '..', '..', 'local', 'bootstrap.mjs')
const reset = (...flags: string[]) => runProgram(process.execPath, [bootstrap, 'reset', ...flags], '')
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('forgets a state', async () => {
  const state = join(folder, 'state')
  mkdirSync(state)
  writeFileSync(join(state, 'ports.json'), '{}')
  expect(await reset('--state', state)).toMatchObject({ status: 0, stdout: expect.stringContaining('forgot') })
  expect(existsSync(state)).toBe(false)
  expect(await reset('--state', state)).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('nothing to forget'),
  })
})

it('leaves a folder alone that no start has made', async () => {
  writeFileSync(join(folder, 'thesis.txt'), 'years of work')
  expect(await reset('--state', folder)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('is not the state'),
  })
  expect(existsSync(join(folder, 'thesis.txt'))).toBe(true)
})

it.each([[['--stat', 'x']], [['x']], [['--state']]])(
  'forgets nothing that it does not understand: %j',
  async (flags) => {
    const { status, stdout, stderr } = await reset(...flags)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('usage: npm run reset')
    expect(stderr).not.toContain('    at ')
  },
)
