// The SQL by which an upload becomes an attempt: one at a time a user and network, and so many a day. What a verdict does
// to it is in shared/verifications.ts.
import { inTransaction, type Sql } from '../../shared/database.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { AddressType, Network, Verification } from '../../shared/model.ts'
import { isActive, isActiveTwice, type VerificationRow, verificationColumns } from '../../shared/verifications.ts'

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
 * What an upload came to. `registered`: that verification answers it; `in_progress`: another document of the user for that
 * network, or the same one for another address type, is not decided yet, or (`awaitedUntil`) is to be uploaded until then;
 * `too_many_attempts`: one more may begin from that time on.
 */
export type Registration =
  | { readonly outcome: 'registered'; readonly verification: Verification }
  | { readonly outcome: 'in_progress'; readonly verification: Verification; readonly awaitedUntil: Date | null }
  | { readonly outcome: 'too_many_attempts'; readonly mayBeginAt: Date }

/** Attempts are counted over so many milliseconds, so that nobody honest is locked out for ever. */
export const attemptWindow = 24 * 3600 * 1000

/**
 * How long (ms) a document that nobody has begun to read keeps away another one: much longer than the queue takes when all is
 * well. After it the queue is far behind, or the document never came to S3, which its client was told.
 */
const longestUnread = 5 * 60 * 1000

/** How often to look again when somebody who does not wait for the lock was faster: verification, or a release before. */
const looks = 3

/**
 * Finds or inserts the row that answers an upload: the verification that the user has passed for this network and
 * address type, whatever the document; else the row of this very document. A row whose verdict may be retried
 * (every reason says so) or whose document was lost is opened again, as one more attempt.
 *
 * @param mostAttempts of a user for a network, begun within 24 hours
 * @throws {UnavailableError} when it met others at each look
 */
export async function registerUpload(sql: Sql, upload: Upload, mostAttempts: number): Promise<Registration> {
  return await lookAgain(sql, (tx) => register(tx, upload, mostAttempts))
}

/**
 * Registers in a transaction, and once more when that came to nothing.
 *
 * @throws {UnavailableError} when it met others at each look
 */
export async function lookAgain(
  sql: Sql,
  register: (tx: Sql) => Promise<Registration | undefined>,
): Promise<Registration> {
  for (let look = 1; look <= looks; look++) {
    try {
      const registration = await inTransaction(sql, register)
      if (registration) return registration
    } catch (error) {
      if (!isActiveTwice(error)) throw error
    }
  }
  throw new UnavailableError('database', `met other uploads of the same user at each of ${looks} looks`)
}

async function register(tx: Sql, upload: Upload, mostAttempts: number): Promise<Registration | undefined> {
  await lockAttempts(tx, upload)
  await expireUploads(tx, upload)
  const rows = await findRows(tx, upload)
  const ofType = rows.filter(({ addressType }) => addressType === upload.addressType)
  const same = ofType.find(
    ({ documentSha256: sha256 }) => sha256 && Buffer.compare(sha256, upload.documentSha256) === 0,
  )
  const answer = ofType.find(({ status }) => status === 'verified') ?? (same && !mayOpenAgain(same) ? same : undefined)
  if (answer) return { outcome: 'registered', verification: answer }

  const active = rows.find(isActive)
  if (active && !(await giveUpUnread(tx, upload))) return await toInProgress(tx, active)
  const mayBeginAt = await findMayBeginAt(tx, upload, mostAttempts)
  if (mayBeginAt) return { outcome: 'too_many_attempts', mayBeginAt }
  const verification = await (same ? openAgain(tx, same.id, upload) : insert(tx, upload))
  return verification && { outcome: 'registered', verification }
}

/** Whose attempts for which network. */
type Attempting = Pick<Upload, 'userId' | 'network' | 'now'>

/** Uploads of one user for one network wait for each other; who shares the hash with them waits as well, for nothing. */
export async function lockAttempts(tx: Sql, { userId, network }: Attempting): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtext(${userId}), hashtext(${network}))`
}

/** Ends the attempts whose document was to be uploaded by now and is not known to have come: the user is here again. */
export async function expireUploads(tx: Sql, { userId, network, now }: Attempting): Promise<void> {
  await tx`
    with over as (
      update verification.verifications set status = 'expired'
      where user_id = ${userId} and network = ${network} and status = 'pending' and document_sha256 is null
        and upload_expires_at < ${now}
      returning id, attempt
    )
    update verification.attempts set status = 'expired', decided_at = ${now}
    from over where verification_id = over.id and attempts.attempt = over.attempt`
}

/**
 * Gives up the attempt whose document came with its request, and whose reading nobody began in a long time: its user sends
 * another one. Answers whether there was one.
 */
export async function giveUpUnread(tx: Sql, { userId, network, now }: Attempting): Promise<boolean> {
  const unreadSince = new Date(now.getTime() - longestUnread)
  const { count } = await tx`
    with given_up as (
      update verification.verifications set status = 'expired'
      from verification.attempts as begun
      where verifications.user_id = ${userId} and verifications.network = ${network}
        and verifications.status = 'pending' and exclusive and document_sha256 is not null
        and begun.verification_id = id and begun.attempt = verifications.attempt and begun.began_at < ${unreadSince}
      returning id, verifications.attempt
    )
    update verification.attempts set status = 'expired', decided_at = ${now}
    from given_up where verification_id = given_up.id and attempts.attempt = given_up.attempt`
  return count > 0
}

/** The answer to who comes while that one is under way. */
export async function toInProgress(tx: Sql, verification: Verification): Promise<Registration> {
  const [awaited] = await tx<{ until: Date }[]>`
    select upload_expires_at as until from verification.verifications
    where id = ${verification.id} and status = 'pending' and document_sha256 is null`
  return { outcome: 'in_progress', verification, awaitedUntil: awaited?.until ?? null }
}

/** Every row that has a say, those that were verified first at the top. Of an upload nobody knows which document it is. */
export async function findRows(
  tx: Sql,
  upload: Omit<Upload, 'documentSha256'> & { readonly documentSha256: Uint8Array | null },
): Promise<readonly Verification[]> {
  return await tx<VerificationRow[]>`
    select ${verificationColumns(tx)} from verification.verifications
    where user_id = ${upload.userId} and network = ${upload.network} and (
      status in ('pending', 'processing')
      or (address_type = ${upload.addressType}
        and (status = 'verified' or document_sha256 = ${upload.documentSha256})))
    order by verified_at nulls last, id`
}

const mayOpenAgain = ({ status, reasons }: Verification) =>
  status === 'expired' || (status === 'rejected' && reasons.every(({ retry }) => retry))

/** When one more attempt may begin; undefined: now. */
export async function findMayBeginAt(tx: Sql, upload: Attempting, mostAttempts: number): Promise<Date | undefined> {
  const since = new Date(upload.now.getTime() - attemptWindow)
  // The oldest of as many as there may be: when it is out of the window there is room for one. An upload that became the next
  // attempt of an earlier verification is that one, begun at the same moment.
  const [oldest] = await tx<{ beganAt: Date }[]>`
    select began_at as "beganAt" from verification.attempts
    where user_id = ${upload.userId} and network = ${upload.network} and began_at > ${since}
      and (status is distinct from 'duplicate' or not exists (
        select from verification.verifications as uploaded
        join verification.attempts as next on next.verification_id = uploaded.duplicate_of
        where uploaded.id = attempts.verification_id and next.began_at = attempts.began_at))
    order by began_at desc
    limit 1 offset ${mostAttempts - 1}`
  return oldest && new Date(oldest.beganAt.getTime() + attemptWindow)
}

/** Behind `with opened as (…)`, the row that an attempt opened: notes the attempt, and answers the row. */
export const beginAttempt = (tx: Sql, now: Date) => tx`
    begun as (
      insert into verification.attempts (verification_id, attempt, user_id, network, began_at)
      select id, attempt, user_id, network, ${now} from opened
    )
    select ${verificationColumns(tx)} from opened`

/** Undefined when somebody was faster. */
async function insert(tx: Sql, upload: Upload): Promise<Verification | undefined> {
  const [row] = await tx<VerificationRow[]>`
    with opened as (
      insert into verification.verifications
        (id, user_id, network, address_type, document_sha256, request_id, created_at, exclusive)
      values
        (${upload.id}, ${upload.userId}, ${upload.network}, ${upload.addressType}, ${upload.documentSha256},
         ${upload.requestId}, ${upload.now}, true)
      on conflict do nothing
      returning *
    ), ${beginAttempt(tx, upload.now)}`
  return row
}

/** Undefined when it is not to be opened any more. */
async function openAgain(tx: Sql, id: string, upload: Upload): Promise<Verification | undefined> {
  const [row] = await tx<VerificationRow[]>`
    with opened as (
      update verification.verifications
      set status = 'pending', attempt = attempt + 1, reasons = '[]', request_id = ${upload.requestId}, exclusive = true
      where id = ${id} and (status = 'expired' or (status = 'rejected' and not reasons @> '[{"retry": false}]'))
      returning *
    ), ${beginAttempt(tx, upload.now)}`
  return row
}
