// Who did what in the account: CloudTrail's record, kept where nobody edits it. Who is told of what is in audit-rules.ts.
import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { type CfnTrail, Trail } from 'aws-cdk-lib/aws-cloudtrail'
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type IBucket,
  ObjectLockRetention,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import { toOperateName } from './operate-function.ts'
import type { Oversight, Stage } from './stage.ts'

export interface AuditTrailProps {
  readonly stage: Stage
  readonly oversight: Oversight
  /** Where S3 writes down who read the records. */
  readonly logBucket: IBucket
}

/**
 * The trail of all management events, of KMS too, and of all regions, since IAM's are in one; and of who invoked `operate`,
 * which Lambda tells nobody else. EventBridge tells of calls only where a trail logs them.
 */
export class AuditTrail extends Construct {
  readonly trail: Trail
  /** The name is of our own: a rule on the trail must know it. */
  readonly trailName: string
  readonly bucket: Bucket

  constructor(scope: Construct, id: string, props: AuditTrailProps) {
    super(scope, id)
    const { stage, oversight, logBucket } = props
    this.bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: true,
      serverAccessLogsBucket: logBucket,
      serverAccessLogsPrefix: 'audit/',
      // Whoever may delete objects may not delete these, for as long as they are of use.
      ...(stage.keepsData
        ? { objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(oversight.trailDays)) }
        : {}),
      lifecycleRules: [
        {
          id: 'forget-records',
          expiration: Duration.days(oversight.trailDays),
          noncurrentVersionExpiration: Duration.days(1),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
      // Evidence outlives the stage: a deleted stack is when it is asked for.
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    })
    pinLogicalId(this.bucket, 'AuditBucket')
    this.trailName = `verified-wallets-${stage.name}`
    // CDK lets CloudTrail write for whoever's trail names this bucket.
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'NoOtherTrail',
        effect: Effect.DENY,
        principals: [new ServicePrincipal('cloudtrail.amazonaws.com')],
        actions: ['s3:GetBucketAcl', 's3:PutObject'],
        resources: [this.bucket.bucketArn, this.bucket.arnForObjects('*')],
        conditions: {
          StringNotEquals: {
            'aws:SourceArn': Stack.of(this).formatArn({
              ...{ service: 'cloudtrail', resource: 'trail', resourceName: this.trailName },
            }),
          },
        },
      }),
    )
    this.trail = new Trail(this, 'Trail', {
      trailName: this.trailName,
      bucket: this.bucket as IBucket,
      isMultiRegionTrail: true,
      includeGlobalServiceEvents: true,
      enableFileValidation: true,
    })
    pinLogicalId(this.trail, 'AuditTrail')
    // Not by CDK's property, which knows the old kind of selectors; the function is in the other stack.
    const resource = this.trail.node.defaultChild as CfnTrail
    resource.addPropertyDeletionOverride('EventSelectors')
    resource.advancedEventSelectors = this.selectEvents(stage)
  }

  private selectEvents(stage: Stage): CfnTrail.AdvancedEventSelectorProperty[] {
    const operate = Stack.of(this).formatArn({
      service: 'lambda',
      resource: 'function',
      resourceName: toOperateName(stage),
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    })
    return [
      { name: 'all management events', fieldSelectors: [{ field: 'eventCategory', equalTo: ['Management'] }] },
      {
        name: 'who invoked operate',
        fieldSelectors: [
          { field: 'eventCategory', equalTo: ['Data'] },
          { field: 'resources.type', equalTo: ['AWS::Lambda::Function'] },
          { field: 'resources.ARN', equalTo: [operate] },
        ],
      },
    ]
  }
}
