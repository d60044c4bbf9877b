// What the account may do with keys of its own: keep them, never use them. Who may use one, its own construct says.
import { AccountRootPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam'

/**
 * The statement of a key's policy for its administrators, by name of action. With kms:PutKeyPolicy the account is never
 * locked out of its own key, and can lift what else the policy says: that leaves a trace, and needs a person. No
 * CreateGrant: a grant is a use.
 */
export function administerButNotUse(): PolicyStatement {
  return new PolicyStatement({
    sid: 'AdministerButNotUse',
    effect: Effect.ALLOW,
    principals: [new AccountRootPrincipal()],
    actions: [
      'kms:CancelKeyDeletion',
      'kms:DescribeKey',
      'kms:DisableKey',
      'kms:DisableKeyRotation',
      'kms:EnableKey',
      'kms:EnableKeyRotation',
      'kms:GetKeyPolicy',
      'kms:GetKeyRotationStatus',
      'kms:ListGrants',
      'kms:ListKeyPolicies',
      'kms:ListKeyRotations',
      'kms:ListResourceTags',
      'kms:PutKeyPolicy',
      'kms:RevokeGrant',
      'kms:ScheduleKeyDeletion',
      'kms:TagResource',
      'kms:UntagResource',
      'kms:UpdateKeyDescription',
    ],
    // In a key policy `*` as resource means this key.
    resources: ['*'],
  })
}
