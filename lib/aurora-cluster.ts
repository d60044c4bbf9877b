// Postgres of a deployed stage: an Aurora cluster that scales by itself. Who may sign in is in `wallet-database.ts`.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import {
  AuroraPostgresEngineVersion,
  CfnDBInstance,
  CfnDBSubnetGroup,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
} from 'aws-cdk-lib/aws-rds'
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import type { AuroraDatabase, Stage } from './stage.ts'
import type { StorageKey } from './storage-key.ts'
import type { Vpc } from './vpc.ts'

export interface AuroraClusterProps {
  readonly stage: Stage
  readonly database: AuroraDatabase
  readonly vpc: Vpc
  readonly storageKey: StorageKey
}

/** Settings of Postgres that differ from Aurora's own, each with its reason. */
const parameters = {
  // A connection without TLS is refused, whatever the client asks for.
  'rds.force_ssl': '1',
  // Changes of the schema and of roles are told; queries are not, since they name users.
  log_statement: 'ddl',
  // Statements of a second or more, without the values that they were given.
  log_min_duration_statement: '1000',
  log_parameter_max_length: '0',
  log_connections: '1',
  // What a killed function left open gives its locks back.
  idle_in_transaction_session_timeout: '60000',
}

/** The cluster. */
export class AuroraCluster extends Construct {
  readonly cluster: DatabaseCluster
  readonly securityGroup: SecurityGroup
  /** `{"username","password"}` of the administrator, which RDS makes, keeps and rotates. */
  readonly adminSecret: ISecret

  constructor(scope: Construct, id: string, props: AuroraClusterProps) {
    super(scope, id)
    const { stage, database, vpc } = props
    const removalPolicy = stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY
    const clusterIdentifier = `verified-wallets-${stage.name}`

    this.securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc: vpc.vpc,
      description: 'Database: functions call it, it calls nobody',
      allowAllOutbound: false,
    })
    pinLogicalId(this.securityGroup, 'DatabaseSecurityGroup')
    // RDS would make it by itself, and keep what it holds for ever.
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/rds/cluster/${clusterIdentifier}/postgresql`,
      retention: stage.keepsData ? RetentionDays.ONE_YEAR : RetentionDays.ONE_MONTH,
      removalPolicy,
    })
    this.cluster = new DatabaseCluster(this, 'Cluster', {
      clusterIdentifier,
      engine: DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_7 }),
      defaultDatabaseName: database.name,
      credentials: Credentials.fromUsername('administrator'),
      manageMasterUserPassword: true,
      iamAuthentication: true,
      enableDataApi: false,
      vpc: vpc.vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [this.securityGroup],
      serverlessV2MinCapacity: database.capacity.minimum,
      serverlessV2MaxCapacity: database.capacity.maximum,
      writer: ClusterInstance.serverlessV2('Writer', { publiclyAccessible: false }),
      readers: Array.from({ length: database.readers }, (_, index) =>
        ClusterInstance.serverlessV2(`Reader${index + 1}`, { publiclyAccessible: false, scaleWithWriter: true }),
      ),
      storageEncrypted: true,
      storageEncryptionKey: props.storageKey.key,
      parameters,
      backup: { retention: Duration.days(database.backupDays) },
      copyTagsToSnapshot: true,
      cloudwatchLogsExports: ['postgresql'],
      deletionProtection: stage.keepsData,
      removalPolicy,
    })
    this.cluster.node.addDependency(logs)
    pinLogicalId(this.cluster, 'DatabaseCluster')
    // CDK keeps them for its policy RETAIN only, and a cluster that is kept cannot do without its subnets.
    for (const child of this.cluster.node.findAll()) {
      if (child instanceof CfnDBInstance || child instanceof CfnDBSubnetGroup) child.applyRemovalPolicy(removalPolicy)
    }
    const { secret } = this.cluster
    if (secret === undefined) throw new Error('expected RDS to manage the password of the administrator')
    this.adminSecret = secret
  }
}
