// The REST API: which route asks which function, who is let in, and how often.
import { Duration } from 'aws-cdk-lib'
import {
  AuthorizationType,
  type CfnRestApi,
  EndpointAccessMode,
  EndpointType,
  LambdaIntegration,
  RestApi,
  SecurityPolicy,
  TokenAuthorizer,
} from 'aws-cdk-lib/aws-apigateway'
import { Construct } from 'constructs'
import { authorizationSeconds } from '../shared/access.ts'
import { AccessLog } from './access-log.ts'
import { CustomDomain } from './custom-domain.ts'
import { addGatewayResponses } from './gateway-responses.ts'
import type { ServiceFunction } from './service-function.ts'
import type { Stage } from './stage.ts'
import type { GatewayLimit } from './stage-edge.ts'
import { WebFirewall } from './web-firewall.ts'

export interface HttpApiProps {
  readonly stage: Stage
  /** Lets callers in, by their tokens. */
  readonly authorize: ServiceFunction<Record<string, string>>
  readonly intake: ServiceFunction<Record<string, string>>
  readonly read: ServiceFunction<Record<string, string>>
  readonly erase: ServiceFunction<Record<string, string>>
  readonly docs: ServiceFunction<Record<string, string>>
}

const toThrottling = (limit: GatewayLimit) => ({
  throttlingRateLimit: limit.requestsPerSecond,
  throttlingBurstLimit: limit.burst,
})

/** The API and its routes. */
export class HttpApi extends Construct {
  readonly api: RestApi
  readonly accessLog: AccessLog
  /** Undefined where the stage has none. */
  readonly firewall: WebFirewall | undefined
  /** Undefined where the stage has none: the API is found by the address that AWS gives it. */
  readonly domain: CustomDomain | undefined

  constructor(scope: Construct, id: string, props: HttpApiProps) {
    super(scope, id)
    const { stage } = props

    this.accessLog = new AccessLog(this, 'AccessLog', { stage })
    this.api = new RestApi(this, 'Api', {
      restApiName: `verified-wallets-${stage.name}`,
      description: 'Documents in, wallets out',
      endpointTypes: [EndpointType.REGIONAL],
      // Where clients show certificates, there is no way around the domain that asks for them.
      disableExecuteApiEndpoint: stage.domain?.clientAuthorities !== undefined,
      deployOptions: {
        stageName: stage.name,
        accessLogDestination: this.accessLog.destination,
        accessLogFormat: this.accessLog.format,
        // Neither execution logs nor traces of the gateway: both hold paths, and so user ids.
        tracingEnabled: false,
        ...toThrottling(stage.gatewayLimits.others),
        methodOptions: {
          '/verify/POST': toThrottling(stage.gatewayLimits.post),
          '/verify/uploads/POST': toThrottling(stage.gatewayLimits.post),
          '/wallet/{user_id}/POST': toThrottling(stage.gatewayLimits.post),
        },
      },
      cloudWatchRole: false,
    })

    // The stage's first deployment would be refused without the role that it logs with.
    this.api.deploymentStage.node.addDependency(this.accessLog.account)
    if (stage.enforcesTls) this.refuseOldTls()
    addGatewayResponses(this.api)

    const authorizer = new TokenAuthorizer(this, 'Authorizer', {
      handler: props.authorize.function,
      // What is no token by its form is refused without asking.
      validationRegex: '^[Bb][Ee][Aa][Rr][Ee][Rr] +[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$',
      // A token is asked about once in this time, and expires meanwhile: handlers look at `exp` again.
      resultsCacheTtl: Duration.seconds(authorizationSeconds),
    })
    const guarded = { authorizer, authorizationType: AuthorizationType.CUSTOM }
    const open = { authorizationType: AuthorizationType.NONE }

    // Without the permission for the console's test button: only the deployed stage may invoke.
    const intake = new LambdaIntegration(props.intake.function, { allowTestInvoke: false })
    const read = new LambdaIntegration(props.read.function, { allowTestInvoke: false })
    const erase = new LambdaIntegration(props.erase.function, { allowTestInvoke: false })
    const docs = new LambdaIntegration(props.docs.function, { allowTestInvoke: false })
    const verify = this.api.root.addResource('verify')
    verify.addMethod('POST', intake, guarded)
    verify.addResource('uploads').addMethod('POST', intake, guarded)
    const verification = verify.addResource('{verification_id}')
    verification.addMethod('GET', read, guarded)
    verification.addResource('document').addMethod('DELETE', erase, guarded)
    const hold = verification.addResource('legal-hold')
    for (const method of ['PUT', 'DELETE']) hold.addMethod(method, erase, guarded)
    const wallet = this.api.root.addResource('wallet').addResource('{user_id}')
    wallet.addMethod('GET', read, guarded)
    wallet.addMethod('POST', intake, guarded)
    this.api.root.addResource('addresses').addResource('{address}').addMethod('GET', read, guarded)
    const health = this.api.root.addResource('health')
    health.addMethod('GET', read, open)
    health.addResource('checks').addMethod('GET', read, guarded)
    this.api.root.addResource('openapi.json').addMethod('GET', docs, open)
    this.api.root.addResource('api').addResource('docs').addMethod('GET', docs, open)

    this.firewall =
      stage.firewall &&
      new WebFirewall(this, 'Firewall', {
        ...{ stage, settings: stage.firewall, api: this.api.deploymentStage },
      })
    this.domain = stage.domain && new CustomDomain(this, 'Domain', { settings: stage.domain, api: this.api })
  }

  /** TLS 1.2 with forward secrecy and 1.3, and no other host's name in the handshake: CDK's API has no property for it. */
  private refuseOldTls(): void {
    const resource = this.api.node.defaultChild as CfnRestApi
    resource.securityPolicy = SecurityPolicy.TLS13_1_2_PFS_PQ_2025_09
    resource.endpointAccessMode = EndpointAccessMode.STRICT
  }
}
