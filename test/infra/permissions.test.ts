// What each function may do, exactly: one permission more or less in the templates fails here.
import { describe, expect, test } from 'vitest'
import { localStage, resourcesOf, type Statement, statements, synthesise, write } from './templates.ts'

const { data, service } = synthesise(localStage())

/** Permissions of a function besides its own logs: what for, which actions, on what. */
const table: Record<string, Record<string, { readonly actions: string[]; readonly resources: string[] }>> = {
  Intake: {
    ReadOwnDatabaseSecret: { actions: ['secretsmanager:GetSecretValue'], resources: ['<DatabaseIntakeSecret.Id>'] },
    InvokeAnnounce: { actions: ['lambda:InvokeFunction'], resources: ['<Announce.Arn>'] },
    PutDocuments: { actions: ['s3:PutObject'], resources: ['<DocumentBucket.Arn>/incoming/*'] },
    EncryptDocuments: { actions: ['kms:GenerateDataKey'], resources: ['<DocumentKey.Arn>'] },
  },
  Inspect: {
    GetDocuments: { actions: ['s3:GetObject'], resources: ['<DocumentBucket.Arn>/incoming/*'] },
    TellMissingDocuments: { actions: ['s3:ListBucket'], resources: ['<DocumentBucket.Arn>'] },
    DecryptDocuments: { actions: ['kms:Decrypt'], resources: ['<DocumentKey.Arn>'] },
    // It writes where it does not read.
    KeepCopies: { actions: ['s3:PutObject'], resources: ['<DocumentBucket.Arn>/kept/*'] },
    EncryptDocuments: { actions: ['kms:GenerateDataKey'], resources: ['<DocumentKey.Arn>'] },
    UnwrapDataKeys: { actions: ['kms:Decrypt'], resources: ['<DocumentDataKey.Arn>'] },
  },
  Verification: {
    ReadOwnDatabaseSecret: {
      actions: ['secretsmanager:GetSecretValue'],
      resources: ['<DatabaseVerificationSecret.Id>'],
    },
    InvokeInspect: { actions: ['lambda:InvokeFunction'], resources: ['<Inspect.Arn>'] },
    CompareDocuments: { actions: ['kms:GenerateMac'], resources: ['<DocumentMacKey.Arn>'] },
    // It makes data keys and can open none; it deletes documents and can read none.
    MakeDataKeys: { actions: ['kms:GenerateDataKeyWithoutPlaintext'], resources: ['<DocumentDataKey.Arn>'] },
    KeepDataKeys: {
      actions: ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
      resources: ['<DataKeyBucket.Arn>/keys/*'],
    },
    DeleteDocuments: {
      actions: ['s3:DeleteObject'],
      resources: ['<DocumentBucket.Arn>/incoming/*', '<DocumentBucket.Arn>/kept/*'],
    },
    ConsumeVerificationQueue: {
      actions: ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
      resources: ['<VerificationQueue.Arn>'],
    },
  },
  Wallet: {
    ReadOwnDatabaseSecret: { actions: ['secretsmanager:GetSecretValue'], resources: ['<DatabaseWalletSecret.Id>'] },
    ReadVault: { actions: ['secretsmanager:GetSecretValue'], resources: ['<VaultSecret.Id>'] },
    InvokeAnnounce: { actions: ['lambda:InvokeFunction'], resources: ['<Announce.Arn>'] },
  },
  Announce: {
    ReadOwnDatabaseSecret: { actions: ['secretsmanager:GetSecretValue'], resources: ['<DatabaseAnnounceSecret.Id>'] },
    DescribeVault: { actions: ['secretsmanager:DescribeSecret'], resources: ['<VaultSecret.Id>'] },
    RequeueDocuments: { actions: ['sqs:SendMessage'], resources: ['<VerificationQueue.Arn>'] },
  },
  Read: {
    ReadOwnDatabaseSecret: { actions: ['secretsmanager:GetSecretValue'], resources: ['<DatabaseReadSecret.Id>'] },
  },
  Erase: {
    ReadOwnDatabaseSecret: { actions: ['secretsmanager:GetSecretValue'], resources: ['<DatabaseEraseSecret.Id>'] },
    DeleteDocuments: {
      actions: ['s3:DeleteObject'],
      resources: ['<DocumentBucket.Arn>/incoming/*', '<DocumentBucket.Arn>/kept/*'],
    },
    DestroyDataKeys: { actions: ['s3:DeleteObject'], resources: ['<DataKeyBucket.Arn>/keys/*'] },
  },
  // Nothing at all: whoever parses strangers' tokens holds nothing that is worth taking.
  Authorize: {},
  Docs: {},
  Operate: {
    ReadOwnDatabaseSecret: { actions: ['secretsmanager:GetSecretValue'], resources: ['<DatabaseOperateSecret.Id>'] },
    // Ciphertext to it: the key's policy names another role.
    ReadVault: { actions: ['secretsmanager:GetSecretValue'], resources: ['<VaultSecret.Id>'] },
    DescribeVaultKey: { actions: ['kms:DescribeKey'], resources: ['<VaultKey.Arn>'] },
  },
  Migrate: {
    ReadAdminSecret: { actions: ['secretsmanager:GetSecretValue'], resources: ['<DatabaseAdminSecret.Id>'] },
    ReadRoleSecrets: {
      actions: ['secretsmanager:GetSecretValue'],
      resources: [
        '<DatabaseAnnounceSecret.Id>',
        '<DatabaseEraseSecret.Id>',
        '<DatabaseIntakeSecret.Id>',
        '<DatabaseOperateSecret.Id>',
        '<DatabaseReadSecret.Id>',
        '<DatabaseVerificationSecret.Id>',
        '<DatabaseWalletSecret.Id>',
      ],
    },
  },
  Provision: {
    FillVault: {
      actions: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue'],
      resources: ['<VaultSecret.Id>'],
    },
    DrawEntropy: { actions: ['kms:GenerateRandom'], resources: ['*'] },
  },
}

/** Resources that are a bare wildcard, each with its reason. */
const wildcards: Record<string, string> = {
  DrawEntropy: 'GenerateRandom belongs to no key: IAM knows no resource for it',
  WriteTraces: 'X-Ray has no resources of its own to name',
}

const functions = Object.fromEntries(
  Object.entries(service.Outputs)
    .filter(([name]) => name.endsWith('FunctionName'))
    .map(([name, output]) => [
      name.replace(/FunctionName$/, ''),
      write((output as { Value: unknown }).Value).slice(1, -1),
    ]),
)

/** Logical ids that CDK makes, as the table names them. */
function readable(text: string): string {
  return Object.entries(functions).reduce((result, [name, id]) => result.replace(`<${id}.Arn>`, `<${name}.Arn>`), text)
}

function roleOf(name: string): string {
  const role = service.Resources[functions[name] ?? '']?.Properties.Role
  return write(role, data).replace(/\.Arn>$/, '>')
}

function policiesOf(role: string): Statement[] {
  return resourcesOf(service, 'AWS::IAM::Policy')
    .filter(([, policy]) => (policy.Properties.Roles as unknown[]).some((name) => write(name, data) === role))
    .flatMap(([, policy]) => statements(policy.Properties.PolicyDocument, data))
}

describe('a function may do exactly', () => {
  test('what the table has a row for', () => {
    expect(Object.keys(functions).toSorted()).toEqual(Object.keys(table).toSorted())
  })

  test.each(Object.keys(table))('its part: %s', (name) => {
    const actual = policiesOf(roleOf(name))
    const logGroup = write(
      (service.Resources[functions[name] ?? '']?.Properties.LoggingConfig as { LogGroup: unknown } | undefined)
        ?.LogGroup,
    )
    const expected = {
      ...table[name],
      WriteOwnLogs: {
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.replace('>', '.Arn>')],
      },
      WriteTraces: { actions: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], resources: ['*'] },
    }
    expect(actual.map((statement) => statement.sid).toSorted()).toEqual(Object.keys(expected).toSorted())
    expect(
      Object.fromEntries(
        actual.map(({ sid, actions, resources }) => [
          sid,
          { actions: actions.toSorted(), resources: resources.map(readable).toSorted() },
        ]),
      ),
    ).toEqual(expected)
    // Those of the documents' key: test/infra/documents.test.ts.
    const unconditional = actual.filter(({ sid }) => !/^(En|De)cryptDocuments$/.test(sid))
    expect(unconditional.map(({ effect, conditions }) => ({ effect, conditions }))).toEqual(
      unconditional.map(() => ({ effect: 'Allow', conditions: undefined })),
    )
  })
})

test('each function has a role of its own', () => {
  const roles = Object.keys(functions).map(roleOf)
  expect(new Set(roles).size).toBe(roles.length)
})

test('the key of the vault names the roles that run: wallet and provision', () => {
  expect(roleOf('Wallet')).toBe('<WalletRole>')
  expect(roleOf('Provision')).toBe('<ProvisionRole>')
})

test('every policy of the templates belongs to a role of the table', () => {
  const roles = Object.keys(functions).map(roleOf)
  for (const [, policy] of resourcesOf(service, 'AWS::IAM::Policy')) {
    const names = (policy.Properties.Roles as unknown[]).map((name) => write(name, data))
    expect(names).toHaveLength(1)
    expect(roles).toContain(names[0])
  }
  expect(resourcesOf(data, 'AWS::IAM::Policy').map(([, { Properties }]) => Properties.Roles)).toEqual([
    [{ Ref: 'VaultImportRole' }],
  ])
})

test('who imports a root may fill the vault, and what the key allows: no more', () => {
  const policies = resourcesOf(data, 'AWS::IAM::Policy')
  expect(policies.flatMap(([, { Properties }]) => statements(Properties.PolicyDocument))).toEqual([
    {
      ...{ sid: 'FillVault', effect: 'Allow', principals: [], conditions: undefined },
      actions: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue'],
      resources: ['<VaultSecret.Id>'],
    },
  ])
})

test('no role has a managed policy, and none but those of the trigger and of the access log an inline one', () => {
  const roles = [data, service].flatMap((template) => resourcesOf(template, 'AWS::IAM::Role'))
  expect(roles.length).toBeGreaterThan(Object.keys(table).length)
  for (const [id, role] of roles) {
    expect(role.Properties, id).not.toHaveProperty('ManagedPolicyArns')
    expect(role.Properties, id).not.toHaveProperty('PermissionsBoundary')
  }
  const inline = roles.filter(([, role]) => role.Properties.Policies !== undefined)
  expect(inline.map(([id]) => id.replace(/Role.*/, '')).toSorted()).toEqual([
    'AWSCDKTriggerCustomResourceProviderCustomResourceProvider',
    'HttpAccessLog',
  ])
  const documents = inline.flatMap(([, { Properties }]) => Properties.Policies as { PolicyDocument: unknown }[])
  expect(documents.flatMap(({ PolicyDocument }) => statements(PolicyDocument))).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        effect: 'Allow',
        actions: ['lambda:InvokeFunction'],
        resources: [`<${functions.Migrate}.Arn>:*`],
      }),
      expect.objectContaining({ sid: 'WriteGatewayLogs', effect: 'Allow' }),
    ]),
  )
  for (const template of [data, service]) expect(resourcesOf(template, 'AWS::IAM::ManagedPolicy')).toEqual([])
})

test('a role is taken on by its service, that of importing by people; in local, to be tried, all by the account as well', () => {
  const account = 'arn:aws:iam::000000000000:root'
  for (const [id, role] of [data, service].flatMap((template) => resourcesOf(template, 'AWS::IAM::Role'))) {
    const principal = id.startsWith('HttpAccessLog') ? 'apigateway.amazonaws.com' : 'lambda.amazonaws.com'
    const trusted = id === 'VaultImportRole' ? [account] : [principal, account]
    expect(statements(role.Properties.AssumeRolePolicyDocument), id).toMatchObject(
      trusted.map((each) => ({ effect: 'Allow', actions: ['sts:AssumeRole'], principals: [each] })),
    )
  }
})

test('no statement says more than it names: no wildcard action, no wildcard resource but those with a reason', () => {
  const all = resourcesOf(service, 'AWS::IAM::Policy').flatMap(([, policy]) =>
    statements(policy.Properties.PolicyDocument, data),
  )
  for (const statement of all) {
    for (const action of statement.actions) expect(action, statement.sid).not.toContain('*')
    if (statement.resources.includes('*')) expect(Object.keys(wildcards)).toContain(statement.sid)
  }
})

test('who may invoke a function: the API its routes and the authorizer, the schedules announce and erase, each by its own ARN', () => {
  const permissions = resourcesOf(service, 'AWS::Lambda::Permission').map(([, { Properties }]) => ({
    function: readable(write(Properties.FunctionName)),
    principal: Properties.Principal,
    source: write(Properties.SourceArn).replace(/<[^>]+>/g, '#'),
  }))
  const api = { principal: 'apigateway.amazonaws.com' }
  const arn = 'arn:aws:execute-api:us-east-1:000000000000:#/#'
  expect(permissions.toSorted((a, b) => (a.source < b.source ? -1 : 1))).toEqual([
    { function: '<Announce.Arn>', principal: 'events.amazonaws.com', source: '#' },
    { function: '<Erase.Arn>', principal: 'events.amazonaws.com', source: '#' },
    { function: '<Erase.Arn>', ...api, source: `${arn}/DELETE/verify/*/document` },
    { function: '<Erase.Arn>', ...api, source: `${arn}/DELETE/verify/*/legal-hold` },
    { function: '<Read.Arn>', ...api, source: `${arn}/GET/addresses/*` },
    { function: '<Docs.Arn>', ...api, source: `${arn}/GET/api/docs` },
    { function: '<Read.Arn>', ...api, source: `${arn}/GET/health` },
    { function: '<Read.Arn>', ...api, source: `${arn}/GET/health/checks` },
    { function: '<Docs.Arn>', ...api, source: `${arn}/GET/openapi.json` },
    { function: '<Read.Arn>', ...api, source: `${arn}/GET/verify/*` },
    { function: '<Read.Arn>', ...api, source: `${arn}/GET/wallet/*` },
    { function: '<Intake.Arn>', ...api, source: `${arn}/POST/verify` },
    { function: '<Intake.Arn>', ...api, source: `${arn}/POST/verify/uploads` },
    { function: '<Intake.Arn>', ...api, source: `${arn}/POST/wallet/*` },
    { function: '<Erase.Arn>', ...api, source: `${arn}/PUT/verify/*/legal-hold` },
    { function: '<Authorize.Arn>', ...api, source: 'arn:aws:execute-api:us-east-1:000000000000:#/authorizers/#' },
  ])
})
