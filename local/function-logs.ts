// Follows what the deployed functions log, in CloudWatch Logs, where Lambda puts it. Reads only.
import { setTimeout as sleep } from 'node:timers/promises'
import { type CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs'
import { GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import * as z from 'zod'
import type { LogLine } from './stack-log.ts'

/** Events may be written a little after the time that they bear: each look begins that much before the last one. */
const overlapMilliseconds = 5_000
const pollMilliseconds = 1_000

export type FollowOptions = {
  readonly lambda: LambdaClient
  readonly logs: CloudWatchLogsClient
  /** Component name, as shown, to the name of the function. */
  readonly functions: Readonly<Record<string, string>>
  /** Whether the emulator writes where a function's configuration says, and not always to the default group. */
  readonly hasOwnGroups: boolean
  /** `time` in milliseconds since 1970. */
  readonly onLine: (component: string, line: LogLine, time: number) => void
}

/** Follows from now on until it is stopped; what is there by then is still read. */
export async function followFunctionLogs(options: FollowOptions): Promise<{ stop(): Promise<void> }> {
  const stopping = new AbortController()
  const groups = await Promise.all(
    Object.entries(options.functions).map(async ([component, FunctionName]) => {
      const { LoggingConfig } = await options.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
      const own = options.hasOwnGroups ? LoggingConfig?.LogGroup : undefined
      return { component, group: own ?? `/aws/lambda/${FunctionName}` }
    }),
  )
  const readers = groups.map(({ component, group }) => createReader(options.logs, component, group))
  const look = async () => {
    const found = await Promise.all(readers.map((read) => read()))
    for (const { component, line, time } of found.flat().toSorted((a, b) => a.time - b.time)) {
      options.onLine(component, line, time)
    }
  }
  const following = (async () => {
    while (!stopping.signal.aborted) {
      await look()
      await sleep(pollMilliseconds, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
    await look()
  })()
  return {
    stop: async () => {
      stopping.abort()
      await following
    },
  }
}

type FoundLine = { readonly component: string; readonly line: LogLine; readonly time: number }

/** Reads what is new in a log group at each call, beginning with now. Nothing when the group cannot be read. */
function createReader(logs: CloudWatchLogsClient, component: string, group: string): () => Promise<FoundLine[]> {
  let since = Date.now()
  /** The events at or after `since` that were told, and how often, since one line may well appear twice. */
  let told = new Map<string, { time: number; count: number }>()

  return async () => {
    const events = await readEvents(logs, group, since).catch(() => undefined)
    if (events === undefined) return []
    const counts = new Map<string, { time: number; count: number }>()
    const found: FoundLine[] = []
    for (const { time, stream, message } of events) {
      const key = `${time} ${stream} ${message}`
      const count = (counts.get(key)?.count ?? 0) + 1
      counts.set(key, { time, count })
      if (count <= (told.get(key)?.count ?? 0)) continue
      const line = readLine(message)
      if (line !== undefined) found.push({ component, line, time })
    }
    since = Math.max(since, ...events.map(({ time }) => time - overlapMilliseconds))
    told = new Map([...counts].filter(([, { time }]) => time >= since))
    return found
  }
}

async function readEvents(logs: CloudWatchLogsClient, group: string, since: number) {
  const events: { time: number; stream: string; message: string }[] = []
  let nextToken: string | undefined
  do {
    const page = await logs.send(new FilterLogEventsCommand({ logGroupName: group, startTime: since, nextToken }))
    for (const { timestamp, logStreamName, message } of page.events ?? []) {
      events.push({ time: timestamp ?? 0, stream: logStreamName ?? '', message: message ?? '' })
    }
    nextToken = page.nextToken
  } while (nextToken !== undefined)
  return events
}

/** What the logger of the functions writes (Powertools for AWS Lambda). */
const entrySchema = z.looseObject({ level: z.string(), message: z.string() })

/** CloudWatch's embedded metric format; a metric that was counted several times has a list of values. */
const metricsSchema = z.looseObject({
  _aws: z.object({ CloudWatchMetrics: z.array(z.object({ Metrics: z.array(z.object({ Name: z.string() })) })) }),
})
const metricValueSchema = z.union([z.number(), z.array(z.number())])

/** What says nothing to someone who watches one machine. */
const hiddenFields = [
  ...['timestamp', 'service', 'sampling_rate', 'xray_trace_id', 'cold_start'],
  ...['function_arn', 'function_name', 'function_memory_size', 'function_request_id'],
]

function readLine(message: string): LogLine | undefined {
  const text = message.trim()
  // Lambda's own frame around each invocation.
  if (text === '' || /^(START|END|REPORT|INIT_START) /.test(text)) return undefined
  const json = parseJson(text)
  const counts = metricsSchema.safeParse(json).data
  if (counts !== undefined) return describeMetrics(counts)
  const entry = entrySchema.safeParse(json).data
  if (entry === undefined) return { level: /error|timed out/i.test(text) ? 'error' : 'info', message: text }
  const { level, message: said, ...fields } = entry
  for (const name of hiddenFields) delete fields[name]
  return { ...fields, level: toLevel(level), message: said }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a line beside it tells better. */
const toldElsewhere = ['requests', 'tokens_accepted', 'tokens_refused', 'verdicts', 'documents_inspected']

/** A line of metrics by its values alone: one name and its sum each, of times the longest. Undefined: all of them are 0, or told elsewhere. */
function describeMetrics(line: z.output<typeof metricsSchema>): LogLine | undefined {
  const names = line._aws.CloudWatchMetrics.flatMap(({ Metrics }) => Metrics.map(({ Name }) => Name))
  const values = names.map((name) => {
    const list = [metricValueSchema.parse(line[name])].flat()
    return [name, name.endsWith('seconds') ? Math.max(...list) : list.reduce((sum, each) => sum + each, 0)] as const
  })
  const telling = values.filter(([name, value]) => value !== 0 && !toldElsewhere.includes(name))
  return telling.length === 0 ? undefined : { ...Object.fromEntries(telling), level: 'info', message: 'counted' }
}

function toLevel(level: string): LogLine['level'] {
  if (/^warn/i.test(level)) return 'warn'
  return /^(error|critical)/i.test(level) ? 'error' : 'info'
}
