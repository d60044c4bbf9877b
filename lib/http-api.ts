// The REST API: routes to functions, and what API Gateway answers by itself, in the form that the functions answer in.
import { Duration } from 'aws-cdk-lib'
import {
  AuthorizationType,
  EndpointType,
  LambdaIntegration,
  ResponseType,
  RestApi,
  TokenAuthorizer,
} from 'aws-cdk-lib/aws-apigateway'
import { Construct } from 'constructs'
import { unauthorized } from '../shared/access.ts'
import type { ServiceFunction } from './service-function.ts'
import type { GatewayLimit, Stage } from './stage.ts'

export interface HttpApiProps {
  readonly stage: Stage
  /** Lets callers in, by their tokens. */
  readonly authorize: ServiceFunction<Record<string, string>>
  readonly intake: ServiceFunction<Record<string, string>>
  readonly read: ServiceFunction<Record<string, string>>
  readonly docs: ServiceFunction<Record<string, string>>
}

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
  // The issuer's keys could not be had, or the authorizer itself failed: nobody is let in meanwhile.
  { type: ResponseType.AUTHORIZER_FAILURE, ...unavailable },
  { type: ResponseType.AUTHORIZER_CONFIGURATION_ERROR, ...internal },
  {
    type: ResponseType.REQUEST_TOO_LARGE,
    status: 413,
    title: 'Content Too Large',
    code: 'too_large',
    detail: 'expected a request body that the platform accepts: less than 6 MB; got a larger one',
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

const toThrottling = (limit: GatewayLimit) => ({
  throttlingRateLimit: limit.requestsPerSecond,
  throttlingBurstLimit: limit.burst,
})

/** The API and its routes. */
export class HttpApi extends Construct {
  readonly api: RestApi

  constructor(scope: Construct, id: string, props: HttpApiProps) {
    super(scope, id)
    const { stage } = props

    this.api = new RestApi(this, 'Api', {
      restApiName: `verified-wallets-${stage.name}`,
      description: 'Documents in, wallets out',
      endpointTypes: [EndpointType.REGIONAL],
      deployOptions: {
        stageName: stage.name,
        ...toThrottling(stage.gatewayLimits.others),
        methodOptions: {
          '/verify/POST': toThrottling(stage.gatewayLimits.post),
          '/wallet/{user_id}/POST': toThrottling(stage.gatewayLimits.post),
        },
      },
      cloudWatchRole: false,
    })

    for (const problem of gatewayProblems) {
      this.api.addGatewayResponse(problem.type.responseType, {
        type: problem.type,
        statusCode: String(problem.status),
        responseHeaders: {
          'Content-Type': "'application/problem+json'",
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

    const authorizer = new TokenAuthorizer(this, 'Authorizer', {
      handler: props.authorize.function,
      // What is no token by its form is refused without asking.
      validationRegex: '^[Bb][Ee][Aa][Rr][Ee][Rr] +[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$',
      // A token is asked about once in this time, and expires meanwhile: handlers look at `exp` again.
      resultsCacheTtl: Duration.seconds(300),
    })
    const guarded = { authorizer, authorizationType: AuthorizationType.CUSTOM }
    const open = { authorizationType: AuthorizationType.NONE }

    // Without the permission for the console's test button: only the deployed stage may invoke.
    const intake = new LambdaIntegration(props.intake.function, { allowTestInvoke: false })
    const read = new LambdaIntegration(props.read.function, { allowTestInvoke: false })
    const docs = new LambdaIntegration(props.docs.function, { allowTestInvoke: false })
    const verify = this.api.root.addResource('verify')
    verify.addMethod('POST', intake, guarded)
    verify.addResource('{verification_id}').addMethod('GET', read, guarded)
    const wallet = this.api.root.addResource('wallet').addResource('{user_id}')
    wallet.addMethod('GET', read, guarded)
    wallet.addMethod('POST', intake, guarded)
    this.api.root.addResource('addresses').addResource('{address}').addMethod('GET', read, guarded)
    const health = this.api.root.addResource('health')
    health.addMethod('GET', read, open)
    health.addResource('checks').addMethod('GET', read, guarded)
    this.api.root.addResource('openapi.json').addMethod('GET', docs, open)
    this.api.root.addResource('api').addResource('docs').addMethod('GET', docs, open)
  }
}
