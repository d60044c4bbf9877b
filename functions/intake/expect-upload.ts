// The SQL by which an upload is expected: an attempt without a document, for as long as one may come. What becomes of it when
// the document is here is in functions/verification/commit-arrival.ts.
import type { Sql } from '../../shared/database.ts'
import type { Verification } from '../../shared/model.ts'
import { isActive, type VerificationRow } from '../../shared/verifications.ts'
import {
  beginAttempt,
  expireUploads,
  findMayBeginAt,
  findRows,
  giveUpUnread,
  lockAttempts,
  lookAgain,
  type Registration,
  toInProgress,
} from './register-upload.ts'
import type { ExpectedUpload, OpenUpload } from './request-upload.ts'

/**
 * Finds or inserts the row that answers a request for an upload: the verification that the user has passed for this
 * network and address type; else the one that waits for a document of that type and size.
 *
 * @param mostAttempts of a user for a network, begun within 24 hours
 * @throws {UnavailableError} when it met others at each look
 */
export async function expectUpload(sql: Sql, upload: ExpectedUpload, mostAttempts: number): Promise<Registration> {
  return await lookAgain(sql, (tx) => expect(tx, upload, mostAttempts))
}

async function expect(tx: Sql, upload: ExpectedUpload, mostAttempts: number): Promise<Registration | undefined> {
  await lockAttempts(tx, upload)
  await expireUploads(tx, upload)
  const rows = await findRows(tx, { ...upload, documentSha256: null })
  const verified = rows.find(({ status }) => status === 'verified')
  if (verified) return { outcome: 'registered', verification: verified }

  const active = rows.find(isActive)
  if (active) {
    if (await isExpectedAs(tx, active, upload)) return { outcome: 'registered', verification: active }
    if (!(await giveUpUnread(tx, upload))) return await toInProgress(tx, active)
  }
  const mayBeginAt = await findMayBeginAt(tx, upload, mostAttempts)
  if (mayBeginAt) return { outcome: 'too_many_attempts', mayBeginAt }
  const verification = await insert(tx, upload)
  return verification && { outcome: 'registered', verification }
}

/** Whether that row is of the same request. */
async function isExpectedAs(tx: Sql, { id }: Verification, upload: ExpectedUpload): Promise<boolean> {
  const found = await tx`
    select from verification.verifications
    where id = ${id} and address_type = ${upload.addressType}
      and upload_content_type = ${upload.contentType} and upload_size = ${upload.size}`
  return found.length > 0
}

/** Undefined when somebody was faster. */
async function insert(tx: Sql, upload: ExpectedUpload): Promise<Verification | undefined> {
  const [row] = await tx<VerificationRow[]>`
    with opened as (
      insert into verification.verifications
        (id, user_id, network, address_type, upload_content_type, upload_size, upload_expires_at, request_id, created_at,
         exclusive)
      values
        (${upload.id}, ${upload.userId}, ${upload.network}, ${upload.addressType}, ${upload.contentType}, ${upload.size},
         ${upload.expiresAt}, ${upload.requestId}, ${upload.now}, true)
      on conflict do nothing
      returning *
    ), ${beginAttempt(tx, upload.now)}`
  return row
}

/** Lets the document of a row come until that time; undefined when it is here, or when its time is over. */
export async function keepUploadOpen(
  sql: Sql,
  id: string,
  times: { readonly now: Date; readonly expiresAt: Date },
): Promise<OpenUpload | undefined> {
  const [open] = await sql<OpenUpload[]>`
    update verification.verifications set upload_expires_at = greatest(upload_expires_at, ${times.expiresAt})
    where id = ${id} and status = 'pending' and document_sha256 is null and upload_expires_at >= ${times.now}
    returning id, attempt, upload_content_type as "contentType", upload_size as size`
  return open
}
