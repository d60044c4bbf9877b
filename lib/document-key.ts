// The key that documents rest under. It serves S3 for one bucket, and nobody directly; what a document is, is not known here.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { AccountRootPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'
import type { FunctionIdentity } from './function-identity.ts'
import { administerButNotUse } from './key-administration.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

export interface DocumentKeyProps {
  readonly stage: Stage
  readonly bucketArn: string
}

/**
 * The key. Its policy lets roles of the account use it when their own policies do (those of `intake` and `inspect`), by
 * way of S3 only, and for this bucket only. Roles are not named: they live in the other stack.
 */
export class DocumentKey extends Construct {
  readonly key: Key
  private readonly onlyForDocuments: { readonly StringEquals: Record<string, string> }

  constructor(scope: Construct, id: string, props: DocumentKeyProps) {
    super(scope, id)
    const { stage, bucketArn } = props
    this.onlyForDocuments = {
      StringEquals: {
        'kms:ViaService': `s3.${stage.region}.amazonaws.com`,
        // With a bucket key, the context is the bucket and not the object.
        'kms:EncryptionContext:aws:s3:arn': bucketArn,
      },
    }
    this.key = new Key(this, 'Key', {
      description: 'Encrypts documents while they wait for their inspection',
      enableKeyRotation: true,
      pendingWindow: Duration.days(stage.keepsData ? 30 : 7),
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
      policy: new PolicyDocument({
        statements: [
          administerButNotUse(),
          new PolicyStatement({
            sid: 'EncryptDocumentsInS3',
            effect: Effect.ALLOW,
            principals: [new AccountRootPrincipal()],
            actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
            resources: ['*'],
            conditions: this.onlyForDocuments,
          }),
        ],
      }),
    })
    pinLogicalId(this.key, 'DocumentKey')
  }

  /** Lets S3 encrypt what a function puts. */
  grantEncrypt(identity: FunctionIdentity): void {
    this.allow(identity, 'EncryptDocuments', 'kms:GenerateDataKey')
  }

  /** Lets S3 decrypt what a function gets. */
  grantDecrypt(identity: FunctionIdentity): void {
    this.allow(identity, 'DecryptDocuments', 'kms:Decrypt')
  }

  private allow(identity: FunctionIdentity, sid: string, action: string): void {
    identity.allow({ sid, actions: [action], resources: [this.key.keyArn], conditions: this.onlyForDocuments })
  }
}
