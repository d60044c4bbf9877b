// The alarms on the Aurora cluster of a stage. Its storage grows by itself: there is no free space to watch.
import { Stats } from 'aws-cdk-lib/aws-cloudwatch'
import type { AlarmDefinition } from './alarm-definition.ts'
import type { ServiceMetrics } from './service-metrics.ts'

/** PostgreSQL stops writing at 2 thousand million transactions that no vacuum froze; there is a week's way left at half. */
const halfWayToWraparound = 1_000_000_000

export function defineDatabaseAlarms(
  metrics: ServiceMetrics,
  cluster: string,
  maximumConnections: number,
): readonly AlarmDefinition[] {
  return [
    {
      name: 'database-capacity',
      meaning: 'The database has used 90 % of the capacity that it may scale to, for 15 minutes. It becomes slow.',
      metric: metrics.database(cluster, 'ACUUtilization', { statistic: Stats.AVERAGE }),
      threshold: 90,
      periods: 3,
    },
    {
      name: 'database-connections',
      meaning: 'The database has 80 % of the connections that it takes. At 100 % functions answer 503.',
      metric: metrics.database(cluster, 'DatabaseConnections', { statistic: Stats.MAXIMUM }),
      threshold: Math.floor(maximumConnections * 0.8),
    },
    {
      name: 'database-transaction-ids',
      meaning: 'The database does not freeze old rows: in some days or weeks it would stop to take writes.',
      metric: metrics.database(cluster, 'MaximumUsedTransactionIDs', { statistic: Stats.MAXIMUM }),
      threshold: halfWayToWraparound,
    },
  ]
}
