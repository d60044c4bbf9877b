// The tables of the sweep in one transaction: the locks last until what was published is noted.
import { inTransaction, type Sql } from '../../shared/database.ts'
import { lockUnannouncedVerifications, markVerificationsAnnounced } from '../../shared/verifications.ts'
import { lockUnannouncedWallets, markWalletsAnnounced } from '../../shared/wallets.ts'
import type { AnnounceTables } from './announce.ts'
import {
  findWaiting,
  lockDue,
  noteMissingVerdicts,
  noteMissingWallets,
  noteTries,
  noteUploadsNotCome,
  strike,
  strikeSettled,
  takeTurn,
} from './overdue.ts'
import { lockWaiting, markReleased } from './waiting.ts'

export async function runAnnounceTransaction<Result>(
  sql: Sql,
  work: (tables: AnnounceTables) => Promise<Result>,
): Promise<Result> {
  return await inTransaction(sql, (tx) =>
    work({
      lockVerifications: (before, limit) => lockUnannouncedVerifications(tx, before, limit),
      markVerifications: (ids, now) => markVerificationsAnnounced(tx, ids, now),
      lockWallets: (limit) => lockUnannouncedWallets(tx, limit),
      markWallets: (wallets, now) => markWalletsAnnounced(tx, wallets, now),
      lockWaiting: (options) => lockWaiting(tx, options),
      markReleased: (records, now) => markReleased(tx, records, now),
      takeTurn: () => takeTurn(tx),
      noteMissingWallets: (before, now, limit) => noteMissingWallets(tx, before, now, limit),
      noteMissingVerdicts: (before, later, limit) => noteMissingVerdicts(tx, before, later, limit),
      noteUploadsNotCome: (before, limit) => noteUploadsNotCome(tx, before, limit),
      strikeSettled: (missing) => strikeSettled(tx, missing),
      lockDue: (missing, bounds) => lockDue(tx, missing, bounds),
      strike: (missing, ids) => strike(tx, missing, ids),
      noteTries: (missing, notes) => noteTries(tx, missing, notes),
      findWaiting: (values) => findWaiting(tx, values),
    }),
  )
}
