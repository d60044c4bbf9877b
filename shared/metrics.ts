// The metrics: counts in CloudWatch's embedded metric format, one line on standard output. Never a user, an address or a key.
import { MetricUnit, Metrics as Powertools } from '@aws-lambda-powertools/metrics'

export const metricNamespace = 'verified-wallets'

/** What each function counts. A new one is added here, where a reviewer sees it. */
export const metricNames = {
  wallet: ['account_index_gaps', 'account_indices_used_up', 'address_drift', 'cross_check_failed'],
} as const satisfies Record<string, readonly string[]>
export type MeasuredFunction = keyof typeof metricNames
export type WalletMetric = (typeof metricNames)['wallet'][number]

export type Metrics<Name extends string> = {
  /** Adds to a metric of this invocation; nothing, when the value is 0. */
  readonly count: (metric: Name, value: number) => void
  /** Writes what was counted since the last time, and no line at all when nothing was. */
  readonly flush: () => void
}

/** The dimensions by which a function's metrics are found: alarms must ask for exactly these. */
export function toDimensions(service: MeasuredFunction, stage: string): { service: string; stage: string } {
  return { service, stage }
}

/** The metrics of one function in one stage. */
export function createMetrics<Service extends MeasuredFunction>(
  service: Service,
  stage: string,
): Metrics<(typeof metricNames)[Service][number]> {
  const { service: serviceName, ...defaultDimensions } = toDimensions(service, stage)
  const metrics = new Powertools({ namespace: metricNamespace, serviceName, defaultDimensions })
  return {
    count: (metric, value) => {
      if (value !== 0) metrics.addMetric(metric, MetricUnit.Count, value)
    },
    flush: () => {
      // Without this question Powertools warns in the log that there is nothing.
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics()
    },
  }
}

/** A handler that flushes the metrics at its end, also when it throws: what failed is what alarms are for. */
export function flushAfter<Event, Result>(
  metrics: { readonly flush: () => void },
  handle: (event: Event) => Promise<Result>,
): (event: Event) => Promise<Result> {
  return async (event) => {
    try {
      return await handle(event)
    } finally {
      metrics.flush()
    }
  }
}
