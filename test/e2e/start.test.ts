// `npm start` as a person meets it: a fresh start to the demonstration's table, a restart, and a kill -9 of everything.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import postgres from 'postgres'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { sendSignal } from '../../local/orphans.mjs'
import { readSecret } from '../../shared/secrets.ts'
import {
  runStart,
  type StackDescription,
  type StackProcess,
  stopStack,
  waitUntilStackIsReady,
} from '../support/local-stack.ts'

const folder = mkdtempSync(join(inject('stacksFolder'), 'start-'))
const state = join(folder, 'state')
let running: StackProcess | undefined

afterAll(async () => {
  if (running) await stopStack(running)
  rmSync(folder, { recursive: true, force: true })
})

async function start(flags: readonly string[] = []): Promise<StackDescription> {
  // What a killed start left; else it might be read before this one has removed it.
  rmSync(join(state, 'stack.json'), { force: true })
  running = runStart(['--state', state, '--port', '0', ...flags], { VERIFICATION_DELAY_SECONDS: '0' })
  return await waitUntilStackIsReady(running, state)
}

/** What must be the same for ever: the issued rows, and the vault's record. */
async function readPermanent(stack: StackDescription): Promise<{ wallets: unknown[]; record: string | undefined }> {
  const sql = postgres(stack.database_url, { max: 1, onnotice: () => {} })
  const wallets = await sql`
    select user_id, network, address_type, account_index, derivation_path, address, account_xpub, created_at
    from wallet.wallets order by user_id, network, address_type`
  await sql.end()
  const client = new SecretsManagerClient({
    endpoint: stack.emulator_url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  const outputs = JSON.stringify(readJson(join(state, 'outputs.json')))
  const arn = /"VaultSecretArn":"([^"]+)"/.exec(outputs)?.[1] ?? ''
  return { wallets: [...wallets], record: await readSecret(client, arn) }
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

/** Every process whose command line or environment names the state folder, and the supervisor. */
function findProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return `${readFileSync(`/proc/${pid}/cmdline`)}${readFileSync(`/proc/${pid}/environ`)}`.includes(state)
      } catch {
        return false
      }
    })
    .map(Number)
}

describe('npm start', () => {
  it('says what to do when its port is taken', async () => {
    const server = createServer()
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    )
    const start = runStart(['--state', join(folder, 'other'), '--port', String(port), '--once'])
    expect(await start.exited).toBe(1)
    expect(start.output()).toContain(String(port))
    expect(start.output()).toContain('--port')
    server.close()
  })

  it('refuses MNEMONIC with the reason and what to do instead', async () => {
    const start = runStart(['--state', join(folder, 'other')], { MNEMONIC: 'x' })
    expect(await start.exited).toBe(1)
    expect(start.output()).toContain('--mnemonic-file')
  })

  it('refuses a mnemonic file that holds no mnemonic, without showing it', async () => {
    const file = join(folder, 'wrong')
    writeFileSync(file, 'zebra quagga okapi', { mode: 0o600 })
    const start = runStart(['--state', join(folder, 'wrong-state'), '--port', '0', '--once', '--mnemonic-file', file])
    expect(await start.exited).toBe(1)
    expect(start.output()).not.toMatch(/zebra|quagga|okapi/)
  })

  it('issues the same wallets from the same vault after a stop, and after a kill -9 of everything', async () => {
    const first = await readPermanent(await start())
    expect(first.wallets).toHaveLength(3)
    expect(first.record).toContain('"root_commitment"')
    expect(running?.output()).toContain('/verify')
    expect(await stopStack(running as StackProcess)).toBe(0)
    expect(existsSync(join(state, 'stack.json'))).toBe(false)
    expect(findProcesses()).toEqual([])

    const second = await readPermanent(await start())
    expect(second).toEqual(first)

    const everything = findProcesses()
    expect(everything.length).toBeGreaterThan(3)
    for (const pid of everything) sendSignal(pid, 'SIGKILL')
    await running?.exited
    running = undefined

    const third = await readPermanent(await start())
    expect(third).toEqual(first)
    expect(await stopStack(running as unknown as StackProcess)).toBe(0)
  })

  it('refuses another mnemonic for an existing state', async () => {
    const file = join(folder, 'another')
    writeFileSync(file, `${'abandon '.repeat(23)}art\n`, { mode: 0o600 })
    const start = runStart(['--state', state, '--port', '0', '--once', '--mnemonic-file', file])
    expect(await start.exited).toBe(1)
    expect(start.output()).toContain('another mnemonic')
  })
})
