// What an alarm is, as data: the lists of alarms are made of it.
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch'

export interface AlarmDefinition {
  /** Kebab case. The section of docs/runbook.md has the same name. */
  readonly name: string
  /** One or two sentences for whoever is woken: what is seen, and what it costs meanwhile. */
  readonly meaning: string
  readonly metric: IMetric
  /** The alarm rings at this value and above it. */
  readonly threshold: number
  /** Rings below the threshold instead, and also when there is no data at all. */
  readonly ringsBelow?: boolean
  /** For how many periods of the metric on end; 1 unless said. */
  readonly periods?: number
}
