// The policies of both templates with every reference resolved to what it will be called: who there is to ask, and what
// each resource says itself. A policy in a place that is not known here is an error, so that none is overlooked.
import type { Resource, Template } from '../infra/templates.ts'
import {
  type Caller,
  type Conditions,
  type PolicyStatement,
  type StatementPrincipal,
  UnknownPolicyError,
} from './policy-evaluator.ts'

/** Both templates as one account would see them. */
export type World = {
  readonly account: string
  /** The ARN of a resource by its logical id. */
  readonly arnOf: (logicalId: string) => string
  /** The text that a value of a template will be. */
  readonly resolve: (value: unknown) => string
  /** Every role, by its logical id. */
  readonly roles: Readonly<Record<string, Caller & { readonly kind: 'role' }>>
  /** What a resource's own policy says, by its ARN; a role's is its trust. */
  readonly policyOf: (arn: string) => readonly PolicyStatement[] | undefined
  /** What all resources say themselves. */
  readonly resourceStatements: readonly PolicyStatement[]
}

type Place = { readonly account: string; readonly region: string }

const list = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value])

/** ARN of a resource by its type; `id` is its name where it has none of its own. */
const arns: Readonly<Record<string, (id: string, properties: Resource['Properties'], place: Place) => string>> = {
  'AWS::IAM::Role': (id, _, { account }) => `arn:aws:iam::${account}:role/${id}`,
  'AWS::S3::Bucket': (id, { BucketName }) => `arn:aws:s3:::${BucketName ?? id.toLowerCase()}`,
  'AWS::SQS::Queue': (id, _, { account, region }) => `arn:aws:sqs:${region}:${account}:${id}`,
  'AWS::SNS::Topic': (id, _, { account, region }) => `arn:aws:sns:${region}:${account}:${id}`,
  'AWS::KMS::Key': (id, _, { account, region }) => `arn:aws:kms:${region}:${account}:key/${id}`,
  'AWS::SecretsManager::Secret': (id, _, { account, region }) =>
    `arn:aws:secretsmanager:${region}:${account}:secret:${id}`,
  'AWS::Lambda::Function': (id, { FunctionName }, { account, region }) =>
    `arn:aws:lambda:${region}:${account}:function:${FunctionName ?? id}`,
  'AWS::Logs::LogGroup': (id, _, { account, region }) => `arn:aws:logs:${region}:${account}:log-group:${id}:*`,
  'AWS::MSK::Cluster': (id, _, { account, region }) => `arn:aws:kafka:${region}:${account}:cluster/${id}/uuid`,
  'AWS::RDS::DBCluster': (id, _, { account, region }) => `arn:aws:rds:${region}:${account}:cluster:${id}`,
  'AWS::Events::Rule': (id, _, { account, region }) => `arn:aws:events:${region}:${account}:rule/${id}`,
  'AWS::CloudTrail::Trail': (id, { TrailName }, { account, region }) =>
    `arn:aws:cloudtrail:${region}:${account}:trail/${TrailName ?? id}`,
}

/** Attributes that are neither an ARN nor a name. */
const attributes: Readonly<Record<string, (id: string, place: Place) => string>> = {
  'AWS::SecretsManager::Secret.Id': (id, { account, region }) =>
    `arn:aws:secretsmanager:${region}:${account}:secret:${id}`,
  'AWS::RDS::DBCluster.DBClusterResourceId': (id) => `cluster-${id}`,
  'AWS::RDS::DBCluster.MasterUserSecret.SecretArn': (id, { account, region }) =>
    `arn:aws:secretsmanager:${region}:${account}:secret:rds!cluster-${id}`,
}
/** Types of which `Ref` is the ARN. */
const refIsArn = ['AWS::SNS::Topic', 'AWS::MSK::Cluster', 'AWS::SecretsManager::Secret']

/** Where policies are that name who may: type, property, and the property that says of what. */
const resourcePolicies: Readonly<Record<string, readonly [document: string, resources: string | undefined]>> = {
  'AWS::KMS::Key': ['KeyPolicy', undefined],
  'AWS::IAM::Role': ['AssumeRolePolicyDocument', undefined],
  'AWS::S3::BucketPolicy': ['PolicyDocument', 'Bucket'],
  'AWS::SQS::QueuePolicy': ['PolicyDocument', 'Queues'],
  'AWS::SNS::TopicPolicy': ['PolicyDocument', 'Topics'],
}
/** What an endpoint lets through is also for the caller's policies to allow: it can only make less of them. */
const narrowing = ['AWS::EC2::VPCEndpoint']

/**
 * @throws {UnknownPolicyError} when a policy or a reference in one is of a kind that is not known here
 */
export function readWorld(templates: { data: Template; service: Template }, place: Place): World {
  const resources: Readonly<Record<string, Resource>> = { ...templates.data.Resources, ...templates.service.Resources }
  const both = Object.keys(templates.data.Resources).filter((id) => Object.hasOwn(templates.service.Resources, id))
  if (both.length > 0) throw new UnknownPolicyError(`expected no logical id in both stacks; got ${both.join(', ')}`)

  const arnOf = (id: string): string => {
    const resource = resources[id]
    const toArn = arns[resource?.Type ?? '']
    if (!resource || !toArn) throw new UnknownPolicyError(`expected a resource whose ARN is known; got ${id}`)
    return toArn(id, resource.Properties ?? {}, place)
  }
  const nameOf = (id: string): string => {
    const pseudo = { 'AWS::AccountId': place.account, 'AWS::Region': place.region, 'AWS::Partition': 'aws' }[id]
    if (pseudo !== undefined) return pseudo
    const { Type = '', Properties = {} } = resources[id] ?? {}
    if (refIsArn.includes(Type)) return arnOf(id)
    if (Type === 'AWS::S3::Bucket') return String(Properties.BucketName ?? id.toLowerCase())
    return id
  }
  const resolve = (value: unknown): string => {
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    const [[kind, content] = []] = Object.entries(value ?? {}) as [string, unknown][]
    if (kind === 'Ref') return nameOf(String(content))
    if (kind === 'Fn::GetAtt') {
      const [id = '', ...path] = content as string[]
      const attribute = path.join('.')
      const known = attributes[`${resources[id]?.Type}.${attribute}`]
      return known ? known(id, place) : attribute.endsWith('Arn') ? arnOf(id) : `${id}.${attribute}`
    }
    if (kind === 'Fn::Join') {
      const [separator, parts] = content as [string, unknown[]]
      return parts.map(resolve).join(separator)
    }
    if (kind === 'Fn::Split') {
      const [separator, text] = content as [string, unknown]
      return resolve(text).split(separator).join('\n')
    }
    if (kind === 'Fn::Select') {
      const [at, parts] = content as [number | string, unknown]
      return (Array.isArray(parts) ? parts.map(resolve) : resolve(parts).split('\n'))[Number(at)] ?? ''
    }
    if (kind === 'Fn::Sub' && typeof content === 'string') {
      return content.replace(/\$\{([^}!]+)\}/g, (_, name: string) =>
        name.includes('.') ? resolve({ 'Fn::GetAtt': name.split('.') }) : nameOf(name),
      )
    }
    if (kind === 'Fn::GetStackOutput') {
      const { OutputName } = content as { OutputName: string }
      return resolve((templates.data.Outputs[OutputName] as { Value: unknown }).Value)
    }
    throw new UnknownPolicyError(`expected a reference that is known here; got ${JSON.stringify(value)}`)
  }

  /** Policies name their resource by ARN, name or (a queue) URL. */
  const toArn = (name: string): string =>
    name.startsWith('arn:')
      ? name
      : arnOf(Object.keys(resources).find((id) => nameOf(id) === name && arns[resources[id]?.Type ?? '']) ?? name)

  const readDocument = (document: unknown) => readStatements(document, resolve)
  const byArn = new Map<string, PolicyStatement[]>()
  const put = (arn: string, statements: readonly PolicyStatement[]) =>
    byArn.set(arn, [...(byArn.get(arn) ?? []), ...statements])
  const ofRole: Record<string, PolicyStatement[]> = {}
  for (const [id, { Type, Properties = {} }] of Object.entries(resources)) {
    const known = resourcePolicies[Type]
    if (known) {
      const [property, targets] = known
      const on = targets === undefined ? [arnOf(id)] : list(Properties[targets]).map(resolve).map(toArn)
      for (const arn of on) put(arn, readDocument(Properties[property]))
    }
    if (Type === 'AWS::IAM::Role') {
      refuse(id, Properties, ['ManagedPolicyArns', 'PermissionsBoundary'])
      const inline = list(Properties.Policies).flatMap((each) =>
        readDocument((each as { PolicyDocument: unknown }).PolicyDocument),
      )
      ofRole[id] = [...(ofRole[id] ?? []), ...inline]
    } else if (Type === 'AWS::IAM::Policy') {
      refuse(id, Properties, ['Users', 'Groups'])
      for (const role of list(Properties.Roles).map(resolve)) {
        ofRole[role] = [...(ofRole[role] ?? []), ...readDocument(Properties.PolicyDocument)]
      }
    } else if (Type === 'AWS::Lambda::Permission') {
      put(toArn(resolve(Properties.FunctionName)), [readPermission(Properties, resolve)])
    } else if (!known && !narrowing.includes(Type) && /"Effect":"(Allow|Deny)"/.test(JSON.stringify(Properties))) {
      throw new UnknownPolicyError(`expected a policy in a place that is known here; got one in ${id} (${Type})`)
    }
  }
  const unknown = Object.keys(ofRole).filter((id) => resources[id]?.Type !== 'AWS::IAM::Role')
  if (unknown.length > 0) throw new UnknownPolicyError(`expected roles of the templates; got ${unknown.join(', ')}`)
  return {
    account: place.account,
    ...{ arnOf, resolve },
    roles: Object.fromEntries(
      Object.entries(ofRole).map(([id, statements]) => [id, { kind: 'role', arn: arnOf(id), statements }]),
    ),
    policyOf: (arn) => byArn.get(arn),
    resourceStatements: [...byArn.values()].flat(),
  }
}

function refuse(id: string, properties: Resource['Properties'], names: readonly string[]): void {
  const present = names.filter((name) => properties[name] !== undefined && list(properties[name]).length > 0)
  if (present.length > 0) throw new UnknownPolicyError(`expected ${id} without ${names.join(', ')}; got ${present}`)
}

/** The statements of a policy document. */
function readStatements(document: unknown, resolve: (value: unknown) => string): PolicyStatement[] {
  const known = ['Sid', 'Effect', 'Action', 'Resource', 'Principal', 'Condition']
  return list((document as { Statement: unknown }).Statement).map((each) => {
    const statement = each as Record<string, unknown>
    const others = Object.keys(statement).filter((name) => !known.includes(name))
    if (others.length > 0) throw new UnknownPolicyError(`expected ${known.join(', ')} of a statement; got ${others}`)
    const { Effect: effect } = statement
    if (effect !== 'Allow' && effect !== 'Deny') throw new UnknownPolicyError(`expected Allow or Deny; got ${effect}`)
    return {
      sid: String(statement.Sid ?? ''),
      effect,
      actions: list(statement.Action).map(resolve),
      ...(statement.Resource === undefined ? {} : { resources: list(statement.Resource).map(resolve) }),
      ...(statement.Principal === undefined ? {} : { principals: readPrincipals(statement.Principal, resolve) }),
      conditions: readConditions(statement.Condition, resolve),
    }
  })
}

function readPrincipals(principal: unknown, resolve: (value: unknown) => string): StatementPrincipal[] {
  if (principal === '*') return [{ kind: 'Any', value: '*' }]
  return Object.entries(principal as Record<string, unknown>).flatMap(([kind, values]) =>
    list(values).map((value) => {
      const text = resolve(value)
      if (kind === 'AWS') return { kind: text === '*' ? 'Any' : 'AWS', value: text }
      if (kind === 'Service') return { kind, value: text }
      throw new UnknownPolicyError(`expected a principal of AWS or Service; got ${kind}`)
    }),
  )
}

function readConditions(condition: unknown, resolve: (value: unknown) => string): Conditions {
  return Object.fromEntries(
    Object.entries((condition ?? {}) as Record<string, Record<string, unknown>>).map(([operator, keys]) => [
      operator,
      Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, list(values).map(resolve)])),
    ]),
  )
}

/** Lambda writes the statement of a permission itself. */
function readPermission(properties: Resource['Properties'], resolve: (value: unknown) => string): PolicyStatement {
  const principal = resolve(properties.Principal)
  return {
    ...{ sid: '', effect: 'Allow', actions: [resolve(properties.Action)] },
    resources: ['*'],
    principals: [{ kind: principal.endsWith('.amazonaws.com') ? 'Service' : 'AWS', value: principal }],
    conditions: {
      ...(properties.SourceArn === undefined ? {} : { ArnLike: { 'aws:SourceArn': resolve(properties.SourceArn) } }),
      ...(properties.SourceAccount === undefined
        ? {}
        : { StringEquals: { 'aws:SourceAccount': resolve(properties.SourceAccount) } }),
    },
  }
}
