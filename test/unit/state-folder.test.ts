// The folder of a state, and what is installed: what `npm start` refuses, and what `npm run reset` and `clean` leave alone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { clean } from '../../local/reset.mjs'
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

it('what is installed stays while something runs it, wherever its state is', async () => {
  const installed = join(folder, '.local', 'kafka-1')
  mkdirSync(installed, { recursive: true })
  vi.spyOn(console, 'log').mockImplementation(() => {})
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const server = spawn(process.execPath, [
    '-e',
    'setInterval(() => {}, 1000); console.log(1)',
    join(installed, 'a.jar'),
  ])
  await once(server.stdout, 'data')
  expect(clean(folder)).toBe(1)
  expect(said).toHaveBeenCalledWith(expect.stringContaining(`process ${server.pid} runs`))
  expect(existsSync(installed)).toBe(true)
  server.kill()
  await once(server, 'exit')
  expect(clean(folder)).toBe(0)
  expect(existsSync(installed)).toBe(false)
  vi.restoreAllMocks()
})

it('npm start says what is wrong with a state that is no folder', async () => {
  const file = join(folder, 'thesis.txt')
  writeFileSync(file, 'years of work')
  const { status, stderr } = await runProgram(
    process.execPath,
    [bootstrap, 'start', '--docker', '--port', '0', '--state', file],
    '',
  )
  expect(status).toBe(1)
  expect(stderr).toContain(`${file} cannot hold the state`)
  expect(stderr).not.toContain('    at ')
})
