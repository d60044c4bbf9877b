// POST /verify: what each kind of good and bad input gets, the order of row and object, and what a failure tells.
import { createHash } from 'node:crypto'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHandler, type IntakeDependencies } from '../../functions/intake/handler.ts'
import type { Upload } from '../../functions/intake/register-upload.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { addressTypes, networks, type VerificationStatus } from '../../shared/model.ts'
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

const jpg = Buffer.from('ffd8ffe000104a464946', 'hex')
const png = Buffer.from('89504e470d0a1a0a0000000d', 'hex')
const pdf = Buffer.from('%PDF-1.7\n')
const gif = Buffer.from('GIF89a\x01\x00\x01\x00', 'latin1')

const makeId = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

function setUp(overrides: Partial<IntakeDependencies> = {}) {
  const calls: string[] = []
  const uploads: Upload[] = []
  const objects: { attempt: number; bytes: Uint8Array }[] = []
  const log = createMemoryLog()
  let ids = 0
  let milliseconds = noon.getTime()
  const handler = createHandler({
    ...unlimited,
    log,
    maxDocumentBytes: 1000,
    // Each look at the clock takes 7 ms.
    now: () => {
      milliseconds += 7
      return new Date(milliseconds)
    },
    newId: () => {
      ids += 1
      return makeId(ids)
    },
    registerUpload: async (upload) => {
      calls.push('row')
      uploads.push(upload)
      return registered()
    },
    putDocument: async ({ attempt }, bytes) => {
      calls.push('object')
      objects.push({ attempt, bytes })
    },
    ...overrides,
  })
  const send = (event: Partial<APIGatewayProxyEvent>) =>
    call(handler, makeHttpEvent({ resource: '/verify', path: '/verify', httpMethod: 'POST', ...event }))
  return { calls, uploads, objects, log, send }
}

const makeBody = (overrides: Record<string, unknown> = {}) => ({
  user_id: 'user-1',
  network: 'ethereum',
  document: jpg.toString('base64'),
  ...overrides,
})

async function post(body: unknown, overrides: Partial<IntakeDependencies> = {}) {
  const world = setUp(overrides)
  const answer = await world.send({ body: typeof body === 'string' ? body : JSON.stringify(body) })
  return { ...world, answer }
}

/** An answer that is an error of the client: problem details, and nothing was written. */
async function expectProblem(body: unknown, status: number, code: string, detail: string | RegExp) {
  const { answer, calls, log } = await post(body)
  expect(answer.status).toBe(status)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(answer.body).toMatchObject({
    type: `urn:verified-wallets:problem:${code}`,
    status,
    code,
    detail: typeof detail === 'string' ? detail : expect.stringMatching(detail),
    request_id: makeId(1),
  })
  expect(answer.body.title).toEqual(expect.any(String))
  expect(answer.headers['retry-after']).toBeUndefined()
  expect(calls).toEqual([])
  // One line an answer, and a client's mistake is no error of ours.
  expect(log.lines).toEqual([
    { level: 'info', message: 'answered', fields: expect.objectContaining({ status, code, request_id: makeId(1) }) },
  ])
  return answer.body
}

const expectIssue = async (body: unknown, path: string, message: string | RegExp) => {
  const problem = await expectProblem(body, 422, 'invalid_field', new RegExp(`^${path}: `))
  expect(problem.issues).toEqual([
    { path, message: typeof message === 'string' ? message : expect.stringMatching(message) },
  ])
  expect(problem.detail).toBe(`${path}: ${(problem.issues as [{ message: string }])[0].message}`)
}

describe('a good request', () => {
  it.each([
    ['JPG', jpg],
    ['PNG', png],
    ['PDF', pdf],
  ])('takes a %s in: 202, the id, where to look', async (_name, document) => {
    const { answer, uploads, objects } = await post(makeBody({ document: document.toString('base64') }))
    expect(answer.status).toBe(202)
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', location: `/verify/${verificationId}` })
    expect(answer.body).toEqual({
      message: 'Verification in progress',
      verification_id: verificationId,
      status: 'pending',
    })
    expect(uploads).toEqual([
      {
        id: makeId(2),
        userId: 'user-1',
        network: 'ethereum',
        addressType: 'eip55',
        documentSha256: createHash('sha256').update(document).digest(),
        requestId: makeId(1),
        now: expect.any(Date),
      },
    ])
    expect(objects).toHaveLength(1)
    expect(Buffer.compare(objects[0]?.bytes ?? Buffer.alloc(0), document)).toBe(0)
  })

  it('makes the row first, then the object', async () => {
    const { calls } = await post(makeBody())
    expect(calls).toEqual(['row', 'object'])
  })

  it.each([
    ['ETHEREUM', 'ethereum', 'eip55'],
    ['Bitcoin', 'bitcoin', 'p2pkh'],
    ['tRoN', 'tron', 'base58check'],
  ])('takes the network %s in any case, with its default address type', async (given, network, addressType) => {
    const { answer, uploads } = await post(makeBody({ network: given }))
    expect(answer.status).toBe(202)
    expect(uploads[0]).toMatchObject({ network, addressType })
  })

  it.each(addressTypes.bitcoin)('takes the address type %s of Bitcoin', async (addressType) => {
    const { uploads } = await post(makeBody({ network: 'bitcoin', address_type: addressType }))
    expect(uploads[0]).toMatchObject({ network: 'bitcoin', addressType })
  })

  it('ignores unknown fields, those that name prototypes too', async () => {
    const text = JSON.stringify(makeBody({ country: 'CH' })).replace('{', '{"__proto__":{"user_id":"other"},')
    const { answer, uploads } = await post(text)
    expect(answer.status).toBe(202)
    expect(uploads[0]?.userId).toBe('user-1')
  })

  it('takes a body that the gateway handed over as base64', async () => {
    const { send, uploads } = setUp()
    const body = Buffer.from(JSON.stringify(makeBody({ user_id: 'é' })), 'utf8').toString('base64')
    expect((await send({ body, isBase64Encoded: true })).status).toBe(202)
    expect(uploads[0]?.userId).toBe('é')
  })

  it.each([
    ['one character', 'a'],
    ['255 characters', 'a'.repeat(255)],
    ['255 characters outside the basic plane, 510 code units', '😀'.repeat(255)],
    ['a slash', 'a/b'],
    ['a dot', '.'],
    ['percent signs', '%2F'],
    ['a composed é', '\u00e9'],
    ['a decomposed é', 'e\u0301'],
    ['a space at the end', 'a '],
  ])('takes a user id of %s as it is', async (_name, userId) => {
    const { answer, uploads } = await post(makeBody({ user_id: userId }))
    expect(answer.status).toBe(202)
    expect(uploads[0]?.userId).toBe(userId)
  })

  it('takes a document of exactly the largest size', async () => {
    const document = Buffer.concat([jpg, Buffer.alloc(1000 - jpg.length)])
    const { answer, objects } = await post(makeBody({ document: document.toString('base64') }))
    expect(answer.status).toBe(202)
    expect(objects[0]?.bytes).toHaveLength(1000)
  })
})

describe('what stands already', () => {
  const statuses: [VerificationStatus, string][] = [
    ['processing', 'Verification in progress'],
    ['verified', 'Already verified'],
    ['rejected', 'This document was rejected'],
    ['expired', 'This document was lost'],
  ]
  it.each(statuses)('a row that is %s is answered, and no object is put', async (status, message) => {
    const { answer, calls } = await post(makeBody(), {
      registerUpload: async () => registered({ status, verifiedAt: status === 'verified' ? noon : null }),
    })
    expect(answer.status).toBe(202)
    expect(answer.body).toEqual({ message, verification_id: verificationId, status })
    expect(answer.headers.location).toBe(`/verify/${verificationId}`)
    expect(calls).toEqual([])
  })

  it('a row that is pending is put again, under its own attempt', async () => {
    const { objects } = await post(makeBody(), { registerUpload: async () => registered({ attempt: 3 }) })
    expect(objects.map(({ attempt }) => attempt)).toEqual([3])
  })
})

describe('409 and 429: what stands in the way of another document', () => {
  it('409 while one is under way: says which, where it is told of, and when to come again', async () => {
    const { answer, calls } = await post(makeBody(), {
      registerUpload: async () => ({
        outcome: 'in_progress',
        verification: makeVerification({ status: 'processing' }),
        awaitedUntil: null,
      }),
    })
    expect(answer).toMatchObject({
      status: 409,
      headers: { location: `/verify/${verificationId}`, 'retry-after': '5', 'cache-control': 'no-store' },
      body: { code: 'verification_in_progress', detail: expect.stringContaining(verificationId) },
    })
    expect(calls).toEqual([])
  })

  it.each([
    [86_400_000, '86400'],
    [1501, '2'],
    [0, '1'],
    [-5000, '1'],
  ])('429 after too many: in %i ms one more may begin, which is Retry-After: %s', async (milliseconds, seconds) => {
    // The clock is looked at for the start, for the caller, and then for the row.
    const rowAt = noon.getTime() + 21
    const { answer, calls } = await post(makeBody(), {
      registerUpload: async () => ({
        outcome: 'too_many_attempts',
        mayBeginAt: new Date(rowAt + milliseconds),
      }),
    })
    expect(answer).toMatchObject({
      status: 429,
      headers: { 'retry-after': seconds },
      body: { code: 'too_many_attempts' },
    })
    expect(answer.headers.location).toBeUndefined()
    expect(calls).toEqual([])
  })
})

describe('400: no JSON object', () => {
  it('nothing', async () => {
    await expectProblem('', 400, 'malformed_body', 'expected a JSON object as the body; got nothing')
    expect((await setUp().send({ body: null })).body).toMatchObject({ status: 400, code: 'malformed_body' })
  })

  it.each(['{"user_id": ', 'user_id=1', '{user_id: 1}', 'undefined'])('no JSON: %s', async (body) => {
    await expectProblem(body, 400, 'malformed_body', 'expected a JSON object as the body; got no JSON in UTF-8')
  })

  it.each(['[]', '[{"user_id":"user-1"}]', '"text"', '1', 'null', 'true'])('another JSON value: %s', async (body) => {
    await expectProblem(body, 400, 'malformed_body', 'expected a JSON object as the body; got another JSON value')
  })

  it('bytes that are no UTF-8 do not become a user', async () => {
    const { send, calls } = setUp()
    const bytes = Buffer.concat([Buffer.from('{"user_id":"'), Buffer.from([0xff]), Buffer.from('"}')])
    const answer = await send({ body: bytes.toString('base64'), isBase64Encoded: true })
    expect(answer.body).toMatchObject({ status: 400, code: 'malformed_body' })
    expect(calls).toEqual([])
  })

  it('a body of nothing but brackets, as deep as 6 MB allow', async () => {
    await expectProblem('['.repeat(3_000_000), 400, 'malformed_body', /no JSON/)
    const deep = `{"user_id":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    await expectProblem(deep, 422, 'invalid_field', /user_id: .*expected string, received array/)
  })
})

describe('422: a field is missing or wrong', () => {
  it.each(['user_id', 'network', 'document'])('%s is missing', async (field) => {
    await expectIssue(makeBody({ [field]: undefined }), field, 'Invalid input: expected string, received undefined')
  })

  it.each([
    ['user_id', 5, 'number'],
    ['user_id', null, 'null'],
    ['user_id', { id: 1 }, 'object'],
    ['network', ['ethereum'], 'array'],
    ['document', true, 'boolean'],
    ['address_type', null, 'null'],
  ])('%s is %j', async (field, value, got) => {
    await expectIssue(makeBody({ [field]: value }), field, `Invalid input: expected string, received ${got}`)
  })

  it('names every field that is wrong', async () => {
    const problem = await expectProblem({}, 422, 'invalid_field', /^user_id: .*; network: .*; document: /)
    expect((problem.issues as { path: string }[]).map(({ path }) => path)).toEqual(['user_id', 'network', 'document'])
  })

  it('an unknown network', async () => {
    const expected = 'expected one of ethereum, bitcoin, tron; got'
    await expectIssue(makeBody({ network: 'Dogecoin' }), 'network', `${expected} "dogecoin"`)
    await expectIssue(makeBody({ network: '' }), 'network', `${expected} 0 characters`)
    await expectIssue(makeBody({ network: 'constructor' }), 'network', `${expected} "constructor"`)
    await expectIssue(makeBody({ network: 'ethereum ' }), 'network', `${expected} 9 characters`)
  })

  it('what may be a payload is told by its length', async () => {
    const words = 'legal winner thank year wave sausage worth useful legal winner thank yellow'
    const problem = await expectProblem(makeBody({ network: words }), 422, 'invalid_field', /got 75 characters$/)
    expect(JSON.stringify(problem)).not.toMatch(/winner|sausage/)
  })

  it.each([
    ['empty', '', 'expected 1 to 255 characters; got none'],
    ['256 characters', 'a'.repeat(256), 'expected 1 to 255 characters; got 256'],
    ['256 characters outside the basic plane', '😀'.repeat(256), 'expected 1 to 255 characters; got 256'],
    ['a million characters', 'a'.repeat(1_000_000), 'expected 1 to 255 characters; got 1000000'],
    ['a NUL', 'user\u0000', 'expected no control characters; got at least one'],
    ['a line break', 'a\nb', 'expected no control characters; got at least one'],
    ['a C1 control', 'a\u0085', 'expected no control characters; got at least one'],
    ['a lone high surrogate', 'a\ud83d', 'expected well-formed Unicode; got a lone surrogate'],
    ['a lone low surrogate', '\udc00b', 'expected well-formed Unicode; got a lone surrogate'],
  ])('a user id that is or has: %s', async (_name, userId, message) => {
    await expectIssue(makeBody({ user_id: userId }), 'user_id', message)
  })

  it.each([
    ['empty', '', 'expected the base64 of a document; got an empty string'],
    ['text', 'not base64!', 'a character that base64 does not have'],
    ['url-safe base64', '_9j_4AAQ', 'a character that base64 does not have'],
    ['a data URL', `data:image/jpeg;base64,${jpg.toString('base64')}`, 'a character that base64 does not have'],
    ['base64 with line breaks', '/9j/\n4AAQ', 'a character that base64 does not have'],
    ['not padded', '/9j/4A', '6 characters, which is no multiple of 4'],
    ['padding only', '====', 'padding that is not at the end'],
    ['padding in the middle', '/9==4AAQ', 'padding that is not at the end'],
  ])('a document that is %s', async (name, document, got) => {
    const expected = name === 'empty' ? got : `expected padded base64 (RFC 4648, section 4); got ${got}`
    await expectIssue(makeBody({ document }), 'document', expected)
  })

  it.each([
    ['ethereum', 'p2pkh', 'eip55'],
    ['ethereum', 'p2tr', 'eip55'],
    ['bitcoin', 'eip55', 'p2pkh, p2sh-p2wpkh, p2wpkh, p2tr'],
    ['tron', 'p2pkh', 'base58check'],
    ['bitcoin', 'P2PKH', 'p2pkh, p2sh-p2wpkh, p2wpkh, p2tr'],
    ['bitcoin', 'p2wsh', 'p2pkh, p2sh-p2wpkh, p2wpkh, p2tr'],
  ])('%s with the address type %s', async (network, given, expected) => {
    const message = `expected an address type of ${network}: ${expected}; got "${given}"`
    await expectIssue(makeBody({ network, address_type: given }), 'address_type', message)
  })

  it('a network that is not one leaves nothing to say of its address type', async () => {
    await expectIssue(makeBody({ network: 'litecoin', address_type: 'p2pkh' }), 'network', /litecoin/)
  })
})

describe('413 and 415: the document itself', () => {
  it.each([1001, 1002, 1003, 5000])('%i bytes where 1000 are allowed', async (size) => {
    const document = Buffer.concat([jpg, Buffer.alloc(size - jpg.length)]).toString('base64')
    const detail = `expected a document of at most 1000 bytes; got ${size}; POST /verify/uploads tells where to upload a larger one`
    await expectProblem(makeBody({ document }), 413, 'document_too_large', detail)
  })

  it.each([
    ['a GIF', gif, '47494638'],
    ['text', Buffer.from('%pdf-1.7 in small letters'), '25706466'],
    ['an SVG', Buffer.from('<svg/>'), '3c737667'],
    ['a PNG with a line break changed in transfer', Buffer.from('89504e470a1a0a', 'hex'), '89504e47'],
    ['the beginning of a JPG', Buffer.from('ffd8', 'hex'), 'ffd8'],
    ['one byte', Buffer.from([0]), '00'],
    ['a PDF behind something else', Buffer.from(' %PDF-1.7'), '20255044'],
  ])('%s is neither JPG, PNG nor PDF', async (_name, document, begin) => {
    await expectProblem(
      makeBody({ document: document.toString('base64'), filename: 'passport.jpg', content_type: 'image/jpeg' }),
      415,
      'unsupported_document_type',
      `expected a JPG, PNG or PDF document, told by its first bytes; got one that begins with ${begin} (hex)`,
    )
  })
})

describe('X-Request-ID and X-Process-Time', () => {
  it.each([
    ['x-request-id', 'client-42'],
    ['X-Request-ID', 'a.b:c/d+e=f@g-h_i'],
    ['X-REQUEST-ID', 'a'.repeat(128)],
  ])('%s: %s is taken, into the row, the log and the answer', async (name, value) => {
    const { send, uploads, log } = setUp()
    const answer = await send({ headers: { [name]: value }, body: JSON.stringify(makeBody()) })
    expect(answer.headers['x-request-id']).toBe(value)
    expect(uploads[0]?.requestId).toBe(value)
    expect(log.lines.map(({ fields }) => fields.request_id)).toEqual([value, value])
  })

  it.each([
    ['empty', ''],
    ['too long', 'a'.repeat(129)],
    ['a line break', 'a\r\nset-cookie: b'],
    ['a line break at the end', 'a\n'],
    ['a space', 'a b'],
    ['a NUL', 'a\u0000'],
    ['not ASCII', 'é'],
    ['markup', '<script>'],
    ['two values in one', 'a, b'],
  ])('%s: one is made instead', async (_name, value) => {
    const { send, uploads } = setUp()
    const answer = await send({ headers: { 'X-Request-ID': value }, body: JSON.stringify(makeBody()) })
    expect(answer.headers['x-request-id']).toBe(makeId(1))
    expect(uploads[0]?.requestId).toBe(makeId(1))
  })

  it('stands in an error too', async () => {
    const { send } = setUp()
    const answer = await send({ headers: { 'X-Request-ID': 'client-42' }, body: '[]' })
    expect(answer.headers).toMatchObject({ 'x-request-id': 'client-42', 'x-process-time': '0.014000' })
    expect(answer.body.request_id).toBe('client-42')
  })

  it('a gateway that sends no headers at all', async () => {
    const { send } = setUp()
    const headers = null as unknown as APIGatewayProxyEvent['headers']
    expect((await send({ headers, body: JSON.stringify(makeBody()) })).headers['x-request-id']).toBe(makeId(1))
  })

  it('X-Process-Time is in seconds', async () => {
    const { answer, log } = await post(makeBody())
    // The clock is looked at four times: at the start, for the caller, for the row, at the end.
    expect(answer.headers['x-process-time']).toBe('0.021000')
    expect(log.lines.at(-1)).toEqual({
      level: 'info',
      message: 'answered',
      fields: { request_id: makeId(1), method: 'POST', route: '/verify', status: 202, milliseconds: 21 },
    })
  })
})

describe('5xx: never a reason', () => {
  const secret = 'password authentication failed for user "app_intake" at 10.0.3.7'

  it('Postgres is away: 503, Retry-After, no object', async () => {
    const { answer, calls, log } = await post(makeBody(), {
      registerUpload: async () => {
        throw new UnavailableError('database', secret, { cause: new Error(secret) })
      },
    })
    expect(answer.status).toBe(503)
    expect(answer.headers).toMatchObject({ 'retry-after': '5', 'content-type': 'application/problem+json' })
    expect(answer.body).toEqual({
      type: 'urn:verified-wallets:problem:unavailable',
      title: 'Service Unavailable',
      status: 503,
      code: 'unavailable',
      detail: 'The service is not available at the moment. Send the same request again.',
      request_id: makeId(1),
    })
    expect(answer.text).not.toMatch(/password|app_intake|10\.0\.3\.7|database|stack/)
    expect(calls).toEqual([])
    expect(log.lines[0]).toMatchObject({ level: 'error', message: 'request failed', fields: { request_id: makeId(1) } })
  })

  it('S3 is away: 503, and the row stays, so that the same request heals it', async () => {
    let isAway = true
    const { calls, uploads, objects, send } = setUp({
      putDocument: async ({ attempt }, bytes) => {
        calls.push('object')
        if (isAway) throw new UnavailableError('documents', 'could not put the document', { cause: new Error(secret) })
        objects.push({ attempt, bytes })
      },
    })
    const body = JSON.stringify(makeBody())
    const refused = await send({ body })
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
    expect(refused.text).not.toMatch(/password|document could|10\.0\.3\.7/)
    expect(calls).toEqual(['row', 'object'])
    isAway = false
    expect((await send({ body })).status).toBe(202)
    expect(uploads.map(({ documentSha256 }) => Buffer.from(documentSha256).toString('hex'))).toEqual(
      Array(2).fill(createHash('sha256').update(jpg).digest('hex')),
    )
    expect(objects).toHaveLength(1)
  })

  it.each([
    ['an error', new Error(secret)],
    ['an error of the database', Object.assign(new Error(secret), { code: '23505', detail: 'Key (user_id)=(user-1)' })],
  ])('%s that nobody expected: 500 that says nothing', async (_name, error) => {
    const { answer, log } = await post(makeBody(), { registerUpload: () => Promise.reject(error) })
    expect(answer.status).toBe(500)
    expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-request-id': makeId(1) })
    expect(answer.body).toEqual({
      type: 'urn:verified-wallets:problem:internal',
      title: 'Internal Server Error',
      status: 500,
      code: 'internal',
      detail: 'The request failed on our side. Quote the request_id when you report it.',
      request_id: makeId(1),
    })
    expect(log.lines[0]).toMatchObject({ level: 'error', message: 'request failed' })
  })
})

describe('whatever is posted', () => {
  it('never becomes a 5xx, and never reaches a port unless it is right', async () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.record({
        user_id: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
        network: fc.oneof(fc.constantFrom(...networks, 'Tron', 'ETHEREUM'), fc.jsonValue()),
        document: fc.oneof(
          fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
          fc.uint8Array().map((bytes) => Buffer.concat([pdf, bytes]).toString('base64')),
          fc.jsonValue(),
        ),
        address_type: fc.oneof(fc.constantFrom(undefined, 'eip55', 'p2pkh'), fc.jsonValue()),
      }),
    )
    await fc.assert(
      fc.asyncProperty(anything, async (body) => {
        const { answer, uploads } = await post(JSON.stringify(body))
        expect([202, 400, 413, 415, 422]).toContain(answer.status)
        expect(uploads).toHaveLength(answer.status === 202 ? 1 : 0)
        if (answer.status !== 202)
          expect(answer.body).toMatchObject({ code: expect.any(String), status: answer.status })
      }),
      { numRuns: 300 },
    )
  })
})

describe('who may post', () => {
  const postAs = async (authorizer: unknown, body: unknown = makeBody()) => {
    const world = setUp()
    const event = { body: JSON.stringify(body), requestContext: makeRequestContext(authorizer) }
    return { answer: await world.send(event), calls: world.calls }
  }

  it.each([
    ['an end user for itself', makeEndUser('user-1', 'verify:write')],
    ['a service for any', everything],
  ])('%s', async (_, authorizer) => {
    const { answer, calls } = await postAs(authorizer)
    expect(answer.status).toBe(202)
    expect(calls).toEqual(['row', 'object'])
  })

  it.each([
    ['nobody', undefined, 401, 'unauthorized'],
    ['an end user for another', makeEndUser('user-2'), 403, 'forbidden_user'],
    ['an end user for one whose id differs in case', makeEndUser('USER-1'), 403, 'forbidden_user'],
    ['an end user without the scope', makeEndUser('user-1', 'verify:read wallet:read'), 403, 'missing_scope'],
    ['a service without `:any`', { ...everything, scope: 'verify:write' }, 403, 'forbidden_user'],
  ])('not %s, and nothing is written', async (_, authorizer, status, code) => {
    const { answer, calls } = await postAs(authorizer)
    expect(answer).toMatchObject({ status, body: { status, code } })
    expect(calls).toEqual([])
  })

  it('nobody, and who may not, is told nothing of what is wrong with the body', async () => {
    expect((await postAs(undefined, [])).answer.body).toMatchObject({ code: 'unauthorized' })
    expect((await postAs(makeEndUser('user-1', ''), [])).answer.body).toMatchObject({ code: 'missing_scope' })
  })
})
