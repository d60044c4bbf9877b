// Every metric that alarms and dashboard read: those of the functions by the names that they write, those of AWS by the
// names in its documentation. What is too much or too little is not known here.
import { Duration } from 'aws-cdk-lib'
import type { RestApi } from 'aws-cdk-lib/aws-apigateway'
import { MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch'
import {
  type DimensionsOf,
  type MeasuredFunction,
  type MetricOf,
  metricNamespace,
  toDimensions,
} from '../shared/metrics.ts'
import type { FunctionName } from './bundle.ts'
import type { DocumentBucket } from './document-bucket.ts'
import type { AnyFunction } from './service-function.ts'
import type { Stage } from './stage.ts'

/** By the name of the function; undefined where the stage has it not. */
export type DeployedFunctions = Readonly<Partial<Record<FunctionName, AnyFunction | undefined>>>

/** What a stage has beside functions and queue, by the names that its metrics carry. */
export interface Watched {
  readonly stage: Stage
  readonly api: RestApi
  readonly functions: DeployedFunctions
  readonly documents: DocumentBucket
  /** Undefined: Kafka is somebody else's, and so are its metrics. */
  readonly kafka: WatchedKafka | undefined
  /** Undefined: the database is somebody else's. */
  readonly databaseCluster: string | undefined
}

export interface WatchedKafka {
  readonly cluster: string
  /** They are numbered from 1. */
  readonly brokers: number
  /** The event source mapping of the wallet function. */
  readonly mappingId: string
}

/** Names as in AWS's documentation of each service's metrics. */
const awsMetrics = {
  'AWS/ApiGateway': ['Count', '4XXError', '5XXError', 'Latency'],
  'AWS/Kafka': ['CpuIdle', 'EstimatedMaxTimeLag', 'KafkaDataLogsDiskUsed', 'StorageUsed', 'BytesInPerSec'],
  'AWS/Lambda': [
    ...(['Invocations', 'Errors', 'Throttles', 'Duration'] as const),
    // Of event source mappings, where the mapping's configuration asks for the groups EventCount, ErrorCount, KafkaMetrics.
    ...(['DroppedEventCount', 'OnFailureDestinationDeliveredEventCount', 'SumOffsetLag'] as const),
    ...(['PollingErrorCount', 'InvokeErrorCount', 'CommitErrorCount'] as const),
    ...(['OnFailureDestinationDeliveryErrorCount', 'EventPollerUnit'] as const),
  ],
  'AWS/RDS': [
    ...(['ACUUtilization', 'ServerlessDatabaseCapacity', 'DatabaseConnections'] as const),
    ...(['MaximumUsedTransactionIDs', 'VolumeBytesUsed'] as const),
  ],
  'AWS/S3': ['BucketSizeBytes'],
  'AWS/WAFV2': ['BlockedRequests'],
  'AWS/SQS': ['ApproximateAgeOfOldestMessage', 'ApproximateNumberOfMessagesVisible'],
} as const
type AwsNamespace = keyof typeof awsMetrics
type AwsMetric<Namespace extends AwsNamespace> = (typeof awsMetrics)[Namespace][number]

/** `statistic`: the sum of five minutes unless said. */
interface Reading {
  readonly statistic?: string
  readonly period?: Duration
  readonly label?: string
}

/** The metrics of one stage. */
export class ServiceMetrics {
  readonly watched: Watched

  constructor(watched: Watched) {
    this.watched = watched
  }

  /** One that a function writes, for one value of each dimension that it has. */
  own<Service extends MeasuredFunction, Name extends MetricOf<Service>>(
    service: Service,
    metricName: Name,
    reading: Reading & { readonly dimensions?: DimensionsOf<Service, Name> } = {},
  ): Metric {
    const { dimensions, ...rest } = reading
    const dimensionsMap = { ...toDimensions(service, this.watched.stage.name), ...dimensions }
    return this.read(metricNamespace, metricName, dimensionsMap, rest)
  }

  /** One that a function writes, a line for each combination of its dimensions; for dashboards, alarms cannot. */
  ownByDimension<Service extends MeasuredFunction, Name extends MetricOf<Service>>(
    service: Service,
    metricName: Name,
    dimensions: readonly (keyof DimensionsOf<Service, Name> & string)[],
  ): MathExpression {
    const own = toDimensions(service, this.watched.stage.name)
    // In quotes, as a search wants names that have a hyphen.
    const schema = [`"${metricNamespace}"`, ...Object.keys(own), ...dimensions].join(',')
    const terms = Object.entries({ MetricName: metricName, ...own }).map(([key, value]) => `${key}="${value}"`)
    return new MathExpression({
      expression: `SEARCH('{${schema}} ${terms.join(' ')}', 'Sum', 300)`,
      label: '',
      period: Duration.minutes(5),
    })
  }

  api(metricName: AwsMetric<'AWS/ApiGateway'>, reading?: Reading): Metric {
    const { stage, api } = this.watched
    return this.readAws('AWS/ApiGateway', metricName, { ApiName: api.restApiName, Stage: stage.name }, reading)
  }

  function(name: FunctionName, metricName: AwsMetric<'AWS/Lambda'>, reading?: Reading): Metric {
    const deployed = this.watched.functions[name]
    if (deployed === undefined) throw new Error(`expected a function of the stack; got ${name}`)
    return this.readAws('AWS/Lambda', metricName, { FunctionName: deployed.function.functionName }, reading)
  }

  /** Of several functions together: CloudWatch adds up to ten. */
  functions(names: readonly FunctionName[], metricName: AwsMetric<'AWS/Lambda'>, label: string): MathExpression {
    const usingMetrics = Object.fromEntries(
      names.map((name) => [name, this.function(name, metricName, { label: name })]),
    )
    return new MathExpression({
      expression: `SUM([${Object.keys(usingMetrics).join(', ')}])`,
      usingMetrics,
      label,
      period: Duration.minutes(5),
    })
  }

  queue(which: 'queue' | 'deadLetterQueue', metricName: AwsMetric<'AWS/SQS'>, reading?: Reading): Metric {
    return this.readAws('AWS/SQS', metricName, { QueueName: this.watched.documents[which].queueName }, reading)
  }

  /** Of the event source mapping that polls Kafka. */
  trigger(kafka: WatchedKafka, metricName: AwsMetric<'AWS/Lambda'>, reading?: Reading): Metric {
    return this.readAws('AWS/Lambda', metricName, { EventSourceMappingUUID: kafka.mappingId }, reading)
  }

  cluster(kafka: WatchedKafka, metricName: AwsMetric<'AWS/Kafka'>, reading?: Reading): Metric {
    return this.readAws('AWS/Kafka', metricName, { 'Cluster Name': kafka.cluster }, reading)
  }

  broker(kafka: WatchedKafka, number: number, metricName: AwsMetric<'AWS/Kafka'>, reading?: Reading): Metric {
    const dimensions = { 'Cluster Name': kafka.cluster, 'Broker ID': String(number) }
    return this.readAws('AWS/Kafka', metricName, dimensions, { label: `broker ${number}`, ...reading })
  }

  /** Of the wallet function's consumer group. */
  consumerGroup(kafka: WatchedKafka, metricName: AwsMetric<'AWS/Kafka'>, reading?: Reading): Metric {
    const { consumerGroupId, topic } = this.watched.stage.walletTrigger
    const dimensions = { 'Cluster Name': kafka.cluster, 'Consumer Group': consumerGroupId, Topic: topic }
    return this.readAws('AWS/Kafka', metricName, dimensions, reading)
  }

  database(cluster: string, metricName: AwsMetric<'AWS/RDS'>, reading?: Reading): Metric {
    return this.readAws('AWS/RDS', metricName, { DBClusterIdentifier: cluster }, reading)
  }

  /** By all rules of the firewall before the API. */
  firewall(reading?: Reading): Metric {
    const { name, region } = this.watched.stage
    const dimensions = { WebACL: `verified-wallets-${name}`, Region: region, Rule: 'ALL' }
    return this.readAws('AWS/WAFV2', 'BlockedRequests', dimensions, reading)
  }

  /** Told once a day. */
  documentBytes(): Metric {
    const dimensions = { BucketName: this.watched.documents.bucket.bucketName, StorageType: 'StandardStorage' }
    const reading = { statistic: Stats.AVERAGE, period: Duration.days(1), label: 'documents' }
    return this.readAws('AWS/S3', 'BucketSizeBytes', dimensions, reading)
  }

  private readAws<Namespace extends AwsNamespace>(
    namespace: Namespace,
    metricName: AwsMetric<Namespace>,
    dimensionsMap: Record<string, string>,
    reading?: Reading,
  ): Metric {
    return this.read(namespace, metricName, dimensionsMap, reading)
  }

  private read(
    namespace: string,
    metricName: string,
    dimensionsMap: Record<string, string>,
    { statistic = Stats.SUM, period = Duration.minutes(5), label }: Reading = {},
  ): Metric {
    return new Metric({
      namespace,
      metricName,
      dimensionsMap,
      statistic,
      period,
      ...(label === undefined ? {} : { label }),
    })
  }
}
