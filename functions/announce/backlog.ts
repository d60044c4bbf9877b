// The SQL of what is still to be done: committed and not announced, or waiting. For the metrics alone.
import type { Sql } from '../../shared/database.ts'

/** How many, and since when the oldest; null when there is none. */
type Rest = { readonly count: number; readonly since: Date | null }
export type Backlog = { readonly unannounced: Rest; readonly waiting: Rest }

/** Verdicts and wallets that nobody announced, and records that wait; each by an index of nothing else. */
export async function readBacklog(sql: Sql): Promise<Backlog> {
  const [row] = await sql<
    [{ unannounced: number; unannouncedSince: Date | null; waiting: number; waitingSince: Date | null }]
  >`
    with unannounced as (
      select verified_at as since from verification.verifications where status = 'verified' and announced_at is null
      union all
      select created_at from wallet.wallets where announced_at is null
    ), waiting as (
      select parked_at as since from wallet.waiting where released_at is null
    )
    select
      (select count(*)::integer from unannounced) as unannounced,
      (select min(since) from unannounced) as "unannouncedSince",
      (select count(*)::integer from waiting) as waiting,
      (select min(since) from waiting) as "waitingSince"`
  return {
    unannounced: { count: row.unannounced, since: row.unannouncedSince },
    waiting: { count: row.waiting, since: row.waitingSince },
  }
}
