// What bounds a POST: the token bucket and its headers, Idempotency-Key, and the further wallet of who is verified.
import { createHash } from 'node:crypto'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHandler, type IntakeDependencies } from '../../functions/intake/handler.ts'
import {
  type Claim,
  type KeptAnswer,
  type KeyedRequest,
  readIdempotencyKey,
} from '../../functions/intake/idempotency.ts'
import { describeBucket, toCallerDigest } from '../../functions/intake/rate-limit.ts'
import type { Registration } from '../../functions/intake/register-upload.ts'
import type { Caller } from '../../shared/access.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { Extension } from '../../shared/verifications.ts'
import {
  call,
  createMemoryLog,
  everything,
  makeEndUser,
  makeHttpEvent,
  makeRequestContext,
  makeVerification,
  noon,
  registered,
  unlimited,
  verificationId,
} from '../support/fakes.ts'

const makeId = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const document = Buffer.from('ffd8ffe000104a464946', 'hex').toString('base64')

function setUp(overrides: Partial<IntakeDependencies> = {}) {
  const calls: string[] = []
  const log = createMemoryLog()
  let ids = 0
  const handler = createHandler({
    ...unlimited,
    log,
    maxDocumentBytes: 1000,
    now: () => noon,
    newId: () => {
      ids += 1
      return makeId(ids)
    },
    registerUpload: async () => {
      calls.push('row')
      return registered()
    },
    putDocument: async () => {
      calls.push('object')
    },
    ...overrides,
  })
  const send = (event: Partial<APIGatewayProxyEvent>) => call(handler, makeHttpEvent({ httpMethod: 'POST', ...event }))
  const postDocument = (event: Partial<APIGatewayProxyEvent> = {}, fields: object = {}) =>
    send({
      resource: '/verify',
      body: JSON.stringify({ user_id: 'user-1', network: 'tron', document, ...fields }),
      ...event,
    })
  const postWallet = (userId: string, body: unknown, event: Partial<APIGatewayProxyEvent> = {}) =>
    send({
      resource: '/wallet/{user_id}',
      pathParameters: { user_id: userId },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...event,
    })
  return { calls, log, send, postDocument, postWallet }
}

const makeCaller = (clientId: string, subject: string): Caller => ({
  ...{ clientId, subject, scopes: new Set(['verify:write']), expiresAt: noon },
})

describe('the fields of the IETF draft', () => {
  it.each([
    // capacity, refill a second, seconds until full, headers
    [10, 1, 1, '"post";q=10;w=10', '"post";r=9;t=1'],
    [10, 1, 0.4, '"post";q=10;w=10', '"post";r=9;t=1'],
    [10, 1, 1.2, '"post";q=10;w=10', '"post";r=8;t=1'],
    [10, 1, 10, '"post";q=10;w=10', '"post";r=0;t=1'],
    [10, 1, 9.5, '"post";q=10;w=10', '"post";r=0;t=1'],
    [5, 0.5, 10, '"post";q=5;w=10', '"post";r=0;t=2'],
    [5, 0.1, 10, '"post";q=5;w=50', '"post";r=4;t=10'],
    [60, 7, 0.142857, '"post";q=60;w=9', '"post";r=59;t=1'],
    [5000, 1000, 0.001, '"post";q=5000;w=5', '"post";r=4999;t=1'],
    [1, 3, 0.333333, '"post";q=1;w=1', '"post";r=0;t=1'],
    [10, 1, -0.2, '"post";q=10;w=10', '"post";r=10;t=0'],
  ])('of %i tokens, %f a second, full in %f s', (capacity, refillPerSecond, secondsUntilFull, policy, rateLimit) => {
    const { headers } = describeBucket({ capacity, refillPerSecond }, { passed: true, secondsUntilFull })
    expect(headers).toEqual({ 'ratelimit-policy': policy, ratelimit: rateLimit })
  })

  it.each([
    [10, 1, 9.2, 1],
    [10, 1, 10, 1],
    [1, 0.1, 9.1, 10],
    [5, 0.5, 9.9, 2],
    [5, 0.01, 500, 100],
    // Refilled between the look and the answer: still not within the same second.
    [1, 1, -3, 1],
  ])(
    'of a refused one of %i, %f a second, full in %f s: wait %i s',
    (capacity, refillPerSecond, secondsUntilFull, seconds) => {
      const bucket = describeBucket({ capacity, refillPerSecond }, { passed: false, secondsUntilFull })
      expect(bucket.secondsUntilNext).toBe(seconds)
      expect(bucket.headers.ratelimit).toBe(`"post";r=0;t=${seconds}`)
    },
  )

  it('are whole numbers that are not negative, whatever the bucket', () => {
    const anyBucket = fc.tuple(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.integer({ min: 1, max: 100_000_000 }).map((thousandths) => thousandths / 1000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
    )
    fc.assert(
      fc.property(anyBucket, ([capacity, refillPerSecond, share, passed]) => {
        const secondsUntilFull = (share * capacity) / refillPerSecond
        const { headers } = describeBucket({ capacity, refillPerSecond }, { passed, secondsUntilFull })
        const match = /^"post";r=(\d+);t=(\d+)$/.exec(headers.ratelimit)
        expect(Number(match?.[1])).toBeLessThanOrEqual(capacity)
        expect(headers['ratelimit-policy']).toMatch(/^"post";q=[1-9]\d*;w=[1-9]\d*$/)
        // Whoever waits as long as that has one more.
        const later = Math.max(secondsUntilFull - Number(match?.[2]), 0)
        const after = describeBucket({ capacity, refillPerSecond }, { passed: true, secondsUntilFull: later })
        const remaining = Number(/;r=(\d+)/.exec(after.headers.ratelimit)?.[1])
        expect(remaining).toBeGreaterThanOrEqual(Math.min(Number(match?.[1]) + 1, capacity))
      }),
    )
  })
})

describe('a caller', () => {
  it('is client and subject together, told apart wherever the space is', () => {
    const digests = [
      makeCaller('a b', 'c'),
      makeCaller('a', 'b c'),
      makeCaller('a', 'c'),
      makeCaller('c', 'a'),
      makeCaller('a"', ',"c'),
    ].map((caller) => Buffer.from(toCallerDigest(caller)).toString('hex'))
    expect(new Set(digests).size).toBe(digests.length)
    expect(digests.every((digest) => digest.length === 64)).toBe(true)
  })
})

describe('the limit of POST', () => {
  const limited = { takeToken: async () => ({ passed: false, secondsUntilFull: 12.4 }) }

  it('429 as a problem, with the time to wait; nothing was done', async () => {
    const { postDocument, calls, log } = setUp(limited)
    const answer = await postDocument()
    expect(answer).toMatchObject({
      status: 429,
      headers: {
        'content-type': 'application/problem+json',
        'retry-after': '4',
        'ratelimit-policy': '"post";q=10;w=10',
        ratelimit: '"post";r=0;t=4',
      },
      body: {
        type: 'urn:verified-wallets:problem:rate_limited',
        title: 'Too Many Requests',
        status: 429,
        code: 'rate_limited',
        request_id: makeId(1),
      },
    })
    expect(calls).toEqual([])
    expect(log.lines).toMatchObject([{ level: 'info', fields: { status: 429, code: 'rate_limited' } }])
  })

  it('stands before the body: a flood of anything is refused', async () => {
    const { postDocument, postWallet } = setUp(limited)
    expect((await postDocument({ body: 'no json' })).status).toBe(429)
    expect((await postWallet('user-1', 'no json')).status).toBe(429)
  })

  it.each([
    ['202', {}, 202],
    ['400', { body: '[]' }, 400],
    ['403', { requestContext: makeRequestContext(makeEndUser('user-2')) }, 403],
    ['422', { body: '{}' }, 422],
    ['500', {}, 500],
  ])('is told with every answer: %s', async (_, event, status) => {
    const registerUpload = async () => {
      if (status === 500) throw new Error('a bug')
      return registered()
    }
    const answer = await setUp({ registerUpload }).postDocument(event)
    expect(answer).toMatchObject({
      status,
      headers: { 'ratelimit-policy': '"post";q=10;w=10', ratelimit: '"post";r=9;t=1' },
    })
  })

  it('costs nothing who may not POST at all, and tells them nothing', async () => {
    const asked: unknown[] = []
    const { postDocument } = setUp({
      takeToken: async (caller) => {
        asked.push(caller)
        return { passed: true, secondsUntilFull: 1 }
      },
    })
    const nobody = await postDocument({ requestContext: makeRequestContext(undefined) })
    const reader = await postDocument({ requestContext: makeRequestContext(makeEndUser('user-1', 'wallet:read')) })
    expect([nobody.status, reader.status]).toEqual([401, 403])
    expect(asked).toEqual([])
    for (const { headers } of [nobody, reader]) expect(Object.keys(headers)).not.toContain('ratelimit')
  })

  it('503 when the buckets are away, never a free pass', async () => {
    const { postDocument, calls } = setUp({
      takeToken: () => Promise.reject(new UnavailableError('database', 'connect ECONNREFUSED')),
    })
    expect(await postDocument()).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
    expect(calls).toEqual([])
  })

  it('is of the caller, whatever user is written in the body', async () => {
    const callers = new Set<string>()
    const { postDocument } = setUp({
      takeToken: async (caller) => {
        callers.add(Buffer.from(caller).toString('hex'))
        return { passed: true, secondsUntilFull: 1 }
      },
    })
    for (const user_id of ['user-1', 'user-2', 'user-3']) await postDocument({}, { user_id })
    expect(callers.size).toBe(1)
    await postDocument({ requestContext: makeRequestContext({ ...everything, client_id: 'service-2' }) })
    expect(callers.size).toBe(2)
  })
})

describe('Idempotency-Key', () => {
  const key = (...values: string[]) => makeHttpEvent({ multiValueHeaders: { 'Idempotency-Key': values } })

  it.each([
    ['8e03978e-40d5-43e8-bc93-6894a57f9324', '8e03978e-40d5-43e8-bc93-6894a57f9324'],
    ['"8e03978e-40d5-43e8-bc93-6894a57f9324"', '8e03978e-40d5-43e8-bc93-6894a57f9324'],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['a"b', 'a"b'],
    [' x ', 'x'],
    ['!', '!'],
    ['~'.repeat(255), '~'.repeat(255)],
    [`"${'~'.repeat(255)}"`, '~'.repeat(255)],
    [`"${'\\"'.repeat(255)}"`, '"'.repeat(255)],
  ])('%s is the key %s', (given, expected) => {
    expect(readIdempotencyKey(key(given))).toBe(expected)
  })

  it('is found in any case, also where there are no lists', () => {
    expect(readIdempotencyKey(makeHttpEvent({ headers: { 'idempotency-KEY': 'x' } }))).toBe('x')
    expect(readIdempotencyKey(makeHttpEvent({ multiValueHeaders: { 'IDEMPOTENCY-key': ['x'] } }))).toBe('x')
    expect(readIdempotencyKey(makeHttpEvent({}))).toBeUndefined()
  })

  it.each([
    ['nothing', ['']],
    ['only spaces', ['  ']],
    ['empty quotes', ['""']],
    ['256 characters', ['x'.repeat(256)]],
    ['256 characters in quotes', [`"${'x'.repeat(256)}"`]],
    ['a space', ['a b']],
    ['a space in quotes', ['"a b"']],
    ['a control character', ['a\u0001']],
    ['an umlaut', ['schlüssel']],
    ['a quote without end', ['"abc']],
    ['something after the quotes', ['"abc"d']],
    ['a parameter', ['"abc";d=1']],
    ['a backslash before something else', ['"a\\b"']],
    ['a quote inside', ['"a"b"']],
    ['two of them', ['a', 'b']],
    ['the same twice', ['a', 'a']],
    ['a list', ['a, b']],
  ])('400 for %s, and nothing was done', async (_, values) => {
    const { postDocument, calls } = setUp()
    const answer = await postDocument({ multiValueHeaders: { 'idempotency-key': values } })
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_idempotency_key' } })
    expect(calls).toEqual([])
    expect(answer.text).not.toContain('schl')
  })

  /** The table in memory, and how often each port was called. */
  function makeKeys(claims: readonly Claim[] = []) {
    const rest = [...claims]
    const claimed: KeyedRequest[] = []
    const kept: KeptAnswer[] = []
    const released: KeyedRequest[] = []
    const ports = {
      claimKey: async (request: KeyedRequest) => {
        claimed.push(request)
        return rest.shift() ?? ({ outcome: 'ours' } as const)
      },
      keepAnswer: async (_: KeyedRequest, answer: KeptAnswer) => {
        kept.push(answer)
      },
      releaseKey: async (request: KeyedRequest) => {
        released.push(request)
      },
    }
    return { ports, claimed, kept, released }
  }
  const withKey = { headers: { 'Idempotency-Key': 'k' } }

  it('absent: nothing is kept', async () => {
    const { ports, claimed, kept } = makeKeys()
    expect((await setUp(ports).postDocument()).status).toBe(202)
    expect([claimed, kept]).toEqual([[], []])
  })

  it('keeps the answer, and gives it again byte for byte with its Location, without doing anything', async () => {
    const first = makeKeys()
    const world = setUp(first.ports)
    const answer = await world.postDocument(withKey)
    expect(answer.status).toBe(202)
    const [kept] = first.kept
    if (!kept) return expect.unreachable()
    expect(kept).toMatchObject({ status: 202, contentType: 'application/json', location: `/verify/${verificationId}` })

    const again = makeKeys([{ outcome: 'answered', answer: kept }])
    const later = setUp(again.ports)
    const repeated = await later.postDocument(withKey)
    expect(repeated.status).toBe(202)
    expect(JSON.parse(repeated.text).body).toBe(JSON.parse(answer.text).body)
    expect(repeated.headers).toEqual(answer.headers)
    expect(later.calls).toEqual([])
    expect(again.kept).toEqual([])
  })

  it('keeps an error of the caller as well, with the request id of then', async () => {
    const { ports, kept, released } = makeKeys()
    const answer = await setUp(ports).postWallet('user-1', { network: 'tron' }, withKey)
    expect(answer.status).toBe(404)
    expect(kept).toMatchObject([{ status: 404, contentType: 'application/problem+json', location: null }])
    expect(JSON.parse(kept[0]?.body ?? '')).toEqual(answer.body)
    expect(released).toEqual([])
  })

  it('is not burnt by an error that says to come again: the same request may be taken then', async () => {
    for (const outcome of ['in_progress', 'too_many_attempts'] as const) {
      const { ports, claimed, kept, released } = makeKeys()
      const registerUpload = async (): Promise<Registration> =>
        outcome === 'in_progress'
          ? { outcome, verification: makeVerification(), awaitedUntil: null }
          : { outcome, mayBeginAt: noon }
      const answer = await setUp({ ...ports, registerUpload }).postDocument(withKey)
      expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
      expect(kept).toEqual([])
      expect(released).toEqual(claimed)
    }
  })

  it('is not burnt by a fault of ours: released, and 503', async () => {
    const { ports, claimed, kept, released } = makeKeys()
    const putDocument = () => Promise.reject(new UnavailableError('documents', 'S3 is away'))
    expect((await setUp({ ...ports, putDocument }).postDocument(withKey)).status).toBe(503)
    expect(kept).toEqual([])
    expect(released).toEqual(claimed)
  })

  it('503 when the answer could not be kept: what comes next might be another one', async () => {
    const { ports, released } = makeKeys()
    const keepAnswer = () => Promise.reject(new UnavailableError('database', 'gone'))
    const { postDocument, postWallet } = setUp({ ...ports, keepAnswer })
    expect((await postDocument(withKey)).status).toBe(503)
    expect(released).toHaveLength(1)
    expect((await postWallet('user-1', { network: 'tron' }, withKey)).status).toBe(503)
  })

  it('that cannot be released is told in the log; the answer is what it was', async () => {
    const { ports } = makeKeys()
    const gone = new UnavailableError('database', 'gone')
    const { postDocument, log } = setUp({
      ...ports,
      registerUpload: () => Promise.reject(gone),
      releaseKey: () => Promise.reject(gone),
    })
    expect((await postDocument(withKey)).status).toBe(503)
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'error', 'info'])
  })

  it.each([
    [0.2, '1'],
    [-4, '1'],
    [2.1, '3'],
    [29, '5'],
  ])('409 while somebody works on it, for %f s at most: Retry-After %s', async (secondsLeft, retryAfter) => {
    const { ports } = makeKeys([{ outcome: 'in_flight', secondsLeft }])
    const { postDocument, calls } = setUp(ports)
    expect(await postDocument(withKey)).toMatchObject({
      status: 409,
      headers: { 'retry-after': retryAfter, 'content-type': 'application/problem+json' },
      body: { code: 'request_in_flight', title: 'Conflict' },
    })
    expect(calls).toEqual([])
  })

  it('422 for another request', async () => {
    const { ports } = makeKeys([{ outcome: 'another_request' }])
    const { postDocument, calls } = setUp(ports)
    expect(await postDocument(withKey)).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } })
    expect(calls).toEqual([])
  })

  describe('names one request', () => {
    const toHex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex')
    async function claim(send: (world: ReturnType<typeof setUp>) => Promise<unknown>) {
      const { ports, claimed } = makeKeys()
      await send(setUp(ports))
      return { id: toHex(claimed[0]?.id), fingerprint: toHex(claimed[0]?.fingerprint) }
    }
    const ofBody = (body: object, event: object = {}) =>
      claim(({ postDocument }) => postDocument({ ...withKey, body: JSON.stringify(body), ...event }))
    const body = { user_id: 'user-1', network: 'tron', document }

    it('of one caller and route', async () => {
      const first = await ofBody(body)
      const others = [
        await ofBody(body, { requestContext: makeRequestContext({ ...everything, client_id: 'service-2' }) }),
        await ofBody(body, { requestContext: makeRequestContext({ ...everything, sub: 'service-2' }) }),
        await ofBody(body, { headers: { 'Idempotency-Key': 'K' } }),
        await claim(({ postWallet }) => postWallet('user-1', { network: 'tron' }, withKey)),
      ]
      expect(first.id).toMatch(/^[0-9a-f]{64}$/)
      expect(new Set([first, ...others].map(({ id }) => id)).size).toBe(5)
      expect(await ofBody(body, { headers: { 'idempotency-key': '"k"' } })).toEqual(first)
    })

    it('that means the same, however it is written', async () => {
      const first = await ofBody(body)
      for (const same of [
        { document, network: 'TRON', user_id: 'user-1' },
        { ...body, address_type: 'base58check' },
        { ...body, comment: 'ignored' },
      ]) {
        expect(await ofBody(same)).toEqual(first)
      }
    })

    it('and no other', async () => {
      const png = Buffer.from('89504e470d0a1a0a', 'hex').toString('base64')
      const asked = [
        body,
        { ...body, user_id: 'user-2' },
        { ...body, network: 'ethereum' },
        { ...body, document: png },
        { ...body, network: 'bitcoin' },
        { ...body, network: 'bitcoin', address_type: 'p2tr' },
      ]
      const claims = await Promise.all(asked.map((each) => ofBody(each)))
      expect(new Set(claims.map(({ fingerprint }) => fingerprint)).size).toBe(asked.length)
      expect(new Set(claims.map(({ id }) => id)).size).toBe(1)
    })

    it('of one user in the path', async () => {
      const claims = await Promise.all(
        ['user-1', 'user-2'].map((user) => claim(({ postWallet }) => postWallet(user, { network: 'tron' }, withKey))),
      )
      expect(claims[0]?.id).toBe(claims[1]?.id)
      expect(claims[0]?.fingerprint).not.toBe(claims[1]?.fingerprint)
    })

    it('and tells nothing of it: hashes only', async () => {
      const { id, fingerprint } = await ofBody(body)
      const digest = (text: string) => createHash('sha256').update(text).digest('hex')
      for (const known of ['k', 'user-1', 'service-1', document]) {
        expect([id, fingerprint]).not.toContain(digest(known))
      }
    })
  })
})

describe('POST /wallet/{user_id}', () => {
  function setUpWallet(
    overrides: Partial<IntakeDependencies> = {},
    row = makeVerification({ status: 'verified', verifiedAt: noon }),
  ) {
    const asked: Extension[] = []
    let nudges = 0
    const world = setUp({
      extendVerified: async (extension) => {
        asked.push(extension)
        return row
      },
      nudgeAnnounce: async () => {
        nudges += 1
      },
      ...overrides,
    })
    return { ...world, asked, nudges: () => nudges }
  }

  it('202 with the verification of that network and type; announce is nudged', async () => {
    const { postWallet, asked, nudges, calls } = setUpWallet()
    const answer = await postWallet('user-1', { network: 'Bitcoin', address_type: 'p2tr', document: 'ignored' })
    expect(answer).toMatchObject({ status: 202, headers: { location: `/verify/${verificationId}` } })
    expect(answer.body).toEqual({ message: 'Wallet in progress', verification_id: verificationId, status: 'verified' })
    expect(asked).toEqual([
      { id: makeId(2), userId: 'user-1', network: 'bitcoin', addressType: 'p2tr', requestId: makeId(1), now: noon },
    ])
    expect(nudges()).toBe(1)
    expect(calls).toEqual([])
  })

  it('answers one that is announced already, and nudges nobody', async () => {
    const row = makeVerification({ status: 'verified', verifiedAt: noon, announcedAt: noon })
    const { postWallet, nudges } = setUpWallet({}, row)
    const answer = await postWallet('user-1', { network: 'ethereum' })
    expect(answer.body).toEqual({ message: 'Already verified', verification_id: verificationId, status: 'verified' })
    expect(nudges()).toBe(0)
  })

  it('takes the default address type of the network', async () => {
    const { postWallet, asked } = setUpWallet()
    for (const network of ['ethereum', 'bitcoin', 'tron']) await postWallet('user-1', { network })
    expect(asked.map(({ addressType }) => addressType)).toEqual(['eip55', 'p2pkh', 'base58check'])
  })

  it('reads the user out of the path, decoded once', async () => {
    const { postWallet, asked } = setUpWallet()
    await postWallet('a%252F%C3%A9', { network: 'tron' })
    expect(asked[0]?.userId).toBe('a%2Fé')
  })

  it('404 for who is not verified at all', async () => {
    const { postWallet, nudges } = setUpWallet({ extendVerified: async () => undefined })
    const answer = await postWallet('user-1', { network: 'tron' })
    expect(answer).toMatchObject({ status: 404, body: { code: 'user_not_verified' } })
    expect(nudges()).toBe(0)
  })

  it.each([
    ['no JSON', 'user-1', 'x', 400, 'malformed_body'],
    ['a list', 'user-1', '[]', 400, 'malformed_body'],
    ['no network', 'user-1', '{}', 422, 'invalid_field'],
    ['an unknown network', 'user-1', '{"network":"doge"}', 422, 'invalid_field'],
    ['a type of another network', 'user-1', '{"network":"tron","address_type":"p2tr"}', 422, 'invalid_field'],
    ['a broken path', '%zz', '{"network":"tron"}', 400, 'malformed_path'],
    ['a user id with NUL', '%00', '{"network":"tron"}', 422, 'invalid_field'],
  ])('%s', async (_, userId, body, status, code) => {
    const { postWallet, asked } = setUpWallet()
    expect(await postWallet(userId, body)).toMatchObject({ status, body: { code } })
    expect(asked).toEqual([])
  })

  it('403 for another user, and for who may not write; the own is let through', async () => {
    const { postWallet, asked } = setUpWallet()
    const as = (context: unknown) => ({ requestContext: makeRequestContext(context) })
    const other = await postWallet('user-2', { network: 'tron' }, as(makeEndUser('user-1')))
    const reader = await postWallet('user-1', { network: 'tron' }, as(makeEndUser('user-1', 'verify:read wallet:read')))
    expect([other.body.code, reader.body.code]).toEqual(['forbidden_user', 'missing_scope'])
    expect(asked).toEqual([])
    expect((await postWallet('user-1', { network: 'tron' }, as(makeEndUser('user-1')))).status).toBe(202)
  })
})

it('404 for a route that is not ours', async () => {
  const answer = await setUp().send({ resource: '/wallets', body: '{}' })
  expect(answer).toMatchObject({ status: 404, body: { code: 'route_not_found' } })
})
