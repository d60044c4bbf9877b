// Where the mnemonic rests: a secret that holds ciphertext only, the key that opens it, and the roles that the key's
// policy names. No value is ever written from a template.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { AccountRootPrincipal, type IPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { FunctionIdentity } from './function-identity.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'
import { makeVaultKeyPolicy } from './vault-key-policy.ts'

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
  /** Puts a mnemonic that exists: for people, with `npm run vault -- import`. It wraps and cannot open. */
  readonly importRole: Role

  constructor(scope: Construct, id: string, props: VaultProps) {
    super(scope, id)
    const { stage } = props
    const removalPolicy = stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY

    const lambda = new ServicePrincipal('lambda.amazonaws.com')
    this.walletRole = this.makeRole('WalletRole', lambda)
    this.provisionRole = stage.provisionsRoot ? this.makeRole('ProvisionRole', lambda) : undefined
    // The account as principal lets in nobody by itself: somebody must have been given sts:AssumeRole on this role.
    const people = new AccountRootPrincipal()
    this.importRole = this.makeRole(
      'VaultImportRole',
      stage.importNeedsMfa ? people.withConditions({ Bool: { 'aws:MultiFactorAuthPresent': 'true' } }) : people,
    )

    this.key = new Key(this, 'Key', {
      description: 'Wraps the data key of the mnemonic',
      enableKeyRotation: true,
      pendingWindow: Duration.days(stage.keepsData ? 30 : 7),
      removalPolicy,
      policy: makeVaultKeyPolicy(this, {
        stage,
        walletRole: this.walletRole,
        wrappingRoles: [...(this.provisionRole ? [this.provisionRole] : []), this.importRole],
      }),
    })

    this.secret = new CfnSecret(this, 'Secret', { description: 'The wrapped mnemonic: ciphertext only' })
    this.secret.applyRemovalPolicy(removalPolicy)
    pinLogicalId(this.key, 'VaultKey')
    pinLogicalId(this.secret, 'VaultSecret')
    this.grantFill(new FunctionIdentity(this, 'ImportIdentity', { role: this.importRole, vpc: undefined }))
  }

  private makeRole(id: string, assumedBy: IPrincipal): Role {
    const role = new Role(this, id, { assumedBy })
    // The key's policy holds on to this very role: one of the same name that is made anew is a stranger to it.
    pinLogicalId(role, id)
    return role
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

  /** Lets an identity put the record of an empty vault. That it may make a data key is written in the key's policy. */
  private grantFill(identity: FunctionIdentity): void {
    identity.allow({
      sid: 'FillVault',
      actions: ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue', 'secretsmanager:DescribeSecret'],
      resources: [this.secret.attrId],
    })
  }

  /** Lets the provision function make a mnemonic and fill an empty vault. */
  grantProvision(identity: FunctionIdentity): { VAULT_SECRET_ARN: string; VAULT_KEY_ARN: string } {
    this.grantFill(identity)
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

  /** Lets the operate function read the record, which is ciphertext to it, and ask how the key is. */
  grantInspect(identity: FunctionIdentity): { VAULT_SECRET_ARN: string; VAULT_KEY_ARN: string } {
    identity.allow({ sid: 'ReadVault', actions: ['secretsmanager:GetSecretValue'], resources: [this.secret.attrId] })
    identity.allow({ sid: 'DescribeVaultKey', actions: ['kms:DescribeKey'], resources: [this.key.keyArn] })
    identity.call('secretsmanager')
    identity.call('kms')
    return { VAULT_SECRET_ARN: this.secret.attrId, VAULT_KEY_ARN: this.key.keyArn }
  }
}
