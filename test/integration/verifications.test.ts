// The rows of verifications on a real server, written as each function's role: what must hold whoever races whom.
import { randomUUID } from 'node:crypto'
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Upload } from '../../functions/intake/register-upload.ts'
import { inTransaction } from '../../shared/database.ts'
import { addressTypes, type Reason, type Verification } from '../../shared/model.ts'
import {
  beginInspection,
  type Extension,
  extendVerified,
  findKeptAttempts,
  findVerification,
  lockUnannouncedVerifications,
  markVerificationsAnnounced,
  type Verdict,
} from '../../shared/verifications.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { catchError, noon } from '../support/fakes.ts'
import { commit, register, toExpired, toRejected, toVerified } from '../support/uploads.ts'

let database: TestDatabase
let owner: postgres.Sql
let intake: postgres.Sql
let verification: postgres.Sql
let announcer: postgres.Sql

beforeAll(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  intake = database.connect('app_intake')
  verification = database.connect('app_verification')
  announcer = database.connect('app_announce')
})

afterAll(() => database.drop())

const final: Reason = { code: 'truncated', message: 'The end is missing.', retry: false }
const passing: Reason = { code: 'inspection_failed', message: 'Upload it once more.', retry: true }
const laterBy = (seconds: number) => new Date(noon.getTime() + seconds * 1000)

/** An upload of a user of its own, unless said otherwise. */
function makeUpload(overrides: Partial<Upload> = {}): Upload {
  return {
    id: randomUUID(),
    userId: `user ${randomUUID()}`,
    network: 'ethereum',
    addressType: 'eip55',
    documentSha256: Buffer.alloc(32, 1),
    requestId: 'request-1',
    now: noon,
    ...overrides,
  }
}

/** Brings an upload's row to a verdict, as the verification function does. */
async function judge(upload: Upload, verdict: Verdict): Promise<Verification> {
  const row = await register(intake, upload)
  await beginInspection(verification, row.id, row.attempt)
  const decided = await commit(verification, row.id, row.attempt, verdict)
  if (!decided) throw new Error('expected a row')
  return decided
}

const countRows = async (userId: string) =>
  (await owner`select from verification.verifications where user_id = ${userId}`).length

test('a first upload is a pending row with all that was sent', async () => {
  const upload = makeUpload({ network: 'bitcoin', addressType: 'p2pkh' })
  const row = await register(intake, upload)
  expect(row).toEqual({
    id: upload.id,
    userId: upload.userId,
    network: 'bitcoin',
    addressType: 'p2pkh',
    documentSha256: Buffer.alloc(32, 1),
    status: 'pending',
    attempt: 1,
    reasons: [],
    requestId: 'request-1',
    createdAt: noon,
    verifiedAt: null,
    announcedAt: null,
  })
  expect(await findVerification(intake, row.id)).toEqual(row)
  expect(await findVerification(intake, randomUUID())).toBeUndefined()
})

test('the same upload again is the same row, whatever its state', async () => {
  const upload = makeUpload()
  const row = await register(intake, upload)
  const again = { ...upload, id: randomUUID(), requestId: 'request-2', now: laterBy(1) }
  expect(await register(intake, again)).toEqual(row)
  const begun = await beginInspection(verification, row.id, 1)
  expect(begun).toEqual({ ...row, status: 'processing' })
  expect(await register(intake, again)).toEqual(begun)
  expect(await countRows(upload.userId)).toBe(1)
})

test('another document, network, address type or user is another row', async () => {
  const upload = makeUpload()
  const others = [
    upload,
    { ...upload, documentSha256: Buffer.alloc(32, 2) },
    { ...upload, network: 'tron', addressType: 'base58check' } as const,
    ...addressTypes.bitcoin.map((addressType) => ({ ...upload, network: 'bitcoin' as const, addressType })),
    { ...upload, userId: `${upload.userId}'` },
  ]
  const rows: Verification[] = []
  // One after another: of a user and network one is under way at a time.
  for (const other of others) rows.push(await judge({ ...other, id: randomUUID() }, toRejected([final])))
  expect(new Set(rows.map(({ id }) => id)).size).toBe(8)
})

test('user ids are compared byte by byte', async () => {
  const ids = ['é', 'e\u0301', 'E', 'e', 'e ', 'ß', 'ss', '\u{10ffff}', '\uffff', 'K', '\u212a', '１', '1']
  const rows = await Promise.all(ids.map((userId) => register(intake, makeUpload({ userId }))))
  expect(new Set(rows.map(({ id }) => id)).size).toBe(ids.length)
  expect(rows.map(({ userId }) => userId)).toEqual(ids)
  const longest = '\u{1f600}'.repeat(255)
  expect((await register(intake, makeUpload({ userId: longest }))).userId).toBe(longest)
})

test('ten identical uploads at once are one row', async () => {
  const connections = Array.from({ length: 10 }, () => database.connect('app_intake'))
  await Promise.all(connections.map((sql) => sql`select`))
  for (let round = 0; round < 20; round++) {
    const upload = makeUpload()
    const rows = await Promise.all(connections.map((sql) => register(sql, { ...upload, id: randomUUID() })))
    expect(new Set(rows.map(({ id }) => id)).size).toBe(1)
    expect(await countRows(upload.userId)).toBe(1)

    // All may be retried at once as well: that is one more attempt, not ten.
    const [row] = rows
    if (!row) throw new Error('expected a row')
    await beginInspection(verification, row.id, 1)
    await commit(verification, row.id, 1, toRejected([passing]))
    const again = await Promise.all(connections.map((sql) => register(sql, upload)))
    expect(again.map(({ attempt, status }) => `${attempt} ${status}`)).toEqual(Array(10).fill('2 pending'))
  }
})

test('after a verdict that may be retried, the same document opens the row again as one more attempt', async () => {
  const upload = makeUpload()
  const rejected = await judge(upload, toRejected([passing, passing]))
  expect(rejected).toMatchObject({ status: 'rejected', reasons: [passing, passing], attempt: 1 })
  const reopened = await register(intake, { ...upload, id: randomUUID(), requestId: 'request-2' })
  expect(reopened).toEqual({ ...rejected, status: 'pending', attempt: 2, reasons: [], requestId: 'request-2' })

  // What is still under way for the first attempt changes nothing any more.
  expect(await beginInspection(verification, rejected.id, 1)).toBeUndefined()
  expect(await commit(verification, rejected.id, 1, toVerified())).toBeUndefined()
  expect(await findVerification(verification, rejected.id)).toEqual(reopened)

  expect(await judge(upload, toExpired)).toMatchObject({ status: 'expired', attempt: 2, reasons: [] })
  expect(await judge(upload, toVerified())).toMatchObject({ status: 'verified', attempt: 3 })
})

test('after a final rejection the same document is rejected for ever', async () => {
  for (const reasons of [[final], [passing, final], [final, passing]]) {
    const upload = makeUpload()
    const rejected = await judge(upload, toRejected(reasons))
    expect(await register(intake, { ...upload, id: randomUUID() })).toEqual(rejected)
  }
})

test('who has passed is answered by that verification, whatever the document', async () => {
  const upload = makeUpload()
  const other = { ...upload, id: randomUUID(), documentSha256: Buffer.alloc(32, 2) }
  // The first document comes late, when the other one has passed: nobody reads it.
  const lost = await judge(upload, toExpired)
  const first = await judge(other, toVerified(laterBy(1)))
  expect(await beginInspection(verification, lost.id, 1)).toBeUndefined()
  expect(await findVerification(verification, lost.id)).toEqual(lost)

  const third = { ...upload, id: randomUUID(), documentSha256: Buffer.alloc(32, 3) }
  expect(await register(intake, third)).toEqual(first)
  expect(await register(intake, upload)).toEqual(first)
  expect(await countRows(upload.userId)).toBe(2)
  const onOther = await register(intake, { ...third, network: 'tron', addressType: 'base58check' })
  expect(onOther).toMatchObject({ id: third.id, status: 'pending' })
})

test('who has passed for one Bitcoin type has not passed for another', async () => {
  const upload = makeUpload({ network: 'bitcoin', addressType: 'p2wpkh' })
  const passed = await judge(upload, toVerified(laterBy(1)))
  const taproot = { ...upload, id: randomUUID(), addressType: 'p2tr' } as const
  expect(await register(intake, taproot)).toMatchObject({
    id: taproot.id,
    status: 'pending',
    addressType: 'p2tr',
  })
  expect(await register(intake, { ...upload, id: randomUUID() })).toEqual(passed)
})

/** As if so much time had passed that whoever read it cannot be there any more. */
const endReading = (id: string) => owner`
  update verification.verifications set read_until = statement_timestamp() where id = ${id}`

test('inspection begins again for a message that comes again, but not while somebody reads, nor after a verdict', async () => {
  const row = await register(intake, makeUpload())
  expect(await beginInspection(verification, row.id, 2)).toBeUndefined()
  expect(await beginInspection(verification, randomUUID(), 1)).toBeUndefined()
  expect(await beginInspection(verification, row.id, 1)).toMatchObject({ status: 'processing' })
  expect(await beginInspection(verification, row.id, 1)).toBeUndefined()
  // Longer than a reader can live, shorter than the queue's pause.
  await endReading(row.id)
  expect(await beginInspection(verification, row.id, 1)).toMatchObject({ status: 'processing' })
  await commit(verification, row.id, 1, toRejected([final]))
  expect(await beginInspection(verification, row.id, 1)).toBeUndefined()
})

test('an attempt that expired is inspected after all when its document comes, until it is another one', async () => {
  const upload = makeUpload()
  const expired = await judge(upload, toExpired)
  expect(await beginInspection(verification, expired.id, 1)).toMatchObject({ status: 'processing', attempt: 1 })
  await commit(verification, expired.id, 1, toExpired)
  expect(await register(intake, upload)).toMatchObject({ status: 'pending', attempt: 2 })
  expect(await beginInspection(verification, expired.id, 1)).toBeUndefined()
})

test('the first verdict stands', async () => {
  const verdicts: Verdict[] = [toVerified(laterBy(1)), toRejected([passing]), toRejected([final]), toExpired]
  for (const verdict of verdicts) {
    const row = await judge(makeUpload(), verdict)
    expect(row.status).toBe(verdict.status)
    expect(row.verifiedAt).toEqual(verdict.status === 'verified' ? verdict.at : null)
    for (const later of verdicts) expect(await commit(verification, row.id, 1, later)).toEqual(row)
  }
})

test('a verdict on what was never begun is none', async () => {
  const row = await register(intake, makeUpload())
  expect(await commit(verification, row.id, 1, toVerified())).toEqual(row)
})

test('of verdicts that race one stands, and all learn which', async () => {
  const connections = Array.from({ length: 8 }, () => database.connect('app_verification'))
  await Promise.all(connections.map((sql) => sql`select`))
  for (let round = 0; round < 20; round++) {
    const { id } = await register(intake, makeUpload())
    await beginInspection(verification, id, 1)
    const rows = await Promise.all(
      connections.map((sql, index) => commit(sql, id, 1, index % 2 ? toVerified(laterBy(index)) : toRejected([final]))),
    )
    const stored = await findVerification(verification, id)
    for (const row of rows) expect(row).toEqual(stored)
  }
})

test('a verified row does not change, whoever asks, its owner too; but for the note that it was announced', async () => {
  const row = await judge(makeUpload(), toVerified())
  const changes = [
    { status: 'rejected', verified_at: null },
    { status: 'pending', verified_at: null },
    { id: randomUUID() },
    { user_id: 'another' },
    { network: 'tron' },
    { address_type: 'base58check' },
    { document_sha256: Buffer.alloc(32, 9) },
    { attempt: 2 },
    { reasons: '[{}]' },
    { request_id: 'another' },
    { created_at: laterBy(1) },
    { verified_at: laterBy(1) },
  ]
  for (const change of changes) {
    const update = () => owner`update verification.verifications set ${owner(change)} where id = ${row.id}`
    expect(await catchError(update), JSON.stringify(change)).toMatchObject({ code: '23001' })
  }
  const byFunction = () =>
    verification`update verification.verifications set status = 'rejected', verified_at = null where id = ${row.id}`
  expect(await catchError(byFunction)).toMatchObject({ code: '23001' })
  expect(await findVerification(owner, row.id)).toEqual(row)
  await markVerificationsAnnounced(verification, [row.id], laterBy(3))
  expect(await findVerification(owner, row.id)).toEqual({ ...row, announcedAt: laterBy(3) })
})

test('what contradicts itself cannot be written', async () => {
  const { id } = await register(intake, makeUpload())
  const change = (values: Record<string, string | number | Date | null>) => () =>
    owner`update verification.verifications set ${owner(values)} where id = ${id}`
  const wrong = [
    { status: 'verified' },
    { status: 'rejected', verified_at: noon },
    { announced_at: noon },
    { status: 'lost' },
    { network: 'dogecoin' },
    { user_id: '' },
    { user_id: 'x'.repeat(256) },
    { attempt: 0 },
  ]
  for (const values of wrong) {
    expect(await catchError(change(values)), JSON.stringify(values)).toMatchObject({ code: '23514' })
  }
  const shortHash = () => register(owner, makeUpload({ documentSha256: Buffer.alloc(31) }))
  expect(await catchError(shortHash)).toMatchObject({ code: '23514' })
  // Intake, which faces strangers, cannot write a row that is verified from the start.
  const forge = () => intake`
    insert into verification.verifications
      (id, user_id, network, address_type, document_sha256, request_id, created_at, status, verified_at)
    values (${randomUUID()}, 'forged', 'tron', 'base58check', ${Buffer.alloc(32)}, 'r', ${noon}, 'verified', ${noon})`
  expect(await catchError(forge)).toMatchObject({ code: '42501' })
})

test('the first time of an announcement stands; announcing nothing does nothing', async () => {
  const row = await judge(makeUpload(), toVerified())
  await markVerificationsAnnounced(announcer, [], laterBy(1))
  await markVerificationsAnnounced(announcer, [row.id, randomUUID()], laterBy(2))
  await markVerificationsAnnounced(verification, [row.id], laterBy(3))
  expect((await findVerification(announcer, row.id))?.announcedAt).toEqual(laterBy(2))
})

test('what was not announced is found, the oldest first, and what another holds is skipped', async () => {
  await owner`update verification.verifications set announced_at = ${noon} where status = 'verified' and announced_at is null`
  const verified = await Promise.all([4, 1, 3, 2].map((seconds) => judge(makeUpload(), toVerified(laterBy(seconds)))))
  await judge(makeUpload(), toRejected([final]))
  const inOrder = verified.toSorted((a, b) => Number(a.verifiedAt) - Number(b.verifiedAt))
  const lock = (before: Date, limit: number) =>
    inTransaction(announcer, (tx) => lockUnannouncedVerifications(tx, before, limit))
  expect(await lock(laterBy(10), 10)).toEqual(inOrder)
  expect(await lock(laterBy(3), 10)).toEqual(inOrder.slice(0, 2))
  expect(await lock(laterBy(10), 3)).toEqual(inOrder.slice(0, 3))

  await inTransaction(database.connect('app_announce'), async (tx) => {
    expect(await lockUnannouncedVerifications(tx, laterBy(10), 2)).toEqual(inOrder.slice(0, 2))
    expect(await lock(laterBy(10), 10)).toEqual(inOrder.slice(2))
  })
  await markVerificationsAnnounced(
    announcer,
    inOrder.slice(1).map(({ id }) => id),
    noon,
  )
  expect(await lock(laterBy(10), 10)).toEqual(inOrder.slice(0, 1))
})

// ---- further wallets of who is verified

describe('a further verification', () => {
  const makeExtension = (userId: string, overrides: Partial<Extension> = {}): Extension => ({
    ...{ id: randomUUID(), userId, network: 'bitcoin', addressType: 'p2tr', requestId: 'request-2', now: laterBy(60) },
    ...overrides,
  })
  const findExtendedFrom = async (id: string) =>
    (
      await owner<{ from: string | null }[]>`
      select extended_from as "from" from verification.verifications where id = ${id}`
    )[0]?.from

  test('is a verified row of its own, with the document that passed, not announced', async () => {
    const upload = makeUpload()
    const passed = await judge(upload, toVerified(laterBy(1)))
    const extension = makeExtension(upload.userId)
    expect(await extendVerified(intake, extension)).toEqual({
      ...{ id: extension.id, userId: upload.userId, network: 'bitcoin', addressType: 'p2tr' },
      documentSha256: passed.documentSha256,
      ...{ status: 'verified', attempt: 1, reasons: [], requestId: 'request-2' },
      ...{ createdAt: laterBy(60), verifiedAt: laterBy(60), announcedAt: null },
    })
    expect(await findExtendedFrom(extension.id)).toBe(passed.id)
  })

  test('is none for who never passed: pending, processing, rejected and expired do not vouch, nor does another user', async () => {
    const pending = makeUpload()
    await register(intake, pending)
    const processing = makeUpload()
    const begun = await register(intake, processing)
    await beginInspection(verification, begun.id, 1)
    const rejected = makeUpload()
    await judge(rejected, toRejected([final]))
    const expired = makeUpload()
    await judge(expired, toExpired)
    await judge(makeUpload({ userId: 'Somebody' }), toVerified())
    const users = [pending, processing, rejected, expired].map(({ userId }) => userId)
    for (const userId of [...users, 'somebody', 'Somebody ', 'nobody']) {
      expect(await extendVerified(intake, makeExtension(userId)), userId).toBeUndefined()
    }
    expect(await countRows(pending.userId)).toBe(1)
  })

  test('is the one that there is, asked again, and also when a document was verified for it', async () => {
    const upload = makeUpload()
    const passed = await judge(upload, toVerified())
    const first = await extendVerified(intake, makeExtension(upload.userId))
    expect(await extendVerified(intake, makeExtension(upload.userId))).toEqual(first)
    const own = makeExtension(upload.userId, { network: 'ethereum', addressType: 'eip55' })
    expect(await extendVerified(intake, own)).toEqual(passed)
    expect(await countRows(upload.userId)).toBe(2)
  })

  test('is one, however many ask at once', async () => {
    const upload = makeUpload()
    await judge(upload, toVerified())
    const others = Array.from({ length: 8 }, () => database.connect('app_intake'))
    const rows = await Promise.all(others.map((sql) => extendVerified(sql, makeExtension(upload.userId))))
    expect(new Set(rows.map((row) => row?.id)).size).toBe(1)
    expect(await countRows(upload.userId)).toBe(2)
  })

  test.each([
    ['pending', async () => {}],
    ['processing', async (row: Verification) => void (await beginInspection(verification, row.id, row.attempt))],
    [
      'rejected',
      async (row: Verification) => {
        await beginInspection(verification, row.id, row.attempt)
        await commit(verification, row.id, row.attempt, toRejected([passing]))
      },
    ],
    [
      'expired',
      async (row: Verification) => {
        await beginInspection(verification, row.id, row.attempt)
        await commit(verification, row.id, row.attempt, toExpired)
      },
    ],
  ])('takes the row of the same document that is %s: these bytes have passed', async (_, bring) => {
    const upload = makeUpload()
    const passed = await judge(upload, toVerified())
    const row = await register(intake, {
      ...upload,
      id: randomUUID(),
      network: 'tron',
      addressType: 'base58check',
    })
    await bring(row)
    const extension = makeExtension(upload.userId, { network: 'tron', addressType: 'base58check' })
    expect(await extendVerified(intake, extension)).toEqual({
      ...row,
      ...{ status: 'verified', reasons: [], verifiedAt: laterBy(60) },
    })
    expect(await findExtendedFrom(row.id)).toBe(passed.id)
    // A verdict that comes too late changes nothing.
    expect(await commit(verification, row.id, row.attempt, toRejected([final]))).toMatchObject({
      ...{ id: row.id, status: 'verified' },
    })
  })

  test('answers for a document that is judged behind it, which is its duplicate', async () => {
    const upload = makeUpload()
    await judge(upload, toVerified())
    const other = { ...upload, id: randomUUID(), documentSha256: Buffer.alloc(32, 9) }
    const further = { ...other, network: 'bitcoin', addressType: 'p2tr' } as const
    const row = await register(intake, further)
    await beginInspection(verification, row.id, 1)
    const extended = await extendVerified(intake, makeExtension(upload.userId))
    const keptAs = { id: row.id, attempt: 1 }
    expect(await commit(verification, row.id, 1, toVerified(laterBy(90), Buffer.alloc(32, 8), keptAs))).toEqual(
      extended,
    )
    expect(await findVerification(verification, row.id)).toEqual(extended)
    const [stored] = await owner`
      select status, duplicate_of, document_sha256, document_mac from verification.verifications where id = ${row.id}`
    expect(stored).toEqual({
      ...{
        status: 'duplicate',
        duplicate_of: extended?.id,
        document_sha256: further.documentSha256,
        document_mac: null,
      },
    })
    const [attempt] =
      await owner`select status, decided_at from verification.attempts where verification_id = ${row.id}`
    expect(attempt).toEqual({ status: 'duplicate', decided_at: laterBy(90) })
    expect(await findKeptAttempts(verification, row.id)).toEqual([])
    // Each way to ask is answered by the one that stands, and nothing begins anew.
    expect(await register(intake, { ...further, id: randomUUID() })).toEqual(extended)
    expect(await beginInspection(verification, row.id, 1)).toBeUndefined()
    expect(await commit(verification, row.id, 1, toRejected([final]))).toEqual(extended)
    const announced = await inTransaction(announcer, (tx) => lockUnannouncedVerifications(tx, laterBy(100), 1000))
    expect(announced.filter(({ network, userId }) => network === 'bitcoin' && userId === upload.userId)).toEqual([
      extended,
    ])
  })

  test('does not take back a verdict that falls at the same moment', async () => {
    const upload = makeUpload()
    await judge(upload, toVerified())
    const further = { ...upload, id: randomUUID(), documentSha256: Buffer.alloc(32, 9) }
    const row = await register(intake, { ...further, network: 'bitcoin', addressType: 'p2tr' })
    await beginInspection(verification, row.id, 1)
    await extendVerified(intake, makeExtension(upload.userId))
    let decided: ReturnType<typeof commit> | undefined
    await inTransaction(database.connect('app_verification'), async (tx) => {
      await commit(tx, row.id, 1, toRejected([final]))
      decided = commit(verification, row.id, 1, toVerified(laterBy(90)))
      void decided.catch(() => undefined)
      const findWaiting = () => owner`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      await expect.poll(findWaiting).toHaveLength(1)
    })
    expect(await decided).toMatchObject({ id: row.id, status: 'rejected', reasons: [final] })
  })

  test('and a verdict at once are one verified row, whoever is first', async () => {
    const others = Array.from({ length: 4 }, () => database.connect('app_intake'))
    await Promise.all(others.map((sql) => sql`select`))
    for (let round = 0; round < 30; round++) {
      const upload = makeUpload()
      await judge(upload, toVerified())
      const further = { ...upload, id: randomUUID(), documentSha256: Buffer.alloc(32, 9) }
      const row = await register(intake, { ...further, network: 'bitcoin', addressType: 'p2tr' })
      await beginInspection(verification, row.id, 1)
      const [committed, ...extended] = await Promise.all([
        commit(verification, row.id, 1, toVerified(laterBy(90))),
        ...others.map((sql) => extendVerified(sql, makeExtension(upload.userId))),
      ])
      const verified = await owner`
        select id from verification.verifications
        where user_id = ${upload.userId} and network = 'bitcoin' and status = 'verified'`
      expect(verified).toHaveLength(1)
      expect(new Set([committed, ...extended].map((one) => one?.id))).toEqual(new Set([verified[0]?.id]))
    }
  })

  test('answers a later document for the same network and type', async () => {
    const upload = makeUpload()
    await judge(upload, toVerified())
    const extension = makeExtension(upload.userId)
    await extendVerified(intake, extension)
    const later = makeUpload({ ...upload, id: randomUUID(), network: 'bitcoin', addressType: 'p2tr' })
    const other = { ...later, documentSha256: Buffer.alloc(32, 9) }
    expect((await register(intake, later)).id).toBe(extension.id)
    expect((await register(intake, other)).id).toBe(extension.id)
  })

  test('is for the sweep at once, where a verdict is left to who made it', async () => {
    const upload = makeUpload()
    const passed = await judge(upload, toVerified(laterBy(7 * 24 * 3600)))
    const extension = makeExtension(upload.userId, { now: laterBy(7 * 24 * 3600) })
    await extendVerified(intake, extension)
    const rows = await inTransaction(announcer, (tx) => lockUnannouncedVerifications(tx, laterBy(7 * 24 * 3600), 1000))
    const ids = rows.map(({ id }) => id)
    expect(ids).toContain(extension.id)
    expect(ids).not.toContain(passed.id)
    await markVerificationsAnnounced(announcer, [extension.id], laterBy(8 * 24 * 3600))
    expect(await findVerification(announcer, extension.id)).toMatchObject({ announcedAt: laterBy(8 * 24 * 3600) })
  })
})
