// The trail, and the rules on it: which calls wake a person, tried on events as CloudTrail writes them.
import { describe, expect, test } from 'vitest'
import { readSettings } from '../../lib/settings.ts'
import { findStage } from '../../lib/stage-table.ts'
import { matchesPattern } from '../support/event-pattern.ts'
import { resourcesOf, statements, synthesise, type Template, write } from './templates.ts'

const stages = Object.fromEntries(
  (['local', 'dev', 'prod'] as const).map((name) => [name, synthesise(findStage(name, readSettings({})))]),
)
const { data, service } = stages.prod as { data: Template; service: Template }

/** A value of the template with every reference as text. */
function settle(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settle)
  if (typeof value !== 'object' || value === null) return value
  if (/^(Ref|Fn::.*)$/.test(Object.keys(value)[0] ?? '')) return write(value, data)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, settle(each)]))
}

const rules = resourcesOf(service, 'AWS::Events::Rule')
  .map(([, { Properties }]) => Properties)
  .filter(({ EventPattern }) => EventPattern !== undefined)
const patterns = rules.map(({ Name, EventPattern }) => ({
  name: String(Name).replace('verified-wallets-prod-', ''),
  pattern: settle(EventPattern) as Record<string, unknown>,
}))

const key = '<VaultKey.Arn>'
const walletRole = '<WalletRole.Arn>'
const deployer = { type: 'AssumedRole', arn: 'arn:deploy', invokedBy: 'cloudformation.amazonaws.com' }
const asRole = (arn: string) => ({
  type: 'AssumedRole',
  arn: `${arn}/session`,
  sessionContext: { sessionIssuer: { arn } },
})
const person = { type: 'IAMUser', arn: 'arn:aws:iam::111122223333:user/mallory' }

const functionName = write((service.Outputs.WalletFunctionName as { Value: unknown }).Value)

type Detail = Parameters<typeof matchesPattern>[1]
const event = (source: string, eventName: string, detail: Detail): Detail => ({
  source: `aws.${source}`,
  'detail-type': 'AWS API Call via CloudTrail',
  detail: { eventSource: `${source}.amazonaws.com`, eventName, ...detail },
})
const ring = (happened: Detail) =>
  patterns.filter(({ pattern }) => matchesPattern(pattern, happened)).map(({ name }) => name)

const ofKey = { resources: [{ ARN: 'arn:aws:kms:us-east-1:111122223333:key/another' }, { ARN: key }] }
const refused = (arn: string) => ({
  errorCode: 'AccessDenied',
  errorMessage: `User: arn is not authorized to perform: kms:Decrypt on resource: ${arn} with an explicit deny`,
  requestParameters: null,
})

describe('the use of the key', () => {
  test.each([
    ['another role', { ...ofKey, userIdentity: asRole('arn:aws:iam::111122223333:role/other') }],
    ['a person', { ...ofKey, userIdentity: person }],
    ['the account itself', { ...ofKey, userIdentity: { type: 'Root', arn: 'arn:aws:iam::111122223333:root' } }],
    ['whoever is refused, with the key in the message alone', { ...refused(key), userIdentity: person }],
  ] satisfies [string, Detail][])('by %s rings', (_who, detail) => {
    expect(ring(event('kms', 'Decrypt', detail))).toEqual(['vault-key-used'])
    expect(ring(event('kms', 'ReEncrypt', detail))).toEqual(['vault-key-used'])
  })

  test.each([
    ['by the wallet function', 'Decrypt', { ...ofKey, userIdentity: asRole(walletRole) }],
    ['of another key', 'Decrypt', { resources: [{ ARN: 'arn:another' }], userIdentity: person }],
    ['of another key, refused', 'Decrypt', { ...refused('arn:another'), userIdentity: person }],
    ['to look at it', 'DescribeKey', { ...ofKey, userIdentity: person }],
  ] satisfies [string, string, Detail][])('%s does not', (_what, call, detail) => {
    expect(ring(event('kms', call, detail))).toEqual([])
  })
})

describe('a change', () => {
  const vaultKey = { ...ofKey, userIdentity: person }
  const byKeyId = { requestParameters: { keyId: '<VaultKey>' }, userIdentity: person }
  const wallet = { requestParameters: { functionName }, userIdentity: person }
  const role = { requestParameters: { roleName: '<WalletRole>' }, userIdentity: person }
  const secret = { requestParameters: { secretId: '<VaultSecret.Id>' }, userIdentity: person }
  const trail = { requestParameters: { name: 'verified-wallets-prod' }, userIdentity: person }

  test.each([
    ['kms', 'PutKeyPolicy', vaultKey, 'vault-key-changed'],
    ['kms', 'CreateGrant', byKeyId, 'vault-key-changed'],
    ['kms', 'ScheduleKeyDeletion', byKeyId, 'vault-key-changed'],
    ['kms', 'DisableKey', vaultKey, 'vault-key-changed'],
    ['kms', 'PutKeyPolicy', { ...vaultKey, userIdentity: deployer }, 'vault-key-changed'],
    ['secretsmanager', 'PutSecretValue', secret, 'vault-secret-changed'],
    [
      'secretsmanager',
      'DeleteSecret',
      { ...secret, requestParameters: { secretId: 'VaultSecret-a1B2' } },
      'vault-secret-changed',
    ],
    ['lambda', 'UpdateFunctionCode20150331v2', wallet, 'wallet-function-changed'],
    ['lambda', 'UpdateFunctionConfiguration20150331v2', wallet, 'wallet-function-changed'],
    [
      'lambda',
      'CreateFunction20150331',
      { requestParameters: { role: walletRole }, userIdentity: person },
      'wallet-function-changed',
    ],
    ['iam', 'UpdateAssumeRolePolicy', role, 'wallet-role-changed'],
    ['iam', 'AttachRolePolicy', role, 'wallet-role-changed'],
    ['cloudtrail', 'StopLogging', trail, 'audit-trail-changed'],
    [
      'cloudtrail',
      'PutEventSelectors',
      { ...trail, requestParameters: { trailName: 'verified-wallets-prod' } },
      'audit-trail-changed',
    ],
  ] satisfies [string, string, Detail, string][])('%s %s rings', (source, call, detail, name) => {
    expect(ring(event(source, call, detail))).toEqual([name])
  })

  test.each([
    ['lambda', 'UpdateFunctionCode20150331v2', { ...wallet, userIdentity: deployer }],
    ['iam', 'PutRolePolicy', { ...role, userIdentity: deployer }],
    ['cloudtrail', 'UpdateTrail', { ...trail, userIdentity: deployer }],
    ['lambda', 'UpdateFunctionCode20150331v2', { ...wallet, requestParameters: { functionName: 'another' } }],
    ['iam', 'AttachRolePolicy', { ...role, requestParameters: { roleName: 'another' } }],
    ['secretsmanager', 'PutSecretValue', { ...secret, requestParameters: { secretId: 'another' } }],
  ] satisfies [string, string, Detail][])('%s %s by a deploy, or of another, does not', (source, call, detail) => {
    expect(ring(event(source, call, detail))).toEqual([])
  })
})

test('every rule hears of reading calls too, and tells who did what', () => {
  expect(patterns.map(({ name }) => name).toSorted()).toEqual([
    ...['audit-trail-changed', 'vault-key-changed', 'vault-key-used', 'vault-secret-changed'],
    ...['wallet-function-changed', 'wallet-role-changed'],
  ])
  for (const { State, Targets } of rules) {
    expect(State).toBe('ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS')
    const [target] = Targets as { InputTransformer: { InputPathsMap: Record<string, string>; InputTemplate: string } }[]
    const { InputPathsMap, InputTemplate } = target?.InputTransformer ?? { InputPathsMap: {}, InputTemplate: '' }
    expect(JSON.parse(InputTemplate)).toMatch(
      /^verified-wallets-prod-[a-z-]+: <call> by <who> at <time>, event <id> <error>\. /,
    )
    expect(Object.keys(InputPathsMap).toSorted()).toEqual(['call', 'error', 'id', 'time', 'who'])
  }
})

describe.each(['dev', 'prod'])('the trail of %s', (stage) => {
  const template = stages[stage]?.data as Template

  test('logs all management events of all regions, of KMS too, with digests', () => {
    const trails = resourcesOf(template, 'AWS::CloudTrail::Trail')
    expect(trails.map(([id]) => id)).toEqual(['AuditTrail'])
    expect(trails[0]?.[1].Properties).toMatchObject({
      ...{ TrailName: `verified-wallets-${stage}`, S3BucketName: { Ref: 'AuditBucket' }, IsLogging: true },
      ...{ IsMultiRegionTrail: true, IncludeGlobalServiceEvents: true, EnableLogFileValidation: true },
      // Reading calls and KMS too, since nothing is left out: else they would be missing in EventBridge as well.
      AdvancedEventSelectors: [
        { FieldSelectors: [{ Field: 'eventCategory', Equals: ['Management'] }] },
        {
          FieldSelectors: [
            { Field: 'eventCategory', Equals: ['Data'] },
            { Field: 'resources.type', Equals: ['AWS::Lambda::Function'] },
            {
              Field: 'resources.ARN',
              Equals: [`arn:aws:lambda:us-east-1:111122223333:function:verified-wallets-${stage}-operate`],
            },
          ],
        },
      ],
    })
    // CloudTrail takes the one or the other.
    expect(trails[0]?.[1].Properties).not.toHaveProperty('EventSelectors')
  })

  test('lies in a bucket that is private, encrypted, forgets in time, and outlives the stage', () => {
    const bucket = template.Resources.AuditBucket
    expect(bucket).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' })
    expect(bucket?.Properties).toMatchObject({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: {
        ...{ BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
      },
      VersioningConfiguration: { Status: 'Enabled' },
      LifecycleConfiguration: { Rules: [{ ExpirationInDays: stage === 'prod' ? 730 : 90, Status: 'Enabled' }] },
    })
    expect(bucket?.Properties.ObjectLockConfiguration).toEqual(
      stage === 'prod'
        ? { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Days: 730, Mode: 'GOVERNANCE' } } }
        : undefined,
    )
  })

  test('is written by CloudTrail for this trail alone, and over TLS', () => {
    const policy = resourcesOf(template, 'AWS::S3::BucketPolicy').find(
      ([, { Properties }]) => write(Properties.Bucket) === '<AuditBucket>',
    )
    const [first, second, ...others] = statements(policy?.[1].Properties.PolicyDocument)
    expect(first).toMatchObject({ effect: 'Deny', conditions: { Bool: { 'aws:SecureTransport': 'false' } } })
    expect(second).toMatchObject({
      ...{ effect: 'Deny', principals: ['cloudtrail.amazonaws.com'], actions: ['s3:GetBucketAcl', 's3:PutObject'] },
      conditions: {
        StringNotEquals: {
          'aws:SourceArn': expect.stringMatching(/^arn:aws:cloudtrail:us-east-1:111122223333:trail\/verified-wallets-/),
        },
      },
    })
    expect(others.map(({ principals, actions }) => [principals, actions])).toEqual([
      [['cloudtrail.amazonaws.com'], ['s3:GetBucketAcl']],
      [['cloudtrail.amazonaws.com'], ['s3:PutObject']],
    ])
  })
})

test('local has none of it: the emulator has no CloudTrail', () => {
  expect(resourcesOf(stages.local?.data as Template, 'AWS::CloudTrail::Trail')).toEqual([])
  expect(
    resourcesOf(stages.local?.service as Template, 'AWS::Events::Rule').filter(
      ([, { Properties }]) => Properties.EventPattern,
    ),
  ).toEqual([])
})
