// The alarms on the MSK cluster of a stage, and on Lambda's trigger that polls it.
import { Duration } from 'aws-cdk-lib'
import { MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch'
import type { AlarmDefinition } from './alarm-definition.ts'
import type { ServiceMetrics, WatchedKafka } from './service-metrics.ts'

/** Of each broker, in one expression. */
function overBrokers(metrics: ServiceMetrics, kafka: WatchedKafka, ...parameters: Combined): MathExpression {
  const [metricName, statistic, combine, label] = parameters
  const numbers = Array.from({ length: kafka.brokers }, (_, index) => index + 1)
  return new MathExpression({
    expression: combine(numbers.map((number) => `broker${number}`)),
    usingMetrics: Object.fromEntries(
      numbers.map((number) => [`broker${number}`, metrics.broker(kafka, number, metricName, { statistic })]),
    ),
    label,
    period: Duration.minutes(5),
  })
}
type Combined = [
  metricName: 'CpuIdle' | 'KafkaDataLogsDiskUsed',
  statistic: string,
  combine: (brokers: readonly string[]) => string,
  label: string,
]

export function defineKafkaAlarms(metrics: ServiceMetrics, kafka: WatchedKafka): readonly AlarmDefinition[] {
  const errors = [
    'PollingErrorCount',
    'InvokeErrorCount',
    'CommitErrorCount',
    'OnFailureDestinationDeliveryErrorCount',
  ] as const
  const isOurDisk = metrics.watched.stage.kafka.kind === 'msk' && metrics.watched.stage.kafka.storageGib !== undefined
  return [
    {
      name: 'consumer-lag',
      meaning: 'A verified user has waited 5 minutes for the wallet function to take the record, for 15 minutes.',
      metric: metrics.consumerGroup(kafka, 'EstimatedMaxTimeLag', { statistic: Stats.MAXIMUM }),
      threshold: 300,
      periods: 3,
    },
    {
      name: 'dead-letter-topic',
      meaning:
        'Records failed 11 times, or crashed the function each time, and were set aside in the dead-letter topic. The sweep announces their users again.',
      metric: metrics.trigger(kafka, 'OnFailureDestinationDeliveredEventCount'),
      threshold: 1,
    },
    {
      name: 'dropped-records',
      meaning: 'Lambda gave up records and could not set them aside either. They are still in the topic, for a week.',
      metric: metrics.trigger(kafka, 'DroppedEventCount'),
      threshold: 1,
    },
    {
      name: 'trigger-errors',
      meaning: "Lambda's pollers cannot read, invoke, commit or set aside, for 10 minutes. Records stay in the topic.",
      metric: new MathExpression({
        expression: `SUM([${errors.map((name) => name.toLowerCase()).join(', ')}])`,
        usingMetrics: Object.fromEntries(errors.map((name) => [name.toLowerCase(), metrics.trigger(kafka, name)])),
        label: 'errors of the pollers',
        period: Duration.minutes(5),
      }),
      threshold: 1,
      periods: 2,
    },
    {
      name: 'brokers-unhealthy',
      meaning: 'A broker has told nothing for 15 minutes. The others serve; one more, and records are not taken.',
      metric: overBrokers(metrics, kafka, 'CpuIdle', Stats.SAMPLE_COUNT, countReporting, 'brokers that report'),
      threshold: kafka.brokers,
      ringsBelow: true,
      periods: 3,
    },
    ...(isOurDisk
      ? [
          {
            name: 'kafka-disk',
            meaning: 'The disk of a broker is full to 80 %. When it is full, the broker stops.',
            metric: overBrokers(metrics, kafka, 'KafkaDataLogsDiskUsed', Stats.MAXIMUM, toMaximum, 'fullest disk'),
            threshold: 80,
          },
        ]
      : []),
  ]
}

const countReporting = (brokers: readonly string[]) => brokers.map((id) => `IF(FILL(${id}, 0) > 0, 1, 0)`).join(' + ')
const toMaximum = (brokers: readonly string[]) => `MAX([${brokers.join(', ')}])`
