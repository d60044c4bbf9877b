// Looks at a stack from outside while it works: its tables, its queue, the lag of its consumer, its processes.
import { GetQueueAttributesCommand, ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import postgres from 'postgres'
import type { StackDescription } from '../../test/support/local-stack.ts'
import { collectGarbage } from './collect-garbage.ts'
import { type ProcessUse, readProcesses } from './processes.ts'

/** How far the documents of the run have come, each counted at every stage that it has passed. */
export type Progress = {
  readonly accepted: number
  readonly verdicts: number
  readonly events: number
  readonly wallets: number
  readonly announced: number
}

/** One moment; `at` in milliseconds since the run began. */
export type Sample = {
  readonly at: number
  readonly progress: Progress
  /** Messages of the verification queue: waiting for their delay, waiting, and being worked on. */
  readonly queue: number
  readonly deadLetters: number
  /** Records of user.verified that the wallet trigger has not committed. */
  readonly lag: number
}

export type ProcessSample = {
  readonly at: number
  readonly processes: readonly ProcessUse[]
  /** Whether they had just thrown away what they no longer need. */
  readonly isCollected: boolean
}

/** When one wallet of the run passed each stage, in milliseconds since the run began; null where that is not known. */
export type Passage = {
  readonly accepted: number | null
  readonly verdict: number | null
  readonly event: number | null
  readonly wallet: number | null
  readonly announced: number | null
}

/** The names of the local stage. */
export type Names = { readonly topic: string; readonly consumerGroupId: string }

export type Watcher = {
  readonly sample: (at: number) => Promise<Sample>
  /** `collect`: after each Node process threw away what it no longer needs, which takes a tenth of a second a process. */
  readonly sampleProcesses: (at: number, collect: boolean) => Promise<ProcessSample | undefined>
  /** All of the run, when it is over. `began`: milliseconds since 1970. */
  readonly readPassages: (began: number) => Promise<readonly Passage[]>
  /** How many wallets there are for each user, network and address type of the run: more than one is one too many. */
  readonly countWallets: () => Promise<ReadonlyMap<string, number>>
  /** Seconds that each document waits in the queue by its setting. */
  readonly queueDelay: number
  readonly close: () => Promise<void>
}

export const toWalletKey = (wallet: { userId: string; network: string; addressType: string }) =>
  `${wallet.userId} ${wallet.network} ${wallet.addressType}`

async function findQueues(sqs: SQSClient) {
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}))
  const find = (name: string) => {
    const found = QueueUrls.find((url) => url.includes(`-${name}-`))
    if (found === undefined) throw new Error(`expected a queue called ${name}; got ${QueueUrls.join(', ')}`)
    return found
  }
  return { queue: find('VerificationQueue'), deadLetters: find('VerificationDeadLetterQueue') }
}

async function readQueue(sqs: SQSClient, url: string): Promise<{ messages: number; delay: number }> {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] })
  const { Attributes: attributes = {} } = await sqs.send(command)
  const read = (name: keyof typeof attributes) => Number(attributes[name] ?? 0)
  const [visible, hidden] = [read('ApproximateNumberOfMessages'), read('ApproximateNumberOfMessagesNotVisible')]
  return { messages: visible + hidden + read('ApproximateNumberOfMessagesDelayed'), delay: read('DelaySeconds') }
}

async function readLag(admin: Admin, { topic, consumerGroupId }: Names): Promise<number> {
  const [ends, [group]] = await Promise.all([
    admin.fetchTopicOffsets(topic),
    admin.fetchOffsets({ groupId: consumerGroupId, topics: [topic] }),
  ])
  const done = new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  return ends.reduce((sum, { partition, high, low }) => {
    // -1: the group never committed there. It may have committed since the ends were read.
    const committed = done.get(partition) ?? -1
    return sum + Math.max(0, Number(high) - (committed < 0 ? Number(low) : committed))
  }, 0)
}

/** @param run whose users, and no others, are looked at */
export async function watchStack(stack: StackDescription, names: Names, run: string): Promise<Watcher> {
  const users = `load-${run}-`
  const sql = postgres(stack.database_url, { max: 1, onnotice: () => {}, connection: { application_name: 'load' } })
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const sqs = new SQSClient({
    ...{ endpoint: stack.emulator_url, region: 'us-east-1', credentials, useQueueUrlAsEndpoint: false },
  })
  const kafka = new Kafka({ brokers: stack.kafka_brokers.split(','), clientId: 'load', logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const queues = await findQueues(sqs)
  const { delay: queueDelay } = await readQueue(sqs, queues.queue)

  async function readProgress(): Promise<Progress> {
    const [row] = await sql<[Progress]>`
      select * from (
        select
          count(*)::int as accepted, count(announced_at)::int as events,
          count(*) filter (where status not in ('pending', 'processing'))::int as verdicts
        from verification.verifications where starts_with(user_id, ${users})
      ) as documents, (
        select count(*)::int as wallets, count(announced_at)::int as announced
        from wallet.wallets where starts_with(user_id, ${users})
      ) as issued`
    return row
  }

  return {
    queueDelay,
    sample: async (at) => {
      const [progress, queue, deadLetters, lag] = await Promise.all([
        readProgress(),
        readQueue(sqs, queues.queue),
        readQueue(sqs, queues.deadLetters),
        readLag(admin, names),
      ])
      return { at, progress, queue: queue.messages, deadLetters: deadLetters.messages, lag }
    },
    sampleProcesses: async (at, collect) => {
      const processes = await readProcesses(stack.pid, collect ? collectGarbage : async () => {})
      return processes && { at, processes, isCollected: collect }
    },
    readPassages: async (began) => {
      const toMilliseconds = (column: string) =>
        sql`extract(epoch from ${sql.unsafe(column)})::float8 * 1000 - ${began}::float8`
      return await sql<Passage[]>`
        select
          ${toMilliseconds('asked.created_at')} as accepted, ${toMilliseconds('asked.verified_at')} as verdict,
          ${toMilliseconds('asked.announced_at')} as event, ${toMilliseconds('issued.created_at')} as wallet,
          ${toMilliseconds('issued.announced_at')} as announced
        from
          (select * from verification.verifications where starts_with(user_id, ${users})) as asked
          full join (select * from wallet.wallets where starts_with(user_id, ${users})) as issued
          using (user_id, network, address_type)`
    },
    countWallets: async () => {
      const rows = await sql<{ userId: string; network: string; addressType: string; count: number }[]>`
        select user_id as "userId", network, address_type as "addressType", count(distinct address)::int as count
        from wallet.wallets where starts_with(user_id, ${users}) group by user_id, network, address_type`
      return new Map(rows.map((row) => [toWalletKey(row), row.count]))
    },
    close: async () => {
      sqs.destroy()
      await Promise.all([admin.disconnect(), sql.end()])
    },
  }
}
