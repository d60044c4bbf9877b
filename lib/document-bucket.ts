// Where documents arrive, and the queue that says so. What a document is, and what becomes of it, is not known here.
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type IBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3'
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { DocumentKey } from './document-key.ts'
import type { FunctionIdentity } from './function-identity.ts'
import { LogBucket } from './log-bucket.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

/** Key prefix of documents that wait for their inspection. */
const incoming = 'incoming/'
/** Key prefix of the sealed copies of documents that passed. */
const kept = 'kept/'

export interface DocumentBucketProps {
  readonly stage: Stage
}

/** The bucket, the verification queue that every new object is announced on, and the queue for what failed for good. */
export class DocumentBucket extends Construct {
  readonly bucket: Bucket
  /** Who asked for what, as S3 writes it down. */
  readonly logBucket: IBucket
  readonly key: DocumentKey
  readonly queue: Queue
  readonly deadLetterQueue: Queue
  /** How long the function that consumes the queue may take for a batch. */
  readonly consumerTimeout = Duration.seconds(30)
  /** How long the queue tries to have a document verified: after that its message is with the dead letters. */
  readonly retryHorizon: Duration

  constructor(scope: Construct, id: string, props: DocumentBucketProps) {
    super(scope, id)
    const { stage } = props
    const removalPolicy = stage.keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY

    const queueDefaults = {
      // SQS's own key: a message names an object and a verification, no user. With a key of ours, S3 itself would have to
      // be let use it, and each lost permission would lose announcements.
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: stage.enforcesTls,
      removalPolicy,
    }
    this.deadLetterQueue = new Queue(this, 'DeadLetterQueue', { ...queueDefaults, retentionPeriod: Duration.days(14) })
    const deliveryDelay = Duration.seconds(stage.verificationDelaySeconds)
    // Six times the consumer's timeout, as AWS advises, so that a batch is not handed out again while it is worked on.
    // It is also the pause before a retry, so the consumer's timeout is kept short.
    const visibilityTimeout = Duration.seconds(6 * this.consumerTimeout.toSeconds())
    // 20 times 180 s: an outage of Kafka or Postgres of an hour is outlived without anybody's help. The price is that
    // a message which can never succeed is tried 20 times, which costs cents and blocks nobody.
    const maxReceiveCount = 20
    this.retryHorizon = deliveryDelay.plus(Duration.seconds(maxReceiveCount * visibilityTimeout.toSeconds()))
    this.queue = new Queue(this, 'Queue', {
      ...queueDefaults,
      deliveryDelay,
      visibilityTimeout,
      // A message keeps its age when it moves: shorter than the dead-letter queue's, so that people have the difference.
      retentionPeriod: Duration.days(4),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount },
    })

    pinLogicalId(this.queue, 'VerificationQueue')
    pinLogicalId(this.deadLetterQueue, 'VerificationDeadLetterQueue')

    // S3 checks that it may send when the bucket is made, so the policy comes first and cannot refer to the bucket:
    // hence a name of our own. Bucket names are shared by the whole world, hence account and region in it.
    const bucketName = `verified-wallets-${stage.name}-documents-${stage.account}-${stage.region}`
    const bucketArn = Stack.of(this).formatArn({
      service: 's3',
      region: '',
      account: '',
      resource: bucketName,
    })
    // Into the queue's one policy: each resource of that kind would replace the whole of what another has written.
    this.queue.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AnnounceDocuments',
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('s3.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.queue.queueArn],
        conditions: {
          ArnEquals: { 'aws:SourceArn': bucketArn },
          StringEquals: { 'aws:SourceAccount': stage.account },
        },
      }),
    )

    const policy = this.queue.node.findChild('Policy')
    // The name that it always had. Under another one CloudFormation would write the new policy and then delete the old one,
    // which takes all of the queue's policy with it: no document would be announced any more.
    pinLogicalId(policy, 'DocumentsQueuePolicyB5CAF0D2')

    this.key = new DocumentKey(this, 'Key', { stage, bucketArn })
    // The cast: CDK's own types disagree about an optional property.
    this.logBucket = new LogBucket(this, 'Logs', { stage }).bucket as IBucket
    this.bucket = new Bucket(this, 'Bucket', {
      bucketName,
      encryption: BucketEncryption.KMS,
      encryptionKey: this.key.key,
      // S3 asks KMS for a key of the bucket now and then, not for one of each document.
      bucketKeyEnabled: true,
      // A document that was forgotten must be gone. It is never overwritten either: puts are conditional.
      versioned: false,
      serverAccessLogsBucket: this.logBucket,
      serverAccessLogsPrefix: 'documents/',
      enforceSSL: stage.enforcesTls,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy,
      // None for what is kept: a rule of S3 knows no legal hold. The schedule of erase does it, and an alarm tells when not.
      lifecycleRules: [
        {
          id: 'forget-incoming',
          prefix: incoming,
          // Longer than any message can live in the two queues, so a message never outlives its document.
          expiration: Duration.days(15),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
    })
    pinLogicalId(this.bucket, 'DocumentBucket')
    // By the bucket's own property: CDK's notifications are a custom resource with rights over every bucket.
    const resource = this.bucket.node.defaultChild as CfnBucket
    resource.notificationConfiguration = {
      queueConfigurations: [
        {
          event: 's3:ObjectCreated:*',
          queue: this.queue.queueArn,
          filter: { s3Key: { rules: [{ name: 'prefix', value: incoming }] } },
        },
      ],
    }
    resource.node.addDependency(policy)
  }

  /** Lets a function put documents. */
  grantPut(identity: FunctionIdentity): { DOCUMENT_BUCKET: string } {
    this.key.grantEncrypt(identity)
    return this.allow(identity, 'PutDocuments', 's3:PutObject', [incoming])
  }

  /** Lets a function get documents, and be told 404 of one that is not there: without the list, S3 answers 403. */
  grantGet(identity: FunctionIdentity): { DOCUMENT_BUCKET: string } {
    const resources = [this.bucket.bucketArn]
    identity.allow({ sid: 'TellMissingDocuments', actions: ['s3:ListBucket'], resources })
    this.key.grantDecrypt(identity)
    return this.allow(identity, 'GetDocuments', 's3:GetObject', [incoming])
  }

  /** Lets a function put the sealed copies of documents that passed. It cannot read them. */
  grantKeep(identity: FunctionIdentity): { DOCUMENT_BUCKET: string } {
    this.key.grantEncrypt(identity)
    return this.allow(identity, 'KeepCopies', 's3:PutObject', [kept])
  }

  /** Lets a function delete documents and their copies, unread. */
  grantDelete(identity: FunctionIdentity): { DOCUMENT_BUCKET: string } {
    return this.allow(identity, 'DeleteDocuments', 's3:DeleteObject', [incoming, kept])
  }

  private allow(
    identity: FunctionIdentity,
    sid: string,
    action: string,
    prefixes: readonly string[],
  ): { DOCUMENT_BUCKET: string } {
    const resources = prefixes.map((prefix) => this.bucket.arnForObjects(`${prefix}*`))
    identity.allow({ sid, actions: [action], resources })
    identity.callS3()
    return { DOCUMENT_BUCKET: this.bucket.bucketName }
  }

  /** Lets a function put documents that lie in the bucket into the queue again. */
  grantRequeue(identity: FunctionIdentity): { VERIFICATION_QUEUE_URL: string } {
    identity.allow({ sid: 'RequeueDocuments', actions: ['sqs:SendMessage'], resources: [this.queue.queueArn] })
    identity.call('sqs')
    return { VERIFICATION_QUEUE_URL: this.queue.queueUrl }
  }

  /** Lets Lambda take messages of the verification queue in a function's name. */
  grantConsume(identity: FunctionIdentity): void {
    identity.allow({
      sid: 'ConsumeVerificationQueue',
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ChangeMessageVisibility'],
      resources: [this.queue.queueArn],
    })
  }
}
