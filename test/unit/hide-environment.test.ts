// What another process of the same user reads of an environment, before and after it was hidden.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const file = fileURLToPath(new URL('../../functions/inspect/hide-environment.ts', import.meta.url))
const secret = 'AKIDPLANTEDSECRET'

/** A process with a secret in its environment, as it is read from outside at two moments, and what it knows itself at last. */
async function watchEnvironment(): Promise<{ before: string; after: string; own: string }> {
  const script = `const { hideEnvironment } = await import(${JSON.stringify(file)})
    process.stdout.write('begun')
    process.stdin.once('data', () => {
      hideEnvironment(process.env)
      process.stdout.write(process.env.SECRET)
    })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { env: { SECRET: secret } })
  const look = () => execFileSync('/bin/cat', [`/proc/${child.pid}/environ`], { encoding: 'latin1' })
  try {
    await once(child.stdout, 'data')
    const before = look()
    child.stdin.write('now')
    const [own] = await once(child.stdout, 'data')
    return { before, after: look(), own: String(own) }
  } finally {
    child.kill()
  }
}

// Elsewhere there is no such place to read.
if (process.platform === 'linux') {
  it('is gone for others and stays for the process itself', async () => {
    const { before, after, own } = await watchEnvironment()
    expect(before).toContain(secret)
    expect(after).not.toContain(secret)
    expect(after.replaceAll('\0', '')).toBe('')
    expect(own).toBe(secret)
  })
} else {
  it('is nothing that others could read', () => expect(process.platform).not.toBe('linux'))
}
