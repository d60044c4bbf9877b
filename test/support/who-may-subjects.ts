// What is worth taking in both templates: every key, secret, bucket, queue, topic, function, role and database user.
import type { Stage } from '../../lib/stage.ts'
import { toEncryptionContext } from '../../shared/vault.ts'
import { type Resource, resourcesOf, type Template, write } from '../infra/templates.ts'
import type { World } from './policy-world.ts'
import type { Subject } from './who-may.ts'

/** Who holds one of these may open the vault, or make himself one who may. */
const guarded = ['VaultKey', 'VaultSecret', 'Wallet function', 'Wallet role']

/** What is asked of each type, beside what policies name. */
const actionsOf: Readonly<Record<string, readonly string[]>> = {
  'AWS::KMS::Key': [
    ...['kms:CreateGrant', 'kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext'],
    ...['kms:PutKeyPolicy', 'kms:ReEncryptFrom', 'kms:ReEncryptTo', 'kms:ScheduleKeyDeletion'],
  ],
  'AWS::SecretsManager::Secret': [
    ...['secretsmanager:DeleteSecret', 'secretsmanager:GetSecretValue', 'secretsmanager:PutResourcePolicy'],
    ...['secretsmanager:PutSecretValue', 'secretsmanager:UpdateSecret', 'secretsmanager:UpdateSecretVersionStage'],
  ],
  'AWS::S3::Bucket': ['s3:DeleteBucket', 's3:ListBucket', 's3:PutBucketPolicy', 's3:PutBucketPublicAccessBlock'],
  'AWS::SQS::Queue': ['sqs:PurgeQueue', 'sqs:ReceiveMessage', 'sqs:SendMessage', 'sqs:SetQueueAttributes'],
  'AWS::SNS::Topic': ['sns:Publish', 'sns:SetTopicAttributes', 'sns:Subscribe'],
  'AWS::Lambda::Function': [
    ...['lambda:AddPermission', 'lambda:CreateFunctionUrlConfig', 'lambda:InvokeFunction'],
    // Layers and the execution wrapper are configuration.
    ...['lambda:UpdateFunctionCode', 'lambda:UpdateFunctionConfiguration'],
  ],
  'AWS::IAM::Role': [
    'sts:AssumeRole',
    ...['iam:AttachRolePolicy', 'iam:PassRole', 'iam:PutRolePolicy', 'iam:UpdateAssumeRolePolicy'],
  ],
  'AWS::MSK::Cluster': [
    'kafka-cluster:AlterCluster',
    'kafka-cluster:AlterClusterDynamicConfiguration',
    'kafka-cluster:Connect',
  ],
}
const objectActions = ['s3:DeleteObject', 's3:GetObject', 's3:GetObjectVersion', 's3:PutObject', 's3:PutObjectAcl']
const topicActions = ['AlterTopic', 'CreateTopic', 'DeleteTopic', 'DescribeTopic', 'ReadData', 'WriteData']
const groupActions = ['AlterGroup', 'DeleteGroup', 'DescribeGroup']

/** A logical id without the hash that CDK adds. */
const withoutHash = (id: string) => id.replace(/[0-9A-F]{8}$/, '')

/** Names for people, by logical id: functions as the outputs call them, their roles as them. */
export function nameResources({ data, service }: { data: Template; service: Template }): (id: string) => string {
  const names: Record<string, string> = {}
  for (const [output, { Value }] of Object.entries(service.Outputs) as [string, { Value: { Ref: string } }][]) {
    if (output.endsWith('FunctionName')) names[Value.Ref] = output.replace(/FunctionName$/, '')
  }
  for (const [id, { Properties }] of resourcesOf(service, 'AWS::Lambda::Function')) {
    const name = names[id] ?? withoutHash(id)
    names[id] = `${name} function`
    names[write(Properties.Role, data).replace(/^<|\.Arn>$/g, '')] = name
  }
  return (id) => names[id] ?? withoutHash(id)
}

/** Everything that is asked about, in the templates' order. */
export function findSubjects(
  templates: { data: Template; service: Template },
  world: World,
  stage: Stage,
): readonly Subject[] {
  const nameOf = nameResources(templates)
  const resources = [...Object.entries(templates.data.Resources), ...Object.entries(templates.service.Resources)]
  return resources.flatMap(([logicalId, resource]) =>
    toSubjects(logicalId, resource, nameOf, world, stage).map((subject) => ({
      ...{ ...subject, logicalId, guarded: guarded.includes(subject.name) },
    })),
  )
}

function toSubjects(
  id: string,
  { Type, Properties }: Resource,
  nameOf: (id: string) => string,
  world: World,
  stage: Stage,
): Omit<Subject, 'logicalId'>[] {
  const toKafka = (kind: string, name: string, actions: readonly string[]) => ({
    name: `${kind} ${name}`,
    arn: `${world.arnOf('KafkaCluster').replace(':cluster/', `:${kind}/`)}/${name}`,
    actions: actions.map((action) => `kafka-cluster:${action}`),
  })
  if (Type === 'AWS::MSK::Topic') return [toKafka('topic', String(Properties.TopicName), topicActions)]
  if (Type === 'AWS::RDS::DBCluster') {
    const users = ['intake', 'verification', 'wallet', 'announce', 'read'].map((role) => `app_${role}`)
    return [...users, String(Properties.MasterUsername), 'anybody'].map((user) => ({
      name: `database user ${user}`,
      arn: `arn:aws:rds-db:${stage.region}:${stage.account}:dbuser:cluster-${id}/${user}`,
      actions: ['rds-db:connect'],
    }))
  }
  const actions = actionsOf[Type]
  if (actions === undefined) return []
  const arn = world.arnOf(id)
  const name = Type === 'AWS::IAM::Role' ? `${nameOf(id)} role` : nameOf(id)
  if (Type === 'AWS::S3::Bucket') {
    const objects = (prefix: string) => ({
      ...{ name: `${name}, ${prefix}`, arn: `${arn}/${prefix}`, owner: arn, actions: objectActions },
    })
    return [{ name, arn, actions }, ...(id === 'DocumentBucket' ? [objects('incoming/x')] : []), objects('x')]
  }
  if (Type === 'AWS::Lambda::Function') {
    const version = { name: `${name}, a version`, arn: `${arn}:1`, actions: ['lambda:InvokeFunction'] }
    return [{ name, arn, actions }, version]
  }
  if (Type === 'AWS::MSK::Cluster') {
    return [
      { name, arn, actions },
      toKafka('group', stage.walletTrigger.consumerGroupId, groupActions),
      toKafka('group', 'x', groupActions),
    ]
  }
  return [{ name, arn, actions, ...(id === 'VaultKey' ? { context: describeContext(stage) } : {}) }]
}

/** The encryption context as KMS hands it to a policy. */
export function describeContext(stage: Stage): Record<string, string | string[]> {
  const context = Object.entries(toEncryptionContext(stage.name))
  return {
    ...Object.fromEntries(context.map(([key, value]) => [`kms:EncryptionContext:${key}`, value])),
    'kms:EncryptionContextKeys': context.map(([key]) => key),
  }
}
