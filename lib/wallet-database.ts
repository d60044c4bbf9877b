// Postgres as the functions see it: an address, and how each signs in: with a secret of its own role where the server is
// somebody else's, with IAM's tokens on Aurora. Its schema is the migrate function's. A secret's ARN is its attribute `Id`:
// `Ref` is the ARN as well on AWS, but a name in the emulator.
import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { AuroraCluster } from './aurora-cluster.ts'
import type { FunctionIdentity } from './function-identity.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'
import type { StorageKey } from './storage-key.ts'
import type { Vpc } from './vpc.ts'

/** The functions that have a role of their own in Postgres; the role of `read` is `app_read`, and so on. */
const databaseRoles = ['intake', 'verification', 'wallet', 'announce', 'read', 'erase', 'operate'] as const

export type DatabaseRole = (typeof databaseRoles)[number]

/** What a function is told to find the database, and to sign in. */
export interface DatabaseEnvironment {
  readonly DATABASE_HOST: string
  readonly DATABASE_PORT: string
  readonly DATABASE_NAME: string
  /** `secret:ARN` of a secret with user name and password, or `iam:USER`. */
  readonly DATABASE_LOGIN: `secret:${string}` | `iam:${string}`
  /** `rds`: TLS by the certificates of RDS; `off`: none, on loopback. */
  readonly DATABASE_TLS: 'rds' | 'off'
}

export interface WalletDatabaseProps {
  readonly stage: Stage
  /** Both where the stage deploys a database of its own. */
  readonly vpc: Vpc | undefined
  readonly storageKey: StorageKey | undefined
}

const postgresPort = 5432

/** The database and its credentials. */
export class WalletDatabase extends Construct {
  /** The cluster of ours; undefined: somebody else's server. */
  readonly aurora: AuroraCluster | undefined
  /** ARN of `{"username","password"}` of an administrator. Made empty where the server is somebody else's, who puts them in. */
  readonly adminSecretArn: string
  private readonly roleSecrets: ReadonlyMap<DatabaseRole, CfnSecret>
  private readonly address: Omit<DatabaseEnvironment, 'DATABASE_LOGIN'>

  constructor(scope: Construct, id: string, props: WalletDatabaseProps) {
    super(scope, id)
    const { stage, vpc, storageKey } = props
    const { database } = stage
    if (database.kind === 'aurora') {
      if (!vpc || !storageKey) throw new Error('expected a network of the stage, for its Aurora cluster')
      this.aurora = new AuroraCluster(this, 'Aurora', { stage, database, vpc, storageKey })
      this.adminSecretArn = this.aurora.adminSecret.secretArn
      this.roleSecrets = new Map()
      this.address = {
        DATABASE_HOST: this.aurora.cluster.clusterEndpoint.hostname,
        DATABASE_PORT: String(postgresPort),
        DATABASE_NAME: database.name,
        DATABASE_TLS: 'rds',
      }
      return
    }
    const removalPolicy = stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY
    const adminSecret = new CfnSecret(this, 'AdminSecret', {
      description: 'Administrator of the database, for migrations: {"username","password"}',
    })
    adminSecret.applyRemovalPolicy(removalPolicy)
    pinLogicalId(adminSecret, 'DatabaseAdminSecret')
    this.adminSecretArn = adminSecret.attrId
    this.roleSecrets = new Map(databaseRoles.map((role) => [role, this.makeRoleSecret(role, removalPolicy)]))
    this.address = {
      DATABASE_HOST: database.host,
      DATABASE_PORT: String(database.port),
      DATABASE_NAME: database.name,
      DATABASE_TLS: 'off',
    }
  }

  private makeRoleSecret(role: DatabaseRole, removalPolicy: RemovalPolicy): CfnSecret {
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

  /** Lets a function sign in as its own database role, and opens the way there. */
  grantConnect(identity: FunctionIdentity, role: DatabaseRole): DatabaseEnvironment {
    const user = `app_${role}`
    const secret = this.roleSecrets.get(role)
    if (this.aurora) {
      identity.allow({
        sid: 'SignInToDatabase',
        actions: ['rds-db:connect'],
        resources: [
          Stack.of(this).formatArn({
            service: 'rds-db',
            resource: 'dbuser',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            resourceName: `${this.aurora.cluster.clusterResourceIdentifier}/${user}`,
          }),
        ],
      })
      identity.reach('Database', this.aurora.securityGroup, postgresPort)
      return { ...this.address, DATABASE_LOGIN: `iam:${user}` }
    }
    if (secret === undefined) throw new Error(`expected a secret of the database role ${user}`)
    identity.allow({
      sid: 'ReadOwnDatabaseSecret',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [secret.attrId],
    })
    return { ...this.address, DATABASE_LOGIN: `secret:${secret.attrId}` }
  }

  /** Lets the migrate function sign in as administrator, and read the passwords that it gives to the other roles. */
  grantMigrate(identity: FunctionIdentity): DatabaseEnvironment & { readonly DATABASE_ROLE_SECRETS: string } {
    identity.allow({
      sid: 'ReadAdminSecret',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [this.adminSecretArn],
    })
    identity.call('secretsmanager')
    if (this.aurora) identity.reach('Database', this.aurora.securityGroup, postgresPort)
    const arns = Object.fromEntries([...this.roleSecrets].map(([role, secret]) => [`app_${role}`, secret.attrId]))
    if (this.roleSecrets.size > 0) {
      identity.allow({
        sid: 'ReadRoleSecrets',
        actions: ['secretsmanager:GetSecretValue'],
        resources: Object.values(arns),
      })
    }
    return {
      ...this.address,
      DATABASE_LOGIN: `secret:${this.adminSecretArn}`,
      DATABASE_ROLE_SECRETS: Stack.of(identity).toJsonString(arns),
    }
  }
}
