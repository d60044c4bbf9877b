// Faults between Kafka and the wallet function: the trigger killed and doubled; records again, out of order, and not ours.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Message } from 'kafkajs'
import { makeWalletTrigger } from '../../lib/stage-common.ts'
import { startTriggerProcess } from '../../local/trigger-process.ts'
import { type Fault, type FaultContext, many, some } from './fault.ts'
import { forged, readEvents, readOffsets, type SeenEvent } from './observe.ts'
import { type ChaosStack, kill, waitUntil } from './stack.ts'

const topic = 'user.verified'

/** How many partitions a trigger got, each time that it joined the group. */
function readJoinings({ description }: ChaosStack, log: string): number[] {
  const text = readFileSync(join(description.log_dir, `${log}.log`), 'utf8')
  return [...text.matchAll(/joined the group.*"partitions":(\d+)/g)].map(([, count]) => Number(count))
}

async function killTrigger({ stack }: FaultContext): Promise<string | undefined> {
  const [before, joinings] = [stack.findProcess('wallet-trigger'), readJoinings(stack, 'wallet-trigger').length]
  kill(before)
  const isBack = await waitUntil(() => readJoinings(stack, 'wallet-trigger').length > joinings, 120_000)
  if (!isBack) throw new Error('the trigger did not join the group again after it was killed')
  return `process ${before} gone, ${stack.findProcess('wallet-trigger')} joined the group`
}

/** A second trigger joins, works for a while, and is killed: two rebalances, the second by an expired session. */
async function doubleTrigger({ stack }: FaultContext): Promise<string | undefined> {
  const second = await startTriggerProcess({
    ...{ name: 'wallet-trigger-2', stateFolder: stack.stateFolder, emulatorUrl: stack.description.emulator_url },
    ...{ bootstrapServers: stack.description.kafka_brokers.split(','), maxConcurrentGenerations: 50 },
  })
  const first = readJoinings(stack, 'wallet-trigger').length
  try {
    const isShared = await waitUntil(() => readJoinings(stack, 'wallet-trigger-2').length > 0, 90_000)
    await waitUntil(() => readJoinings(stack, 'wallet-trigger').length > first, 30_000)
    const [ours, theirs] = ['wallet-trigger', 'wallet-trigger-2'].map((log) => readJoinings(stack, log).at(-1))
    await wait(15_000)
    return isShared && ours && theirs ? `partitions shared, ${ours} and ${theirs}` : undefined
  } finally {
    kill(second.child.pid)
    await second.stop()
  }
}

async function publish({ kafka }: ChaosStack, messages: Message[]): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  try {
    await producer.send({ topic, messages })
  } finally {
    await producer.disconnect()
  }
}

/** Whether the consumers are past everything that is on the topic. */
async function isConsumed({ kafka }: ChaosStack): Promise<boolean> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const [ends, [group]] = await Promise.all([
      admin.fetchTopicOffsets(topic),
      admin.fetchOffsets({ groupId: 'wallet', topics: [topic] }),
    ])
    const reached = new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
    return ends.every(({ partition, high }) => Number(high) === 0 || (reached.get(partition) ?? 0) >= Number(high))
  } finally {
    await admin.disconnect()
  }
}

async function checkConsumed({ stack }: FaultContext): Promise<string[]> {
  return (await waitUntil(() => isConsumed(stack), 60_000)) ? [] : [`not all records of ${topic} were consumed`]
}

/** The events of these users so far, as they are on the topic: of some of them at least. */
async function readOwnEvents({ readEvents: read, workload, prefix }: FaultContext): Promise<Message[]> {
  await workload.reached(0.6)
  let own: readonly SeenEvent[] = []
  await waitUntil(async () => {
    own = (await read()).filter((event) => event.topic === topic && event.key.startsWith(prefix))
    return own.length >= 6
  }, 120_000)
  return own.map(({ key, value, headers }) => ({ key, value, headers }))
}

/** Each again, twice, the newest first: also before and after others of the same user. */
async function repeatRecords(context: FaultContext): Promise<string | undefined> {
  const events = await readOwnEvents(context)
  if (events.length === 0) return undefined
  const reversed = events.toReversed()
  await publish(context.stack, reversed)
  await publish(context.stack, [...events, ...reversed])
  return `${events.length} records three times more, twice in reverse order`
}

const quarantined = async ({ sql }: ChaosStack): Promise<number> => {
  const [row] = await sql<[{ count: number }]>`select count(*)::integer as count from wallet.quarantine`
  return row.count
}

/** Records that are to be set aside, of each kind as many. */
function makeForeign(event: Message): Message[] {
  const { key, value } = event as { key: string; value: string }
  const fields = JSON.parse(value) as Record<string, unknown>
  const headers = { [forged]: '1' }
  return [
    { key, headers, value: null },
    { key, headers, value: value.slice(0, -20) },
    { key, headers, value: Buffer.from(value).map((byte, at) => (at % 7 === 3 ? byte ^ 0x80 : byte)) as Buffer },
    { key, headers, value: '' },
    { key, headers, value: JSON.stringify({ ...fields, version: 2 }) },
    { key, headers, value: JSON.stringify({ ...fields, network: 'dogecoin' }) },
    { key, headers, value: JSON.stringify({ ...fields, user_id: 'x'.repeat(500_000) }) },
  ]
}

/** @returns what was seen, and how many records must be set aside */
async function publishForeign(context: FaultContext): Promise<{ bite: string; count: number } | undefined> {
  const events = (await readOwnEvents(context)).slice(0, 12)
  if (events.length === 0) return undefined
  const foreign = events.flatMap(makeForeign)
  // A broker takes a megabyte at once.
  for (const message of foreign) await publish(context.stack, [message])
  return { bite: `${foreign.length} records of 7 kinds`, count: foreign.length }
}

const deadLetters = 'user.verified.dead-letter'
/** What the stage table says of it: the first attempt and the retries. */
const mostAttempts = makeWalletTrigger(1).maximumRetryAttempts + 1

/** A record that ends whoever takes it, until it is with the dead letters: its partition waits for that long, the others do not. */
async function crashOnRecord({ stack, uploads }: FaultContext): Promise<string | undefined> {
  const { points } = stack
  const victim = uploads.findLast(({ kind }) => kind === 'good')
  if (victim === undefined) return undefined
  const [before, from] = [points.countBites('wallet-before-derive'), await readOffsets(stack, [deadLetters])]
  points.armFor('wallet-before-derive', victim.userId)
  let dead: SeenEvent | undefined
  await waitUntil(async () => {
    dead = (await readEvents(stack, from)).find(({ key }) => key === victim.userId)
    return dead !== undefined
  }, 400_000)
  points.disarm()
  const bites = points.countBites('wallet-before-derive') - before
  if (dead === undefined || bites === 0) return undefined
  const attempts = Number(dead.headers.failure_attempts)
  if (!(attempts <= mostAttempts)) throw new Error(`expected at most ${mostAttempts} attempts; got ${attempts}`)
  return `${bites} processes ended by one record, a dead letter after ${attempts} attempts of at most ${mostAttempts}`
}

export const recordFaults: readonly Fault[] = [
  { name: 'trigger-killed', documents: many, inject: killTrigger },
  { name: 'trigger-doubled', documents: many, inject: doubleTrigger },
  { name: 'records-repeated', documents: some, inject: repeatRecords, check: checkConsumed },
  {
    name: 'records-foreign',
    documents: some,
    inject: async (context) => {
      const before = await quarantined(context.stack)
      const published = await publishForeign(context)
      if (published === undefined) return undefined
      const isAside = async () => (await quarantined(context.stack)) - before === published.count
      if (await waitUntil(isAside, 120_000)) return `${published.bite}, all in quarantine`
      const count = (await quarantined(context.stack)) - before
      throw new Error(`expected ${published.count} records in quarantine; got ${count}`)
    },
    check: checkConsumed,
  },
  { name: 'record-crashing', documents: some, inject: crashOnRecord, check: checkConsumed },
]
