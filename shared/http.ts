// The HTTP edge of the functions behind API Gateway: request ids, timing, and errors as problem details (RFC 9457).
import type middy from '@middy/core'
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda'
import { RequestError, UnavailableError } from './errors.ts'
import type { Log } from './log.ts'
import { isRequestId } from './model.ts'

/** An API Gateway event whose request id is settled. `answerHeaders` go with its answer, whatever that will be. */
export type HttpRequest = APIGatewayProxyEvent & { requestId: string; answerHeaders?: Readonly<Record<string, string>> }

const retryAfterSeconds = 5

/** An answer with a JSON body. */
export function answer(status: number, body: unknown, headers: Record<string, string> = {}): APIGatewayProxyResult {
  return { statusCode: status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
}

/** The name of each status that we answer errors with. */
export const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** An error as the client sees it. A 5xx never says why. */
export function toProblem(error: unknown, requestId: string): APIGatewayProxyResult {
  const problem = (status: number, code: string, detail: string, extra: object = {}, headers = {}) =>
    answer(
      status,
      {
        type: `urn:verified-wallets:problem:${code}`,
        title: titles[status],
        status,
        detail,
        code,
        request_id: requestId,
        ...extra,
      },
      // A 404 would be kept by who is not told (RFC 9110, 15.1), and soon be wrong.
      { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    )
  if (error instanceof RequestError) {
    const headers = {
      // RFC 6750, 3. API Gateway passes it on under another name, `x-amzn-remapped-www-authenticate`.
      ...(error.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...(error.retryAfterSeconds === undefined ? {} : { 'retry-after': String(error.retryAfterSeconds) }),
      ...(error.location === undefined ? {} : { location: error.location }),
    }
    return problem(error.status, error.code, error.message, error.issues ? { issues: error.issues } : {}, headers)
  }
  if (error instanceof UnavailableError) {
    const detail = 'The service is not available at the moment. Send the same request again.'
    return problem(503, 'unavailable', detail, {}, { 'retry-after': String(retryAfterSeconds) })
  }
  return problem(500, 'internal', 'The request failed on our side. Quote the request_id when you report it.')
}

/** All values of a header, by its name in lower case. */
export function findHeaders(event: APIGatewayProxyEvent, name: string): readonly string[] {
  const named = Object.entries(event.multiValueHeaders ?? {}).filter(([key]) => key.toLowerCase() === name)
  const values = named.flatMap(([, list]) => list ?? [])
  if (values.length > 0) return values
  const single = findHeader(event, name)
  return single === undefined ? [] : [single]
}

function findHeader(event: APIGatewayProxyEvent, name: string): string | undefined {
  const entry = Object.entries(event.headers ?? {}).find(([key]) => key.toLowerCase() === name)
  return entry?.[1]
}

/**
 * The middleware of every HTTP function: takes the client's `X-Request-ID` or makes one, answers errors as problem
 * details, sets `X-Request-ID` and `X-Process-Time` (seconds), and logs one line an answer.
 */
export function httpEdge(ports: { log: Log; now: () => number; newId: () => string }) {
  const started = new WeakMap<object, number>()

  function finish(request: middy.Request<HttpRequest, APIGatewayProxyResult>) {
    const { event, response, error } = request
    if (!response) return
    const milliseconds = ports.now() - (started.get(event) ?? ports.now())
    response.headers = {
      ...response.headers,
      ...event.answerHeaders,
      'x-request-id': event.requestId,
      'x-process-time': (milliseconds / 1000).toFixed(6),
    }
    ports.log.info('answered', {
      request_id: event.requestId,
      method: event.httpMethod,
      route: event.resource,
      status: response.statusCode,
      milliseconds: Math.round(milliseconds),
      ...(error instanceof RequestError ? { code: error.code } : {}),
    })
  }

  return {
    before: (request: middy.Request<HttpRequest, APIGatewayProxyResult>) => {
      started.set(request.event, ports.now())
      const given = findHeader(request.event, 'x-request-id')
      request.event.requestId = given && isRequestId(given) ? given : ports.newId()
    },
    after: finish,
    onError: (request: middy.Request<HttpRequest, APIGatewayProxyResult>) => {
      const { error, event } = request
      if (!(error instanceof RequestError)) {
        ports.log.error('request failed', { request_id: event.requestId, route: event.resource, error })
      }
      request.response = toProblem(error, event.requestId)
      finish(request)
    },
  }
}

/**
 * A path parameter, decoded exactly once: API Gateway hands it over still percent-encoded.
 *
 * @throws {RequestError} 400 when the encoding is broken.
 */
export function readPathParameter(event: APIGatewayProxyEvent, name: string): string {
  try {
    return decodeURIComponent(event.pathParameters?.[name] ?? '')
  } catch {
    throw new RequestError(400, 'malformed_path', `expected ${name} in the path to be percent-encoded UTF-8`)
  }
}
