// The SQL of verification.overdue: verified rows without a wallet and documents without a verdict, as the sweep notes them.
import type { Sql } from '../../shared/database.ts'
import type { Verification } from '../../shared/model.ts'
import { verificationColumns } from '../../shared/verifications.ts'

/** What should be there by now. */
export type Missing = 'verdict' | 'wallet'

/** A verification of which something is missing, or was when it was noted. */
export type Overdue = {
  readonly verification: Verification
  /** How often it was set going again. */
  readonly tries: number
  readonly givenUpAt: Date | null
  /** Whether what was missing is there, or is no longer to come: another attempt is the newest. */
  readonly isSettled: boolean
}

/** What becomes of one that is not settled. */
export type OverdueNote = {
  readonly verificationId: string
  readonly tries: number
  readonly nextAt: Date
  readonly givenUpAt: Date | null
}

/** Any number that nothing else in this database uses: the key of the advisory lock. */
const lockKey = 7_249_203_002

/** Whether nobody else works on what is overdue; then nobody will, until the transaction ends. */
export async function takeTurn(tx: Sql): Promise<boolean> {
  const [row] = await tx<[{ taken: boolean }]>`select pg_try_advisory_xact_lock(${lockKey}) as taken`
  return row.taken
}

/**
 * Looks, once each, whether verified rows that were announced before that time have their wallets, by whatever event;
 * notes those that have none. Oldest first. Answers how many it looked at.
 */
export async function noteMissingWallets(tx: Sql, announcedBefore: Date, now: Date, limit: number): Promise<number> {
  const [row] = await tx<[{ count: number }]>`
    with looked as (
      select id, user_id, network, address_type, attempt, verified_at from verification.verifications
      where announced_at < ${announcedBefore} and looked_at is null
      order by announced_at
      limit ${limit}
      for update skip locked
    ), marked as (
      update verification.verifications set looked_at = ${now} from looked where verifications.id = looked.id
    ), noted as (
      insert into verification.overdue (verification_id, missing, attempt, since, next_at)
      select id, 'wallet', attempt, verified_at, verified_at from looked
      where not exists (
        select from wallet.wallets
        where wallets.user_id = looked.user_id and wallets.network = looked.network
          and wallets.address_type = looked.address_type)
      on conflict do nothing
    )
    select count(*)::integer as count from looked`
  return row.count
}

/**
 * Notes documents that were sent before that time and have no verdict; those of uploads once they came. A row says when its first attempt was sent; of a
 * later one nobody knows, so it is waited for from now on, until the time that is given. Answers how many it noted.
 */
export async function noteMissingVerdicts(
  tx: Sql,
  sentBefore: Date,
  later: { readonly now: Date; readonly nextAt: Date },
  limit: number,
): Promise<number> {
  const { count } = await tx`
    with undecided as (
      select id, attempt, created_at from verification.verifications
      where status in ('pending', 'processing') and noted_attempt is distinct from attempt
        and created_at < ${sentBefore} and not (status = 'pending' and document_sha256 is null)
      order by created_at
      limit ${limit}
      for update skip locked
    ), marked as (
      update verification.verifications set noted_attempt = undecided.attempt
      from undecided where verifications.id = undecided.id
    )
    insert into verification.overdue (verification_id, missing, attempt, since, next_at)
    select id, 'verdict', attempt,
      case when attempt = 1 then created_at else ${later.now} end,
      case when attempt = 1 then created_at else ${later.nextAt} end
    from undecided
    on conflict (verification_id, missing) do update
      set attempt = excluded.attempt, since = excluded.since, tries = 0, next_at = excluded.next_at, given_up_at = null`
  return count
}

/**
 * Notes uploads that did not come, although their time was over before that one: due at once, since the queue knows whether
 * one has come after all. Answers how many it noted.
 */
export async function noteUploadsNotCome(tx: Sql, overBefore: Date, limit: number): Promise<number> {
  const { count } = await tx`
    with awaited as (
      select id, attempt, upload_expires_at from verification.verifications
      where status = 'pending' and document_sha256 is null and noted_attempt is distinct from attempt
        and upload_expires_at < ${overBefore}
      order by upload_expires_at
      limit ${limit}
      for update skip locked
    ), marked as (
      update verification.verifications set noted_attempt = awaited.attempt
      from awaited where verifications.id = awaited.id
    )
    insert into verification.overdue (verification_id, missing, attempt, since, next_at)
    select id, 'verdict', attempt, upload_expires_at, upload_expires_at from awaited
    on conflict do nothing`
  return count
}

/** Whether what a noted row lacks is there. */
const settled = (sql: Sql) => sql`
  case noted.missing
    when 'verdict' then verifications.status not in ('pending', 'processing') or verifications.attempt <> noted.attempt
    else exists (
      select from wallet.wallets
      where wallets.user_id = verifications.user_id and wallets.network = verifications.network
        and wallets.address_type = verifications.address_type)
  end`

/** Strikes out what was set going and arrived. */
export async function strikeSettled(tx: Sql, missing: Missing): Promise<void> {
  await tx`
    delete from verification.overdue as noted
    using verification.verifications
    where noted.missing = ${missing} and noted.tries > 0 and noted.given_up_at is null
      and verifications.id = noted.verification_id and ${settled(tx)}`
}

/**
 * What is due, oldest first, locked. At most so many are on their way at once: set going, and not due again. A time
 * beyond the farthest was written by a clock that was wrong, and is due as well.
 */
export async function lockDue(
  tx: Sql,
  missing: Missing,
  bounds: { readonly now: Date; readonly farthest: Date; readonly limit: number; readonly onTheirWay: number },
): Promise<readonly Overdue[]> {
  const { now, farthest, limit, onTheirWay } = bounds
  const rows = await tx<(Verification & Omit<Overdue, 'verification'>)[]>`
    with due as (
      select * from verification.overdue
      where missing = ${missing} and (next_at <= ${now} or next_at > ${farthest})
      order by next_at, verification_id
      limit greatest(0, least(${limit}::integer, ${onTheirWay}::integer - (
        select count(*) from verification.overdue
        where missing = ${missing} and tries > 0 and given_up_at is null and next_at > ${now} and next_at <= ${farthest}
      )))
      for update skip locked
    )
    select ${verificationColumns(tx)}, tries, given_up_at as "givenUpAt", is_settled as "isSettled"
    from (
      select verifications.*, noted.tries, noted.given_up_at, noted.next_at, ${settled(tx)} as is_settled
      from due as noted join verification.verifications on verifications.id = noted.verification_id
    ) as found
    order by next_at, id`
  return rows.map(({ tries, givenUpAt, isSettled, ...verification }) => ({
    verification,
    tries,
    givenUpAt,
    isSettled,
  }))
}

/** Strikes out those verifications. */
export async function strike(tx: Sql, missing: Missing, verificationIds: readonly string[]): Promise<void> {
  await tx`
    delete from verification.overdue where missing = ${missing} and verification_id = any(${[...verificationIds]}::uuid[])`
}

export async function noteTries(tx: Sql, missing: Missing, notes: readonly OverdueNote[]): Promise<void> {
  await tx`
    update verification.overdue set tries = noted.tries, next_at = noted.next_at, given_up_at = noted.given_up_at
    from unnest(
      ${notes.map((note) => note.verificationId)}::uuid[],
      ${notes.map((note) => note.tries)}::integer[],
      ${notes.map((note) => note.nextAt.toISOString())}::timestamptz[],
      ${notes.map((note) => note.givenUpAt?.toISOString() ?? null)}::timestamptz[]
    ) as noted (verification_id, tries, next_at, given_up_at)
    where overdue.missing = ${missing} and overdue.verification_id = noted.verification_id`
}

/** Which of these values of records are those of records that wait for their cause to be gone, by their places. */
export async function findWaiting(tx: Sql, values: readonly string[]): Promise<ReadonlySet<number>> {
  const rows = await tx<{ at: number }[]>`
    select position::integer - 1 as at
    from unnest(${[...values]}::text[]) with ordinality as given (value, position)
    where exists (
      select from wallet.waiting where waiting.value = convert_to(given.value, 'UTF8') and released_at is null)`
  return new Set(rows.map(({ at }) => at))
}
