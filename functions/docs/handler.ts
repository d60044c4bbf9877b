// GET /openapi.json and GET /api/docs: the contract for programs and for people. Public, and the same for everyone.
import { createHash } from 'node:crypto'
import middy from '@middy/core'
import type { APIGatewayProxyResult } from 'aws-lambda'
import { RequestError } from '../../shared/errors.ts'
import { findHeaders, type HttpRequest, httpEdge } from '../../shared/http.ts'
import type { Log } from '../../shared/log.ts'
import type { Page } from './page.ts'

export type DocsDependencies = {
  readonly log: Log
  readonly now: () => Date
  readonly newId: () => string
  /** The OpenAPI document, JSON. */
  readonly contract: string
  readonly page: Page
}

type Content = { readonly body: string; readonly etag: string; readonly headers: Readonly<Record<string, string>> }

function describeContent(body: string, headers: Readonly<Record<string, string>>): Content {
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"`, headers }
}

/** Whether the client has it: a list, weak ones too (RFC 9110, 13.1.2). */
function isKnown(event: HttpRequest, etag: string): boolean {
  const given = findHeaders(event, 'if-none-match').flatMap((value) => value.split(','))
  return given.some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag)
}

function answerContent(event: HttpRequest, { body, etag, headers }: Content): APIGatewayProxyResult {
  // Kept by the browser and by caches, and asked for each time: a deploy is seen at once, and 2 MB are sent once.
  const common = { etag, 'cache-control': 'public, no-cache', 'x-content-type-options': 'nosniff' }
  if (isKnown(event, etag)) return { statusCode: 304, headers: common, body: '' }
  return { statusCode: 200, headers: { ...headers, ...common }, body }
}

export function createHandler(dependencies: DocsDependencies) {
  const { log, now, newId, contract, page } = dependencies
  const contents: Readonly<Record<string, Content>> = {
    '/openapi.json': describeContent(contract, { 'content-type': 'application/json' }),
    '/api/docs': describeContent(page.html, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': page.policy,
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
    }),
  }
  return middy<HttpRequest, APIGatewayProxyResult>()
    .use(httpEdge({ log, now: () => now().getTime(), newId }))
    .handler(async (event) => {
      const content = Object.hasOwn(contents, event.resource) ? contents[event.resource] : undefined
      if (!content) throw new RequestError(404, 'route_not_found', `expected a known route; got ${event.resource}`)
      return answerContent(event, content)
    })
}
