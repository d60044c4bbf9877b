// Erasing: noted first, then the key, then the copy, then noted as done, and nothing under a hold; what a crash leaves at
// each step the sweep ends.
import { describe, expect, it } from 'vitest'
import type { StandingDocument } from '../../functions/erase/erase-tables.ts'
import { createHandler, createSweep, type EraseDependencies } from '../../functions/erase/handler.ts'
import { pageSize } from '../../functions/erase/retention.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { VerificationStatus } from '../../shared/model.ts'
import {
  call,
  catchError,
  createMemoryLog,
  createMemoryMetrics,
  makeEndUser,
  makeHttpEvent,
  makeRequestContext,
  noon,
  verificationId,
} from '../support/fakes.ts'

const day = 86_400_000
const unheld = { legalHold: false, erasingSince: null, erasedAt: null }

/** What was kept at noon of the first attempt of a verification. */
const keptDocument = (id = verificationId): StandingDocument => ({
  ...{ id, userId: 'user-1', status: 'verified', attempt: 1 },
  kept: { object: { id, attempt: 1 }, ...unheld },
})

const bareDocument = (status: VerificationStatus, attempt = 1): StandingDocument => ({
  ...{ id: verificationId, userId: 'user-1', status, attempt, kept: undefined },
})

/**
 * The table with the rules of its SQL, and two buckets that count what they are told to delete. A step that is named in
 * `faults` fails, as often as is said; `steps` tells what others could see.
 */
function setUp(documents: readonly StandingDocument[], options: { now?: Date; retentionDays?: number } = {}) {
  const table = new Map(documents.map((document) => [document.id, document]))
  const steps: string[] = []
  const faults = new Map<string, number>()
  const log = createMemoryLog()
  const metrics = createMemoryMetrics()
  const now = options.now ?? noon
  const step = (name: string) => {
    const left = faults.get(name) ?? 0
    if (left > 0) {
      faults.set(name, left - 1)
      throw new UnavailableError('documents', 'away')
    }
    steps.push(name)
  }
  const change = (id: string, changes: object) => {
    const document = table.get(id)
    if (document?.kept) table.set(id, { ...document, kept: { ...document.kept, ...changes } })
  }
  const listKept = () => [...table.values()].flatMap(({ id, kept }) => (kept ? [{ id, ...kept }] : []))
  const dependencies: EraseDependencies = {
    ...{ log, count: metrics.count, measure: metrics.measure, now: () => now, newId: () => 'request-1' },
    retentionDays: options.retentionDays ?? 30,
    findStandingDocument: async (id) => table.get(id),
    beginErasure: async (id, at) => {
      step('begin')
      const kept = table.get(id)?.kept
      if (!kept || kept.legalHold) return false
      change(id, { erasingSince: kept.erasingSince ?? at })
      return true
    },
    markErased: async (ids, at) => {
      step('mark')
      for (const id of ids) change(id, { erasedAt: at })
    },
    setLegalHold: async (id, legalHold) => {
      if (table.get(id)?.kept?.erasingSince !== null) return false
      change(id, { legalHold })
      return true
    },
    // All was kept at noon.
    beginOverdueErasures: async ({ keptBefore, now: at, limit }) => {
      step('begin due')
      const due = listKept().filter(
        ({ erasingSince, legalHold }) => erasingSince === null && !legalHold && noon < keptBefore,
      )
      for (const { id } of due.slice(0, limit)) change(id, { erasingSince: at })
      return Math.min(due.length, limit)
    },
    findOpenErasures: async (after = '', limit) =>
      listKept()
        .filter(({ id, erasingSince, erasedAt }) => id > after && erasingSince !== null && erasedAt === null)
        .toSorted((one, other) => (one.id < other.id ? -1 : 1))
        .slice(0, limit),
    findOldestDue: async () => {
      const open = listKept().filter(({ erasingSince, erasedAt }) => erasingSince !== null && erasedAt === null)
      return open[0]?.erasingSince ?? null
    },
    deleteDataKeys: async (keys) => step(`keys ${keys.join(' ')}`),
    deleteDocuments: async (keys) => step(`documents ${keys.join(' ')}`),
  }
  const handle = createHandler(dependencies)
  const request = (httpMethod: string, what: 'document' | 'legal-hold', id = verificationId, authorizer?: unknown) =>
    call(
      handle,
      makeHttpEvent({
        ...{ httpMethod, resource: `/verify/{verification_id}/${what}`, pathParameters: { verification_id: id } },
        ...(authorizer ? { requestContext: makeRequestContext(authorizer) } : {}),
      }),
    )
  return { table, steps, faults, log, metrics, request, sweep: createSweep(dependencies) }
}

const ofAttempt = (attempt: number, id = verificationId) => ({
  key: `keys/${id}/${attempt}`,
  documents: `kept/${id}/${attempt} incoming/${id}/${attempt}`,
})
const own = ofAttempt(1)
const inOrder = ['begin', `keys ${own.key}`, `documents ${own.documents}`, 'mark']

describe('DELETE /verify/{verification_id}/document', () => {
  it('notes it, destroys the key, then copy and original, and notes that it is done', async () => {
    const { request, steps, table, log, metrics } = setUp([keptDocument()])
    const answer = await request('DELETE', 'document')
    expect([answer.status, answer.raw]).toEqual([204, ''])
    expect(steps).toEqual(inOrder)
    expect(table.get(verificationId)?.kept).toMatchObject({ erasingSince: noon, erasedAt: noon })
    expect(metrics.counted).toMatchObject({ 'documents_erased request': 1 })
    expect(log.lines.map(({ message }) => message)).toEqual(['document erased', 'answered'])
  })

  it('twice is once, and deletes again what a copy of the bucket may have brought back', async () => {
    const { request, steps, metrics } = setUp([keptDocument()])
    expect((await request('DELETE', 'document')).status).toBe(204)
    expect((await request('DELETE', 'document')).status).toBe(204)
    expect(steps).toEqual([...inOrder, ...inOrder.slice(0, 3)])
    expect(metrics.counted).toMatchObject({ 'documents_erased request': 1 })
  })

  it('under a hold: 409, and nothing is touched', async () => {
    const document = keptDocument()
    const { request, steps } = setUp([
      { ...document, kept: { ...document.kept, ...unheld, legalHold: true } } as typeof document,
    ])
    expect(await request('DELETE', 'document')).toMatchObject({ status: 409, body: { code: 'legal_hold' } })
    expect(steps).toEqual(['begin'])
  })

  it.each(['pending', 'processing'] as const)('%s: 409, and may be asked again soon', async (status) => {
    const { request, steps } = setUp([bareDocument(status)])
    const answer = await request('DELETE', 'document')
    expect(answer).toMatchObject({ status: 409, body: { code: 'verification_in_progress' } })
    expect(answer.headers['retry-after']).toBe('5')
    expect(steps).toEqual([])
  })

  it('rejected: whatever a crash left of any attempt goes', async () => {
    const { request, steps, metrics } = setUp([bareDocument('rejected', 2)])
    expect((await request('DELETE', 'document')).status).toBe(204)
    const [first, second] = [ofAttempt(1), ofAttempt(2)]
    expect(steps).toEqual([`keys ${first.key} ${second.key}`, `documents ${first.documents} ${second.documents}`])
    expect(metrics.counted['documents_erased request']).toBeUndefined()
  })

  it('expired: the newest attempt is left alone, since its document may be on its way', async () => {
    const { request, steps } = setUp([bareDocument('expired', 2)])
    expect((await request('DELETE', 'document')).status).toBe(204)
    expect(steps).toEqual([`keys ${own.key}`, `documents ${own.documents}`])
  })

  it('of a document under another name destroys that, too', async () => {
    const other = '00000000-0000-4000-8000-000000000001'
    const document = { ...keptDocument(), kept: { object: { id: other, attempt: 4 }, ...unheld } }
    const { request, steps } = setUp([document])
    await request('DELETE', 'document')
    expect(steps[1]).toBe(`keys keys/${other}/4 ${own.key}`)
  })

  it('another user and an unknown id read the same 404', async () => {
    const { request, steps } = setUp([keptDocument()])
    const stranger = await request('DELETE', 'document', verificationId, makeEndUser('user-2'))
    const unknown = await request('DELETE', 'document', '00000000-0000-4000-8000-000000000009')
    const malformed = await request('DELETE', 'document', 'nothing')
    for (const answer of [stranger, unknown, malformed]) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'verification_not_found' } })
      expect(answer.body.detail).toBe(unknown.body.detail)
    }
    expect(steps).toEqual([])
  })

  it('by its user', async () => {
    const { request } = setUp([keptDocument()])
    expect((await request('DELETE', 'document', verificationId, makeEndUser('user-1'))).status).toBe(204)
  })

  it.each(inOrder)('storage away at "%s": 503, and the sweep ends it', async (where) => {
    const { request, faults, table, sweep } = setUp([keptDocument()])
    faults.set(where, 1)
    expect(await request('DELETE', 'document')).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    const begun = where !== 'begin'
    expect(table.get(verificationId)?.kept).toMatchObject({ erasingSince: begun ? noon : null, erasedAt: null })
    await sweep()
    expect(table.get(verificationId)?.kept?.erasedAt).toEqual(begun ? noon : null)
  })
})

describe('a legal hold', () => {
  it('keeps the document until it is lifted', async () => {
    const { request } = setUp([keptDocument()])
    expect((await request('PUT', 'legal-hold')).status).toBe(204)
    expect((await request('PUT', 'legal-hold')).status).toBe(204)
    expect((await request('DELETE', 'document')).body.code).toBe('legal_hold')
    expect((await request('DELETE', 'legal-hold')).status).toBe(204)
    expect((await request('DELETE', 'legal-hold')).status).toBe(204)
    expect((await request('DELETE', 'document')).status).toBe(204)
    expect(await request('PUT', 'legal-hold')).toMatchObject({ status: 409, body: { code: 'document_erased' } })
  })

  it.each(['PUT', 'DELETE'])('%s is for services: no user may, the owner neither', async (method) => {
    const { request, table } = setUp([keptDocument()])
    const answer = await request(method, 'legal-hold', verificationId, makeEndUser('user-1'))
    expect(answer).toMatchObject({ status: 403, body: { code: 'missing_scope' } })
    expect(table.get(verificationId)?.kept?.legalHold).toBe(false)
  })

  it.each([
    ['pending', 'verification_in_progress'],
    ['rejected', 'document_not_kept'],
  ] as const)('of one that is %s: 409 %s', async (status, code) => {
    const { request } = setUp([bareDocument(status)])
    expect(await request('PUT', 'legal-hold')).toMatchObject({ status: 409, body: { code } })
  })

  it('of an unknown verification: 404', async () => {
    const { request } = setUp([])
    expect((await request('PUT', 'legal-hold')).status).toBe(404)
  })
})

it('answers 404 for a route that is none of its own', async () => {
  const { request } = setUp([keptDocument()])
  expect(await request('GET', 'document')).toMatchObject({ status: 404, body: { code: 'route_not_found' } })
})

describe('the sweep', () => {
  const idOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
  const late = new Date(noon.getTime() + 30 * day + 1)

  it('erases what was kept for longer than the stage keeps documents, and not a moment before', async () => {
    const early = setUp([keptDocument()], { now: new Date(noon.getTime() + 30 * day) })
    await early.sweep()
    expect(early.table.get(verificationId)?.kept?.erasingSince).toBeNull()
    const { sweep, steps, table, metrics } = setUp([keptDocument()], { now: late })
    await sweep()
    expect(steps).toEqual(['begin due', ...inOrder.slice(1)])
    expect(table.get(verificationId)?.kept).toMatchObject({ erasingSince: late, erasedAt: late })
    expect(metrics.counted).toEqual({ 'documents_erased retention': 1, retention_sweeps: 1 })
    expect(metrics.values).toEqual({ erasure_overdue_seconds: [0] })
  })

  it.each(inOrder.slice(1))('that ends at "%s" is done again by the next one, from the key on', async (where) => {
    const { sweep, faults, steps, table } = setUp([keptDocument()], { now: late })
    faults.set(where, 1)
    expect(await catchError(() => sweep())).toBeInstanceOf(UnavailableError)
    expect(table.get(verificationId)?.kept).toMatchObject({ erasingSince: late, erasedAt: null })
    steps.length = 0
    await sweep()
    expect(steps).toEqual(['begin due', ...inOrder.slice(1)])
    expect(table.get(verificationId)?.kept).toMatchObject({ erasingSince: late, erasedAt: late })
  })

  it('leaves what is held', async () => {
    const document = keptDocument()
    const held = { ...document, kept: { object: { id: verificationId, attempt: 1 }, ...unheld, legalHold: true } }
    const { sweep, steps } = setUp([held], { now: late })
    await sweep()
    expect(steps).toEqual(['begin due'])
  })

  it('takes pages, none of them twice, and one that fails keeps no other from its turn', async () => {
    const documents = Array.from({ length: 2 * pageSize + 1 }, (_, number) => keptDocument(idOf(number)))
    const { sweep, faults, table, metrics, log } = setUp(documents, { now: late })
    const names = documents.slice(0, pageSize).map(({ id }) => `keys/${id}/1`)
    faults.set(`keys ${names.join(' ')}`, 1)
    expect(await catchError(() => sweep())).toBeInstanceOf(UnavailableError)
    const erased = [...table.values()].filter(({ kept }) => kept?.erasedAt)
    expect(erased).toHaveLength(pageSize + 1)
    expect(metrics.counted).toEqual({ 'documents_erased retention': pageSize + 1 })
    expect(log.lines.map(({ message }) => message)).toEqual([
      ...['not all was erased: the next sweep tries again', 'documents erased'],
    ])
    await sweep()
    expect([...table.values()].every(({ kept }) => kept?.erasedAt)).toBe(true)
    expect(metrics.counted).toEqual({ 'documents_erased retention': 2 * pageSize + 1, retention_sweeps: 1 })
  })
})
