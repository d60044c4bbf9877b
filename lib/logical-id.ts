// Names of stateful resources in the template. A name that changes is a resource that is replaced, with what it holds.
import type { CfnResource } from 'aws-cdk-lib'
import type { Construct } from 'constructs'

/** Fixes the logical id of a construct's own resource, whatever becomes of the tree of constructs around it. */
export function pinLogicalId(construct: Construct, logicalId: string): void {
  const resource = (construct.node.defaultChild ?? construct) as CfnResource
  resource.overrideLogicalId(logicalId)
}
