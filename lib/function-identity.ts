// Who a function is: its role, and the one policy that everything it may do is written into.
// Grants take an identity, so a function's rights are complete before the function exists.
import { Effect, type IRole, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'

export interface FunctionIdentityProps {
  /**
   * A role that exists already: those that the vault's key policy names live in the data stack, and their rights
   * are attached from here, so that the data stack never points back. Made here when absent.
   */
  readonly role?: IRole
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

/** The role of one function and its policy. */
export class FunctionIdentity extends Construct {
  readonly role: IRole
  /** What the function must wait for: without it, the first invocation would be refused. */
  readonly policy: Policy

  constructor(scope: Construct, id: string, props: FunctionIdentityProps = {}) {
    super(scope, id)
    this.role = props.role ?? new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    this.policy = new Policy(this, 'Policy', { roles: [this.role] })
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
}
