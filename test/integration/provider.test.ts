// The port of providers suffices for a vendor who answers later: over real HTTP, signed, on a real server's rows. Whatever the
// network does to the vendor's calls, each document has one verdict and each person is announced once.
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SQSEvent } from 'aws-lambda'
import type postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { expectUpload } from '../../functions/intake/expect-upload.ts'
import { commitArrival } from '../../functions/verification/commit-arrival.ts'
import { createHandler } from '../../functions/verification/handler.ts'
import type { InspectAnswer } from '../../functions/verification/verify-documents.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { Publication } from '../../shared/kafka.ts'
import { toDocumentKey, type Verification } from '../../shared/model.ts'
import {
  beginInspection,
  closeReplaced,
  commitVerdict,
  findKeptAttempts,
  findVerification,
  markVerificationsAnnounced,
} from '../../shared/verifications.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { type FakeVendor, readBody, sign, startFakeVendor } from '../support/fake-vendor.ts'
import { createMemoryLog, createMemoryMetrics, noon } from '../support/fakes.ts'
import { commit, register, toExpired } from '../support/uploads.ts'
import { createSubmit, createVendorProvider, createWebhook, type Submission } from '../support/vendor-functions.ts'

const secret = 'a secret of the vendor and us'
let database: TestDatabase
let intake: postgres.Sql
let verification: postgres.Sql
let vendor: FakeVendor
let hook: Server
let hookUrl: string

/** The queue of verdicts, the one that leads out, what ours said, the bucket, and Kafka. */
const world = {
  queue: [] as string[],
  submissions: [] as Submission[],
  kept: new Map<string, Extract<InspectAnswer, { verdict: 'passed' }>>(),
  documents: new Map<string, Uint8Array>(),
  published: [] as Publication[],
  now: noon,
  destroyed: [] as string[],
  queueIsAway: false,
}

beforeAll(async () => {
  database = await createTestDatabase()
  intake = database.connect('app_intake')
  verification = database.connect('app_verification')
  vendor = await startFakeVendor()
  const hear = createWebhook({
    secret,
    now: () => world.now,
    find: async (reference) => world.kept.get(reference),
    send: async (body) => {
      if (world.queueIsAway) throw new Error('the queue is away')
      world.queue.push(body)
    },
  })
  hook = createServer(async (request, response) => {
    const status = await hear(await readBody(request), String(request.headers['vendor-signature'])).catch(() => 500)
    response.writeHead(status).end()
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  hookUrl = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`
})

afterAll(async () => {
  await Promise.all([vendor.stop(), new Promise((resolve) => hook.close(resolve)), database.drop()])
})

beforeEach(() => {
  world.queue.length = 0
  world.submissions.length = 0
  world.published.length = 0
  world.destroyed.length = 0
  Object.assign(world, { now: noon, queueIsAway: false })
  vendor.setAway(false)
})

const checks = [{ check: 'size', outcome: 'passed', milliseconds: 1 }] as const
const log = createMemoryLog()

/** Ours: what begins with `bad` is rejected. */
async function inspect({ key }: { readonly key: string }): Promise<InspectAnswer> {
  const document = world.documents.get(key)
  if (!document) return { outcome: 'absent' }
  const sha256 = createHash('sha256').update(document).digest('hex')
  const inspected = { outcome: 'inspected', rulesVersion: '7', checks, sha256 } as const
  if (!Buffer.from(document).toString().startsWith('bad')) return { ...inspected, verdict: 'passed', kept: true }
  return { ...inspected, verdict: 'rejected', reasons: [{ code: 'blank', message: 'Nothing is seen.', retry: false }] }
}

/** Documents lie in the test's own world; of keys it knows which were destroyed. */
const keeping = {
  findKeptAttempts: (id: string) => findKeptAttempts(verification, id),
  deleteDataKeys: async (keys: readonly string[]) => void world.destroyed.push(...keys),
  deleteDocuments: async (keys: readonly string[]) => {
    for (const key of keys) world.documents.delete(key)
  },
}

const handle = createHandler({
  ...{ log, ...createMemoryMetrics(), now: () => world.now, topic: 'user.verified', providerDefers: true },
  beginInspection: (id, attempt, options) => beginInspection(verification, id, attempt, options),
  findVerification: (id) => findVerification(verification, id),
  closeReplaced: (id, attempt) => closeReplaced(verification, id, attempt),
  commitVerdict: (id, attempt, verdict) => commitVerdict(verification, id, attempt, verdict),
  commitArrival: (arrival, verdict) => commitArrival(verification, arrival, verdict),
  markAnnounced: (ids, at) => markVerificationsAnnounced(verification, ids, at),
  macDocument: async (sha256) => createHash('sha256').update(sha256).digest(),
  ...keeping,
  publish: async (publications) => void world.published.push(...publications),
  inspect: createVendorProvider({
    inspect,
    find: async (reference) => world.kept.get(reference),
    keep: async (reference, answer) => void world.kept.set(reference, answer),
    submit: async (submission) => void world.submissions.push(submission),
  }),
})

/** Delivers messages to our function; answers how many are to come again. */
async function deliver(...bodies: string[]): Promise<number> {
  const Records = bodies.map((body) => ({ messageId: randomUUID(), body }))
  return (await handle({ Records } as SQSEvent)).batchItemFailures.length
}
const toNotification = (row: Verification) =>
  JSON.stringify({ Records: [{ s3: { object: { key: toDocumentKey(row) } } }] })
const deliverQueue = () => deliver(...world.queue.splice(0))

/** The queue that leads out: what fails stays in it. */
async function submitAll(): Promise<void> {
  const submit = createSubmit(vendor.url, async (key) => world.documents.get(key) ?? Buffer.from(''))
  for (const submission of world.submissions.splice(0)) {
    await submit(submission).catch(() => world.submissions.push(submission))
  }
}

const toBody = (row: Verification, decision: 'approved' | 'declined', labels: readonly string[] = []) =>
  JSON.stringify({ reference: `${row.id}/${row.attempt}`, decision, labels })

/** The vendor calls; answers the status. */
async function callHook(body: string, signature = sign(secret, body, world.now)): Promise<number> {
  return (await fetch(hookUrl, { method: 'POST', headers: { 'vendor-signature': signature }, body })).status
}

/** A document that was posted and lies in the bucket. */
async function post(text: string = randomUUID(), userId: string = randomUUID()): Promise<Verification> {
  const row = await register(intake, {
    ...{ id: randomUUID(), userId, network: 'tron', addressType: 'base58check', requestId: 'request-1', now: noon },
    documentSha256: createHash('sha256').update(text).digest(),
  })
  world.documents.set(toDocumentKey(row), Buffer.from(text))
  return row
}

/** A document that the vendor has. */
async function defer(): Promise<Verification> {
  const row = await post()
  expect(await deliver(toNotification(row))).toBe(0)
  await submitAll()
  return row
}

const find = async (row: Verification) => await findVerification(verification, row.id)

test('a document that passes ours is with the vendor, and its message is acknowledged; the verdict comes later', async () => {
  const row = await defer()
  expect(await find(row)).toMatchObject({ status: 'processing' })
  expect(world.documents.has(toDocumentKey(row))).toBe(true)
  expect(vendor.checks.get(`${row.id}/1`)).toBe(Buffer.from(row.documentSha256 ?? []).toString('hex'))
  expect(world.published).toEqual([])

  expect(await callHook(toBody(row, 'approved'))).toBe(200)
  expect(await deliverQueue()).toBe(0)
  expect(await find(row)).toMatchObject({ status: 'verified', announcedAt: noon })
  expect(world.published.map(({ key }) => key)).toEqual([row.userId])
  // The original goes with the verdict; the copy that ours had sealed before it was handed on stays.
  expect(world.documents.has(toDocumentKey(row))).toBe(false)
  expect(await findKeptAttempts(verification, row.id)).toEqual([1])
  const [attempt] = await verification`
    select status, rules_version, checks from verification.attempts where verification_id = ${row.id}`
  expect(attempt).toEqual({
    ...{ status: 'verified', rules_version: '7' },
    checks: [...checks, { check: 'vendor', outcome: 'passed', milliseconds: 0 }],
  })
})

test('what the vendor declines is rejected, in words that a person can act on', async () => {
  const row = await defer()
  expect(await callHook(toBody(row, 'declined', ['document_expired', 'unheard of']))).toBe(200)
  expect(await deliverQueue()).toBe(0)
  expect(await find(row)).toMatchObject({
    status: 'rejected',
    reasons: [
      { code: 'document_expired', message: expect.stringContaining('Upload one that is'), retry: false },
      { code: 'not_accepted', message: expect.any(String), retry: false },
    ],
  })
  expect(world.published).toEqual([])
  expect(world.documents.has(toDocumentKey(row))).toBe(false)
  expect(world.destroyed).toEqual([expect.stringContaining(row.id)])
})

test('what ours rejects, and what is not there, the vendor never sees', async () => {
  const calls = vendor.calls()
  const [bad, lost] = [await post(`bad ${randomUUID()}`), await post()]
  world.documents.delete(toDocumentKey(lost))
  expect(await deliver(toNotification(bad), toNotification(lost))).toBe(0)
  await submitAll()
  expect(await find(bad)).toMatchObject({ status: 'rejected', reasons: [{ code: 'blank' }] })
  expect(await find(lost)).toMatchObject({ status: 'expired' })
  expect(vendor.calls()).toBe(calls)
})

/** As if so much time had passed that whoever read it cannot be there any more. */
const endReading = ({ id }: Verification) =>
  database.connect()`update verification.verifications set read_until = statement_timestamp() where id = ${id}`

test('a document that is put into the queue again while the vendor has it is one check of the vendor', async () => {
  const row = await defer()
  for (let again = 0; again < 3; again++) {
    await endReading(row)
    expect(await deliver(toNotification(row), toNotification(row))).toBe(0)
    await submitAll()
  }
  expect([...vendor.checks.keys()].filter((key) => key.startsWith(row.id))).toEqual([`${row.id}/1`])
  expect(await find(row)).toMatchObject({ status: 'processing' })
})

test('while the vendor is away documents wait in the queue that leads out, and nobody else does', async () => {
  vendor.setAway(true)
  const row = await defer()
  expect(world.submissions).toMatchObject([{ reference: `${row.id}/1`, key: toDocumentKey(row) }])
  vendor.setAway(false)
  await submitAll()
  expect(vendor.checks.has(`${row.id}/1`)).toBe(true)
})

describe('an upload that is replaced by another document', () => {
  const [first, second] = ['the first that was read', 'what came in its place']
  const sha256 = createHash('sha256').update(first).digest()

  /** Ours has read the first one. */
  async function upload(): Promise<Verification> {
    const terms = { contentType: 'image/png', size: 23, expiresAt: new Date(noon.getTime() + 900_000) }
    const registration = await expectUpload(
      intake,
      {
        ...{ id: randomUUID(), userId: randomUUID(), network: 'tron', addressType: 'base58check' },
        ...{ requestId: 'request-1', now: noon, ...terms },
      },
      1,
    )
    if (registration.outcome !== 'registered') throw new Error('expected an upload')
    const row = registration.verification
    world.documents.set(toDocumentKey(row), Buffer.from(first))
    expect(await deliver(toNotification(row))).toBe(0)
    return row
  }
  async function replace(row: Verification): Promise<void> {
    world.documents.set(toDocumentKey(row), Buffer.from(second))
    await endReading(row)
    expect(await deliver(toNotification(row))).toBe(0)
  }

  test('while the vendor has it, is verified by the one that the vendor saw', async () => {
    const row = await upload()
    await submitAll()
    await replace(row)
    await submitAll()
    expect(await callHook(toBody(row, 'approved'))).toBe(200)
    expect(await deliverQueue()).toBe(0)
    expect(await find(row)).toMatchObject({ status: 'verified', documentSha256: sha256 })
  })

  test('before the vendor has it, is not shown to it: ours judged another', async () => {
    const row = await upload()
    await replace(row)
    await submitAll()
    expect(vendor.checks.has(`${row.id}/1`)).toBe(false)
    world.documents.set(toDocumentKey(row), Buffer.from(first))
    await submitAll()
    expect(vendor.checks.has(`${row.id}/1`)).toBe(true)
  })
})

test('a queue that leads out and is away is an outage: the document comes again', async () => {
  const row = await post()
  const away = createHandler({
    ...{ log, ...createMemoryMetrics(), now: () => noon, topic: 'user.verified', providerDefers: true },
    beginInspection: (id, attempt, options) => beginInspection(verification, id, attempt, options),
    ...{ findVerification: async () => undefined, commitVerdict: async () => undefined, markAnnounced: async () => {} },
    commitArrival: async () => undefined,
    closeReplaced: async () => true,
    ...{ macDocument: async () => Buffer.alloc(32), publish: async () => {} },
    ...keeping,
    inspect: createVendorProvider({
      ...{ inspect, find: async () => undefined, keep: async () => {} },
      submit: () => Promise.reject(new UnavailableError('inspection', 'the queue is away')),
    }),
  })
  const event = { Records: [{ messageId: 'm1', body: toNotification(row) }] } as SQSEvent
  expect((await away(event)).batchItemFailures).toHaveLength(1)
  expect(await find(row)).toMatchObject({ status: 'processing' })
})

describe("the vendor's calls", () => {
  test('that come many times, and whose messages do, are one verdict and one event', async () => {
    const row = await defer()
    for (let time = 0; time < 5; time++) expect(await callHook(toBody(row, 'approved'))).toBe(200)
    const messages = world.queue.splice(0)
    expect(await deliver(...messages)).toBe(0)
    expect(await deliver(...messages, ...messages)).toBe(0)
    expect(world.published).toHaveLength(1)
  })

  test.each([
    ['approved', 'declined', 'verified'],
    ['declined', 'approved', 'rejected'],
  ] as const)('%s, then %s: the first stands, whatever comes behind it', async (first, second, status) => {
    const row = await defer()
    expect(await callHook(toBody(row, first))).toBe(200)
    expect(await callHook(toBody(row, second))).toBe(200)
    const [one = '', other = ''] = world.queue.splice(0)
    expect(await deliver(one)).toBe(0)
    expect(await deliver(other)).toBe(0)
    // In one batch as well, and in the other order of delivery from then on.
    expect(await deliver(other, one)).toBe(0)
    expect(await find(row)).toMatchObject({ status })
    expect(world.published).toHaveLength(status === 'verified' ? 1 : 0)
  })

  test('about an attempt that is over change nothing of the newest', async () => {
    const row = await defer()
    await commit(verification, row.id, 1, toExpired)
    const again = await register(intake, { ...row, documentSha256: row.documentSha256 ?? Buffer.alloc(32), now: noon })
    expect(again).toMatchObject({ id: row.id, attempt: 2, status: 'pending' })
    expect(await callHook(toBody(row, 'approved'))).toBe(200)
    expect(await deliverQueue()).toBe(0)
    expect(await find(row)).toEqual(again)
    expect(world.published).toEqual([])
  })

  test('that come when the attempt was given up are taken all the same', async () => {
    const row = await defer()
    await commit(verification, row.id, 1, toExpired)
    expect(await callHook(toBody(row, 'approved'))).toBe(200)
    expect(await deliverQueue()).toBe(0)
    expect(await find(row)).toMatchObject({ status: 'verified' })
  })

  test('are refused when anything of them was changed, and leave nothing in the queue', async () => {
    const row = await defer()
    const body = toBody(row, 'declined')
    const signature = sign(secret, body, noon)
    const mac = signature.split('v1=')[1] ?? ''
    const time = String(noon.getTime() / 1000)
    const tampered: [body: string, signature: string][] = [
      [toBody(row, 'approved'), signature],
      [`${body} `, signature],
      // The same JSON, written otherwise: what counts is the bytes.
      [JSON.stringify(JSON.parse(body), undefined, 1), signature],
      [body, sign('another secret', body, noon)],
      [body, `t=${Number(time) + 1},v1=${mac}`],
      [body, `t=${time},v1=${mac.slice(0, -1)}${mac.endsWith('0') ? '1' : '0'}`],
      [body, `t=${time},v1=${mac.slice(2)}`],
      [body, `t=${time},v1=${mac}00`],
      [body, `t=${time},v1=`],
      [body, `v1=${mac}`],
      [body, 'undefined'],
      [body, ''],
    ]
    for (const [given, by] of tampered) expect(await callHook(given, by), by).toBe(401)
    expect(world.queue).toEqual([])
    expect(await callHook(body, signature)).toBe(200)
  })

  test('are refused when they were recorded and come again later, and by a clock that is wrong by as much', async () => {
    const row = await defer()
    const body = toBody(row, 'approved')
    const signature = sign(secret, body, noon)
    for (const [seconds, status] of [
      [301, 401],
      [-301, 401],
      [300, 200],
      [-300, 200],
    ] as const) {
      world.now = new Date(noon.getTime() + seconds * 1000)
      expect(await callHook(body, signature), `${seconds} s`).toBe(status)
    }
    expect(world.queue).toHaveLength(2)
  })

  test.each([
    ['{}', 400],
    [JSON.stringify({ reference: 'x', decision: 'approved' }), 400],
    [JSON.stringify({ reference: `${randomUUID()}/1`, decision: 'maybe' }), 400],
    [JSON.stringify({ reference: `${randomUUID()}/1`, decision: 'approved' }), 404],
  ])('that are signed and say %s put nothing into the queue: %i', async (body, status) => {
    expect(await callHook(body)).toBe(status)
    expect(world.queue).toEqual([])
  })

  test('are answered 500 while the queue is away, so that the vendor comes again', async () => {
    const row = await defer()
    world.queueIsAway = true
    expect(await callHook(toBody(row, 'approved'))).toBe(500)
    world.queueIsAway = false
    expect(await callHook(toBody(row, 'approved'))).toBe(200)
    expect(await deliverQueue()).toBe(0)
    expect(await find(row)).toMatchObject({ status: 'verified' })
  })
})
