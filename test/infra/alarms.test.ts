// What wakes people, in each stage: on metrics that are written indeed, told to the one topic, each with its section in the
// runbook, and no section without one.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSettings } from '../../lib/settings.ts'
import { findStage, stageNames } from '../../lib/stage-table.ts'
import { measured, metricNamespace } from '../../shared/metrics.ts'
import { resourcesOf, statements, synthesise, type Template, write } from './templates.ts'

const root = join(import.meta.dirname, '../..')
const runbook = readFileSync(join(root, 'docs/runbook.md'), 'utf8')

/** Sections of the runbook that belong to something that rings: name, stages, text. */
const sections = runbook.split(/^#+ /m).flatMap((part) => {
  const [, name, stages, text] = /^(\S+)\n\n\*Stages: ([^*]+)\.\*\n\n([\s\S]*)$/.exec(part) ?? []
  return name && stages && text ? [{ name, stages: stages.split(', '), text }] : []
})

const stages = Object.fromEntries(
  stageNames.map((name) => [name, synthesise(findStage(name, readSettings({})))] as const),
)
const serviceOf = (stage: string): Template => stages[stage]?.service as Template

const topic = { Ref: 'AlarmTopic' }
const tells = (value: unknown) => JSON.stringify(value ?? []).includes(JSON.stringify(topic))

/** Everything that tells the topic: alarms, composite alarms, rules, budgets; by its name in AWS. */
function listRinging(service: Template): string[] {
  const names = (type: string, actions: string, name: (properties: Readonly<Record<string, unknown>>) => unknown) =>
    resourcesOf(service, type).flatMap(([, { Properties }]) => (tells(Properties[actions]) ? [name(Properties)] : []))
  return [
    ...names('AWS::CloudWatch::Alarm', 'AlarmActions', ({ AlarmName }) => AlarmName),
    ...names('AWS::CloudWatch::CompositeAlarm', 'AlarmActions', ({ AlarmName }) => AlarmName),
    ...names('AWS::Events::Rule', 'Targets', ({ Name }) => Name),
    ...names(
      'AWS::Budgets::Budget',
      'NotificationsWithSubscribers',
      ({ Budget }) => (Budget as { BudgetName: string }).BudgetName,
    ),
  ].map(String)
}

type Dimensions = readonly { readonly Name: string; readonly Value: unknown }[]
type Read = { readonly Namespace: string; readonly MetricName: string; readonly Dimensions: Dimensions }

/** The metrics that an alarm reads, its own or those of its expression. */
function listMetrics({ Metrics, ...alarm }: Readonly<Record<string, unknown>>): readonly Read[] {
  if (Metrics === undefined) return [alarm as Read]
  return (Metrics as { MetricStat?: { Metric: Read } }[]).flatMap(({ MetricStat }) =>
    MetricStat ? [MetricStat.Metric] : [],
  )
}

/** Dimensions by AWS's documentation: metrics of API Gateway, of Lambda functions and mappings, of SQS, MSK, Aurora. */
const documented: Readonly<Record<string, readonly string[]>> = {
  'AWS/ApiGateway 5XXError': ['ApiName', 'Stage'],
  'AWS/ApiGateway Count': ['ApiName', 'Stage'],
  'AWS/ApiGateway Latency': ['ApiName', 'Stage'],
  'AWS/Lambda Errors': ['FunctionName'],
  'AWS/Lambda Throttles': ['FunctionName'],
  'AWS/Lambda Invocations': ['FunctionName'],
  'AWS/Lambda OnFailureDestinationDeliveredEventCount': ['EventSourceMappingUUID'],
  'AWS/Lambda OnFailureDestinationDeliveryErrorCount': ['EventSourceMappingUUID'],
  'AWS/Lambda DroppedEventCount': ['EventSourceMappingUUID'],
  'AWS/Lambda PollingErrorCount': ['EventSourceMappingUUID'],
  'AWS/Lambda InvokeErrorCount': ['EventSourceMappingUUID'],
  'AWS/Lambda CommitErrorCount': ['EventSourceMappingUUID'],
  'AWS/SQS ApproximateAgeOfOldestMessage': ['QueueName'],
  'AWS/SQS ApproximateNumberOfMessagesVisible': ['QueueName'],
  'AWS/Kafka EstimatedMaxTimeLag': ['Cluster Name', 'Consumer Group', 'Topic'],
  'AWS/Kafka CpuIdle': ['Broker ID', 'Cluster Name'],
  'AWS/Kafka KafkaDataLogsDiskUsed': ['Broker ID', 'Cluster Name'],
  'AWS/RDS ACUUtilization': ['DBClusterIdentifier'],
  'AWS/RDS DatabaseConnections': ['DBClusterIdentifier'],
  'AWS/RDS MaximumUsedTransactionIDs': ['DBClusterIdentifier'],
}

function expectWritten({ MetricName, Dimensions }: Read, stage: string) {
  const { service, stage: named, ...rest } = Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value]))
  expect(named).toBe(stage)
  const metrics: Record<string, Record<string, readonly string[]>> = measured[service as keyof typeof measured]
  const dimensions = metrics[MetricName]
  expect(Object.keys(rest).toSorted(), MetricName).toEqual(Object.keys(dimensions ?? { missing: [] }).toSorted())
  for (const [name, value] of Object.entries(rest)) expect(dimensions?.[name], MetricName).toContain(value)
}

describe('the runbook', () => {
  test('has sections, each name once', () => {
    expect(sections.length).toBeGreaterThan(30)
    expect(new Set(sections.map(({ name }) => name)).size).toBe(sections.length)
  })

  test.each(sections)(
    'says of $name what it means, what holds, how to look, what to do, and when it is over',
    ({ text }) => {
      const labels = [...text.matchAll(/\*\*(Means|Holds|Look|[Dd]o|Over)\*\*/g)].map(([, label]) =>
        label?.toLowerCase(),
      )
      expect(labels).toEqual(['means', 'holds', 'look', 'do', 'over'])
    },
  )

  test('sets in italics what there is: a chart or a line of it, a word of the log, a heading', () => {
    const read = (pattern: string) =>
      globSync(pattern, { cwd: root })
        .map((path) => readFileSync(join(root, path), 'utf8'))
        .join('\n')
    // A label is made of its metric's name here and there.
    const code = ['lib/dashboard*.ts', '{functions,shared}/**/*.ts', 'bin/vault.ts'].map(read).join('\n')
    const headings = [...read('docs/{runbook,operations}.md').matchAll(/^(?:#+ |\*\*)([^*\n]+)/gm)].map(
      ([, text]) => text,
    )
    const known = `${code}\n${headings.join('\n')}`.toLowerCase()
    // Of AWS's own console, of others' errors.
    const others = ['Dashboards', 'Concurrent executions', 'not connected', 'refused', 'In the database']
    const words = [...runbook.replaceAll(/`[^`]*`/g, '').matchAll(/(?<![*\w])\*(?![*\s])([^*\n]+)\*(?!\*)/g)]
      .map(([, word = '']) => word)
      .filter((word) => !word.startsWith('Stages: ') && !others.includes(word))
    expect(words.length).toBeGreaterThan(50)
    const begin = (word: string) => word.replace(/…$/, '').trim().toLowerCase()
    expect(words.filter((word) => !known.includes(begin(word)))).toEqual([])
  })

  test('names no section that is not there', () => {
    const known = new Set(sections.map(({ name }) => name))
    const named = [...runbook.matchAll(/sections? ([a-z]+(?:-[a-z]+)+)/g)].map(([, name = '']) => name)
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !known.has(name))).toEqual([])
  })
})

test('runbook and operations ask for outputs and functions that a deployed stage has', () => {
  const outputs = Object.entries(stages.prod ?? {}).flatMap(([stack, template]) =>
    typeof template === 'object' ? Object.keys(template.Outputs).map((name) => `${stack} ${name}`) : [],
  )
  const text = runbook + readFileSync(join(root, 'docs/operations.md'), 'utf8')
  const asked = [...text.matchAll(/output ((?:data|service) \w+)/g)].map(([, output = '']) => output)
  const ofFunctions = [...text.matchAll(/(?:group|troubles|crashes|request) ([A-Z][a-z]\w+)/g)].map(
    ([, name]) => `service ${name}FunctionName`,
  )
  expect(Math.min(asked.length, ofFunctions.length)).toBeGreaterThan(10)
  expect([...asked, ...ofFunctions].filter((output) => !outputs.includes(output))).toEqual([])
})

test('the runbook looks at every function, and at every schedule by what it says', () => {
  for (const stage of ['dev', 'prod']) {
    const { Outputs } = serviceOf(stage)
    const functions = Object.keys(Outputs).flatMap((name) => /^(\w+)FunctionName$/.exec(name)?.[1] ?? [])
    const [, asked = ''] = /by_function\(\) \{ for name in ([\w ]+); do/.exec(runbook) ?? []
    expect(asked.split(' ').toSorted()).toEqual(functions.toSorted())
    const [, listed = ''] = /\nFunctions: ([^.]+)\./.exec(runbook) ?? []
    expect(listed.replaceAll('`', '').split(', ').toSorted()).toEqual(functions.toSorted())

    const schedules = resourcesOf(serviceOf(stage), 'AWS::Events::Rule').flatMap(
      ([, { Properties }]) => Properties.ScheduleExpression ?? [],
    )
    const textOf = (name: string) => sections.find((section) => section.name === name)?.text ?? ''
    for (const schedule of schedules) expect(textOf('announce-stopped')).toContain(`\`${schedule}\``)
    expect(textOf('retention-stopped')).toContain('`rate(1 hour)`, `ENABLED`')
    expect(schedules.toSorted()).toEqual(['rate(1 hour)', 'rate(1 minute)'])
  }
})

describe.each(stageNames)('in %s', (stage) => {
  const service = serviceOf(stage)
  const alarms = resourcesOf(service, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties)
  const loud = alarms.filter(({ AlarmActions }) => AlarmActions !== undefined)

  test('what rings and the sections of the runbook are the same', () => {
    const expected = sections.filter((section) => section.stages.includes(stage)).map(({ name }) => name)
    const prefix = `verified-wallets-${stage}-`
    const ringing = listRinging(service)
    expect(ringing.filter((name) => !name.startsWith(prefix))).toEqual([])
    expect(ringing.map((name) => name.slice(prefix.length)).toSorted()).toEqual(expected.toSorted())
  })

  test('each says in a sentence or two what is seen, and where to read on', () => {
    const described = [
      ...loud,
      ...resourcesOf(service, 'AWS::CloudWatch::CompositeAlarm').map(([, { Properties }]) => Properties),
    ]
    for (const { AlarmName, AlarmDescription } of described) {
      const name = String(AlarmName).replace(`verified-wallets-${stage}-`, '')
      expect(String(AlarmDescription)).toMatch(
        new RegExp(`^[A-Z].{30,200}\\. What to do: docs/runbook\\.md, section ${name}\\.$`),
      )
    }
  })

  test('alarms tell the topic alone, and do not tell it of silence or of quiet', () => {
    for (const alarm of loud) {
      expect(alarm.AlarmActions).toEqual([topic])
      expect(alarm).not.toHaveProperty('OKActions')
      expect(alarm).not.toHaveProperty('InsufficientDataActions')
      expect(alarm).not.toHaveProperty('ActionsEnabled')
    }
  })

  test('no data rings only where there must be some', () => {
    const ringing = alarms.filter(({ TreatMissingData }) => TreatMissingData !== 'notBreaching')
    expect(ringing.map(({ TreatMissingData }) => TreatMissingData).every((treat) => treat === 'breaching')).toBe(true)
    const names = ringing.map(({ AlarmName }) => String(AlarmName).replace(`verified-wallets-${stage}-`, ''))
    expect(names.toSorted()).toEqual(
      stage === 'local'
        ? ['announce-stopped', 'retention-stopped']
        : ['announce-stopped', 'brokers-unhealthy', 'retention-stopped'],
    )
  })

  test('alarms read what is written: names and dimensions of ours, and those of AWS as documented', () => {
    for (const read of alarms.flatMap(listMetrics)) {
      if (read.Namespace === metricNamespace) {
        expectWritten(read, stage)
        continue
      }
      const names = read.Dimensions.map(({ Name }) => Name).toSorted()
      expect(names, `${read.Namespace} ${read.MetricName}`).toEqual(documented[`${read.Namespace} ${read.MetricName}`])
    }
  })

  test('what must stay 0 rings at the first one within five minutes', () => {
    for (const metric of [
      'address_drift',
      'cross_check_failed',
      'account_indices_used_up',
      'vault_refused',
      'records_set_aside',
    ]) {
      expect(alarms.filter(({ MetricName }) => MetricName === metric)).toMatchObject([
        {
          ...{ Namespace: metricNamespace, Statistic: 'Sum', Period: 300, EvaluationPeriods: 1, Threshold: 1 },
          ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        },
      ])
    }
  })

  test('the topic is one, of a fixed logical id, since people subscribe to it, and an output says where', () => {
    expect(resourcesOf(service, 'AWS::SNS::Topic').map(([id]) => id)).toEqual(['AlarmTopic'])
    expect(service.Outputs.AlarmTopicArn).toMatchObject({ Value: topic })
  })

  test('the topic takes messages of services that ring, for this account, and of nobody else', () => {
    const policies = resourcesOf(service, 'AWS::SNS::TopicPolicy')
    expect(policies).toHaveLength(1)
    const policy = policies.flatMap(([, { Properties }]) => {
      expect((Properties.Topics as unknown[]).map((each) => write(each))).toEqual(['<AlarmTopic>'])
      return statements(Properties.PolicyDocument)
    })
    const account = stage === 'local' ? '000000000000' : '111122223333'
    const publishers = policy.filter(({ effect }) => effect === 'Allow')
    expect(publishers.map(({ principals }) => principals)).toEqual(
      stage === 'local'
        ? [['cloudwatch.amazonaws.com']]
        : [['cloudwatch.amazonaws.com'], ['events.amazonaws.com'], ['budgets.amazonaws.com']],
    )
    for (const { actions, resources, conditions } of publishers) {
      expect({ actions, resources }).toEqual({ actions: ['sns:Publish'], resources: ['<AlarmTopic>'] })
      expect(conditions).toMatchObject({ StringEquals: { 'aws:SourceAccount': account } })
      expect(JSON.stringify(conditions)).toMatch(
        /"ArnLike":\{"aws:SourceArn":"arn:aws:[a-z]+:[a-z0-9-]*:\d{12}:[a-z/:*]+"\}/,
      )
    }
    expect(policy.filter(({ effect }) => effect === 'Deny').map(({ conditions }) => conditions)).toEqual(
      stage === 'local' ? [] : [{ Bool: { 'aws:SecureTransport': 'false' } }],
    )
  })
})

describe.each(['dev', 'prod'])('the promises in %s', (stage) => {
  const service = serviceOf(stage)
  const windows = Object.fromEntries(
    resourcesOf(service, 'AWS::CloudWatch::Alarm').map(([id, { Properties }]) => [id, Properties]),
  )

  test.each([
    ['availability-burns-fast', 0.0144, [3600, 300]],
    ['availability-burns-slow', 0.006, [21_600, 1800]],
    ['wallets-in-time-burns-fast', 0.144, [3600, 300]],
    ['wallets-in-time-burns-slow', 0.06, [21_600, 1800]],
  ])('%s rings while a share of %f is bad in both windows', (name, threshold, periods) => {
    const composite = resourcesOf(service, 'AWS::CloudWatch::CompositeAlarm').find(
      ([, { Properties }]) => Properties.AlarmName === `verified-wallets-${stage}-${name}`,
    )
    const rule = JSON.stringify(composite?.[1].Properties.AlarmRule)
    expect(rule).toContain('AND')
    const parts = [...rule.matchAll(/\["(\w+)","Arn"\]/g)].map(([, id = '']) => windows[id])
    expect(parts.map((part) => part?.AlarmActions)).toEqual([undefined, undefined])
    expect(parts.map((part) => Number(Number(part?.Threshold).toFixed(6)))).toEqual([threshold, threshold])
    const read = parts.map((part) =>
      ((part?.Metrics ?? []) as { MetricStat?: { Period: number } }[]).flatMap((each) => each.MetricStat?.Period ?? []),
    )
    expect(read).toEqual(periods.map((period) => [period, period]))
  })
})

test('the budget of a stage tells at 80 % spent and at all of it forecast', () => {
  for (const [stage, amount] of Object.entries({ dev: 450, prod: 2000 })) {
    expect(resourcesOf(serviceOf(stage), 'AWS::Budgets::Budget').map(([, { Properties }]) => Properties)).toMatchObject(
      [
        {
          Budget: { BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: amount, Unit: 'USD' } },
          NotificationsWithSubscribers: [
            { Notification: { NotificationType: 'ACTUAL', Threshold: 80 } },
            { Notification: { NotificationType: 'FORECASTED', Threshold: 100 } },
          ],
        },
      ],
    )
  }
})

test('the mapping writes the groups of metrics that alarms read', () => {
  for (const stage of ['dev', 'prod']) {
    const mappings = resourcesOf(serviceOf(stage), 'AWS::Lambda::EventSourceMapping').map(
      ([, { Properties }]) => Properties,
    )
    expect(mappings.filter(({ ProvisionedPollerConfig }) => ProvisionedPollerConfig !== undefined)).toMatchObject([
      { MetricsConfig: { Metrics: ['EventCount', 'ErrorCount', 'KafkaMetrics'] } },
    ])
  }
})
