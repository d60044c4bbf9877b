// How often one caller may POST: a token bucket, and the headers that tell of it. Where it is kept is not known here.
import { createHash } from 'node:crypto'
import type { Caller } from '../../shared/access.ts'
import { RequestError } from '../../shared/errors.ts'
import type { HttpRequest } from '../../shared/http.ts'

/** A token bucket: this many requests at once, and this many a second for as long as one likes. */
export type PostLimit = { readonly capacity: number; readonly refillPerSecond: number }

/** What a request found: whether it got a token, and when the bucket will be full again if nobody asks any more. */
export type TakenToken = { readonly passed: boolean; readonly secondsUntilFull: number }

export type RateLimitPorts = {
  readonly postLimit: PostLimit
  /** Takes a token out of a caller's bucket, if there is one. Rejects when the buckets are away: nobody passes then. */
  readonly takeToken: (caller: Uint8Array, limit: PostLimit) => Promise<TakenToken>
}

/** Who calls, in 32 bytes that tell no name. As JSON, since a space may be in either. */
export const toCallerDigest = (caller: Caller): Uint8Array =>
  createHash('sha256')
    .update(JSON.stringify([caller.clientId, caller.subject]))
    .digest()

/** Floating-point dust of the division, in tokens. */
const dust = 1e-6

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers-10: `q` tokens that refill within `w` seconds; `r` are left, and one
 * more is there after `t` seconds.
 */
export function describeBucket(limit: PostLimit, taken: TakenToken) {
  const { capacity, refillPerSecond } = limit
  const missing = Math.max(taken.secondsUntilFull * refillPerSecond, 0)
  const remaining = taken.passed ? Math.max(Math.floor(capacity - missing + dust), 0) : 0
  const untilNext = remaining >= capacity ? 0 : missing - (capacity - remaining - 1)
  // Half of the dust, so that whoever waits as long as this finds the token indeed.
  const secondsUntilNext = Math.max(Math.ceil((untilNext - dust / 2) / refillPerSecond), 0)
  // A client that was refused waits at least a second, lest it comes back within the same one.
  const seconds = taken.passed ? secondsUntilNext : Math.max(secondsUntilNext, 1)
  const window = Math.max(Math.ceil((capacity - dust) / refillPerSecond), 1)
  return {
    secondsUntilNext: seconds,
    headers: {
      'ratelimit-policy': `"post";q=${capacity};w=${window}`,
      ratelimit: `"post";r=${remaining};t=${seconds}`,
    },
  }
}

/**
 * Lets a POST through if its caller has a token left, and has every answer to it tell how many.
 *
 * @throws {RequestError} 429 with the seconds to wait
 * @throws {UnavailableError} when the buckets are away
 */
export async function limitPost(ports: RateLimitPorts, event: HttpRequest, caller: Caller): Promise<void> {
  const taken = await ports.takeToken(toCallerDigest(caller), ports.postLimit)
  const { headers, secondsUntilNext: retryAfterSeconds } = describeBucket(ports.postLimit, taken)
  event.answerHeaders = { ...event.answerHeaders, ...headers }
  if (taken.passed) return
  throw new RequestError(
    429,
    'rate_limited',
    'too many requests of this client and user; send the same request again after Retry-After seconds',
    undefined,
    { retryAfterSeconds },
  )
}
