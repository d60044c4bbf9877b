// Who may do what with the key of the vault: one role opens, those that fill it wrap, the account administers.
import { ArnFormat, Stack } from 'aws-cdk-lib'
import { AnyPrincipal, ArnPrincipal, Effect, type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { toEncryptionContext } from '../shared/vault.ts'
import { administerButNotUse } from './key-administration.ts'
import type { Stage } from './stage.ts'

export interface VaultKeyPolicyProps {
  readonly stage: Stage
  /** The only one that the key opens for. */
  readonly walletRole: IRole
  /** Those that may make data keys: they get each in clear once, and can unwrap none. */
  readonly wrappingRoles: readonly IRole[]
}

/** The policy of the vault's key. In a key policy `*` as resource means this key. */
export function makeVaultKeyPolicy(scope: Construct, props: VaultKeyPolicyProps): PolicyDocument {
  const { stage, walletRole, wrappingRoles } = props
  const conditions = stage.requiresEncryptionContext ? { conditions: requireContext(stage) } : {}
  return new PolicyDocument({
    statements: [
      administerButNotUse(),
      new PolicyStatement({
        sid: 'OpenMnemonic',
        effect: Effect.ALLOW,
        principals: [new ArnPrincipal(walletRole.roleArn)],
        actions: ['kms:Decrypt'],
        resources: ['*'],
        ...conditions,
      }),
      new PolicyStatement({
        sid: 'WrapMnemonic',
        effect: Effect.ALLOW,
        principals: wrappingRoles.map((role) => new ArnPrincipal(role.roleArn)),
        actions: ['kms:GenerateDataKey'],
        resources: ['*'],
        ...conditions,
      }),
      new PolicyStatement({
        sid: 'NobodyElseOpensMnemonic',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['kms:Decrypt', 'kms:ReEncryptFrom'],
        resources: ['*'],
        conditions: {
          ArnNotLike: {
            'aws:PrincipalArn': [
              // On AWS the role's ARN is compared; the emulator compares the session's.
              walletRole.roleArn,
              Stack.of(scope).formatArn({
                service: 'sts',
                region: '',
                resource: 'assumed-role',
                resourceName: `${walletRole.roleName}/*`,
                arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
              }),
            ],
          },
        },
      }),
    ],
  })
}

/** The context that every call must present, so that the key serves this purpose and no other. */
function requireContext(stage: Stage) {
  const context = toEncryptionContext(stage.name)
  return {
    StringEquals: Object.fromEntries(
      Object.entries(context).map(([key, value]) => [`kms:EncryptionContext:${key}`, value]),
    ),
    // No key beside these; alone it would let an empty context pass.
    'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': Object.keys(context) },
  }
}
