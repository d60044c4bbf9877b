// The authorisation table, without a gap: every route of the template has a row, and every row holds at the handler behind
// the route. What the gateway refuses before a handler is told by the template: no route is open but those that say so.
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda'
import { describe, expect, test } from 'vitest'
import { createHandler as createDocs } from '../../functions/docs/handler.ts'
import { createHandler as createErase } from '../../functions/erase/handler.ts'
import { createHandler as createIntake } from '../../functions/intake/handler.ts'
import { createHandler as createRead } from '../../functions/read/handler.ts'
import { clockSkewSeconds } from '../../shared/access.ts'
import type { HttpRequest } from '../../shared/http.ts'
import {
  type AccessRow,
  accessTable,
  type CallerKind,
  callers,
  type Subject,
  scopesOf,
} from '../support/access-table.ts'
import { documentedRoutes } from '../support/contract.ts'
import {
  call,
  createMemoryLog,
  makeHttpEvent,
  makeInspectedVerification,
  makeRequestContext,
  makeVerification,
  makeWallet,
  noon,
  registered,
  unlimited,
  verificationId,
} from '../support/fakes.ts'
import { localStage, resourcesOf, synthesise, write } from './templates.ts'

const { service } = synthesise(localStage())

/** Every method of the template: its route, whether it is guarded, the function behind it. */
function routesOfTemplate() {
  const resources = Object.fromEntries(
    resourcesOf(service, 'AWS::ApiGateway::Resource').map(([id, { Properties }]) => [id, Properties]),
  )
  const pathOf = (reference: unknown): string => {
    const parent = resources[(reference as { Ref?: string }).Ref ?? '']
    return parent === undefined ? '' : `${pathOf(parent.ParentId)}/${parent.PathPart}`
  }
  return resourcesOf(service, 'AWS::ApiGateway::Method').map(([, { Properties }]) => {
    const uri = write((Properties.Integration as { Uri: unknown }).Uri)
    const [name = ''] =
      Object.entries(service.Outputs).find(([output, value]) => {
        return (
          output.endsWith('FunctionName') && uri.includes(`<${(value as { Value: { Ref: string } }).Value.Ref}.Arn>`)
        )
      }) ?? []
    return {
      route: `${Properties.HttpMethod} ${pathOf(Properties.ResourceId) || '/'}`,
      guarded: Properties.AuthorizationType === 'CUSTOM' && Properties.AuthorizerId !== undefined,
      target: name.replace('FunctionName', ''),
    }
  })
}

const owner = 'user-1'
const { address } = makeWallet()
const subject: Subject = { userId: owner, verificationId, address }
const absent: Subject = {
  ...{ userId: 'nobody', verificationId: '00000000-0000-4000-8000-000000000009' },
  address: `0x${'0'.repeat(40)}`,
}

const ports = { log: createMemoryLog(), now: () => noon, newId: () => 'request-1' }
type Handler = (event: HttpRequest, context: Context) => Promise<APIGatewayProxyResult>
const handlers: Record<AccessRow['target'], Handler> = {
  Docs: createDocs({ ...ports, contract: '{}', page: { html: '<p></p>', policy: '' } }),
  Erase: createErase({
    ...{ ...ports, count: () => {}, measure: () => {}, retentionDays: 1 },
    findStandingDocument: async (id) =>
      id === verificationId
        ? {
            ...{ id, userId: owner, status: 'verified', attempt: 1 },
            kept: { object: { id, attempt: 1 }, legalHold: false, erasingSince: null, erasedAt: null },
          }
        : undefined,
    beginErasure: async () => true,
    markErased: async () => {},
    setLegalHold: async () => true,
    beginOverdueErasures: async () => 0,
    findOpenErasures: async () => [],
    findOldestDue: async () => null,
    deleteDataKeys: async () => {},
    deleteDocuments: async () => {},
  }),
  Intake: createIntake({
    ...unlimited,
    ...ports,
    maxDocumentBytes: 1000,
    registerUpload: async ({ userId }) => registered({ userId }),
    putDocument: async () => {},
    extendVerified: async ({ userId }) => makeVerification({ userId, status: 'verified', verifiedAt: noon }),
  }),
  Read: createRead({
    ...ports,
    findVerification: async (id) => (id === verificationId ? makeInspectedVerification({ userId: owner }) : undefined),
    findWallets: async (userId) => (userId === owner ? [makeWallet({ userId })] : []),
    findWallet: async (userId) => (userId === owner ? makeWallet({ userId }) : undefined),
    findWalletByAddress: async (_, text) => (text === address ? makeWallet({ userId: owner }) : undefined),
    findHeartbeats: async () => [],
  }),
}

/** What the gateway hands over: of an expired token what the authorizer said while it was good. */
function contextOf(kind: CallerKind, row: AccessRow): unknown {
  if (kind === 'nobody') return undefined
  const sub = kind === 'service' ? 'service-1' : kind === 'other' ? 'user-2' : owner
  return {
    sub,
    client_id: kind === 'service' ? 'service-1' : 'app-1',
    scope: scopesOf(kind, row.scope).join(' '),
    exp: String(noon.getTime() / 1000 + (kind === 'expired' ? -clockSkewSeconds : 60)),
  }
}

function ask(row: AccessRow, kind: CallerKind, about: Subject) {
  const [httpMethod = '', resource = ''] = row.route.split(' ')
  const { pathParameters = null, query = null, body } = row.request(about)
  const event: Partial<APIGatewayProxyEvent> = {
    ...{ httpMethod, resource, pathParameters, queryStringParameters: query },
    body: body === undefined ? null : JSON.stringify(body),
    requestContext: makeRequestContext(contextOf(kind, row)),
  }
  return call(handlers[row.target], makeHttpEvent(event))
}

describe('the authorisation table', () => {
  test('has a row for every route of the API, and none for another', () => {
    const rows = accessTable.map(({ route, target, scope }) => ({ route, target, guarded: scope !== undefined }))
    const byRoute = (one: { route: string }, other: { route: string }) => (one.route < other.route ? -1 : 1)
    expect(routesOfTemplate().toSorted(byRoute)).toEqual(rows.toSorted(byRoute))
  })

  test('opens nothing but health and the contract', () => {
    expect(accessTable.filter(({ scope }) => scope === undefined).map(({ route }) => route)).toEqual([
      ...['GET /health', 'GET /openapi.json', 'GET /api/docs'],
    ])
  })

  test('is that of the contract: the same routes, and of each the same scope', () => {
    const rows = accessTable.map(({ route, scope }) => [route, scope])
    const documented = documentedRoutes.map(({ route, scope }) => [route, scope?.replace(/:any$/, '')])
    expect(documented.toSorted()).toEqual(rows.toSorted())
  })

  test.each(accessTable.flatMap((row) => callers.map((kind) => ({ route: row.route, kind, row }))))(
    '$route, called by $kind',
    async ({ row, kind }) => {
      const answer = await ask(row, kind, subject)
      expect(answer.status).toBe(row.expected[kind])
      if (answer.status === 401) expect(answer.body.code).toBe('unauthorized')
      if (kind === 'wrongScope' && answer.status === 403) expect(answer.body.code).toBe('missing_scope')
    },
  )

  test.each(accessTable.filter(({ hidesOthers }) => hidesOthers))(
    "$route: another's is, byte for byte, one that does not exist",
    async (row) => {
      expect(await ask(row, 'other', subject)).toEqual(await ask(row, 'other', absent))
    },
  )

  test('401 has the same bytes on every route, and they are those of the gateway but for the request id', async () => {
    const answers = await Promise.all(
      accessTable
        .filter(({ scope }) => scope !== undefined)
        .flatMap((row) => (['nobody', 'expired'] as const).map((kind) => ask(row, kind, subject))),
    )
    const gateway = resourcesOf(service, 'AWS::ApiGateway::GatewayResponse')
      .map(([, { Properties }]) => Properties)
      .find(({ ResponseType }) => ResponseType === 'UNAUTHORIZED')
    const { 'application/json': template = '' } = (gateway?.ResponseTemplates ?? {}) as Record<string, string>
    expect(template).toContain('$context.requestId')
    for (const answer of answers) {
      expect(answer.raw).toBe(template.replace('$context.requestId', 'request-1'))
    }
  })
})
