// What wakes a person: the alarms of a stage, each with its section in docs/runbook.md.
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { Construct } from 'constructs'
import type { AlarmDefinition } from './alarm-definition.ts'
import type { AlarmTopic } from './alarm-topic.ts'
import { defineDatabaseAlarms } from './database-alarms.ts'
import { defineFlowAlarms } from './flow-alarms.ts'
import { defineFunctionAlarms } from './function-alarms.ts'
import { defineKafkaAlarms } from './kafka-alarms.ts'
import type { ServiceMetrics } from './service-metrics.ts'
import { defineVaultAlarms } from './vault-alarms.ts'

export interface AlarmsProps {
  readonly metrics: ServiceMetrics
  readonly topic: AlarmTopic
}

/** What an alarm says, within the 1024 characters that CloudWatch takes. */
export const describeAlarm = (name: string, meaning: string): string =>
  `${meaning} What to do: docs/runbook.md, section ${name}.`

/** The name of an alarm or rule in AWS. */
export const toAlarmName = (stage: string, name: string): string => `verified-wallets-${stage}-${name}`

/** One alarm a definition. A return to "OK" is not told: it may only mean that nothing came in for five minutes. */
export class Alarms extends Construct {
  readonly alarms: readonly Alarm[]

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id)
    const { metrics, topic } = props
    const { stage, kafka, databaseCluster } = metrics.watched
    const definitions = [
      ...defineFlowAlarms(metrics),
      ...defineVaultAlarms(metrics),
      ...(stage.oversight ? defineFunctionAlarms(metrics) : []),
      ...(kafka ? defineKafkaAlarms(metrics, kafka) : []),
      ...(databaseCluster !== undefined && stage.database.kind === 'aurora'
        ? defineDatabaseAlarms(metrics, databaseCluster, stage.database.maximumConnections)
        : []),
    ]
    this.alarms = definitions.map((definition) => {
      const alarm = this.makeAlarm(stage.name, definition)
      alarm.addAlarmAction(new SnsAction(topic.topic))
      return alarm
    })
  }

  private makeAlarm(stage: string, { name, meaning, metric, threshold, ringsBelow, periods }: AlarmDefinition): Alarm {
    return new Alarm(this, name, {
      alarmName: toAlarmName(stage, name),
      alarmDescription: describeAlarm(name, meaning),
      metric,
      threshold,
      comparisonOperator: ringsBelow
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: periods ?? 1,
      // Nothing is written when nothing is counted; what must always be there rings when it is not.
      treatMissingData: ringsBelow ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    })
  }
}
