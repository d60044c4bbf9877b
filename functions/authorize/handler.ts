// The Lambda authorizer of the API: hands a token to its check, and answers as API Gateway wants it.
import type { APIGatewayAuthorizerResult, APIGatewayTokenAuthorizerEvent } from 'aws-lambda'
import type { AuthorizerContext } from '../../shared/access.ts'
import type { Log } from '../../shared/log.ts'
import type { Metrics } from '../../shared/metrics.ts'
import { TokenRefusal } from './check-token.ts'

export type AuthorizeDependencies = {
  readonly log: Log
  readonly count: Metrics<'authorize'>['count']
  /** Of the whole header `Authorization`; throws when its bearer is not let in. */
  readonly checkToken: (authorization: string) => Promise<AuthorizerContext>
}

/** API Gateway makes a 401 of exactly this message, and a failure of its own of any other. */
class Unauthorized extends Error {
  override readonly name = 'Unauthorized'

  // Without a cause: Lambda logs what is thrown, and the causes quote pieces of the token.
  constructor() {
    super('Unauthorized')
  }
}

/** Every method of the stage: the answer is kept, and met again by whatever the bearer calls next. */
function toWholeStage(methodArn: string): string {
  const [api, stage] = methodArn.split('/')
  return `${api}/${stage}/*`
}

export function createHandler({ log, count, checkToken }: AuthorizeDependencies) {
  return async (event: APIGatewayTokenAuthorizerEvent): Promise<APIGatewayAuthorizerResult> => {
    try {
      const context = await checkToken(event.authorizationToken)
      count('tokens_accepted', 1)
      return {
        principalId: context.sub,
        policyDocument: {
          Version: '2012-10-17',
          Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: toWholeStage(event.methodArn) }],
        },
        context,
      }
    } catch (error) {
      if (error instanceof TokenRefusal) {
        count('tokens_refused', 1, { reason: error.reason })
        log.info('refused', { reason: error.reason })
        throw new Unauthorized()
      }
      count('tokens_not_checked', 1)
      log.error('could not check a token', { error })
      throw error
    }
  }
}
