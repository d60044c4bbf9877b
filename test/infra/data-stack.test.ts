// What must survive: documents, queues, the vault and its key, the database's secrets.
import { Template as Assertions } from 'aws-cdk-lib/assertions'
import { describe, expect, test } from 'vitest'
import type { Stage } from '../../lib/stage.ts'
import { localStage, resourcesOf, statements, synthesise, type Template } from './templates.ts'

const stage = localStage()
const { data } = synthesise(stage)
const assertions = Assertions.fromJSON(data)

/** A stage with the switches of AWS thrown: those rows of the table that `local` never shows. */
const strict: Stage = {
  ...stage,
  provisionsRoot: false,
  importNeedsMfa: true,
  enforcesTls: true,
  requiresEncryptionContext: true,
  keepsData: true,
}

test('the logical ids of what is stateful never change: a new id is a new, empty resource', () => {
  const stateful = Object.entries(data.Resources)
    .filter(([, { Type }]) => !/^AWS::(SQS::Queue|S3::Bucket|IAM::)Policy$/.test(Type))
    .map(([id, { Type }]) => `${Type} ${id}`)
  expect(stateful.toSorted()).toEqual([
    'AWS::IAM::Role ProvisionRole',
    'AWS::IAM::Role VaultImportRole',
    'AWS::IAM::Role WalletRole',
    'AWS::KMS::Key DocumentDataKey',
    'AWS::KMS::Key DocumentKey',
    'AWS::KMS::Key DocumentMacKey',
    'AWS::KMS::Key VaultKey',
    'AWS::S3::Bucket DataKeyBucket',
    'AWS::S3::Bucket DocumentBucket',
    'AWS::S3::Bucket LogBucket',
    'AWS::SQS::Queue VerificationDeadLetterQueue',
    'AWS::SQS::Queue VerificationQueue',
    'AWS::SecretsManager::Secret DatabaseAdminSecret',
    'AWS::SecretsManager::Secret DatabaseAnnounceSecret',
    'AWS::SecretsManager::Secret DatabaseEraseSecret',
    'AWS::SecretsManager::Secret DatabaseIntakeSecret',
    'AWS::SecretsManager::Secret DatabaseOperateSecret',
    'AWS::SecretsManager::Secret DatabaseReadSecret',
    'AWS::SecretsManager::Secret DatabaseVerificationSecret',
    'AWS::SecretsManager::Secret DatabaseWalletSecret',
    'AWS::SecretsManager::Secret VaultSecret',
  ])
})

test('it has the outputs that its users read', () => {
  expect(Object.keys(data.Outputs)).toEqual(
    expect.arrayContaining([
      'DatabaseAdminSecretArn',
      'VaultSecretArn',
      'VaultKeyArn',
      'VaultImportRoleArn',
      'DocumentBucketName',
      'VerificationQueueUrl',
      'VerificationDeadLetterQueueUrl',
    ]),
  )
})

test('it runs no code of its own: no function, no custom resource', () => {
  const types = Object.values(data.Resources).map(({ Type }) => Type)
  expect(types.filter((type) => /^(AWS::Lambda|Custom::|AWS::CloudFormation::CustomResource)/.test(type))).toEqual([])
})

describe('the document bucket', () => {
  test('is closed to the public, and forgets what nobody fetched', () => {
    assertions.hasResourceProperties('AWS::S3::Bucket', {
      BucketName: 'verified-wallets-local-documents-000000000000-us-east-1',
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      LifecycleConfiguration: {
        Rules: [
          {
            Prefix: 'incoming/',
            Status: 'Enabled',
            ExpirationInDays: 15,
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
          },
        ],
      },
    })
  })

  test('announces new documents on the queue, and nothing else does', () => {
    assertions.hasResourceProperties('AWS::S3::Bucket', {
      NotificationConfiguration: {
        QueueConfigurations: [
          {
            Event: 's3:ObjectCreated:*',
            Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'incoming/' }] } },
            Queue: { 'Fn::GetAtt': ['VerificationQueue', 'Arn'] },
          },
        ],
      },
    })
    const policies = resourcesOf(data, 'AWS::SQS::QueuePolicy')
    expect(policies).toHaveLength(1)
    const [[id, policy]] = policies as [(typeof policies)[number]]
    expect(statements(policy.Properties.PolicyDocument)).toEqual([
      {
        sid: 'AnnounceDocuments',
        effect: 'Allow',
        actions: ['sqs:SendMessage'],
        resources: ['<VerificationQueue.Arn>'],
        principals: ['s3.amazonaws.com'],
        conditions: {
          ArnEquals: { 'aws:SourceArn': 'arn:aws:s3:::verified-wallets-local-documents-000000000000-us-east-1' },
          StringEquals: { 'aws:SourceAccount': '000000000000' },
        },
      },
    ])
    expect(data.Resources.DocumentBucket?.DependsOn).toEqual([id])
  })
})

describe('the verification queue', () => {
  test('outlives an outage of an hour, and then sets aside', () => {
    const queue = data.Resources.VerificationQueue?.Properties as {
      VisibilityTimeout: number
      MessageRetentionPeriod: number
      RedrivePolicy: { maxReceiveCount: number; deadLetterTargetArn: unknown }
    }
    expect(queue.RedrivePolicy.deadLetterTargetArn).toEqual({ 'Fn::GetAtt': ['VerificationDeadLetterQueue', 'Arn'] })
    expect(queue.VisibilityTimeout * queue.RedrivePolicy.maxReceiveCount).toBe(3600)
    expect(queue.MessageRetentionPeriod).toBe(4 * 24 * 3600)
    const deadLetters = data.Resources.VerificationDeadLetterQueue?.Properties as { MessageRetentionPeriod: number }
    expect(deadLetters.MessageRetentionPeriod).toBe(14 * 24 * 3600)
  })

  test('retries within the three minutes in which a recovered Kafka must show its wallets', () => {
    expect(data.Resources.VerificationQueue?.Properties.VisibilityTimeout).toBe(180)
  })

  test('is encrypted, as is the other', () => {
    for (const [id, queue] of resourcesOf(data, 'AWS::SQS::Queue')) {
      expect(queue.Properties.SqsManagedSseEnabled, id).toBe(true)
    }
  })

  test.each(['0', '3', '900'])('is delayed by VERIFICATION_DELAY_SECONDS: %s', (seconds) => {
    const { data } = synthesise(localStage({ VERIFICATION_DELAY_SECONDS: seconds }))
    expect(data.Resources.VerificationQueue?.Properties.DelaySeconds).toBe(Number(seconds))
  })
})

describe('the vault', () => {
  const keyPolicy = (template: Template) => statements(template.Resources.VaultKey?.Properties.KeyPolicy)
  const administration = {
    sid: 'AdministerButNotUse',
    effect: 'Allow',
    resources: ['*'],
    principals: ['arn:aws:iam::000000000000:root'],
    conditions: undefined,
  }

  test('has a key that rotates, and a secret that the template gives no value', () => {
    assertions.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true })
    expect(data.Resources.VaultSecret?.Properties).toEqual({ Description: 'The wrapped mnemonic: ciphertext only' })
  })

  test('opens for the wallet role only; those who fill it wrap; the account administers, and does neither', () => {
    const everyoneElse = {
      ArnNotLike: {
        'aws:PrincipalArn': [
          { 'Fn::GetAtt': ['WalletRole', 'Arn'] },
          { 'Fn::Join': ['', ['arn:aws:sts::000000000000:assumed-role/', { Ref: 'WalletRole' }, '/*']] },
        ],
      },
    }
    expect(keyPolicy(data)).toEqual([
      { ...administration, actions: expect.any(Array) },
      {
        sid: 'OpenMnemonic',
        effect: 'Allow',
        actions: ['kms:Decrypt'],
        resources: ['*'],
        principals: ['<WalletRole.Arn>'],
        conditions: undefined,
      },
      {
        sid: 'WrapMnemonic',
        effect: 'Allow',
        actions: ['kms:GenerateDataKey'],
        resources: ['*'],
        principals: ['<ProvisionRole.Arn>', '<VaultImportRole.Arn>'],
        conditions: undefined,
      },
      {
        sid: 'NobodyElseOpensMnemonic',
        effect: 'Deny',
        actions: ['kms:Decrypt', 'kms:ReEncryptFrom'],
        resources: ['*'],
        principals: ['*'],
        conditions: everyoneElse,
      },
    ])
  })

  test('lets its administrators administer, without a way to use it', () => {
    const actions = keyPolicy(data)[0]?.actions ?? []
    expect(actions).toEqual([
      'kms:CancelKeyDeletion',
      'kms:DescribeKey',
      'kms:DisableKey',
      'kms:DisableKeyRotation',
      'kms:EnableKey',
      'kms:EnableKeyRotation',
      'kms:GetKeyPolicy',
      'kms:GetKeyRotationStatus',
      'kms:ListGrants',
      'kms:ListKeyPolicies',
      'kms:ListKeyRotations',
      'kms:ListResourceTags',
      'kms:PutKeyPolicy',
      'kms:RevokeGrant',
      'kms:ScheduleKeyDeletion',
      'kms:TagResource',
      'kms:UntagResource',
      'kms:UpdateKeyDescription',
    ])
  })

  test('where the stage says so: only people wrap, with a second factor; to open and to wrap takes the context', () => {
    const { data, service } = synthesise(strict)
    expect(data.Resources).not.toHaveProperty('ProvisionRole')
    expect(service.Outputs).not.toHaveProperty('ProvisionFunctionName')
    const policy = keyPolicy(data)
    expect(policy.map(({ sid }) => sid)).toEqual([
      ...['AdministerButNotUse', 'OpenMnemonic', 'WrapMnemonic', 'NobodyElseOpensMnemonic'],
    ])
    expect(policy[1]?.conditions).toEqual({
      StringEquals: {
        'kms:EncryptionContext:app': 'verified-wallets',
        'kms:EncryptionContext:stage': 'local',
        'kms:EncryptionContext:purpose': 'wallet-root',
      },
      'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': ['app', 'stage', 'purpose'] },
    })
    expect(policy[2]).toMatchObject({ sid: 'WrapMnemonic', principals: ['<VaultImportRole.Arn>'] })
    expect(policy[2]?.conditions).toEqual(policy[1]?.conditions)
    expect(policy[3]?.conditions).not.toHaveProperty('StringEquals')
    expect(statements(data.Resources.VaultImportRole?.Properties.AssumeRolePolicyDocument)).toMatchObject([
      {
        effect: 'Allow',
        actions: ['sts:AssumeRole'],
        principals: ['arn:aws:iam::000000000000:root'],
        conditions: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } },
      },
    ])
  })
})

describe('where the stage says so', () => {
  const kept = synthesise(strict).data

  test('what is stateful is kept when the stack is deleted', () => {
    const removable = Object.entries(kept.Resources)
      .filter(([, { Type }]) => /^AWS::(S3::Bucket|SQS::Queue|KMS::Key|SecretsManager::Secret)$/.test(Type))
      .filter(
        ([, resource]) =>
          resource.DeletionPolicy !== 'RetainExceptOnCreate' || resource.UpdateReplacePolicy !== 'Retain',
      )
    expect(removable).toEqual([])
  })

  test('buckets and queues refuse what does not come over TLS', () => {
    const policies = [...resourcesOf(kept, 'AWS::S3::BucketPolicy'), ...resourcesOf(kept, 'AWS::SQS::QueuePolicy')]
    const refusals = policies
      .flatMap(([, policy]) => statements(policy.Properties.PolicyDocument))
      .filter(({ effect }) => effect === 'Deny')
    expect(refusals.map(({ conditions }) => conditions)).toEqual(
      Array(5).fill({ Bool: { 'aws:SecureTransport': 'false' } }),
    )
  })
})

describe('no secret is in a template', () => {
  const secrets = resourcesOf(data, 'AWS::SecretsManager::Secret')

  test('a secret has no value, or one that AWS generates', () => {
    for (const [id, secret] of secrets) expect(secret.Properties, id).not.toHaveProperty('SecretString')
    const generated = secrets.filter(([, secret]) => secret.Properties.GenerateSecretString !== undefined)
    expect(
      Object.fromEntries(
        generated.map(([id, secret]) => [
          id,
          JSON.parse((secret.Properties.GenerateSecretString as { SecretStringTemplate: string }).SecretStringTemplate),
        ]),
      ),
    ).toEqual({
      DatabaseAnnounceSecret: { username: 'app_announce' },
      DatabaseEraseSecret: { username: 'app_erase' },
      DatabaseIntakeSecret: { username: 'app_intake' },
      DatabaseOperateSecret: { username: 'app_operate' },
      DatabaseReadSecret: { username: 'app_read' },
      DatabaseVerificationSecret: { username: 'app_verification' },
      DatabaseWalletSecret: { username: 'app_wallet' },
    })
    for (const [id, secret] of generated) {
      const rule = secret.Properties.GenerateSecretString as Record<string, unknown>
      expect(rule, id).toMatchObject({ GenerateStringKey: 'password', PasswordLength: 40, ExcludePunctuation: true })
    }
  })

  test('of DATABASE_URL only host, port and database name enter a template', () => {
    const templates = synthesise(localStage({ DATABASE_URL: 'postgresql://somebody:hunter2@db.example:6543/ledger' }))
    const text = JSON.stringify([templates.data, templates.service])
    expect(text).not.toContain('somebody')
    expect(text).not.toContain('hunter2')
    for (const part of ['"db.example"', '"6543"', '"ledger"']) expect(text).toContain(part)
  })
})
