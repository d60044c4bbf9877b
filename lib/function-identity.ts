// Who a function is: its role, the one policy that everything it may do is written into, and its place in the network.
// Grants take an identity, so a function's rights are complete before the function exists.
import { CfnSecurityGroupIngress, type ISecurityGroup, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import { Effect, type IRole, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Construct, DependencyGroup } from 'constructs'
import type { InterfaceService } from './stage.ts'
import type { Vpc } from './vpc.ts'

export interface FunctionIdentityProps {
  /**
   * A role that exists already: those that the vault's key policy names live in the data stack, and their rights
   * are attached from here, so that the data stack never points back. Made here when absent.
   */
  readonly role?: IRole
  /** The network that the function is in. Undefined: none of ours. */
  readonly vpc: Vpc | undefined
}

/** One permission: what for, what, on what. */
export interface Permission {
  /** Letters and digits only: IAM takes nothing else in an identity policy. */
  readonly sid: string
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  /** In the form of IAM: operator, key, value. */
  readonly conditions?: Readonly<Record<string, unknown>>
}

/** What Lambda does in a function's name to put it into a network. IAM knows no narrower resource for most of them. */
const networkInterfaceActions = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
]

/** The role of one function, its policy, and the security group that says whom it may call. */
export class FunctionIdentity extends Construct {
  readonly role: IRole
  readonly policy: Policy
  /** What the function must wait for, rights and ways: without them, its first invocation would be refused. */
  readonly prerequisites = new DependencyGroup()
  readonly vpc: Vpc | undefined
  /** Nobody calls in by it, and what goes out is what grants have written there. */
  readonly securityGroup: SecurityGroup | undefined

  constructor(scope: Construct, id: string, props: FunctionIdentityProps) {
    super(scope, id)
    this.role = props.role ?? new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    this.policy = new Policy(this, 'Policy', { roles: [this.role] })
    this.prerequisites.add(this.policy)
    this.vpc = props.vpc
    if (props.vpc === undefined) return

    this.securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc: props.vpc.vpc,
      description: `What the function of ${id} may call`,
      allowAllOutbound: false,
    })
    this.allow({ sid: 'JoinNetwork', actions: networkInterfaceActions, resources: ['*'] })
    this.policy.addStatements(
      new PolicyStatement({
        sid: 'ButNotByOwnCode',
        effect: Effect.DENY,
        actions: networkInterfaceActions,
        resources: ['*'],
        // Present where the function's own code calls, absent where Lambda does.
        conditions: { Null: { 'lambda:SourceFunctionArn': 'false' } },
      }),
    )
  }

  /** Adds one statement. */
  allow(permission: Permission): void {
    this.policy.addStatements(
      new PolicyStatement({
        sid: permission.sid,
        effect: Effect.ALLOW,
        actions: [...permission.actions],
        resources: [...permission.resources],
        ...(permission.conditions === undefined ? {} : { conditions: permission.conditions }),
      }),
    )
  }

  /**
   * Opens the way to what a security group of the data stack guards, in both groups. The rules are written here: the
   * data stack never points back.
   *
   * @throws {Error} when the function is in no VPC
   */
  reach(name: string, target: ISecurityGroup, port: number): void {
    if (this.securityGroup === undefined) throw new Error(`expected ${this.node.id} to be in the VPC, to reach ${name}`)
    this.securityGroup.addEgressRule(Peer.securityGroupId(target.securityGroupId), Port.tcp(port), `To ${name}`)
    const ingress = new CfnSecurityGroupIngress(this, `To${name}`, {
      groupId: target.securityGroupId,
      sourceSecurityGroupId: this.securityGroup.securityGroupId,
      ipProtocol: 'tcp',
      fromPort: port,
      toPort: port,
      description: `From the function of ${this.node.id}`,
    })
    this.prerequisites.add(ingress)
  }

  /** Whether the way to what `reach` calls by that name is open. */
  reaches(name: string): boolean {
    return this.node.tryFindChild(`To${name}`) !== undefined
  }

  /** Opens the way to an AWS service by its endpoint; outside a VPC it is open. */
  call(service: InterfaceService): void {
    if (this.vpc !== undefined && !this.reaches(service)) this.reach(service, this.vpc.endpointGroup(service), 443)
  }

  /** Opens the way to S3. Its addresses are known by the route alone, and the VPC has no route to any other. */
  callS3(): void {
    this.securityGroup?.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'To S3, by the only route that leads out')
  }
}
