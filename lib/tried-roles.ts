// For tests alone: lets users of the account take on every role of a stack, so that what each may do can be tried.

import { CfnResource, type Stack } from 'aws-cdk-lib'
import { AccountRootPrincipal, CfnRole, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam'

/**
 * Makes each role of a stack trust the account beside the service that it is for: whom of the account's users their own
 * policies let may then take it on. CDK's own roles included, so it comes last in a stack.
 */
export function letAccountTakeOnRoles(stack: Stack): void {
  const statement = new PolicyStatement({
    effect: Effect.ALLOW,
    principals: [new AccountRootPrincipal()],
    actions: ['sts:AssumeRole'],
  })
  const trustsAccount = (role: CfnResource) => {
    const trust = role instanceof CfnRole ? stack.resolve(role.assumeRolePolicyDocument) : undefined
    return JSON.stringify(trust ?? null).includes(':root"')
  }
  for (const child of stack.node.findAll()) {
    if (!CfnResource.isCfnResource(child) || child.cfnResourceType !== 'AWS::IAM::Role' || trustsAccount(child))
      continue
    child.addPropertyOverride('AssumeRolePolicyDocument.Statement.1', statement.toStatementJson())
  }
}
