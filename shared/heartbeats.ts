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

/** Notes what was seen of a part. Never fails: a heartbeat is not worth a request. */
export type Beat = (status: Heartbeat['status']) => Promise<void>

const beatInterval = 30_000

/** A beat that writes when the status changed or the last one is half a minute old. */
export function createBeat(
  part: Part,
  ports: { now: () => Date; write: (heartbeat: Heartbeat) => Promise<void> },
): Beat {
  let last: Heartbeat | undefined
  return async (status) => {
    const seenAt = ports.now()
    if (last?.status === status && seenAt.getTime() - last.seenAt.getTime() < beatInterval) return
    const heartbeat = { part, status, seenAt }
    try {
      await ports.write(heartbeat)
      last = heartbeat
    } catch {
      // The next one tries again; until then GET /health says `unknown`.
    }
  }
}
