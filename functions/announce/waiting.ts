// The SQL of wallet.waiting as announce reads it: whose cause is gone is published again, with its original bytes.
import type { Sql } from '../../shared/database.ts'
import type { Publication } from '../../shared/kafka.ts'
import { decodeHeaders } from '../../shared/kafka-records.ts'

/** A parked record; `headers` decoded. */
export type WaitingRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly recordedAt: Date
  readonly key: Uint8Array | null
  readonly value: Uint8Array
  readonly headers: Publication['headers']
}

/**
 * Records whose cause is gone, oldest first. `no_root`: the vault holds one. The other causes end by a person's act
 * that leaves no trace here, so the oldest record is tried again every ten minutes, and a wallet function that opened
 * the vault since (its heartbeat tells) frees the rest of those that waited for that.
 */
export async function lockWaiting(
  sql: Sql,
  options: { rootExists: boolean; now: Date; limit: number },
): Promise<readonly WaitingRecord[]> {
  const rows = await sql<(Omit<WaitingRecord, 'headers'> & { headers: [string, string][] })[]>`
    select topic, partition, "offset", recorded_at as "recordedAt", key, value, headers
    from wallet.waiting
    where released_at is null and (
      (cause = 'no_root' and ${options.rootExists})
      or (cause = 'root_refused' and exists (
        select from operations.heartbeats
        where part = 'vault' and status = 'ok' and seen_at > parked_at))
      or (cause <> 'no_root' and parked_at < ${options.now}::timestamptz - interval '10 minutes'
        and parked_at = (select min(parked_at) from wallet.waiting where released_at is null and cause <> 'no_root'))
    )
    order by parked_at, topic, partition, "offset"
    limit ${options.limit}
    for update skip locked`
  return rows.map((row) => ({ ...row, headers: decodeHeaders(row.headers) }))
}

export async function markReleased(sql: Sql, records: readonly WaitingRecord[], now: Date): Promise<void> {
  await sql`
    update wallet.waiting set released_at = ${now}
    from unnest(
      ${records.map((record) => record.topic)}::text[],
      ${records.map((record) => record.partition)}::integer[],
      ${records.map((record) => record.offset)}::bigint[],
      ${records.map((record) => record.recordedAt.toISOString())}::timestamptz[]
    ) as released (topic, partition, "offset", recorded_at)
    where waiting.topic = released.topic and waiting.partition = released.partition
      and waiting."offset" = released."offset" and waiting.recorded_at = released.recorded_at`
}
