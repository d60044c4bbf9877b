// Who asked the document bucket for what, as S3 writes it down. No documents here, and nothing of a user: keys are ids.
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

export interface LogBucketProps {
  readonly stage: Stage
}

/** The bucket of access logs. It has none of its own: S3 would log its own writing without end. */
export class LogBucket extends Construct {
  readonly bucket: Bucket

  constructor(scope: Construct, id: string, props: LogBucketProps) {
    super(scope, id)
    const { stage } = props
    this.bucket = new Bucket(this, 'Bucket', {
      bucketName: `verified-wallets-${stage.name}-access-logs-${stage.account}-${stage.region}`,
      // S3 delivers logs to buckets with keys of its own only, not with a key of ours.
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: stage.enforcesTls,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
      // A quarter: an intrusion is found out after weeks, not days.
      lifecycleRules: [{ id: 'forget-access-logs', expiration: Duration.days(90) }],
    })
    pinLogicalId(this.bucket, 'LogBucket')
  }
}
