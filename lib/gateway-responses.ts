// What API Gateway answers by itself, when no function is asked: in the form that the functions answer in.
import { ResponseType, type RestApi } from 'aws-cdk-lib/aws-apigateway'
import { unauthorized } from '../shared/access.ts'

/** An answer of API Gateway itself; a 5xx never says why. */
interface GatewayProblem {
  readonly type: ResponseType
  readonly status: number
  readonly title: string
  readonly code: string
  readonly detail: string
  readonly retryAfterSeconds?: number
  /** Whether the header that asks for a token goes along (RFC 6750, 3). */
  readonly asksForToken?: boolean
}

const unavailable = {
  status: 503,
  title: 'Service Unavailable',
  code: 'unavailable',
  detail: 'The service is not available at the moment. Send the same request again.',
  retryAfterSeconds: 5,
}

const internal = {
  status: 500,
  title: 'Internal Server Error',
  code: 'internal',
  detail: 'The request failed on our side. Quote the request_id when you report it.',
}

const notFound = {
  status: 404,
  title: 'Not Found',
  code: 'route_not_found',
  detail: 'expected one of the routes of this API; got another path or method',
}

const nobody = { status: 401, title: 'Unauthorized', ...unauthorized, asksForToken: true }

const gatewayProblems: readonly GatewayProblem[] = [
  // An unknown path or method: API Gateway calls it a missing token and would answer 403.
  { type: ResponseType.MISSING_AUTHENTICATION_TOKEN, ...notFound },
  { type: ResponseType.RESOURCE_NOT_FOUND, ...notFound },
  { type: ResponseType.UNAUTHORIZED, ...nobody },
  // A header Authorization that is meant for AWS is no token either.
  { type: ResponseType.INVALID_SIGNATURE, ...nobody },
  { type: ResponseType.EXPIRED_TOKEN, ...nobody },
  {
    type: ResponseType.ACCESS_DENIED,
    status: 403,
    title: 'Forbidden',
    code: 'forbidden',
    detail: 'expected a token that is good for this stage; got another',
  },
  {
    type: ResponseType.WAF_FILTERED,
    status: 403,
    title: 'Forbidden',
    code: 'blocked',
    detail:
      'the firewall took the request for an attack, or its address sends too many; send the request_id to the operator',
  },
  // The issuer's keys could not be had, or the authorizer itself failed: nobody is let in meanwhile.
  { type: ResponseType.AUTHORIZER_FAILURE, ...unavailable },
  { type: ResponseType.AUTHORIZER_CONFIGURATION_ERROR, ...internal },
  {
    type: ResponseType.REQUEST_TOO_LARGE,
    status: 413,
    title: 'Content Too Large',
    code: 'too_large',
    detail:
      'expected a request body that the platform accepts: less than 6 MB; got a larger one. POST /verify/uploads tells where to upload a document',
  },
  {
    type: ResponseType.THROTTLED,
    status: 429,
    title: 'Too Many Requests',
    code: 'too_many_requests',
    detail: 'too many requests at once; send the same request again after a pause',
    retryAfterSeconds: 1,
  },
  { type: ResponseType.INTEGRATION_TIMEOUT, ...unavailable },
  { type: ResponseType.INTEGRATION_FAILURE, ...unavailable },
  {
    type: ResponseType.DEFAULT_4XX,
    status: 400,
    title: 'Bad Request',
    code: 'bad_request',
    detail: 'expected a well-formed HTTP request to one of the routes of this API',
  },
  { type: ResponseType.DEFAULT_5XX, ...internal },
]

/** Gives an API these answers. */
export function addGatewayResponses(api: RestApi): void {
  for (const problem of gatewayProblems) {
    api.addGatewayResponse(problem.type.responseType, {
      type: problem.type,
      statusCode: String(problem.status),
      responseHeaders: {
        'Content-Type': "'application/problem+json'",
        'Cache-Control': "'no-store'",
        'X-Request-ID': 'context.requestId',
        ...(problem.retryAfterSeconds === undefined ? {} : { 'Retry-After': `'${problem.retryAfterSeconds}'` }),
        ...(problem.asksForToken ? { 'WWW-Authenticate': "'Bearer'" } : {}),
      },
      // The template is chosen by the request's Accept header, and this one when none fits.
      templates: {
        'application/json': JSON.stringify({
          type: `urn:verified-wallets:problem:${problem.code}`,
          title: problem.title,
          status: problem.status,
          detail: problem.detail,
          code: problem.code,
          request_id: '$context.requestId',
        }),
      },
    })
  }
}
