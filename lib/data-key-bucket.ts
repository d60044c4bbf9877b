// Where the wrapped data keys of kept documents lie: one object each. To delete one is to erase its document wherever a copy
// of that lies, so nothing here has an earlier version, a replica or a backup.
import { RemovalPolicy } from 'aws-cdk-lib'
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import type { FunctionIdentity } from './function-identity.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

/** Key prefix of all objects. */
const keys = 'keys/'

export interface DataKeyBucketProps {
  readonly stage: Stage
  /** Where S3 writes down who asked for them. */
  readonly logBucket: IBucket
}

/** The bucket. */
export class DataKeyBucket extends Construct {
  readonly bucket: Bucket

  constructor(scope: Construct, id: string, props: DataKeyBucketProps) {
    super(scope, id)
    const { stage, logBucket } = props
    this.bucket = new Bucket(this, 'Bucket', {
      bucketName: `verified-wallets-${stage.name}-data-keys-${stage.account}-${stage.region}`,
      // S3's own key: what lies here is ciphertext of KMS already, and opens for whom that key's policy lets.
      encryption: BucketEncryption.S3_MANAGED,
      versioned: false,
      serverAccessLogsBucket: logBucket,
      serverAccessLogsPrefix: 'data-keys/',
      enforceSSL: stage.enforcesTls,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    })
    pinLogicalId(this.bucket, 'DataKeyBucket')
  }

  /** Lets a function put a data key, get what it or another put there before, and destroy it. */
  grantKeep(identity: FunctionIdentity): { DATA_KEY_BUCKET: string } {
    return this.allow(identity, 'KeepDataKeys', ['s3:PutObject', 's3:GetObject', 's3:DeleteObject'])
  }

  /** Lets a function destroy data keys. */
  grantDestroy(identity: FunctionIdentity): { DATA_KEY_BUCKET: string } {
    return this.allow(identity, 'DestroyDataKeys', ['s3:DeleteObject'])
  }

  private allow(identity: FunctionIdentity, sid: string, actions: readonly string[]): { DATA_KEY_BUCKET: string } {
    identity.allow({ sid, actions, resources: [this.bucket.arnForObjects(`${keys}*`)] })
    identity.callS3()
    return { DATA_KEY_BUCKET: this.bucket.bucketName }
  }
}
