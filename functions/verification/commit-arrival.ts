// The verdict on an upload, of which nobody knew before it was read whether it was here before. One transaction: nobody sees
// half of it.
import postgres from 'postgres'
import { inTransaction, type Sql } from '../../shared/database.ts'
import { UnavailableError } from '../../shared/errors.ts'
import {
  commitVerdict,
  type Decision,
  lockDocument,
  lockUser,
  makeDuplicate,
  type Verdict,
} from '../../shared/verifications.ts'
import { type Arrival, lockEarlier, lockUpload, noteDocument, openEarlier } from './upload-tables.ts'

/** How often to look again when a row of the same document was made meanwhile: that of a further wallet. */
const looks = 2

/**
 * Commits the verdict on the document of an upload. An earlier verification answers for the upload from now on, whose own
 * row is a duplicate, when the user has passed meanwhile, or when these bytes were here before. If those were verified or
 * rejected for good, that stands; if not, this verdict is on them.
 *
 * @returns the verification that answers; undefined when that attempt of the upload is no longer the newest
 * @throws {UnavailableError} when it met others at each look
 */
export async function commitArrival(sql: Sql, arrival: Arrival, verdict: Verdict): Promise<Decision | undefined> {
  for (let look = 1; look <= looks; look++) {
    try {
      return await inTransaction(sql, (tx) => commit(tx, arrival, verdict))
    } catch (error) {
      if (!isSameTwice(error)) throw error
    }
  }
  throw new UnavailableError('database', `met others of the same document at each of ${looks} looks`)
}

/** A unique violation (PostgreSQL, appendix A). */
const isSameTwice = (error: unknown) =>
  error instanceof postgres.PostgresError && error.code === '23505' && error.table_name === 'verifications'

async function commit(tx: Sql, arrival: Arrival, verdict: Verdict): Promise<Decision | undefined> {
  // Before any row, as whoever commits a verdict on the earlier one does: each would wait for what the other holds.
  if (verdict.status === 'verified') await lockDocument(tx, verdict.documentMac)
  await lockUser(tx, arrival.id)
  const upload = await lockUpload(tx, arrival)
  if (!upload) return await commitVerdict(tx, arrival.id, arrival.attempt, verdict)

  const earlier = await lockEarlier(tx, upload, arrival.documentSha256)
  if (!earlier) {
    await noteDocument(tx, arrival)
    return await commitVerdict(tx, arrival.id, arrival.attempt, verdict)
  }
  await makeDuplicate(tx, upload.id, earlier.id, verdict.at)
  const opened = await openEarlier(tx, upload, earlier.id)
  if (!opened) return { verification: earlier, sharesDocument: false }
  return await commitVerdict(tx, opened.id, opened.attempt, verdict)
}
