// The REST API: routes to functions, and what API Gateway answers by itself, in the form that the functions answer in.
import { EndpointType, LambdaIntegration, ResponseType, RestApi } from 'aws-cdk-lib/aws-apigateway'
import { Construct } from 'constructs'
import type { ServiceFunction } from './service-function.ts'
import type { GatewayLimit, Stage } from './stage.ts'

export interface HttpApiProps {
  readonly stage: Stage
  readonly intake: ServiceFunction<Record<string, string>>
  readonly read: ServiceFunction<Record<string, string>>
}

/** An answer of API Gateway itself; a 5xx never says why. */
interface GatewayProblem {
  readonly type: ResponseType
  readonly status: number
  readonly title: string
  readonly code: string
  readonly detail: string
  readonly retryAfterSeconds?: number
}

const unavailable = {
  status: 503,
  title: 'Service Unavailable',
  code: 'unavailable',
  detail: 'The service is not available at the moment. Send the same request again.',
  retryAfterSeconds: 5,
}

const notFound = {
  status: 404,
  title: 'Not Found',
  code: 'route_not_found',
  detail: 'expected one of the routes of this API; got another path or method',
}

const gatewayProblems: readonly GatewayProblem[] = [
  // An unknown path or method: API Gateway calls it a missing token and would answer 403.
  { type: ResponseType.MISSING_AUTHENTICATION_TOKEN, ...notFound },
  { type: ResponseType.RESOURCE_NOT_FOUND, ...notFound },
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
  {
    type: ResponseType.DEFAULT_5XX,
    status: 500,
    title: 'Internal Server Error',
    code: 'internal',
    detail: 'The request failed on our side. Quote the request_id when you report it.',
  },
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

    // Without the permission for the console's test button: only the deployed stage may invoke.
    const intake = new LambdaIntegration(props.intake.function, { allowTestInvoke: false })
    const read = new LambdaIntegration(props.read.function, { allowTestInvoke: false })
    const verify = this.api.root.addResource('verify')
    verify.addMethod('POST', intake)
    verify.addResource('{verification_id}').addMethod('GET', read)
    const wallet = this.api.root.addResource('wallet').addResource('{user_id}')
    wallet.addMethod('GET', read)
    wallet.addMethod('POST', intake)
    this.api.root.addResource('addresses').addResource('{address}').addMethod('GET', read)
    this.api.root.addResource('health').addMethod('GET', read)
  }
}
