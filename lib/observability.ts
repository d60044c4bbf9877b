// What lets people see the stage and wakes them: the topic, the alarms, the promises, the rules on the vault, the budget
// and the dashboard.
import type { RestApi } from 'aws-cdk-lib/aws-apigateway'
import type { Topic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { AlarmTopic } from './alarm-topic.ts'
import { Alarms } from './alarms.ts'
import { AuditRules } from './audit-rules.ts'
import { CostBudget } from './cost-budget.ts'
import { Dashboard } from './dashboard.ts'
import type { DataStack } from './data-stack.ts'
import { Objectives } from './objectives.ts'
import type { AnyFunction } from './service-function.ts'
import { type DeployedFunctions, ServiceMetrics, type WatchedKafka } from './service-metrics.ts'
import type { Stage } from './stage.ts'
import type { WalletMapping } from './wallet-mapping.ts'

export interface ObservabilityProps {
  readonly stage: Stage
  readonly data: DataStack
  readonly api: RestApi
  readonly functions: DeployedFunctions & { readonly wallet: AnyFunction }
  /** Undefined: no mapping of Lambda's polls Kafka. */
  readonly mapping: WalletMapping | undefined
}

export class Observability extends Construct {
  readonly topic: Topic

  constructor(scope: Construct, id: string, props: ObservabilityProps) {
    super(scope, id)
    const { stage, data, api, functions } = props
    const metrics = new ServiceMetrics({
      ...{ stage, api, functions, documents: data.documents },
      kafka: this.watchKafka(props),
      databaseCluster: data.database.aurora?.cluster.clusterIdentifier,
    })
    const topic = new AlarmTopic(this, 'AlarmTopic', { stage })
    this.topic = topic.topic

    const { alarms } = new Alarms(this, 'Alarms', { metrics, topic })
    const promises = stage.oversight && new Objectives(this, 'Objectives', { metrics, topic })
    if (stage.oversight) new CostBudget(this, 'Cost', { stage, oversight: stage.oversight, topic })
    if (data.trail) {
      const { trail, vault } = data
      new AuditRules(this, 'AuditRules', { stage, topic, trail, vault, wallet: functions.wallet })
    }
    new Dashboard(this, 'Dashboard', { metrics, alarms: [...(promises?.alarms ?? []), ...alarms] })
  }

  private watchKafka({ stage: { kafka }, data, mapping }: ObservabilityProps): WatchedKafka | undefined {
    if (kafka.kind !== 'msk' || data.kafka === undefined || mapping === undefined) return undefined
    return {
      cluster: data.kafka.cluster.clusterName,
      brokers: kafka.brokers,
      mappingId: mapping.mapping.eventSourceMappingId,
    }
  }
}
