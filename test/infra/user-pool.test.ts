// The issuer of our own, where a stage asks for one: who may get which scopes, and that the authorizer is told of it.
import { Template as Assertions } from 'aws-cdk-lib/assertions'
import { describe, expect, test } from 'vitest'
import { localStage, resourcesOf, synthesise, write } from './templates.ts'

const stage = {
  ...localStage(),
  keepsData: true,
  tokens: { kind: 'user-pool', callbackUrls: ['https://app.example/back'] },
} as const
const { data, service } = synthesise(stage)
const assertions = Assertions.fromJSON(data)

function findClient(flow: string) {
  const clients = resourcesOf(data, 'AWS::Cognito::UserPoolClient').map(([, { Properties }]) => Properties)
  const client = clients.find(({ AllowedOAuthFlows }) => (AllowedOAuthFlows as string[]).includes(flow)) ?? {}
  const names = (client.AllowedOAuthScopes ?? []) as unknown[]
  return { client, scopes: names.map((name) => write(name).replace(/^<[^>]+>\//, '')) }
}

test('no pool where the stage has another issuer, or none', () => {
  for (const tokens of [localStage().tokens, undefined]) {
    const { data } = synthesise({ ...localStage(), tokens })
    expect(resourcesOf(data, 'AWS::Cognito::UserPool')).toEqual([])
  }
})

describe('the pool', () => {
  test('lets nobody sign up, survives the stack, and keeps its name', () => {
    expect(data.Resources.UserPool).toMatchObject({
      Type: 'AWS::Cognito::UserPool',
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: { AdminCreateUserConfig: { AllowAdminCreateUserOnly: true }, DeletionProtection: 'ACTIVE' },
    })
  })

  test('gives the application scopes for its users alone, by code, without a secret', () => {
    const { client, scopes } = findClient('code')
    expect(scopes).toEqual(['openid', 'verify:write', 'verify:read', 'wallet:read'])
    expect(client).toMatchObject({
      AllowedOAuthFlows: ['code'],
      CallbackURLs: ['https://app.example/back'],
      GenerateSecret: false,
      AccessTokenValidity: 15,
    })
  })

  test('gives the service scopes for any user, by its secret', () => {
    const { client, scopes } = findClient('client_credentials')
    expect(scopes.toSorted()).toEqual([
      ...['document:erase:any', 'document:hold:any', 'ops:read', 'verify:read:any', 'verify:write:any'],
      'wallet:read:any',
    ])
    expect(client).toMatchObject({ AllowedOAuthFlows: ['client_credentials'], GenerateSecret: true })
  })

  test('has a domain, where tokens are asked for, and asks each user for a second factor', () => {
    assertions.resourceCountIs('AWS::Cognito::UserPoolDomain', 1)
    expect(data.Resources.UserPool?.Properties).toMatchObject({
      MfaConfiguration: 'ON',
      EnabledMfas: ['SOFTWARE_TOKEN_MFA'],
    })
  })

  test('knows no other client', () => {
    assertions.resourceCountIs('AWS::Cognito::UserPoolClient', 2)
  })
})

test('the authorizer is told of the pool, its clients and its prefix', () => {
  const variables = resourcesOf(service, 'AWS::Lambda::Function')
    .map(
      ([, { Properties }]) =>
        (Properties.Environment as { Variables?: Record<string, unknown> } | undefined)?.Variables,
    )
    .find((each) => each?.TOKENS !== undefined)
  const clients = resourcesOf(data, 'AWS::Cognito::UserPoolClient').map(([id]) => `<${id}>`)
  expect(JSON.parse(write(variables?.TOKENS, data))).toEqual({
    issuer: 'https://cognito-idp.us-east-1.amazonaws.com/<UserPool>',
    algorithm: 'RS256',
    clientIds: clients,
    scopePrefix: 'verified-wallets/',
  })
})
