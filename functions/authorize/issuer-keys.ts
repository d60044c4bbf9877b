// The issuer's public keys: fetched when a token names one that is not held, and never so often that strangers could make
// us hammer the issuer. Nothing of tokens here.
import type { Jwk, Jwks, JwkWithKid } from 'aws-jwt-verify/jwk'
import { UnavailableError } from '../../shared/errors.ts'

export type IssuerKeysPorts = {
  /** The issuer's key set as it is published. */
  readonly fetchKeys: () => Promise<Jwks>
  readonly now: () => Date
}

/** Keys are asked for again after this, so that one that the issuer has withdrawn is soon no good. */
const freshMilliseconds = 10 * 60_000
/** While the issuer is away, its keys are believed for this long. */
const heldMilliseconds = 60 * 60_000
/** However many tokens name keys that do not exist, the issuer is asked once in this time. */
const pauseMilliseconds = 10_000

/**
 * A look-up of the issuer's keys by their id. Asks no timer: a frozen container's do not run.
 *
 * @returns the key; undefined when the issuer has none of that id
 * @throws {UnavailableError} when the issuer's keys cannot be had, and none are held that may still be believed
 */
export function createIssuerKeys(ports: IssuerKeysPorts): (keyId: string) => Promise<JwkWithKid | undefined> {
  let held: { readonly keys: readonly Jwk[]; readonly at: number } | undefined
  let lastFetch = Number.NEGATIVE_INFINITY
  let fetching: Promise<void> | undefined
  let lastFailure: unknown

  async function fetchKeys(at: number): Promise<void> {
    lastFetch = at
    try {
      held = { keys: (await ports.fetchKeys()).keys, at }
      lastFailure = undefined
    } catch (error) {
      lastFailure = error
    }
  }

  return async (keyId) => {
    const isKey = (key: Jwk): key is JwkWithKid => key.kid === keyId
    const now = ports.now().getTime()
    const isFresh = held !== undefined && now - held.at < freshMilliseconds
    if (!(isFresh && held?.keys.some(isKey)) && (fetching || now - lastFetch >= pauseMilliseconds)) {
      fetching ??= fetchKeys(now).finally(() => {
        fetching = undefined
      })
      await fetching
    }
    if (held === undefined || now - held.at >= heldMilliseconds) {
      throw new UnavailableError('issuer', "the issuer's keys cannot be had", { cause: lastFailure })
    }
    const key = held.keys.find(isKey)
    if (key === undefined && lastFailure !== undefined) {
      // It may be a new one, of which the issuer could not tell us.
      throw new UnavailableError('issuer', "the issuer's newest keys cannot be had", { cause: lastFailure })
    }
    return key
  }
}
