// What stands around the API where a stage is deployed: access log, firewall, TLS, a domain of our own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { accessLogFields } from '../../lib/access-log.ts'
import { readSettings } from '../../lib/settings.ts'
import type { Stage } from '../../lib/stage.ts'
import { findStage } from '../../lib/stage-table.ts'
import { type Resource, resourcesOf, statements, synthesise, type Template, write } from './templates.ts'

const stageOf = (name: string) => findStage(name, readSettings({}))
const prod = stageOf('prod')
const templates: Record<string, Template> = Object.fromEntries(
  ['local', 'dev', 'prod'].map((name) => [name, synthesise(stageOf(name)).service]),
)
const serviceOf = (name: string) => templates[name] as Template

const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The properties of the only resource of that type. */
function onlyOf(template: Template, type: string): Resource['Properties'] {
  const found = resourcesOf(template, type)
  expect(found.map(([id]) => id)).toHaveLength(1)
  return (found[0] as [string, Resource])[1].Properties
}

describe.each(['local', 'dev', 'prod'])('the access log of %s', (name) => {
  const service = serviceOf(name)
  const [stageId, stage] = resourcesOf(service, 'AWS::ApiGateway::Stage')[0] as [string, Resource]
  const { Format, DestinationArn } = stage.Properties.AccessLogSetting as { Format: string; DestinationArn: unknown }

  test('is a line of JSON, whatever is put into it', () => {
    const filled = Format.replaceAll(/\$context\.[a-zA-Z.]+/g, '-')
    expect(Object.keys(JSON.parse(filled))).toEqual(Object.keys(accessLogFields))
    expect(Object.values(JSON.parse(filled)).every((value) => value === '-')).toBe(true)
  })

  test('tells what was asked for and how it went, never by whom nor of whom', () => {
    const told = [...Format.matchAll(/\$context\.([a-zA-Z.]+)/g)].map(([, variable]) => variable)
    expect(told).toEqual([
      ...['requestId', 'extendedRequestId', 'requestTimeEpoch', 'httpMethod', 'resourcePath', 'status'],
      ...['responseLatency', 'integrationLatency', 'integrationStatus', 'responseLength', 'error.responseType'],
      ...['authorizer.status', 'authorizer.latency', 'wafResponseCode', 'waf.status', 'tlsVersion'],
    ])
  })

  test('has a group that forgets, and waits for the role that API Gateway logs with', () => {
    const group = /<([^>]+)>$/.exec(write(DestinationArn))?.[1] ?? ''
    expect(service.Resources[group]).toMatchObject({
      Type: 'AWS::Logs::LogGroup',
      Properties: { RetentionInDays: stageOf(name).logRetentionDays },
    })
    const [[account, { Properties, DeletionPolicy }]] = resourcesOf(service, 'AWS::ApiGateway::Account') as [
      [string, Resource],
    ]
    expect(service.Resources[stageId]?.DependsOn).toContain(account)
    expect(DeletionPolicy).toBe('Retain')
    const role = service.Resources[write(Properties.CloudWatchRoleArn).slice(1, -'.Arn>'.length)]
    expect(role?.DeletionPolicy).toBe('Retain')
    const policies = (role?.Properties.Policies ?? []) as { PolicyDocument: unknown }[]
    expect(policies.flatMap(({ PolicyDocument }) => statements(PolicyDocument))).toMatchObject([
      { sid: 'WriteGatewayLogs', effect: 'Allow' },
    ])
  })

  test('stands alone: neither execution logs nor traces of the gateway, which hold paths', () => {
    expect(stage.Properties.TracingEnabled).toBe(false)
    for (const setting of stage.Properties.MethodSettings as Record<string, unknown>[]) {
      expect(setting).not.toHaveProperty('LoggingLevel')
      expect(setting.DataTraceEnabled).toBe(false)
    }
  })
})

type Rule = {
  readonly Name: string
  readonly Action?: unknown
  readonly Priority: number
  readonly Statement: Record<string, never>
}

describe.each(['dev', 'prod'])('the firewall of %s', (name) => {
  const service = serviceOf(name)
  const rules = onlyOf(service, 'AWS::WAFv2::WebACL').Rules as Rule[]
  const ruleOf = (rule: string) => rules.find(({ Name }) => Name === rule) as Rule

  test('stands before the stage of the API', () => {
    const { ResourceArn, WebACLArn } = onlyOf(service, 'AWS::WAFv2::WebACLAssociation')
    const [[api]] = resourcesOf(service, 'AWS::ApiGateway::RestApi') as [[string, Resource]]
    const [[stage]] = resourcesOf(service, 'AWS::ApiGateway::Stage') as [[string, Resource]]
    expect(write(ResourceArn)).toBe(`arn:aws:apigateway:us-east-1::/restapis/<${api}>/stages/<${stage}>`)
    expect(write(WebACLArn)).toMatch(/^<HttpFirewall.*\.Arn>$/)
  })

  test('asks in this order', () => {
    expect(rules.toSorted((a, b) => a.Priority - b.Priority).map(({ Name }) => Name)).toEqual([
      'limit-of-an-address',
      'AWSManagedRulesAmazonIpReputationList',
      'AWSManagedRulesKnownBadInputsRuleSet',
      'AWSManagedRulesCommonRuleSet',
      'bodies-of-other-routes',
    ])
  })

  test('limits an address to a part of what the gateway lets through', () => {
    expect(ruleOf('limit-of-an-address')).toMatchObject({
      Action: { Block: {} },
      Statement: { RateBasedStatement: { AggregateKeyType: 'IP', EvaluationWindowSec: 300 } },
    })
    const { Limit } = (ruleOf('limit-of-an-address').Statement as { RateBasedStatement?: { Limit: number } })
      .RateBasedStatement as { Limit: number }
    const { post, others } = stageOf(name).gatewayLimits
    expect(Limit).toBeLessThanOrEqual(((post.requestsPerSecond + others.requestsPerSecond) * 300) / 4)
  })

  test('counts what documents run into, and refuses it on every other route', () => {
    const counted = rules.flatMap(({ Statement }) => {
      const { ManagedRuleGroupStatement: group } = Statement as {
        ManagedRuleGroupStatement?: { RuleActionOverrides?: { Name: string; ActionToUse: unknown }[] }
      }
      return (group?.RuleActionOverrides ?? []).map(({ Name, ActionToUse }) => [Name, ActionToUse])
    })
    expect(counted).toEqual([
      ['JavaDeserializationRCE_BODY', { Count: {} }],
      ['SizeRestrictions_BODY', { Count: {} }],
      ['CrossSiteScripting_BODY', { Count: {} }],
    ])
    const label = (Key: string) => ({ LabelMatchStatement: { Scope: 'LABEL', Key } })
    const match = (FieldToMatch: unknown, RegexString: string) => ({
      RegexMatchStatement: { FieldToMatch, RegexString, TextTransformations: [{ Priority: 0, Type: 'NONE' }] },
    })
    const documents = [match({ Method: {} }, '^POST$'), match({ UriPath: {} }, `^(/${name})?/verify$`)]
    expect(ruleOf('bodies-of-other-routes')).toMatchObject({
      Action: { Block: {} },
      Statement: {
        AndStatement: {
          Statements: [
            {
              OrStatement: {
                Statements: [
                  label('awswaf:managed:aws:core-rule-set:SizeRestrictions_Body'),
                  label('awswaf:managed:aws:core-rule-set:CrossSiteScripting_Body'),
                  label('awswaf:managed:aws:known-bad-inputs:JavaDeserializationRCE_Body'),
                ],
              },
            },
            { NotStatement: { Statement: { AndStatement: { Statements: documents } } } },
          ],
        },
      },
    })
  })

  test('counts each rule, and keeps no sample of a request', () => {
    const { VisibilityConfig } = onlyOf(service, 'AWS::WAFv2::WebACL')
    for (const each of [VisibilityConfig, ...rules.map((rule) => (rule as Record<string, unknown>).VisibilityConfig)]) {
      expect(each).toMatchObject({ CloudWatchMetricsEnabled: true, SampledRequestsEnabled: false })
    }
  })

  test('logs what it refused, without paths, queries, tokens and cookies', () => {
    const logging = onlyOf(service, 'AWS::WAFv2::LoggingConfiguration')
    expect(logging).toMatchObject({
      RedactedFields: [
        { UriPath: {} },
        { QueryString: {} },
        { SingleHeader: { Name: 'authorization' } },
        { SingleHeader: { Name: 'cookie' } },
      ],
      LoggingFilter: {
        DefaultBehavior: 'DROP',
        Filters: [{ Behavior: 'KEEP', Conditions: [{ ActionCondition: { Action: 'BLOCK' } }] }],
      },
    })
    const [destination] = logging.LogDestinationConfigs as unknown[]
    const group = /:log-group:<([^>]+)>$/.exec(write(destination))?.[1] ?? ''
    const { LogGroupName, RetentionInDays } = service.Resources[group]?.Properties ?? {}
    expect(write(LogGroupName)).toMatch(new RegExp(`^aws-waf-logs-verified-wallets-${name}-.*AWS::StackId`))
    expect(RetentionInDays).toBe(stageOf(name).logRetentionDays)
  })
})

test('no firewall where a stage has none', () => {
  expect(Object.values(serviceOf('local').Resources).filter(({ Type }) => Type.startsWith('AWS::WAFv2'))).toEqual([])
})

describe('TLS', () => {
  test.each([
    ['local', undefined, undefined],
    ['dev', 'SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09', 'STRICT'],
    ['prod', 'SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09', 'STRICT'],
  ])('of %s is at least 1.2: %s', (name, policy, mode) => {
    const api = onlyOf(serviceOf(name), 'AWS::ApiGateway::RestApi')
    expect([api.SecurityPolicy, api.EndpointAccessMode]).toEqual([policy, mode])
    expect(api.DisableExecuteApiEndpoint).toBe(false)
  })
})

describe('a domain of our own', () => {
  const settings = {
    name: 'wallets.example.com',
    certificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/11111111-2222-3333-4444-555555555555',
  }
  const withDomain = (more: Partial<NonNullable<Stage['domain']>>) =>
    synthesise({ ...prod, domain: { ...settings, ...more } }).service

  test('serves the stage at its root, over TLS 1.2 and 1.3', () => {
    const service = withDomain({})
    expect(onlyOf(service, 'AWS::ApiGateway::DomainName')).toEqual({
      DomainName: settings.name,
      RegionalCertificateArn: settings.certificateArn,
      EndpointConfiguration: { Types: ['REGIONAL'] },
      SecurityPolicy: 'SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09',
      EndpointAccessMode: 'STRICT',
    })
    const mapping = onlyOf(service, 'AWS::ApiGateway::BasePathMapping')
    expect(mapping).not.toHaveProperty('BasePath')
    expect(write(mapping.Stage)).toMatch(/^<HttpApiDeploymentStageprod/)
    expect(onlyOf(service, 'AWS::ApiGateway::RestApi').DisableExecuteApiEndpoint).toBe(false)
    expect(service.Outputs).toHaveProperty('ApiDomainTarget')
    expect(serviceOf('prod').Outputs).not.toHaveProperty('ApiDomainTarget')
  })

  test('lets in clients of our authorities alone, by no other way, where the stage names them', () => {
    const file = join(folder, 'clients.pem')
    writeFileSync(file, '-----BEGIN CERTIFICATE-----\n')
    const clientAuthorities = relative(join(import.meta.dirname, '../..'), file)
    const service = withDomain({ clientAuthorities })
    const domain = onlyOf(service, 'AWS::ApiGateway::DomainName')
    expect(domain).toMatchObject({ SecurityPolicy: 'TLS_1_2' })
    expect(domain.MutualTlsAuthentication).toEqual({
      TruststoreUri: expect.stringMatching(/^s3:\/\/cdk-hnb659fds-assets-111122223333-us-east-1\/[0-9a-f]{64}\.pem$/),
    })
    expect(onlyOf(service, 'AWS::ApiGateway::RestApi').DisableExecuteApiEndpoint).toBe(true)
  })
})
