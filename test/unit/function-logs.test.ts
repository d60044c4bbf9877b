// What the terminal shows of the functions' logs: each line once, told for people.
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs'
import type { LambdaClient } from '@aws-sdk/client-lambda'
import { expect, it } from 'vitest'
import { followFunctionLogs } from '../../local/function-logs.ts'
import type { LogLine } from '../../local/stack-log.ts'
import { makeAwsClient } from '../support/fakes.ts'

/** What is shown of a function that wrote these messages. */
async function show(messages: readonly string[]): Promise<LogLine[]> {
  // Later than the following begins, as CloudWatch answers only what is asked for.
  const events = messages.map((message, at) => ({
    timestamp: Date.now() + 60_000 + at,
    logStreamName: 'container',
    message,
  }))
  const lines: LogLine[] = []
  const following = await followFunctionLogs({
    lambda: makeAwsClient<LambdaClient>(() => ({ LoggingConfig: { LogGroup: 'group' } })).client,
    logs: makeAwsClient<CloudWatchLogsClient>(() => ({ events })).client,
    hasOwnGroups: true,
    functions: { wallet: 'wallet-function' },
    onLine: (component, line) => {
      expect(component).toBe('wallet')
      lines.push(line)
    },
  })
  await following.stop()
  return lines
}

it('lines of the logger without what every line repeats; Lambda frames not at all; anything else as it is', async () => {
  const line = { level: 'WARN', message: 'said', timestamp: 'x', service: 'wallet', sampling_rate: 0, count: 2 }
  expect(
    await show(['START RequestId: 1', `${JSON.stringify(line)}\n`, 'Task timed out', '{"a":1}', 'END RequestId: 1']),
  ).toEqual([
    { level: 'warn', message: 'said', count: 2 },
    { level: 'error', message: 'Task timed out' },
    { level: 'info', message: '{"a":1}' },
  ])
})

const measure = (values: Readonly<Record<string, number | readonly number[]>>) =>
  JSON.stringify({
    _aws: {
      Timestamp: 1,
      CloudWatchMetrics: [
        {
          Namespace: 'verified-wallets',
          Dimensions: [['service', 'stage']],
          Metrics: Object.keys(values).map((Name) => ({ Name, Unit: 'Count' })),
        },
      ],
    },
    ...{ service: 'wallet', stage: 'local', ...values },
  })

it('metrics by their names and sums, of times the longest', async () => {
  const values = { address_drift: 1, account_index_gaps: [2, 3], wallet_milliseconds: [30, 50, 40] }
  expect(await show([measure(values)])).toEqual([
    { level: 'info', message: 'counted', address_drift: 1, account_index_gaps: 5, wallet_milliseconds: 50 },
  ])
})

it('no metrics that are 0, or that the line of the answer or the verdict tells of', async () => {
  const lines = [{ backlog: 0, vault_failing: 0 }, { requests: 1 }, { backlog: 2, records_waiting: 0 }]
  expect(await show(lines.map(measure))).toEqual([{ level: 'info', message: 'counted', backlog: 2 }])
})
