// The smoke test's journey: what it sends, when it waits, at which step it gives up, and with whose user.
import { describe, expect, it } from 'vitest'
import { chooseUser, makeDocument, runSmoke, type SmokeRequest, toSmokeAddressType } from '../../bin/smoke-check.ts'
import { inspectDocument } from '../../functions/inspect/inspect-document.ts'
import { catchError, verificationId } from '../support/fakes.ts'

const address = '0x9858EfFD232B4033E47d90003D41EC34EcaEda94'
const request: SmokeRequest = {
  url: 'https://api.example/v1',
  token: 'header.payload.signature',
  userId: 'a.b c',
  network: 'ethereum',
  addressType: 'eip55',
  bitcoinNetwork: 'mainnet',
  timeoutSeconds: 60,
}
const wallet = { wallet_address: address, address_type: 'eip55', derivation_path: "m/44'/60'/0'/0/0" }

type Step = readonly [status: number, body?: object]
const good: Record<string, readonly Step[]> = {
  'GET /health': [[200, { status: 'ok' }]],
  'POST /verify': [[202, { verification_id: verificationId, status: 'pending' }]],
  [`GET /verify/${verificationId}`]: [
    [200, { status: 'pending' }],
    [200, { status: 'processing' }],
    [200, { status: 'verified' }],
  ],
  'GET /wallet/a%2Eb%20c?network=ethereum&address_type=eip55': [[404], [200, wallet]],
}
const [health, post, verify, read] = Object.keys(good) as [string, string, string, string]

/** A stage that answers each route's answers in turn, the last for ever. */
function setUp(answers: Record<string, readonly Step[]> = {}) {
  const script = structuredClone({ ...good, ...answers }) as Record<string, Step[]>
  const sent: { route: string; init: RequestInit }[] = []
  let now = 1000
  const ports = {
    fetch: async (url: string, init: RequestInit) => {
      const route = `${init.method} ${url.replace(request.url, '')}`
      sent.push({ route, init })
      const steps = script[route]
      const [status, body] = (steps && steps.length > 1 ? steps.shift() : steps?.[0]) ?? [500]
      return new Response(body === undefined ? '<html>' : JSON.stringify(body), { status })
    },
    now: () => now,
    wait: async (milliseconds: number) => {
      now += milliseconds
    },
    say: () => undefined,
  }
  return { ports, sent }
}

const run = (answers?: Record<string, readonly Step[]>, overrides: Partial<SmokeRequest> = {}) =>
  runSmoke({ ...request, ...overrides }, setUp(answers).ports)

describe('the journey', () => {
  it('posts a document that passes, waits for verdict and wallet, and answers the wallet', async () => {
    const { ports, sent } = setUp()
    expect(await runSmoke(request, ports)).toEqual({
      ...{ user_id: 'a.b c', verification_id: verificationId, network: 'ethereum', address_type: 'eip55' },
      ...{ wallet_address: address, derivation_path: "m/44'/60'/0'/0/0", seconds: 3 },
    })
    expect(sent.map(({ route }) => route)).toEqual([health, post, verify, verify, verify, read, read])
    const body = JSON.parse(String(sent[1]?.init.body))
    expect(body).toMatchObject({ user_id: 'a.b c', network: 'ethereum', address_type: 'eip55' })
    expect(await inspectDocument(Buffer.from(body.document, 'base64'))).toMatchObject({ verdict: 'passed' })
    for (const { init } of sent) {
      expect(init).toMatchObject({ redirect: 'error', headers: { authorization: `Bearer ${request.token}` } })
    }
  })

  it('asks again what is throttled or away for a moment', async () => {
    const result = await run({
      [health]: [
        [503, { status: 'failing' }],
        [200, { status: 'ok' }],
      ],
      [post]: [[429, { code: 'rate_limited' }], ...(good[post] ?? [])],
      [verify]: [[504], [200, { status: 'verified' }]],
    })
    expect(result.wallet_address).toBe(address)
  })

  const other = '0x9858EfFD232B4033E47d90003D41EC34EcaEda95'
  it.each([
    ['never healthy', { [health]: [[503, {}]] as Step[] }, 'health', 'not within 60 s'],
    [
      'a token that is refused',
      { [post]: [[401, { code: 'unauthorized', request_id: 'r-1' }]] as Step[] },
      'post',
      '401, unauthorized, request r-1',
    ],
    ['a user who is verified', { [post]: [[202, { status: 'verified' }]] as Step[] }, 'post', 'nothing was tested'],
    [
      'a verdict against it',
      { [verify]: [[200, { status: 'rejected', reasons: [{ code: 'truncated' }] }]] as Step[] },
      'verify',
      'truncated',
    ],
    ['no verdict', { [verify]: [[200, { status: 'pending' }]] as Step[] }, 'verify', 'not within 60 s'],
    ['no wallet', { [read]: [[404, { code: 'wallet_not_found' }]] as Step[] }, 'wallet', 'wallet_not_found'],
    ['an address that is none', { [read]: [[200, { ...wallet, wallet_address: other }]] as Step[] }, 'address', other],
    [
      'an address that is called otherwise',
      { [read]: [[200, { ...wallet, address_type: 'p2tr' }]] as Step[] },
      'address',
      'p2tr',
    ],
  ])('%s: ends at its step, with exit status 1 and without the token', async (_, answers, code, text) => {
    const error = await catchError(() => run(answers))
    expect(error).toMatchObject({ code, exitStatus: 1 })
    expect(error.message).toContain(text)
    expect(error.message).not.toContain(request.token)
  })
})

describe('no stage there', () => {
  it('says why the connection failed', async () => {
    const cause = new Error('connect ECONNREFUSED')
    const ports = { ...setUp().ports, fetch: () => Promise.reject(new TypeError('fetch failed', { cause })) }
    const error = await catchError(() => runSmoke(request, ports))
    expect(error).toMatchObject({ code: 'health', exitStatus: 1, message: expect.stringContaining(cause.message) })
  })
})

describe('the document', () => {
  it('is another for each text', () => {
    expect(Buffer.from(makeDocument('a')).equals(makeDocument('b'))).toBe(false)
  })
})

describe('the user', () => {
  const toToken = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
  const newId = () => 'new'

  it.each([
    ["a user's token: that user", { sub: 'alice', scope: 'verify:write verify:read' }, 'alice'],
    ["a service's: a new one", { sub: 'desk', scope: 'wallet:read:any verify:write:any' }, 'smoke-new'],
    [
      "a service's, whose issuer puts its name before scopes",
      { sub: 'desk', scope: 'api/verify:write:any' },
      'smoke-new',
    ],
  ])('%s', (_, claims, user) => {
    expect(chooseUser(toToken(claims), newId)).toBe(user)
  })

  it.each(['', 'opaque', 'a.b.c', toToken({ scope: 'verify:write' }), toToken({ sub: '' })])(
    'none in %j',
    async (token) => {
      expect(await catchError(() => chooseUser(token, newId))).toMatchObject({ code: 'invalid_token' })
    },
  )
})

describe('the address type', () => {
  it("is the network's default unless another of it is named", async () => {
    expect(toSmokeAddressType('bitcoin', undefined)).toBe('p2pkh')
    expect(toSmokeAddressType('bitcoin', 'p2tr')).toBe('p2tr')
    expect(await catchError(() => toSmokeAddressType('tron', 'p2tr'))).toMatchObject({ code: 'unknown_address_type' })
  })
})
