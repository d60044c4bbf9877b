// Who may do what: all identity and resource policies of each stage, evaluated, are the table; and what is a condition there
// is one indeed.
import { describe, expect, test } from 'vitest'
import type { Stage } from '../../lib/stage.ts'
import { type Caller, isAllowed, type Request, speaksOf } from '../support/policy-evaluator.ts'
import { readWorld } from '../support/policy-world.ts'
import { administrator, findServices, ownContext, serviceContext, tellWhoMay } from '../support/who-may.ts'
import { describeContext, findSubjects, nameResources } from '../support/who-may-subjects.ts'
import { rowsOf } from '../support/who-may-table.ts'
import { stageOf, synthesise } from './templates.ts'

function look(name: Stage['name']) {
  const stage = stageOf(name)
  const templates = synthesise(stage)
  const world = readWorld(templates, stage)
  const subjects = findSubjects(templates, world, stage)
  const table = Object.entries(tellWhoMay(world, subjects, nameResources(templates))).map(([subject, rows]) => [
    subject.replaceAll(stage.account, 'ACCOUNT'),
    Object.fromEntries(Object.entries(rows).map(([action, who]) => [action, who.join(', ') || 'nobody'])),
  ])
  const nameOf = nameResources(templates)
  const roleOf = (role: string) => {
    const found = Object.entries(world.roles).find(([id]) => nameOf(id) === role)
    if (!found) throw new Error(`expected a role of ${role}`)
    return found[1]
  }
  return { stage, world, subjects, table: Object.fromEntries(table) as ReturnType<typeof rowsOf>, roleOf }
}

const prod = look('prod')

describe('who may do what', () => {
  test('in prod is the table', () => {
    const lines = Object.entries(prod.table).flatMap(([subject, rows]) => [
      subject,
      ...Object.entries(rows).map(([action, who]) => `  ${action.padEnd(46)} ${who}`),
    ])
    console.log(lines.join('\n'))
    expect(prod.table).toEqual(rowsOf('deployed'))
  })

  test('in dev is the same', () => expect(look('dev').table).toEqual(rowsOf('deployed')))
  test('in local is the table', () => expect(look('local').table).toEqual(rowsOf('local')))
})

/** Permissions that are about nothing worth taking: what for, by the name of the statement. */
const besides: Readonly<Record<string, string>> = {
  CloseDefaultSecurityGroup: 'takes rules away, of one security group',
  FindNetworkOfKafka: 'tells where the cluster is',
  JoinNetwork: 'Lambda puts the function into the VPC; code of its own is refused the same',
  WriteGatewayLogs: 'log groups of API Gateway',
  WriteOwnLogs: 'lines in the log group of the function',
  WriteTraces: 'traces',
  'logs:CreateLogStream, logs:DescribeLogStreams, logs:PutLogEvents': 'flow logs of the VPC',
}

test('each permission of a role is about something in the table, or named here', () => {
  const toService = (action: string) => action.split(':')[0]
  const unmet = Object.values(prod.world.roles)
    .flatMap(({ statements }) => statements)
    .filter(({ effect }) => effect === 'Allow')
    .filter(
      (statement) =>
        !prod.subjects.some(({ arn, actions }) =>
          statement.actions
            .filter((action) => actions.some((each) => toService(each) === toService(action)))
            .some((action) =>
              speaksOf(
                { ...statement, conditions: {} },
                { caller: administrator(prod.world), action, resource: arn, context: {} },
              ),
            ),
        ),
    )
  const names = new Set(unmet.map(({ sid, actions }) => sid || actions.join(', ')))
  expect([...names].toSorted()).toEqual(Object.keys(besides).toSorted())
})

const ask = (caller: Caller, action: string, resource: string, context: Request['context']) =>
  isAllowed({ caller, action, resource, context }, prod.world.policyOf(resource))

/** Every row that some caller of that kind is let in by. */
function findRows(caller: Caller, context: Request['context']): string[] {
  return prod.subjects.flatMap((subject) => {
    const actions = new Set([...subject.actions, ...Object.keys(prod.table[subject.name] ?? {})])
    const policy = prod.world.policyOf(subject.owner ?? subject.arn)
    return [...actions]
      .filter((action) =>
        isAllowed({ caller, action, resource: subject.arn, context: { ...subject.context, ...context } }, policy),
      )
      .map((action) => `${action} ${subject.name}`)
  })
}

describe('from outside of the account', () => {
  const other = 'arn:aws:iam::999999999999:role/administrator'

  test('another account may do nothing', () => {
    expect(findRows({ kind: 'stranger', arn: other }, ownContext(other))).toEqual([])
  })

  test('a service in the name of another account may do nothing but take on the role that is for it', () => {
    for (const name of findServices(prod.world)) {
      const source = `arn:aws:${name.replace('.amazonaws.com', '')}:us-east-1:999999999999:anything`
      const rows = findRows({ kind: 'service', name }, serviceContext('999999999999', source))
      expect(
        rows.filter((row) => !row.startsWith('sts:AssumeRole ')),
        name,
      ).toEqual([])
    }
  })
})

test('without TLS nobody reaches a bucket or a queue, or publishes, an administrator neither', () => {
  const callers = [...Object.values(prod.world.roles), administrator(prod.world)]
  for (const caller of callers) {
    const rows = findRows(caller, { ...ownContext(caller.arn), 'aws:SecureTransport': 'false' })
    expect(
      rows.filter((row) => /^(s3:|sqs:|sns:Publish )/.test(row)),
      caller.arn,
    ).toEqual([])
  }
})

describe('the key of the vault', () => {
  const key = prod.world.arnOf('VaultKey')
  const context = describeContext(prod.stage)
  const decrypt = (caller: Caller & { readonly arn: string }, more: Request['context']) =>
    ask(caller, 'kms:Decrypt', key, { ...ownContext(caller.arn), ...more })

  test('opens with the context of its stage and no other', () => {
    const wallet = prod.roleOf('Wallet')
    expect(decrypt(wallet, context)).toBe(true)
    expect(decrypt(wallet, {})).toBe(false)
    expect(decrypt(wallet, describeContext({ ...prod.stage, name: 'dev' }))).toBe(false)
    const more = [...(context['kms:EncryptionContextKeys'] ?? []), 'more']
    expect(decrypt(wallet, { ...context, 'kms:EncryptionContextKeys': more })).toBe(false)
  })

  test('opens for nobody who is only called like the wallet role, or was given everything', () => {
    const namesake = `arn:aws:iam::${prod.stage.account}:role/x/${prod.world.roles.WalletRole?.arn.split('/').at(-1)}`
    expect(decrypt({ ...administrator(prod.world), arn: namesake }, context)).toBe(false)
    expect(decrypt(administrator(prod.world), context)).toBe(false)
    expect(decrypt({ kind: 'root', arn: `arn:aws:iam::${prod.stage.account}:root` }, context)).toBe(false)
  })
})

test('who imports the root has signed in with a second factor', () => {
  const role = prod.world.arnOf('VaultImportRole')
  const caller = administrator(prod.world)
  const assume = (context: Request['context']) =>
    ask(caller, 'sts:AssumeRole', role, { ...ownContext(caller.arn), ...context })
  expect(assume({ 'aws:MultiFactorAuthPresent': 'true' })).toBe(true)
  expect(assume({ 'aws:MultiFactorAuthPresent': 'false' })).toBe(false)
  expect(assume({})).toBe(false)
})
