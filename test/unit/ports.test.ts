// Free ports: what one process has found, no other one finds, though nobody listens on it yet.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect, test, vi } from 'vitest'
import { findFreePort } from '../../local/ports.ts'

const draws: number[] = []
vi.mock('node:crypto', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:crypto')>()
  return { ...original, randomInt: (from: number, to: number) => draws.shift() ?? original.randomInt(from, to) }
})
afterEach(() => {
  draws.length = 0
})

/** Has another process find a port; it keeps it until its input ends. */
async function findElsewhere() {
  const module = new URL('../../local/ports.ts', import.meta.url).href
  const script = `const { findFreePort } = await import('${module}'); console.log(await findFreePort()); process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  const end = async (): Promise<void> => {
    child.stdin.end()
    await once(child, 'close')
  }
  return { port: Number(String(said)), child, end }
}

test('a port that another process has found is passed over while that one lives', async () => {
  const { port, end } = await findElsewhere()
  draws.push(port)
  const other = await findFreePort()
  expect(other).not.toBe(port)
  // Nor is one found twice.
  draws.push(other)
  expect(await findFreePort()).not.toBe(other)

  await end()
  draws.push(port)
  expect(await findFreePort()).toBe(port)
})

test('and free again when it was killed', async () => {
  const { port, child } = await findElsewhere()
  child.kill('SIGKILL')
  await once(child, 'close')
  draws.push(port)
  expect(await findFreePort()).toBe(port)
})
