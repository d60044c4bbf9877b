// The SQL of verification.verifications. Every change of state is one statement that names the states it may leave.
import type { Sql } from './database.ts'
import type { AddressType, Network, Reason, Verification } from './model.ts'

type Row = Omit<Verification, 'documentSha256'> & { documentSha256: Buffer }

/** As `Verification` names them. */
export const verificationColumns = (sql: Sql) => sql`
  id, user_id as "userId", network, address_type as "addressType", document_sha256 as "documentSha256", status,
  attempt, reasons, request_id as "requestId", created_at as "createdAt", verified_at as "verifiedAt",
  announced_at as "announcedAt"`

/** What the client asked for, and the id that a new row would get. */
export type Upload = {
  readonly id: string
  readonly userId: string
  readonly network: Network
  readonly addressType: AddressType
  readonly documentSha256: Uint8Array
  readonly requestId: string
  readonly now: Date
}

/**
 * Finds or inserts the row that answers an upload: the verification that the user has passed for this network and
 * address type, whatever the document; else the row of this very document. A row whose verdict may be retried
 * (every reason says so) or whose document was lost is opened again, as one more attempt.
 */
export async function registerUpload(sql: Sql, upload: Upload): Promise<Verification> {
  const [verified] = await sql<Row[]>`
    select ${verificationColumns(sql)} from verification.verifications
    where user_id = ${upload.userId} and network = ${upload.network} and address_type = ${upload.addressType}
      and status = 'verified'
    order by verified_at, id
    limit 1`
  if (verified) return verified

  const sameDocument = sql`
    user_id = ${upload.userId} and network = ${upload.network} and address_type = ${upload.addressType}
    and document_sha256 = ${upload.documentSha256}`
  const [inserted] = await sql<Row[]>`
    insert into verification.verifications
      (id, user_id, network, address_type, document_sha256, request_id, created_at)
    values
      (${upload.id}, ${upload.userId}, ${upload.network}, ${upload.addressType}, ${upload.documentSha256},
       ${upload.requestId}, ${upload.now})
    on conflict (user_id, network, address_type, document_sha256) do nothing
    returning ${verificationColumns(sql)}`
  if (inserted) return inserted

  const [reopened] = await sql<Row[]>`
    update verification.verifications
    set status = 'pending', attempt = attempt + 1, reasons = '[]', request_id = ${upload.requestId}
    where ${sameDocument}
      and (status = 'expired' or (status = 'rejected' and not reasons @> '[{"retry": false}]'))
    returning ${verificationColumns(sql)}`
  if (reopened) return reopened

  const [existing] = await sql<
    [Row]
  >`select ${verificationColumns(sql)} from verification.verifications where ${sameDocument}`
  return existing
}

/** What is asked for a person who is verified already, and the id that a new row would get. */
export type Extension = Omit<Upload, 'documentSha256'>

/**
 * The verification of a person for one more network and address type: the one that there is, else a new one, verified by
 * the document that passed for another. Undefined when the person never passed for any.
 *
 * The server's own function decides: whoever may call it can make no other verified row.
 */
export async function extendVerified(sql: Sql, extension: Extension): Promise<Verification | undefined> {
  const [row] = await sql<Row[]>`
    select ${verificationColumns(sql)} from verification.extend_verified(
      ${extension.id}, ${extension.userId}, ${extension.network}, ${extension.addressType}, ${extension.requestId},
      ${extension.now})`
  return row
}

/** The row of that id, or undefined. */
export async function findVerification(sql: Sql, id: string): Promise<Verification | undefined> {
  const [row] = await sql<Row[]>`select ${verificationColumns(sql)} from verification.verifications where id = ${id}`
  return row
}

/**
 * Marks that attempt as being inspected; undefined when it is decided already, or when it is no longer the newest. One that
 * expired is inspected after all when its document comes: the client was told 202 while the document was looked for.
 */
export async function beginInspection(sql: Sql, id: string, attempt: number): Promise<Verification | undefined> {
  const [row] = await sql<Row[]>`
    update verification.verifications set status = 'processing'
    where id = ${id} and attempt = ${attempt} and status in ('pending', 'processing', 'expired')
    returning ${verificationColumns(sql)}`
  return row
}

export type Verdict =
  | { readonly status: 'verified'; readonly at: Date }
  | { readonly status: 'rejected'; readonly reasons: readonly Reason[] }
  | { readonly status: 'expired' }

/**
 * Commits the verdict on that attempt, unless there is one: the first stands, for ever.
 * Answers the row as it is now; undefined when that attempt is no longer the newest.
 */
export async function commitVerdict(
  sql: Sql,
  id: string,
  attempt: number,
  verdict: Verdict,
): Promise<Verification | undefined> {
  const [decided] = await sql<Row[]>`
    update verification.verifications
    set
      status = ${verdict.status},
      reasons = ${sql.json(verdict.status === 'rejected' ? [...verdict.reasons] : [])},
      verified_at = ${verdict.status === 'verified' ? verdict.at : null}
    where id = ${id} and attempt = ${attempt} and status = 'processing'
    returning ${verificationColumns(sql)}`
  if (decided) return decided
  const [row] = await sql<Row[]>`
    select ${verificationColumns(sql)} from verification.verifications where id = ${id} and attempt = ${attempt}`
  return row
}

/** Notes that `user.verified` of these rows is on Kafka. The first time stands. */
export async function markVerificationsAnnounced(sql: Sql, ids: readonly string[], now: Date): Promise<void> {
  await sql`
    update verification.verifications set announced_at = ${now}
    where id = any(${[...ids]}::uuid[]) and announced_at is null`
}

/** A verified row that nobody announced; its time is set. */
export type UnannouncedVerification = Verification & { readonly verifiedAt: Date }

/**
 * Verified rows that nobody announced: those that were verified before that time, and those that were extended from another
 * verification, which no document's verdict announces. Oldest first. Locked, those of others skipped.
 */
export async function lockUnannouncedVerifications(
  sql: Sql,
  verifiedBefore: Date,
  limit: number,
): Promise<readonly UnannouncedVerification[]> {
  return await sql<(Row & { verifiedAt: Date })[]>`
    select ${verificationColumns(sql)} from verification.verifications
    where status = 'verified' and announced_at is null
      and (verified_at < ${verifiedBefore} or extended_from is not null)
    order by verified_at
    limit ${limit}
    for update skip locked`
}
