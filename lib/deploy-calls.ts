// What a deploy must ask or tell AWS because CloudFormation cannot: the addresses of the brokers, and that the VPC's
// default security group lets nothing through. In the service stack, since a custom resource is a function.
import { createHash } from 'node:crypto'
import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { AwsCustomResource, type AwsSdkCall, PhysicalResourceId } from 'aws-cdk-lib/custom-resources'
import { Construct } from 'constructs'
import { FunctionIdentity } from './function-identity.ts'
import type { MskCluster } from './msk-cluster.ts'
import type { Stage } from './stage.ts'
import type { Vpc } from './vpc.ts'

export interface DeployCallsProps {
  readonly stage: Stage
  readonly vpc: Vpc
  readonly cluster: MskCluster
}

/** CDK's function for calls of the SDK, with no more rights than these calls need. */
export class DeployCalls extends Construct {
  /** `host:port` of the brokers for clients that sign in by IAM, separated by commas. */
  readonly bootstrapServers: string
  private readonly identity: FunctionIdentity
  private readonly logGroup: LogGroup

  constructor(scope: Construct, id: string, props: DeployCallsProps) {
    super(scope, id)
    const { stage, vpc, cluster } = props
    this.identity = new FunctionIdentity(this, 'Identity', { vpc: undefined })
    this.logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    })
    this.identity.allow({
      sid: 'WriteOwnLogs',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [this.logGroup.logGroupArn],
    })
    this.bootstrapServers = this.readBootstrapServers(stage, cluster)
    this.closeDefaultSecurityGroup(vpc)
  }

  private readBootstrapServers(stage: Stage, cluster: MskCluster): string {
    const clusterArn = cluster.cluster.attrArn
    this.identity.allow({
      sid: 'AskForBrokers',
      actions: ['kafka:GetBootstrapBrokers'],
      resources: [clusterArn],
    })
    // Asked again when anything of the cluster changes in the stage table: then its brokers may be others.
    const version = createHash('sha256')
      .update(JSON.stringify([stage.kafka, stage.network]))
      .digest('hex')
      .slice(0, 16)
    const output = 'BootstrapBrokerStringSaslIam'
    return this.make('BootstrapBrokers', {
      service: 'Kafka',
      action: 'GetBootstrapBrokers',
      parameters: { ClusterArn: clusterArn },
      outputPaths: [output],
      physicalResourceId: PhysicalResourceId.of(version),
    }).getResponseField(output)
  }

  private closeDefaultSecurityGroup(vpc: Vpc): void {
    const groupId = vpc.defaultSecurityGroupId
    this.identity.allow({
      sid: 'CloseDefaultSecurityGroup',
      actions: ['ec2:RevokeSecurityGroupEgress', 'ec2:RevokeSecurityGroupIngress'],
      resources: [
        Stack.of(this).formatArn({
          service: 'ec2',
          resource: 'security-group',
          resourceName: groupId,
          arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
        }),
      ],
    })
    const { account } = Stack.of(this)
    // The two rules that EC2 gives every default group: all from itself, all to anywhere.
    const rules = {
      Ingress: { IpProtocol: '-1', UserIdGroupPairs: [{ UserId: account, GroupId: groupId }] },
      Egress: { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
    }
    for (const [direction, rule] of Object.entries(rules)) {
      this.make(`Close${direction}`, {
        service: 'EC2',
        action: `RevokeSecurityGroup${direction}`,
        parameters: { GroupId: groupId, IpPermissions: [rule] },
        // Closed already.
        ignoreErrorCodesMatching: 'InvalidPermission.NotFound',
        physicalResourceId: PhysicalResourceId.of(groupId),
      })
    }
  }

  private make(id: string, call: AwsSdkCall): AwsCustomResource {
    const resource = new AwsCustomResource(this, id, {
      resourceType: `Custom::${id}`,
      onUpdate: call,
      role: this.identity.role,
      logGroup: this.logGroup,
      timeout: Duration.minutes(2),
      // The one that the runtime has knows these calls.
      installLatestAwsSdk: false,
    })
    resource.node.addDependency(this.identity.prerequisites)
    return resource
  }
}
