// Postgres as the functions see it: an address, and one secret for each database role. The server is somebody else's
// where the stage says `external`; its schema is the migrate function's. A secret's ARN is its attribute `Id`: `Ref`
// is the ARN as well on AWS, but a name in the emulator.
import { RemovalPolicy, Stack } from 'aws-cdk-lib'
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import type { FunctionIdentity } from './function-identity.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

/** The functions that have a role of their own in Postgres; the role of `read` is `app_read`, and so on. */
const databaseRoles = ['intake', 'verification', 'wallet', 'announce', 'read', 'operate'] as const

export type DatabaseRole = (typeof databaseRoles)[number]

/** What a function is told to find the database. */
export interface DatabaseEnvironment {
  readonly DATABASE_HOST: string
  readonly DATABASE_PORT: string
  readonly DATABASE_NAME: string
  readonly DATABASE_SECRET_ARN: string
}

export interface WalletDatabaseProps {
  readonly stage: Stage
}

/** The database and its credentials. */
export class WalletDatabase extends Construct {
  /** `{"username","password"}` of an administrator. Made empty: whoever runs the server puts them in. */
  readonly adminSecret: CfnSecret
  private readonly roleSecrets: Readonly<Record<DatabaseRole, CfnSecret>>
  private readonly address: Omit<DatabaseEnvironment, 'DATABASE_SECRET_ARN'>

  constructor(scope: Construct, id: string, props: WalletDatabaseProps) {
    super(scope, id)
    const { database, keepsData } = props.stage
    const removalPolicy = keepsData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY

    this.address = {
      DATABASE_HOST: database.host,
      DATABASE_PORT: String(database.port),
      DATABASE_NAME: database.name,
    }
    this.adminSecret = new CfnSecret(this, 'AdminSecret', {
      description: 'Administrator of the database, for migrations: {"username","password"}',
    })
    this.adminSecret.applyRemovalPolicy(removalPolicy)
    pinLogicalId(this.adminSecret, 'DatabaseAdminSecret')

    const makeSecret = (role: DatabaseRole) => {
      const secret = new CfnSecret(this, `${role.charAt(0).toUpperCase()}${role.slice(1)}Secret`, {
        description: `Database role of the ${role} function`,
        generateSecretString: {
          secretStringTemplate: JSON.stringify({ username: `app_${role}` }),
          generateStringKey: 'password',
          passwordLength: 40,
          excludePunctuation: true,
        },
      })
      secret.applyRemovalPolicy(removalPolicy)
      pinLogicalId(secret, `Database${secret.node.id}`)
      return secret
    }
    this.roleSecrets = {
      intake: makeSecret('intake'),
      verification: makeSecret('verification'),
      wallet: makeSecret('wallet'),
      announce: makeSecret('announce'),
      read: makeSecret('read'),
      operate: makeSecret('operate'),
    }
  }

  /** Lets a function sign in as its own database role. */
  grantConnect(identity: FunctionIdentity, role: DatabaseRole): DatabaseEnvironment {
    const secretArn = this.roleSecrets[role].attrId
    identity.allow({
      sid: 'ReadOwnDatabaseSecret',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [secretArn],
    })
    return { ...this.address, DATABASE_SECRET_ARN: secretArn }
  }

  /** Lets the migrate function sign in as administrator, and read the passwords that it gives to the other roles. */
  grantMigrate(identity: FunctionIdentity): DatabaseEnvironment & { readonly DATABASE_ROLE_SECRETS: string } {
    const arns = Object.fromEntries(databaseRoles.map((role) => [`app_${role}`, this.roleSecrets[role].attrId]))
    identity.allow({
      sid: 'ReadAdminSecret',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [this.adminSecret.attrId],
    })
    identity.allow({
      sid: 'ReadRoleSecrets',
      actions: ['secretsmanager:GetSecretValue'],
      resources: Object.values(arns),
    })
    return {
      ...this.address,
      DATABASE_SECRET_ARN: this.adminSecret.attrId,
      DATABASE_ROLE_SECRETS: Stack.of(identity).toJsonString(arns),
    }
  }
}
