// The authorisation table: every route, and what each kind of caller gets from it. A route without a row fails the test of
// the templates; each row is held against the handlers, and against the deployed stack.
import { type Scope, scopes } from '../../shared/access.ts'

/** Callers. `owner`, `other` and `wrongScope` are end users, the last the owner with every scope but the route's. */
export const callers = ['nobody', 'owner', 'other', 'service', 'wrongScope', 'expired'] as const
export type CallerKind = (typeof callers)[number]

/** Whose object is asked for; there is one of each kind, and the ids of objects that do not exist. */
export type Subject = { readonly userId: string; readonly verificationId: string; readonly address: string }

export type AccessRow = {
  /** As the template has it. */
  readonly route: `${'GET' | 'POST' | 'PUT' | 'DELETE'} /${string}`
  /** The function behind it, by its name in the stack's outputs. */
  readonly target: 'Intake' | 'Read' | 'Erase' | 'Docs'
  /** Undefined: public. */
  readonly scope: Scope | undefined
  /** A request about the subject's object. */
  readonly request: (subject: Subject) => {
    readonly pathParameters?: Record<string, string>
    readonly query?: Record<string, string>
    readonly body?: unknown
  }
  readonly expected: Readonly<Record<CallerKind, number>>
  /** Whether the answer to `other` is the one to an object that nobody has. */
  readonly hidesOthers?: boolean
}

const pdf = Buffer.from('%PDF-1.7\n').toString('base64')
const open = { nobody: 200, owner: 200, other: 200, service: 200, wrongScope: 200, expired: 200 }
// For services: whom a hold is about must be able to neither set nor lift it.
const holds = { nobody: 401, owner: 403, other: 403, service: 204, wrongScope: 403, expired: 401 }
const hidden = { nobody: 401, owner: 200, other: 404, service: 200, wrongScope: 403, expired: 401 }

export const accessTable: readonly AccessRow[] = [
  {
    route: 'POST /verify',
    target: 'Intake',
    scope: 'verify:write',
    request: ({ userId }) => ({ body: { user_id: userId, network: 'ethereum', document: pdf } }),
    expected: { nobody: 401, owner: 202, other: 403, service: 202, wrongScope: 403, expired: 401 },
  },
  {
    route: 'POST /verify/uploads',
    target: 'Intake',
    scope: 'verify:write',
    request: ({ userId }) => ({
      body: { user_id: userId, network: 'ethereum', content_type: 'application/pdf', size: 9 },
    }),
    expected: { nobody: 401, owner: 202, other: 403, service: 202, wrongScope: 403, expired: 401 },
  },
  {
    route: 'GET /verify/{verification_id}',
    target: 'Read',
    scope: 'verify:read',
    request: ({ verificationId }) => ({ pathParameters: { verification_id: verificationId } }),
    expected: hidden,
    hidesOthers: true,
  },
  {
    route: 'PUT /verify/{verification_id}/legal-hold',
    target: 'Erase',
    scope: 'document:hold',
    request: ({ verificationId }) => ({ pathParameters: { verification_id: verificationId } }),
    expected: holds,
  },
  {
    route: 'DELETE /verify/{verification_id}/legal-hold',
    target: 'Erase',
    scope: 'document:hold',
    request: ({ verificationId }) => ({ pathParameters: { verification_id: verificationId } }),
    expected: holds,
  },
  // After the holds: live, it is the same document.
  {
    route: 'DELETE /verify/{verification_id}/document',
    target: 'Erase',
    scope: 'document:erase',
    request: ({ verificationId }) => ({ pathParameters: { verification_id: verificationId } }),
    expected: { nobody: 401, owner: 204, other: 404, service: 204, wrongScope: 403, expired: 401 },
    hidesOthers: true,
  },
  {
    route: 'GET /wallet/{user_id}',
    target: 'Read',
    scope: 'wallet:read',
    request: ({ userId }) => ({ pathParameters: { user_id: userId } }),
    expected: hidden,
    hidesOthers: true,
  },
  {
    route: 'POST /wallet/{user_id}',
    target: 'Intake',
    scope: 'verify:write',
    request: ({ userId }) => ({ pathParameters: { user_id: userId }, body: { network: 'tron' } }),
    expected: { nobody: 401, owner: 202, other: 403, service: 202, wrongScope: 403, expired: 401 },
  },
  {
    route: 'GET /addresses/{address}',
    target: 'Read',
    scope: 'wallet:read',
    request: ({ address }) => ({ pathParameters: { address } }),
    // For services: whose an address is may be anybody, so that no user is told, nor the owner.
    expected: { nobody: 401, owner: 403, other: 403, service: 200, wrongScope: 403, expired: 401 },
  },
  { route: 'GET /health', target: 'Read', scope: undefined, request: () => ({}), expected: open },
  { route: 'GET /openapi.json', target: 'Docs', scope: undefined, request: () => ({}), expected: open },
  { route: 'GET /api/docs', target: 'Docs', scope: undefined, request: () => ({}), expected: open },
  {
    route: 'GET /health/checks',
    target: 'Read',
    scope: 'ops:read',
    request: () => ({}),
    // It belongs to nobody, so whoever has the scope is another's equal.
    expected: { nobody: 401, owner: 200, other: 200, service: 200, wrongScope: 403, expired: 401 },
  },
]

/** The scopes that such a caller has: exactly the route's, or all others, for itself and for any. */
export function scopesOf(kind: CallerKind, scope: Scope | undefined): string[] {
  if (kind === 'wrongScope') return scopes.filter((each) => each !== scope).flatMap((each) => [each, `${each}:any`])
  if (scope === undefined) return []
  return kind === 'service' ? [`${scope}:any`] : [scope]
}
