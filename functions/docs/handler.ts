// GET /openapi.json and GET /api/docs: the contract for programs and for people. Public, and the same for everyone.
import middy from '@middy/core'
import type { APIGatewayProxyResult } from 'aws-lambda'
import { answerTagged, type TaggedBody, tagBody } from '../../shared/entity-tag.ts'
import { RequestError } from '../../shared/errors.ts'
import { type HttpRequest, httpEdge } from '../../shared/http.ts'
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

type Content = TaggedBody & { readonly headers: Readonly<Record<string, string>> }

/** Kept by the browser and by caches, and asked for each time: a deploy is seen at once, and 2 MB are sent once. */
const kept = { 'cache-control': 'public, no-cache', 'x-content-type-options': 'nosniff' }

export function createHandler(dependencies: DocsDependencies) {
  const { log, now, newId, contract, page } = dependencies
  const contents: Readonly<Record<string, Content>> = {
    '/openapi.json': { ...tagBody(contract), headers: { 'content-type': 'application/json' } },
    '/api/docs': {
      ...tagBody(page.html),
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': page.policy,
        'cross-origin-opener-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
      },
    },
  }
  return middy<HttpRequest, APIGatewayProxyResult>()
    .use(httpEdge({ log, now: () => now().getTime(), newId }))
    .handler(async (event) => {
      const content = Object.hasOwn(contents, event.resource) ? contents[event.resource] : undefined
      if (!content) throw new RequestError(404, 'route_not_found', `expected a known route; got ${event.resource}`)
      return answerTagged(event, content, content.headers, kept)
    })
}
