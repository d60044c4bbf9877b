// A Lambda function of this service: runtime, log group, identity, and an environment checked against its schema.
import { type Duration, RemovalPolicy } from 'aws-cdk-lib'
import { SubnetType } from 'aws-cdk-lib/aws-ec2'
import {
  ApplicationLogLevel,
  Architecture,
  type CfnFunction,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { Bundles, FunctionName } from './bundle.ts'
import type { DataStack } from './data-stack.ts'
import type { EventStream } from './event-stream.ts'
import type { FunctionIdentity } from './function-identity.ts'
import type { Stage } from './stage.ts'

/** What is around every function of the service stack. */
export interface Surroundings {
  readonly stage: Stage
  readonly bundles: Bundles
  readonly data: DataStack
  readonly events: EventStream
}

/** A function, whatever it is told. */
export type AnyFunction = ServiceFunction<Record<string, string>>

export interface ServiceFunctionProps<Environment extends Record<string, string>> {
  readonly stage: Stage
  readonly bundles: Bundles
  /** Its folder below `functions/`. */
  readonly name: FunctionName
  readonly identity: FunctionIdentity
  /** Its name in Lambda, where somebody outside of the stack must know it. Made by CloudFormation when absent. */
  readonly functionName?: string
  readonly description: string
  /** Every variable of the function's schema; one that is missing does not compile. */
  readonly environment: Environment
  /**
   * MiB; Lambda gives CPU in proportion, one full core at 1769. 256 where nothing else is said: the function waits for others,
   * and with less its cold start, which is computation, takes longer than what it waits for.
   */
  readonly memorySize: number
  readonly timeout: Duration
}

/** One function. Its rights are those of its identity, and writing to its own log group. */
export class ServiceFunction<Environment extends Record<string, string>> extends Construct {
  readonly function: LambdaFunction
  readonly timeout: Duration

  constructor(scope: Construct, id: string, props: ServiceFunctionProps<Environment>) {
    super(scope, id)
    const { stage, identity } = props
    this.timeout = props.timeout

    const logGroup = new LogGroup(this, 'Logs', {
      retention: stage.logRetentionDays,
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    })
    identity.allow({
      sid: 'WriteOwnLogs',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    })
    // X-Ray has no resources of its own to name.
    identity.allow({
      sid: 'WriteTraces',
      actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
      resources: ['*'],
    })

    const reserved = stage.reservedConcurrency?.[props.name]
    this.function = new LambdaFunction(this, 'Function', {
      ...(props.functionName === undefined ? {} : { functionName: props.functionName }),
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: stage.architecture === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
      code: Code.fromAsset(props.bundles[props.name]),
      handler: 'main.handler',
      role: identity.role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      // A line without a level counts as INFO, and lines of metrics have none: above that, all metrics would be gone.
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      // With the report of each invocation: duration, memory, cold start.
      systemLogLevelV2: SystemLogLevel.INFO,
      environment: {
        ...props.environment,
        NODE_OPTIONS: stage.nodeOptions,
        ...(stage.chaos === undefined
          ? {}
          : { AWS_ENDPOINT_URL_KMS: stage.chaos.proxyUrl, AWS_ENDPOINT_URL_S3: stage.chaos.proxyUrl }),
      },
      memorySize: props.memorySize,
      timeout: props.timeout,
      ...(reserved === undefined ? {} : { reservedConcurrentExecutions: reserved }),
      ...(identity.vpc && identity.securityGroup
        ? {
            vpc: identity.vpc.vpc,
            vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
            securityGroups: [identity.securityGroup],
          }
        : {}),
    })
    this.function.node.addDependency(identity.prerequisites)
    // Not by CDK's property, which writes a policy of its own beside the identity's.
    const resource = this.function.node.defaultChild as CfnFunction
    resource.tracingConfig = { mode: 'Active' }
  }

  /** Lets another function invoke this one. Returns its name. */
  grantInvoke(identity: FunctionIdentity): string {
    identity.allow({
      sid: `Invoke${this.node.id}`,
      actions: ['lambda:InvokeFunction'],
      resources: [this.function.functionArn],
    })
    identity.call('lambda')
    return this.function.functionName
  }
}
