// The metrics: CloudWatch's embedded metric format, mostly one line an invocation. Never a user, an address or a key.
import { MetricUnit, Metrics as Powertools } from '@aws-lambda-powertools/metrics'

export const metricNamespace = 'verified-wallets'

/** Within how many seconds of the POST a wallet is promised. The objective and its alarms are in lib/objectives.ts. */
export const promisedSeconds = 60

/** `limited`: 429, of the caller's own bucket or of a user's attempts; `failed`: any 5xx. */
const outcomes = ['ok', 'refused', 'limited', 'failed'] as const
export type Outcome = (typeof outcomes)[number]

/** Method and resource, as API Gateway names them. */
const routes = [
  ...(['POST /verify', 'GET /verify/{verification_id}', 'POST /wallet/{user_id}', 'GET /wallet/{user_id}'] as const),
  ...(['POST /verify/uploads', 'GET /addresses/{address}', 'GET /health', 'GET /health/checks', 'other'] as const),
  ...(['DELETE /verify/{verification_id}/document', 'PUT /verify/{verification_id}/legal-hold'] as const),
  ...(['DELETE /verify/{verification_id}/legal-hold'] as const),
] as const
export type Route = (typeof routes)[number]

const requests = { route: routes, outcome: outcomes } as const

/** `passed`; the codes of reasons for a rejection; `lost`: there was no document any more. */
const verdictReasons = [
  ...(['passed', 'empty', 'too_large', 'unsupported_type', 'truncated', 'hidden_content'] as const),
  ...(['undecodable_image', 'too_many_pixels', 'animated', 'too_small'] as const),
  ...(['blank', 'too_dark', 'too_bright', 'blurred'] as const),
  ...([
    'undecodable_pdf',
    'password_protected',
    'active_content',
    'no_page',
    'too_many_pages',
    'missing_fonts',
    'too_complex',
  ] as const),
  ...(['inspection_failed', 'altered_document', 'lost', 'other'] as const),
] as const
export type VerdictReason = (typeof verdictReasons)[number]

const tokenRefusals = [
  ...(['not_configured', 'too_large', 'malformed', 'algorithm', 'unknown_key', 'signature'] as const),
  ...(['issuer', 'audience', 'expired', 'not_yet_valid', 'claims'] as const),
] as const

/**
 * Everything that is measured: function, metric, and each dimension of the metric with all the values that it may have.
 * Each combination of values is a metric that CloudWatch bills. A new name is added here, where a reviewer sees it; its
 * unit is its ending, `milliseconds` or `seconds`, else it is a count.
 */
export const measured = {
  authorize: { tokens_accepted: {}, tokens_refused: { reason: tokenRefusals }, tokens_not_checked: {} },
  intake: { requests },
  read: { requests, wallet_reads: { answered_by: ['cache', 'cached_absence', 'database'] } },
  erase: {
    ...{ requests, documents_erased: { because: ['request', 'retention'] } },
    ...{ retention_sweeps: {}, erasure_overdue_seconds: {} },
  },
  inspect: {
    documents_inspected: { outcome: ['passed', 'rejected', 'absent', 'unreadable', 'crashed', 'not_kept'] },
  },
  verification: {
    ...{ verdicts: { reason: verdictReasons }, documents_not_verified: {}, verdict_milliseconds: {} },
    documents_shared: {},
  },
  wallet: {
    ...{ wallets_issued: {}, records_repeated: {}, records_set_aside: {}, records_retried: {} },
    ...{ vault_empty: {}, vault_refused: {}, vault_opened: {} },
    ...{ account_index_gaps: {}, account_indices_used_up: {}, address_drift: {}, cross_check_failed: {} },
  },
  announce: {
    ...{ verifications_announced: {}, wallets_announced: {}, records_released: {} },
    ...{ wallet_milliseconds: {}, wallets_late: {} },
    ...{ verifications_republished: {}, documents_requeued: {} },
    ...{ backlog: {}, backlog_seconds: {}, records_waiting: {}, waiting_seconds: {} },
    ...{ wallets_overdue: {}, wallets_overdue_seconds: {}, wallets_given_up: {} },
    ...{ verdicts_overdue: {}, verdicts_overdue_seconds: {}, verdicts_given_up: {} },
    ...{ vault_failing: {}, kafka_failing: {}, documents_failing: {} },
  },
} as const satisfies Record<string, Record<string, Record<string, readonly string[]>>>

type Measured = typeof measured
export type MeasuredFunction = keyof Measured
export type MetricOf<Service extends MeasuredFunction> = keyof Measured[Service] & string
export type WalletMetric = MetricOf<'wallet'>

/** One value for each dimension of a metric. */
export type DimensionsOf<Service extends MeasuredFunction, Metric extends MetricOf<Service>> = {
  readonly [Name in keyof Measured[Service][Metric]]: Measured[Service][Metric][Name] extends readonly (infer Value)[]
    ? Value
    : never
}

/** Nothing where a metric has no dimensions. */
type Given<Dimensions> = keyof Dimensions extends never ? [] : [dimensions: Dimensions]

export type Metrics<Service extends MeasuredFunction> = {
  /** Adds to a metric of this invocation; nothing, when the value is 0. */
  readonly count: <Metric extends MetricOf<Service>>(
    metric: Metric,
    value: number,
    ...dimensions: Given<DimensionsOf<Service, Metric>>
  ) => void
  /** Notes one value of a metric, also 0: a duration, or how much there is of something now. */
  readonly measure: (metric: MetricOf<Service>, value: number) => void
  /** Writes what was counted since the last time, a line for each combination of dimensions; none when nothing was. */
  readonly flush: () => void
}

/** The dimensions by which a function's metrics are found, beside those of the metric: alarms must ask for exactly these. */
export function toDimensions(service: MeasuredFunction, stage: string): { service: string; stage: string } {
  return { service, stage }
}

/** The unit that a metric is written in. */
function toUnit(metric: string): 'Milliseconds' | 'Seconds' | 'Count' {
  if (metric.endsWith('milliseconds')) return MetricUnit.Milliseconds
  return metric.endsWith('seconds') ? MetricUnit.Seconds : MetricUnit.Count
}

/** The metrics of one function in one stage. */
export function createMetrics<Service extends MeasuredFunction>(service: Service, stage: string): Metrics<Service> {
  const { service: serviceName, ...defaultDimensions } = toDimensions(service, stage)
  const powertools = new Powertools({ namespace: metricNamespace, serviceName, defaultDimensions })
  const sums = new Map<string, Map<string, number>>()
  let values: [metric: string, value: number][] = []

  return {
    count: (metric, value, ...[dimensions]) => {
      if (value === 0) return
      const key = JSON.stringify(dimensions ?? {})
      const group = sums.get(key) ?? new Map<string, number>()
      sums.set(key, group.set(metric, (group.get(metric) ?? 0) + value))
    },
    measure: (metric, value) => {
      values.push([metric, value])
    },
    flush: () => {
      const written = values
      values = []
      // A metric with more than 100 values is more than one line: Powertools sees to that.
      for (const [metric, value] of written) powertools.addMetric(metric, toUnit(metric), value)
      // What has no dimensions goes into one line with the values.
      const groups = [...sums].toSorted(([one], [other]) => one.length - other.length)
      sums.clear()
      for (const [key, group] of groups) {
        const dimensions = Object.entries(JSON.parse(key) as Record<string, string>)
        if (dimensions.length > 0 && powertools.hasStoredMetrics()) powertools.publishStoredMetrics()
        for (const [name, value] of dimensions) powertools.addDimension(name, value)
        for (const [metric, value] of group) powertools.addMetric(metric, toUnit(metric), value)
        powertools.publishStoredMetrics()
      }
      // Without this question Powertools warns in the log that there is nothing.
      if (powertools.hasStoredMetrics()) powertools.publishStoredMetrics()
    },
  }
}

/** A handler that flushes the metrics at its end, also when it throws: what failed is what alarms are for. */
export function flushAfter<Parameters extends unknown[], Result>(
  metrics: { readonly flush: () => void },
  handle: (...parameters: Parameters) => Promise<Result>,
): (...parameters: Parameters) => Promise<Result> {
  return async (...parameters) => {
    try {
      return await handle(...parameters)
    } finally {
      metrics.flush()
    }
  }
}

const isRoute = (route: string): route is Route => (routes as readonly string[]).includes(route)

function toOutcome(status: number): Outcome {
  if (status >= 500) return 'failed'
  if (status === 429) return 'limited'
  return status >= 400 ? 'refused' : 'ok'
}

/** A handler behind API Gateway whose answers are counted, by route and outcome, and flushed. */
export function countAnswers<
  Event extends { readonly httpMethod: string; readonly resource: string },
  Rest extends unknown[],
  Answer extends { readonly statusCode: number },
>(
  metrics: {
    readonly count: (metric: 'requests', value: number, dimensions: DimensionsOf<'read', 'requests'>) => void
    readonly flush: () => void
  },
  handle: (event: Event, ...rest: Rest) => Promise<Answer>,
): (event: Event, ...rest: Rest) => Promise<Answer> {
  return flushAfter(metrics, async (event: Event, ...rest: Rest) => {
    let status = 500
    try {
      const answer = await handle(event, ...rest)
      status = answer.statusCode
      return answer
    } finally {
      const route = `${event.httpMethod} ${event.resource}`
      metrics.count('requests', 1, { route: isRoute(route) ? route : 'other', outcome: toOutcome(status) })
    }
  })
}

const isVerdictReason = (code: string): code is VerdictReason => (verdictReasons as readonly string[]).includes(code)

/** A reason's code as a dimension, which has only values that are known beforehand. */
export function toVerdictReason(code: string): VerdictReason {
  return isVerdictReason(code) ? code : 'other'
}
