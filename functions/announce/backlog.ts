// The SQL of what is still to be done: committed and not announced, or waiting. For the metrics alone.
import type { Sql } from '../../shared/database.ts'

/** How many, and since when the oldest; null when there is none. */
type Rest = { readonly count: number; readonly since: Date | null }
/** What is missing although it was set going; `givenUp`: no more tries are left for it. */
type Lack = Rest & { readonly givenUp: number }
export type Backlog = {
  readonly unannounced: Rest
  readonly waiting: Rest
  readonly wallets: Lack
  readonly verdicts: Lack
}

type Row = {
  readonly [Name in 'unannounced' | 'waiting' | 'wallets' | 'walletsGivenUp' | 'verdicts' | 'verdictsGivenUp']: number
} & {
  readonly [Name in 'unannouncedSince' | 'waitingSince' | 'walletsSince' | 'verdictsSince']: Date | null
}

/**
 * Verdicts and wallets that nobody announced, records that wait, and what is missing; each by an index of nothing else.
 * What waits for its cause to be gone is not counted as missing: nobody tried.
 */
export async function readBacklog(sql: Sql): Promise<Backlog> {
  const [row] = await sql<[Row]>`
    with unannounced as (
      select verified_at as since from verification.verifications where status = 'verified' and announced_at is null
      union all
      select created_at from wallet.wallets where announced_at is null
    ), waiting as (
      select parked_at as since from wallet.waiting where released_at is null
    ), wallets as (
      select since, given_up_at from verification.overdue where missing = 'wallet' and tries > 0
    ), verdicts as (
      select since, given_up_at from verification.overdue where missing = 'verdict' and tries > 0
    )
    select
      (select count(*)::integer from unannounced) as unannounced,
      (select min(since) from unannounced) as "unannouncedSince",
      (select count(*)::integer from waiting) as waiting,
      (select min(since) from waiting) as "waitingSince",
      (select count(*)::integer from wallets) as wallets,
      (select min(since) from wallets) as "walletsSince",
      (select count(given_up_at)::integer from wallets) as "walletsGivenUp",
      (select count(*)::integer from verdicts) as verdicts,
      (select min(since) from verdicts) as "verdictsSince",
      (select count(given_up_at)::integer from verdicts) as "verdictsGivenUp"`
  return {
    unannounced: { count: row.unannounced, since: row.unannouncedSince },
    waiting: { count: row.waiting, since: row.waitingSince },
    wallets: { count: row.wallets, since: row.walletsSince, givenUp: row.walletsGivenUp },
    verdicts: { count: row.verdicts, since: row.verdictsSince, givenUp: row.verdictsGivenUp },
  }
}
