// The GET routes: answers, 404s, ids in the path decoded exactly once, queries, health.
import type { APIGatewayProxyEvent } from 'aws-lambda'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InspectedVerification } from '../../functions/read/find-verification.ts'
import { createHandler, type ReadDependencies } from '../../functions/read/handler.ts'
import { rememberWallets } from '../../functions/read/remember-wallets.ts'
import { scopes } from '../../shared/access.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { Heartbeat } from '../../shared/heartbeats.ts'
import { addressTypes, userIdSchema } from '../../shared/model.ts'
import {
  call,
  createMemoryLog,
  everything,
  makeEndUser,
  makeHttpEvent,
  makeInspectedVerification,
  makeRequestContext,
  makeWallet,
  noon,
  verificationId,
} from '../support/fakes.ts'

const requestId = '00000000-0000-4000-8000-000000000001'

function setUp(overrides: Partial<ReadDependencies> = {}) {
  const asked: unknown[][] = []
  const log = createMemoryLog()
  const handler = createHandler({
    log,
    now: () => noon,
    newId: () => requestId,
    findVerification: async (...given) => {
      asked.push(given)
      return undefined
    },
    findWallets: async (...given) => {
      asked.push(given)
      return []
    },
    findWallet: async (...given) => {
      asked.push(given)
      return undefined
    },
    findWalletByAddress: async (...given) => {
      asked.push(given)
      return undefined
    },
    findHeartbeats: async () => [],
    ...overrides,
  })
  const get = (event: Partial<APIGatewayProxyEvent>) => call(handler, makeHttpEvent(event))
  const getVerification = (id: string) =>
    get({ resource: '/verify/{verification_id}', pathParameters: { verification_id: id } })
  /** A query as API Gateway hands it over, decoded; of a repeated parameter the single map has the last on AWS. */
  const getWallet = (userId: string, query?: Record<string, string[]>) =>
    get({
      resource: '/wallet/{user_id}',
      pathParameters: { user_id: userId },
      queryStringParameters: query
        ? Object.fromEntries(Object.entries(query).map(([name, values]) => [name, values.at(-1)]))
        : null,
      multiValueQueryStringParameters: query ?? null,
    })
  const getHealth = () => get({ resource: '/health/checks' })
  return { asked, log, get, getVerification, getWallet, getHealth }
}

const problem = (status: number, code: string) => ({
  status,
  headers: { 'content-type': 'application/problem+json', 'x-request-id': requestId, 'x-process-time': '0.000000' },
  body: {
    status,
    code,
    type: `urn:verified-wallets:problem:${code}`,
    request_id: requestId,
    detail: expect.any(String),
  },
})

describe('GET /verify/{verification_id}', () => {
  it('answers a verified one', async () => {
    const verifiedAt = new Date('2026-01-02T12:00:03.250Z')
    const { getVerification } = setUp({
      findVerification: async () =>
        makeInspectedVerification({ status: 'verified', verifiedAt, announcedAt: verifiedAt }),
    })
    const answer = await getVerification(verificationId)
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'x-request-id': requestId })
    expect(answer.body).toEqual({
      verification_id: verificationId,
      user_id: 'user-1',
      network: 'ethereum',
      address_type: 'eip55',
      status: 'verified',
      duplicate_of: null,
      attempt: 1,
      reasons: [],
      inspection: null,
      document: 'none',
      created_at: '2026-01-02T12:00:00.000Z',
      verified_at: '2026-01-02T12:00:03.250Z',
    })
  })

  it('answers a rejected one with every reason', async () => {
    const reasons = [
      { code: 'truncated', message: 'The end is missing.', retry: false },
      { code: 'no_page', message: 'No page.', retry: false },
    ]
    const { getVerification } = setUp({
      findVerification: async () => makeInspectedVerification({ status: 'rejected', reasons }),
    })
    const answer = await getVerification(verificationId)
    expect(answer.body).toMatchObject({ status: 'rejected', reasons, verified_at: null })
  })

  it('tells which other one answers for a duplicate', async () => {
    const duplicateOf = '00000000-0000-4000-8000-000000000009'
    const { getVerification } = setUp({
      findVerification: async () => makeInspectedVerification({ status: 'verified', verifiedAt: noon, duplicateOf }),
    })
    const answer = await getVerification(verificationId)
    expect(answer.body).toMatchObject({
      verification_id: verificationId,
      duplicate_of: duplicateOf,
      status: 'verified',
    })
    expect(answer.headers['cache-control']).toMatch(/max-age/)
  })

  it('tells how the verdict on the newest attempt came about, and nothing of what users share', async () => {
    const checks = [
      { check: 'size', outcome: 'passed', milliseconds: 0.5 },
      { check: 'structure', outcome: 'failed', milliseconds: 12 },
    ] as const
    const inspection = { rulesVersion: '7', checks, checkedAt: noon }
    const { getVerification } = setUp({
      findVerification: async () => makeInspectedVerification({ status: 'rejected', attempt: 3, inspection }),
    })
    const answer = await getVerification(verificationId)
    expect(answer.body).toMatchObject({
      attempt: 3,
      inspection: { rules_version: '7', checked_at: '2026-01-02T12:00:00.000Z', checks },
    })
    expect(answer.text).not.toMatch(/share|mac/i)
  })

  it('asks for an id in any case, as it is stored', async () => {
    const { asked, getVerification } = setUp()
    await getVerification(verificationId.toUpperCase())
    expect(asked).toEqual([[verificationId]])
  })

  it('404 for an id that nobody has', async () => {
    const { asked, getVerification } = setUp()
    const answer = await getVerification(verificationId)
    expect(answer).toMatchObject(problem(404, 'verification_not_found'))
    expect(answer.body.detail).toBe('Verification not found')
    expect(asked).toHaveLength(1)
  })

  it.each(['1', 'not-a-uuid', `${verificationId}0`, "' or 1=1 --", '%00', 'a%2Fb'])(
    '404 without asking for %s, which is no id',
    async (id) => {
      const { asked, getVerification } = setUp()
      expect(await getVerification(id)).toMatchObject(problem(404, 'verification_not_found'))
      expect(asked).toEqual([])
    },
  )

  it('400 for a broken encoding', async () => {
    expect(await setUp().getVerification('%zz')).toMatchObject(problem(400, 'malformed_path'))
  })
})

describe('GET /wallet/{user_id}', () => {
  const wallet = makeWallet()
  const body = {
    user_id: 'user-1',
    network: 'ethereum',
    wallet_address: wallet.address,
    address_type: 'eip55',
    derivation_path: "m/44'/60'/7'/0/0",
    created_at: '2026-01-02T12:00:00.000Z',
  }

  it('answers all wallets of a user', async () => {
    const tron = makeWallet({ network: 'tron', addressType: 'base58check', address: 'T1' })
    const { getWallet } = setUp({ findWallets: async () => [wallet, tron] })
    const answer = await getWallet('user-1')
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      user_id: 'user-1',
      wallets: [body, { ...body, network: 'tron', address_type: 'base58check', wallet_address: 'T1' }],
    })
  })

  it('answers all Bitcoin wallets of a user, one of each address type, told apart by it', async () => {
    const wallets = addressTypes.bitcoin.map((addressType) =>
      makeWallet({ network: 'bitcoin', addressType, address: `the ${addressType}` }),
    )
    const { getWallet } = setUp({ findWallets: async () => wallets })
    expect((await getWallet('user-1')).body).toEqual({
      user_id: 'user-1',
      wallets: addressTypes.bitcoin.map((address_type) => ({
        ...{ ...body, network: 'bitcoin', address_type, wallet_address: `the ${address_type}` },
      })),
    })
  })

  it('answers the wallet of a network', async () => {
    const { getWallet } = setUp({ findWallet: async () => wallet })
    const answer = await getWallet('user-1', { network: ['ethereum'] })
    expect(answer).toMatchObject({ status: 200, body })
    expect(Object.keys(answer.body)).toHaveLength(6)
  })

  it.each([
    [{ network: ['ethereum'] }, 'ethereum', 'eip55'],
    [{ network: ['BitCoin'] }, 'bitcoin', 'p2pkh'],
    [{ network: ['tron'], address_type: ['base58check'] }, 'tron', 'base58check'],
    [{ network: ['dogecoin', 'tron'] }, 'tron', 'base58check'],
    [{ network: ['bitcoin'], address_type: ['eip55', 'p2pkh'] }, 'bitcoin', 'p2pkh'],
    [{ network: ['bitcoin'], verbose: [''] }, 'bitcoin', 'p2pkh'],
    [{ network: ['bitcoin'], address_type: ['p2sh-p2wpkh'] }, 'bitcoin', 'p2sh-p2wpkh'],
    [{ network: ['bitcoin'], address_type: ['p2wpkh'] }, 'bitcoin', 'p2wpkh'],
    [{ network: ['Bitcoin'], address_type: ['p2tr'] }, 'bitcoin', 'p2tr'],
  ])('%j asks for %s, %s; of a repeated parameter the last counts', async (query, network, addressType) => {
    const { asked, getWallet } = setUp()
    expect(await getWallet('user-1', query)).toMatchObject(problem(404, 'wallet_not_found'))
    expect(asked).toEqual([['user-1', network, addressType]])
  })

  it('reads the single values where there are no lists', async () => {
    const { asked, get } = setUp()
    await get({
      resource: '/wallet/{user_id}',
      pathParameters: { user_id: 'user-1' },
      queryStringParameters: { network: 'tron' },
    })
    expect(asked).toEqual([['user-1', 'tron', 'base58check']])
  })

  it.each([
    [
      { network: ['dogecoin'] },
      'unknown_network',
      'Invalid network: expected one of ethereum, bitcoin, tron; got "dogecoin"',
    ],
    [
      { network: [''] },
      'unknown_network',
      'Invalid network: expected one of ethereum, bitcoin, tron; got 0 characters',
    ],
    [{ network: ['ethereum', ''] }, 'unknown_network', /got 0 characters$/],
    [{ network: ['ethereum '] }, 'unknown_network', /got 9 characters$/],
    [{ address_type: ['p2pkh'] }, 'invalid_query', 'expected network with address_type; got address_type alone'],
    [{ address_type: [''] }, 'invalid_query', 'expected network with address_type; got address_type alone'],
    [
      { network: ['ethereum'], address_type: ['p2pkh'] },
      'unknown_address_type',
      'expected an address type of ethereum: eip55; got "p2pkh"',
    ],
    [
      { network: ['bitcoin'], address_type: ['P2TR'] },
      'unknown_address_type',
      'expected an address type of bitcoin: p2pkh, p2sh-p2wpkh, p2wpkh, p2tr; got "P2TR"',
    ],
    [{ network: ['bitcoin'], address_type: [''] }, 'unknown_address_type', /got 0 characters$/],
  ])('400 for the query %j', async (query, code, detail) => {
    const { asked, getWallet } = setUp()
    const answer = await getWallet('user-1', query)
    expect(answer).toMatchObject(problem(400, code))
    expect(answer.body.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail))
    expect(asked).toEqual([])
  })

  it.each([undefined, { network: ['ethereum'] }])('404 for a user without one, query %j', async (query) => {
    const answer = await setUp().getWallet('nobody', query)
    expect(answer).toMatchObject(problem(404, 'wallet_not_found'))
    expect(answer.body.detail).toBe('Wallet not found')
  })

  it.each([
    ['a%2Fb', 'a/b'],
    ['.', '.'],
    ['..', '..'],
    ['%2E', '.'],
    ['%252F', '%2F'],
    ['%C3%A9', '\u00e9'],
    ['e%CC%81', 'e\u0301'],
    ['a+b', 'a+b'],
    ['a%20b', 'a b'],
    ['%F0%9F%98%80', '😀'],
  ])('%s in the path is the user %j, decoded exactly once', async (encoded, userId) => {
    const { asked, getWallet } = setUp({})
    await getWallet(encoded)
    expect(asked).toEqual([[userId]])
  })

  it.each(['%FF', '%zz', '%', '%C3', 'a%2', '%ED%A0%80', '%C0%AF'])(
    '400 for %s, a broken encoding',
    async (encoded) => {
      const { asked, getWallet } = setUp()
      const answer = await getWallet(encoded)
      expect(answer).toMatchObject(problem(400, 'malformed_path'))
      expect(answer.body.detail).toBe('expected user_id in the path to be percent-encoded UTF-8')
      expect(asked).toEqual([])
    },
  )

  it.each([
    ['a NUL', '%00', 'expected no control characters; got at least one'],
    ['a line break', 'a%0Ab', 'expected no control characters; got at least one'],
    ['256 characters', 'a'.repeat(256), 'expected 1 to 255 characters; got 256'],
    ['256 characters outside the basic plane', '%F0%9F%98%80'.repeat(256), 'expected 1 to 255 characters; got 256'],
    ['nothing', '', 'expected 1 to 255 characters; got none'],
  ])('422 for %s, which is no user id', async (_name, encoded, message) => {
    const { asked, getWallet } = setUp()
    const answer = await getWallet(encoded)
    expect(answer).toMatchObject(problem(422, 'invalid_field'))
    expect(answer.body).toMatchObject({ detail: `user_id: ${message}`, issues: [{ path: 'user_id', message }] })
    expect(asked).toEqual([])
  })

  it('every user id that may be posted can be read', async () => {
    const userIds = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 40 })
      .filter((text) => userIdSchema.safeParse(text).success)
    await fc.assert(
      fc.asyncProperty(userIds, async (userId) => {
        const { asked, getWallet } = setUp()
        await getWallet(encodeURIComponent(userId))
        expect(asked).toEqual([[userId]])
      }),
      { numRuns: 100 },
    )
  })

  it('503 with Retry-After when Postgres is away, and no word of why', async () => {
    const { getWallet } = setUp({
      findWallets: () => Promise.reject(new UnavailableError('database', 'connect ECONNREFUSED 10.0.3.7:5432')),
    })
    const answer = await getWallet('user-1')
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5' }, body: { code: 'unavailable' } })
    expect(answer.text).not.toMatch(/ECONN|10\.0\.3\.7|database/)
  })
})

describe('GET /addresses/{address}', () => {
  const getAddress = async (
    address: string,
    overrides: Partial<ReadDependencies> = {},
    context: unknown = everything,
  ) => {
    const world = setUp(overrides)
    const answer = await world.get({
      resource: '/addresses/{address}',
      pathParameters: { address },
      requestContext: makeRequestContext(context),
    })
    return { ...world, answer }
  }
  const ethereum = '0x9858EfFD232B4033E47d90003D41EC34EcaEda94'
  const taproot = 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr'

  it('answers whose it is', async () => {
    const wallet = makeWallet()
    const { answer } = await getAddress(ethereum, { findWalletByAddress: async () => wallet })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      address: wallet.address,
      network: 'ethereum',
      address_type: 'eip55',
      user_id: 'user-1',
      derivation_path: "m/44'/60'/7'/0/0",
      created_at: '2026-01-02T12:00:00.000Z',
    })
  })

  it.each([
    [ethereum, 'ethereum', ethereum],
    [ethereum.toLowerCase(), 'ethereum', ethereum],
    [`0x${ethereum.slice(2).toUpperCase()}`, 'ethereum', ethereum],
    [taproot, 'bitcoin', taproot],
    [taproot.toUpperCase(), 'bitcoin', taproot],
    ['BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4', 'bitcoin', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'],
    ['1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA', 'bitcoin', '1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA'],
    ['37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf', 'bitcoin', '37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf'],
    ['TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH', 'tron', 'TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH'],
    ['tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx', 'bitcoin', 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx'],
  ])('%s is looked for on %s as %s, and 404 when it was not issued', async (given, network, canonical) => {
    const { answer, asked } = await getAddress(given)
    expect(asked).toEqual([[network, canonical]])
    expect(answer).toMatchObject(problem(404, 'address_not_found'))
  })

  it('404 without asking for an address of a network that is not ours', async () => {
    const dogecoin = 'DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L'
    const { answer, asked } = await getAddress(dogecoin)
    expect(answer).toMatchObject(problem(404, 'address_not_found'))
    expect(asked).toEqual([])
  })

  it.each([
    ['an EIP-55 checksum that is wrong', ethereum.replace('Ef', 'eF'), /^address: bad_checksum: /],
    ['bech32 in two cases', taproot.replace('bc1p', 'bc1P'), /^address: mixed_case: /],
    ['bech32 with a wrong character', taproot.replace(/r$/, 'q'), /^address: bad_checksum: /],
    [
      'base58 in lower case',
      'tuezsdksodhqmezwihtdobin46zxhgwydh',
      /^address: (bad_checksum|invalid_character|wrong_length): /,
    ],
    ['base58 with one letter in the other case', 'TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYDH', /^address: bad_checksum: /],
    ['0X', ethereum.replace('0x', '0X'), /^address: invalid_prefix: /],
    ['too few digits', ethereum.slice(0, -1), /^address: wrong_length: /],
    ['a space', 'a%20b', /^address: whitespace: /],
    ['nothing', '', /^address: empty: /],
    ['far too much', '1'.repeat(5000), /^address: wrong_length: /],
  ])('422 for %s', async (_, given, detail) => {
    const { answer, asked } = await getAddress(given)
    expect(answer).toMatchObject(problem(422, 'invalid_field'))
    expect(answer.body.detail).toMatch(detail)
    expect(answer.body.issues).toEqual([{ path: 'address', message: String(answer.body.detail).slice(9) }])
    expect(asked).toEqual([])
  })

  it('400 for a broken encoding', async () => {
    expect((await getAddress('%zz')).answer).toMatchObject(problem(400, 'malformed_path'))
  })

  it('is for services: 403 for a user, also for the own address', async () => {
    const { answer, asked } = await getAddress(
      ethereum,
      { findWalletByAddress: async () => makeWallet() },
      makeEndUser('user-1'),
    )
    expect(answer).toMatchObject(problem(403, 'missing_scope'))
    expect(asked).toEqual([])
    const service = { ...everything, scope: 'verify:read:any ops:read:any wallet:read' }
    expect((await getAddress(ethereum, {}, service)).answer).toMatchObject(problem(403, 'missing_scope'))
  })
})

describe('GET /health/checks', () => {
  const seen = (part: Heartbeat['part'], status: Heartbeat['status'], minutesAgo: number): Heartbeat => ({
    part,
    status,
    seenAt: new Date(noon.getTime() - minutesAgo * 60_000),
  })

  it('200 when everything was seen well lately', async () => {
    const { getHealth, log } = setUp({
      findHeartbeats: async () => [seen('kafka', 'ok', 0), seen('vault', 'ok', 9.99), seen('documents', 'ok', -1)],
    })
    const answer = await getHealth()
    expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } })
    expect(answer.body).toEqual({
      status: 'ok',
      checks: { database: 'ok', kafka: 'ok', vault: 'ok', documents: 'ok' },
    })
    expect(log.lines.map(({ level }) => level)).toEqual(['info'])
  })

  it('200 when nothing was seen yet: unknown alone is no failure', async () => {
    const answer = await setUp().getHealth()
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      status: 'ok',
      checks: { database: 'ok', kafka: 'unknown', vault: 'unknown', documents: 'unknown' },
    })
  })

  it('200 when what failed is ten minutes old: nobody knows', async () => {
    const answer = await setUp({ findHeartbeats: async () => [seen('kafka', 'failing', 10)] }).getHealth()
    expect(answer).toMatchObject({ status: 200, body: { checks: { kafka: 'unknown' } } })
  })

  it.each(['kafka', 'vault', 'documents'] as const)('503 when %s fails', async (part) => {
    const answer = await setUp({ findHeartbeats: async () => [seen(part, 'failing', 1)] }).getHealth()
    expect(answer).toMatchObject({
      status: 503,
      body: { status: 'failing', checks: { database: 'ok', [part]: 'failing' } },
    })
  })

  it('503 when the database is away; the log says why and the answer does not', async () => {
    const error = new UnavailableError('database', 'connect ECONNREFUSED 10.0.3.7:5432')
    const { getHealth, log } = setUp({ findHeartbeats: () => Promise.reject(error) })
    const answer = await getHealth()
    expect(answer.status).toBe(503)
    expect(answer.body).toEqual({
      status: 'failing',
      checks: { database: 'failing', kafka: 'unknown', vault: 'unknown', documents: 'unknown' },
    })
    expect(answer.text).not.toContain('ECONN')
    expect(log.lines[0]).toMatchObject({ level: 'error', fields: { part: 'database', error } })
  })
})

describe('GET /health', () => {
  const nobody = makeRequestContext(undefined)
  const getHealth = (overrides: Partial<ReadDependencies> = {}) =>
    setUp(overrides).get({ resource: '/health', requestContext: nobody })

  it('tells everyone that all is well, and nothing more', async () => {
    const answer = await getHealth()
    expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } })
    expect(answer.body).toEqual({ status: 'ok' })
  })

  it('503 when a part fails, without its name', async () => {
    const answer = await getHealth({ findHeartbeats: async () => [{ part: 'vault', status: 'failing', seenAt: noon }] })
    expect(answer.status).toBe(503)
    expect(answer.body).toEqual({ status: 'failing' })
  })
})

describe('what belongs to others', () => {
  const asUser = (sub: string, scope?: string) => makeRequestContext(makeEndUser(sub, scope))

  it('a verification: the same 404 as one that does not exist, after the same question', async () => {
    const asked: string[] = []
    const find = (found: InspectedVerification | undefined) =>
      setUp({
        findVerification: async (id) => {
          asked.push(id)
          return found
        },
      }).get({
        resource: '/verify/{verification_id}',
        pathParameters: { verification_id: verificationId },
        requestContext: asUser('user-2'),
      })
    const [others, absent] = [await find(makeInspectedVerification()), await find(undefined)]
    expect(others).toEqual(absent)
    expect(others).toMatchObject(problem(404, 'verification_not_found'))
    expect(asked).toEqual([verificationId, verificationId])
  })

  it.each([null, { network: 'ethereum' }, { network: 'bitcoin', address_type: 'p2tr' }])(
    'wallets, by the query %j: the same 404 as of a user who has none, and nobody is asked',
    async (queryStringParameters) => {
      const get = (sub: string, overrides: Partial<ReadDependencies>) => {
        const world = setUp(overrides)
        return world
          .get({
            resource: '/wallet/{user_id}',
            pathParameters: { user_id: 'user-1' },
            queryStringParameters,
            requestContext: asUser(sub),
          })
          .then((answer) => ({ answer, asked: world.asked }))
      }
      const others = await get('user-2', {
        findWallet: async () => makeWallet(),
        findWallets: async () => [makeWallet()],
      })
      const absent = await get('user-2', {})
      const own = await get('user-1', {})
      expect(others.answer).toEqual(absent.answer)
      expect(others.answer).toEqual(own.answer)
      expect(others.answer).toMatchObject(problem(404, 'wallet_not_found'))
      expect([others.asked, absent.asked, own.asked.length]).toEqual([[], [], 1])
    },
  )

  it.each([
    ['/verify/{verification_id}', 'verify:read'],
    ['/wallet/{user_id}', 'wallet:read'],
    ['/health/checks', 'ops:read'],
  ])('%s without %s: 403 before anything is looked at', async (resource, scope) => {
    const { asked, get } = setUp()
    const others = scopes.filter((each) => each !== scope).flatMap((each) => [each, `${each}:any`])
    const answer = await get({
      resource,
      pathParameters: { verification_id: '%zz', user_id: '%zz' },
      requestContext: asUser('user-1', others.join(' ')),
    })
    expect(answer).toMatchObject(problem(403, 'missing_scope'))
    expect(asked).toEqual([])
  })
})

describe('what a client may keep', () => {
  const final = { 'cache-control': 'private, max-age=300', vary: 'Authorization', etag: expect.stringMatching(/^"/) }
  const checked = { ...final, 'cache-control': 'private, no-cache' }
  const ofWallet = { resource: '/wallet/{user_id}', pathParameters: { user_id: 'user-1' } }
  const ofVerification = { resource: '/verify/{verification_id}', pathParameters: { verification_id: verificationId } }
  const found: Partial<ReadDependencies> = {
    findWallet: async () => makeWallet(),
    findWallets: async () => [makeWallet()],
    findWalletByAddress: async () => makeWallet(),
    findVerification: async () => makeInspectedVerification({ status: 'verified', verifiedAt: noon }),
  }
  const routes = [
    ['a wallet, for 300 seconds', { ...ofWallet, queryStringParameters: { network: 'tron' } }, final],
    [
      'whose address it is, for 300 seconds',
      { resource: '/addresses/{address}', pathParameters: { address: makeWallet().address } },
      final,
    ],
    ['a verified verification, for 300 seconds', ofVerification, final],
    ['all wallets, and asks each time: there may be one more', ofWallet, checked],
  ] as const

  it.each(routes)('%s; for this token alone', async (_, event, headers) => {
    expect(await setUp(found).get(event)).toMatchObject({ status: 200, headers })
  })

  it.each(['pending', 'processing', 'rejected', 'expired'] as const)(
    'a %s verification, and asks each time',
    async (status) => {
      const { get } = setUp({ findVerification: async () => makeInspectedVerification({ status }) })
      expect(await get(ofVerification)).toMatchObject({ status: 200, headers: checked })
    },
  )

  it.each([
    ['kept', checked],
    ['erased', final],
  ] as const)('a verified verification whose document is %s: what is kept may be erased', async (document, headers) => {
    const { get } = setUp({
      findVerification: async () => makeInspectedVerification({ status: 'verified', verifiedAt: noon, document }),
    })
    expect(await get(ofVerification)).toMatchObject({ status: 200, headers, body: { document } })
  })

  it.each(routes)('%s: 304 for who has it, with the same headers but those of a body', async (_, event) => {
    const { get } = setUp(found)
    const { 'content-type': _type, ...rest } = (await get(event)).headers
    const again = await get({ ...event, headers: { 'If-None-Match': `"old", W/${rest.etag}` } })
    expect(again).toEqual({ status: 304, headers: rest, body: {}, raw: '', text: expect.any(String) })
    expect(rest).toMatchObject({ 'x-request-id': requestId, 'x-process-time': '0.000000' })
  })

  it('another tag when a wallet has come, or a status changed', async () => {
    const tron = makeWallet({ network: 'tron', addressType: 'base58check' })
    const tags = [
      await setUp({ findWallets: async () => [makeWallet()] }).get(ofWallet),
      await setUp({ findWallets: async () => [makeWallet(), tron] }).get(ofWallet),
      await setUp({ findVerification: async () => makeInspectedVerification() }).get(ofVerification),
      await setUp({ findVerification: async () => makeInspectedVerification({ status: 'processing' }) }).get(
        ofVerification,
      ),
    ].map(({ headers }) => headers.etag)
    expect(new Set(tags).size).toBe(4)
  })

  it.each([
    ['404', ofWallet, {}],
    ['400', { ...ofWallet, queryStringParameters: { network: 'doge' } }, found],
    ['401', { ...ofWallet, requestContext: makeRequestContext(undefined) }, found],
    ['403', { ...ofWallet, requestContext: makeRequestContext(makeEndUser('user-1', 'ops:read')) }, found],
    ['500', ofWallet, { findWallets: () => Promise.reject(new Error('bug')) }],
  ] as const)('nothing of a %s, whatever tag the client names', async (status, event, overrides) => {
    const answer = await setUp(overrides).get({ ...event, headers: { 'if-none-match': '*' } })
    expect(answer).toMatchObject({ status: Number(status), headers: { 'cache-control': 'no-store' } })
    expect(Object.keys(answer.headers)).not.toContain('etag')
  })

  it("nothing of another's: who names its tag is told what one who names none is", async () => {
    const requestContext = makeRequestContext(makeEndUser('user-2'))
    for (const event of [ofWallet, { ...ofWallet, queryStringParameters: { network: 'ethereum' } }, ofVerification]) {
      const { etag } = (await setUp(found).get(event)).headers
      for (const headers of [{ 'if-none-match': String(etag) }, { 'if-none-match': '*' }]) {
        const others = await setUp(found).get({ ...event, headers, requestContext })
        expect(others).toEqual(await setUp({}).get({ ...event, requestContext }))
        expect(others.status).toBe(404)
      }
    }
  })
})

describe('behind its memory', () => {
  it("another's wallet is the same 404, also once it is known, and nothing is asked or counted for it", async () => {
    const asked: string[] = []
    const counted: string[] = []
    const findWallet = rememberWallets(
      async (...question: Parameters<ReadDependencies['findWallet']>) => {
        asked.push(question.join(' '))
        return question[0] === 'user-1' ? makeWallet() : undefined
      },
      { now: () => noon, count: (answeredBy) => counted.push(answeredBy) },
    )
    const { get } = setUp({ findWallet })
    const read = (userId: string, as?: string) =>
      get({
        resource: '/wallet/{user_id}',
        pathParameters: { user_id: userId },
        queryStringParameters: { network: 'ethereum' },
        ...(as === undefined ? {} : { requestContext: makeRequestContext(makeEndUser(as)) }),
      })
    expect((await read('user-1')).status).toBe(200)
    expect((await read('user-1', 'user-1')).status).toBe(200)
    const others = await read('user-1', 'user-2')
    expect(others).toEqual(await read('nobody', 'user-2'))
    expect(others).toMatchObject(problem(404, 'wallet_not_found'))
    expect(asked).toEqual(['user-1 ethereum eip55'])
    expect(counted).toEqual(['database', 'cache'])
  })
})

it('404 for a route that is not ours', async () => {
  expect(await setUp().get({ resource: '/wallets' })).toMatchObject(problem(404, 'route_not_found'))
})
