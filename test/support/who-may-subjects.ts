// What is worth taking in both templates: every key, secret, bucket, queue, topic, function, role and database user.
import { groupPrefix } from '../../functions/operate/read-topic.ts'
import type { Stage } from '../../lib/stage.ts'
import { toDocumentContext } from '../../shared/kept-documents.ts'
import { toEncryptionContext } from '../../shared/vault.ts'
import { type Resource, resourcesOf, type Template, write } from '../infra/templates.ts'
import type { World } from './policy-world.ts'
import type { Subject } from './who-may.ts'

type Named = Omit<Subject, 'logicalId' | 'guarded'>

/** Who holds one of these may open the vault, or make himself one who may, or fill it. */
const guarded = ['VaultKey', 'VaultSecret', 'Wallet function', 'Wallet role', 'VaultImportRole role']

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
    ...['iam:AttachRolePolicy', 'iam:PassRole', 'iam:PutRolePolicy', 'iam:UpdateAssumeRolePolicy', 'sts:AssumeRole'],
  ],
  'AWS::MSK::Cluster': [
    ...['kafka-cluster:AlterCluster', 'kafka-cluster:AlterClusterDynamicConfiguration', 'kafka-cluster:Connect'],
    ...['kafka:DeleteCluster', 'kafka:PutClusterPolicy', 'kafka:UpdateSecurity'],
  ],
  'AWS::RDS::DBCluster': ['rds:DeleteDBCluster', 'rds:ModifyDBCluster'],
}
const objectActions = ['s3:DeleteObject', 's3:GetObject', 's3:GetObjectVersion', 's3:PutObject', 's3:PutObjectAcl']
const topicActions = ['AlterTopic', 'CreateTopic', 'DeleteTopic', 'DescribeTopic', 'ReadData', 'WriteData']
const groupActions = ['AlterGroup', 'DeleteGroup', 'DescribeGroup']
/** Services that use a key in a caller's name. */
const services = ['kafka', 'rds', 's3', 'secretsmanager', 'sqs']

/** A logical id without the hash that CDK adds. */
const withoutHash = (id: string) => id.replace(/[0-9A-F]{8}$/, '')

/** Names for people, by logical id: functions as the outputs call them, and their roles as them. */
export function nameResources({ data, service }: { data: Template; service: Template }): (id: string) => string {
  const names: Record<string, string> = {}
  for (const [output, { Value }] of Object.entries(service.Outputs) as [string, { Value: unknown }][]) {
    const name = /^(.+)FunctionName$/.exec(output)?.[1]
    const id = write(Value).slice(1, -1)
    if (name === undefined) continue
    names[id] = `${name} function`
    names[write(service.Resources[id]?.Properties.Role, data).replace(/^<|\.Arn>$/g, '')] = name
  }
  for (const [id] of resourcesOf(service, 'AWS::Lambda::Function')) names[id] ??= `${withoutHash(id)} function`
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
): Named[] {
  const toKafka = (kind: string, name: string, actions: readonly string[]) => ({
    name: `${kind} ${name}`,
    arn: `${world.arnOf('KafkaCluster').replace(':cluster/', `:${kind}/`)}/${name}`,
    actions: actions.map((action) => `kafka-cluster:${action}`),
  })
  if (Type === 'AWS::MSK::Topic') return [toKafka('topic', String(Properties.TopicName), topicActions)]
  const actions = actionsOf[Type]
  if (actions === undefined) return []
  const arn = world.arnOf(id)
  const name = Type === 'AWS::IAM::Role' ? `${nameOf(id)} role` : nameOf(id)
  const itself = { name, arn, actions }
  switch (Type) {
    case 'AWS::IAM::Role':
      return [{ ...itself, context: { 'aws:MultiFactorAuthPresent': 'true' } }]
    case 'AWS::KMS::Key':
      if (id === 'VaultKey') return [{ ...itself, context: describeContext(stage) }]
      // No service makes an HMAC in a caller's name.
      if (Properties.KeyUsage === 'GENERATE_VERIFY_MAC') return [itself]
      if (id === 'DocumentDataKey') return [{ ...itself, context: describeDocumentContext(stage) }]
      return [
        itself,
        ...services.map((service) => ({
          ...{ name: `${name}, through ${service}`, arn, actions },
          context: {
            'kms:ViaService': `${service}.${stage.region}.amazonaws.com`,
            'kms:EncryptionContext:aws:s3:arn': world.arnOf('DocumentBucket'),
          },
        })),
      ]
    case 'AWS::S3::Bucket':
      // Any object, and one of each kind that a policy tells apart.
      return [
        itself,
        ...['x', ...findExamples(world, `${arn}/`)].map((key) => ({
          ...{ name: `${name}/${key}`, arn: `${arn}/${key}`, owner: arn, actions: objectActions },
          context: { 's3:x-amz-acl': 'bucket-owner-full-control' },
        })),
      ]
    case 'AWS::Lambda::Function':
      return [itself, { name: `${name}, a version`, arn: `${arn}:1`, actions: ['lambda:InvokeFunction'] }]
    case 'AWS::MSK::Cluster':
      return [
        itself,
        toKafka('topic', 'x', topicActions),
        ...[stage.walletTrigger.consumerGroupId, `${groupPrefix}x`, 'x'].map((group) =>
          toKafka('group', group, groupActions),
        ),
      ]
    case 'AWS::RDS::DBCluster': {
      const prefix = `arn:aws:rds-db:${stage.region}:${stage.account}:dbuser:cluster-${id}/`
      const users = [...findExamples(world, prefix), String(Properties.MasterUsername), 'x']
      return [
        itself,
        {
          name: `${name}, secret of its administrator`,
          arn: `arn:aws:secretsmanager:${stage.region}:${stage.account}:secret:rds!cluster-${id}`,
          actions: actionsOf['AWS::SecretsManager::Secret'] ?? [],
        },
        ...users.map((user) => ({ name: `database user ${user}`, arn: prefix + user, actions: ['rds-db:connect'] })),
      ]
    }
    default:
      return [itself]
  }
}

/** What policies name below a prefix, with something in place of each wildcard. */
function findExamples(world: World, prefix: string): string[] {
  const statements = [...Object.values(world.roles).flatMap((role) => role.statements), ...world.resourceStatements]
  const found = statements
    .flatMap(({ resources = [] }) => resources)
    .filter((resource) => resource.startsWith(prefix))
    .map((resource) => resource.slice(prefix.length).replaceAll('*', 'x'))
  return [...new Set(found)].filter((example) => example !== 'x')
}

/** An encryption context, as KMS hands it to a policy. */
const describe = (context: Readonly<Record<string, string>>): Record<string, string | string[]> => ({
  ...Object.fromEntries(Object.entries(context).map(([key, value]) => [`kms:EncryptionContext:${key}`, value])),
  'kms:EncryptionContextKeys': Object.keys(context),
})

/** That of the vault. */
export const describeContext = (stage: Stage) => describe(toEncryptionContext(stage.name))

/** That of the data key of some document. */
const describeDocumentContext = (stage: Stage) =>
  describe(toDocumentContext(stage.name, '00000000-0000-4000-8000-000000000001'))
