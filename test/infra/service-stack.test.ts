// What may be replaced: functions, their environment, and what calls them.
import { Template as Assertions } from 'aws-cdk-lib/assertions'
import { describe, expect, test } from 'vitest'
import { announceEnvironment } from '../../functions/announce/environment.ts'
import { authorizeEnvironment } from '../../functions/authorize/environment.ts'
import { docsEnvironment } from '../../functions/docs/environment.ts'
import { eraseEnvironment } from '../../functions/erase/environment.ts'
import { inspectEnvironment } from '../../functions/inspect/environment.ts'
import { keepDeadline } from '../../functions/inspect/handler.ts'
import { parserDeadlines } from '../../functions/inspect/parser-process.ts'
import { intakeEnvironment } from '../../functions/intake/environment.ts'
import { leaseSeconds } from '../../functions/intake/idempotency.ts'
import { migrateEnvironment } from '../../functions/migrate/environment.ts'
import { operateEnvironment } from '../../functions/operate/environment.ts'
import { provisionEnvironment } from '../../functions/provision/environment.ts'
import { readEnvironment } from '../../functions/read/environment.ts'
import { verificationEnvironment } from '../../functions/verification/environment.ts'
import { inspectDeadline } from '../../functions/verification/inspect-result.ts'
import { walletEnvironment } from '../../functions/wallet/environment.ts'
import { localStage, type Resource, resourcesOf, synthesise, write } from './templates.ts'

const stage = localStage({
  ...{ MAX_DOCUMENT_SIZE_MB: '7', KAFKA_BOOTSTRAP_SERVERS: 'one:1,two:2' },
  ...{ MAX_ATTEMPTS: '3', POST_LIMIT_CAPACITY: '20', POST_LIMIT_REFILL_PER_SECOND: '2.5' },
})
const { data, service } = synthesise(stage)
const assertions = Assertions.fromJSON(service)

function idOf(name: string): string {
  const output = service.Outputs[`${name}FunctionName`] as { Value: { Ref: string } }
  return output.Value.Ref
}

function functionOf(name: string): Resource {
  const resource = service.Resources[idOf(name)]
  if (resource === undefined) throw new Error(`expected a function ${name} in the template`)
  return resource
}

function environmentOf(name: string): Record<string, string> {
  const { Variables } = functionOf(name).Properties.Environment as { Variables: Record<string, unknown> }
  // Node's own, and the same for all.
  delete Variables.NODE_OPTIONS
  return Object.fromEntries(Object.entries(Variables).map(([key, value]) => [key, write(value, data)]))
}

const database = { DATABASE_HOST: '127.0.0.1', DATABASE_PORT: '15432', DATABASE_NAME: 'wallets', DATABASE_TLS: 'off' }
const kafka = { KAFKA_BOOTSTRAP_SERVERS: 'one:1,two:2', KAFKA_AUTHENTICATION: 'none' }
const userVerified = { ...kafka, USER_VERIFIED_TOPIC: 'user.verified' }
const vault = { VAULT_SECRET_ARN: '<VaultSecret.Id>', VAULT_KEY_ARN: '<VaultKey.Arn>' }

const expected = {
  Intake: {
    schema: intakeEnvironment,
    environment: {
      ...database,
      DATABASE_LOGIN: 'secret:<DatabaseIntakeSecret.Id>',
      STAGE: 'local',
      DOCUMENT_BUCKET: '<DocumentBucket>',
      MAX_DOCUMENT_SIZE_MB: '7',
      MAX_ATTEMPTS: '3',
      POST_LIMIT_CAPACITY: '20',
      POST_LIMIT_REFILL_PER_SECOND: '2.5',
      ANNOUNCE_FUNCTION: `<${idOf('Announce')}>`,
    },
    timeout: 20,
    memory: 512,
  },
  Inspect: {
    schema: inspectEnvironment,
    environment: {
      ...{ STAGE: 'local', DOCUMENT_BUCKET: '<DocumentBucket>' },
      DOCUMENT_DATA_KEY_ARN: '<DocumentDataKey.Arn>',
    },
    timeout: 13,
    memory: 1769,
  },
  Verification: {
    schema: verificationEnvironment,
    environment: {
      ...database,
      ...userVerified,
      DATABASE_LOGIN: 'secret:<DatabaseVerificationSecret.Id>',
      STAGE: 'local',
      INSPECT_FUNCTION: `<${idOf('Inspect')}>`,
      DOCUMENT_BUCKET: '<DocumentBucket>',
      DATA_KEY_BUCKET: '<DataKeyBucket>',
      DOCUMENT_DATA_KEY_ARN: '<DocumentDataKey.Arn>',
      DOCUMENT_MAC_KEY_ARN: '<DocumentMacKey.Arn>',
    },
    timeout: 30,
    memory: 256,
  },
  Wallet: {
    schema: walletEnvironment,
    environment: {
      ...database,
      ...vault,
      DATABASE_LOGIN: 'secret:<DatabaseWalletSecret.Id>',
      STAGE: 'local',
      BITCOIN_NETWORK: 'mainnet',
      ACCEPT_PUBLIC_MNEMONICS: 'true',
      ROOT_COMMITMENT: 'of-record',
      ANNOUNCE_FUNCTION: `<${idOf('Announce')}>`,
    },
    timeout: 60,
    memory: 1769,
  },
  Announce: {
    schema: announceEnvironment,
    environment: {
      ...database,
      ...userVerified,
      DATABASE_LOGIN: 'secret:<DatabaseAnnounceSecret.Id>',
      STAGE: 'local',
      WALLET_CREATED_TOPIC: 'wallet.created',
      VAULT_SECRET_ARN: '<VaultSecret.Id>',
      VERIFICATION_QUEUE_URL: '<VerificationQueue>',
      WALLET_OVERDUE_SECONDS: '600',
      // 20 times 180 s, after the delay: as long as the queue tries by itself.
      VERDICT_OVERDUE_SECONDS: '3603',
    },
    timeout: 50,
    memory: 256,
  },
  Read: {
    schema: readEnvironment,
    environment: { ...database, DATABASE_LOGIN: 'secret:<DatabaseReadSecret.Id>', STAGE: 'local' },
    timeout: 10,
    memory: 256,
  },
  Erase: {
    schema: eraseEnvironment,
    environment: {
      ...database,
      DATABASE_LOGIN: 'secret:<DatabaseEraseSecret.Id>',
      STAGE: 'local',
      DOCUMENT_BUCKET: '<DocumentBucket>',
      DATA_KEY_BUCKET: '<DataKeyBucket>',
      DOCUMENT_RETENTION_DAYS: '30',
    },
    timeout: 60,
    memory: 256,
  },
  Operate: {
    schema: operateEnvironment,
    environment: {
      ...database,
      ...vault,
      DATABASE_LOGIN: 'secret:<DatabaseOperateSecret.Id>',
      ROOT_COMMITMENT: 'of-record',
      ...kafka,
      USER_VERIFIED_TOPIC: 'user.verified',
      DEAD_LETTER_TOPIC: 'user.verified.dead-letter',
    },
    timeout: 60,
    memory: 512,
  },
  Docs: { schema: docsEnvironment, environment: {}, timeout: 10, memory: 256 },
  Authorize: {
    schema: authorizeEnvironment,
    environment: { STAGE: 'local', TOKENS: JSON.stringify(stage.tokens) },
    timeout: 10,
    memory: 512,
  },
  Migrate: {
    schema: migrateEnvironment,
    environment: {
      ...database,
      DATABASE_LOGIN: 'secret:<DatabaseAdminSecret.Id>',
      DATABASE_ROLE_SECRETS: JSON.stringify({
        app_intake: '<DatabaseIntakeSecret.Id>',
        app_verification: '<DatabaseVerificationSecret.Id>',
        app_wallet: '<DatabaseWalletSecret.Id>',
        app_announce: '<DatabaseAnnounceSecret.Id>',
        app_read: '<DatabaseReadSecret.Id>',
        app_erase: '<DatabaseEraseSecret.Id>',
        app_operate: '<DatabaseOperateSecret.Id>',
      }),
    },
    timeout: 300,
    memory: 256,
  },
  Provision: { schema: provisionEnvironment, environment: { ...vault, STAGE: 'local' }, timeout: 30, memory: 256 },
}

const names = Object.keys(expected) as (keyof typeof expected)[]

describe.each(names)('the function %s', (name) => {
  const { schema, environment, timeout, memory } = expected[name]

  test('is told exactly what its schema asks for', () => {
    expect(environmentOf(name)).toEqual(environment)
    expect(Object.keys(environment).toSorted()).toEqual(Object.keys(schema.shape).toSorted())
    expect(schema.safeParse(environmentOf(name)).error).toBeUndefined()
  })

  test('runs on Node 24, on the CPU of its stage, within its bounds', () => {
    expect(functionOf(name).Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Handler: 'main.handler',
      Architectures: [stage.architecture],
      Timeout: timeout,
      MemorySize: memory,
    })
  })

  test('logs into a group of its own that forgets', () => {
    const { LogGroup } = functionOf(name).Properties.LoggingConfig as { LogGroup: { Ref: string } }
    expect(service.Resources[LogGroup.Ref]).toMatchObject({
      Type: 'AWS::Logs::LogGroup',
      Properties: { RetentionInDays: 30 },
    })
    const users = resourcesOf(service, 'AWS::Lambda::Function').filter(
      ([, other]) =>
        (other.Properties.LoggingConfig as { LogGroup: { Ref: string } } | undefined)?.LogGroup.Ref === LogGroup.Ref,
    )
    expect(users.map(([id]) => id)).toEqual([idOf(name)])
  })

  test('is made after the policy that it needs', () => {
    const policies = resourcesOf(service, 'AWS::IAM::Policy')
      .filter(([, policy]) =>
        (policy.Properties.Roles as unknown[]).some(
          (role) => write(role, data) === write(functionOf(name).Properties.Role, data).replace(/\.Arn>$/, '>'),
        ),
      )
      .map(([id]) => id)
    expect(policies).toHaveLength(1)
    expect(functionOf(name).DependsOn).toEqual(expect.arrayContaining(policies))
  })
})

test('architecture follows the stage', () => {
  const { service } = synthesise({ ...stage, architecture: stage.architecture === 'arm64' ? 'x86_64' : 'arm64' })
  const architectures = resourcesOf(service, 'AWS::Lambda::Function')
    .map(([, { Properties }]) => Properties.Architectures)
    .filter((value) => value !== undefined)
  expect(architectures).toEqual(Array(names.length).fill([stage.architecture === 'arm64' ? 'x86_64' : 'arm64']))
})

test('publicly known mnemonics are refused where the stage says so', () => {
  const { service } = synthesise({ ...stage, acceptsPublicMnemonics: false })
  Assertions.fromJSON(service).hasResourceProperties('AWS::Lambda::Function', {
    Environment: { Variables: { ACCEPT_PUBLIC_MNEMONICS: 'false' } },
  })
})

test('the Bitcoin network follows the stage', () => {
  const { service } = synthesise({ ...stage, bitcoinNetwork: 'testnet' })
  Assertions.fromJSON(service).hasResourceProperties('AWS::Lambda::Function', {
    Environment: { Variables: { BITCOIN_NETWORK: 'testnet' } },
  })
})

test('verification takes batches from the queue, some at once, and reports the items that failed', () => {
  assertions.resourceCountIs('AWS::Lambda::EventSourceMapping', 1)
  const [, mapping] = resourcesOf(service, 'AWS::Lambda::EventSourceMapping')[0] ?? []
  expect(write(mapping?.Properties.EventSourceArn, data)).toBe('<VerificationQueue.Arn>')
  expect(mapping?.Properties).toMatchObject({
    FunctionName: { Ref: idOf('Verification') },
    BatchSize: stage.verificationBatchSize,
    ScalingConfig: { MaximumConcurrency: stage.verificationMaximumConcurrency },
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  })
  // AWS's advice: a message stays hidden for six timeouts of its consumer.
  const { VisibilityTimeout } = data.Resources.VerificationQueue?.Properties ?? {}
  expect(VisibilityTimeout).toBe(6 * Number(functionOf('Verification').Properties.Timeout))
})

test('a parser is killed before inspect is, that before it is given up, and both twice before verification is', () => {
  const timeoutOf = (name: string) => 1000 * Number(functionOf(name).Properties.Timeout)
  expect(parserDeadlines.waiting).toBeLessThan(parserDeadlines.answered)
  expect(parserDeadlines.answered).toBeLessThan(keepDeadline)
  expect(keepDeadline).toBeLessThan(timeoutOf('Inspect'))
  expect(timeoutOf('Inspect')).toBeLessThan(inspectDeadline)
  expect(2 * inspectDeadline).toBeLessThan(timeoutOf('Verification'))
})

test('announce is called each minute, and nothing that failed is called again', () => {
  assertions.hasResourceProperties('AWS::Events::Rule', {
    ScheduleExpression: 'rate(1 minute)',
    State: 'ENABLED',
    Targets: [
      {
        Arn: { 'Fn::GetAtt': [idOf('Announce'), 'Arn'] },
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
      },
    ],
  })
  assertions.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
    FunctionName: { Ref: idOf('Announce') },
    MaximumRetryAttempts: 0,
    MaximumEventAgeInSeconds: 60,
  })
})

describe('migrations', () => {
  test('run when their function changes, before every function that uses the schema', () => {
    const [[trigger, resource]] = resourcesOf(service, 'Custom::Trigger') as [[string, Resource]]
    const version = (resource.Properties.HandlerArn as { Ref: string }).Ref
    expect(service.Resources[version]).toMatchObject({
      Type: 'AWS::Lambda::Version',
      Properties: { FunctionName: { Ref: idOf('Migrate') } },
    })
    expect(resource.Properties).toMatchObject({ InvocationType: 'RequestResponse', Timeout: '300000' })
    const after = resourcesOf(service, 'AWS::Lambda::Function')
      .filter(([, { DependsOn }]) => DependsOn?.includes(trigger))
      .map(([id]) => id)
    expect(after.toSorted()).toEqual(
      ['Announce', 'Erase', 'Intake', 'Operate', 'Read', 'Verification', 'Wallet'].map(idOf).toSorted(),
    )
  })
})

describe('the API', () => {
  const routes = () => {
    const parents = Object.fromEntries(
      resourcesOf(service, 'AWS::ApiGateway::Resource').map(([id, { Properties }]) => [id, Properties]),
    )
    const pathOf = (reference: unknown): string => {
      const { Ref } = reference as { Ref?: string }
      const parent = Ref === undefined ? undefined : parents[Ref]
      return parent === undefined ? '' : `${pathOf(parent.ParentId)}/${parent.PathPart}`
    }
    return resourcesOf(service, 'AWS::ApiGateway::Method').map(([, { Properties }]) => {
      const { Type, Uri } = Properties.Integration as { Type: string; Uri: unknown }
      const target = names.find((name) => write(Uri).includes(`<${idOf(name)}.Arn>`))
      return `${Properties.HttpMethod} ${pathOf(Properties.ResourceId)} ${Type} ${target} ${Properties.AuthorizationType}`
    })
  }

  test('has these routes and no other', () => {
    expect(routes().toSorted()).toEqual([
      'DELETE /verify/{verification_id}/document AWS_PROXY Erase CUSTOM',
      'DELETE /verify/{verification_id}/legal-hold AWS_PROXY Erase CUSTOM',
      'GET /addresses/{address} AWS_PROXY Read CUSTOM',
      'GET /api/docs AWS_PROXY Docs NONE',
      'GET /health AWS_PROXY Read NONE',
      'GET /health/checks AWS_PROXY Read CUSTOM',
      'GET /openapi.json AWS_PROXY Docs NONE',
      'GET /verify/{verification_id} AWS_PROXY Read CUSTOM',
      'GET /wallet/{user_id} AWS_PROXY Read CUSTOM',
      'POST /verify AWS_PROXY Intake CUSTOM',
      'POST /verify/uploads AWS_PROXY Intake CUSTOM',
      'POST /wallet/{user_id} AWS_PROXY Intake CUSTOM',
      'PUT /verify/{verification_id}/legal-hold AWS_PROXY Erase CUSTOM',
    ])
  })

  test('has one authorizer: of the header Authorization, kept for 300 seconds', () => {
    const authorizers = resourcesOf(service, 'AWS::ApiGateway::Authorizer')
    expect(authorizers).toHaveLength(1)
    const [id, { Properties }] = authorizers[0] as [string, Resource]
    expect(Properties).toMatchObject({
      Type: 'TOKEN',
      IdentitySource: 'method.request.header.Authorization',
      AuthorizerResultTtlInSeconds: 300,
    })
    expect(JSON.stringify(Properties.AuthorizerUri)).toContain(JSON.stringify([idOf('Authorize'), 'Arn']))
    const guards = resourcesOf(service, 'AWS::ApiGateway::Method')
      .filter(([, method]) => method.Properties.AuthorizationType !== 'NONE')
      .map(([, method]) => method.Properties.AuthorizerId)
    expect(new Set(guards.map((guard) => write(guard)))).toEqual(new Set([`<${id}>`]))
  })

  test.each([
    ['Bearer a.b-c_d.e', true],
    ['bearer a.b.c', true],
    ['BEARER  a.b.c', true],
    ['Bearer a.b', false],
    ['Bearer a.b.c.d', false],
    ['Bearer a.b.c ', false],
    ['Bearer a+b.c.d', false],
    ['Basic a.b.c', false],
    ['a.b.c', false],
    ['', false],
  ])('asks the authorizer about %j: %s', (header, asks) => {
    const [[, { Properties }]] = resourcesOf(service, 'AWS::ApiGateway::Authorizer') as [[string, Resource]]
    expect(new RegExp(String(Properties.IdentityValidationExpression)).test(header)).toBe(asks)
  })

  test('is bounded by the gateway, method by method, for all callers together', () => {
    const { service: bounded } = synthesise({
      ...stage,
      gatewayLimits: {
        post: { requestsPerSecond: 50, burst: 100 },
        others: { requestsPerSecond: 200, burst: 400 },
      },
    })
    const [, deployed] = resourcesOf(bounded, 'AWS::ApiGateway::Stage')[0] ?? []
    const post = { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100, HttpMethod: 'POST', DataTraceEnabled: false }
    expect(deployed?.Properties.MethodSettings).toEqual([
      {
        ...{ HttpMethod: '*', ResourcePath: '/*', DataTraceEnabled: false },
        ...{ ThrottlingRateLimit: 200, ThrottlingBurstLimit: 400 },
      },
      { ...post, ResourcePath: '/~1verify' },
      { ...post, ResourcePath: '/~1verify~1uploads' },
      { ...post, ResourcePath: '/~1wallet~1{user_id}' },
    ])
    // Every POST has a row of its own there.
    const posts = routes().filter((route) => route.startsWith('POST '))
    expect(posts).toHaveLength(3)
  })

  test('intake ends before the lease of a key does: two never work on one request', () => {
    expect(expected.Intake.timeout).toBeLessThan(leaseSeconds)
  })

  test('is regional', () => {
    assertions.hasResourceProperties('AWS::ApiGateway::RestApi', { EndpointConfiguration: { Types: ['REGIONAL'] } })
  })

  test.each([
    ['MISSING_AUTHENTICATION_TOKEN', 404, 'route_not_found', undefined],
    ['RESOURCE_NOT_FOUND', 404, 'route_not_found', undefined],
    ['UNAUTHORIZED', 401, 'unauthorized', undefined],
    ['INVALID_SIGNATURE', 401, 'unauthorized', undefined],
    ['EXPIRED_TOKEN', 401, 'unauthorized', undefined],
    ['ACCESS_DENIED', 403, 'forbidden', undefined],
    ['WAF_FILTERED', 403, 'blocked', undefined],
    ['AUTHORIZER_FAILURE', 503, 'unavailable', "'5'"],
    ['AUTHORIZER_CONFIGURATION_ERROR', 500, 'internal', undefined],
    ['REQUEST_TOO_LARGE', 413, 'too_large', undefined],
    ['THROTTLED', 429, 'too_many_requests', "'1'"],
    ['INTEGRATION_TIMEOUT', 503, 'unavailable', "'5'"],
    ['INTEGRATION_FAILURE', 503, 'unavailable', "'5'"],
    ['DEFAULT_4XX', 400, 'bad_request', undefined],
    ['DEFAULT_5XX', 500, 'internal', undefined],
  ])('answers %s itself as a problem: %i %s', (type, status, code, retryAfter) => {
    const [, response] =
      resourcesOf(service, 'AWS::ApiGateway::GatewayResponse').find(
        ([, { Properties }]) => Properties.ResponseType === type,
      ) ?? []
    expect(response?.Properties.StatusCode).toBe(String(status))
    const headers = response?.Properties.ResponseParameters as Record<string, string>
    expect(headers['gatewayresponse.header.Content-Type']).toBe("'application/problem+json'")
    expect(headers['gatewayresponse.header.Cache-Control']).toBe("'no-store'")
    expect(headers['gatewayresponse.header.X-Request-ID']).toBe('context.requestId')
    expect(headers['gatewayresponse.header.Retry-After']).toBe(retryAfter)
    expect(headers['gatewayresponse.header.WWW-Authenticate']).toBe(status === 401 ? "'Bearer'" : undefined)
    const templates = response?.Properties.ResponseTemplates as Record<string, string>
    expect(JSON.parse(templates['application/json'] ?? '')).toEqual({
      type: `urn:verified-wallets:problem:${code}`,
      title: expect.stringMatching(/./),
      status,
      detail: expect.stringMatching(/./),
      code,
      request_id: '$context.requestId',
    })
  })
})

test('no Kafka mapping where Kafka is external: the local trigger stands in', () => {
  const sources = resourcesOf(service, 'AWS::Lambda::EventSourceMapping').map(([, { Properties }]) => Properties)
  expect(sources.filter((source) => 'Topics' in source || 'SelfManagedEventSource' in source)).toEqual([])
})

test('the authorizer is told to let nobody in where the stage names no issuer', () => {
  const { service } = synthesise({ ...stage, tokens: undefined })
  Assertions.fromJSON(service).hasResourceProperties('AWS::Lambda::Function', {
    Environment: { Variables: { TOKENS: 'null' } },
  })
})

test('the authorizer is in no network of ours', () => {
  expect(functionOf('Authorize').Properties).not.toHaveProperty('VpcConfig')
})
