// The SQL of verification.verifications. Every change of state is one statement that names the states it may leave.
import postgres from 'postgres'
import { inTransaction, type Sql } from './database.ts'
import type { DocumentAttempt } from './kept-documents.ts'
import type { AddressType, InspectionRecord, Network, PassedVerification, Reason, Verification } from './model.ts'

/** As the driver reads one. */
export type VerificationRow = Omit<Verification, 'documentSha256'> & { documentSha256: Buffer | null }

/** As `Verification` names them. */
export const verificationColumns = (sql: Sql) => sql`
  id, user_id as "userId", network, address_type as "addressType", document_sha256 as "documentSha256", status,
  attempt, reasons, request_id as "requestId", created_at as "createdAt", verified_at as "verifiedAt",
  announced_at as "announcedAt"`

/** Whether its document is still to be judged. */
export const isActive = ({ status }: Verification): boolean => status === 'pending' || status === 'processing'

/** Whether a statement failed since it would have begun a second attempt of a user for a network. */
export const isActiveTwice = (error: unknown): boolean =>
  error instanceof postgres.PostgresError && error.constraint_name === 'verifications_active'

/** What is asked for a person who is verified already, and the id that a new row would get. */
export type Extension = {
  readonly id: string
  readonly userId: string
  readonly network: Network
  readonly addressType: AddressType
  readonly requestId: string
  readonly now: Date
}

/**
 * The verification of a person for one more network and address type: the one that there is, else a new one, verified by
 * the document that passed for another. Undefined when the person never passed for any.
 *
 * The server's own function decides: whoever may call it can make no other verified row.
 */
export async function extendVerified(sql: Sql, extension: Extension): Promise<Verification | undefined> {
  const [row] = await sql<VerificationRow[]>`
    select ${verificationColumns(sql)} from verification.extend_verified(
      ${extension.id}, ${extension.userId}, ${extension.network}, ${extension.addressType}, ${extension.requestId},
      ${extension.now})`
  return row
}

/** The row of that id, or the one that answers for it; undefined when there is none. */
export async function findVerification(sql: Sql, id: string): Promise<Verification | undefined> {
  const [row] = await sql<VerificationRow[]>`
    select ${verificationColumns(sql)} from verification.verifications
    where id = (select coalesce(duplicate_of, id) from verification.verifications where id = ${id})`
  return row
}

/**
 * How long (s) a reader of a document keeps others away: longer than `verification` and an `inspect` that it called last can
 * live, shorter than the pause before a message comes again.
 */
const longestReading = 60

/** Whether the user has passed without the attempt of `mine`, or has begun another one in its place. */
const isReplaced = (sql: Sql) => sql`
  exists (
    select from verification.verifications as other
    where other.user_id = mine.user_id and other.network = mine.network and (
      other.status in ('pending', 'processing')
      or (other.status = 'verified' and other.address_type = mine.address_type)))`

/**
 * Marks that attempt as being inspected; undefined when it is decided already, when it is no longer the newest, or when
 * somebody reads the same document. One that expired is inspected after all when its document comes, since the client was told
 * 202; but not once the user has passed without it, or has begun another attempt in its place.
 *
 * @param options `reads`: whether its object will be read
 */
export async function beginInspection(
  sql: Sql,
  id: string,
  attempt: number,
  options: { readonly reads: boolean } = { reads: true },
): Promise<Verification | undefined> {
  const { reads } = options
  try {
    const [row] = await sql<VerificationRow[]>`
      update verification.verifications as mine set status = 'processing',
        read_until = case when ${reads}
          then statement_timestamp() + make_interval(secs => ${longestReading}) else read_until end
      where id = ${id} and attempt = ${attempt} and (
        status = 'pending'
        or (status = 'expired' and read_until is distinct from 'infinity' and not ${isReplaced(sql)})
        or (status = 'processing' and (not ${reads} or read_until is null or read_until <= statement_timestamp())))
      returning ${verificationColumns(sql)}`
    return row
  } catch (error) {
    // The other attempt was begun meanwhile.
    if (isActiveTwice(error)) return undefined
    throw error
  }
}

/**
 * Has nobody inspect that attempt any more, which expired and has been replaced: from here on its objects may be deleted.
 * False when it did not, or may be inspected after all.
 */
export async function closeReplaced(sql: Sql, id: string, attempt: number): Promise<boolean> {
  const { count } = await sql`
    update verification.verifications as mine set read_until = 'infinity'
    where id = ${id} and attempt = ${attempt} and status = 'expired' and (read_until = 'infinity' or ${isReplaced(sql)})`
  return count > 0
}

/** What became of an attempt, when, and by which inspection, if one led to it. */
export type Verdict = { readonly at: Date; readonly inspection: InspectionRecord | null } & (
  | {
      readonly status: 'verified'
      /** Of the document, by which it is found again: `document_mac` of the row. */
      readonly documentMac: Uint8Array
      /** What the objects of its copy and key are named after; null: none is kept. */
      readonly keptAs: DocumentAttempt | null
    }
  | { readonly status: 'rejected'; readonly reasons: readonly Reason[] }
  | { readonly status: 'expired' }
)

/** The row as it is now. `sharesDocument`: this verdict came of a document that another user had been verified with. */
export type Decision = { readonly verification: Verification; readonly sharesDocument: boolean }

/**
 * Commits the verdict on that attempt, unless there is one: the first stands, for ever. Who has passed meanwhile for the same
 * network and address type does not pass again: that verification answers for this one, which is its duplicate. Undefined
 * when that attempt is no longer the newest.
 */
export async function commitVerdict(
  sql: Sql,
  id: string,
  attempt: number,
  verdict: Verdict,
): Promise<Decision | undefined> {
  const decided = await (verdict.status === 'verified'
    ? inTransaction(sql, async (tx) => {
        await lockDocument(tx, verdict.documentMac)
        await lockUser(tx, id)
        return (await yieldToPassed(tx, id, attempt, verdict.at)) ?? (await decide(tx, id, attempt, verdict))
      })
    : decide(sql, id, attempt, verdict))
  if (decided) return decided
  const [row] = await sql<VerificationRow[]>`
    select ${verificationColumns(sql)} from verification.verifications
    where id = (
      select coalesce(duplicate_of, id) from verification.verifications where id = ${id} and attempt = ${attempt})`
  return row && { verification: row, sharesDocument: false }
}

/** Of two users who are verified with one document at once, the second sees the first. Held until the transaction ends. */
export async function lockDocument(tx: Sql, documentMac: Uint8Array): Promise<void> {
  const mac = Buffer.from(documentMac)
  await tx`select pg_advisory_xact_lock(${mac.readInt32BE(0)}::integer, ${mac.readInt32BE(4)}::integer)`
}

/**
 * Keeps others from beginning an attempt of the user of that verification for its network, and from extending to it, until
 * the transaction ends.
 */
export async function lockUser(tx: Sql, id: string): Promise<void> {
  await tx`
    select pg_advisory_xact_lock(hashtext(user_id), hashtext(network)) from verification.verifications where id = ${id}`
}

/** Has the verification that the user has passed answer for that attempt; undefined when there is none, or a verdict. */
async function yieldToPassed(tx: Sql, id: string, attempt: number, now: Date): Promise<Decision | undefined> {
  const [passed] = await tx<VerificationRow[]>`
    select ${verificationColumns(tx)} from verification.verifications as passed
    where status = 'verified' and exists (
      select from verification.verifications as mine
      where mine.id = ${id} and mine.attempt = ${attempt} and mine.status = 'processing' and mine.user_id = passed.user_id
        and mine.network = passed.network and mine.address_type = passed.address_type)
    order by verified_at, id
    limit 1`
  if (!passed) return undefined
  return (await makeDuplicate(tx, id, passed.id, now)) ? { verification: passed, sharesDocument: false } : undefined
}

/** Has the earlier one answer for that verification, whose attempt is over; false when that has got its verdict meanwhile. */
export async function makeDuplicate(tx: Sql, id: string, earlierId: string, now: Date): Promise<boolean> {
  const [{ isMade }] = await tx<[{ isMade: boolean }]>`
    with made as (
      update verification.verifications set status = 'duplicate', duplicate_of = ${earlierId}
      where id = ${id} and status = 'processing'
      returning id, attempt
    ), noted as (
      update verification.attempts set status = 'duplicate', decided_at = ${now}
      from made where verification_id = made.id and attempts.attempt = made.attempt
    )
    select exists (select from made) as "isMade"`
  return isMade
}

async function decide(sql: Sql, id: string, attempt: number, verdict: Verdict): Promise<Decision | undefined> {
  const { documentMac, keptAs } = verdict.status === 'verified' ? verdict : { documentMac: null, keptAs: null }
  const [row] = await sql<(VerificationRow & { sharesDocument: boolean })[]>`
    with decided as (
      update verification.verifications as mine
      set
        status = ${verdict.status},
        reasons = ${sql.json(verdict.status === 'rejected' ? [...verdict.reasons] : [])},
        verified_at = ${verdict.status === 'verified' ? verdict.at : null},
        document_mac = ${documentMac},
        shares_document = exists (
          select from verification.verifications as other
          where other.document_mac = ${documentMac} and other.user_id <> mine.user_id)
      where id = ${id} and attempt = ${attempt} and status = 'processing'
      returning *
    ), noted as (
      -- The release before began attempts without a row: of a later one nobody knows since when.
      insert into verification.attempts
        (verification_id, attempt, user_id, network, began_at, decided_at, status, reasons, rules_version, checks)
      select id, attempt, user_id, network, case when attempt = 1 then created_at else ${verdict.at} end, ${verdict.at},
        status, reasons, ${verdict.inspection?.rulesVersion ?? null}, ${sql.json([...(verdict.inspection?.checks ?? [])])}
      from decided
      on conflict (verification_id, attempt) do update
        set decided_at = excluded.decided_at, status = excluded.status, reasons = excluded.reasons,
          rules_version = excluded.rules_version, checks = excluded.checks
    ), kept as (
      insert into verification.kept_documents (verification_id, object_id, object_attempt, kept_at)
      select id, ${keptAs?.id ?? null}::uuid, ${keptAs?.attempt ?? null}::integer, ${verdict.at}
      from decided where ${keptAs !== null}
    )
    select ${verificationColumns(sql)}, shares_document as "sharesDocument" from decided`
  if (!row) return undefined
  const { sharesDocument, ...verification } = row
  return { verification, sharesDocument }
}

/** Notes that `user.verified` of these rows is on Kafka. The first time stands. */
export async function markVerificationsAnnounced(sql: Sql, ids: readonly string[], now: Date): Promise<void> {
  await sql`
    update verification.verifications set announced_at = ${now}
    where id = any(${[...ids]}::uuid[]) and announced_at is null`
}

/**
 * Verified rows that nobody announced: those that were verified before that time, and those that were extended from another
 * verification, which no document's verdict announces. Oldest first. Locked, those of others skipped.
 */
export async function lockUnannouncedVerifications(
  sql: Sql,
  verifiedBefore: Date,
  limit: number,
): Promise<readonly PassedVerification[]> {
  return await sql<(VerificationRow & { verifiedAt: Date; documentSha256: Buffer })[]>`
    select ${verificationColumns(sql)} from verification.verifications
    where status = 'verified' and announced_at is null
      and (verified_at < ${verifiedBefore} or extended_from is not null)
    order by verified_at
    limit ${limit}
    for update skip locked`
}

/** The attempts of that id of which something is kept, and is not being erased. */
export async function findKeptAttempts(sql: Sql, id: string): Promise<readonly number[]> {
  const rows = await sql<{ attempt: number }[]>`
    select object_attempt as attempt from verification.kept_documents where object_id = ${id} and erasing_since is null`
  return rows.map(({ attempt }) => attempt)
}
