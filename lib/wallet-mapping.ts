// What calls the wallet function for records of Kafka: Lambda's event source mapping, with the settings that the local
// trigger has as well.
import { Duration } from 'aws-cdk-lib'
import { EventSourceMapping, MetricType, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { KafkaDlq } from 'aws-cdk-lib/aws-lambda-event-sources'
import { Construct } from 'constructs'
import type { MskCluster } from './msk-cluster.ts'
import type { ServiceFunction } from './service-function.ts'
import type { MskKafka, WalletTrigger } from './stage.ts'

export interface WalletMappingProps {
  readonly walletTrigger: WalletTrigger
  readonly kafka: MskKafka
  readonly cluster: MskCluster
  readonly wallet: ServiceFunction<Record<string, string>>
}

/**
 * The mapping. Without a filter: Lambda takes what a filter leaves out for done, and tells nobody; records that are not
 * ours are the function's to set aside.
 */
export class WalletMapping extends Construct {
  readonly mapping: EventSourceMapping

  constructor(scope: Construct, id: string, props: WalletMappingProps) {
    super(scope, id)
    const { walletTrigger, kafka, cluster, wallet } = props
    this.mapping = new EventSourceMapping(this, 'Mapping', {
      target: wallet.function,
      eventSourceArn: cluster.cluster.attrArn,
      kafkaTopic: walletTrigger.topic,
      kafkaConsumerGroupId: walletTrigger.consumerGroupId,
      // Of a group that has committed nothing yet. A new group starts over, and issues nothing twice.
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: walletTrigger.batchSize,
      maxBatchingWindow: Duration.seconds(walletTrigger.maximumBatchingWindowSeconds),
      // Provisioned mode: partial responses, bisecting and bounds on retries are unknown to the other one.
      provisionedPollerConfig: {
        minimumPollers: kafka.pollers.minimum,
        maximumPollers: kafka.pollers.maximum,
      },
      reportBatchItemFailures: true,
      bisectBatchOnError: walletTrigger.bisectBatchOnFunctionError,
      retryAttempts: walletTrigger.maximumRetryAttempts,
      maxRecordAge: Duration.seconds(walletTrigger.maximumRecordAgeSeconds),
      onFailure: new KafkaDlq(walletTrigger.onFailureTopic),
      // Without these, alarms on lag, dead letters and errors would wait for metrics that nobody writes.
      metricsConfig: { metrics: [MetricType.EVENT_COUNT, MetricType.ERROR_COUNT, MetricType.KAFKA_METRICS] },
    })
    // Lambda tries the role's permissions when the mapping is made.
    this.mapping.node.addDependency(wallet.function)
  }
}
