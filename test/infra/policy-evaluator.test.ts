// The evaluator of IAM policies: rules of AWS's documentation as examples, and what must hold of any policies.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Caller,
  type Conditions,
  fits,
  isAllowed,
  type PolicyStatement,
  type Request,
  UnknownPolicyError,
} from '../support/policy-evaluator.ts'

const account = '111122223333'
const root = { kind: 'AWS', value: `arn:aws:iam::${account}:root` } as const
const roleArn = `arn:aws:iam::${account}:role/wallet`
const key = `arn:aws:kms:us-east-1:${account}:key/vault`
const bucket = 'arn:aws:s3:::documents'

const state = (statement: Partial<PolicyStatement>): PolicyStatement => ({
  ...{ sid: 'S', effect: 'Allow', actions: ['*'], resources: ['*'], conditions: {} },
  ...statement,
})
const role = (...statements: PolicyStatement[]): Caller => ({ kind: 'role', arn: roleArn, statements })
const stranger: Caller = { kind: 'stranger', arn: 'arn:aws:iam::999999999999:role/other' }
const ask = (caller: Caller, action: string, resource: string, context: Request['context'] = {}): Request => ({
  ...{ caller, action, resource, context },
})

describe('within an account', () => {
  const may = role(state({ actions: ['s3:GetObject'], resources: [`${bucket}/incoming/*`] }))

  test.each([
    ['s3:GetObject', `${bucket}/incoming/1`, true],
    ['S3:getobject', `${bucket}/incoming/1`, true],
    ['s3:PutObject', `${bucket}/incoming/1`, false],
    ['s3:GetObject', `${bucket}/other/1`, false],
    ['s3:GetObjectAcl', `${bucket}/incoming/1`, false],
  ])('an identity policy is enough: %s on %s is %s', (action, resource, expected) => {
    expect(isAllowed(ask(may, action, resource), undefined)).toBe(expected)
    expect(isAllowed(ask(may, action, resource), [])).toBe(expected)
  })

  test('a resource that names the role is enough', () => {
    const policy = [state({ principals: [{ kind: 'AWS', value: roleArn }] })]
    expect(isAllowed(ask(role(), 's3:GetObject', bucket), policy)).toBe(true)
  })

  test('a resource that names the account leaves it to the identity', () => {
    const policy = [state({ principals: [root] })]
    expect(isAllowed(ask(role(), 's3:GetObject', bucket), policy)).toBe(false)
    expect(isAllowed(ask(role(state({})), 's3:GetObject', bucket), policy)).toBe(true)
  })

  test('a refusal to the account is one to all of its roles', () => {
    const policy = [state({ effect: 'Deny', principals: [root] })]
    expect(isAllowed(ask(role(state({})), 's3:GetObject', bucket), policy)).toBe(false)
  })
})

describe('a key and a role to be taken on', () => {
  test.each([
    ['kms:Decrypt', key],
    ['sts:AssumeRole', roleArn],
  ])('%s: no identity policy is enough', (action, resource) => {
    const everything = role(state({}))
    expect(isAllowed(ask(everything, action, resource), undefined)).toBe(false)
    expect(isAllowed(ask(everything, action, resource), [state({ principals: [root] })])).toBe(true)
    expect(isAllowed(ask(role(), action, resource), [state({ principals: [root] })])).toBe(false)
    const named = [state({ principals: [{ kind: 'AWS', value: roleArn }] })]
    expect(isAllowed(ask(role(), action, resource), named)).toBe(true)
  })

  test('the account delegates what it names and nothing else', () => {
    const policy = [state({ principals: [root], actions: ['kms:DescribeKey'] })]
    expect(isAllowed(ask(role(state({})), 'kms:Decrypt', key), policy)).toBe(false)
    expect(isAllowed(ask({ kind: 'root', arn: root.value }, 'kms:Decrypt', key), policy)).toBe(false)
    expect(isAllowed(ask({ kind: 'root', arn: root.value }, 'kms:DescribeKey', key), policy)).toBe(true)
  })
})

describe('from outside', () => {
  test('a stranger needs the resource, by name, by account or by everybody', () => {
    for (const [principal, expected] of [
      [{ kind: 'Any', value: '*' }, true],
      [{ kind: 'AWS', value: '999999999999' }, true],
      [{ kind: 'AWS', value: stranger.arn }, true],
      [root, false],
    ] as const) {
      expect(isAllowed(ask(stranger, 's3:GetObject', bucket), [state({ principals: [principal] })])).toBe(expected)
    }
    expect(isAllowed(ask(stranger, 's3:GetObject', bucket), undefined)).toBe(false)
  })

  test('a service is let in by its name alone', () => {
    const policy = [state({ principals: [{ kind: 'Service', value: 's3.amazonaws.com' }] })]
    expect(isAllowed(ask({ kind: 'service', name: 's3.amazonaws.com' }, 'sqs:SendMessage', 'q'), policy)).toBe(true)
    expect(isAllowed(ask({ kind: 'service', name: 'sns.amazonaws.com' }, 'sqs:SendMessage', 'q'), policy)).toBe(false)
    expect(isAllowed(ask(role(), 'sqs:SendMessage', 'q'), policy)).toBe(false)
  })
})

describe('conditions', () => {
  const meets = (conditions: Conditions, context: Request['context']) =>
    isAllowed(ask(role(state({ conditions })), 's3:GetObject', bucket, context), undefined)

  test.each([
    ['StringEquals', 'a', 'a', true],
    ['StringEquals', 'a*', 'ab', false],
    ['StringEquals', 'a', undefined, false],
    ['StringNotEquals', 'a', 'b', true],
    ['StringNotEquals', 'a', undefined, true],
    ['StringNotEquals', ['a', 'b'], 'b', false],
    ['StringLike', 'a*', 'ab', true],
    ['StringNotLike', 'a*', 'ab', false],
    ['StringEqualsIfExists', 'a', undefined, true],
    ['StringEqualsIfExists', 'a', 'b', false],
    ['ArnLike', 'arn:aws:iam::*:role/x', 'arn:aws:iam::111122223333:role/x', true],
    ['ArnLike', 'arn:aws:iam:*:role/x', 'arn:aws:iam::111122223333:role/x', false],
    ['ArnNotLike', roleArn, roleArn, false],
    ['ArnNotLike', roleArn, undefined, true],
    ['Bool', 'false', 'false', true],
    ['Bool', 'false', undefined, false],
    ['Null', 'true', undefined, true],
    ['Null', 'true', 'a', false],
    ['NumericLessThan', '1.2', '1.1', true],
    ['NumericLessThan', '1.2', '1.2', false],
    ['ForAllValues:StringEquals', ['a', 'b'], ['a'], true],
    ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'c'], false],
    ['ForAllValues:StringEquals', ['a'], undefined, true],
    ['ForAnyValue:StringEquals', ['a', 'b'], ['c', 'a'], true],
    ['ForAnyValue:StringEquals', ['a'], undefined, false],
  ])('%s %j of %j is %s', (operator, wanted, actual, expected) => {
    expect(meets({ [operator]: { 'aws:Key': wanted } }, actual === undefined ? {} : { 'AWS:key': actual })).toBe(
      expected,
    )
  })

  test('all of them must hold', () => {
    const both = { StringEquals: { a: '1', b: '2' }, Bool: { c: 'true' } }
    expect(meets(both, { a: '1', b: '2', c: 'true' })).toBe(true)
    for (const less of [
      { a: '1', b: '2' },
      { a: '1', c: 'true' },
      { b: '2', c: 'true' },
    ]) {
      expect(meets(both, less)).toBe(false)
    }
  })

  test.each(['DateGreaterThan', 'IpAddress', 'BinaryEquals', 'StringEqualsIgnoreCase', 'NumericNotEquals'])(
    '%s is not known here, and not passed over',
    (operator) => {
      expect(() => meets({ [operator]: { a: '1' } }, { a: '1' })).toThrow(UnknownPolicyError)
    },
  )

  test('neither is a policy variable, nor several values without a quantifier', () => {
    expect(() => fits('a', '${aws:username}')).toThrow(UnknownPolicyError)
    expect(() => meets({ StringEquals: { a: '1' } }, { a: ['1', '2'] })).toThrow(UnknownPolicyError)
  })
})

describe('of any policies', () => {
  const action = fc.constantFrom('kms:Decrypt', 'kms:*', 'kms:D?crypt', '*', 's3:GetObject', 's3:Get*')
  const resource = fc.constantFrom(key, '*', `${bucket}/*`, 'arn:aws:kms:*:*:key/*')
  const conditions = fc.constantFrom<Conditions>(
    {},
    { StringEquals: { 'kms:ViaService': 's3.us-east-1.amazonaws.com' } },
    { ArnNotLike: { 'aws:PrincipalArn': roleArn } },
  )
  const principals = fc.constantFrom(
    [root],
    [{ kind: 'Any', value: '*' } as const],
    [{ kind: 'AWS', value: roleArn } as const],
  )
  const effect = fc.constantFrom('Allow' as const, 'Deny' as const)
  const statement = fc.record({
    ...{ sid: fc.constant('S'), effect, conditions },
    actions: fc.array(action, { minLength: 1, maxLength: 2 }),
    resources: fc.array(resource, { minLength: 1, maxLength: 2 }),
  })
  const ofIdentity = fc.array(statement, { maxLength: 4 })
  const ofResource = fc.array(
    fc.tuple(statement, principals).map(([rest, named]) => ({ ...rest, principals: named })),
    { maxLength: 4 },
  )
  const asked = fc.constantFrom(['kms:Decrypt', key], ['s3:GetObject', `${bucket}/a`], ['kms:CreateGrant', key])
  const context = { 'aws:PrincipalArn': roleArn }
  const evaluate = (identity: PolicyStatement[], policy: PolicyStatement[], [name = '', on = '']: readonly string[]) =>
    isAllowed(ask(role(...identity), name, on, context), policy)

  test('a refusal of everything wins, on either side', () => {
    fc.assert(
      fc.property(ofIdentity, ofResource, asked, (identity, policy, request) => {
        const deny = state({ effect: 'Deny' })
        expect(evaluate([...identity, deny], policy, request)).toBe(false)
        expect(evaluate(identity, [...policy, { ...deny, principals: [root] }], request)).toBe(false)
      }),
    )
  })

  test('one more permission takes none away, and one more refusal gives none', () => {
    fc.assert(
      fc.property(ofIdentity, ofResource, asked, statement, (identity, policy, request, more) => {
        const [before, after] = [evaluate(identity, policy, request), evaluate([...identity, more], policy, request)]
        expect(more.effect === 'Allow' ? before && !after : after && !before).toBe(false)
      }),
    )
  })

  test('the order of statements says nothing', () => {
    fc.assert(
      fc.property(ofIdentity, ofResource, asked, (identity, policy, request) => {
        expect(evaluate(identity.toReversed(), policy.toReversed(), request)).toBe(evaluate(identity, policy, request))
      }),
    )
  })

  test('without a policy of its own, a key serves nobody', () => {
    fc.assert(
      fc.property(ofIdentity, (identity) => {
        expect(evaluate(identity, [], ['kms:Decrypt', key])).toBe(false)
      }),
    )
  })

  test('a pattern without wildcards fits itself alone, and a star fits all', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '.', '+', '(', '/', ':', '|', '\\', '^'), maxLength: 8 })
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(fits(one, other)).toBe(one === other)
        expect(fits(one, '*')).toBe(true)
        expect(fits(one + other, `${one}*`)).toBe(true)
        expect(fits(one, `${one}?`)).toBe(false)
      }),
    )
  })
})
