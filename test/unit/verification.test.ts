// The verification queue: verdict, announcement, acknowledgement, in this order; what a crash anywhere leaves; and
// what the inspect function answers and how that answer is read.
import { createHash } from 'node:crypto'
import type { SQSEvent } from 'aws-lambda'
import { describe, expect, it } from 'vitest'
import type { CleanCopy } from '../../functions/inspect/check.ts'
import { createHandler as createInspectHandler } from '../../functions/inspect/handler.ts'
import type { Inspection } from '../../functions/inspect/inspect-document.ts'
import type { KeepCopy } from '../../functions/inspect/keep-copy.ts'
import type { Parsed } from '../../functions/inspect/parser-process.ts'
import { createHandler } from '../../functions/verification/handler.ts'
import { readInspectResult } from '../../functions/verification/inspect-result.ts'
import type { InspectAnswer, VerifyDocumentsPorts } from '../../functions/verification/verify-documents.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { toUserVerified } from '../../shared/events.ts'
import type { Publication } from '../../shared/kafka.ts'
import { toDataKeyKey } from '../../shared/kept-documents.ts'
import { type InspectionRecord, toDocumentKey, type Verification } from '../../shared/model.ts'
import type { Verdict } from '../../shared/verifications.ts'
import {
  catchError,
  createMemoryLog,
  createMemoryMetrics,
  makeVerification,
  noon,
  sha256OfNothing,
  verificationId,
} from '../support/fakes.ts'

const inspection: InspectionRecord = {
  rulesVersion: '7',
  checks: [{ check: 'size', outcome: 'passed', milliseconds: 0.5 }],
}
const passed: Extract<InspectAnswer, { verdict: 'passed' }> = {
  ...{ outcome: 'inspected', sha256: sha256OfNothing, verdict: 'passed', kept: true },
  ...inspection,
}
const reasons = [{ code: 'truncated', message: 'The end is missing.', retry: false }]
const { kept: _, ...inspected } = passed
const refused: Extract<InspectAnswer, { verdict: 'rejected' }> = { ...inspected, verdict: 'rejected', reasons }
const crashed: InspectAnswer = { outcome: 'crashed' }
const brokenOff = { check: 'decode', outcome: 'failed', milliseconds: 9000 } as const
const parserCrashed: InspectAnswer = {
  ...{ outcome: 'crashed', rulesVersion: '1', checks: [brokenOff] },
  sha256: sha256OfNothing,
}
const throttled = new UnavailableError('inspection', 'inspect could not be called')

const makeId = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const keyOf = (row: Verification) => toDocumentKey(row)

/** A message of the queue as S3 puts it there: keys form-encoded. */
const makeMessage = (messageId: string, ...keys: string[]) => ({
  messageId,
  body: JSON.stringify({
    Records: keys.map((key) => ({
      eventSource: 'aws:s3',
      eventName: 'ObjectCreated:Put',
      s3: { bucket: { name: 'documents' }, object: { key: encodeURIComponent(key).replaceAll('%2F', '/'), size: 9 } },
    })),
  }),
})

/**
 * The table, with the rules of its SQL; inspect answers what the scripts say, key by key; Kafka is a list.
 * Every step that others could see is noted in `steps`.
 */
function setUp(
  rows: readonly Verification[],
  scripts: Record<string, (InspectAnswer | Error)[]> = {},
  options: {
    /** Whether beginning an inspection is refused. */
    readonly isRefused?: boolean
    /** Whether what was refused since it was replaced may be begun by now. */
    readonly isOpenAgain?: boolean
    readonly answerLate?: Readonly<Record<string, Promise<InspectAnswer>>>
    readonly onDelete?: () => void
  } = {},
) {
  const table = new Map(rows.map((row) => [row.id, row]))
  const steps: string[] = []
  const published: Publication[] = []
  const verdicts: Verdict[] = []
  /** What there is in both buckets, by name; and of which attempts something is kept. */
  const objects = new Set(rows.map(keyOf))
  const kept = new Set<string>()
  /** Of documents that somebody else was verified with. */
  const sharedMacs = new Set<string>()
  /** Of an upload's bytes: the verification that answers for it. */
  const answering = new Map<string, Verification>()
  const faults = new Map<string, Error>()
  const log = createMemoryLog()
  const metrics = createMemoryMetrics()
  const update = (id: string, change: Partial<Verification>) => {
    const row = table.get(id)
    if (!row) throw new Error('no such row')
    const changed = { ...row, ...change }
    table.set(id, changed)
    return changed
  }
  const step = (name: string) => {
    steps.push(name)
    const fault = faults.get(name)
    if (fault) throw fault
  }
  const ports: VerifyDocumentsPorts = {
    log,
    count: metrics.count,
    measure: metrics.measure,
    now: () => noon,
    topic: 'user.verified',
    beginInspection: async (id, attempt) => {
      step('begin')
      const row = table.get(id)
      if (options.isRefused) return undefined
      if (!row || row.attempt !== attempt || !['pending', 'processing', 'expired'].includes(row.status))
        return undefined
      return update(id, { status: 'processing' })
    },
    findVerification: async (id) => {
      step('find')
      return table.get(id)
    },
    closeReplaced: async () => {
      step('close')
      return !options.isOpenAgain
    },
    commitVerdict: async (id, attempt, verdict) => {
      step('commit')
      const row = table.get(id)
      if (row?.attempt !== attempt) return undefined
      if (row.status !== 'processing') return { verification: row, sharesDocument: false }
      verdicts.push(verdict)
      if (verdict.status === 'verified' && verdict.keptAs) kept.add(`${verdict.keptAs.id}/${verdict.keptAs.attempt}`)
      const verification = update(id, {
        status: verdict.status,
        reasons: verdict.status === 'rejected' ? verdict.reasons : [],
        verifiedAt: verdict.status === 'verified' ? verdict.at : null,
      })
      const mac = verdict.status === 'verified' ? Buffer.from(verdict.documentMac).toString('hex') : ''
      return { verification, sharesDocument: sharedMacs.has(mac) }
    },
    commitArrival: async ({ id, attempt, documentSha256 }, verdict) => {
      step('arrive')
      const earlier = answering.get(Buffer.from(documentSha256).toString('hex'))
      if (earlier) return { verification: earlier, sharesDocument: false }
      update(id, { documentSha256 })
      return await ports.commitVerdict(id, attempt, verdict)
    },
    macDocument: async (documentSha256) => {
      step('mac')
      return createHash('sha256').update('key').update(documentSha256).digest()
    },
    markAnnounced: async (ids, at) => {
      step('mark')
      for (const id of ids) update(id, { announcedAt: at })
    },
    findKeptAttempts: async (id) => {
      step('find kept')
      return [...kept].filter((name) => name.startsWith(id)).map((name) => Number(name.split('/')[1]))
    },
    deleteDataKeys: async (keys) => {
      if (keys.length > 0) step('destroy keys')
      for (const key of keys) objects.delete(key)
    },
    deleteDocuments: async (keys) => {
      if (keys.length > 0) step('delete')
      for (const key of keys) objects.delete(key)
      options.onDelete?.()
    },
    providerDefers: false,
    inspect: async ({ key, id, attempt }) => {
      step('inspect')
      objects.add(toDataKeyKey({ id, attempt }))
      const answer =
        (await options.answerLate?.[key]) ?? scripts[key]?.shift() ?? new Error('inspect was called once too often')
      if (answer instanceof Error) throw answer
      if (answer.outcome === 'inspected' && answer.verdict === 'passed' && answer.kept) {
        objects.add(key.replace('incoming/', 'kept/'))
      }
      return answer
    },
    publish: async (publications) => {
      step('publish')
      published.push(...publications)
    },
  }
  const handle = createHandler(ports)
  const deliver = (...messages: { messageId: string; body: string }[]) => handle({ Records: messages } as SQSEvent)
  return { table, objects, kept, steps, published, verdicts, sharedMacs, answering, faults, log, metrics, deliver }
}

/** One row, one message; answers which messages are to come again. */
async function verify(row: Verification, ...script: (InspectAnswer | Error)[]) {
  const world = setUp([row], { [keyOf(row)]: script })
  const { batchItemFailures } = await world.deliver(makeMessage('m1', keyOf(row)))
  return { ...world, batchItemFailures, row: world.table.get(row.id) }
}

const again = [{ itemIdentifier: 'm1' }]

describe('a document that passes', () => {
  it('is committed, then published, then noted, and only then acknowledged', async () => {
    const { batchItemFailures, steps, row, published, log } = await verify(makeVerification(), passed)
    expect(steps).toEqual([...['begin', 'inspect', 'mac', 'commit', 'publish', 'mark', 'find kept', 'delete']])
    expect(batchItemFailures).toEqual([])
    expect(row).toMatchObject({ status: 'verified', verifiedAt: noon, announcedAt: noon })
    const event = toUserVerified({ ...makeVerification(), verifiedAt: noon })
    expect(published).toEqual([{ topic: 'user.verified', ...event }])
    expect(published[0]?.headers).toMatchObject({ request_id: 'request-1', event_type: 'user.verified' })
    expect(log.lines.map(({ message }) => message)).toEqual(['verdict', 'announced'])
    expect(log.lines[0]?.fields).toEqual({
      request_id: 'request-1',
      verification_id: verificationId,
      status: 'verified',
    })
  })

  it('of an upload that somebody else reads comes again, and nothing of it is deleted', async () => {
    const row = { ...makeVerification({ status: 'processing' }), documentSha256: null }
    const { deliver, steps, objects } = setUp([row], {}, { isRefused: true })
    expect(await deliver(makeMessage('m1', keyOf(row)))).toEqual({ batchItemFailures: again })
    expect(steps).toEqual(['begin', 'find'])
    expect(objects).toContain(keyOf(row))
  })

  it('is begun again where a crash left it processing', async () => {
    const { row } = await verify(makeVerification({ status: 'processing' }), passed)
    expect(row?.status).toBe('verified')
  })

  it('is committed with how it was inspected, and with what it is compared by', async () => {
    const { verdicts } = await verify(makeVerification(), passed)
    const documentMac = createHash('sha256').update('key').update(Buffer.from(sha256OfNothing, 'hex')).digest()
    const keptAs = { id: verificationId, attempt: 1 }
    expect(verdicts).toEqual([{ status: 'verified', at: noon, inspection, documentMac, keptAs }])
  })

  it('that another user was verified with is counted, and told in no log', async () => {
    const row = makeVerification()
    const { deliver, sharedMacs, metrics, log, published } = setUp([row], { [keyOf(row)]: [passed] })
    const [one] = (await verify(row, passed)).verdicts
    if (one?.status !== 'verified') return expect.unreachable()
    sharedMacs.add(Buffer.from(one.documentMac).toString('hex'))
    expect((await deliver(makeMessage('m1', keyOf(row)))).batchItemFailures).toEqual([])
    expect(metrics.counted).toMatchObject({ documents_shared: 1, 'verdicts passed': 1 })
    expect(published).toHaveLength(1)
    expect(JSON.stringify([log.lines, published])).not.toMatch(/share|mac/i)
  })

  it('after one crash of inspect is verified: it may have been the machine', async () => {
    const { batchItemFailures, steps, row } = await verify(makeVerification(), crashed, passed)
    expect(steps.filter((step) => step === 'inspect')).toHaveLength(2)
    expect(row?.status).toBe('verified')
    expect(batchItemFailures).toEqual([])
  })
})

describe('a verdict that is not verified', () => {
  it('rejected: with the reasons of inspect, nothing published', async () => {
    const { batchItemFailures, row, published, log } = await verify(makeVerification(), refused)
    expect(row).toMatchObject({ status: 'rejected', reasons, verifiedAt: null })
    expect(published).toEqual([])
    expect(batchItemFailures).toEqual([])
    expect(log.lines[0]?.fields).toMatchObject({ status: 'rejected', reason: 'truncated' })
  })

  it.each([
    ['rejected', [refused], { status: 'rejected', at: noon, inspection, reasons }],
    ['altered', [{ ...passed, sha256: 'ab'.repeat(32) }], { status: 'rejected', at: noon, inspection }],
    ['crashed', [crashed, crashed], { status: 'rejected', at: noon, inspection: null }],
    [
      'crashed its parser',
      [parserCrashed, parserCrashed],
      { status: 'rejected', at: noon, inspection: { rulesVersion: '1', checks: [brokenOff] } },
    ],
    ['lost', [{ outcome: 'absent' } as const], { status: 'expired', at: noon, inspection: null }],
  ])('%s: is committed with how it was inspected, if it was', async (_, script, expected) => {
    const { verdicts, steps } = await verify(makeVerification(), ...script)
    expect(verdicts).toMatchObject([expected])
    expect(steps).not.toContain('mac')
  })

  it('inspect crashed twice in a row: rejected, and the same bytes may be sent again', async () => {
    const { batchItemFailures, row } = await verify(makeVerification(), crashed, crashed)
    expect(row).toMatchObject({ status: 'rejected', reasons: [{ code: 'inspection_failed', retry: true }] })
    expect(batchItemFailures).toEqual([])
  })

  it.each([
    ['absent', [{ outcome: 'absent' } as const]],
    ['absent after a crash', [crashed, { outcome: 'absent' } as const]],
  ])('%s: expired', async (_name, script) => {
    const { batchItemFailures, row, published } = await verify(makeVerification(), ...script)
    expect(row).toMatchObject({ status: 'expired', reasons: [], verifiedAt: null })
    expect(published).toEqual([])
    expect(batchItemFailures).toEqual([])
  })

  it('other bytes than those uploaded are rejected though they would pass; they may be sent again', async () => {
    const { row, published } = await verify(makeVerification(), { ...passed, sha256: 'ab'.repeat(32) })
    expect(row).toMatchObject({ status: 'rejected', reasons: [{ code: 'altered_document', retry: true }] })
    expect(published).toEqual([])
  })
})

describe('no verdict: the message comes again', () => {
  it.each([
    ['the object could not be read in time', [{ outcome: 'unreadable' } as const]],
    ['its copy could not be kept', [{ outcome: 'not_kept' } as const]],
    ['it crashed, then could not be read', [crashed, { outcome: 'unreadable' } as const]],
    ['inspect was throttled', [throttled]],
    ['it crashed, then was throttled', [crashed, throttled]],
  ])('%s', async (_name, script) => {
    const { batchItemFailures, row, published, log } = await verify(makeVerification(), ...script)
    expect(batchItemFailures).toEqual(again)
    expect(row?.status).toBe('processing')
    expect(published).toEqual([])
    expect(log.lines).toEqual([
      {
        level: 'error',
        message: 'document not verified',
        fields: { verification_id: verificationId, error: expect.any(UnavailableError) },
      },
    ])
  })

  it('KMS is away: the document could not be compared with those of others', async () => {
    const row = makeVerification()
    const { faults, deliver, table, published } = setUp([row], { [keyOf(row)]: [passed] })
    faults.set('mac', new UnavailableError('inspection', 'away'))
    expect((await deliver(makeMessage('m1', keyOf(row)))).batchItemFailures).toEqual(again)
    expect(table.get(row.id)?.status).toBe('processing')
    expect(published).toEqual([])
  })

  it.each(['begin', 'find', 'commit'])('Postgres is away at: %s', async (where) => {
    const row = makeVerification(where === 'find' ? { status: 'rejected', reasons } : {})
    const { faults, deliver, published } = setUp([row], { [keyOf(row)]: [passed] })
    faults.set(where, new UnavailableError('database', 'away'))
    expect((await deliver(makeMessage('m1', keyOf(row)))).batchItemFailures).toEqual(again)
    expect(published).toEqual([])
  })

  it('an object without a row, which cannot be: a person finds it in the dead-letter queue', async () => {
    const { deliver, log } = setUp([])
    const { batchItemFailures } = await deliver(makeMessage('m1', `incoming/${verificationId}/1`))
    expect(batchItemFailures).toEqual(again)
    expect(log.lines[0]).toMatchObject({ level: 'error', fields: { verification_id: verificationId } })
  })

  it.each(['incoming/x/1', `incoming/${verificationId}/0`, `other/${verificationId}/1`, ''])(
    'an object of the name %j, which is not ours',
    async (key) => {
      const { deliver, steps } = setUp([])
      expect((await deliver(makeMessage('m1', key))).batchItemFailures).toEqual(again)
      expect(steps).toEqual([])
    },
  )
})

describe('an upload, of which nobody knows what it is', () => {
  const upload: Verification = { ...makeVerification(), documentSha256: null }

  it('is what was read', async () => {
    const { steps, row, published, batchItemFailures } = await verify(upload, passed)
    expect(steps.slice(0, 7)).toEqual(['begin', 'inspect', 'mac', 'arrive', 'commit', 'publish', 'mark'])
    expect(row).toMatchObject({ status: 'verified', announcedAt: noon })
    expect(Buffer.from(row?.documentSha256 ?? []).toString('hex')).toBe(sha256OfNothing)
    expect(published).toEqual([
      { topic: 'user.verified', ...toUserVerified({ ...makeVerification(), verifiedAt: noon }) },
    ])
    expect(batchItemFailures).toEqual([])
  })

  it.each([
    ['is rejected', refused],
    ['crashed its parser', parserCrashed],
  ])('that %s is known as well', async (_, answer) => {
    const { steps, row } = await verify(upload, ...(answer === refused ? [answer] : [answer, answer]))
    expect(steps.filter((step) => step !== 'inspect').slice(0, 3)).toEqual(['begin', 'arrive', 'commit'])
    expect(row?.status).toBe('rejected')
    expect(Buffer.from(row?.documentSha256 ?? []).toString('hex')).toBe(sha256OfNothing)
  })

  it.each([
    ['never came', { outcome: 'absent' } as const, 'expired'],
    ['crashed the function itself', crashed, 'rejected'],
  ])('that %s stays unknown', async (_, answer, status) => {
    const { steps, row } = await verify(upload, answer, answer)
    expect(steps).not.toContain('arrive')
    expect(row).toMatchObject({ status, documentSha256: null })
  })

  it('of bytes that another verification answers for announces that one, unless it was', async () => {
    for (const [announcedAt, count] of [
      [null, 1],
      [noon, 0],
    ] as const) {
      const earlier = makeVerification({ id: makeId(5), status: 'verified', verifiedAt: noon, announcedAt })
      const { deliver, answering, published, objects } = setUp([upload, earlier], { [keyOf(upload)]: [passed] })
      answering.set(sha256OfNothing, earlier)
      expect((await deliver(makeMessage('m1', keyOf(upload)))).batchItemFailures).toEqual([])
      expect(published).toHaveLength(count)
      // What was uploaded goes, and the document of the other one stays.
      expect([...objects].filter((key) => key.includes(upload.id))).toEqual([])
      expect([...objects].filter((key) => key.includes(earlier.id))).not.toEqual([])
      for (const { value } of published)
        expect(JSON.parse(String(value))).toMatchObject({ verification_id: earlier.id })
    }
  })

  it('whose message comes again is announced by the verification that answers, whatever its attempt', async () => {
    const earlier = makeVerification({ id: makeId(5), attempt: 4, status: 'verified', verifiedAt: noon })
    const { table, deliver, published } = setUp([upload, earlier])
    // As the SQL finds it: the row of the upload is a duplicate.
    table.set(upload.id, earlier)
    expect((await deliver(makeMessage('m1', keyOf(upload)))).batchItemFailures).toEqual([])
    expect(published.map(({ value }) => JSON.parse(String(value)).verification_id)).toEqual([earlier.id])
  })
})

describe('a message that comes again', () => {
  /** Of what nothing is kept. */
  const discarded = ['find kept', 'destroy keys', 'delete']

  it('of a verified and announced row: nothing is done', async () => {
    const { batchItemFailures, steps } = await verify(
      makeVerification({ status: 'verified', verifiedAt: noon, announcedAt: noon }),
    )
    expect(batchItemFailures).toEqual([])
    expect(steps).toEqual(['begin', 'find', ...discarded])
  })

  it('of a verified row that a crash left unannounced: announced, not inspected, the same bytes', async () => {
    const verifiedAt = new Date('2026-01-02T11:59:00.000Z')
    const row = makeVerification({ status: 'verified', verifiedAt })
    const { batchItemFailures, steps, published } = await verify(row)
    expect(steps).toEqual(['begin', 'find', 'publish', 'mark', ...discarded])
    expect(published).toEqual([{ topic: 'user.verified', ...toUserVerified({ ...row, verifiedAt }) }])
    expect(batchItemFailures).toEqual([])
  })

  it('of a row that is rejected: the verdict stands', async () => {
    const { batchItemFailures, steps, row } = await verify(makeVerification({ status: 'rejected' }))
    expect(steps).toEqual(['begin', 'find', ...discarded])
    expect(row?.status).toBe('rejected')
    expect(batchItemFailures).toEqual([])
  })

  // Put while it was looked for, and found missing: the client was told 202.
  it('of a row that expired: the document that came after all is judged', async () => {
    const { batchItemFailures, row, published } = await verify(makeVerification({ status: 'expired' }), passed)
    expect(row?.status).toBe('verified')
    expect(published).toHaveLength(1)
    expect(batchItemFailures).toEqual([])
  })

  it('of a row that expired, in whose place is another one: nobody reads it, and nothing stays of it', async () => {
    const row = makeVerification({ status: 'expired' })
    const { deliver, steps, table, objects } = setUp([row], {}, { isRefused: true })
    expect((await deliver(makeMessage('m1', keyOf(row)))).batchItemFailures).toEqual([])
    expect(steps).toEqual(['begin', 'find', 'close', ...discarded])
    expect(table.get(row.id)).toBe(row)
    expect([...objects]).toEqual([])
  })

  it('of a row that expired, whose place is free again: nothing of it is deleted, and it comes again', async () => {
    const row = makeVerification({ status: 'expired' })
    const { deliver, steps, objects } = setUp([row], {}, { isRefused: true, isOpenAgain: true })
    expect((await deliver(makeMessage('m1', keyOf(row)))).batchItemFailures).toEqual(again)
    expect(steps).toEqual(['begin', 'find', 'close'])
    expect([...objects]).toEqual([keyOf(row)])
  })

  it('of an attempt that is over: the newer one is not touched', async () => {
    const row = makeVerification({ attempt: 2, status: 'verified', verifiedAt: noon })
    const { deliver, steps, table } = setUp([row])
    const { batchItemFailures } = await deliver(makeMessage('m1', keyOf({ ...row, attempt: 1 })))
    expect(batchItemFailures).toEqual([])
    expect(steps).toEqual(['begin', 'find', ...discarded])
    expect(table.get(row.id)).toBe(row)
  })

  it('whose attempt ends while it is inspected: nothing is announced for it', async () => {
    const row = makeVerification()
    const { deliver, table, published, log } = setUp([row], { [keyOf(row)]: [crashed, passed] })
    const handled = deliver(makeMessage('m1', keyOf(row)))
    table.set(row.id, { ...row, attempt: 2 })
    expect((await handled).batchItemFailures).toEqual([])
    expect(published).toEqual([])
    expect(log.lines[0]?.fields).toMatchObject({ status: 'superseded' })
  })

  it('whose verdict another took first: the first stands and is announced', async () => {
    const row = makeVerification()
    const { deliver, table, published } = setUp([row], { [keyOf(row)]: [refused] })
    const handled = deliver(makeMessage('m1', keyOf(row)))
    table.set(row.id, { ...row, status: 'verified', verifiedAt: noon })
    expect((await handled).batchItemFailures).toEqual([])
    expect(table.get(row.id)?.status).toBe('verified')
    expect(published).toHaveLength(1)
  })

  it('that somebody else has missed meanwhile is judged when its message comes again', async () => {
    const row = makeVerification()
    const { deliver, table, objects, kept, metrics } = setUp([row], { [keyOf(row)]: [passed, passed] })
    const handled = deliver(makeMessage('m1', keyOf(row)))
    table.set(row.id, { ...row, status: 'expired' })
    expect((await handled).batchItemFailures).toEqual(again)
    expect(metrics.counted).toEqual({ documents_not_verified: 1 })
    expect(objects).toContain(keyOf(row))
    expect((await deliver(makeMessage('m1', keyOf(row)))).batchItemFailures).toEqual([])
    expect(table.get(row.id)).toMatchObject({ status: 'verified', announcedAt: noon })
    expect([...kept]).toEqual([`${row.id}/1`])
  })
})

describe('the objects of a document', () => {
  const row = makeVerification()
  const [original, key, copy] = [keyOf(row), `keys/${row.id}/1`, `kept/${row.id}/1`]

  it('that passed: key and copy stay, the original goes', async () => {
    expect([...(await verify(row, passed)).objects].toSorted()).toEqual([copy, key].toSorted())
  })

  it('that passed where nothing is kept, as by the release before: all go, and none is said to be kept', async () => {
    const { objects, verdicts } = await verify(row, { ...passed, kept: false })
    expect([...objects]).toEqual([])
    expect(verdicts).toMatchObject([{ status: 'verified', keptAs: null }])
  })

  it.each([
    ['rejected', [refused]],
    ['crashed twice', [crashed, crashed]],
    ['other bytes than those uploaded, though they would pass', [{ ...passed, sha256: 'ab'.repeat(32) }]],
  ])('that was %s: all go', async (_name, script) => {
    expect([...(await verify(row, ...script)).objects]).toEqual([])
  })

  it.each(['destroy keys', 'delete', 'commit'])(
    'that did not come: nothing stays but what may be on its way, also when it ends at "%s" and comes again',
    async (where) => {
      for (const documentSha256 of [row.documentSha256, null]) {
        const absent = { outcome: 'absent' } as const
        const { objects, deliver, faults, table } = setUp([{ ...row, documentSha256 }], {
          [original]: [absent, absent],
        })
        objects.add(copy)
        faults.set(where, new UnavailableError('documents', 'away'))
        expect((await deliver(makeMessage('m1', original))).batchItemFailures).toEqual(again)
        expect(table.get(row.id)?.status).toBe('processing')
        faults.clear()
        expect((await deliver(makeMessage('m1', original))).batchItemFailures).toEqual([])
        expect(table.get(row.id)?.status).toBe('expired')
        expect([...objects]).toEqual([original])
      }
    },
  )

  it('that came a second time after its verdict: deleted unread, and what is kept stays', async () => {
    const { objects, deliver, steps } = await verify(row, passed)
    objects.add(original)
    steps.length = 0
    expect((await deliver(makeMessage('m2', original))).batchItemFailures).toEqual([])
    expect([...objects].toSorted()).toEqual([copy, key].toSorted())
    expect(steps).not.toContain('inspect')
  })

  it('that was erased meanwhile: what a late delivery brought back goes', async () => {
    const { objects, kept, deliver } = await verify(row, passed)
    kept.clear()
    for (const name of [original, key, copy]) objects.add(name)
    expect((await deliver(makeMessage('m2', original))).batchItemFailures).toEqual([])
    expect([...objects]).toEqual([])
  })

  it.each(['find kept', 'delete'])('are not acknowledged before they are gone: away at "%s"', async (where) => {
    const { deliver, faults, objects, table, log } = setUp([row], { [original]: [passed] })
    faults.set(where, new UnavailableError('documents', 'away'))
    expect((await deliver(makeMessage('m1', original))).batchItemFailures).toEqual(again)
    expect(table.get(row.id)).toMatchObject({ status: 'verified', announcedAt: noon })
    expect(log.lines.at(-1)).toMatchObject({ level: 'error', message: 'document not discarded' })
    expect(objects.has(original)).toBe(true)
    faults.clear()
    expect((await deliver(makeMessage('m1', original))).batchItemFailures).toEqual([])
    expect([...objects].toSorted()).toEqual([copy, key].toSorted())
  })

  it('of a rejected one: the key goes first, and the rest is not lost sight of', async () => {
    const { deliver, faults, objects } = setUp([row], { [original]: [refused] })
    faults.set('delete', new UnavailableError('documents', 'away'))
    expect((await deliver(makeMessage('m1', original))).batchItemFailures).toEqual(again)
    expect(objects.has(key)).toBe(false)
    faults.clear()
    await deliver(makeMessage('m1', original))
    expect([...objects]).toEqual([])
  })
})

describe('a document that takes long', () => {
  it('keeps no other one of its batch from being announced and put away', async () => {
    const [slow, quick] = [1, 2].map((number) => makeVerification({ id: makeId(number), userId: `user-${number}` }))
    if (!slow || !quick) return expect.unreachable()
    const judged = Promise.withResolvers<InspectAnswer>()
    const discarded = Promise.withResolvers<void>()
    const { deliver, table, objects } = setUp(
      [slow, quick],
      { [keyOf(quick)]: [passed] },
      { answerLate: { [keyOf(slow)]: judged.promise }, onDelete: discarded.resolve },
    )
    const handled = deliver(makeMessage('m1', keyOf(slow)), makeMessage('m2', keyOf(quick)))
    await discarded.promise
    expect(table.get(quick.id)).toMatchObject({ status: 'verified', announcedAt: noon })
    expect(objects).not.toContain(keyOf(quick))
    expect(table.get(slow.id)?.status).toBe('processing')
    judged.resolve(refused)
    expect(await handled).toEqual({ batchItemFailures: [] })
    expect(table.get(slow.id)?.status).toBe('rejected')
  })
})

describe('Kafka is away', () => {
  const rows = [1, 2, 3].map((number) => makeVerification({ id: makeId(number), userId: `user-${number}` }))
  const [first, second, third] = rows as [Verification, Verification, Verification]

  it('the verdicts stay, every message with something to announce comes again, and then only publishes', async () => {
    const { deliver, faults, table, steps, published, log } = setUp(rows, {
      [keyOf(first)]: [passed],
      [keyOf(second)]: [passed],
      [keyOf(third)]: [refused],
    })
    faults.set('publish', new UnavailableError('kafka', 'could not publish 2 records'))
    const messages = rows.map((row, index) => makeMessage(`m${index + 1}`, keyOf(row)))
    expect((await deliver(...messages)).batchItemFailures).toEqual([{ itemIdentifier: 'm1' }, { itemIdentifier: 'm2' }])
    expect([...table.values()].map(({ status, announcedAt }) => [status, announcedAt])).toEqual([
      ['verified', null],
      ['verified', null],
      ['rejected', null],
    ])
    expect(log.lines.at(-1)).toMatchObject({ level: 'error', message: 'verdict not announced' })

    faults.clear()
    steps.length = 0
    expect((await deliver(...messages.slice(0, 2))).batchItemFailures).toEqual([])
    expect(steps).not.toContain('inspect')
    expect(published.map(({ key }) => key)).toEqual(['user-1', 'user-2'])
    expect(table.get(first.id)?.announcedAt).toEqual(noon)
  })

  it('published but not noted: the messages come again, and publish the same bytes', async () => {
    const { deliver, faults, published } = setUp([first], { [keyOf(first)]: [passed] })
    faults.set('mark', new UnavailableError('database', 'away'))
    expect((await deliver(makeMessage('m1', keyOf(first)))).batchItemFailures).toEqual(again)
    faults.clear()
    expect((await deliver(makeMessage('m1', keyOf(first)))).batchItemFailures).toEqual([])
    expect(published).toHaveLength(2)
    expect(published[1]).toEqual(published[0])
  })
})

describe('messages', () => {
  it('s3:TestEvent is acknowledged', async () => {
    const { deliver, steps } = setUp([])
    const body = JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'documents' })
    expect(await deliver({ messageId: 'm1', body })).toEqual({ batchItemFailures: [] })
    expect(steps).toEqual([])
  })

  it.each(['', 'no JSON', '[]', '{}', '{"Records":[{"s3":{}}]}', '{"Records":[{"s3":{"object":{"key":"%zz"}}}]}'])(
    'garbage comes again until the dead-letter queue takes it, and holds up no other: %s',
    async (body) => {
      const row = makeVerification()
      const { deliver, table, log } = setUp([row], { [keyOf(row)]: [passed] })
      const { batchItemFailures } = await deliver({ messageId: 'm1', body }, makeMessage('m2', keyOf(row)))
      expect(batchItemFailures).toEqual(again)
      expect(table.get(row.id)?.status).toBe('verified')
      // By its id it is found among the dead letters; of what it says nothing is told.
      const [line] = log.lines
      expect(line).toMatchObject({ level: 'error', message: 'message is not understood', fields: { message_id: 'm1' } })
      if (body.length > 2) expect(String(line?.fields?.error)).not.toContain(body.slice(0, 4))
    },
  )

  it('a verdict in the queue is believed only where a provider defers', async () => {
    const row = makeVerification()
    const { deliver, table, steps } = setUp([row])
    const body = JSON.stringify({ verification_id: row.id, attempt: 1, answer: passed })
    expect((await deliver({ messageId: 'm1', body })).batchItemFailures).toEqual(again)
    expect(steps).toEqual([])
    expect(table.get(row.id)).toBe(row)
  })

  it('one failure among several is the only one that comes again', async () => {
    const [good, bad] = [makeVerification({ id: makeId(1) }), makeVerification({ id: makeId(2) })] as const
    const { deliver, table } = setUp([good, bad], { [keyOf(good)]: [passed], [keyOf(bad)]: [throttled] })
    const { batchItemFailures } = await deliver(makeMessage('m1', keyOf(bad)), makeMessage('m2', keyOf(good)))
    expect(batchItemFailures).toEqual(again)
    expect(table.get(good.id)?.status).toBe('verified')
  })

  it('two messages of one object inspect it once, and both are acknowledged', async () => {
    const row = makeVerification()
    const { deliver, published } = setUp([row], { [keyOf(row)]: [passed] })
    const { batchItemFailures } = await deliver(makeMessage('m1', keyOf(row)), makeMessage('m2', keyOf(row)))
    expect(batchItemFailures).toEqual([])
    expect(published).toHaveLength(1)
  })

  it('a message with several objects comes again when one of them failed', async () => {
    const [good, bad] = [makeVerification({ id: makeId(1) }), makeVerification({ id: makeId(2) })] as const
    const { deliver } = setUp([good, bad], { [keyOf(good)]: [passed], [keyOf(bad)]: [throttled] })
    expect((await deliver(makeMessage('m1', keyOf(good), keyOf(bad)))).batchItemFailures).toEqual(again)
  })
})

describe('the answer of inspect', () => {
  it.each([[{ outcome: 'absent' }], [{ outcome: 'unreadable' }], [passed], [refused]])('%j is taken', (answer) => {
    expect(readInspectResult(undefined, JSON.stringify({ ...answer, mediaType: 'image/png' }))).toEqual(answer)
  })

  it('that its parser crashed is a crash', () => {
    expect(readInspectResult(undefined, JSON.stringify(parserCrashed))).toEqual(parserCrashed)
  })

  it.each([
    ['Unhandled', { errorType: 'Error', errorMessage: 'boom' }],
    ['Unhandled', { errorType: 'Runtime.ExitError', errorMessage: 'signal: killed' }],
    ['Unhandled', { errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out after 10.00 seconds' }],
    ['Unhandled', { errorMessage: 'Worker process died' }],
    ['Unhandled', 'no object'],
  ])('%s %j is a crash', (functionError, payload) => {
    expect(readInspectResult(functionError, JSON.stringify(payload))).toEqual({ outcome: 'crashed' })
  })

  it.each(['Runtime.ImportModuleError', 'Runtime.HandlerNotFound', 'Runtime.UserCodeSyntaxError'])(
    '%s: inspect is broken, which is no verdict on a document',
    (errorType) => {
      const read = () => readInspectResult('Unhandled', JSON.stringify({ errorType, errorMessage: '' }))
      expect(read).toThrow(new UnavailableError('inspection', `inspect does not start: ${errorType}`))
    },
  )

  it.each([
    [undefined, ''],
    [undefined, 'no JSON'],
    ['Unhandled', ''],
    [undefined, 'null'],
    [undefined, '{"outcome":"inspected"}'],
    [undefined, JSON.stringify({ ...refused, reasons: [] })],
    [undefined, JSON.stringify({ ...passed, verdict: 'maybe' })],
    [undefined, JSON.stringify({ ...passed, checks: undefined })],
  ])('%s %s is understood by nobody: no verdict', async (functionError, payload) => {
    const error = await catchError(() => readInspectResult(functionError, payload))
    expect(error).toMatchObject({ name: 'UnavailableError', part: 'inspection', retriable: true })
  })
})

describe('the inspect function', () => {
  const bytes = Buffer.from('a document')
  const checks = [{ check: 'size', outcome: 'passed', milliseconds: 1 }] as const
  const inspection: Inspection = { verdict: 'passed', mediaType: 'image/png', reasons: [], rulesVersion: '1', checks }
  const parsed: Parsed = {
    outcome: 'inspected',
    inspection,
    cleanCopy: undefined,
    usage: { peakKilobytes: 1, cpuMilliseconds: 1 },
  }
  const copy = { mediaType: 'image/png', bytes: Buffer.from('pixels') } as const
  const setUpInspect = (
    readDocument: (key: string) => Promise<Uint8Array | undefined>,
    options: { cleanCopy?: CleanCopy; keepCopy?: KeepCopy } = {},
  ) => {
    const log = createMemoryLog()
    const { count, counted } = createMemoryMetrics()
    const handle = createInspectHandler({
      log,
      count,
      readDocument,
      startParser: () => ({ inspect: async () => ({ ...parsed, cleanCopy: options.cleanCopy }), kill: async () => {} }),
      keepCopy: options.keepCopy ?? (() => Promise.reject(new Error('expected to keep nothing'))),
    })
    return { log, counted, handle }
  }

  it('answers a verdict on exactly the bytes that it read', async () => {
    const keys: string[] = []
    const { handle } = setUpInspect(async (key) => {
      keys.push(key)
      return bytes
    })
    expect(await handle({ key: 'incoming/x/1' })).toEqual({
      outcome: 'inspected',
      sha256: createHash('sha256').update(bytes).digest('hex'),
      kept: false,
      ...inspection,
    })
    expect(keys).toEqual(['incoming/x/1'])
  })

  const asked = {
    ...{ key: `incoming/${verificationId}/2`, wrapped_data_key: Buffer.from('wrapped').toString('base64') },
  }

  it('keeps the copy of what passed, under the key that it was handed, as that of those bytes', async () => {
    const kept: unknown[] = []
    const { handle } = setUpInspect(async () => bytes, {
      cleanCopy: copy,
      keepCopy: async (...given) => void kept.push(...given),
    })
    expect(await handle(asked)).toMatchObject({ outcome: 'inspected', verdict: 'passed', kept: true })
    const sha256 = createHash('sha256').update(bytes).digest()
    const options = { wrappedDataKey: Buffer.from('wrapped'), abortSignal: expect.any(AbortSignal) }
    expect(kept).toEqual([copy, { id: verificationId, attempt: 2, sha256 }, options])
  })

  it('keeps nothing without a copy, as of a document that is rejected', async () => {
    expect(await setUpInspect(async () => bytes).handle(asked)).toMatchObject({ outcome: 'inspected', kept: false })
  })

  it('keeps nothing for a release that hands it no key', async () => {
    const { handle } = setUpInspect(async () => bytes, { cleanCopy: copy })
    expect(await handle({ key: asked.key })).toMatchObject({ outcome: 'inspected', verdict: 'passed', kept: false })
  })

  it('gives no verdict when the copy of what passed could not be kept, and says why in its log', async () => {
    const error = new Error('AccessDenied')
    const { handle, log, counted } = setUpInspect(async () => bytes, {
      cleanCopy: copy,
      keepCopy: () => Promise.reject(error),
    })
    expect(await handle(asked)).toEqual({ outcome: 'not_kept' })
    expect(log.lines).toEqual([{ level: 'error', message: 'copy could not be kept', fields: { error } }])
    expect(counted).toEqual({ 'documents_inspected not_kept': 1 })
  })

  it('answers absent when there is no object', async () => {
    expect(await setUpInspect(async () => undefined).handle({ key: 'k' })).toEqual({ outcome: 'absent' })
  })

  it('answers unreadable when the bytes do not come, and says why in its log', async () => {
    const error = new Error('the operation was aborted')
    const { handle, log } = setUpInspect(() => Promise.reject(error))
    expect(await handle({ key: 'k' })).toEqual({ outcome: 'unreadable' })
    expect(log.lines).toEqual([{ level: 'warn', message: 'document could not be read', fields: { error } }])
  })

  it.each([undefined, {}, { key: '' }, { key: 1 }, { key: 'k', wrapped_data_key: '#' }])(
    'does not begin for the request %j',
    async (request) => {
      await expect(setUpInspect(async () => bytes).handle(request)).rejects.toThrow()
    },
  )
})

describe('what is counted', () => {
  const first = makeVerification({ id: makeId(1), createdAt: new Date(noon.getTime() - 4321) })

  it('one verdict for each reason, and the time since the POST', async () => {
    const two = [...reasons, { code: 'no_page', message: 'It has no page.', retry: false }]
    const rows = [first, makeVerification({ id: makeId(2) }), makeVerification({ id: makeId(3) })] as const
    const { deliver, metrics } = setUp(rows, {
      [keyOf(rows[0])]: [passed],
      [keyOf(rows[1])]: [{ ...refused, reasons: two }],
      [keyOf(rows[2])]: [{ outcome: 'absent' }],
    })
    await deliver(makeMessage('m1', ...rows.map(keyOf)))
    expect(metrics.counted).toEqual({
      'verdicts passed': 1,
      'verdicts truncated': 1,
      'verdicts no_page': 1,
      'verdicts lost': 1,
    })
    expect(metrics.values.verdict_milliseconds?.toSorted()).toEqual([0, 0, 4321])
  })

  it('no time of an upload: its client took as long as it liked', async () => {
    const { metrics } = await verify({ ...makeVerification(), documentSha256: null }, passed)
    expect(metrics.counted).toEqual({ 'verdicts passed': 1 })
    expect(metrics.values.verdict_milliseconds).toBeUndefined()
  })

  it('a reason that nobody declared as one of the others', async () => {
    const odd = [{ code: 'smudged', message: 'It is smudged.', retry: false }]
    const { metrics } = await verify(first, { ...refused, reasons: odd } as InspectAnswer)
    expect(metrics.counted).toEqual({ 'verdicts other': 1 })
  })

  it('no time of a later attempt: the client took its own before it', async () => {
    const { metrics } = await verify(makeVerification({ attempt: 2 }), passed)
    expect(metrics.counted).toEqual({ 'verdicts passed': 1 })
    expect(metrics.values).toEqual({})
  })

  it('what is to come again, and no verdict', async () => {
    const { metrics } = await verify(first, throttled)
    expect(metrics.counted).toEqual({ documents_not_verified: 1 })
  })
})
