// What every function of every stage has: traces, logs in JSON, stacks that name our sources, and no secret in its environment.
import { describe, expect, test } from 'vitest'
import { readSettings } from '../../lib/settings.ts'
import { findStage } from '../../lib/stage-table.ts'
import { type Resource, resourcesOf, statements, synthesise, write } from './templates.ts'

/** Variables that sound like a secret: each is the name of one, or public. */
const namesOfSecrets = [
  'ACCEPT_PUBLIC_MNEMONICS',
  'DATABASE_LOGIN',
  'DATABASE_ROLE_SECRETS',
  'DATABASE_SECRET_ARN',
  'DATA_KEY_BUCKET',
  'DOCUMENT_DATA_KEY_ARN',
  'DOCUMENT_MAC_KEY_ARN',
  'TOKENS',
  'VAULT_KEY_ARN',
  'VAULT_SECRET_ARN',
]

describe.each(['local', 'dev', 'prod'])('functions of %s', (name) => {
  const stage = findStage(name, readSettings({}))
  const { data, service } = synthesise(stage)
  const ours = Object.entries(service.Outputs)
    .filter(([output]) => output.endsWith('FunctionName'))
    .map(([output, content]) => {
      const id = write((content as { Value: unknown }).Value).slice(1, -1)
      return [output.replace('FunctionName', ''), service.Resources[id] as Resource] as const
    })
  const environmentOf = ({ Properties }: Resource): Record<string, unknown> =>
    (Properties.Environment as { Variables: Record<string, unknown> }).Variables

  test.each(ours)('%s is traced, logs in JSON from INFO on, and knows its source map', (_, resource) => {
    expect(resource.Properties).toMatchObject({
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'INFO', SystemLogLevel: 'INFO' },
    })
    expect(String(environmentOf(resource).NODE_OPTIONS).split(' ')).toContain('--enable-source-maps')
    const { LogGroup } = resource.Properties.LoggingConfig as { LogGroup: { Ref: string } }
    expect(service.Resources[LogGroup.Ref]?.Properties.RetentionInDays).toBe(stage.logRetentionDays)
  })

  test.each(ours)('%s may send its traces, by a statement of its own policy', (_, resource) => {
    const role = write(resource.Properties.Role, data).replace(/\.Arn>$/, '>')
    const traces = resourcesOf(service, 'AWS::IAM::Policy')
      .filter(([, { Properties }]) => (Properties.Roles as unknown[]).some((each) => write(each, data) === role))
      .flatMap(([, { Properties }]) => (Properties.PolicyDocument as { Statement: { Sid: string }[] }).Statement)
      .filter(({ Sid }) => Sid === 'WriteTraces')
    expect(statements({ Statement: traces })).toEqual([
      {
        sid: 'WriteTraces',
        effect: 'Allow',
        actions: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
        resources: ['*'],
        principals: [],
        conditions: undefined,
      },
    ])
  })

  test('no secret is in an environment: what sounds like one is a reference to it', () => {
    for (const [id, resource] of resourcesOf(service, 'AWS::Lambda::Function')) {
      if (resource.Properties.Environment === undefined) continue
      const environment = environmentOf(resource)
      // Not even by a reference that CloudFormation would write out.
      expect(JSON.stringify(environment), id).not.toContain('{{resolve:')
      for (const [variable, value] of Object.entries(environment)) {
        const text = write(value, data)
        if (/secret|password|token|key|login|credential|mnemonic|seed|private/i.test(variable)) {
          expect(namesOfSecrets, `${id} ${variable}`).toContain(variable)
        }
        // Nothing that nobody could have written by hand: a password, a key, a word list.
        expect(text.replaceAll(/<[^>]+>/g, ''), `${id} ${variable}`).not.toMatch(
          /[A-Za-z0-9+/=_-]{33,}|(\b[a-z]{3,8} ){11}/,
        )
      }
    }
  })
})
