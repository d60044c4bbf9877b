// Who calls, and whom they reach: the one place where it is decided. The authorizer has checked the token by then;
// tokens, keys and issuers are not known here.
import type { APIGatewayProxyEvent } from 'aws-lambda'
import * as z from 'zod'
import { RequestError } from './errors.ts'

/** What a token may allow. `{scope}:any` allows the same for every user: what services are given. */
export const scopes = [
  ...(['verify:write', 'verify:read', 'wallet:read', 'document:erase', 'document:hold', 'ops:read'] as const),
] as const
export type Scope = (typeof scopes)[number]

/** Who calls: an end user reaches the user_id that is the subject; a service token has `{scope}:any` and reaches any. */
export type Caller = {
  readonly subject: string
  readonly clientId: string
  readonly scopes: ReadonlySet<string>
  readonly expiresAt: Date
}

/** How far the clocks of the issuer and ours may be apart, in seconds: for `exp` and `nbf` (RFC 7519, 4.1.4 and 4.1.5). */
export const clockSkewSeconds = 5

/**
 * How long the gateway believes a token without asking the authorizer again, in seconds; and for how long a client may keep
 * what it got for one: a token that was withdrawn shows its bearer nothing for longer than it would anyway.
 */
export const authorizationSeconds = 300

/** What is said to everyone whom we do not know, whatever was wrong: the gateway's own 401 has the same words. */
export const unauthorized = {
  code: 'unauthorized',
  detail: 'expected a valid access token in the header Authorization: Bearer TOKEN',
} as const

/** What the authorizer hands over, as strings: API Gateway passes nothing else on. `exp`: seconds since 1970. */
export const authorizerContextSchema = z.object({
  sub: z.string().min(1),
  client_id: z.string().min(1),
  scope: z.string(),
  exp: z.string().regex(/^\d{1,12}$/),
})
export type AuthorizerContext = z.output<typeof authorizerContextSchema>

/** The scopes of a token's `scope`: separated by spaces (RFC 6749, 3.3). */
const parseScopes = (scope: string): ReadonlySet<string> => new Set(scope.split(' ').filter((name) => name !== ''))

/**
 * The caller that the authorizer let in. The gateway keeps the authorizer's answer for minutes, so the expiry is asked
 * here again.
 *
 * @throws {RequestError} 401 when there is no caller, or the token has expired
 */
export function readCaller(event: Pick<APIGatewayProxyEvent, 'requestContext'>, now: Date): Caller {
  const context = authorizerContextSchema.safeParse(event.requestContext.authorizer)
  if (!context.success) throw new RequestError(401, unauthorized.code, unauthorized.detail)
  const { sub, client_id, scope, exp } = context.data
  const expiresAt = new Date(Number(exp) * 1000)
  const end = expiresAt.getTime() + clockSkewSeconds * 1000
  if (now.getTime() >= end) throw new RequestError(401, unauthorized.code, unauthorized.detail)
  return { subject: sub, clientId: client_id, scopes: parseScopes(scope), expiresAt }
}

/**
 * Makes sure that a caller may do this at all, be it for one user or for any.
 *
 * @throws {RequestError} 403 when the token has neither the scope nor `{scope}:any`
 */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.scopes.has(scope) || reachesAnyUser(caller, scope)) return
  throw new RequestError(403, 'missing_scope', `expected a token with the scope ${scope}; got one without it`)
}

/** Whether a caller may do this for every user: what a service may be given. */
export const reachesAnyUser = (caller: Caller, scope: Scope): boolean => caller.scopes.has(`${scope}:any`)

/**
 * Makes sure that a caller may do this for every user.
 *
 * @throws {RequestError} 403 when the token has not `{scope}:any`
 */
export function requireAnyUser(caller: Caller, scope: Scope): void {
  if (reachesAnyUser(caller, scope)) return
  throw new RequestError(403, 'missing_scope', `expected a token with the scope ${scope}:any; got one without it`)
}

/**
 * Whether a caller may do this for that user. Ids are compared code unit by code unit: nothing is normalised.
 *
 * A client that acts for itself has itself as subject (RFC 9068, 2.2): it is no user, though one may have its name.
 */
export function reachesUser(caller: Caller, scope: Scope, userId: string): boolean {
  if (reachesAnyUser(caller, scope)) return true
  return caller.scopes.has(scope) && caller.subject === userId && caller.subject !== caller.clientId
}
