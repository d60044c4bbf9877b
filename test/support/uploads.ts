// Uploads and verdicts for tests of tables: what intake and verification write, with as little said as a test needs.
import { randomBytes } from 'node:crypto'
import { registerUpload, type Upload } from '../../functions/intake/register-upload.ts'
import type { Sql } from '../../shared/database.ts'
import type { DocumentAttempt } from '../../shared/kept-documents.ts'
import type { Reason, Verification } from '../../shared/model.ts'
import { commitVerdict, type Verdict } from '../../shared/verifications.ts'
import { noon } from './fakes.ts'

/** The row that answers an upload; fails when another is under way, or there were too many. */
export async function register(sql: Sql, upload: Upload, mostAttempts = 1000): Promise<Verification> {
  const registration = await registerUpload(sql, upload, mostAttempts)
  if (registration.outcome === 'registered') return registration.verification
  throw new Error(`expected the upload to be registered; got ${registration.outcome}`)
}

/** The row behind a verdict, as it is then. */
export async function commit(
  sql: Sql,
  id: string,
  attempt: number,
  verdict: Verdict,
): Promise<Verification | undefined> {
  return (await commitVerdict(sql, id, attempt, verdict))?.verification
}

/** A verdict on a document that nobody else has, unless said otherwise. */
export const toVerified = (
  at: Date = noon,
  documentMac: Uint8Array = randomBytes(32),
  keptAs: DocumentAttempt | null = null,
): Verdict => ({ status: 'verified', at, inspection: null, documentMac, keptAs })
export const toRejected = (reasons: readonly Reason[]): Verdict => ({
  ...{ status: 'rejected', at: noon, inspection: null, reasons },
})
export const toExpired: Verdict = { status: 'expired', at: noon, inspection: null }
