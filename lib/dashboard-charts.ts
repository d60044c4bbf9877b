// The charts of the dashboard, as data. Where each stands is in dashboard.ts.
import { type IMetric, Stats } from 'aws-cdk-lib/aws-cloudwatch'
import { promisedSeconds } from '../shared/metrics.ts'
import type { ServiceMetrics } from './service-metrics.ts'

export interface Chart {
  readonly title: string
  readonly left: readonly IMetric[]
  /** Of another unit, against the right edge. */
  readonly right?: readonly IMetric[]
  /** Drawn as a line across: what was promised, or what there is. */
  readonly line?: { readonly value: number; readonly label: string }
}

const percentiles = (read: (statistic: string, label: string) => IMetric): readonly IMetric[] =>
  [50, 90, 99].map((percentile) => read(Stats.p(percentile), `p${percentile}`))

/** `Asked`: what comes in, and who is sent away. */
export const chartAsked = (metrics: ServiceMetrics): readonly Chart[] => [
  { title: 'Requests: POST, by outcome', left: [metrics.ownByDimension('intake', 'requests', ['route', 'outcome'])] },
  { title: 'Requests: GET, by outcome', left: [metrics.ownByDimension('read', 'requests', ['route', 'outcome'])] },
  { title: 'Wallets read, by who answered', left: [metrics.ownByDimension('read', 'wallet_reads', ['answered_by'])] },
  {
    title: 'Time of an answer (ms); 5xx at the right',
    left: percentiles((statistic, label) => metrics.api('Latency', { statistic, label })),
    right: [metrics.api('5XXError', { label: '5xx' })],
  },
  {
    title: 'Tokens refused, by reason; accepted and not checked at the right',
    left: [metrics.ownByDimension('authorize', 'tokens_refused', ['reason'])],
    right: [
      metrics.own('authorize', 'tokens_accepted', { label: 'accepted' }),
      metrics.own('authorize', 'tokens_not_checked', { label: 'not checked' }),
    ],
  },
  ...chartFirewall(metrics),
]

/** What the firewall keeps out, where there is one. */
const chartFirewall = (metrics: ServiceMetrics): readonly Chart[] =>
  metrics.watched.stage.firewall
    ? [{ title: 'Firewall: requests blocked', left: [metrics.firewall({ label: 'blocked' })] }]
    : []

/** `Judged`: what becomes of documents. */
export const chartJudged = (metrics: ServiceMetrics): readonly Chart[] => [
  { title: 'Verdicts, by reason', left: [metrics.ownByDimension('verification', 'verdicts', ['reason'])] },
  {
    title: 'Queue: age of the oldest document (s)',
    left: [metrics.queue('queue', 'ApproximateAgeOfOldestMessage', { statistic: Stats.MAXIMUM, label: 'age' })],
    right: [
      metrics.queue('queue', 'ApproximateNumberOfMessagesVisible', { statistic: Stats.MAXIMUM, label: 'waiting' }),
    ],
  },
  {
    title: 'Time from POST to verdict (ms)',
    left: percentiles((statistic, label) => metrics.own('verification', 'verdict_milliseconds', { statistic, label })),
  },
  {
    title: 'Documents: set aside; inspected; to come again; of another user too',
    left: [
      metrics.queue('deadLetterQueue', 'ApproximateNumberOfMessagesVisible', {
        statistic: Stats.MAXIMUM,
        label: 'set aside',
      }),
      metrics.own('verification', 'documents_not_verified', { label: 'to come again' }),
      metrics.own('verification', 'documents_shared', { label: 'of another user too' }),
    ],
    right: [metrics.ownByDimension('inspect', 'documents_inspected', ['outcome'])],
  },
  {
    title: 'Documents erased, by cause; overdue (s) at the right',
    left: [metrics.ownByDimension('erase', 'documents_erased', ['because'])],
    right: [metrics.own('erase', 'erasure_overdue_seconds', { statistic: Stats.MAXIMUM, label: 'overdue' })],
  },
]

const mustBeZero = [
  ...(['address_drift', 'cross_check_failed', 'vault_refused', 'vault_empty', 'account_indices_used_up'] as const),
]

/** `Issued`: what becomes of verified users. */
export const chartIssued = (metrics: ServiceMetrics): readonly Chart[] => {
  const { kafka } = metrics.watched
  const lag: Chart = {
    title: 'Consumer lag: oldest record (s); records at the right',
    left: kafka
      ? [metrics.consumerGroup(kafka, 'EstimatedMaxTimeLag', { statistic: Stats.MAXIMUM, label: 'age' })]
      : [],
    right: kafka ? [metrics.trigger(kafka, 'SumOffsetLag', { statistic: Stats.MAXIMUM, label: 'records' })] : [],
  }
  const aside = kafka
    ? [
        metrics.trigger(kafka, 'OnFailureDestinationDeliveredEventCount', { label: 'dead-letter topic' }),
        metrics.trigger(kafka, 'DroppedEventCount', { label: 'dropped' }),
      ]
    : []
  return [
    {
      title: 'Wallets issued; records that came again',
      left: [
        metrics.own('wallet', 'wallets_issued', { label: 'issued' }),
        metrics.own('wallet', 'records_repeated', { label: 'repeated' }),
        metrics.own('wallet', 'records_retried', { label: 'to come again' }),
      ],
    },
    ...(kafka ? [lag] : []),
    {
      title: 'Must be 0: drift, cross-check, vault refused or empty, indices used up',
      left: mustBeZero.map((name) => metrics.own('wallet', name, { label: name })),
      right: [metrics.own('wallet', 'account_index_gaps', { label: 'gaps in indices' })],
    },
    {
      title: 'Records: waiting, set aside, dead letters; age (s) at the right',
      left: [
        metrics.own('announce', 'records_waiting', { statistic: Stats.MAXIMUM, label: 'waiting' }),
        metrics.own('wallet', 'records_set_aside', { label: 'set aside' }),
        ...aside,
      ],
      right: [metrics.own('announce', 'waiting_seconds', { statistic: Stats.MAXIMUM, label: 'waiting since' })],
    },
  ]
}

/** `Told`: what the user waited for, and what is left to do. */
export const chartTold = (metrics: ServiceMetrics): readonly Chart[] => [
  {
    title: 'Time from POST to wallet (ms)',
    left: percentiles((statistic, label) => metrics.own('announce', 'wallet_milliseconds', { statistic, label })),
    line: { value: promisedSeconds * 1000, label: 'promised to 99 %' },
  },
  {
    title: 'Not announced: age of the oldest (s); how many at the right',
    left: [metrics.own('announce', 'backlog_seconds', { statistic: Stats.MAXIMUM, label: 'age' })],
    right: [metrics.own('announce', 'backlog', { statistic: Stats.MAXIMUM, label: 'rows' })],
  },
  {
    title: 'Missing although tried again: wallets, verdicts; age (s) at the right',
    left: (['wallets_overdue', 'wallets_given_up', 'verdicts_overdue', 'verdicts_given_up'] as const).map((name) =>
      metrics.own('announce', name, { statistic: Stats.MAXIMUM, label: name }),
    ),
    right: (['wallets_overdue_seconds', 'verdicts_overdue_seconds'] as const).map((name) =>
      metrics.own('announce', name, { statistic: Stats.MAXIMUM, label: name }),
    ),
  },
  {
    title: 'Seen to fail (1): vault, Kafka, documents',
    left: (['vault_failing', 'kafka_failing', 'documents_failing'] as const).map((name) =>
      metrics.own('announce', name, { statistic: Stats.MAXIMUM, label: name }),
    ),
  },
  {
    title: 'Functions: errors; throttles at the right',
    left: (['intake', 'verification', 'wallet', 'announce', 'read'] as const).map((name) =>
      metrics.function(name, 'Errors', { label: name }),
    ),
    right: (['intake', 'verification', 'wallet', 'announce', 'read'] as const).map((name) =>
      metrics.function(name, 'Throttles', { label: `${name} throttled` }),
    ),
  },
]
