// A Lambda function of this service: runtime, log group, identity, and an environment checked against its schema.
import { type Duration, RemovalPolicy } from 'aws-cdk-lib'
import { SubnetType } from 'aws-cdk-lib/aws-ec2'
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
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
  readonly description: string
  /** Every variable of the function's schema; one that is missing does not compile. */
  readonly environment: Environment
  /** MiB; Lambda gives CPU in proportion, one full core at 1769. */
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

    // A month: long enough to look into a complaint, short enough for lines that name users.
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    identity.allow({
      sid: 'WriteOwnLogs',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    })

    const reserved = stage.reservedConcurrency?.[props.name]
    this.function = new LambdaFunction(this, 'Function', {
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: stage.architecture === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
      code: Code.fromAsset(props.bundles[props.name]),
      handler: 'main.handler',
      role: identity.role,
      logGroup,
      environment: props.environment,
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
