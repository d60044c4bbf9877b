// POST /verify/uploads: what may be asked for, what the form is good for, and that it is nobody's but the client's.

import { S3Client } from '@aws-sdk/client-s3'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import { describe, expect, it } from 'vitest'
import { createHandler, type IntakeDependencies } from '../../functions/intake/handler.ts'
import type { KeptAnswer } from '../../functions/intake/idempotency.ts'
import type { ExpectedUpload } from '../../functions/intake/request-upload.ts'
import { createSignUpload } from '../../functions/intake/sign-upload.ts'
import { UnavailableError } from '../../shared/errors.ts'
import {
  call,
  createMemoryLog,
  makeEndUser,
  makeHttpEvent,
  makeRequestContext,
  makeVerification,
  noon,
  unlimited,
  verificationId,
} from '../support/fakes.ts'

const requestId = '00000000-0000-4000-8000-000000000001'
const inFiveMinutes = new Date(noon.getTime() + 300_000)
const form = { url: 'https://documents.example/', fields: { key: 'incoming/x/1', 'X-Amz-Signature': 'c0ffee' } }
const good = { user_id: 'user-1', network: 'ethereum', content_type: 'application/pdf', size: 10_000 }

function setUp(overrides: Partial<IntakeDependencies> = {}) {
  const expected: ExpectedUpload[] = []
  const signed: unknown[] = []
  const log = createMemoryLog()
  const handler = createHandler({
    ...unlimited,
    log,
    maxDocumentBytes: 1000,
    now: () => noon,
    newId: () => requestId,
    registerUpload: () => Promise.reject(new Error('expected no document')),
    putDocument: () => Promise.reject(new Error('expected no document')),
    expectUpload: async (upload) => {
      expected.push(upload)
      return { outcome: 'registered', verification: { ...makeVerification(), documentSha256: null } }
    },
    keepUploadOpen: async (id) => ({ id, attempt: 1, contentType: 'application/pdf', size: 10_000 }),
    signUpload: async (upload, seconds) => {
      signed.push({ ...upload, seconds })
      return form
    },
    ...overrides,
  })
  const post = (body: unknown, event: Partial<APIGatewayProxyEvent> = {}) =>
    call(
      handler,
      makeHttpEvent({
        ...{ resource: '/verify/uploads', path: '/verify/uploads', httpMethod: 'POST', body: JSON.stringify(body) },
        ...event,
      }),
    )
  return { expected, signed, log, post }
}

describe('a good request', () => {
  it('is a row that waits, and a form for five minutes', async () => {
    const { post, expected, signed } = setUp()
    const answer = await post({ ...good, country: 'CH' })
    expect(answer).toMatchObject({ status: 202, headers: { location: `/verify/${verificationId}` } })
    expect(answer.body).toEqual({
      message: 'Waiting for the document',
      verification_id: verificationId,
      status: 'pending',
      upload: { ...form, expires_at: inFiveMinutes.toISOString() },
    })
    expect(expected).toEqual([
      {
        ...{ id: requestId, userId: 'user-1', network: 'ethereum', addressType: 'eip55', requestId },
        ...{ contentType: 'application/pdf', size: 10_000, now: noon, expiresAt: inFiveMinutes },
      },
    ])
    expect(signed).toEqual([
      { id: verificationId, attempt: 1, contentType: 'application/pdf', size: 10_000, seconds: 300 },
    ])
  })

  it.each(['image/jpeg', 'image/png', 'application/pdf'])('of one byte of %s', async (content_type) => {
    const { post, expected } = setUp()
    expect((await post({ ...good, content_type, size: 1 })).status).toBe(202)
    expect(expected[0]).toMatchObject({ contentType: content_type, size: 1 })
  })

  it('leaves the form out of the log', async () => {
    const { post, log } = setUp()
    await post(good)
    expect(log.lines.map(({ message }) => message)).toEqual(['upload expected', 'answered'])
    expect(JSON.stringify(log.lines)).not.toMatch(/c0ffee|documents\.example/)
  })
})

describe('what stands already', () => {
  it.each([
    ['verified', 'Already verified'],
    ['processing', 'Verification in progress'],
  ] as const)('a row that is %s is answered without a form', async (status, message) => {
    const { post, signed } = setUp({
      expectUpload: async () => ({ outcome: 'registered', verification: makeVerification({ status }) }),
      keepUploadOpen: async () => undefined,
    })
    const answer = await post(good)
    expect(answer).toMatchObject({ status: 202, headers: { location: `/verify/${verificationId}` } })
    expect(answer.body).toEqual({ message, verification_id: verificationId, status })
    expect(signed).toEqual([])
  })

  it.each([
    ['under way', null, /is not decided yet/, '5'],
    ['awaited', inFiveMinutes, /still waits for its document/, '301'],
  ])('another document %s: 409 that names it, and says when to come again', async (_, awaitedUntil, detail, wait) => {
    const verification = makeVerification()
    const { post } = setUp({ expectUpload: async () => ({ outcome: 'in_progress', verification, awaitedUntil }) })
    const answer = await post(good)
    const headers = { location: `/verify/${verificationId}`, 'retry-after': wait }
    expect(answer).toMatchObject({ status: 409, headers })
    expect(answer.body).toMatchObject({ code: 'verification_in_progress', detail: expect.stringMatching(detail) })
  })

  it('too many attempts: 429 that says when', async () => {
    const mayBeginAt = new Date(noon.getTime() + 61_000)
    const { post } = setUp({ expectUpload: async () => ({ outcome: 'too_many_attempts', mayBeginAt }) })
    const answer = await post(good)
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '61' } })
    expect(answer.body).toMatchObject({ code: 'too_many_attempts' })
  })

  it('Postgres is away: 503', async () => {
    const { post } = setUp({ expectUpload: () => Promise.reject(new UnavailableError('database', 'away')) })
    expect(await post(good)).toMatchObject({ status: 503, body: { code: 'unavailable' } })
  })
})

describe('a bad request', () => {
  it.each([
    ['content_type', 'image/heic', 'expected one of image/jpeg, image/png, application/pdf; got 10 characters'],
    ['content_type', 'image/jpg', 'expected one of image/jpeg, image/png, application/pdf; got 9 characters'],
    ['content_type', undefined, 'expected one of image/jpeg, image/png, application/pdf; got "undefined"'],
    ['size', 0, 'expected at least 1 byte'],
    ['size', -1, 'expected at least 1 byte'],
    ['size', 1.5, 'expected the number of bytes of the document'],
    ['size', '10', 'expected the number of bytes of the document'],
    ['size', undefined, 'expected the number of bytes of the document'],
    ['address_type', 'p2tr', 'expected an address type of ethereum: eip55; got "p2tr"'],
    ['user_id', '', 'expected 1 to 255 characters; got none'],
  ])('%s is %j: 422', async (path, value, message) => {
    const { post, expected } = setUp()
    const answer = await post({ ...good, [path]: value })
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_field', issues: [{ path, message }] } })
    expect(expected).toEqual([])
  })

  it('one byte above the limit is 413', async () => {
    const { post, expected } = setUp()
    const answer = await post({ ...good, size: 10_001 })
    expect(answer).toMatchObject({
      status: 413,
      body: { code: 'document_too_large', detail: 'expected a document of at most 10000 bytes; got 10001' },
    })
    expect(expected).toEqual([])
  })

  it('for another user is 403, and nothing is written', async () => {
    const { post, expected } = setUp()
    const requestContext = makeRequestContext(makeEndUser('user-2'))
    expect(await post(good, { requestContext })).toMatchObject({ status: 403, body: { code: 'forbidden_user' } })
    expect(expected).toEqual([])
  })
})

describe('a document that is too large for a request', () => {
  const document = (size: number) => Buffer.concat([Buffer.from('%PDF-'), Buffer.alloc(size - 5)]).toString('base64')
  const postDocument = (size: number) =>
    setUp().post(
      { user_id: 'user-1', network: 'ethereum', document: document(size) },
      { resource: '/verify', path: '/verify' },
    )

  it('is told where it can go', async () => {
    expect((await postDocument(1001)).body).toMatchObject({
      ...{ status: 413, code: 'document_too_large' },
      detail: expect.stringMatching(/got 1001; POST \/verify\/uploads tells where/),
    })
  })

  it('and is not, when it cannot go there either', async () => {
    expect((await postDocument(10_001)).body).toMatchObject({
      ...{ status: 413, detail: 'expected a document of at most 1000 bytes; got 10001' },
    })
  })
})

describe('under an Idempotency-Key', () => {
  it('nothing of the form is kept, and the same request gets a new one', async () => {
    const kept: KeptAnswer[] = []
    const { post, expected, signed } = setUp({
      claimKey: async () => (kept[0] ? { outcome: 'answered', answer: kept[0] } : { outcome: 'ours' }),
      keepAnswer: async (_, answer) => void kept.push(answer),
    })
    const headers = { 'idempotency-key': 'mine' }
    const first = await post(good, { headers })
    const second = await post(good, { headers })
    expect(second).toMatchObject({ status: 202, body: first.body, headers: { location: first.headers.location } })
    expect([expected.length, signed.length]).toEqual([1, 2])
    expect(JSON.stringify(kept)).not.toMatch(/upload|c0ffee|documents\.example/)
  })

  it('another size is another request', async () => {
    const fingerprints = new Set<string>()
    const { post } = setUp({
      claimKey: async ({ fingerprint }) => {
        fingerprints.add(Buffer.from(fingerprint).toString('hex'))
        return { outcome: 'ours' }
      },
    })
    const headers = { 'idempotency-key': 'mine' }
    for (const body of [
      good,
      { ...good, size: 1 },
      { ...good, content_type: 'image/png' },
      { ...good, network: 'tron' },
    ])
      await post(body, { headers })
    await post({ ...good, network: 'Ethereum', address_type: 'eip55' }, { headers })
    expect(fingerprints.size).toBe(4)
  })

  it('a refusal that was kept comes again as it was', async () => {
    const answer = { status: 404, contentType: 'application/problem+json', location: null, body: '{"code":"gone"}' }
    const { post, signed } = setUp({ claimKey: async () => ({ outcome: 'answered', answer }) })
    expect(await post(good, { headers: { 'idempotency-key': 'mine' } })).toMatchObject({ status: 404 })
    expect(signed).toEqual([])
  })
})

it('a form is good for one key, one type, one size, and a time', async () => {
  const s3 = new S3Client({
    region: 'eu-central-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not a secret', sessionToken: 'session' },
  })
  const sign = createSignUpload(s3, 'documents-of-a-stage')
  const before = Date.now()
  const { url, fields } = await sign(
    { id: verificationId, attempt: 1, contentType: 'image/png', size: 10_485_760 },
    900,
  )
  expect(url).toBe('https://documents-of-a-stage.s3.eu-central-1.amazonaws.com/')
  const { expiration, conditions } = JSON.parse(Buffer.from(fields.Policy ?? '', 'base64').toString('utf8'))
  const seconds = (Date.parse(expiration) - before) / 1000
  expect(seconds).toBeGreaterThan(899)
  expect(seconds).toBeLessThan(960)
  expect(conditions).toEqual(
    expect.arrayContaining([
      ['content-length-range', 10_485_760, 10_485_760],
      { bucket: 'documents-of-a-stage' },
      { key: `incoming/${verificationId}/1` },
      { 'Content-Type': 'image/png' },
    ]),
  )
  // Every condition but the size is a field word for word: no `starts-with`, no second key.
  expect(conditions.filter((condition: unknown) => Array.isArray(condition))).toHaveLength(1)
  const { Policy: _policy, 'X-Amz-Signature': _signature, ...signed } = fields
  const named = Object.assign({}, ...conditions.filter((condition: unknown) => !Array.isArray(condition)))
  expect(named).toEqual(signed)
})
