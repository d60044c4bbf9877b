// The alarms on the way from a request to an announcement, as far as every stage has them. The vault's are beside.
import { Duration } from 'aws-cdk-lib'
import { Stats } from 'aws-cdk-lib/aws-cloudwatch'
import type { AlarmDefinition } from './alarm-definition.ts'
import type { ServiceMetrics } from './service-metrics.ts'

const minute = { period: Duration.minutes(1), statistic: Stats.MAXIMUM }

export function defineFlowAlarms(metrics: ServiceMetrics): readonly AlarmDefinition[] {
  const { walletOverdueSeconds } = metrics.watched.stage.net
  return [
    {
      name: 'api-errors',
      meaning: 'The API answered 10 requests or more with 5xx within 5 minutes. Clients are told to send them again.',
      metric: metrics.api('5XXError'),
      threshold: 10,
    },
    {
      name: 'api-slow',
      meaning: 'One answer in a hundred takes 5 seconds or longer, for 15 minutes.',
      metric: metrics.api('Latency', { statistic: Stats.p(99) }),
      threshold: 5000,
      periods: 3,
    },
    {
      name: 'tokens-not-checked',
      meaning: "The issuer's keys cannot be had, so tokens cannot be checked: callers get 503, and nobody is let in.",
      metric: metrics.own('authorize', 'tokens_not_checked'),
      threshold: 5,
    },
    {
      name: 'documents-failing',
      meaning: 'Documents could not be stored, and the last attempt failed too: POST /verify answers 503.',
      metric: metrics.own('announce', 'documents_failing', minute),
      threshold: 1,
      periods: 3,
    },
    {
      name: 'verification-queue-age',
      meaning: 'A document has waited 15 minutes for its verdict. It waits up to an hour before it is set aside.',
      metric: metrics.queue('queue', 'ApproximateAgeOfOldestMessage', minute),
      threshold: 900,
      periods: 3,
    },
    {
      name: 'verification-dead-letters',
      meaning: 'A document failed 20 times and was set aside. Its client reads "processing" until a person acts.',
      metric: metrics.queue('deadLetterQueue', 'ApproximateNumberOfMessagesVisible', minute),
      threshold: 1,
    },
    {
      name: 'inspections-crash',
      meaning: 'Five documents or more crashed the inspection within 5 minutes, twice each: an attack, or a decoder.',
      metric: metrics.own('verification', 'verdicts', { dimensions: { reason: 'inspection_failed' } }),
      threshold: 5,
    },
    {
      name: 'kafka-failing',
      meaning: 'Kafka does not answer, for 5 minutes. Verdicts and wallets are kept, and announced when it does.',
      metric: metrics.own('announce', 'kafka_failing', minute),
      threshold: 1,
      periods: 5,
    },
    {
      name: 'announce-stopped',
      meaning: 'The sweep of each minute did not run for 10 minutes: nothing is announced, nothing below is measured.',
      metric: metrics.function('announce', 'Invocations'),
      threshold: 1,
      ringsBelow: true,
      periods: 2,
    },
    {
      name: 'announce-backlog-age',
      meaning: 'A verdict or a wallet has not been announced for 10 minutes. It is kept, and users can read it.',
      metric: metrics.own('announce', 'backlog_seconds', minute),
      threshold: 600,
      periods: 3,
    },
    {
      name: 'wallets-overdue',
      meaning:
        'Verified users have no wallet, although their events were published again three times. They are tried on, for two days.',
      metric: metrics.own('announce', 'wallets_overdue_seconds', minute),
      // The first time, and after one and two pauses more: 1, 2 and 4 of these periods. A wallet takes a moment to be seen.
      threshold: 6 * walletOverdueSeconds,
      periods: 3,
    },
    {
      name: 'wallets-given-up',
      meaning: 'Verified users have no wallet after all tries: nobody tries any more, until a person acts.',
      metric: metrics.own('announce', 'wallets_given_up', minute),
      threshold: 1,
    },
    {
      name: 'verdicts-given-up',
      meaning: 'Documents have no verdict after all tries: nobody tries any more, until a person acts.',
      metric: metrics.own('announce', 'verdicts_given_up', minute),
      threshold: 1,
    },
    {
      name: 'retention-stopped',
      meaning: 'For three hours no sweep erased all that was due: documents are kept for longer than they may be.',
      metric: metrics.own('erase', 'retention_sweeps', { period: Duration.hours(1) }),
      threshold: 1,
      ringsBelow: true,
      periods: 3,
    },
    {
      name: 'erasures-overdue',
      meaning:
        'A document should have been gone for a day: its time is over, or it was to be erased, and it is still there.',
      metric: metrics.own('erase', 'erasure_overdue_seconds', { period: Duration.hours(1), statistic: Stats.MAXIMUM }),
      threshold: 86_400,
    },
    {
      name: 'records-set-aside',
      meaning:
        'The wallet function put records into quarantine: they are no events of ours, or contradict what stands.',
      metric: metrics.own('wallet', 'records_set_aside'),
      threshold: 1,
    },
  ]
}
