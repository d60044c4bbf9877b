// The use case of erasing one document: noted first, then its key, then its copy, then noted as done. What a crash leaves
// in between, the sweep ends.
import { RequestError } from '../../shared/errors.ts'
import { type Destroy, type DocumentAttempt, destroyDocuments } from '../../shared/kept-documents.ts'
import type { StandingDocument } from './erase-tables.ts'

export type EraseDocumentPorts = Destroy & {
  readonly now: () => Date
  readonly beginErasure: (id: string, now: Date) => Promise<boolean>
  readonly markErased: (ids: readonly string[], now: Date) => Promise<void>
}

/**
 * All that may lie about of a verification: what is kept, and of each attempt that has a verdict what a crash or a release
 * before left. The newest of one that expired has none: its document may be on its way at this moment.
 */
function toAttempts({ id, status, attempt, kept }: StandingDocument): readonly DocumentAttempt[] {
  const length = status === 'expired' ? attempt - 1 : attempt
  const own = Array.from({ length }, (_, index) => ({ id, attempt: index + 1 }))
  return kept && kept.object.id !== id ? [kept.object, ...own] : own
}

/** @throws {RequestError} 409 while there is no verdict */
export function requireVerdict({ status }: StandingDocument): void {
  if (status !== 'pending' && status !== 'processing') return
  const detail = 'expected a verification with a verdict; this one has none yet'
  throw new RequestError(409, 'verification_in_progress', detail, undefined, { retryAfterSeconds: 5 })
}

/**
 * Erases a document, whatever is left of it. Hash, verdict and wallet stay.
 *
 * @returns whether anything was kept until now
 * @throws {RequestError} 409 when there is no verdict yet, or a hold forbids it
 * @throws {UnavailableError} when storage is away: what was begun, the sweep ends
 */
export async function eraseDocument(ports: EraseDocumentPorts, document: StandingDocument): Promise<boolean> {
  requireVerdict(document)
  const { kept } = document
  if (kept && !(await ports.beginErasure(document.id, ports.now()))) {
    throw new RequestError(409, 'legal_hold', 'The document is under a legal hold. Lift it first.')
  }
  await destroyDocuments(ports, toAttempts(document))
  if (!kept || kept.erasedAt !== null) return false
  await ports.markErased([document.id], ports.now())
  return true
}
