// `npm start -- --docker` before anything is started: what it says when Docker is not as it must be. A script stands in for
// the program docker.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readSettings } from '../../lib/settings.ts'
import { prepareContainers, publishedPorts } from '../../local/containers.ts'
import { findFreePort } from '../../local/ports.ts'

let folder = ''
let calls = ''

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'verified-wallets-containers-'))
  calls = join(folder, 'calls')
  mkdirSync(join(folder, 'bin'))
  vi.stubEnv('PATH', `${join(folder, 'bin')}:/usr/bin:/bin`)
  for (const name of Object.keys(publishedPorts)) vi.stubEnv(name, String(await findFreePort()))
  vi.stubEnv('DATABASE_URL', '')
  vi.stubEnv('KAFKA_BOOTSTRAP_SERVERS', '')
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

/** A docker that notes how it is called, and fails where the pattern fits. */
function putDocker(failing: string): void {
  const script = `#!/bin/sh\necho "$@" >> '${calls}'\ncase "$*" in ${failing}) echo 'as docker says' >&2; exit 1;; esac\n`
  writeFileSync(join(folder, 'bin', 'docker'), script, { mode: 0o755 })
}

const prepare = () =>
  prepareContainers({
    ...{ stateFolder: join(folder, 'state'), say: () => {}, signal: new AbortController().signal },
    ...{ settings: readSettings({}), mnemonicFile: undefined },
  })

describe('it refuses', () => {
  it('a machine without Docker', async () => {
    vi.stubEnv('PATH', join(folder, 'bin'))
    await expect(prepare()).rejects.toThrow(/expected the program docker; got none.*\n.*Without --docker/)
  })

  it.each([
    ['an engine that does not answer', 'info', /expected Docker's engine to answer.*Start it/],
    ['a Docker without Compose', 'compose\\ version', /expected Docker Compose 2; got none.*Install/],
  ])('%s, with what docker said', async (_, failing, message) => {
    putDocker(failing)
    await expect(prepare()).rejects.toThrow(message)
    await expect(prepare()).rejects.toMatchObject({ tail: expect.stringContaining('as docker says') })
  })

  it('a port that is taken, saying how to move it', async () => {
    putDocker('nothing')
    const server = createServer()
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    )
    vi.stubEnv('KAFKA_UI_PORT', String(port))
    await expect(prepare()).rejects.toThrow(`port ${port} of 127.0.0.1 is taken`)
    await expect(prepare()).rejects.toThrow('KAFKA_UI_PORT=N npm start -- --docker')
    server.close()
  })

  it('a port that is none', async () => {
    putDocker('nothing')
    vi.stubEnv('KAFKA_PORT', '70000')
    await expect(prepare()).rejects.toThrow('KAFKA_PORT: expected a port from 1 to 65535; got "70000"')
  })

  it.each(['DATABASE_URL', 'KAFKA_BOOTSTRAP_SERVERS'])('%s, which would be another server', async (name) => {
    vi.stubEnv(name, 'somewhere')
    await expect(prepare()).rejects.toThrow(`unset ${name}`)
  })
})

describe('it prepares', () => {
  it('by taking down what a killed start of that state has left, and nothing else', async () => {
    putDocker('nothing')
    await prepare()
    await prepare()
    const downs = readFileSync(calls, 'utf8')
      .split('\n')
      .filter((line) => line.includes(' down'))
    expect(new Set(downs).size).toBe(1)
    expect(downs[0]).toMatch(/--project-name verified-wallets-[0-9a-f]{8} down --volumes --remove-orphans$/)
  })

  it('addresses that functions in containers reach, and the key that they cannot ask for', async () => {
    putDocker('nothing')
    const { settings, context } = await prepare()
    expect(settings.databaseUrl).toBe('postgresql://postgres:5432/wallets')
    expect(settings.kafkaBootstrapServers).toEqual(['kafka:9092'])
    expect(settings.tokenKeys).toEqual([expect.objectContaining({ kty: 'EC', kid: expect.any(String) })])
    expect(JSON.stringify(settings.tokenKeys)).not.toContain('"d"')
    expect(context).toEqual({ '@aws-cdk/core:defaultCrossStackReferences': 'strong' })
  })
})
