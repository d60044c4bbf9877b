// Wallets that were found are kept: an issued one never changes. That there is none is believed for a moment only. Whose they
// are and who may see them is not known here: the handler decides that before it asks.
import { LRUCache } from 'lru-cache'
import type { Wallet } from '../../shared/model.ts'

/** Of each question so many answers: 5 MB when user ids are UUIDs, 25 MB when all are as long as may be (`npm run bench -- read`). */
export const mostWallets = 10_000
export const mostAbsences = 1_000

/**
 * Milliseconds, where a second is promised. Shorter than anyone waits between two questions, so that nobody who has seen a
 * wallet in the answer of one container is told by another that there is none, for having asked it before.
 */
export const longestAbsence = 200

export type AnsweredBy = 'cache' | 'cached_absence' | 'database'

export type MemoryPorts = {
  /** Of the wall: a container's other clocks may stand still while it is frozen. */
  readonly now: () => Date
  readonly count: (answeredBy: AnsweredBy) => void
}

/** The same question, asked of the database only when the answer is not known. */
export function rememberWallets<Question extends readonly string[]>(
  find: (...question: Question) => Promise<Wallet | undefined>,
  { now, count }: MemoryPorts,
): (...question: Question) => Promise<Wallet | undefined> {
  const wallets = new LRUCache<string, Wallet>({ max: mostWallets })
  /** When it was asked: the database may have answered as of then. */
  const absences = new LRUCache<string, number>({ max: mostAbsences })

  return async (...question) => {
    // As JSON no two questions are one, whatever is in a user id.
    const key = JSON.stringify(question)
    const known = wallets.get(key)
    if (known) {
      count('cache')
      return known
    }
    const askedAt = now().getTime()
    const age = askedAt - (absences.get(key) ?? Number.NEGATIVE_INFINITY)
    // An absence of the future is one before the clock was set back: nobody knows how old it is.
    if (age >= 0 && age < longestAbsence) {
      count('cached_absence')
      return undefined
    }
    const found = await find(...question)
    count('database')
    if (found) {
      wallets.set(key, found)
      absences.delete(key)
    } else {
      absences.set(key, askedAt)
    }
    return found
  }
}
