// Trying again inside of one invocation: what a part that is away for seconds would otherwise hand back to the mapping.
import pRetry from 'p-retry'
import { UnavailableError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'

/** Runs work until it does not throw an `UnavailableError`, or the time for it is over: then it throws the last one. */
export type Retry = <Result>(work: () => Promise<Result>) => Promise<Result>

/** Milliseconds after its begin in which an invocation begins to try again, at most. */
const longestBudget = 30_000

/**
 * Milliseconds that must be left for the last try and for the answer: 20 s of the database's deadline, and 6 s in which
 * announce is nudged.
 */
const reserve = 28_000

const firstPause = 200
const longestPause = 5000

/** Of an invocation that has so many milliseconds left; all of its work shares one budget, measured by a clock that never jumps. */
export function createRetry(log: Log, remainingMilliseconds: number): Retry {
  const end = performance.now() + Math.min(longestBudget, remainingMilliseconds - reserve)
  return (work) =>
    pRetry(work, {
      retries: Number.POSITIVE_INFINITY,
      maxRetryTime: Math.max(0, end - performance.now()),
      ...{ minTimeout: firstPause, maxTimeout: longestPause, randomize: true },
      shouldRetry: ({ error, attemptNumber, retryDelay }) => {
        if (!(error instanceof UnavailableError)) return false
        log.warn('trying again', { part: error.part, attempt: attemptNumber, milliseconds: retryDelay, error })
        return true
      },
    })
}
