// The SQL of `vault-status`: what the database knows of the vault's use. Reads, and by indices only.
import type { Sql } from '../../shared/database.ts'
import { findHeartbeats } from '../../shared/heartbeats.ts'
import type { VaultUse } from './vault-status.ts'

export async function findVaultUse(sql: Sql, keyringId: number): Promise<VaultUse> {
  const heartbeats = await findHeartbeats(sql)
  const [highest] = await sql<[{ index: number | null }]>`
    select max(account_index) as index from wallet.accounts where keyring_id = ${keyringId}`
  const waiting = await sql<{ cause: string; count: number }[]>`
    select cause, count(*)::int as count from wallet.waiting where released_at is null group by cause order by cause`
  return {
    heartbeat: heartbeats.find(({ part }) => part === 'vault'),
    highestAccountIndex: highest.index ?? undefined,
    waiting: Object.fromEntries(waiting.map(({ cause, count }) => [cause, count])),
  }
}
