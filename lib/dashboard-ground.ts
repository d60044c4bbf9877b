// The charts of the dashboard's bottom row, as data.
import { Stats } from 'aws-cdk-lib/aws-cloudwatch'
import type { Chart } from './dashboard-charts.ts'
import type { ServiceMetrics } from './service-metrics.ts'

/** The bottom row: what it runs on, and what drives the bill. */
export function chartGround(metrics: ServiceMetrics): readonly Chart[] {
  const { stage, kafka, databaseCluster } = metrics.watched
  const charts: Chart[] = [
    {
      title: 'Cost: invocations; openings of the vault (KMS) at the right',
      left: (['intake', 'inspect', 'verification', 'wallet', 'announce', 'read'] as const).map((name) =>
        metrics.function(name, 'Invocations', { label: name }),
      ),
      right: [metrics.own('wallet', 'vault_opened', { label: 'vault opened' })],
    },
    { title: 'Cost: documents stored (bytes)', left: [metrics.documentBytes()] },
  ]
  if (kafka) {
    const numbers = Array.from({ length: kafka.brokers }, (_, index) => index + 1)
    const disk = stage.kafka.kind === 'msk' && stage.kafka.storageGib !== undefined
    charts.push({
      title: disk ? 'Kafka: disk used (%)' : 'Cost: Kafka, bytes stored',
      left: disk
        ? numbers.map((number) => metrics.broker(kafka, number, 'KafkaDataLogsDiskUsed', { statistic: Stats.MAXIMUM }))
        : [metrics.cluster(kafka, 'StorageUsed', { statistic: Stats.MAXIMUM, label: 'stored' })],
      right: [metrics.trigger(kafka, 'EventPollerUnit', { label: 'event poller units' })],
    })
  }
  if (databaseCluster !== undefined && stage.database.kind === 'aurora') {
    charts.push({
      title: 'Database: connections; capacity units at the right',
      left: [
        metrics.database(databaseCluster, 'DatabaseConnections', { statistic: Stats.MAXIMUM, label: 'connections' }),
      ],
      right: [
        metrics.database(databaseCluster, 'ServerlessDatabaseCapacity', {
          statistic: Stats.AVERAGE,
          label: 'capacity',
        }),
      ],
      line: { value: stage.database.maximumConnections, label: 'all that it takes' },
    })
  }
  return charts
}
