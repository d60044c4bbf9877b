// What must survive: documents and their queue, the vault with the roles that its key names, the database, the stream.
// No custom resource that is a Lambda, and nothing that points into the service stack.
import { CfnOutput, Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import type { TokenSettings } from '../functions/authorize/environment.ts'
import { AuditTrail } from './audit-trail.ts'
import { DataKeyBucket } from './data-key-bucket.ts'
import { DocumentBucket } from './document-bucket.ts'
import { DocumentDataKey } from './document-data-key.ts'
import { DocumentMacKey } from './document-mac-key.ts'
import { MskCluster } from './msk-cluster.ts'
import type { Stage } from './stage.ts'
import { StorageKey } from './storage-key.ts'
import { letAccountTakeOnRoles } from './tried-roles.ts'
import { UserPool } from './user-pool.ts'
import { Vault } from './vault.ts'
import { listZones, Vpc } from './vpc.ts'
import { WalletDatabase } from './wallet-database.ts'

export interface DataStackProps {
  readonly stage: Stage
}

/** The stack of what must survive. */
export class DataStack extends Stack {
  private readonly stage: Stage
  readonly documents: DocumentBucket
  readonly documentMacKey: DocumentMacKey
  /** What wraps the data keys of kept documents, and where those lie. */
  readonly documentDataKey: DocumentDataKey
  readonly dataKeys: DataKeyBucket
  readonly vault: Vault
  readonly database: WalletDatabase
  /** Undefined: functions are in no network of ours. */
  readonly vpc: Vpc | undefined
  private readonly storageKey: StorageKey | undefined
  /** Undefined: Kafka is somebody else's. */
  readonly kafka: MskCluster | undefined
  /** Undefined: who does what in the account is not recorded. */
  readonly trail: AuditTrail | undefined
  /** Whose access tokens are let in; undefined: nobody's. */
  readonly tokens: TokenSettings | undefined

  constructor(scope: Construct, props: DataStackProps) {
    const { stage } = props
    super(scope, `verified-wallets-${stage.name}-data`, {
      description: 'Verified wallets: documents, vault, database',
      env: { account: stage.account, region: stage.region },
      terminationProtection: stage.keepsData,
    })
    this.stage = stage
    this.documents = new DocumentBucket(this, 'Documents', { stage })
    this.documentMacKey = new DocumentMacKey(this, 'DocumentMacKey', { stage })
    const { logBucket } = this.documents
    this.documentDataKey = new DocumentDataKey(this, 'DocumentDataKey', { stage })
    this.dataKeys = new DataKeyBucket(this, 'DataKeys', { stage, logBucket })
    this.vault = new Vault(this, 'Vault', { stage })
    if (stage.network) {
      this.vpc = new Vpc(this, 'Network', { stage, network: stage.network })
      this.storageKey = new StorageKey(this, 'StorageKey', { stage })
    }
    this.database = new WalletDatabase(this, 'Database', { stage, vpc: this.vpc, storageKey: this.storageKey })
    if (stage.kafka.kind === 'msk') {
      if (!this.vpc || !this.storageKey) throw new Error('expected a network of the stage, for its MSK cluster')
      const { vpc, storageKey } = this
      this.kafka = new MskCluster(this, 'Kafka', { stage, kafka: stage.kafka, vpc, storageKey })
    }

    if (stage.oversight) this.trail = new AuditTrail(this, 'Audit', { stage, oversight: stage.oversight, logBucket })

    const outputs: Record<string, string> = {
      DatabaseAdminSecretArn: this.database.adminSecretArn,
      VaultSecretArn: this.vault.secret.attrId,
      VaultKeyArn: this.vault.key.keyArn,
      VaultImportRoleArn: this.vault.importRole.roleArn,
      DocumentBucketName: this.documents.bucket.bucketName,
      DataKeyBucketName: this.dataKeys.bucket.bucketName,
      DocumentDataKeyArn: this.documentDataKey.key.keyArn,
      VerificationQueueUrl: this.documents.queue.queueUrl,
      VerificationDeadLetterQueueUrl: this.documents.deadLetterQueue.queueUrl,
    }
    if (stage.tokens !== undefined && 'kind' in stage.tokens) {
      const users = new UserPool(this, 'Users', { stage, callbackUrls: stage.tokens.callbackUrls })
      outputs.UserPoolId = users.pool.userPoolId
      outputs.ApplicationClientId = users.applicationClient.userPoolClientId
      outputs.ServiceClientId = users.serviceClient.userPoolClientId
      this.tokens = users.tokens
    } else {
      this.tokens = stage.tokens
    }
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value })
    if (stage.accountTakesOnRoles) letAccountTakeOnRoles(this)
  }

  /** By CloudFormation's own list: asking the account for it would need one when templates are written. */
  override get availabilityZones(): string[] {
    return listZones(this.stage.network)
  }
}
