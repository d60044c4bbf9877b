// The issuer of the local stack's tokens, and the command that prints one: what is published, what is kept, who is let in.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Jwks } from 'aws-jwt-verify/jwk'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTokenCheck } from '../../functions/authorize/check-token.ts'
import { createIssuerKeys } from '../../functions/authorize/issuer-keys.ts'
import { readSettings } from '../../lib/settings.ts'
import { findStage } from '../../lib/stage-table.ts'
import { issueToken, type RunningIssuer, startIssuer } from '../../local/issuer.ts'
import { findFreePort } from '../../local/ports.ts'
import { scopes } from '../../shared/access.ts'
import { runProgram } from '../support/commands.ts'

const root = join(import.meta.dirname, '..', '..')
let folder: string
let running: RunningIssuer[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
  running = []
})

afterEach(async () => {
  await Promise.all(running.map((issuer) => issuer.stop()))
  rmSync(folder, { recursive: true, force: true })
})

/** A state as a start leaves it, as far as tokens go; its issuer runs. */
async function startState(name: string): Promise<{ state: string; issuer: RunningIssuer }> {
  const state = join(folder, name)
  const port = await findFreePort()
  const issuer = await startIssuer({ stateFolder: state, port })
  running.push(issuer)
  writeFileSync(join(state, 'ports.json'), JSON.stringify({ issuer: port, postgres: 1 }))
  return { state, issuer }
}

/** Asks as the deployed authorizer does: by the stage table, over HTTP. */
function check(issuer: RunningIssuer, token: string) {
  const { tokens } = findStage('local', readSettings({ TOKEN_ISSUER: issuer.url }))
  if (tokens === undefined || 'kind' in tokens) throw new Error('expected the local stage to have an issuer')
  const now = () => new Date()
  const fetchKeys = async () => (await (await fetch(`${issuer.url}/.well-known/jwks.json`)).json()) as Jwks
  return createTokenCheck(tokens, { findKey: createIssuerKeys({ now, fetchKeys }) })(`Bearer ${token}`)
}

const runToken = (...flags: string[]) =>
  runProgram(process.execPath, [join(root, 'local', 'bootstrap.mjs'), 'token', ...flags], '')

describe('the issuer', () => {
  it('publishes its key without the private part, and where it is', async () => {
    const { issuer, state } = await startState('one')
    const { keys } = (await (await fetch(`${issuer.url}/.well-known/jwks.json`)).json()) as Jwks
    expect(keys).toEqual([
      {
        ...{ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' },
        ...{ kid: expect.any(String), x: expect.any(String), y: expect.any(String) },
      },
    ])
    const kept = JSON.parse(readFileSync(join(state, 'issuer', 'key.json'), 'utf8'))
    expect(kept).toMatchObject({ ...keys[0], d: expect.any(String) })
    expect(await (await fetch(`${issuer.url}/.well-known/openid-configuration`)).json()).toMatchObject({
      issuer: issuer.url,
      jwks_uri: `${issuer.url}/.well-known/jwks.json`,
      id_token_signing_alg_values_supported: ['ES256'],
    })
    expect((await fetch(`${issuer.url}/issuer/key.json`)).status).toBe(404)
    expect((await fetch(`${issuer.url}/.well-known/jwks.json`, { method: 'POST' })).status).toBe(404)
  })

  it('keeps its key where only its owner may read it, for the next start', async () => {
    const { state, issuer } = await startState('one')
    const path = join(state, 'issuer', 'key.json')
    const before = readFileSync(path, 'utf8')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await issuer.stop()
    running = [await startIssuer({ stateFolder: state, port: await findFreePort() })]
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  it('makes tokens that the authorizer lets in, and those of no other state', async () => {
    const [one, two] = [await startState('one'), await startState('two')]
    const token = await issueToken(one.state, { user: 'u1' }, { scopes: ['wallet:read'] })
    expect(await check(one.issuer, token)).toMatchObject({ sub: 'u1', client_id: 'local-app', scope: 'wallet:read' })
    await expect(check(two.issuer, token)).rejects.toMatchObject({ reason: 'unknown_key' })
    // Also when the other issuer has taken over its port.
    await one.issuer.stop()
    const usurper = await startIssuer({ stateFolder: two.state, port: Number(new URL(one.issuer.url).port) })
    running = [usurper, two.issuer]
    await expect(check(usurper, token)).rejects.toMatchObject({ reason: 'unknown_key' })
  })
})

describe('npm run --silent token', () => {
  it('prints a token for an end user, and nothing else', async () => {
    const { state, issuer } = await startState('one')
    const { status, stdout, stderr } = await runToken(
      '--state',
      state,
      '--user',
      'u1',
      '--scope',
      'wallet:read verify:read',
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    expect(await check(issuer, stdout.trim())).toMatchObject({ sub: 'u1', scope: 'wallet:read verify:read' })
    expect(decodeProtectedHeader(stdout)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
    const { iat = 0, exp = 0, aud } = decodeJwt(stdout.trim())
    expect([exp - iat, aud]).toEqual([3600, 'verified-wallets'])
  })

  it.each([
    [
      ['--service', 'shop'],
      'shop',
      'shop',
      'verify:write:any verify:read:any wallet:read:any document:erase:any document:hold:any ops:read',
    ],
    [['--service', 'shop', '--scope', 'wallet:read'], 'shop', 'shop', 'wallet:read:any'],
    [['--service', 'shop', '--scope', 'wallet:read:any ops:read'], 'shop', 'shop', 'wallet:read:any ops:read'],
    [
      ['--user', 'é/名'],
      'é/名',
      'local-app',
      'verify:write verify:read wallet:read document:erase document:hold ops:read',
    ],
    [['--user', 'u1', '--scope', ''], 'u1', 'local-app', ''],
  ])('%j', async (flags, sub, client_id, scope) => {
    const { state } = await startState('one')
    const { stdout } = await runToken('--state', state, ...flags, '--lifetime', '60')
    const claims = decodeJwt(stdout.trim())
    expect(claims).toMatchObject({ sub, client_id, scope })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(60)
  })

  it('names every scope when it is asked', async () => {
    const { status, stdout, stderr } = await runToken('--help')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const scope of scopes) expect(stdout).toContain(scope)
  })

  it.each([
    ['nobody', [], '--user ID or --service NAME'],
    ['both', ['--user', 'u1', '--service', 's'], '--user ID or --service NAME'],
    ['an empty user', ['--user', ''], '--user: expected 1 to 255 characters; got none'],
    ['a user with a line break', ['--user', 'a\nb'], '--user: expected no control characters'],
    ['the name of the application', ['--user', 'local-app'], 'take another'],
    ['a scope of services', ['--user', 'u1', '--scope', 'wallet:read:any'], 'is for services'],
    ['a scope that is none', ['--user', 'u1', '--scope', 'é'], '--scope: expected names of printable ASCII'],
    ['no lifetime', ['--user', 'u1', '--lifetime', '0'], '--lifetime: expected whole seconds'],
    ['too long a lifetime', ['--user', 'u1', '--lifetime', '86401'], '--lifetime: expected whole seconds'],
    ['an unknown flag', ['--usr', 'u1'], 'usage: npm run --silent token'],
    ['a state that is none', ['--user', 'u1', '--state', '/nowhere'], 'npm start'],
  ])('%s: status 2, and why', async (_, flags, message) => {
    const { state } = await startState('one')
    const { status, stdout, stderr } = await runToken('--state', state, ...flags)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).not.toContain('    at ')
  })
})
