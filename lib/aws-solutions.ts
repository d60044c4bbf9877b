// Holds a stage to cdk-nag's rules AwsSolutions. What they find and stands all the same is listed here, at most 12: what it is
// about, and what makes up for it.
import { type App, Stack, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import type { IConstruct } from 'constructs'

/** Templates that the rules find something in. The message names each finding. */
export class FindingsError extends Error {
  override readonly name = 'FindingsError'

  constructor(findings: readonly string[]) {
    super(
      `expected nothing that cdk-nag finds; mend it, or acknowledge it in lib/aws-solutions.ts:\n${findings.join('\n')}`,
    )
  }
}

export interface Acknowledgement {
  /** The rule, and in brackets the finding. */
  readonly id: string
  /** The last part of each construct's path that it is about. */
  readonly paths: readonly string[]
  /** Why it stands, and what compensates. */
  readonly reason: string
}

export const acknowledgements: readonly Acknowledgement[] = [
  {
    id: 'AwsSolutions-SMG4',
    paths: ['Vault/Secret'],
    reason:
      'A mnemonic that rotates gives every user other addresses. Compensated: the secret holds ciphertext only, its key rotates each year, one role may decrypt, and whoever else tries wakes a person.',
  },
  {
    id: 'AwsSolutions-RDS10',
    paths: ['Database/Aurora/Cluster'],
    reason:
      'dev is made to be destroyed by one command, and holds no wallet of worth. Compensated: prod has deletion protection of the cluster and termination protection of the stack.',
  },
  {
    id: 'AwsSolutions-COG8',
    paths: ['Users/Pool'],
    reason:
      'The Plus tier is paid by each user and month. Compensated: nobody signs up by himself, a second factor is required, passwords have 12 characters, tokens live for 15 minutes.',
  },
  {
    id: 'AwsSolutions-IAM5[Resource::*]',
    paths: ['Policy', 'AccessLog/Role'],
    reason:
      'Network interfaces, traces and log groups of API Gateway have no narrower resource in IAM. Compensated: a Deny keeps the network interfaces from code of our own, and a test lists each such statement with its reason.',
  },
  {
    id: 'AwsSolutions-IAM5[Resource::<DocumentBucket.Arn>/incoming/*]',
    paths: ['IntakeIdentity/Policy', 'InspectIdentity/Policy', 'VerificationIdentity/Policy', 'EraseIdentity/Policy'],
    reason:
      'A document is an object of its own, named when it comes. Compensated: each of the functions has one action on that prefix of that bucket: one puts, one gets, two delete unread.',
  },
  {
    id: 'AwsSolutions-IAM5[Resource::<DocumentBucket.Arn>/kept/*]',
    paths: ['InspectIdentity/Policy', 'VerificationIdentity/Policy', 'EraseIdentity/Policy'],
    reason: 'As above, of copies that are kept. Compensated: one puts, two delete, and none of them may get one.',
  },
  {
    id: 'AwsSolutions-IAM5[Resource::<DataKeyBucket.Arn>/keys/*]',
    paths: ['VerificationIdentity/Policy', 'EraseIdentity/Policy'],
    reason:
      'As above, of the wrapped data keys of those copies. Compensated: neither of the two may have KMS unwrap one.',
  },
  {
    // The ARN of the cluster, as CloudFormation splits it for the name of a group.
    id: 'AwsSolutions-IAM5[Resource::{"Fn::Select":[0,{"Fn::Split":[":cluster/",{"Fn::GetAtt":["KafkaCluster","Arn"]}]}]}:group/{"Fn::Select":[1,{"Fn::Split":[":cluster/",{"Fn::GetAtt":["KafkaCluster","Arn"]}]}]}/operate-*]',
    paths: ['OperateIdentity/Policy'],
    reason:
      'Each reading of the dead letters has a consumer group of its own, or two of them would share the records. Compensated: the prefix is of this function alone, nothing is committed, and the one topic that may be read is named.',
  },
  {
    id: 'AwsSolutions-APIG2',
    paths: ['Http/Api'],
    reason:
      'API Gateway would refuse in its own words, and knows less than the schemas. Compensated: each function parses each request through the schema that the contract is made of, and a fuzzer sends what it does not allow.',
  },
  {
    id: 'AwsSolutions-APIG6',
    paths: ['Http/Api/DeploymentStage.dev', 'Http/Api/DeploymentStage.prod'],
    reason:
      'Execution logs hold headers and bodies: tokens and documents. Compensated: an access log without personal data, and a line of each function with the same request id.',
  },
  {
    id: 'AwsSolutions-COG4',
    paths: ['Http/Api/Default'],
    reason:
      'The tokens of any issuer are let in, not of Cognito alone. Compensated: an authorizer of our own on all but the public routes; a test holds each route to its row.',
  },
  {
    id: 'AwsSolutions-APIG4',
    paths: ['Default/health/GET', 'Default/openapi.json/GET', 'Default/api/docs/GET'],
    reason:
      'Public on purpose: whether it is up, and the contract. Compensated: they tell nothing of anybody, behind the rate rule of the firewall; a test lists them.',
  },
]

/** Whether a construct's path ends so. */
const isAt = (node: IConstruct, path: string) => `/${node.node.path}`.endsWith(`/${path}`)

/** Acknowledges them below a construct; what it has no construct for, it need not have. */
export function acknowledgeFindings(scope: IConstruct): void {
  for (const child of scope.node.findAll()) {
    for (const { id, paths, reason } of acknowledgements) {
      if (paths.some((path) => isAt(child, path))) Validations.of(child).acknowledge({ id, reason })
    }
  }
}

/**
 * Holds all stacks of an app to the rules. Before the synthesis and not as its plugin, which sees references between the
 * stacks resolved: a finding would have another name in each stage and region.
 *
 * @throws {FindingsError} when they find anything else
 */
export function requireAwsSolutions(app: App): void {
  acknowledgeFindings(app)
  const findings = findAgainstAwsSolutions(app)
  if (findings.length > 0) throw new FindingsError(findings)
}

/** What the rules find and is not acknowledged: rule, path of the construct, what is wrong. */
export function findAgainstAwsSolutions(app: App): string[] {
  return app.node.children
    .filter(Stack.isStack)
    .flatMap((stack) =>
      new AwsSolutionsChecks()
        .validateScope(stack)
        .violations.flatMap(({ ruleName, violatingResources, description }) =>
          violatingResources.map(
            ({ constructPath }) => `${ruleName} ${constructPath?.replace(/\/Resource$/, '')}: ${description}`,
          ),
        ),
    )
}
