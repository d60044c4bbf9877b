// Logical ids of everything that holds something, in each stage. An id that changes is a resource that is deleted, with what it
// holds, and an empty one in its place: never renew this list without a plan for what is in there.
import { expect, test } from 'vitest'
import { stageNames } from '../../lib/stage-table.ts'
import { stageOf, synthesise } from './templates.ts'

/**
 * Types that hold data, messages, keys, users or subscriptions, or that such a one cannot do without. Aurora's instances
 * are not among them: the storage is the cluster's. Policies are: one of a new name is written before the old one is
 * deleted, which takes the whole of what is written with it.
 */
const stateful = [
  ...['AWS::CloudTrail::Trail', 'AWS::Cognito::UserPool', 'AWS::EC2::Subnet', 'AWS::EC2::VPC', 'AWS::KMS::Key'],
  ...['AWS::MSK::Cluster', 'AWS::MSK::Topic', 'AWS::RDS::DBCluster', 'AWS::S3::Bucket'],
  ...['AWS::SNS::Topic', 'AWS::SQS::Queue', 'AWS::SecretsManager::Secret'],
  ...['AWS::S3::BucketPolicy', 'AWS::SNS::TopicPolicy', 'AWS::SQS::QueuePolicy'],
]

const everywhere = [
  ...[
    'AlarmTopic',
    'DataKeyBucket',
    'DocumentBucket',
    'DocumentDataKey',
    'DocumentKey',
    'DocumentMacKey',
    'LogBucket',
    'VaultKey',
    'VaultSecret',
  ],
  ...['VerificationDeadLetterQueue', 'VerificationQueue'],
  ...[
    'DocumentsLogsBucketPolicy2A826B84',
    'DocumentsQueuePolicyB5CAF0D2',
    'ObservabilityAlarmTopicTopicPolicy9209AB77',
  ],
]
const deployed = [
  ...everywhere,
  ...['AuditBucket', 'AuditTrail', 'DatabaseCluster', 'KafkaCluster', 'StorageKey', 'Subnet1', 'Subnet2'],
  ...[
    'AuditBucketPolicyE6CAAC5C',
    'DataKeysBucketPolicy3E8CAA3B',
    'DocumentsBucketPolicyCBD87EC2',
    'DocumentsDeadLetterQueuePolicy9CB7D409',
  ],
  ...['UserPool', 'UserVerifiedDeadLetterTopic', 'UserVerifiedTopic', 'Vpc', 'WalletCreatedTopic'],
]
const pinned: Readonly<Record<(typeof stageNames)[number], readonly string[]>> = {
  local: [
    ...everywhere,
    ...[
      'DatabaseAdminSecret',
      'DatabaseAnnounceSecret',
      'DatabaseEraseSecret',
      'DatabaseIntakeSecret',
      'DatabaseOperateSecret',
    ],
    ...['DatabaseReadSecret', 'DatabaseVerificationSecret', 'DatabaseWalletSecret'],
  ],
  dev: deployed,
  prod: [...deployed, 'Subnet3'],
}

test.each(stageNames)('in %s are these', (name) => {
  const { data, service } = synthesise(stageOf(name))
  const ids = Object.entries({ ...data.Resources, ...service.Resources })
    .filter(([, { Type }]) => stateful.includes(Type))
    .map(([id]) => id)
  expect(ids.toSorted()).toEqual(pinned[name].toSorted())
})
