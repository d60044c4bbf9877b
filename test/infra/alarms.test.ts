// The alarms: on what the wallet function really writes, told to the one topic, in words that help.
import { describe, expect, test } from 'vitest'
import { metricNames, metricNamespace, toDimensions } from '../../shared/metrics.ts'
import { localStage, resourcesOf, statements, synthesise, write } from './templates.ts'

const stage = localStage()
const { service } = synthesise(stage)
const alarms = resourcesOf(service, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties)

/** Counted for people who look, and no reason to wake anybody. */
const watchedOnly = ['account_index_gaps']

test('there is one for each metric of the wallet function that must stay 0', () => {
  expect(alarms.map(({ MetricName }) => MetricName).toSorted()).toEqual(
    metricNames.wallet.filter((name) => !watchedOnly.includes(name)).toSorted(),
  )
})

describe.each(alarms)('the alarm on $MetricName', (alarm) => {
  test('rings at the first one within 5 minutes, and not for want of data', () => {
    expect(alarm).toMatchObject({
      AlarmName: `verified-wallets-local-${String(alarm.MetricName).replaceAll('_', '-')}`,
      Namespace: metricNamespace,
      Statistic: 'Sum',
      Period: 300,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
    })
    expect(alarm).not.toHaveProperty('DatapointsToAlarm')
    expect(alarm).not.toHaveProperty('ActionsEnabled')
  })

  test('asks for the dimensions that the function writes, all of them', () => {
    const dimensions = alarm.Dimensions as { Name: string; Value: string }[]
    expect(Object.fromEntries(dimensions.map(({ Name, Value }) => [Name, Value]))).toEqual(
      toDimensions('wallet', 'local'),
    )
  })

  test('tells the topic, and does not tell it of silence', () => {
    expect((alarm.AlarmActions as unknown[]).map((action) => write(action))).toEqual(['<AlarmTopic>'])
    expect(alarm).not.toHaveProperty('OKActions')
    expect(alarm).not.toHaveProperty('InsufficientDataActions')
  })

  test('says what it means and what to do first, within what CloudWatch takes', () => {
    const description = String(alarm.AlarmDescription)
    expect(description).toContain('First: ')
    expect(description.length).toBeLessThanOrEqual(1024)
  })
})

describe('the topic', () => {
  test('is one, of a fixed logical id, since people subscribe to it, and an output says where', () => {
    expect(resourcesOf(service, 'AWS::SNS::Topic').map(([id]) => id)).toEqual(['AlarmTopic'])
    expect(service.Outputs.AlarmTopicArn).toMatchObject({ Value: { Ref: 'AlarmTopic' } })
  })

  const policyOf = (template: typeof service) => {
    const policies = resourcesOf(template, 'AWS::SNS::TopicPolicy')
    expect(policies).toHaveLength(1)
    return policies.flatMap(([, { Properties }]) => {
      expect((Properties.Topics as unknown[]).map((topic) => write(topic))).toEqual(['<AlarmTopic>'])
      return statements(Properties.PolicyDocument)
    })
  }

  const publish = {
    sid: 'PublishAlarms',
    effect: 'Allow',
    actions: ['sns:Publish'],
    resources: ['<AlarmTopic>'],
    principals: ['cloudwatch.amazonaws.com'],
  }

  test('takes messages of the alarms of this account, and of nobody else', () => {
    const policy = policyOf(service)
    expect(policy).toMatchObject([publish])
    expect(policy.map(({ conditions }) => conditions)).toEqual([
      {
        StringEquals: { 'aws:SourceAccount': '000000000000' },
        ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:*' },
      },
    ])
  })

  test('refuses what does not come over TLS, where the stage says so', () => {
    const { service: strict } = synthesise({ ...stage, enforcesTls: true })
    expect(policyOf(strict)).toMatchObject([
      { effect: 'Deny', actions: ['sns:Publish'], conditions: { Bool: { 'aws:SecureTransport': 'false' } } },
      publish,
    ])
  })
})

test('the alarms of another stage hear that stage only', () => {
  const { service: other } = synthesise({ ...stage, name: 'other' as 'local' })
  for (const [, { Properties }] of resourcesOf(other, 'AWS::CloudWatch::Alarm')) {
    expect(Properties.AlarmName).toMatch(/^verified-wallets-other-/)
    expect(Properties.Dimensions).toContainEqual({ Name: 'stage', Value: 'other' })
  }
})
