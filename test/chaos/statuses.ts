// Looks at the statuses of verifications again and again, and notes each that went backwards. An attempt begins anew.
import { setTimeout as wait } from 'node:timers/promises'
import type { ChaosStack } from './stack.ts'

export type SeenStatus = { readonly id: string; readonly attempt: number; readonly status: string }

// An attempt that expired is inspected after all when its document comes.
const rank: Readonly<Record<string, number>> = {
  ...{ pending: 0, processing: 1, expired: 1, rejected: 2, duplicate: 2, verified: 3 },
}

/** Whether a status may be followed by that one. Verified is for ever; another verdict is, for its attempt. */
export function mayFollow(before: SeenStatus, after: SeenStatus): boolean {
  if (before.status === 'verified') return after.status === 'verified' && after.attempt === before.attempt
  if (after.attempt !== before.attempt) return after.attempt > before.attempt
  // The row of a rejected document is verified when another of the same user and the same bytes was.
  const isVerdict = (rank[before.status] ?? 0) >= 2
  return isVerdict
    ? after.status === before.status || after.status === 'verified'
    : (rank[after.status] ?? -1) >= (rank[before.status] ?? 0)
}

/** Begins to look. `stop` resolves to what went backwards. */
export function watchStatuses({ sql }: ChaosStack, prefix: string): { stop(): Promise<readonly string[]> } {
  const last = new Map<string, SeenStatus>()
  const violations: string[] = []
  const stopping = new AbortController()
  const look = async () => {
    const rows = await sql<SeenStatus[]>`
      select id, attempt, status from verification.verifications where starts_with(user_id, ${prefix})`
    for (const row of rows) {
      const before = last.get(row.id)
      if (before && !mayFollow(before, row)) violations.push(`${row.id} went from ${before.status} to ${row.status}`)
      last.set(row.id, row)
    }
    for (const id of last.keys()) if (!rows.some((row) => row.id === id)) violations.push(`${id} is gone`)
  }
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      // The database may be away: that is what some faults are.
      await look().catch(() => undefined)
      await wait(1000, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  })()
  return {
    stop: async () => {
      stopping.abort()
      await watching
      await look()
      return violations
    },
  }
}
