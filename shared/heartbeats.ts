// The SQL of operations.heartbeats: what the owner of a part last saw of it, for GET /health.
import type { Sql } from './database.ts'

export type Part = 'kafka' | 'vault' | 'documents'
export type Heartbeat = { readonly part: Part; readonly status: 'ok' | 'failing'; readonly seenAt: Date }

/** Notes what was just seen of a part. */
export async function writeHeartbeat(sql: Sql, heartbeat: Heartbeat): Promise<void> {
  await sql`
    insert into operations.heartbeats (part, status, seen_at)
    values (${heartbeat.part}, ${heartbeat.status}, ${heartbeat.seenAt})
    on conflict (part) do update set status = excluded.status, seen_at = excluded.seen_at`
}

export async function findHeartbeats(sql: Sql): Promise<readonly Heartbeat[]> {
  return await sql<Heartbeat[]>`select part, status, seen_at as "seenAt" from operations.heartbeats`
}
