// How documents rest: their key, who uses it and by what way, and the record of who asked for them.
import { describe, expect, test } from 'vitest'
import { readSettings } from '../../lib/settings.ts'
import { findStage } from '../../lib/stage-table.ts'
import { resourcesOf, statements, synthesise } from './templates.ts'

describe.each(['local', 'dev', 'prod'])('documents of %s', (name) => {
  const stage = findStage(name, readSettings({}))
  const { data, service } = synthesise(stage)
  const bucketName = `verified-wallets-${name}-documents-${stage.account}-${stage.region}`
  const onlyForDocuments = {
    StringEquals: {
      'kms:ViaService': `s3.${stage.region}.amazonaws.com`,
      'kms:EncryptionContext:aws:s3:arn': `arn:aws:s3:::${bucketName}`,
    },
  }

  test('rest under a key of their own, of which S3 keeps one for the bucket', () => {
    expect(data.Resources.DocumentBucket?.Properties).toMatchObject({
      BucketName: bucketName,
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: {
              SSEAlgorithm: 'aws:kms',
              KMSMasterKeyID: { 'Fn::GetAtt': ['DocumentKey', 'Arn'] },
            },
          },
        ],
      },
    })
    expect(data.Resources.DocumentKey?.Properties.EnableKeyRotation).toBe(true)
  })

  test('are announced by a queue whose one policy says all: a second would replace it, or be replaced', () => {
    const targets = [data, service].flatMap((template) =>
      ['SQS::QueuePolicy', 'SNS::TopicPolicy', 'S3::BucketPolicy'].flatMap((type) =>
        resourcesOf(template, `AWS::${type}`).flatMap(([, { Properties }]) =>
          [Properties.Queues ?? Properties.Topics ?? Properties.Bucket].flat().map((target) => JSON.stringify(target)),
        ),
      ),
    )
    expect(targets).toContain('{"Ref":"VerificationQueue"}')
    expect(targets.length).toBe(new Set(targets).size)
  })

  test('have no earlier versions: what is forgotten is gone', () => {
    expect(data.Resources.DocumentBucket?.Properties).not.toHaveProperty('VersioningConfiguration')
  })

  test('are decrypted by way of S3 for this bucket only, by nobody whose own policy does not say so', () => {
    const policy = statements(data.Resources.DocumentKey?.Properties.KeyPolicy)
    expect(policy.map(({ sid, conditions }) => [sid, conditions])).toEqual([
      ['AdministerButNotUse', undefined],
      ['EncryptDocumentsInS3', onlyForDocuments],
    ])
    const uses = policy.flatMap(({ actions }) => actions).filter((action) => /crypt|DataKey|CreateGrant/.test(action))
    expect(uses).toEqual(['kms:Decrypt', 'kms:GenerateDataKey'])
    const granted = resourcesOf(service, 'AWS::IAM::Policy').flatMap(([id, { Properties }]) => {
      const { Statement } = Properties.PolicyDocument as { Statement: { Sid: string; Action: string }[] }
      const ofDocuments = Statement.filter((each) => JSON.stringify(each).includes('DocumentKey'))
      return statements({ Statement: ofDocuments }, data).map(({ sid, actions, resources, conditions }) => ({
        ...{ role: id.replace(/Identity.*/, ''), sid, actions, resources, conditions },
      }))
    })
    const under = { resources: ['<DocumentKey.Arn>'], conditions: onlyForDocuments }
    expect(granted.toSorted((one, other) => one.role.localeCompare(other.role))).toEqual([
      { role: 'Inspect', sid: 'DecryptDocuments', actions: ['kms:Decrypt'], ...under },
      { role: 'Inspect', sid: 'EncryptDocuments', actions: ['kms:GenerateDataKey'], ...under },
      { role: 'Intake', sid: 'EncryptDocuments', actions: ['kms:GenerateDataKey'], ...under },
    ])
  })

  test('have a record of who asked for them, in a bucket that only S3 writes for this one, and that forgets', () => {
    expect(data.Resources.DocumentBucket?.Properties.LoggingConfiguration).toEqual({
      DestinationBucketName: { Ref: 'LogBucket' },
      LogFilePrefix: 'documents/',
    })
    expect(data.Resources.LogBucket?.Properties).toMatchObject({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      LifecycleConfiguration: { Rules: [{ Status: 'Enabled', ExpirationInDays: 90 }] },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    })
    expect(data.Resources.LogBucket?.Properties).not.toHaveProperty('LoggingConfiguration')
    const allowed = resourcesOf(data, 'AWS::S3::BucketPolicy')
      .filter(([, { Properties }]) => JSON.stringify(Properties.Bucket) === '{"Ref":"LogBucket"}')
      .flatMap(([, { Properties }]) => statements(Properties.PolicyDocument))
      .filter(({ effect }) => effect === 'Allow')
    const logsOf = (folder: string, bucket: string) => ({
      actions: ['s3:PutObject'],
      resources: [`<LogBucket.Arn>/${folder}/*`],
      principals: ['logging.s3.amazonaws.com'],
      conditions: {
        ArnLike: { 'aws:SourceArn': { 'Fn::GetAtt': [bucket, 'Arn'] } },
        StringEquals: { 'aws:SourceAccount': stage.account },
      },
    })
    const audit = stage.oversight ? [logsOf('audit', 'AuditBucket')] : []
    expect(allowed).toMatchObject([
      ...[logsOf('documents', 'DocumentBucket'), logsOf('data-keys', 'DataKeyBucket'), ...audit],
    ])
  })

  test('that are kept are forgotten by no rule of S3, which knows no legal hold', () => {
    const { LifecycleConfiguration } = data.Resources.DocumentBucket?.Properties ?? {}
    const { Rules } = LifecycleConfiguration as { Rules: { Prefix?: string }[] }
    expect(Rules.map(({ Prefix }) => Prefix)).toEqual(['incoming/'])
  })

  test('outlive every message that speaks of them', () => {
    const days = (id: string) => Number(data.Resources[id]?.Properties.MessageRetentionPeriod) / 86_400
    const { LifecycleConfiguration } = data.Resources.DocumentBucket?.Properties ?? {}
    const { Rules } = LifecycleConfiguration as { Rules: [{ ExpirationInDays: number }] }
    expect(Rules[0].ExpirationInDays).toBeGreaterThan(
      Math.max(days('VerificationQueue'), days('VerificationDeadLetterQueue')),
    )
    expect(days('VerificationDeadLetterQueue')).toBeGreaterThan(days('VerificationQueue'))
  })
})

describe.each(['local', 'dev', 'prod'])('data keys of documents of %s', (name) => {
  const stage = findStage(name, readSettings({}))
  const { data, service } = synthesise(stage)
  const bucket = data.Resources.DataKeyBucket
  const { Properties = {} } = bucket ?? {}

  test('lie in a bucket of their own, that has no versions, no replica, no lock and no rule of S3: what is deleted is gone', () => {
    expect(Object.keys(Properties).toSorted()).toEqual([
      ...['BucketEncryption', 'BucketName', 'LoggingConfiguration', 'OwnershipControls'],
      'PublicAccessBlockConfiguration',
    ])
    expect(Properties).toMatchObject({
      BucketName: `verified-wallets-${name}-data-keys-${stage.account}-${stage.region}`,
      LoggingConfiguration: { DestinationBucketName: { Ref: 'LogBucket' }, LogFilePrefix: 'data-keys/' },
      PublicAccessBlockConfiguration: {
        ...{ BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
      },
    })
    expect(bucket?.DeletionPolicy).toBe(stage.keepsData ? 'RetainExceptOnCreate' : 'Delete')
  })

  test('are in no backup: there is none but that of the database', () => {
    const types = [data, service].flatMap(({ Resources }) => Object.values(Resources).map(({ Type }) => Type))
    expect(types.filter((type) => /Backup|Replication|AWS::FSx|AWS::DataSync/.test(type))).toEqual([])
  })

  test('are wrapped by a key that turns, for this stage and purpose alone', () => {
    expect(data.Resources.DocumentDataKey?.Properties.EnableKeyRotation).toBe(true)
    const [, use] = statements(data.Resources.DocumentDataKey?.Properties.KeyPolicy)
    expect(use).toMatchObject({
      sid: 'UseForDocuments',
      actions: ['kms:Decrypt', 'kms:GenerateDataKeyWithoutPlaintext'],
      conditions: stage.requiresEncryptionContext
        ? {
            StringEquals: {
              'kms:EncryptionContext:app': 'verified-wallets',
              'kms:EncryptionContext:stage': name,
              'kms:EncryptionContext:purpose': 'document',
            },
            'ForAllValues:StringEquals': {
              'kms:EncryptionContextKeys': ['app', 'stage', 'purpose', 'verification_id'],
            },
          }
        : undefined,
    })
  })
})
