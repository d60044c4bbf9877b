// Who reaches what: every scope with every kind of caller, and what stands for a caller that is none.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Caller,
  clockSkewSeconds,
  reachesAnyUser,
  reachesUser,
  readCaller,
  requireScope,
  type Scope,
  scopes,
} from '../../shared/access.ts'
import { RequestError } from '../../shared/errors.ts'
import { catchError, makeHttpEvent, noon } from '../support/fakes.ts'

const inAnHour = noon.getTime() / 1000 + 3600
const context = { sub: 'user-1', client_id: 'app', scope: 'wallet:read verify:read', exp: String(inAnHour) }

const read = (authorizer: unknown, now = noon) =>
  readCaller(makeHttpEvent({ requestContext: { authorizer } as never }), now)

const makeCaller = (overrides: Partial<Caller> & { scope?: string } = {}): Caller => ({
  ...{ subject: 'user-1', clientId: 'app', expiresAt: new Date(inAnHour * 1000) },
  scopes: new Set((overrides.scope ?? '').split(' ')),
  ...overrides,
})

describe('the caller', () => {
  it('is read of the context', () => {
    expect(read({ ...context, principalId: 'user-1', integrationLatency: 3 })).toEqual({
      subject: 'user-1',
      clientId: 'app',
      scopes: new Set(['wallet:read', 'verify:read']),
      expiresAt: new Date(inAnHour * 1000),
    })
  })

  it('may have no scope', () => {
    expect(read({ ...context, scope: '' }).scopes).toEqual(new Set())
  })

  it.each([
    ['no context', undefined],
    ['null', null],
    ['an empty context', {}],
    ...(['sub', 'client_id', 'scope', 'exp'] as const).map((name) => [`no ${name}`, { ...context, [name]: undefined }]),
    ['an empty subject', { ...context, sub: '' }],
    ['an empty client', { ...context, client_id: '' }],
    ...['', '-1', '1e99', 'NaN', 'Infinity', ' 1', '9999999999999'].map((exp) => [`exp ${exp}`, { ...context, exp }]),
  ] as [string, unknown][])('is nobody with %s', async (_, authorizer) => {
    const error = await catchError(() => read(authorizer))
    expect(error).toBeInstanceOf(RequestError)
    expect(error).toMatchObject({ status: 401, code: 'unauthorized' })
  })

  it('is nobody from the end of the skew on, and told so in the same words', async () => {
    const end = (inAnHour + clockSkewSeconds) * 1000
    expect(read(context, new Date(end - 1)).subject).toBe('user-1')
    const [expired, absent] = [await catchError(() => read(context, new Date(end))), await catchError(() => read({}))]
    expect(expired).toMatchObject({ status: 401, code: 'unauthorized', message: absent.message })
  })
})

const allows = (caller: Caller, scope: Scope) => {
  try {
    requireScope(caller, scope)
    return true
  } catch (error) {
    expect(error).toMatchObject({ status: 403, code: 'missing_scope', message: expect.stringContaining(scope) })
    return false
  }
}

describe.each(scopes)('%s', (scope) => {
  const others = scopes.filter((other) => other !== scope)
  const lookalikes = [
    scope.toUpperCase(),
    `${scope}:`,
    `${scope}:any:`,
    `x${scope}`,
    `${scope}:ANY`,
    ':any',
    '*',
    'any',
  ]

  it('lets an end user reach the subject alone', () => {
    const caller = makeCaller({ scope })
    expect(allows(caller, scope)).toBe(true)
    expect(reachesUser(caller, scope, 'user-1')).toBe(true)
    expect(reachesAnyUser(caller, scope)).toBe(false)
    for (const other of ['user-2', 'USER-1', 'user-1 ', 'user-1\u200b', '', 'app']) {
      expect(reachesUser(caller, scope, other)).toBe(false)
    }
  })

  it('lets a service reach any, and only with `:any`', () => {
    const service = { subject: 'shop', clientId: 'shop' }
    expect(allows(makeCaller({ ...service, scope: `${scope}:any` }), scope)).toBe(true)
    expect(reachesUser(makeCaller({ ...service, scope: `${scope}:any` }), scope, 'user-1')).toBe(true)
    expect(reachesUser(makeCaller({ ...service, scope }), scope, 'user-1')).toBe(false)
  })

  it('lets a service not reach the user that has its name', () => {
    expect(reachesUser(makeCaller({ subject: 'shop', clientId: 'shop', scope }), scope, 'shop')).toBe(false)
  })

  it('is not had by those who have others, or what looks like it', () => {
    const scopesOfOthers = [...others, ...others.map((other) => `${other}:any`), ...lookalikes]
    for (const caller of [makeCaller(), makeCaller({ scope: scopesOfOthers.join(' ') })]) {
      expect(allows(caller, scope)).toBe(false)
      expect(reachesUser(caller, scope, 'user-1')).toBe(false)
    }
  })
})

it('whoever reaches another than the subject has the scope for any', () => {
  const names = [...scopes, ...scopes.map((scope) => `${scope}:any`), 'openid']
  const ids = fc.constantFrom('a', 'b', 'A', 'app')
  fc.assert(
    fc.property(fc.subarray(names), fc.constantFrom(...scopes), ids, ids, (granted, scope, subject, userId) => {
      const caller = makeCaller({ subject, scope: granted.join(' ') })
      const reaches = reachesUser(caller, scope, userId)
      if (reaches) expect(allows(caller, scope)).toBe(true)
      if (reaches && subject !== userId) expect(granted).toContain(`${scope}:any`)
    }),
  )
})
