// Attempts on a real server, as intake's and verification's roles: one under way at a time, so many a day, the history of
// each, and documents that two users share; whoever races whom.
import { randomBytes, randomUUID } from 'node:crypto'
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectUpload } from '../../functions/intake/expect-upload.ts'
import { attemptWindow, lookAgain, registerUpload, type Upload } from '../../functions/intake/register-upload.ts'
import { migrate } from '../../functions/migrate/migrate.ts'
import { findInspectedVerification } from '../../functions/read/find-verification.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { InspectionRecord, Reason, Verification } from '../../shared/model.ts'
import {
  beginInspection,
  closeReplaced,
  commitVerdict,
  extendVerified,
  type Verdict,
} from '../../shared/verifications.ts'
import { createTestDatabase, readMigrations, startWaiting, type TestDatabase } from '../support/database.ts'
import { catchError, noon } from '../support/fakes.ts'
import { commit, register, toExpired, toRejected, toVerified } from '../support/uploads.ts'

let database: TestDatabase
let owner: postgres.Sql
let intakes: readonly postgres.Sql[]
let verifications: readonly postgres.Sql[]
let intake: postgres.Sql
let verification: postgres.Sql

beforeAll(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  intakes = Array.from({ length: 12 }, () => database.connect('app_intake'))
  verifications = Array.from({ length: 8 }, () => database.connect('app_verification'))
  await Promise.all([...intakes, ...verifications].map((sql) => sql`select`))
  intake = intakes[0] as postgres.Sql
  verification = verifications[0] as postgres.Sql
})

afterAll(() => database.drop())

const final: Reason = { code: 'truncated', message: 'The end is missing.', retry: false }
const passing: Reason = { code: 'inspection_failed', message: 'Upload it once more.', retry: true }
const laterBy = (seconds: number) => new Date(noon.getTime() + seconds * 1000)

/** A document of its own, of a user of its own, unless said otherwise. */
const makeUpload = (overrides: Partial<Upload> = {}): Upload => ({
  ...{ id: randomUUID(), userId: `user ${randomUUID()}`, network: 'bitcoin', addressType: 'p2pkh' },
  ...{ documentSha256: randomBytes(32), requestId: 'request-1', now: noon },
  ...overrides,
})
const makeOther = (upload: Upload, overrides: Partial<Upload> = {}): Upload =>
  makeUpload({ userId: upload.userId, ...overrides })

async function decide(row: Verification, verdict: Verdict): Promise<Verification> {
  await beginInspection(verification, row.id, row.attempt)
  const decided = await commit(verification, row.id, row.attempt, verdict)
  if (!decided) throw new Error('expected a row')
  return decided
}
const judge = async (upload: Upload, verdict: Verdict) => decide(await register(intake, upload), verdict)
const readAttempts = (userId: string) => owner`
  select attempt, began_at, decided_at, status, reasons, rules_version, checks
  from verification.attempts where user_id = ${userId} order by began_at, attempt`

describe('one attempt of a user and network at a time', () => {
  test.each(['pending', 'processing'])('another document waits while one is %s', async (status) => {
    const upload = makeUpload()
    const active = await register(intake, upload)
    if (status === 'processing') await beginInspection(verification, active.id, 1)
    const inProgress = { outcome: 'in_progress', verification: { ...active, status }, awaitedUntil: null }
    expect(await registerUpload(intake, makeOther(upload), 10)).toEqual(inProgress)
    // For another address type of the network it waits as well, also the same document.
    const { documentSha256 } = upload
    expect(await registerUpload(intake, makeOther(upload, { addressType: 'p2tr' }), 10)).toEqual(inProgress)
    expect(await registerUpload(intake, makeOther(upload, { addressType: 'p2tr', documentSha256 }), 10)).toEqual(
      inProgress,
    )
    // The same one is answered as ever; another network and another user are free.
    expect(await register(intake, makeOther(upload, { documentSha256 }))).toEqual({ ...active, status })
    expect(await register(intake, makeOther(upload, { network: 'tron', addressType: 'base58check' }))).toMatchObject({
      status: 'pending',
    })
    expect(await register(intake, makeUpload())).toMatchObject({ status: 'pending' })
    expect(await readAttempts(upload.userId)).toHaveLength(2)
  })

  test.each([
    ['rejected', () => toRejected([final])],
    ['rejected, and may be sent again', () => toRejected([passing])],
    ['expired', () => toExpired],
  ])('another document begins when one is %s', async (_, toVerdict) => {
    const upload = makeUpload()
    await judge(upload, toVerdict())
    const other = makeOther(upload)
    expect(await register(intake, other)).toMatchObject({ id: other.id, status: 'pending', attempt: 1 })
  })

  test('what was decided for good answers while another one is under way, and what may be sent again waits', async () => {
    const [refused, failed, active] = [makeUpload(), makeUpload(), makeUpload()]
    const { userId } = active
    const rejected = await judge({ ...refused, userId }, toRejected([final]))
    await judge({ ...failed, userId }, toRejected([passing]))
    const row = await register(intake, active)
    expect(await register(intake, { ...refused, userId })).toEqual(rejected)
    expect(await registerUpload(intake, { ...failed, userId }, 10)).toEqual({
      outcome: 'in_progress',
      verification: row,
      awaitedUntil: null,
    })
  })

  test('who is verified is answered by that, also while another address type is under way, and when there were too many', async () => {
    const upload = makeUpload()
    const passed = await judge(upload, toVerified())
    await register(intake, makeOther(upload, { addressType: 'p2tr' }))
    expect(await register(intake, makeOther(upload), 1)).toEqual(passed)
  })

  test('of documents that are sent at once by many clients one begins, and the others are told which', async () => {
    for (let round = 0; round < 20; round++) {
      const upload = makeUpload()
      const registrations = await Promise.all(intakes.map((sql) => registerUpload(sql, makeOther(upload), 10)))
      const [first, ...rest] = registrations.filter(({ outcome }) => outcome === 'registered')
      expect(rest).toEqual([])
      if (first?.outcome !== 'registered') return expect.unreachable()
      for (const registration of registrations) {
        expect(registration).toMatchObject({ verification: { id: first.verification.id, status: 'pending' } })
      }
      expect(await readAttempts(upload.userId)).toHaveLength(1)
    }
  })

  test('a document that comes when it was given up is read by nobody while another is under way, or once its user passed', async () => {
    const upload = makeUpload()
    const late = await judge(upload, toExpired)
    const other = await register(intake, makeOther(upload))
    expect(await beginInspection(verification, late.id, 1)).toBeUndefined()
    await decide(other, toRejected([final]))
    expect(await decide(late, toVerified())).toMatchObject({ id: late.id, status: 'verified' })

    const again = makeUpload()
    const lost = await judge(again, toExpired)
    await judge(makeOther(again), toVerified())
    expect(await beginInspection(verification, lost.id, 1)).toBeUndefined()
    expect(await readAttempts(again.userId)).toMatchObject([{ status: 'expired' }, { status: 'verified' }])
  })

  test('an attempt whose objects are deleted, since another is in its place, is read by nobody when that place is free again', async () => {
    const upload = makeUpload()
    const late = await judge(upload, toExpired)
    expect(await closeReplaced(verification, late.id, 1)).toBe(false)
    const other = await register(intake, makeOther(upload))
    expect(await closeReplaced(verification, late.id, 1)).toBe(true)
    await decide(other, toRejected([final]))
    expect(await beginInspection(verification, late.id, 1)).toBeUndefined()
    expect(await closeReplaced(verification, late.id, 1)).toBe(true)
    // Sent again it is another attempt.
    expect(await register(intake, upload)).toMatchObject({ id: late.id, status: 'pending', attempt: 2 })
    expect(await closeReplaced(verification, late.id, 1)).toBe(false)
    expect(await beginInspection(verification, late.id, 2)).toMatchObject({ status: 'processing' })
    await commit(verification, late.id, 2, toExpired)
    expect(await beginInspection(verification, late.id, 2)).toMatchObject({ status: 'processing' })
  })

  test('of who deletes the objects of an attempt and who reads them at the same moment, the second comes to nothing', async () => {
    const upload = makeUpload()
    const late = await judge(upload, toExpired)
    const other = await register(intake, makeOther(upload))
    await beginInspection(verification, other.id, 1)
    const beginning = await owner.begin(async (tx) => {
      expect(await closeReplaced(tx, late.id, 1)).toBe(true)
      await commit(verification, other.id, 1, toRejected([final]))
      return await startWaiting(tx, () => beginInspection(verification, late.id, 1))
    })
    expect(await beginning.settled).toBeUndefined()

    const found = await judge(makeUpload(), toExpired)
    await beginInspection(verification, found.id, 1)
    expect(await closeReplaced(verification, found.id, 1)).toBe(false)
  })

  test('a document that nobody has begun to read for five minutes is given up for another one', async () => {
    const upload = makeUpload()
    const unread = await register(intake, upload)
    const at = (seconds: number) => makeOther(upload, { now: laterBy(seconds) })
    expect(await registerUpload(intake, at(300), 10)).toMatchObject({ outcome: 'in_progress' })
    // The same one is not: it is put again.
    expect(await register(intake, { ...upload, id: randomUUID(), now: laterBy(301) })).toEqual(unread)
    const other = at(301)
    expect(await register(intake, other)).toMatchObject({ id: other.id, status: 'pending' })
    const expired = { attempt: 1, began_at: noon, decided_at: laterBy(301), status: 'expired' }
    expect(await readAttempts(upload.userId)).toMatchObject([expired, { began_at: laterBy(301), status: null }])
    expect(await beginInspection(verification, unread.id, 1)).toBeUndefined()

    // What is being read is not given up, however long it takes.
    expect(await beginInspection(verification, other.id, 1)).toMatchObject({ status: 'processing' })
    expect(await registerUpload(intake, at(5000), 10)).toMatchObject({ outcome: 'in_progress' })
    // An upload is expected in its place just so.
    const [another, now] = [makeUpload(), laterBy(301)]
    const { userId, network, addressType } = another
    const before = await register(intake, another)
    const expected = {
      ...{ id: randomUUID(), userId, network, addressType, requestId: 'request-3', now },
      ...{ contentType: 'image/png', size: 9, expiresAt: laterBy(601) },
    }
    expect(await expectUpload(intake, { ...expected, now: laterBy(300) }, 10)).toMatchObject({ outcome: 'in_progress' })
    expect(await expectUpload(intake, expected, 10)).toMatchObject({ verification: { id: expected.id } })
    expect(await findInspectedVerification(owner, before.id)).toMatchObject({ status: 'expired' })
  })

  test('whether it is begun again by its document or by another upload, there is one', async () => {
    for (let round = 0; round < 20; round++) {
      const upload = makeUpload()
      const late = await judge(upload, toExpired)
      const [begun, registrations] = await Promise.all([
        beginInspection(verification, late.id, 1),
        Promise.all(intakes.slice(0, 4).map((sql) => registerUpload(sql, makeOther(upload), 10))),
      ])
      const registered = registrations.filter(({ outcome }) => outcome === 'registered')
      expect(registered).toHaveLength(begun ? 0 : 1)
      const active = await owner`
        select id from verification.verifications
        where user_id = ${upload.userId} and status in ('pending', 'processing')`
      expect(active).toHaveLength(1)
    }
  })

  test('a document that waited for the row of another upload is read by nobody once that is there', async () => {
    const upload = makeUpload()
    const late = await judge(upload, toExpired)
    const beginning = await owner.begin(async (tx) => {
      await register(tx, makeOther(upload))
      return await startWaiting(tx, () => beginInspection(verification, late.id, 1))
    })
    expect(await beginning.settled).toBeUndefined()
    expect(await findInspectedVerification(owner, late.id)).toMatchObject({ status: 'expired' })
  })

  test('who sends a document again while another one is begun is told of that', async () => {
    const upload = makeUpload()
    const again = makeOther(upload)
    await judge(again, toExpired)
    const late = await judge(upload, toExpired)
    const registering = await owner.begin(async (tx) => {
      await beginInspection(tx, late.id, 1)
      return await startWaiting(tx, () => registerUpload(intake, { ...again, id: randomUUID() }, 10))
    })
    expect(await registering.settled).toMatchObject({ outcome: 'in_progress', verification: { id: late.id } })
  })

  test('who meets others at each look is told to come again, and asks for nothing more', async () => {
    let asked = 0
    const met = await catchError(() =>
      lookAgain(intake, async () => {
        asked++
        return undefined
      }),
    )
    expect(met).toBeInstanceOf(UnavailableError)
    expect(asked).toBe(3)
  })

  test('rows of the release before may be several: they end as they would, and keep another from being begun', async () => {
    const upload = makeUpload()
    const insert = async () => {
      const id = randomUUID()
      await intake`
        insert into verification.verifications
          (id, user_id, network, address_type, document_sha256, request_id, created_at)
        values (${id}, ${upload.userId}, 'bitcoin', 'p2pkh', ${randomBytes(32)}, 'request-1', ${noon})`
      return id
    }
    const [first, second] = [await insert(), await insert()]
    expect(await registerUpload(intake, upload, 10)).toMatchObject({ outcome: 'in_progress' })
    await beginInspection(verification, first, 1)
    await commit(verification, first, 1, toRejected([final]))
    await beginInspection(verification, second, 1)
    await commit(verification, second, 1, toExpired)
    expect(await readAttempts(upload.userId)).toMatchObject([
      { attempt: 1, began_at: noon, status: expect.stringMatching(/rejected|expired/) },
      { attempt: 1, began_at: noon, status: expect.stringMatching(/rejected|expired/) },
    ])
    expect(await register(intake, upload)).toMatchObject({ status: 'pending' })
  })
})

test('a database of the release before, with documents under way, is taken over as it is', async () => {
  const old = await createTestDatabase({ empty: true })
  try {
    const sql = old.connect()
    const migrations = await readMigrations()
    const withoutAttempts = migrations.filter(({ name }) => name < '0008')
    await migrate(sql, withoutAttempts, new Map())
    const insert = async (userId: string, status: string, reasons: readonly Reason[] = []) => {
      const id = randomUUID()
      const documentSha256 = randomBytes(32)
      await sql`
        insert into verification.verifications
          (id, user_id, network, address_type, document_sha256, request_id, created_at, status, reasons, verified_at)
        values (${id}, ${userId}, 'bitcoin', 'p2pkh', ${documentSha256}, 'request-1', ${noon}, ${status},
          ${sql.json([...reasons])}, ${status === 'verified' ? noon : null})`
      return makeUpload({ id, userId, documentSha256 })
    }
    const [pending, processing] = [await insert('two', 'pending'), await insert('two', 'processing')]
    const [retriable, lost] = [await insert('again', 'rejected', [passing]), await insert('lost', 'expired')]
    const passed = await insert('passed', 'verified')
    await migrate(sql, migrations, new Map())

    const [intake, verification] = [old.connect('app_intake'), old.connect('app_verification')]
    expect(await registerUpload(intake, makeUpload({ userId: 'two' }), 10)).toMatchObject({ outcome: 'in_progress' })
    for (const { id } of [pending, processing]) {
      expect(await beginInspection(verification, id, 1)).toMatchObject({ status: 'processing' })
    }
    expect(await commit(verification, pending.id, 1, toRejected([final]))).toMatchObject({ status: 'rejected' })
    expect(await commit(verification, processing.id, 1, toVerified())).toMatchObject({ status: 'verified' })
    for (const upload of [retriable, lost]) {
      expect(await register(intake, upload)).toMatchObject({ id: upload.id, status: 'pending', attempt: 2 })
    }
    expect(await register(intake, makeUpload({ userId: 'passed' }))).toMatchObject({
      id: passed.id,
      status: 'verified',
    })
  } finally {
    await old.drop()
  }
})

describe('attempts within 24 hours', () => {
  test('are bounded, of all documents of the user for the network, whatever became of them', async () => {
    const upload = makeUpload()
    await judge(upload, toRejected([final]))
    await judge(makeOther(upload, { now: laterBy(10), addressType: 'p2tr' }), toExpired)
    const again = makeOther(upload, { now: laterBy(20) })
    await judge(again, toRejected([passing]))
    const fourth = { ...again, now: laterBy(30) }
    expect(await registerUpload(intake, fourth, 3)).toEqual({
      outcome: 'too_many_attempts',
      mayBeginAt: new Date(noon.getTime() + attemptWindow),
    })
    expect(await registerUpload(intake, makeOther(upload, { now: laterBy(30) }), 3)).toMatchObject({
      outcome: 'too_many_attempts',
    })
    // Another network counts by itself, and the first document is still answered.
    const onTron = makeOther(upload, { network: 'tron', addressType: 'base58check' })
    expect(await register(intake, onTron, 3)).toMatchObject({ status: 'pending' })
    expect(await register(intake, { ...upload, now: laterBy(30) }, 3)).toMatchObject({ status: 'rejected' })
    expect(await register(intake, fourth, 4)).toMatchObject({ status: 'pending', attempt: 2 })
  })

  test('have room again when the oldest of them is over, to the millisecond', async () => {
    const upload = makeUpload()
    for (const seconds of [0, 60]) await judge(makeOther(upload, { now: laterBy(seconds) }), toRejected([final]))
    const at = (milliseconds: number) => new Date(noon.getTime() + attemptWindow + milliseconds)
    const early = await registerUpload(intake, makeOther(upload, { now: at(-1) }), 2)
    expect(early).toEqual({ outcome: 'too_many_attempts', mayBeginAt: at(0) })
    await judge(makeOther(upload, { now: at(0) }), toRejected([final]))
    expect(await registerUpload(intake, makeOther(upload, { now: at(1) }), 2)).toEqual({
      outcome: 'too_many_attempts',
      mayBeginAt: at(60_000),
    })
  })

  test('are not counted while another upload of the user is about to begin one', async () => {
    const upload = makeUpload()
    const { id, userId, network } = await judge(upload, toRejected([final]))
    const registering = await owner.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(hashtext(${userId}), hashtext(${network}))`
      const waiting = await startWaiting(tx, () => registerUpload(intake, makeOther(upload), 2))
      await tx`
        insert into verification.attempts (verification_id, attempt, user_id, network, began_at)
        values (${id}, 2, ${userId}, ${network}, ${noon})`
      return waiting
    })
    expect(await registering.settled).toMatchObject({ outcome: 'too_many_attempts' })
  })

  test('are exactly as many, however many clients send at once while verdicts fall', async () => {
    const upload = makeUpload()
    let isOver = false
    const judging = (async () => {
      while (!isOver) {
        const rows = await owner<{ id: string; attempt: number }[]>`
          select id, attempt from verification.verifications where user_id = ${upload.userId} and status = 'pending'`
        for (const { id, attempt } of rows) {
          await beginInspection(verification, id, attempt)
          await commit(verification, id, attempt, toRejected([passing]))
        }
      }
    })()
    const outcomes = await Promise.all(
      intakes.map(async (sql) => {
        for (;;) {
          const { outcome } = await registerUpload(sql, makeOther(upload), 7)
          if (outcome === 'too_many_attempts') return outcome
        }
      }),
    )
    isOver = true
    await judging
    expect(outcomes).toHaveLength(intakes.length)
    expect(await readAttempts(upload.userId)).toHaveLength(7)
  })
})

describe('the history of attempts', () => {
  const inspection: InspectionRecord = {
    rulesVersion: '7',
    checks: [
      { check: 'size', outcome: 'passed', milliseconds: 0.25 },
      { check: 'structure', outcome: 'failed', milliseconds: 12.5 },
      { check: 'decode', outcome: 'skipped', milliseconds: 0 },
    ],
  }

  test('has each, with its verdict, its reasons, the rules and the checks', async () => {
    const upload = makeUpload()
    await judge(upload, { ...toRejected([passing]), inspection, at: laterBy(3) })
    await judge({ ...upload, now: laterBy(5) }, { ...toExpired, at: laterBy(6) })
    await register(intake, { ...upload, now: laterBy(9) })
    expect(await readAttempts(upload.userId)).toEqual([
      {
        ...{ attempt: 1, began_at: noon, decided_at: laterBy(3), status: 'rejected', reasons: [passing] },
        ...{ rules_version: '7', checks: inspection.checks },
      },
      {
        ...{ attempt: 2, began_at: laterBy(5), decided_at: laterBy(6), status: 'expired', reasons: [] },
        ...{ rules_version: null, checks: [] },
      },
      {
        ...{ attempt: 3, began_at: laterBy(9), decided_at: null, status: null, reasons: [] },
        ...{ rules_version: null, checks: [] },
      },
    ])
  })

  test('tells of the newest attempt how its verdict came about', async () => {
    const read = database.connect('app_read')
    const upload = makeUpload()
    const row = await register(intake, upload)
    expect(await findInspectedVerification(read, row.id)).toEqual({
      ...row,
      ...{ inspection: null, duplicateOf: null, document: 'none' },
    })
    const rejected = await decide(row, { ...toRejected([passing]), inspection, at: laterBy(3) })
    const found = { ...inspection, checkedAt: laterBy(3) }
    expect(await findInspectedVerification(read, row.id)).toEqual({
      ...rejected,
      ...{ inspection: found, duplicateOf: null, document: 'none' },
    })
    const again = await register(intake, upload)
    expect(await findInspectedVerification(read, row.id)).toEqual({
      ...again,
      ...{ inspection: null, duplicateOf: null, document: 'none' },
    })
    expect(await findInspectedVerification(read, randomUUID())).toBeUndefined()
  })

  test('does not change, whoever asks, its owner too; what expired is completed by the document that came late', async () => {
    const upload = makeUpload()
    const lost = await judge(upload, toExpired)
    await decide(lost, { ...toRejected([final]), inspection })
    expect(await readAttempts(upload.userId)).toMatchObject([{ status: 'rejected', rules_version: '7' }])
    const changes = [
      owner`update verification.attempts set status = 'expired' where verification_id = ${lost.id}`,
      owner`update verification.attempts set checks = '[]' where verification_id = ${lost.id}`,
      owner`update verification.attempts set began_at = now() where verification_id = ${lost.id}`,
      owner`delete from verification.attempts where verification_id = ${lost.id}`,
      owner`truncate verification.attempts`,
    ]
    for (const change of changes) expect(await catchError(() => change)).toMatchObject({ code: '23001' })
    const open = await register(intake, makeOther(upload))
    const move = () => owner`update verification.attempts set began_at = now() where verification_id = ${open.id}`
    expect(await catchError(move)).toMatchObject({ code: '23001' })
  })

  test('is completed by the first of verdicts that race', async () => {
    for (let round = 0; round < 20; round++) {
      const row = await register(intake, makeUpload())
      await beginInspection(verification, row.id, 1)
      await Promise.all(
        verifications.map((sql, at) =>
          commitVerdict(sql, row.id, 1, at % 2 ? toVerified(laterBy(at)) : { ...toRejected([final]), inspection }),
        ),
      )
      const [stored] = await owner<[{ status: string }]>`
        select status from verification.verifications where id = ${row.id}`
      expect(await readAttempts(row.userId)).toMatchObject([{ status: stored.status }])
    }
  })
})

describe('a document that another user was verified with', () => {
  const readFlags = async (mac: Uint8Array) =>
    (
      await owner<{ flag: boolean }[]>`
      select shares_document as flag from verification.verifications where document_mac = ${mac} order by verified_at`
    ).map(({ flag }) => flag)

  async function verifyWith(mac: Uint8Array, upload = makeUpload(), sql = verification) {
    const row = await register(intake, upload)
    await beginInspection(sql, row.id, 1)
    return await commitVerdict(sql, row.id, 1, toVerified(laterBy(1), mac))
  }

  test('is flagged in the row of the later one, and verified all the same', async () => {
    const mac = randomBytes(32)
    expect(await verifyWith(mac)).toMatchObject({ sharesDocument: false })
    expect(await verifyWith(mac)).toMatchObject({ sharesDocument: true, verification: { status: 'verified' } })
    expect(await verifyWith(randomBytes(32))).toMatchObject({ sharesDocument: false })
    expect((await readFlags(mac)).toSorted()).toEqual([false, true])
  })

  test('is none of the same user: for another network, and for a further wallet', async () => {
    const mac = randomBytes(32)
    const upload = makeUpload()
    await verifyWith(mac, upload)
    const onTron = makeOther(upload, { network: 'tron', addressType: 'base58check' })
    expect(await verifyWith(mac, onTron)).toMatchObject({ sharesDocument: false })
    const { userId } = upload
    await extendVerified(intake, {
      ...{ id: randomUUID(), userId, network: 'ethereum', addressType: 'eip55', requestId: 'r', now: noon },
    })
    expect(await readFlags(mac)).toEqual([false, false])
  })

  test('is no reason to flag one who was rejected with it', async () => {
    const mac = randomBytes(32)
    await judge(makeUpload(), toRejected([final]))
    expect(await verifyWith(mac)).toMatchObject({ sharesDocument: false })
  })

  test('is flagged for all but one, however many are verified at once', async () => {
    for (let round = 0; round < 10; round++) {
      const mac = randomBytes(32)
      const rows = await Promise.all(verifications.map(() => register(intake, makeUpload())))
      await Promise.all(rows.map(({ id }) => beginInspection(verification, id, 1)))
      const decisions = await Promise.all(
        verifications.map((sql, at) => commitVerdict(sql, rows[at]?.id ?? '', 1, toVerified(noon, mac))),
      )
      expect(decisions.filter((decision) => decision?.sharesDocument)).toHaveLength(verifications.length - 1)
      expect((await readFlags(mac)).filter((flag) => !flag)).toHaveLength(1)
    }
  })

  test('stays as it was found: the row does not change', async () => {
    const mac = randomBytes(32)
    const first = await verifyWith(mac)
    const change = () => owner`
      update verification.verifications set shares_document = true where id = ${first?.verification.id ?? ''}`
    expect(await catchError(change)).toMatchObject({ code: '23001' })
  })
})
