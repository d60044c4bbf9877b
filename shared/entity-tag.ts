// Answers that a client may keep: the tag of their bytes, and 304 for who has them (RFC 9110, 8.8.3, 13.1.2 and 15.4.5).
import { createHash } from 'node:crypto'
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda'
import { findHeaders } from './http.ts'

/** A body with the tag of its bytes. */
export type TaggedBody = { readonly body: string; readonly etag: string }

/** Tags a body: a strong tag, of SHA-256. */
export function tagBody(body: string): TaggedBody {
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}

/** An entity tag: a weak one too, whose opaque part may hold commas (RFC 9110, 8.8.3). */
const entityTag = /(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g

/** Whether the client has it already: `*`, or one of its tags is that one, weakly compared (RFC 9110, 13.1.2). */
function isKnown(event: APIGatewayProxyEvent, etag: string): boolean {
  const given = findHeaders(event, 'if-none-match').join(',').trim()
  return given === '*' || [...given.matchAll(entityTag)].some(([, , opaque]) => opaque === etag)
}

/**
 * 200 with the body, or 304 without it when the client has it.
 *
 * @param kept headers that say how long it may be kept and for whom; they go with 304 too
 */
export function answerTagged(
  event: APIGatewayProxyEvent,
  { body, etag }: TaggedBody,
  headers: Readonly<Record<string, string>>,
  kept: Readonly<Record<string, string>>,
): APIGatewayProxyResult {
  if (isKnown(event, etag)) return { statusCode: 304, headers: { etag, ...kept }, body: '' }
  return { statusCode: 200, headers: { ...headers, etag, ...kept }, body }
}
