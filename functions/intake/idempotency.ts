// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): the same request under the same key is done once, and its
// answer given again. Where that is kept is not known here.
import { createHash } from 'node:crypto'
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda'
import type { Caller } from '../../shared/access.ts'
import { RequestError } from '../../shared/errors.ts'
import { findHeaders, type HttpRequest, toProblem } from '../../shared/http.ts'
import type { Log } from '../../shared/log.ts'
import { toCallerDigest } from './rate-limit.ts'

/** How long a key is remembered, in seconds. */
export const rememberedSeconds = 24 * 3600

/** How long (s) nobody else may work on a request: longer than this function can run, so that never two do. */
export const leaseSeconds = 30

/** An answer as it is kept: nothing of it is our own fault. */
export type KeptAnswer = {
  readonly status: number
  readonly contentType: string
  readonly location: string | null
  readonly body: string
}

/** A request under a key. `holder` is whoever works on it, `id` and `fingerprint` are SHA-256. */
export type KeyedRequest = {
  readonly id: Uint8Array
  readonly fingerprint: Uint8Array
  readonly holder: string
}

export type Claim =
  | { readonly outcome: 'ours' }
  | { readonly outcome: 'answered'; readonly answer: KeptAnswer }
  | { readonly outcome: 'in_flight'; readonly secondsLeft: number }
  | { readonly outcome: 'another_request' }

export type IdempotencyPorts = {
  readonly log: Log
  readonly newId: () => string
  /** Takes the request for the holder unless it was answered, or somebody works on it. */
  readonly claimKey: (request: KeyedRequest) => Promise<Claim>
  readonly keepAnswer: (request: KeyedRequest, answer: KeptAnswer) => Promise<void>
  /** Forgets a request that came to nothing. */
  readonly releaseKey: (request: KeyedRequest) => Promise<void>
}

/** What a client should wait at most (s), though a lease may last longer: mostly the other request is about to end. */
const longestRetryAfter = 5

/**
 * The key of a request: a String of structured fields (RFC 9651, 3.3.3), or the same without the quotes, as many clients
 * send it. Undefined when there is none.
 *
 * @throws {RequestError} 400 when it is not 1 to 255 characters of visible ASCII, or comes twice
 */
export function readIdempotencyKey(event: APIGatewayProxyEvent): string | undefined {
  const values = findHeaders(event, 'idempotency-key')
  if (values.length === 0) return undefined
  const refuse = (got: string) => {
    const expected = 'expected Idempotency-Key once, with 1 to 255 characters of visible ASCII, in quotes or without'
    return new RequestError(400, 'invalid_idempotency_key', `${expected}; got ${got}`)
  }
  if (values.length > 1) throw refuse(`it ${values.length} times`)
  const text = values[0]?.trim() ?? ''
  const key = text.startsWith('"') ? unquote(text) : text
  if (key === undefined)
    throw refuse('a quote that does not end, or a backslash before another character than \\ and "')
  if (/[^!-~]/.test(key)) throw refuse('another character')
  if (key.length < 1 || key.length > 255) throw refuse(`${key.length} characters`)
  return key
}

/** What is between the quotes; undefined when that is no String. */
function unquote(text: string): string | undefined {
  const inner = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text)?.[1]
  return inner?.replace(/\\(["\\])/g, '$1')
}

/**
 * Runs the work of a request unless it was done under the same key, and gives the answer of then. An error of the caller's
 * is an answer as well; after one of ours, or one that says to come again, the key is free again.
 *
 * @param request `fingerprint` is SHA-256 of what the request asks for
 * @throws {RequestError} 409 while the same request is worked on, 422 when the key was another request's
 */
export async function answerOnce(
  ports: IdempotencyPorts,
  request: { readonly event: HttpRequest; readonly caller: Caller; readonly fingerprint: () => Uint8Array },
  work: () => Promise<APIGatewayProxyResult>,
): Promise<APIGatewayProxyResult> {
  const { event, caller } = request
  const key = readIdempotencyKey(event)
  if (key === undefined) return await work()
  const route = `${event.httpMethod} ${event.resource}`
  const keyed: KeyedRequest = {
    id: createHash('sha256')
      .update(toCallerDigest(caller))
      .update(JSON.stringify([route, key]))
      .digest(),
    fingerprint: request.fingerprint(),
    holder: ports.newId(),
  }
  const claim = await ports.claimKey(keyed)
  switch (claim.outcome) {
    case 'ours':
      return await workAndKeep(ports, keyed, event, work)
    case 'answered':
      return fromKept(claim.answer)
    case 'in_flight':
      throw new RequestError(
        409,
        'request_in_flight',
        'a request with this Idempotency-Key is being worked on; send the same request again after Retry-After seconds',
        undefined,
        { retryAfterSeconds: Math.min(Math.max(Math.ceil(claim.secondsLeft), 1), longestRetryAfter) },
      )
    case 'another_request':
      throw new RequestError(
        422,
        'idempotency_key_reused',
        'expected a new Idempotency-Key for another request; got one that another request had within 24 hours',
      )
  }
}

async function workAndKeep(
  ports: IdempotencyPorts,
  keyed: KeyedRequest,
  event: HttpRequest,
  work: () => Promise<APIGatewayProxyResult>,
): Promise<APIGatewayProxyResult> {
  try {
    const result = await work()
    // An answer that could not be kept is not given: what comes next under the key might get another one.
    await ports.keepAnswer(keyed, toKept(result))
    return result
  } catch (error) {
    if (error instanceof RequestError && error.retryAfterSeconds === undefined) {
      await ports.keepAnswer(keyed, toKept(toProblem(error, event.requestId)))
    } else await release(ports, keyed, event)
    throw error
  }
}

async function release(ports: IdempotencyPorts, keyed: KeyedRequest, event: HttpRequest): Promise<void> {
  try {
    await ports.releaseKey(keyed)
  } catch (error) {
    ports.log.warn('an idempotency key was not released: it is free when its lease ends', {
      request_id: event.requestId,
      error,
    })
  }
}

const toKept = (result: APIGatewayProxyResult): KeptAnswer => ({
  status: result.statusCode,
  contentType: String(result.headers?.['content-type']),
  location: result.headers?.location === undefined ? null : String(result.headers.location),
  body: result.body,
})

const fromKept = (kept: KeptAnswer): APIGatewayProxyResult => ({
  statusCode: kept.status,
  headers: { 'content-type': kept.contentType, ...(kept.location === null ? {} : { location: kept.location }) },
  body: kept.body,
})
