// What is promised (docs/slo.md), and the alarms on how fast the promise is being used up.
import { Duration } from 'aws-cdk-lib'
import {
  Alarm,
  AlarmRule,
  AlarmState,
  ComparisonOperator,
  CompositeAlarm,
  MathExpression,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { Construct } from 'constructs'
import type { AlarmTopic } from './alarm-topic.ts'
import { describeAlarm, toAlarmName } from './alarms.ts'
import type { ServiceMetrics } from './service-metrics.ts'

export interface ObjectivesProps {
  readonly metrics: ServiceMetrics
  readonly topic: AlarmTopic
}

interface Objective {
  readonly name: string
  /** The share of all that must be good, over 30 days. */
  readonly share: number
  readonly meaning: string
  readonly readBad: (period: Duration) => Metric
  readonly readAll: (period: Duration) => Metric
}

/**
 * How many times as fast as the promise allows, seen over a long window and still over a short one, so that an alarm ends
 * soon after its cause: 2 % of what 30 days allow in one hour, and 5 % in six.
 */
const burns = [
  { name: 'fast', rate: 14.4, long: Duration.hours(1), short: Duration.minutes(5) },
  { name: 'slow', rate: 6, long: Duration.hours(6), short: Duration.minutes(30) },
] as const

/** Fewer bad ones in the long window wake nobody: of ten requests at night one may fail. */
const fewestBad = 5

function listObjectives(metrics: ServiceMetrics): readonly Objective[] {
  return [
    {
      name: 'availability',
      share: 0.999,
      meaning: 'More requests are answered with 5xx than the promise of 99.9 % allows for long',
      readBad: (period) => metrics.api('5XXError', { period }),
      readAll: (period) => metrics.api('Count', { period }),
    },
    {
      name: 'wallets-in-time',
      share: 0.99,
      meaning: 'More wallets come later than 60 seconds after the POST than the promise of 99 % allows for long',
      readBad: (period) => metrics.own('announce', 'wallets_late', { period }),
      readAll: (period) => metrics.own('announce', 'wallet_milliseconds', { period, statistic: Stats.SAMPLE_COUNT }),
    },
  ]
}

/** For each objective and speed: an alarm that rings while both windows burn. */
export class Objectives extends Construct {
  readonly alarms: readonly CompositeAlarm[]

  constructor(scope: Construct, id: string, props: ObjectivesProps) {
    super(scope, id)
    const { metrics, topic } = props
    const stage = metrics.watched.stage.name
    this.alarms = listObjectives(metrics).flatMap((objective) =>
      burns.map((burn) => {
        const name = `${objective.name}-burns-${burn.name}`
        const threshold = burn.rate * (1 - objective.share)
        const windows = [
          this.watch(stage, name, objective, threshold, burn.long),
          this.watch(stage, name, objective, threshold, burn.short),
        ]
        const alarm = new CompositeAlarm(this, name, {
          compositeAlarmName: toAlarmName(stage, name),
          alarmDescription: describeAlarm(
            name,
            `${objective.meaning}: at this speed the promise of 30 days is used up in ${Math.round(30 / burn.rate)} days.`,
          ),
          alarmRule: AlarmRule.allOf(...windows.map((window) => AlarmRule.fromAlarm(window, AlarmState.ALARM))),
        })
        alarm.addAlarmAction(new SnsAction(topic.topic))
        return alarm
      }),
    )
  }

  /** The share of bad ones in one window; tells nobody by itself. */
  private watch(stage: string, name: string, objective: Objective, threshold: number, period: Duration): Alarm {
    const window = `${name}-${period.toMinutes()}m`
    return new Alarm(this, window, {
      alarmName: toAlarmName(stage, window),
      alarmDescription: `One window of ${name}.`,
      metric: new MathExpression({
        expression: period.toMinutes() >= 60 ? `IF(bad >= ${fewestBad}, bad / all, 0)` : 'bad / all',
        usingMetrics: { bad: objective.readBad(period), all: objective.readAll(period) },
        label: 'share of bad ones',
        period,
      }),
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
  }
}
