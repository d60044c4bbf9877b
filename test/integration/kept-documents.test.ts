// What is kept of documents, on a real server, as each function's role writes it: a hold and an erasure exclude each other
// whoever races whom, nothing that was erased comes back, and the sweep finds what is due and only that.
import { randomBytes, randomUUID } from 'node:crypto'
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  beginErasure,
  beginOverdueErasures,
  findOldestDue,
  findOpenErasures,
  findStandingDocument,
  markErased,
  setLegalHold,
} from '../../functions/erase/erase-tables.ts'
import type { Upload } from '../../functions/intake/register-upload.ts'
import { findInspectedVerification } from '../../functions/read/find-verification.ts'
import { beginInspection, findKeptAttempts, type Verdict } from '../../shared/verifications.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { catchError, noon } from '../support/fakes.ts'
import { commit, register, toExpired, toRejected, toVerified } from '../support/uploads.ts'

let database: TestDatabase
let owner: postgres.Sql
let eraser: postgres.Sql
let intake: postgres.Sql
let verification: postgres.Sql
let reader: postgres.Sql

beforeAll(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  eraser = database.connect('app_erase')
  intake = database.connect('app_intake')
  verification = database.connect('app_verification')
  reader = database.connect('app_read')
})

afterAll(() => database.drop())

const day = 86_400_000
const daysLater = (days: number) => new Date(noon.getTime() + days * day)

/** A verified row of a user of its own. */
async function makeVerified(extendedFrom: string | null = null): Promise<string> {
  const id = randomUUID()
  await owner`
    insert into verification.verifications
      (id, user_id, network, address_type, document_sha256, status, request_id, created_at, verified_at, extended_from)
    values (${id}, ${`user ${id}`}, 'tron', 'base58check', sha256(${id}::text::bytea), 'verified', 'r', ${noon}, ${noon},
      ${extendedFrom})`
  return id
}

/** With its document, which was kept at that time. */
async function makeKept(keptAt = noon): Promise<string> {
  const id = await makeVerified()
  await owner`
    insert into verification.kept_documents (verification_id, object_id, object_attempt, kept_at)
    values (${id}, ${id}, 1, ${keptAt})`
  return id
}

const findKept = async (id: string) => (await findStandingDocument(eraser, id))?.kept

describe('the document that a verification stands on', () => {
  test('is its own, with what is kept of it', async () => {
    const id = await makeKept()
    expect(await findStandingDocument(eraser, id)).toEqual({
      ...{ id, userId: `user ${id}`, status: 'verified', attempt: 1 },
      kept: { object: { id, attempt: 1 }, legalHold: false, erasingSince: null, erasedAt: null },
    })
  })

  test('is that of the one which vouches for it, over any number of steps', async () => {
    const id = await makeKept()
    const further = await makeVerified(await makeVerified(id))
    expect((await findStandingDocument(eraser, further))?.id).toBe(id)
  })

  test('may be none, and there may be no such verification', async () => {
    const id = await makeVerified()
    expect(await findStandingDocument(eraser, id)).toMatchObject({ id, kept: undefined })
    expect(await findStandingDocument(eraser, randomUUID())).toBeUndefined()
  })
})

describe('a verdict', () => {
  async function judge(verdict: (upload: Upload) => Verdict): Promise<string> {
    const id = randomUUID()
    const upload: Upload = {
      ...{ id, userId: `user ${id}`, network: 'tron', addressType: 'base58check' },
      ...{ documentSha256: randomBytes(32), requestId: 'r', now: noon },
    }
    await register(intake, upload)
    await beginInspection(verification, upload.id, 1)
    await commit(verification, upload.id, 1, verdict(upload))
    return upload.id
  }
  const keeping = ({ id }: { id: string }) => toVerified(noon, undefined, { id, attempt: 1 })
  const tell = async (id: string) => (await findInspectedVerification(reader, id))?.document

  test('that passes notes what is kept, in the statement that makes it verified; GET tells until it is erased', async () => {
    const id = await judge(keeping)
    expect((await findStandingDocument(eraser, id))?.kept).toEqual({
      ...{ object: { id, attempt: 1 }, legalHold: false, erasingSince: null, erasedAt: null },
    })
    expect(await findKeptAttempts(verification, id)).toEqual([1])
    expect(await tell(id)).toBe('kept')
    expect(await tell(await makeVerified(id))).toBe('kept')
    await beginErasure(eraser, id, noon)
    expect(await findKeptAttempts(verification, id)).toEqual([])
    expect(await tell(id)).toBe('kept')
    await markErased(eraser, [id], noon)
    expect(await tell(id)).toBe('erased')
    expect(await tell(await makeVerified(id))).toBe('erased')
  })

  test.each([
    ['passes where nothing is kept', () => toVerified()],
    ['rejects', () => toRejected([{ code: 'truncated', message: 'The end is missing.', retry: false }])],
    ['expires', () => toExpired],
  ] as const)('that %s notes nothing', async (_name, verdict) => {
    const id = await judge(verdict)
    expect(await findKept(id)).toBeUndefined()
    expect(await tell(id)).toBe('none')
  })

  test('that comes second notes nothing: the first stands', async () => {
    const id = await judge(() => toRejected([{ code: 'truncated', message: 'The end is missing.', retry: false }]))
    await commit(verification, id, 1, keeping({ id }))
    expect(await findKept(id)).toBeUndefined()
  })
})

describe('an erasure', () => {
  test('is begun once, whoever begins it again, and done once', async () => {
    const id = await makeKept()
    expect(await beginErasure(eraser, id, daysLater(1))).toBe(true)
    expect(await beginErasure(eraser, id, daysLater(2))).toBe(true)
    await markErased(eraser, [id], daysLater(3))
    await markErased(eraser, [id], daysLater(4))
    expect(await findKept(id)).toMatchObject({ erasingSince: daysLater(1), erasedAt: daysLater(3) })
  })

  test('that was not begun is not done', async () => {
    const id = await makeKept()
    await markErased(eraser, [id], noon)
    expect(await findKept(id)).toMatchObject({ erasingSince: null, erasedAt: null })
  })

  test('is forbidden by a hold, until that is lifted', async () => {
    const id = await makeKept()
    expect(await setLegalHold(eraser, id, true)).toBe(true)
    expect(await beginErasure(eraser, id, noon)).toBe(false)
    expect(await setLegalHold(eraser, id, false)).toBe(true)
    expect(await beginErasure(eraser, id, noon)).toBe(true)
    expect(await setLegalHold(eraser, id, true)).toBe(false)
    expect(await setLegalHold(eraser, id, false)).toBe(false)
  })

  test('and a hold at the same moment: one of them wins, never both', async () => {
    const outcomes = new Set<string>()
    for (let round = 0; round < 20; round++) {
      const id = await makeKept()
      const [begun, held] = await Promise.all([
        database.open('app_erase').run((sql) => beginErasure(sql, id, noon)),
        database.open('app_erase').run((sql) => setLegalHold(sql, id, true)),
      ])
      const kept = await findKept(id)
      expect(kept?.legalHold).toBe(held)
      expect(kept?.erasingSince !== null).toBe(begun)
      outcomes.add(`${begun} ${held}`)
      expect(begun && held).toBe(false)
    }
    expect([...outcomes].every((outcome) => outcome !== 'false false')).toBe(true)
  })

  test.each([
    ['forgotten', 'set erasing_since = null, erased_at = null'],
    ['dated anew', `set erasing_since = erasing_since + interval '1 day'`],
    ['undone', 'set erased_at = null'],
    ['held', 'set legal_hold = true'],
    ['of another object', 'set object_id = gen_random_uuid()'],
  ])('cannot be %s, by its owner neither', async (_name, change) => {
    const id = await makeKept()
    await beginErasure(eraser, id, noon)
    await markErased(eraser, [id], noon)
    const error = await catchError(() =>
      owner.unsafe(`update verification.kept_documents ${change} where verification_id = '${id}'`),
    )
    expect(error.message).toMatch(/does not come back|check constraint/)
  })
})

describe('the sweep', () => {
  beforeAll(() => owner`delete from verification.kept_documents`)

  test('begins what was kept before a time and is not held, oldest first, a page at a time', async () => {
    const [old, older, held] = [
      await makeKept(daysLater(2)),
      await makeKept(daysLater(1)),
      await makeKept(daysLater(1)),
    ]
    const young = await makeKept(daysLater(3))
    await setLegalHold(eraser, held, true)
    const due = { keptBefore: daysLater(3), now: daysLater(9), limit: 1 }
    expect(await findOldestDue(eraser, 1, daysLater(9))).toEqual(daysLater(2))
    expect(await beginOverdueErasures(eraser, due)).toBe(1)
    expect((await findOpenErasures(eraser, undefined, 9)).map(({ id }) => id)).toEqual([older])
    expect(await beginOverdueErasures(eraser, { ...due, limit: 9 })).toBe(1)
    expect(await beginOverdueErasures(eraser, { ...due, limit: 9 })).toBe(0)
    const open = await findOpenErasures(eraser, undefined, 9)
    expect(open.map(({ id }) => id)).toEqual([old, older].toSorted())
    expect(open[0]?.object).toEqual({ id: open[0]?.id, attempt: 1 })
    expect((await findOpenErasures(eraser, open[0]?.id, 9)).map(({ id }) => id)).toEqual([open[1]?.id])
    expect((await findKept(young))?.erasingSince).toBeNull()
    expect(await findOldestDue(eraser, 100, daysLater(10))).toEqual(daysLater(9))
    await markErased(eraser, [old, older], daysLater(9))
    expect(await findOpenErasures(eraser, undefined, 9)).toEqual([])
    expect(await findOldestDue(eraser, 100, daysLater(10))).toBeNull()
  })

  test('of two at once, each begins other documents', async () => {
    for (let number = 0; number < 10; number++) await makeKept(daysLater(-1))
    const due = { keptBefore: noon, now: noon, limit: 5 }
    const begin = () => database.open('app_erase').run((sql) => beginOverdueErasures(sql, due))
    const counts = await Promise.all([begin(), begin()])
    const rest = await begin()
    expect(counts.reduce((sum, count) => sum + count, rest)).toBe(10)
  })
})
