// What is over in the tables of POST's limits is forgotten: answers after a day, buckets that are full again.
import type { Sql } from '../../shared/database.ts'

/** How many were forgotten. */
export type Forgotten = { readonly keys: number; readonly buckets: number }

/** Deletes up to that many rows of each table. What was taken up again meanwhile stays. */
export async function forgetExpired(sql: Sql, limit: number): Promise<Forgotten> {
  const keys = await sql`
    delete from operations.idempotency_keys
    where expires_at <= statement_timestamp() and id in (
      select id from operations.idempotency_keys
      where expires_at <= statement_timestamp() order by expires_at limit ${limit})`
  const buckets = await sql`
    delete from operations.rate_limits
    where full_at <= statement_timestamp() and caller in (
      select caller from operations.rate_limits where full_at <= statement_timestamp() limit ${limit})`
  return { keys: keys.count, buckets: buckets.count }
}
