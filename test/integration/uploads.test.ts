// Uploads on a real server, as intake's, verification's and announce's roles: a row that waits for its document, what it turns
// out to be when it is here, and what becomes of one that never comes; whoever races whom.
import { randomBytes, randomUUID } from 'node:crypto'
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runAnnounceTransaction } from '../../functions/announce/announce-tables.ts'
import { findStandingDocument } from '../../functions/erase/erase-tables.ts'
import { expectUpload, keepUploadOpen } from '../../functions/intake/expect-upload.ts'
import { registerUpload } from '../../functions/intake/register-upload.ts'
import type { ExpectedUpload } from '../../functions/intake/request-upload.ts'
import { findInspectedVerification } from '../../functions/read/find-verification.ts'
import { commitArrival } from '../../functions/verification/commit-arrival.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { Reason, Verification } from '../../shared/model.ts'
import {
  beginInspection,
  commitVerdict,
  extendVerified,
  findKeptAttempts,
  findVerification,
  lockUnannouncedVerifications,
  type Verdict,
} from '../../shared/verifications.ts'
import { createTestDatabase, startWaiting, type TestDatabase } from '../support/database.ts'
import { catchError, noon } from '../support/fakes.ts'
import { register, toExpired, toRejected, toVerified } from '../support/uploads.ts'

let database: TestDatabase
let owner: postgres.Sql
let intake: postgres.Sql
let verification: postgres.Sql

beforeAll(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  intake = database.connect('app_intake')
  verification = database.connect('app_verification')
})

afterAll(() => database.drop())

const final: Reason = { code: 'truncated', message: 'The end is missing.', retry: false }
const passing: Reason = { code: 'inspection_failed', message: 'Upload it once more.', retry: true }
const laterBy = (seconds: number) => new Date(noon.getTime() + seconds * 1000)

/** Of a user of its own, unless said otherwise; it may come for a quarter of an hour. */
function makeExpected(overrides: Partial<ExpectedUpload> = {}): ExpectedUpload {
  const now = overrides.now ?? noon
  return {
    ...{ id: randomUUID(), userId: `user ${randomUUID()}`, network: 'bitcoin', addressType: 'p2pkh' },
    ...{ contentType: 'application/pdf', size: 5_000_000, requestId: 'request-1', now },
    expiresAt: new Date(now.getTime() + 900_000),
    ...overrides,
  }
}

async function expectOne(upload: ExpectedUpload): Promise<Verification> {
  const registration = await expectUpload(intake, upload, 1000)
  if (registration.outcome === 'registered') return registration.verification
  throw new Error(`expected the upload to be registered; got ${registration.outcome}`)
}

/** The same document as a part of a request. */
const inline = (upload: ExpectedUpload, documentSha256: Uint8Array, overrides: object = {}) => {
  const { userId, network, addressType } = upload
  return {
    ...{ id: randomUUID(), userId, network, addressType, requestId: 'request-2', now: noon },
    documentSha256,
    ...overrides,
  }
}

/** Has the document of an upload come and judged. */
async function arrive(row: Verification, documentSha256: Uint8Array, verdict: Verdict) {
  expect(await beginInspection(verification, row.id, row.attempt)).toMatchObject({ status: 'processing' })
  return await commitArrival(verification, { id: row.id, attempt: row.attempt, documentSha256 }, verdict)
}

async function judgeInline(upload: ReturnType<typeof inline>, verdict: Verdict): Promise<Verification> {
  const row = await register(intake, upload)
  await beginInspection(verification, row.id, row.attempt)
  const decision = await commitVerdict(verification, row.id, row.attempt, verdict)
  if (!decision) throw new Error('expected a row')
  return decision.verification
}

const readRow = async (id: string) => {
  const [row] = await owner`
    select status, attempt, document_sha256, duplicate_of, exclusive, reasons from verification.verifications where id = ${id}`
  return row
}
const readAttempts = (id: string) => owner`
  select attempt, status, decided_at from verification.attempts where verification_id = ${id} order by attempt`

describe('a request', () => {
  test('is a pending row without a document, and an attempt', async () => {
    const upload = makeExpected()
    const row = await expectOne(upload)
    expect(row).toMatchObject({ id: upload.id, status: 'pending', attempt: 1, documentSha256: null })
    expect(await findVerification(verification, row.id)).toEqual(row)
    expect(await readAttempts(row.id)).toEqual([{ attempt: 1, status: null, decided_at: null }])
    expect(await keepUploadOpen(intake, row.id, { now: noon, expiresAt: laterBy(900) })).toEqual({
      ...{ id: row.id, attempt: 1, contentType: 'application/pdf', size: 5_000_000 },
    })
  })

  test('that comes again is the same row, and its document may come later', async () => {
    const upload = makeExpected()
    const row = await expectOne(upload)
    const again = makeExpected({ ...upload, id: randomUUID(), now: laterBy(600), expiresAt: laterBy(1500) })
    expect(await expectOne(again)).toEqual(row)
    const open = { id: row.id, attempt: 1, contentType: upload.contentType, size: upload.size }
    expect(await keepUploadOpen(intake, row.id, again)).toEqual(open)
    expect(await keepUploadOpen(intake, row.id, { now: laterBy(1500), expiresAt: laterBy(1500) })).toEqual(open)
    // A request that is behind the times of an earlier one takes nothing from it: it is open as long as before.
    expect(await keepUploadOpen(intake, row.id, { now: laterBy(1500), expiresAt: laterBy(1400) })).toEqual(open)
    expect(await keepUploadOpen(intake, row.id, { now: laterBy(1500), expiresAt: laterBy(1400) })).toEqual(open)
    expect(await keepUploadOpen(intake, row.id, { now: laterBy(1501), expiresAt: laterBy(2400) })).toBeUndefined()
  })

  test('for another size, type, address type or a document waits while it is under way', async () => {
    const upload = makeExpected()
    const row = await expectOne(upload)
    const inProgress = { outcome: 'in_progress', verification: row, awaitedUntil: laterBy(900) }
    for (const other of [{ size: 5_000_001 }, { contentType: 'image/png' }, { addressType: 'p2tr' as const }]) {
      expect(await expectUpload(intake, makeExpected({ ...upload, ...other, id: randomUUID() }), 10)).toEqual(
        inProgress,
      )
    }
    expect(await registerUpload(intake, inline(upload, randomBytes(32)), 10)).toEqual(inProgress)
    const tron = makeExpected({ userId: upload.userId, network: 'tron', addressType: 'base58check' })
    expect(await expectOne(tron)).toMatchObject({ id: tron.id, status: 'pending' })
  })

  test('waits while a document is under way, and is answered by the verification that was passed', async () => {
    const upload = makeExpected()
    const document = inline(upload, randomBytes(32))
    const row = await register(intake, document)
    expect(await expectUpload(intake, upload, 10)).toEqual({
      outcome: 'in_progress',
      verification: row,
      awaitedUntil: null,
    })
    const passed = await judgeInline(document, toVerified())
    expect(await expectOne(upload)).toEqual(passed)
    expect(await keepUploadOpen(intake, passed.id, { now: noon, expiresAt: laterBy(900) })).toBeUndefined()
  })

  test('is one of so many a day', async () => {
    const upload = makeExpected()
    await arrive(await expectOne(upload), randomBytes(32), toRejected([final]))
    await judgeInline(inline(upload, randomBytes(32)), toRejected([final]))
    const registration = await expectUpload(intake, makeExpected({ userId: upload.userId }), 2)
    expect(registration).toEqual({ outcome: 'too_many_attempts', mayBeginAt: laterBy(24 * 3600) })
  })

  test('that became the next attempt of an earlier document is one of so many, not two', async () => {
    const sha256 = randomBytes(32)
    const upload = makeExpected()
    await judgeInline(inline(upload, sha256), toRejected([passing]))
    for (let begun = 1; begun < 10; begun++) {
      const later = makeExpected({ userId: upload.userId, now: laterBy(begun) })
      const registration = await expectUpload(intake, later, 10)
      if (registration.outcome !== 'registered') return expect.unreachable(`refused after ${begun}`)
      await arrive(registration.verification, sha256, toRejected([passing]))
    }
    const more = makeExpected({ userId: upload.userId, now: laterBy(10) })
    expect(await expectUpload(intake, more, 10)).toMatchObject({ outcome: 'too_many_attempts' })
    // What another one answers for as it is was read as well, and counts.
    const other = makeExpected()
    await judgeInline(inline(other, sha256), toRejected([final]))
    const again = makeExpected({ userId: other.userId, now: laterBy(1) })
    await arrive(await expectOne(again), sha256, toRejected([final]))
    const third = makeExpected({ userId: other.userId, now: laterBy(2) })
    expect(await expectUpload(intake, third, 2)).toMatchObject({ outcome: 'too_many_attempts' })
  })

  test('of twelve clients at once is one row', async () => {
    const clients = Array.from({ length: 12 }, () => database.connect('app_intake'))
    for (let round = 0; round < 10; round++) {
      const upload = makeExpected()
      const registrations = await Promise.all(
        clients.map((sql) => expectUpload(sql, { ...upload, id: randomUUID() }, 10)),
      )
      expect(new Set(registrations.map((one) => 'verification' in one && one.verification.id)).size).toBe(1)
      expect(new Set(registrations.map(({ outcome }) => outcome))).toEqual(new Set(['registered']))
    }
  })
})

describe('a document that comes', () => {
  test('and is new makes the row one like any other', async () => {
    const [one, other] = [makeExpected(), makeExpected()]
    const [passed, refused] = [await expectOne(one), await expectOne(other)]
    const sha256 = randomBytes(32)
    const decision = await arrive(passed, sha256, toVerified())
    expect(decision?.verification).toMatchObject({ id: one.id, status: 'verified', documentSha256: sha256 })
    await arrive(refused, sha256, toRejected([final]))
    expect(await readRow(refused.id)).toMatchObject({ status: 'rejected', document_sha256: sha256, duplicate_of: null })
    expect(await readAttempts(refused.id)).toEqual([{ attempt: 1, status: 'rejected', decided_at: noon }])
    // It is known from now on.
    expect(await register(intake, inline(other, sha256))).toMatchObject({ id: refused.id, status: 'rejected' })
  })

  test('and was rejected for good is that one, which stands', async () => {
    const upload = makeExpected()
    const sha256 = randomBytes(32)
    const earlier = await judgeInline(inline(upload, sha256), toRejected([final]))
    const row = await expectOne(upload)
    const decision = await arrive(row, sha256, toRejected([passing]))
    expect(decision).toEqual({ verification: earlier, sharesDocument: false })
    expect(await readRow(row.id)).toEqual({
      ...{
        status: 'duplicate',
        attempt: 1,
        document_sha256: null,
        duplicate_of: earlier.id,
        exclusive: true,
        reasons: [],
      },
    })
    expect(await readAttempts(row.id)).toEqual([{ attempt: 1, status: 'duplicate', decided_at: noon }])
    expect(await readAttempts(earlier.id)).toHaveLength(1)
    // The next one may begin.
    expect(await expectOne(makeExpected({ userId: upload.userId }))).toMatchObject({ status: 'pending' })
  })

  test.each([
    ['was rejected, and may be sent again', () => toRejected([passing])],
    ['expired', () => toExpired],
  ])('and %s before is the next attempt of that one', async (_, toVerdict) => {
    const upload = makeExpected({ requestId: 'request-3' })
    const sha256 = randomBytes(32)
    const earlier = await judgeInline(inline(upload, sha256), toVerdict())
    const row = await expectOne(upload)
    const decision = await arrive(row, sha256, toVerified(laterBy(9)))
    expect(decision?.verification).toEqual({
      ...earlier,
      ...{ status: 'verified', attempt: 2, reasons: [], requestId: 'request-3', verifiedAt: laterBy(9) },
    })
    expect(await readRow(row.id)).toMatchObject({ status: 'duplicate', duplicate_of: earlier.id })
    expect((await readAttempts(earlier.id)).map(({ attempt, status }) => `${attempt} ${status}`)).toEqual([
      expect.stringMatching(/^1 (rejected|expired)$/),
      '2 verified',
    ])
    // One event, of the earlier one; both ids answer.
    const announced = await lockUnannouncedVerifications(database.connect('app_announce'), laterBy(60), 1000)
    expect(announced.filter(({ userId }) => userId === upload.userId).map(({ id }) => id)).toEqual([earlier.id])
    expect(await findVerification(verification, row.id)).toEqual(decision?.verification)
  })

  test('and waits elsewhere for a verdict gives it that one, as a release before may have left it', async () => {
    const upload = makeExpected()
    const sha256 = randomBytes(32)
    const earlier = await register(intake, inline(upload, sha256))
    await owner`update verification.verifications set exclusive = false where id = ${earlier.id}`
    await owner`insert into verification.verifications
      (id, user_id, network, address_type, upload_content_type, upload_size, upload_expires_at, request_id, created_at, exclusive)
      values (${upload.id}, ${upload.userId}, ${upload.network}, ${upload.addressType}, 'image/png', 9, ${noon}, 'r', ${noon}, true)`
    const row = { ...earlier, id: upload.id }
    const decision = await arrive(row, sha256, toVerified())
    expect(decision?.verification).toMatchObject({ id: earlier.id, status: 'verified', attempt: 1 })
    // What its own message finds.
    expect(await beginInspection(verification, earlier.id, 1)).toBeUndefined()
  })

  test('of who has passed meanwhile is answered by that, whatever it is', async () => {
    const upload = makeExpected({ network: 'tron', addressType: 'base58check' })
    await judgeInline(inline(upload, randomBytes(32), { network: 'ethereum', addressType: 'eip55' }), toVerified())
    for (const verdict of [toVerified(), toRejected([final])]) {
      const waiting = { ...upload, id: randomUUID(), userId: upload.userId }
      const row = await expectUpload(intake, waiting, 1000)
      if (row.outcome !== 'registered') return expect.unreachable()
      if (row.verification.status === 'verified') break
      const { userId, network, addressType, requestId } = upload
      const extended = await extendVerified(intake, {
        ...{ id: randomUUID(), userId, network, addressType, requestId, now: laterBy(1) },
      })
      const decision = await arrive(row.verification, randomBytes(32), verdict)
      expect(decision?.verification).toEqual(extended)
      expect(await readRow(row.verification.id)).toMatchObject({ status: 'duplicate', duplicate_of: extended?.id })
    }
  })

  test('of another address type or another user is no duplicate', async () => {
    const upload = makeExpected()
    const sha256 = randomBytes(32)
    await judgeInline(inline(upload, sha256), toRejected([final]))
    const taproot = await expectOne(makeExpected({ userId: upload.userId, addressType: 'p2tr' }))
    expect((await arrive(taproot, sha256, toVerified()))?.verification).toMatchObject({ id: taproot.id })
    const other = await expectOne(makeExpected())
    expect((await arrive(other, sha256, toVerified()))?.verification).toMatchObject({ id: other.id })
  })

  test('twice at once, and once more, has one verdict', async () => {
    const connections = Array.from({ length: 6 }, () => database.connect('app_verification'))
    for (let round = 0; round < 10; round++) {
      const upload = makeExpected()
      const sha256 = randomBytes(32)
      const earlier = round % 2 ? await judgeInline(inline(upload, sha256), toRejected([passing])) : undefined
      const row = await expectOne(upload)
      await Promise.all(connections.map((sql) => beginInspection(sql, row.id, 1)))
      const verdict = round % 3 ? toVerified() : toRejected([passing])
      const arrival = { id: row.id, attempt: 1, documentSha256: sha256 }
      const decisions = await Promise.all(connections.map((sql) => commitArrival(sql, arrival, verdict)))
      const answering = await findVerification(verification, row.id)
      // Who came second as well: by that it knows that there is a verdict, and deletes what it kept.
      expect(decisions.map((decision) => decision?.verification)).toEqual(decisions.map(() => answering))
      expect(answering).toMatchObject({ id: earlier?.id ?? row.id, attempt: earlier ? 2 : 1, status: verdict.status })
      expect((await commitArrival(verification, arrival, toVerified()))?.verification).toEqual(answering)
      expect(await findVerification(verification, row.id)).toEqual(answering)
    }
  })

  test('is read by one at a time: it may have been replaced meanwhile, and there is one name for what is kept of it', async () => {
    const row = await expectOne(makeExpected())
    expect(await beginInspection(verification, row.id, 1)).toMatchObject({ status: 'processing' })
    expect(await beginInspection(verification, row.id, 1)).toBeUndefined()
    // What was told by somebody who had it is read by nobody here.
    expect(await beginInspection(verification, row.id, 1, { reads: false })).toMatchObject({ status: 'processing' })
    expect(await beginInspection(verification, row.id, 1)).toBeUndefined()
    // Longer than a reader can live, shorter than the queue's pause.
    await owner`update verification.verifications set read_until = statement_timestamp() where id = ${row.id}`
    expect(await beginInspection(verification, row.id, 1)).toMatchObject({ status: 'processing' })
    // There was nothing to be read, and now there is.
    await commitVerdict(verification, row.id, 1, toExpired)
    expect(await beginInspection(verification, row.id, 1)).toMatchObject({ status: 'processing' })
  })

  test('while a further wallet of the same document is made is one of both, and ends', async () => {
    for (let round = 0; round < 20; round++) {
      const upload = makeExpected({ network: 'tron', addressType: 'base58check' })
      const sha256 = randomBytes(32)
      await judgeInline(inline(upload, sha256, { network: 'ethereum', addressType: 'eip55' }), toVerified())
      const row = await expectOne(upload)
      await beginInspection(verification, row.id, 1)
      const { userId, network, addressType, requestId } = upload
      const [, decision] = await Promise.all([
        extendVerified(intake, { ...{ id: randomUUID(), userId, network, addressType, requestId, now: noon } }),
        commitArrival(verification, { id: row.id, attempt: 1, documentSha256: sha256 }, toVerified()),
      ])
      const verified = await owner`
        select id from verification.verifications
        where user_id = ${userId} and network = 'tron' and status = 'verified'`
      expect(verified.map(({ id }) => id)).toEqual([decision?.verification.id])
      expect((await findVerification(verification, row.id))?.id).toBe(decision?.verification.id)
    }
  })

  test('while a row of the same document is made is answered by that', async () => {
    const upload = makeExpected()
    const { userId, network, addressType } = upload
    const [id, sha256] = [randomUUID(), randomBytes(32)]
    const row = await expectOne(upload)
    await beginInspection(verification, row.id, 1)
    const arriving = await owner.begin(async (tx) => {
      await tx`
        insert into verification.verifications
          (id, user_id, network, address_type, document_sha256, request_id, created_at, status, reasons)
        values
          (${id}, ${userId}, ${network}, ${addressType}, ${sha256}, 'request-2', ${noon}, 'rejected',
           ${tx.json([final])})`
      const arrival = { id: row.id, attempt: 1, documentSha256: sha256 }
      return await startWaiting(tx, () => commitArrival(verification, arrival, toVerified()))
    })
    expect((await arriving.settled)?.verification).toMatchObject({ id, status: 'rejected' })
    expect(await readRow(row.id)).toMatchObject({ status: 'duplicate', duplicate_of: id })
  })

  test('and meets another row of its document at each look comes again', async () => {
    const row = await expectOne(makeExpected())
    // Two others would have to come and go at two moments: here nobody is there, and the server says so all the same.
    await owner.unsafe(`
      create function verification.meet() returns trigger language plpgsql as
        $$ begin raise unique_violation using table = 'verifications'; end $$;
      create trigger meet before update of document_sha256 on verification.verifications
        for each row when (new.id = '${row.id}') execute function verification.meet()`)
    expect(await catchError(() => arrive(row, randomBytes(32), toVerified()))).toBeInstanceOf(UnavailableError)
    expect(await readRow(row.id)).toMatchObject({ status: 'processing', document_sha256: null })
    await owner.unsafe('drop function verification.meet() cascade')
  })

  test('and is kept under its own name, as the document of the one that answers for it', async () => {
    const upload = makeExpected()
    const sha256 = randomBytes(32)
    const earlier = await judgeInline(inline(upload, sha256), toRejected([passing]))
    const row = await expectOne(upload)
    const object = { id: row.id, attempt: 1 }
    await arrive(row, sha256, toVerified(noon, randomBytes(32), object))
    for (const id of [row.id, earlier.id]) {
      expect(await findStandingDocument(database.connect('app_erase'), id)).toMatchObject({
        id: earlier.id,
        kept: { object },
      })
      expect(await findInspectedVerification(database.connect('app_read'), id)).toMatchObject({ document: 'kept' })
    }
    expect(await findKeptAttempts(verification, row.id)).toEqual([1])
  })

  test('and was a duplicate stays one: what comes later under its key begins nothing', async () => {
    const upload = makeExpected()
    const sha256 = randomBytes(32)
    await judgeInline(inline(upload, sha256), toRejected([final]))
    const row = await expectOne(upload)
    await arrive(row, sha256, toRejected([final]))
    expect(await beginInspection(verification, row.id, 1)).toBeUndefined()
    expect(await keepUploadOpen(intake, row.id, { now: noon, expiresAt: laterBy(900) })).toBeUndefined()
  })
})

describe('what GET reads of it', () => {
  test('a duplicate answers as the other one, with its own id and time', async () => {
    const read = database.connect('app_read')
    const upload = makeExpected({ now: laterBy(5) })
    const sha256 = randomBytes(32)
    const inspection = { rulesVersion: '7', checks: [{ check: 'size', outcome: 'failed', milliseconds: 1 } as const] }
    const earlier = await judgeInline(inline(upload, sha256), { ...toRejected([final]), inspection })
    const row = await expectOne(upload)
    expect(await findInspectedVerification(read, row.id)).toMatchObject({
      id: row.id,
      status: 'pending',
      duplicateOf: null,
    })
    await arrive(row, sha256, toRejected([final]))
    const answered = { ...earlier, inspection: { ...inspection, checkedAt: noon }, document: 'none' }
    expect(await findInspectedVerification(read, earlier.id)).toEqual({ ...answered, duplicateOf: null })
    expect(await findInspectedVerification(read, row.id)).toEqual({
      ...answered,
      ...{ id: row.id, createdAt: laterBy(5), duplicateOf: earlier.id },
    })
  })
})

describe('an upload that never comes', () => {
  test('expires when the user comes with another one', async () => {
    const upload = makeExpected()
    const row = await expectOne(upload)
    const document = inline(upload, randomBytes(32), { now: laterBy(900) })
    expect((await registerUpload(intake, document, 10)).outcome).toBe('in_progress')
    expect(await register(intake, { ...document, now: laterBy(901) })).toMatchObject({ status: 'pending' })
    expect(await readRow(row.id)).toMatchObject({ status: 'expired', document_sha256: null })
    expect(await readAttempts(row.id)).toEqual([{ attempt: 1, status: 'expired', decided_at: laterBy(901) }])

    const other = makeExpected()
    const first = await expectOne(other)
    const next = makeExpected({ ...other, id: randomUUID(), now: laterBy(901), expiresAt: laterBy(1801) })
    expect(await expectOne(next)).toMatchObject({ id: next.id, status: 'pending' })
    expect(await readRow(first.id)).toMatchObject({ status: 'expired' })
  })

  test('and then comes after all is read by nobody while the other one is under way, and judged when that led to nothing', async () => {
    const upload = makeExpected()
    const row = await expectOne(upload)
    const other = await register(intake, inline(upload, randomBytes(32), { now: laterBy(901) }))
    expect(await beginInspection(verification, row.id, 1)).toBeUndefined()
    expect(await readRow(row.id)).toMatchObject({ status: 'expired' })
    await beginInspection(verification, other.id, 1)
    await commitVerdict(verification, other.id, 1, toRejected([final]))
    expect((await arrive(row, randomBytes(32), toVerified()))?.verification).toMatchObject({
      id: row.id,
      status: 'verified',
    })
  })

  test('is put into the queue by the sweep once its time is over, and not before; one that came is left to its verdict', async () => {
    const own = await createTestDatabase()
    try {
      const [asIntake, asAnnounce, asVerification] = [
        own.connect('app_intake'),
        own.connect('app_announce'),
        own.connect('app_verification'),
      ]
      const [waiting, renewed, begun] = [makeExpected(), makeExpected(), makeExpected()]
      for (const upload of [waiting, renewed, begun]) await expectUpload(asIntake, upload, 10)
      await keepUploadOpen(asIntake, renewed.id, { now: laterBy(800), expiresAt: laterBy(1700) })
      await beginInspection(asVerification, begun.id, 1)
      const note = (seconds: number) =>
        runAnnounceTransaction(asAnnounce, (tables) => tables.noteUploadsNotCome(laterBy(seconds), 10))
      const noteVerdicts = (seconds: number) =>
        runAnnounceTransaction(asAnnounce, (tables) =>
          tables.noteMissingVerdicts(laterBy(seconds), { now: noon, nextAt: noon }, 10),
        )
      const readNoted = async () =>
        (await own.connect()`select verification_id as id from verification.overdue order by next_at`).map(
          ({ id }) => id,
        )
      expect([await note(900), await note(901), await note(901)]).toEqual([0, 1, 0])
      expect(await readNoted()).toEqual([waiting.id])
      // By the time of a document that was sent with its request, two of them would be missing.
      expect(await noteVerdicts(10)).toBe(1)
      expect(new Set(await readNoted())).toEqual(new Set([waiting.id, begun.id]))
      expect([await note(1700), await note(1701)]).toEqual([0, 1])
      // The queue finds no object: that is its end.
      await beginInspection(asVerification, waiting.id, 1)
      const lost = await commitVerdict(asVerification, waiting.id, 1, toExpired)
      expect(lost?.verification).toMatchObject({ status: 'expired', documentSha256: null })
    } finally {
      await own.drop()
    }
  })
})

describe('what no role and no release can write', () => {
  const refused = async (statement: string) => {
    const row = await expectOne(makeExpected())
    const error = await catchError(() => owner.unsafe(statement.replaceAll('$1', `'${row.id}'`)))
    return (error as postgres.PostgresError).constraint_name
  }

  test.each([
    [
      'verified without a document',
      `update verification.verifications set status = 'verified', verified_at = now() where id = $1`,
    ],
    ['a duplicate of nothing', `update verification.verifications set status = 'duplicate' where id = $1`],
    ['a duplicate that is not one', `update verification.verifications set duplicate_of = id where id = $1`],
    ['half an upload', `update verification.verifications set upload_size = null where id = $1`],
    ['an upload of nothing', `update verification.verifications set upload_size = 0 where id = $1`],
    [
      'no document, and no upload',
      `update verification.verifications set upload_size = null, upload_content_type = null, upload_expires_at = null where id = $1`,
    ],
  ])('%s', async (_, statement) => {
    expect(await refused(statement)).toMatch(/^verifications_/)
  })
})
