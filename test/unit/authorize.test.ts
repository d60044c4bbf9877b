// The authorizer: which tokens are let in, when the issuer is asked for its keys, and what API Gateway is told.
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Jwk } from 'aws-jwt-verify/jwk'
import type { JWK } from 'jose'
import { afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createTokenCheck, TokenRefusal } from '../../functions/authorize/check-token.ts'
import { authorizeEnvironment, type TokenSettings } from '../../functions/authorize/environment.ts'
import { fetchKeySet } from '../../functions/authorize/fetch-key-set.ts'
import { createHandler } from '../../functions/authorize/handler.ts'
import { createIssuerKeys } from '../../functions/authorize/issuer-keys.ts'
import { clockSkewSeconds } from '../../shared/access.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { makeBadTokens, makeClaims, makeKey, sign } from '../support/bad-tokens.ts'
import { catchError, createMemoryLog, createMemoryMetrics, noon } from '../support/fakes.ts'

const issuer = 'https://issuer.example/pool'
const settings: TokenSettings = { issuer, algorithm: 'ES256', audiences: ['verified-wallets', 'second'] }
let key: JWK
let badTokens: Record<string, string | undefined>

beforeAll(async () => {
  key = await makeKey('key-1')
  badTokens = await makeBadTokens(key, issuer)
})

const toPublic = ({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...rest }: JWK) => rest as Jwk & { kid: string }

function makeCheck(overrides: Partial<TokenSettings> = {}, keys: readonly JWK[] = [key]) {
  const asked: string[] = []
  const check = createTokenCheck(
    { ...settings, ...overrides },
    {
      findKey: async (keyId) => {
        asked.push(keyId)
        return keys.map(toPublic).find(({ kid }) => kid === keyId)
      },
    },
  )
  return { check, asked }
}

const signClaims = (overrides: Readonly<Record<string, unknown>> = {}, signer = key) =>
  sign(signer, makeClaims(issuer, overrides))

async function refuse(token: string, overrides: Partial<TokenSettings> = {}) {
  const error = await catchError(() => makeCheck(overrides).check(`Bearer ${token}`))
  expect(error).toBeInstanceOf(TokenRefusal)
  return (error as TokenRefusal).reason
}

describe('a good token', () => {
  it('tells who its bearer is', async () => {
    const claims = makeClaims(issuer)
    expect(await makeCheck().check(`Bearer ${await sign(key, claims)}`)).toEqual({
      sub: 'user-1',
      client_id: 'app-1',
      scope: 'verify:write verify:read wallet:read',
      exp: String(claims.exp),
    })
  })

  it.each(['bearer ', 'BEARER ', 'Bearer   '])('may come after %j', async (scheme) => {
    expect(await makeCheck().check(`${scheme}${await signClaims()}`)).toMatchObject({ sub: 'user-1' })
  })

  it('may be of RS256, where the stage says so', async () => {
    const rsa = await makeKey('key-2', 'RS256')
    const { check } = makeCheck({ algorithm: 'RS256' }, [rsa])
    expect(await check(`Bearer ${await signClaims({}, rsa)}`)).toMatchObject({ sub: 'user-1' })
    expect(await refuse(await signClaims({}, rsa))).toBe('algorithm')
    expect(await refuse(await signClaims(), { algorithm: 'RS256' })).toBe('algorithm')
  })

  it.each([
    ['several audiences', { aud: ['other', 'second'] }, { sub: 'user-1' }],
    ['the client as azp', { client_id: undefined, azp: 'app-2' }, { client_id: 'app-2' }],
    ['the client as cid', { client_id: undefined, cid: 'app-3' }, { client_id: 'app-3' }],
    ['the client as appid', { client_id: undefined, appid: 'app-4' }, { client_id: 'app-4' }],
    ['scopes as a list', { scope: undefined, scp: ['a', 'b'] }, { scope: 'a b' }],
    ['scopes as scp', { scope: undefined, scp: 'a b' }, { scope: 'a b' }],
    ['no scope', { scope: undefined }, { scope: '' }],
    ['a Cognito access token', { token_use: 'access' }, { sub: 'user-1' }],
    ['an expiry with decimals', { exp: 4_000_000_000.75 }, { exp: '4000000000' }],
    ['a name that is no ASCII', { sub: 'é 名' }, { sub: 'é 名' }],
  ])('may have %s', async (_, claims, expected) => {
    expect(await makeCheck().check(`Bearer ${await signClaims(claims)}`)).toMatchObject(expected)
  })

  it('may be early or late by the skew of the clocks, and no more', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const now = Math.floor(Date.now() / 1000)
    const { check } = makeCheck()
    const late = now - clockSkewSeconds + 2
    expect(await check(`Bearer ${await signClaims({ exp: late })}`)).toMatchObject({ exp: String(late) })
    expect(await refuse(await signClaims({ exp: now - clockSkewSeconds - 1 }))).toBe('expired')
    expect(await check(`Bearer ${await signClaims({ nbf: now + clockSkewSeconds - 1 })}`)).toMatchObject({
      sub: 'user-1',
    })
    expect(await refuse(await signClaims({ nbf: now + clockSkewSeconds + 60 }))).toBe('not_yet_valid')
  })

  it('is of a client of the stage, where it names clients', async () => {
    const pinned = { audiences: undefined, clientIds: ['app-1'] }
    const { check } = makeCheck(pinned)
    expect(await check(`Bearer ${await signClaims({ aud: undefined })}`)).toMatchObject({ client_id: 'app-1' })
    expect(await refuse(await signClaims({ client_id: 'app-2' }), pinned)).toBe('audience')
    expect(await refuse(await signClaims({ aud: 'x' }), { clientIds: ['app-1'] })).toBe('audience')
  })

  it('has scopes of ours with their prefix, where the stage has one', async () => {
    const { check } = makeCheck({ scopePrefix: 'wallets/' })
    const scope = 'wallets/wallet:read wallet:read openid wallets/verify:read:any'
    expect(await check(`Bearer ${await signClaims({ scope })}`)).toMatchObject({ scope: 'wallet:read verify:read:any' })
  })
})

describe('a bad token', () => {
  it.each([
    ['empty', 'malformed'],
    ['the scheme alone', 'malformed'],
    ['another scheme', 'malformed'],
    ['the token without its scheme', 'malformed'],
    ['an AWS signature', 'malformed'],
    ['no dots', 'malformed'],
    ['two parts', 'malformed'],
    ['garbled base64', 'malformed'],
    ['no signature', 'malformed'],
    ['alg none', 'malformed'],
    ['an altered claim', 'signature'],
    ['a cut signature', 'signature'],
    ['a key of another with our id', 'signature'],
    ['a key of its own in the header', 'signature'],
    ['alg none with a signature', 'algorithm'],
    ['alg NONE', 'algorithm'],
    ['no alg', 'algorithm'],
    ['HS256 with the public key (PEM) as secret', 'algorithm'],
    ['HS256 with the public key (DER) as secret', 'algorithm'],
    ['HS256 with the public key (JWK) as secret', 'algorithm'],
    ['a critical header', 'algorithm'],
    ['another issuer', 'issuer'],
    ['no issuer', 'issuer'],
    ['another audience', 'audience'],
    ['no audience', 'audience'],
    ['expired', 'expired'],
    ['without expiry', 'claims'],
    ['not yet valid', 'not_yet_valid'],
    ['a key id that does not exist', 'unknown_key'],
    ['no key id', 'unknown_key'],
    ['no subject', 'claims'],
    ['no client', 'claims'],
    ['an id token', 'claims'],
    ['huge by its claims', 'too_large'],
    ['huge, of 100,000 letters', 'too_large'],
  ])('%s is refused: %s', async (name, reason) => {
    const error = await catchError(() => makeCheck().check(badTokens[name] ?? 'missing'))
    expect(error).toBeInstanceOf(TokenRefusal)
    expect(error).toMatchObject({ reason, retriable: false })
  })

  it('stands in the list above, whatever there is', () => {
    expect(Object.keys(badTokens)).toHaveLength(36)
  })

  it.each([
    ['an empty subject', { sub: '' }],
    ['a subject of 2000 letters', { sub: 'a'.repeat(2000) }],
    ['an endless expiry', { exp: 1e15 }],
    ['scopes that are no text', { scope: undefined, scp: [1] }],
  ])('%s is refused by its claims', async (_, claims) => {
    expect(await refuse(await signClaims(claims))).toBe('claims')
  })

  it.each([
    ['an expiry that is text', { exp: 'tomorrow' }],
    ['an expiry that is null', { exp: null }],
    ['a scope that is a list', { scope: ['wallet:read'] }],
  ])('%s is refused by its form', async (_, claims) => {
    expect(await refuse(await signClaims(claims))).toBe('malformed')
  })

  it('makes nobody ask for keys when it is refused by its form, size or algorithm', async () => {
    const { check, asked } = makeCheck()
    for (const name of ['huge by its claims', 'alg NONE', 'garbled base64', 'a critical header']) {
      await catchError(() => check(badTokens[name] ?? ''))
    }
    expect(asked).toEqual([])
  })

  it('is every token where the stage names no issuer', async () => {
    const check = createTokenCheck(null, { findKey: async () => toPublic(key) })
    expect(await catchError(async () => check(`Bearer ${await signClaims()}`))).toMatchObject({
      reason: 'not_configured',
    })
  })
})

describe('keys of the issuer', () => {
  function setUp(keySets: (readonly string[] | Error)[]) {
    let milliseconds = noon.getTime()
    const fetchKeys = vi.fn(async () => {
      const next = keySets.length > 1 ? keySets.shift() : keySets[0]
      if (next === undefined || next instanceof Error) throw next
      return { keys: next.map((kid) => ({ kty: 'EC', kid })) }
    })
    const find = createIssuerKeys({ fetchKeys, now: () => new Date(milliseconds) })
    const pass = (seconds: number) => {
      milliseconds += seconds * 1000
    }
    return { find, fetchKeys, pass }
  }
  const away = new Error('connect ECONNREFUSED')

  it('are fetched once for many tokens, also when they come at once', async () => {
    const { find, fetchKeys } = setUp([['a', 'b']])
    const found = await Promise.all(['a', 'b', 'a', 'c'].map(find))
    expect(found.map((each) => each?.kid)).toEqual(['a', 'b', 'a', undefined])
    await find('b')
    expect(fetchKeys).toHaveBeenCalledTimes(1)
  })

  it('rotate: a new one is found, and one that was withdrawn is soon forgotten', async () => {
    const { find, fetchKeys, pass } = setUp([['a'], ['a', 'b'], ['b']])
    await find('a')
    pass(11)
    expect((await find('b'))?.kid).toBe('b')
    expect(fetchKeys).toHaveBeenCalledTimes(2)
    expect((await find('a'))?.kid).toBe('a')
    pass(600)
    expect(await find('a')).toBeUndefined()
    expect(fetchKeys).toHaveBeenCalledTimes(3)
  })

  it('that do not exist make us ask once in ten seconds, however many tokens name them', async () => {
    const { find, fetchKeys, pass } = setUp([['a']])
    for (let number = 0; number < 100; number += 1) {
      expect(await find(`unknown-${number}`)).toBeUndefined()
      pass(0.5)
    }
    expect(fetchKeys).toHaveBeenCalledTimes(5)
    expect((await find('a'))?.kid).toBe('a')
  })

  it('that are held are believed for an hour while the issuer is away, and no longer', async () => {
    const { find, fetchKeys, pass } = setUp([['a'], away])
    await find('a')
    pass(601)
    expect((await find('a'))?.kid).toBe('a')
    expect((await find('a'))?.kid).toBe('a')
    expect(fetchKeys).toHaveBeenCalledTimes(2)
    const unknown = await catchError(() => find('b'))
    expect(unknown).toBeInstanceOf(UnavailableError)
    pass(3000)
    expect(await catchError(() => find('a'))).toMatchObject({ part: 'issuer', cause: away, retriable: true })
  })

  it.each([
    ['a symmetric key', { kty: 'oct', k: 'c2VjcmV0' }],
    ['a key for encryption', { use: 'enc' }],
    ['a key of another algorithm', { alg: 'ES384' }],
    ['a point that is on no curve', { x: 'AAAA', y: 'AAAA' }],
    ['half a key', { y: undefined }],
  ])('of another kind than the algorithm let nobody in: %s', async (_, fields) => {
    const { kid = '' } = key
    const published = { ...toPublic(key), ...fields, kid } as Jwk & { kid: string }
    const check = createTokenCheck(settings, { findKey: async () => published })
    expect(await catchError(async () => check(`Bearer ${await signClaims()}`))).toBeInstanceOf(TokenRefusal)
  })

  it('of an issuer that never answered let nobody in, and it is not hammered', async () => {
    const { find, fetchKeys, pass } = setUp([away, ['a']])
    for (let number = 0; number < 3; number += 1) {
      expect(await catchError(() => find('a'))).toBeInstanceOf(UnavailableError)
    }
    expect(fetchKeys).toHaveBeenCalledTimes(1)
    pass(10)
    expect((await find('a'))?.kid).toBe('a')
  })
})

describe('API Gateway is told', () => {
  const methodArn = 'arn:aws:execute-api:us-east-1:000000000000:api1/local/GET/wallet/user-1'
  const context = { sub: 'user-1', client_id: 'app-1', scope: 'wallet:read', exp: '1767355200' }
  function setUp(checkToken: (authorization: string) => Promise<typeof context>) {
    const log = createMemoryLog()
    const { count, counted } = createMemoryMetrics()
    const handler = createHandler({ log, count, checkToken })
    return { log, counted, authorize: () => handler({ type: 'TOKEN', authorizationToken: 'Bearer secret', methodArn }) }
  }

  it('to allow the whole stage, never one method, and who calls', async () => {
    const { log, counted, authorize } = setUp(async () => context)
    expect(await authorize()).toEqual({
      principalId: 'user-1',
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Action: 'execute-api:Invoke',
            Effect: 'Allow',
            Resource: 'arn:aws:execute-api:us-east-1:000000000000:api1/local/*',
          },
        ],
      },
      context,
    })
    expect(log.lines).toEqual([])
    expect(counted).toEqual({ tokens_accepted: 1 })
  })

  it('Unauthorized for a refused token; why stands in the log alone', async () => {
    const { log, counted, authorize } = setUp(async () => {
      throw new TokenRefusal('signature', { cause: new Error('secret') })
    })
    const error = await catchError(authorize)
    // API Gateway compares the message; the rest of the error is logged by Lambda.
    expect(error.message).toBe('Unauthorized')
    expect(error.cause).toBeUndefined()
    expect(log.lines).toEqual([{ level: 'info', message: 'refused', fields: { reason: 'signature' } }])
    expect(counted).toEqual({ 'tokens_refused signature': 1 })
  })

  it('that it failed when the issuer is away: nobody is let in', async () => {
    const failure = new UnavailableError('issuer', 'away')
    const { log, counted, authorize } = setUp(async () => {
      throw failure
    })
    expect(await catchError(authorize)).toBe(failure)
    expect(log.lines).toEqual([{ level: 'error', message: 'could not check a token', fields: { error: failure } }])
    expect(counted).toEqual({ tokens_not_checked: 1 })
  })
})

describe('the setting', () => {
  const parse = (value: unknown) => authorizeEnvironment.safeParse({ STAGE: 'local', TOKENS: JSON.stringify(value) })

  it.each([
    ['an issuer with audiences', settings],
    ['with clients', { issuer, algorithm: 'RS256', clientIds: ['a'] }],
    ['on loopback', { ...settings, issuer: 'http://127.0.0.1:1234' }],
    ['null: nobody', null],
  ])('may be %s', (_, value) => {
    expect(parse(value).data?.TOKENS).toEqual(value)
  })

  it.each([
    ['no audience and no client', { issuer, algorithm: 'ES256' }],
    ['an empty list of audiences', { ...settings, audiences: [] }],
    ['an empty audience', { ...settings, audiences: [''] }],
    ['plain http', { ...settings, issuer: 'http://issuer.example' }],
    ['keys over plain http', { ...settings, jwksUri: 'http://issuer.example/keys' }],
    ['a symmetric algorithm', { ...settings, algorithm: 'HS256' }],
    ['none', { ...settings, algorithm: 'none' }],
    ['no algorithm', { ...settings, algorithm: undefined }],
    ['a misspelt name', { ...settings, clientIDs: ['a'] }],
    ['a list', []],
    ['a text', 'issuer'],
  ])('is refused with %s', (_, value) => {
    expect(parse(value).success).toBe(false)
  })

  it.each(['', '{', undefined])('is refused as %j', (text) => {
    expect(authorizeEnvironment.safeParse({ TOKENS: text }).success).toBe(false)
  })
})

describe('the key set of the issuer', () => {
  let server: Server | undefined
  afterEach(() => server?.close())

  async function serve(listener: RequestListener): Promise<string> {
    const started = createServer(listener)
    server = started
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(started.address() as AddressInfo).port}/keys`
  }

  it('is its text, of 64 KiB at most', async () => {
    const text = `{"keys":[],"name":"Schlüssel"}`.padEnd(64 * 1024 - 1)
    expect(await fetchKeySet(await serve((_, answer) => answer.end(text)))).toBe(text)
  })

  it.each<[string, RequestListener, RegExp]>([
    ['a redirect', (_, answer) => answer.writeHead(302, { location: '/other' }).end(), /got 302/],
    ['an error', (_, answer) => answer.writeHead(500).end('{"keys":[]}'), /got 500/],
    ['too long', (_, answer) => answer.end(' '.repeat(64 * 1024 + 1)), /at most 65536 bytes/],
    ['endless', (_, answer) => void setInterval(() => answer.write(' '.repeat(10_000)), 1).unref(), /at most 65536/],
    ['no UTF-8', (_, answer) => answer.end(Buffer.of(0x7b, 0xff, 0x7d)), /not valid/],
    [
      'broken off',
      (_, answer) => answer.writeHead(200, { 'content-length': 9 }).write('{', () => answer.destroy()),
      /./,
    ],
  ])('is not believed when the answer is %s', async (_, listener, message) => {
    const url = await serve(listener)
    await expect(fetchKeySet(url)).rejects.toThrow(message)
  })

  it('is asked for over TLS where its address says so, and not without', async () => {
    let asked = 0
    const url = await serve((_, answer) => answer.end(`${asked++}`))
    await expect(fetchKeySet(url.replace('http:', 'https:'))).rejects.toMatchObject({ code: 'EPROTO' })
    expect(asked).toBe(0)
  })

  it.each<[string, RequestListener]>([
    ['begins', () => {}],
    ['ends', (_, answer) => void answer.writeHead(200).write('{')],
  ])('is given up when no answer %s in time', async (_, listener) => {
    const url = await serve(listener)
    await expect(fetchKeySet(url, 100)).rejects.toThrow()
  })
})
