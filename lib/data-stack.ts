// What must survive: documents and their queue, the vault with the roles that its key names, the database, the stream.
// No custom resource that is a Lambda, and nothing that points into the service stack.
import { CfnOutput, Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import type { TokenSettings } from '../functions/authorize/environment.ts'
import { DocumentBucket } from './document-bucket.ts'
import { EventStream } from './event-stream.ts'
import type { Stage } from './stage.ts'
import { UserPool } from './user-pool.ts'
import { Vault } from './vault.ts'
import { WalletDatabase } from './wallet-database.ts'

export interface DataStackProps {
  readonly stage: Stage
}

/** The stack of what must survive. */
export class DataStack extends Stack {
  readonly documents: DocumentBucket
  readonly vault: Vault
  readonly database: WalletDatabase
  readonly events: EventStream
  /** Whose access tokens are let in; undefined: nobody's. */
  readonly tokens: TokenSettings | undefined

  constructor(scope: Construct, props: DataStackProps) {
    const { stage } = props
    super(scope, `verified-wallets-${stage.name}-data`, {
      description: 'Verified wallets: documents, vault, database',
      env: { account: stage.account, region: stage.region },
      terminationProtection: stage.keepsData,
    })
    this.documents = new DocumentBucket(this, 'Documents', { stage })
    this.vault = new Vault(this, 'Vault', { stage })
    this.database = new WalletDatabase(this, 'Database', { stage })
    this.events = new EventStream(this, 'Events', { stage })

    const outputs: Record<string, string> = {
      DatabaseAdminSecretArn: this.database.adminSecret.attrId,
      VaultSecretArn: this.vault.secret.attrId,
      VaultKeyArn: this.vault.key.keyArn,
      VaultImportRoleArn: this.vault.importRole.roleArn,
      DocumentBucketName: this.documents.bucket.bucketName,
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
  }
}
