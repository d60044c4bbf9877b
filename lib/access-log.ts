// One line for each request to the API, in JSON: what was asked for and how it went. Never by whom, nor of whom.
import { RemovalPolicy } from 'aws-cdk-lib'
import { AccessLogField, AccessLogFormat, CfnAccount, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigateway'
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { Stage } from './stage.ts'

export interface AccessLogProps {
  readonly stage: Stage
}

/**
 * The fields of a line, as the functions' lines name them. The resource is the route as it was declared, since a path
 * holds user ids; no source address, no user agent, no subject: what a caller did is found by the request id.
 * Values are texts; one that API Gateway does not have is `-`. No field may hold a quote, so messages stay out.
 */
export const accessLogFields = {
  request_id: AccessLogField.contextRequestId(),
  // Of API Gateway's own making; the other one may be the client's.
  gateway_request_id: AccessLogField.contextExtendedRequestId(),
  time: AccessLogField.contextRequestTimeEpoch(),
  method: AccessLogField.contextHttpMethod(),
  route: AccessLogField.contextResourcePath(),
  status: AccessLogField.contextStatus(),
  milliseconds: AccessLogField.contextResponseLatency(),
  function_milliseconds: AccessLogField.contextIntegrationLatency(),
  function_status: AccessLogField.contextIntegrationStatus(),
  answer_bytes: AccessLogField.contextResponseLength(),
  // Which of API Gateway's own answers it was.
  error: AccessLogField.contextErrorResponseType(),
  authorizer_status: AccessLogField.contextAuthorizerStatus(),
  authorizer_milliseconds: AccessLogField.contextAuthorizerLatency(),
  firewall: AccessLogField.contextWafResponseCode(),
  firewall_status: AccessLogField.contextWafStatus(),
  tls: '$context.tlsVersion',
} as const

/** What API Gateway asks of the role that it logs with, or it refuses the role: AmazonAPIGatewayPushToCloudWatchLogs. */
const loggingActions = [
  'logs:CreateLogGroup',
  'logs:CreateLogStream',
  'logs:DescribeLogGroups',
  'logs:DescribeLogStreams',
  'logs:FilterLogEvents',
  'logs:GetLogEvents',
  'logs:PutLogEvents',
]

/**
 * The log group of the lines, and the role with which API Gateway writes it.
 *
 * That role is a setting of the account and region, not of an API: stages that share an account set the same in turn.
 * It stays when a stage is deleted, so that the others go on logging.
 */
export class AccessLog extends Construct {
  readonly group: LogGroup
  readonly destination: LogGroupLogDestination
  readonly format = AccessLogFormat.custom(JSON.stringify(accessLogFields))
  /** What a stage that logs must wait for. */
  readonly account: CfnAccount

  constructor(scope: Construct, id: string, props: AccessLogProps) {
    super(scope, id)
    const { stage } = props
    this.group = new LogGroup(this, 'Group', {
      retention: stage.logRetentionDays,
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    })
    this.destination = new LogGroupLogDestination(this.group)

    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
      inlinePolicies: {
        WriteLogs: new PolicyDocument({
          statements: [
            new PolicyStatement({
              sid: 'WriteGatewayLogs',
              effect: Effect.ALLOW,
              actions: loggingActions,
              resources: ['*'],
            }),
          ],
        }),
      },
    })
    this.account = new CfnAccount(this, 'Account', { cloudWatchRoleArn: role.roleArn })
    role.applyRemovalPolicy(RemovalPolicy.RETAIN)
    this.account.applyRemovalPolicy(RemovalPolicy.RETAIN)
  }
}
