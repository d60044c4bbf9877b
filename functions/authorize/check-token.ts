// The use case: a token becomes what is known of its bearer, or is refused. What the bearer may do is decided elsewhere.
import {
  JwtBaseError,
  JwtExpiredError,
  JwtInvalidAudienceError,
  JwtInvalidIssuerError,
  JwtInvalidSignatureError,
  JwtNotBeforeError,
  JwtParseError,
} from 'aws-jwt-verify/error'
import type { JwkWithKid } from 'aws-jwt-verify/jwk'
import { decomposeUnverifiedJwt } from 'aws-jwt-verify/jwt'
import { verifyJwt } from 'aws-jwt-verify/jwt-verifier'
import * as z from 'zod'
import { type AuthorizerContext, clockSkewSeconds, isExpired } from '../../shared/access.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { TokenSettings } from './environment.ts'

export type TokenRefusalReason =
  | 'not_configured'
  | 'too_large'
  | 'malformed'
  | 'algorithm'
  | 'unknown_key'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not_yet_valid'
  | 'claims'

/** The token is not one that we let in. `reason` is for our log; the caller is never told. */
export class TokenRefusal extends Error {
  override readonly name = 'TokenRefusal'
  readonly retriable = false
  readonly reason: TokenRefusalReason

  constructor(reason: TokenRefusalReason, options?: ErrorOptions) {
    super(`the token was refused: ${reason}`, options)
    this.reason = reason
  }
}

export type TokenPorts = {
  /** Undefined when the issuer has no key of that id. */
  readonly findKey: (keyId: string) => Promise<JwkWithKid | undefined>
  readonly now: () => Date
}

/** In characters. Real ones have one or two thousand; API Gateway takes 10,240 bytes of headers. */
const longestToken = 8192

/** RFC 6750, 2.1; the scheme in any case (RFC 9110, 11.1). */
const bearer = /^bearer +(\S+)$/i

const text = z.string().min(1).max(1024)

/**
 * The claims that are used, by the names that issuers give them: RFC 9068 and Cognito `client_id`, OpenID Connect `azp`,
 * Okta `cid` and `scp`, Entra `appid` and `scp`.
 */
const claimsSchema = z
  .object({
    sub: text,
    // NumericDate may have decimals (RFC 7519, 2).
    exp: z.number().positive().max(999_999_999_999).transform(Math.floor),
    client_id: text.optional(),
    azp: text.optional(),
    cid: text.optional(),
    appid: text.optional(),
    scope: z.string().optional(),
    scp: z.union([z.string(), z.array(z.string())]).optional(),
    // Cognito tells its id tokens by it: those are for the client, not for us.
    token_use: z.literal('access').optional(),
  })
  .transform(({ sub, exp, client_id, azp, cid, appid, scope, scp }) => ({
    ...{ sub, exp, clientId: client_id ?? azp ?? cid ?? appid },
    scopes: [scope ?? [], scp ?? []].flat().flatMap((names) => names.split(' ')),
  }))

/** Errors of the library, as reasons. */
const reasons = [
  [JwtParseError, 'malformed'],
  [JwtInvalidSignatureError, 'signature'],
  [JwtInvalidIssuerError, 'issuer'],
  [JwtInvalidAudienceError, 'audience'],
  [JwtExpiredError, 'expired'],
  [JwtNotBeforeError, 'not_yet_valid'],
  [JwtBaseError, 'algorithm'],
] as const

function toRefusal(error: unknown): unknown {
  if (error instanceof TokenRefusal || error instanceof UnavailableError) return error
  // Node's own complaint is of a signature that is none by its form, or of a key that is none.
  const reason = reasons.find(([kind]) => error instanceof kind)?.[1] ?? 'signature'
  return new TokenRefusal(reason, { cause: error })
}

/**
 * Checks tokens of one issuer: algorithm, key, signature, `iss`, `aud`, client, `exp`, `nbf`.
 *
 * @param settings null: every token is refused
 * @returns a function of the header `Authorization`, whole. It throws `TokenRefusal`, or `UnavailableError` when the
 *   issuer's keys cannot be had; nothing that it throws lets anybody in.
 */
export function createTokenCheck(
  settings: TokenSettings | null,
  ports: TokenPorts,
): (authorization: string) => Promise<AuthorizerContext> {
  async function verify(token: string, { issuer, algorithm, audiences }: TokenSettings) {
    try {
      const { header } = decomposeUnverifiedJwt(token)
      // `crit` names what a recipient must understand (RFC 7515, 4.1.11): we understand none of it.
      if (header.alg !== algorithm || 'crit' in header) throw new TokenRefusal('algorithm')
      return await verifyJwt(
        token,
        '',
        { issuer, audience: audiences === undefined ? null : [...audiences], graceSeconds: clockSkewSeconds },
        async () => {
          const key = header.kid ? await ports.findKey(header.kid) : undefined
          if (key === undefined) throw new TokenRefusal('unknown_key')
          return key
        },
      )
    } catch (error) {
      throw toRefusal(error)
    }
  }

  return async (authorization) => {
    if (settings === null) throw new TokenRefusal('not_configured')
    if (authorization.length > longestToken) throw new TokenRefusal('too_large')
    const token = bearer.exec(authorization)?.[1]
    if (token === undefined) throw new TokenRefusal('malformed')
    const claims = claimsSchema.safeParse(await verify(token, settings))
    if (!claims.success) throw new TokenRefusal('claims')
    const { sub, exp, clientId, scopes } = claims.data
    if (clientId === undefined) throw new TokenRefusal('claims')
    if (settings.clientIds !== undefined && !settings.clientIds.includes(clientId)) throw new TokenRefusal('audience')
    if (isExpired(new Date(exp * 1000), ports.now())) throw new TokenRefusal('expired')
    const { scopePrefix = '' } = settings
    const ours = scopes.filter((name) => name.startsWith(scopePrefix)).map((name) => name.slice(scopePrefix.length))
    return { sub, client_id: clientId, scope: ours.join(' '), exp: String(exp) }
  }
}
