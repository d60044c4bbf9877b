// The limits of POST on a real server, as intake's role: who races whom, what a crash leaves, what time does. Time is the
// server's, so a test moves rows back instead of waiting.
import { randomBytes, randomUUID } from 'node:crypto'
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { forgetExpired } from '../../functions/announce/forget.ts'
import { createHandler, type IntakeDependencies } from '../../functions/intake/handler.ts'
import {
  type KeptAnswer,
  type KeyedRequest,
  leaseSeconds,
  rememberedSeconds,
} from '../../functions/intake/idempotency.ts'
import { claimKey, keepAnswer, releaseKey, takeToken } from '../../functions/intake/limit-tables.ts'
import { registerUpload } from '../../functions/intake/register-upload.ts'
import type { Database } from '../../shared/database.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { extendVerified } from '../../shared/verifications.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { call, createMemoryLog, makeHttpEvent, noon, unlimited } from '../support/fakes.ts'

let database: TestDatabase
let owner: postgres.Sql
/** As many containers of intake, each with its connection. */
let containers: readonly Database[]
let intake: postgres.Sql

beforeAll(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  intake = database.connect('app_intake')
  containers = Array.from({ length: 8 }, () => database.open('app_intake'))
  await Promise.all(containers.map((container) => container.run((sql) => sql`select 1`)))
})

afterAll(() => database.drop())

/** Runs work that many times, over all containers at once. */
const inParallel = <Result>(times: number, work: (container: Database, number: number) => Promise<Result>) =>
  Promise.all(
    Array.from({ length: times }, (_, number) => work(containers[number % containers.length] as Database, number)),
  )

const newCaller = () => randomBytes(32)

describe('the token bucket', () => {
  const slow = (capacity: number) => ({ capacity, refillPerSecond: 0.001 })
  const passTime = (caller: Uint8Array, seconds: number) => owner`
    update operations.rate_limits set full_at = full_at - make_interval(secs => ${seconds}) where caller = ${caller}`

  test.each([1, 7, 40])('of %i lets exactly as many of 40 parallel requests through', async (capacity) => {
    const caller = newCaller()
    const taken = await inParallel(40, (container) => container.run((sql) => takeToken(sql, caller, slow(capacity))))
    expect(taken.filter(({ passed }) => passed)).toHaveLength(capacity)
    expect(await owner`select from operations.rate_limits where caller = ${caller}`).toHaveLength(1)
  })

  test('is each caller’s own', async () => {
    const callers = Array.from({ length: 12 }, newCaller)
    const taken = await inParallel(36, (container, number) =>
      container.run((sql) => takeToken(sql, callers[number % 12] as Buffer, slow(2))),
    )
    for (const [at] of callers.entries()) {
      expect(taken.filter(({ passed }, number) => passed && number % 12 === at)).toHaveLength(2)
    }
  })

  test('refills as time goes by, one token a step, and never above its capacity', async () => {
    const caller = newCaller()
    const limit = slow(3)
    const take = async () => (await takeToken(intake, caller, limit)).passed
    expect([await take(), await take(), await take(), await take()]).toEqual([true, true, true, false])
    await passTime(caller, 1000)
    expect([await take(), await take()]).toEqual([true, false])
    await passTime(caller, 2000)
    expect([await take(), await take(), await take()]).toEqual([true, true, false])
    await passTime(caller, 1_000_000)
    expect([await take(), await take(), await take(), await take()]).toEqual([true, true, true, false])
  })

  test('tells when it is full again; who is refused puts that off by nothing', async () => {
    const caller = newCaller()
    const limit = slow(2)
    const first = await takeToken(intake, caller, limit)
    expect(first.secondsUntilFull).toBeCloseTo(1000, 6)
    const second = await takeToken(intake, caller, limit)
    expect(second.secondsUntilFull).toBeGreaterThan(1900)
    const refused = await inParallel(20, (container) => container.run((sql) => takeToken(sql, caller, limit)))
    for (const { passed, secondsUntilFull } of refused) {
      expect(passed).toBe(false)
      expect(secondsUntilFull).toBeLessThanOrEqual(second.secondsUntilFull)
    }
  })

  test('with a step that is no whole number of microseconds has exactly its capacity', async () => {
    const caller = newCaller()
    const limit = { capacity: 1000, refillPerSecond: 0.007 }
    await takeToken(intake, caller, limit)
    // 998 more at once.
    const step = Math.round(1e6 / limit.refillPerSecond)
    await owner`
      update operations.rate_limits set full_at = full_at + 998 * ${step}::bigint * interval '1 microsecond'
      where caller = ${caller}`
    expect((await takeToken(intake, caller, limit)).passed).toBe(true)
    expect((await takeToken(intake, caller, limit)).passed).toBe(false)
  })

  test('of a clock that jumps: forward it is full, backward it is empty and no more than that', async () => {
    const caller = newCaller()
    const limit = slow(3)
    const take = async () => (await takeToken(intake, caller, limit)).passed
    expect(await take()).toBe(true)
    // A year ahead, and back again: the bucket is full in a year, by its row.
    await passTime(caller, 31_536_000)
    expect([await take(), await take(), await take(), await take()]).toEqual([true, true, true, false])
    await passTime(caller, -31_536_000)
    const refused = await takeToken(intake, caller, limit)
    expect(refused.passed).toBe(false)
    expect(refused.secondsUntilFull).toBeCloseTo(3000, 6)
    await passTime(caller, 1000)
    expect([await take(), await take()]).toEqual([true, false])
  })

  test('a smaller limit than before holds at once', async () => {
    const caller = newCaller()
    for (let at = 0; at < 5; at++) await takeToken(intake, caller, slow(10))
    expect((await takeToken(intake, caller, slow(5))).passed).toBe(false)
  })
})

const answer: KeptAnswer = {
  status: 202,
  contentType: 'application/json',
  location: '/verify/1',
  body: '{"message":"é ✓ \\"","n":1}',
}
const makeKeyed = (overrides: Partial<KeyedRequest> = {}): KeyedRequest => ({
  ...{ id: randomBytes(32), fingerprint: Buffer.alloc(32, 7), holder: randomUUID() },
  ...overrides,
})

describe('Idempotency-Key', () => {
  const outcome = async (request: KeyedRequest) => (await claimKey(intake, request)).outcome
  const endLease = (request: KeyedRequest) => owner`
    update operations.idempotency_keys set leased_until = now() - interval '1 second' where id = ${request.id}`
  const endDay = (request: KeyedRequest) => owner`
    update operations.idempotency_keys set expires_at = now() - interval '1 second' where id = ${request.id}`

  test('of 40 parallel requests one is worked on', async () => {
    const keyed = makeKeyed()
    const claims = await inParallel(40, (container) =>
      container.run((sql) => claimKey(sql, { ...keyed, holder: randomUUID() })),
    )
    expect(claims.filter((claim) => claim.outcome === 'ours')).toHaveLength(1)
    expect(claims.filter((claim) => claim.outcome === 'in_flight')).toHaveLength(39)
  })

  test('gives the answer again, byte for byte', async () => {
    const keyed = makeKeyed()
    expect(await outcome(keyed)).toBe('ours')
    await keepAnswer(intake, keyed, answer)
    const repeated = await inParallel(8, (container) =>
      container.run((sql) => claimKey(sql, { ...keyed, holder: randomUUID() })),
    )
    for (const claim of repeated) expect(claim).toEqual({ outcome: 'answered', answer })
  })

  test('is another’s, in flight and answered', async () => {
    const keyed = makeKeyed()
    const other = { ...keyed, fingerprint: Buffer.alloc(32, 8), holder: randomUUID() }
    await claimKey(intake, keyed)
    expect(await outcome(other)).toBe('another_request')
    // Also when its holder does not come back: what it did is unknown, and it was not this.
    await endLease(keyed)
    expect(await outcome(other)).toBe('another_request')
    await keepAnswer(intake, keyed, answer)
    expect(await outcome(other)).toBe('another_request')
  })

  test('tells how long it is taken: at most the lease', async () => {
    const keyed = makeKeyed()
    await claimKey(intake, keyed)
    const claim = await claimKey(intake, { ...keyed, holder: randomUUID() })
    if (claim.outcome !== 'in_flight') return expect.unreachable()
    expect(claim.secondsLeft).toBeGreaterThan(0)
    expect(claim.secondsLeft).toBeLessThanOrEqual(leaseSeconds)
    const [row] = await owner<[{ seconds: number }]>`
      select extract(epoch from expires_at - leased_until)::float8 as seconds
      from operations.idempotency_keys where id = ${keyed.id}`
    expect(row.seconds).toBeCloseTo(rememberedSeconds - leaseSeconds, 3)
  })

  test('whose holder died is taken over by one of many, once the lease has ended; the dead one keeps nothing any more', async () => {
    const dead = makeKeyed()
    await claimKey(intake, dead)
    await endLease(dead)
    const holders = Array.from({ length: 16 }, () => ({ ...dead, holder: randomUUID() }))
    const claims = await inParallel(16, (container, number) =>
      container.run((sql) => claimKey(sql, holders[number] as KeyedRequest)),
    )
    expect(claims.filter((claim) => claim.outcome === 'ours')).toHaveLength(1)
    await keepAnswer(intake, dead, { ...answer, body: 'of the dead' })
    await releaseKey(intake, dead)
    expect(await outcome({ ...dead, holder: randomUUID() })).toBe('in_flight')
    const heir = holders[claims.findIndex((claim) => claim.outcome === 'ours')] as KeyedRequest
    await keepAnswer(intake, heir, answer)
    expect(await claimKey(intake, dead)).toEqual({ outcome: 'answered', answer })
  })

  test('an answer stands: no later one replaces it, and it cannot be released', async () => {
    const keyed = makeKeyed()
    await claimKey(intake, keyed)
    await keepAnswer(intake, keyed, answer)
    await keepAnswer(intake, keyed, { ...answer, status: 404 })
    await releaseKey(intake, keyed)
    await endLease(keyed)
    expect(await claimKey(intake, keyed)).toEqual({ outcome: 'answered', answer })
  })

  test('that was released is free, for another request too', async () => {
    const keyed = makeKeyed()
    await claimKey(intake, keyed)
    await releaseKey(intake, keyed)
    expect(await outcome({ ...keyed, fingerprint: Buffer.alloc(32, 8) })).toBe('ours')
  })

  test('is forgotten after a day, with its answer', async () => {
    const keyed = makeKeyed()
    await claimKey(intake, keyed)
    await keepAnswer(intake, keyed, answer)
    await endDay(keyed)
    const other = { ...keyed, fingerprint: Buffer.alloc(32, 8), holder: randomUUID() }
    expect(await outcome(other)).toBe('ours')
    expect(await outcome(keyed)).toBe('another_request')
    expect(await outcome({ ...other, holder: randomUUID() })).toBe('in_flight')
  })

  test.each([500, 503, 199])('never keeps a %i', async (status) => {
    const keyed = makeKeyed()
    await claimKey(intake, keyed)
    await expect(keepAnswer(intake, keyed, { ...answer, status })).rejects.toMatchObject({ code: '23514' })
  })

  test('meets others that come to nothing for a few looks, and then says that somebody works on it', async () => {
    const keyed = makeKeyed()
    let statements = 0
    // Every second statement looks at the row that refused the first, and finds it released.
    const fickle = new Proxy(intake, {
      apply: async () => {
        statements += 1
        return []
      },
    })
    expect(await claimKey(fickle, keyed)).toEqual({ outcome: 'in_flight', secondsLeft: 1 })
    expect(statements).toBe(6)
  })
})

describe('announce forgets', () => {
  test('what is over, in pages, and nothing else', async () => {
    const fresh = await createTestDatabase()
    try {
      const sql = fresh.connect('app_intake')
      const admin = fresh.connect()
      const announcer = fresh.connect('app_announce')
      const keys = Array.from({ length: 5 }, () => makeKeyed())
      for (const keyed of keys) await claimKey(sql, keyed)
      for (const keyed of keys) await keepAnswer(sql, keyed, answer)
      for (const [at, { id }] of keys.entries())
        await takeToken(sql, id, { capacity: 5, refillPerSecond: at < 3 ? 1000 : 0.001 })
      expect((await forgetExpired(announcer, 100)).keys).toBe(0)
      for (const { id } of keys.slice(0, 3)) {
        await admin`update operations.idempotency_keys set expires_at = now() - interval '1 second' where id = ${id}`
      }
      await admin`update operations.rate_limits set full_at = now() where full_at < now() + interval '1 minute'`
      expect((await forgetExpired(announcer, 2)).keys).toBe(2)
      expect(await forgetExpired(announcer, 2)).toEqual({ keys: 1, buckets: 0 })
      expect(await admin`select from operations.idempotency_keys`).toHaveLength(2)
      expect(await admin`select from operations.rate_limits`).toHaveLength(2)
    } finally {
      await fresh.drop()
    }
  })
})

describe('the handler on these tables', () => {
  const document = Buffer.from('ffd8ffe000104a464946', 'hex').toString('base64')

  /** Handlers of as many containers, and what was put into the bucket. */
  function setUp(overrides: Partial<IntakeDependencies> = {}) {
    const objects: string[] = []
    const toHandler = (container: Database) =>
      createHandler({
        ...unlimited,
        log: createMemoryLog(),
        now: () => noon,
        newId: randomUUID,
        maxDocumentBytes: 1000,
        postLimit: { capacity: 1000, refillPerSecond: 0.001 },
        takeToken: (caller, limit) => container.run((sql) => takeToken(sql, caller, limit)),
        claimKey: (request) => container.run((sql) => claimKey(sql, request)),
        keepAnswer: (request, given) => container.run((sql) => keepAnswer(sql, request, given)),
        releaseKey: (request) => container.run((sql) => releaseKey(sql, request)),
        extendVerified: (extension) => container.run((sql) => extendVerified(sql, extension)),
        nudgeAnnounce: async () => {},
        registerUpload: (upload) => container.run((sql) => registerUpload(sql, upload, 1000)),
        putDocument: async ({ id }) => void objects.push(id),
        ...overrides,
      })
    const handlers = containers.map(toHandler)
    const post = (number: number, userId: string, key?: string, network = 'tron') =>
      call(
        handlers[number % handlers.length] as ReturnType<typeof toHandler>,
        makeHttpEvent({
          ...{ resource: '/verify', httpMethod: 'POST' },
          headers: key === undefined ? {} : { 'Idempotency-Key': key },
          body: JSON.stringify({ user_id: userId, network, document }),
        }),
      )
    return { post, objects }
  }

  test('16 of the same at once: one works, the others wait or get its answer; later all get it', async () => {
    const { post, objects } = setUp()
    const [userId, key] = [randomUUID(), randomUUID()]
    const answers = await Promise.all(Array.from({ length: 16 }, (_, number) => post(number, userId, key)))
    expect(answers.filter(({ status }) => status !== 202 && status !== 409)).toEqual([])
    expect(objects).toHaveLength(1)
    const [first] = answers.filter(({ status }) => status === 202)
    // The row goes on meanwhile; the answer does not.
    await owner`update verification.verifications set status = 'processing' where user_id = ${userId}`
    const later = await Promise.all(Array.from({ length: 8 }, (_, number) => post(number, userId, key)))
    for (const again of later) {
      expect(again.status).toBe(202)
      expect(again.body).toEqual(first?.body)
      expect(again.headers.location).toBe(first?.headers.location)
    }
    expect(objects).toHaveLength(1)
    expect((await post(0, userId, key, 'ethereum')).body.code).toBe('idempotency_key_reused')
  })

  test('a fault of ours leaves the key free', async () => {
    const [userId, key] = [randomUUID(), randomUUID()]
    const broken = setUp({ putDocument: () => Promise.reject(new UnavailableError('documents', 'away')) })
    expect((await broken.post(0, userId, key)).status).toBe(503)
    const { post } = setUp()
    expect((await post(1, userId, key)).status).toBe(202)
  })

  test('of 24 at once a caller has as many through as the bucket holds', async () => {
    const { post } = setUp({ postLimit: { capacity: 5, refillPerSecond: 0.001 } })
    await owner`delete from operations.rate_limits`
    const answers = await Promise.all(Array.from({ length: 24 }, (_, number) => post(number, `flood ${number}`)))
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(5)
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(19)
    for (const { headers } of refused) {
      // Less by as many seconds as the 24 took.
      const seconds = Number(headers['retry-after'])
      expect(headers.ratelimit).toBe(`"post";r=0;t=${seconds}`)
      expect(seconds).toBeGreaterThan(800)
      expect(seconds).toBeLessThanOrEqual(1000)
    }
  })
})
