// Where the mnemonic rests: a secret that holds ciphertext only, the key that opens it, and the roles that the key's
// policy names. No value is ever written from a template.
import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import {
  AccountRootPrincipal,
  AnyPrincipal,
  ArnPrincipal,
  Effect,
  PolicyDocument,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { toEncryptionContext } from '../shared/vault.ts'
import type { FunctionIdentity } from './function-identity.ts'
import { administerButNotUse } from './key-administration.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

export interface VaultProps {
  readonly stage: Stage
}

/** The vault. Roles are made here and not beside their functions: a key policy that points into the other stack is a cycle. */
export class Vault extends Construct {
  readonly key: Key
  readonly secret: CfnSecret
  /** The only role that the key opens for. */
  readonly walletRole: Role
  /** Makes the mnemonic; only where the stage says that a function may. */
  readonly provisionRole: Role | undefined

  constructor(scope: Construct, id: string, props: VaultProps) {
    super(scope, id)
    const { stage } = props
    const removalPolicy = stage.keepsData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY

    this.walletRole = this.makeRole('WalletRole')
    this.provisionRole = stage.provisionsRoot ? this.makeRole('ProvisionRole') : undefined

    this.key = new Key(this, 'Key', {
      description: 'Wraps the data key of the mnemonic',
      enableKeyRotation: true,
      pendingWindow: Duration.days(stage.keepsData ? 30 : 7),
      removalPolicy,
      policy: new PolicyDocument({ statements: this.keyStatements(stage) }),
    })

    this.secret = new CfnSecret(this, 'Secret', { description: 'The wrapped mnemonic: ciphertext only' })
    this.secret.applyRemovalPolicy(removalPolicy)
    pinLogicalId(this.key, 'VaultKey')
    pinLogicalId(this.secret, 'VaultSecret')
  }

  private makeRole(id: string): Role {
    const role = new Role(this, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    // The key's policy holds on to this very role: one of the same name that is made anew is a stranger to it.
    pinLogicalId(role, id)
    return role
  }

  private keyStatements(stage: Stage): PolicyStatement[] {
    // The context that every call must present, so that the key serves this purpose and no other.
    const conditions = stage.requiresEncryptionContext
      ? {
          conditions: {
            StringEquals: Object.fromEntries(
              Object.entries(toEncryptionContext(stage.name)).map(([key, value]) => [
                `kms:EncryptionContext:${key}`,
                value,
              ]),
            ),
            // No key beside these; alone it would let an empty context pass.
            'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': Object.keys(toEncryptionContext(stage.name)) },
          },
        }
      : {}
    const wrappers = [
      ...(this.provisionRole ? [new ArnPrincipal(this.provisionRole.roleArn)] : []),
      ...(stage.accountWrapsRoot ? [new AccountRootPrincipal()] : []),
    ]
    return [
      // In a key policy `*` as resource means this key.
      administerButNotUse(),
      new PolicyStatement({
        sid: 'OpenMnemonic',
        effect: Effect.ALLOW,
        principals: [new ArnPrincipal(this.walletRole.roleArn)],
        actions: ['kms:Decrypt'],
        resources: ['*'],
        ...conditions,
      }),
      ...(wrappers.length > 0
        ? [
            new PolicyStatement({
              sid: 'WrapMnemonic',
              effect: Effect.ALLOW,
              principals: wrappers,
              actions: ['kms:GenerateDataKey'],
              resources: ['*'],
              ...conditions,
            }),
          ]
        : []),
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
              this.walletRole.roleArn,
              Stack.of(this).formatArn({
                service: 'sts',
                region: '',
                resource: 'assumed-role',
                resourceName: `${this.walletRole.roleName}/*`,
                arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
              }),
            ],
          },
        },
      }),
    ]
  }

  /** Lets the wallet function read the record. That it may open it is written in the key's policy, not here. */
  grantOpen(identity: FunctionIdentity): { VAULT_SECRET_ARN: string; VAULT_KEY_ARN: string } {
    identity.allow({
      sid: 'ReadVault',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [this.secret.attrId],
    })
    identity.call('secretsmanager')
    identity.call('kms')
    return { VAULT_SECRET_ARN: this.secret.attrId, VAULT_KEY_ARN: this.key.keyArn }
  }

  /** Lets the provision function fill an empty vault. That it may make a data key is written in the key's policy. */
  grantProvision(identity: FunctionIdentity): { VAULT_SECRET_ARN: string; VAULT_KEY_ARN: string } {
    identity.allow({
      sid: 'FillVault',
      actions: ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue', 'secretsmanager:DescribeSecret'],
      resources: [this.secret.attrId],
    })
    // Belongs to no key, so IAM knows no resource for it.
    identity.allow({ sid: 'DrawEntropy', actions: ['kms:GenerateRandom'], resources: ['*'] })
    return { VAULT_SECRET_ARN: this.secret.attrId, VAULT_KEY_ARN: this.key.keyArn }
  }

  /** Lets a function see whether the vault holds a record, without reading it. */
  grantDescribe(identity: FunctionIdentity): { VAULT_SECRET_ARN: string } {
    identity.allow({
      sid: 'DescribeVault',
      actions: ['secretsmanager:DescribeSecret'],
      resources: [this.secret.attrId],
    })
    identity.call('secretsmanager')
    return { VAULT_SECRET_ARN: this.secret.attrId }
  }
}
