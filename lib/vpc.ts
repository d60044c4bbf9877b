// The network of a deployed stage: isolated subnets, endpoints for the services that functions in it call, flow logs.
// No way to the internet, in or out. Who may reach what is written by the grants.
import { Fn, RemovalPolicy } from 'aws-cdk-lib'
import {
  Vpc as Ec2Vpc,
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  SecurityGroup,
  SubnetType,
} from 'aws-cdk-lib/aws-ec2'
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import type { InterfaceService, Network, Stage } from './stage.ts'

export interface VpcProps {
  readonly stage: Stage
  readonly network: Network
}

const awsServices = {
  kms: InterfaceVpcEndpointAwsService.KMS,
  secretsmanager: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
  lambda: InterfaceVpcEndpointAwsService.LAMBDA,
  sqs: InterfaceVpcEndpointAwsService.SQS,
} as const satisfies Record<InterfaceService, InterfaceVpcEndpointAwsService>

/** Zones of the region, as CloudFormation lists them: without asking the account while templates are written. */
export function listZones(network: Network | undefined): string[] {
  return Array.from({ length: network?.availabilityZones ?? 2 }, (_, index) => Fn.select(index, Fn.getAzs()))
}

/** The network. */
export class Vpc extends Construct {
  readonly vpc: IVpc
  /** The group that EC2 makes for whatever names none. */
  readonly defaultSecurityGroupId: string
  private readonly groups = new Map<InterfaceService, ISecurityGroup>()

  constructor(scope: Construct, id: string, props: VpcProps) {
    super(scope, id)
    const { stage, network } = props
    const vpc = new Ec2Vpc(this, 'Network', {
      // Spoken to by nobody else, so any private range will do; 251 addresses a zone.
      ipAddresses: IpAddresses.cidr('10.0.0.0/20'),
      maxAzs: network.availabilityZones,
      natGateways: 0,
      subnetConfiguration: [{ name: 'Isolated', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
      // Would be a function here; the service stack closes it (default-security-group.ts).
      restrictDefaultSecurityGroup: false,
    })
    pinLogicalId(vpc, 'Vpc')
    for (const [index, subnet] of vpc.isolatedSubnets.entries()) pinLogicalId(subnet, `Subnet${index + 1}`)

    // The class says less exactly than its interface which of its properties may be absent.
    this.vpc = vpc as IVpc
    this.defaultSecurityGroupId = vpc.vpcDefaultSecurityGroup
    vpc.addFlowLog('FlowLog', {
      trafficType: FlowLogTrafficType.ALL,
      destination: FlowLogDestination.toCloudWatchLogs(
        new LogGroup(this, 'FlowLogs', {
          retention: network.flowLogDays === 30 ? RetentionDays.ONE_MONTH : RetentionDays.ONE_YEAR,
          removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
        }),
      ),
    })

    const s3 = new GatewayVpcEndpoint(this, 'S3', { vpc: this.vpc, service: GatewayVpcEndpointAwsService.S3 })
    s3.addToPolicy(this.ownAccountOnly(stage))
    for (const service of network.interfaceServices) {
      const group = new SecurityGroup(this, `${service}Group`, {
        vpc: this.vpc,
        description: `Endpoint of ${service}: functions call it, it calls nobody`,
        allowAllOutbound: false,
      })
      const endpoint = new InterfaceVpcEndpoint(this, service, {
        vpc: this.vpc,
        service: awsServices[service],
        securityGroups: [group],
        // Each grant opens it for one function.
        open: false,
      })
      endpoint.addToPolicy(this.ownAccountOnly(stage))
      this.groups.set(service, group)
    }
  }

  /**
   * The security group of a service's endpoint.
   *
   * @throws {Error} when the stage has no endpoint for it
   */
  endpointGroup(service: InterfaceService): ISecurityGroup {
    const group = this.groups.get(service)
    if (group === undefined) {
      throw new Error(
        `expected ${service} in network.interfaceServices of the stage, since a function in the VPC calls it`,
      )
    }
    return group
  }

  /** Neither a stranger's credentials nor a stranger's bucket, key or secret pass: nothing is carried out by these doors. */
  private ownAccountOnly(stage: Stage): PolicyStatement {
    return new PolicyStatement({
      sid: 'OwnAccountOnly',
      effect: Effect.ALLOW,
      principals: [new AnyPrincipal()],
      actions: ['*'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:PrincipalAccount': stage.account, 'aws:ResourceAccount': stage.account } },
    })
  }
}
