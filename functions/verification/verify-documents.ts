// The use case of the verification queue: verdict committed, then published, then noted, then the original deleted, and only
// then acknowledged.
import { crashPoint } from '../../shared/crash-point.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { toUserVerified } from '../../shared/events.ts'
import { type Publish, toPublication } from '../../shared/kafka.ts'
import type { DocumentAttempt } from '../../shared/kept-documents.ts'
import type { Log } from '../../shared/log.ts'
import { type Metrics, toVerdictReason, type VerdictReason } from '../../shared/metrics.ts'
import {
  type InspectionRecord,
  isPassed,
  type PassedVerification,
  parseDocumentKey,
  type Reason,
  type Verification,
} from '../../shared/model.ts'
import { unjudgedReasons } from '../../shared/unjudged-reasons.ts'
import { type Decision, isActive, type Verdict } from '../../shared/verifications.ts'
import { type DiscardPorts, discardCopy, discardDocument } from './discard.ts'
import type { Arrival } from './upload-tables.ts'

/**
 * What a provider answered. `crashed`: it, or its parser, ended without a verdict after it had begun; when only the parser did
 * it says of which bytes, and during which check. `not_kept`: the document passed, and its copy could not be kept. `deferred`: it is with somebody who
 * will tell; what they tell comes by the queue. `kept`: whether there is a clean copy under the attempt's data key; only the
 * built-in inspection makes one.
 */
export type InspectAnswer =
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unreadable' }
  | { readonly outcome: 'crashed' }
  | (InspectionRecord & { readonly outcome: 'crashed'; readonly sha256: string })
  | { readonly outcome: 'deferred' }
  | { readonly outcome: 'not_kept' }
  | (InspectionRecord & {
      readonly outcome: 'inspected'
      readonly sha256: string
    } & (
        | { readonly verdict: 'passed'; readonly kept?: boolean }
        | { readonly verdict: 'rejected'; readonly reasons: readonly Reason[] }
      ))

/** A document: its object, and by which attempt of which verification its verdict is known. */
export type InspectionRequest = { readonly key: string; readonly id: string; readonly attempt: number }

/**
 * Who looks at documents. It may be asked for the same attempt again, at any time, and must not begin a second time then.
 * Rejects with an `UnavailableError` when it could not be asked: the message comes again.
 */
export type InspectionProvider = (request: InspectionRequest) => Promise<InspectAnswer>

export type VerifyDocumentsPorts = Pick<Metrics<'verification'>, 'count' | 'measure'> &
  DiscardPorts & {
    readonly log: Log
    readonly now: () => Date
    readonly topic: string
    readonly beginInspection: (
      id: string,
      attempt: number,
      options: { readonly reads: boolean },
    ) => Promise<Verification | undefined>
    readonly findVerification: (id: string) => Promise<Verification | undefined>
    /** Whether nobody will inspect that attempt any more, which expired and has been replaced. */
    readonly closeReplaced: (id: string, attempt: number) => Promise<boolean>
    readonly commitVerdict: (id: string, attempt: number, verdict: Verdict) => Promise<Decision | undefined>
    /** As `commitVerdict`, of an upload: it comes out now whose document it is, so another verification may answer. */
    readonly commitArrival: (arrival: Arrival, verdict: Verdict) => Promise<Decision | undefined>
    /** HMAC-SHA-256 under a key that nobody can read. Rejects with an `UnavailableError` when it could not be made. */
    readonly macDocument: (documentSha256: Uint8Array) => Promise<Uint8Array>
    readonly markAnnounced: (ids: readonly string[], now: Date) => Promise<void>
    readonly inspect: InspectionProvider
    /** Whether the provider ever defers: only then is a message believed that brings a verdict. */
    readonly providerDefers: boolean
    readonly publish: Publish
  }

const toReason = (code: keyof typeof unjudgedReasons & VerdictReason): Reason => ({ code, ...unjudgedReasons[code] })

/** `documentSha256`: of what was read; undefined when nothing was that is known. */
type Judgement = { readonly verdict: Verdict; readonly documentSha256?: Uint8Array }

/** Undefined: the verdict comes later. */
async function judge(
  ports: VerifyDocumentsPorts,
  key: string,
  verification: Verification,
  told: InspectAnswer | undefined,
): Promise<Judgement | undefined> {
  const request = { key, id: verification.id, attempt: verification.attempt }
  let answer = told ?? (await ports.inspect(request))
  // A crash may have been another document's fault or a machine's; twice in a row it is this document's.
  if (answer.outcome === 'crashed') answer = await ports.inspect(request)
  const at = ports.now()
  switch (answer.outcome) {
    case 'deferred':
      return undefined
    case 'crashed': {
      const rejected = { status: 'rejected', at, reasons: [toReason('inspection_failed')] } as const
      if (!('sha256' in answer)) return { verdict: { ...rejected, inspection: null } }
      const inspection = { rulesVersion: answer.rulesVersion, checks: answer.checks }
      return { verdict: { ...rejected, inspection }, documentSha256: Buffer.from(answer.sha256, 'hex') }
    }
    case 'absent':
      return { verdict: { status: 'expired', at, inspection: null } }
    case 'unreadable':
      throw new UnavailableError('documents', 'inspect could not read the document in time, or start its parser')
    case 'not_kept':
      throw new UnavailableError('documents', 'inspect could not keep the copy of the document')
    case 'inspected': {
      const inspection = { rulesVersion: answer.rulesVersion, checks: answer.checks }
      const documentSha256 = Buffer.from(answer.sha256, 'hex')
      if (verification.documentSha256 && Buffer.compare(documentSha256, verification.documentSha256) !== 0) {
        return { verdict: { status: 'rejected', at, inspection, reasons: [toReason('altered_document')] } }
      }
      if (answer.verdict === 'rejected') {
        return { verdict: { status: 'rejected', at, inspection, reasons: answer.reasons }, documentSha256 }
      }
      const documentMac = await ports.macDocument(documentSha256)
      const keptAs = answer.kept === true ? { id: verification.id, attempt: verification.attempt } : null
      return { verdict: { status: 'verified', at, inspection, documentMac, keptAs }, documentSha256 }
    }
  }
}

/**
 * One verdict for each reason. The time is that of a first attempt of a document that came with its request: before a later
 * one, and before an upload, the client took its own.
 */
function countVerdict(ports: VerifyDocumentsPorts, begun: Verification, verdict: Verdict): void {
  const passedOrLost = verdict.status === 'verified' ? 'passed' : 'lost'
  const codes = verdict.status === 'rejected' ? verdict.reasons.map(({ code }) => code) : [passedOrLost]
  for (const code of codes) ports.count('verdicts', 1, { reason: toVerdictReason(code) })
  if (begun.attempt !== 1 || begun.documentSha256 === null) return
  ports.measure('verdict_milliseconds', ports.now().getTime() - begun.createdAt.getTime())
}

/**
 * Brings the verification of one object to its verdict, unless it has one.
 *
 * @returns as it is then, or the one that answers for it; undefined when the object is of an attempt before its newest. `isOver`:
 * whether its objects are of no use any more: not while the verdict is with somebody else, nor when nothing has come yet
 */
async function decide(
  ports: VerifyDocumentsPorts,
  key: string,
  options: { readonly named: DocumentAttempt; readonly told: InspectAnswer | undefined },
): Promise<{ readonly row: Verification | undefined; readonly isOver: boolean }> {
  const { named, told } = options
  const begun = await ports.beginInspection(named.id, named.attempt, { reads: told === undefined })
  if (!begun) {
    const row = await ports.findVerification(named.id)
    if (!row) throw new Error(`expected a row for the object of verification ${named.id}; got none`)
    const isNewest = row.id === named.id && row.attempt === named.attempt
    if (isNewest && isActive(row)) throw new UnavailableError('inspection', 'somebody else reads the same document')
    // Looked at a moment later than it was not begun: what was in its place may be over, and somebody begin it after all.
    if (isNewest && row.status === 'expired' && !(await ports.closeReplaced(named.id, named.attempt))) {
      throw new UnavailableError('inspection', 'the document may be inspected after all')
    }
    // Of an upload another one may answer.
    return { row: row.id !== named.id || isNewest ? row : undefined, isOver: true }
  }
  const judgement = await judge(ports, key, begun, told)
  if (!judgement) {
    ports.log.info('verdict deferred', {
      request_id: begun.requestId,
      verification_id: begun.id,
      attempt: begun.attempt,
    })
    return { row: begun, isOver: false }
  }
  const { verdict, documentSha256 } = judgement
  // Before the verdict, while nobody else reads: behind it somebody may, who makes another key.
  if (verdict.status === 'expired') await discardCopy(ports, named)
  const decision = await (begun.documentSha256 === null && documentSha256
    ? ports.commitArrival({ ...named, documentSha256 }, verdict)
    : ports.commitVerdict(named.id, named.attempt, verdict))
  crashPoint('verification-after-verdict')
  const row = decision?.verification
  if (verdict.status !== 'expired' && row?.id === named.id && row.status === 'expired') {
    // Its object came while somebody else missed it. The message, when it comes again, finds whether it is still to be judged.
    throw new UnavailableError('inspection', 'somebody else did not find the document')
  }
  countVerdict(ports, begun, verdict)
  // For who reviews, never in the log beside an id: two honest accounts may share a document.
  if (decision?.sharesDocument) ports.count('documents_shared', 1)
  ports.log.info('verdict', {
    request_id: begun.requestId,
    verification_id: begun.id,
    status: decision?.verification.status ?? 'superseded',
    ...(verdict.status === 'rejected' ? { reason: verdict.reasons.map((reason) => reason.code).join(',') } : {}),
  })
  return { row, isOver: row === undefined || row.id !== named.id || row.status !== 'expired' }
}

const isToBeAnnounced = (row: Verification | undefined): row is PassedVerification =>
  row !== undefined && isPassed(row) && row.announcedAt === null

/**
 * Verifies the documents that these objects hold: side by side, so that none waits for another one's verdict. Every key may come
 * twice, late or again after a crash anywhere.
 *
 * @param told what a provider that had deferred tells of some of them by now
 * @returns the keys that did not get through; they are to be delivered again
 */
export async function verifyDocuments(
  ports: VerifyDocumentsPorts,
  keys: readonly string[],
  told: ReadonlyMap<string, InspectAnswer> = new Map(),
): Promise<ReadonlySet<string>> {
  const verified = await Promise.all(keys.map((key) => verifyDocument(ports, key, told.get(key))))
  return new Set(keys.filter((_, at) => !verified[at]))
}

/** Whether it got through: what is left undone, its message does when it comes again. */
async function verifyDocument(
  ports: VerifyDocumentsPorts,
  key: string,
  told: InspectAnswer | undefined,
): Promise<boolean> {
  const named = parseDocumentKey(key)
  try {
    if (!named) throw new Error('expected an object named incoming/{verification_id}/{attempt}')
    const { row, isOver } = await decide(ports, key, { named, told })
    const isAnnounced = !isToBeAnnounced(row) || (await announce(ports, row))
    crashPoint('verification-before-discard')
    // Last, since nobody waits for it; also of what could not be announced, which has its verdict.
    const isDiscarded = !isOver || (await discard(ports, named))
    return isAnnounced && isDiscarded
  } catch (error) {
    ports.count('documents_not_verified', 1)
    ports.log.error('document not verified', { ...(named ? { verification_id: named.id } : {}), error })
    return false
  }
}

/** Whether it is announced. */
async function announce(ports: VerifyDocumentsPorts, row: PassedVerification): Promise<boolean> {
  try {
    crashPoint('verification-before-publish')
    await ports.publish([toPublication(ports.topic, toUserVerified(row))])
    crashPoint('verification-after-publish')
    await ports.markAnnounced([row.id], ports.now())
    ports.log.info('announced', { topic: ports.topic, count: 1 })
    return true
  } catch (error) {
    ports.log.error('verdict not announced', { verification_id: row.id, error })
    return false
  }
}

/** Whether nothing is left of it but what is kept. */
async function discard(ports: VerifyDocumentsPorts, attempt: DocumentAttempt): Promise<boolean> {
  try {
    await discardDocument(ports, attempt)
    return true
  } catch (error) {
    ports.log.error('document not discarded', { verification_id: attempt.id, error })
    return false
  }
}
