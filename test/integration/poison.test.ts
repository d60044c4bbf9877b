// One record that crashes the wallet function each time, in the middle of 10,000 good ones: through a real Kafka, the real
// trigger with the settings of the stages, and the real function on a real Postgres. What it may cost the others is counted
// in invocations; how long that took is told, and not judged.
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createHandler } from '../../functions/wallet/handler.ts'
import { makeWalletTrigger } from '../../lib/stage-common.ts'
import { startWalletTrigger } from '../../local/wallet-trigger.ts'
import { createPublisher, toPublication } from '../../shared/kafka.ts'
import { readRecords } from '../../shared/kafka-records.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { tryOnce, walletContext } from '../support/fakes.ts'
import { createTestKafka } from '../support/kafka.ts'
import { makeIssuePorts, makeUserVerified } from '../support/wallet-records.ts'

const brokers = inject('kafkaBrokers').split(',')
const partitions = 6
const goodRecords = 10_000
const admin = new Kafka({ clientId: 'test', brokers, logLevel: logLevel.NOTHING }).admin()
const kafka = createTestKafka(inject('kafkaBrokers'))
const publisher = createPublisher({
  ...{ brokers, clientId: 'poison', login: undefined, deadline: 60_000, now: Date.now },
})
let database: TestDatabase

beforeAll(async () => {
  await admin.connect()
  database = await createTestDatabase()
})

afterAll(async () => {
  await publisher.close()
  await admin.disconnect()
  await database.drop()
})

/** One record of the 10,001 is this one's. */
const poison = makeUserVerified('poison', 'tron')

type Invocation = { readonly partition: number; readonly offsets: readonly number[]; readonly crashed: boolean }

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

test('delays the others of its partition by no more than the stated bound, and ends where its coordinates are', async () => {
  const topic = await kafka.createTopic(partitions)
  const onFailureTopic = await kafka.createTopic(1)
  const trigger = { ...makeWalletTrigger(partitions), topic, onFailureTopic, consumerGroupId: `group.${topic}` }
  const good = Array.from({ length: goodRecords }, (_, index) => makeUserVerified(`user ${index}`, 'tron'))
  const events = [...good.slice(0, goodRecords / 2), poison, ...good.slice(goodRecords / 2)]
  for (let at = 0; at < events.length; at += 1000) {
    await publisher.publish(events.slice(at, at + 1000).map((event) => toPublication(topic, event)))
  }

  const handlers = Array.from({ length: partitions }, () =>
    createHandler({
      ...makeIssuePorts(database.open('app_wallet')),
      createRetry: () => tryOnce,
      nudgeAnnounce: async () => {},
      beat: async () => {},
    }),
  )
  const invocations: Invocation[] = []
  const start = performance.now()
  let passed = Number.NaN
  const running = await startWalletTrigger({
    ...{ trigger, bootstrapServers: brokers, log: () => {} },
    eventSourceArn: 'arn:aws:kafka:us-east-1:000000000000:cluster/local/uuid-1',
    invoke: async (payload) => {
      const event: unknown = JSON.parse(new TextDecoder().decode(payload))
      const records = readRecords(event)
      const partition = records[0]?.partition ?? -1
      const crashed = records.some(({ key }) => Buffer.from(key ?? []).toString() === poison.key)
      invocations.push({ partition, offsets: records.map(({ offset }) => offset), crashed })
      // What Lambda answers when the process of the function has ended.
      if (crashed) return { functionError: 'Unhandled', payload: json({ errorType: 'Runtime.ExitError' }) }
      return { payload: json(await handlers[partition]?.(event, walletContext)) }
    },
  })
  try {
    const watermarks = (await admin.fetchTopicOffsets(topic)).toSorted((a, b) => a.partition - b.partition)
    const findCommitted = async () => {
      const [offsets] = await admin.fetchOffsets({ groupId: trigger.consumerGroupId, topics: [topic] })
      return (offsets?.partitions ?? []).toSorted((a, b) => a.partition - b.partition).map(({ offset }) => offset)
    }
    await expect.poll(findCommitted, { timeout: 1_200_000, interval: 500 }).toEqual(watermarks.map(({ high }) => high))
    passed = performance.now() - start
  } finally {
    await running.stop()
  }

  const crashed = invocations.filter((invocation) => invocation.crashed)
  const [home] = crashed
  const place = crashed.at(-1)?.offsets[0]
  if (!home || place === undefined) throw new Error('expected the poisoned record to be handed over')
  // The bound that the stage table states: halvings until it is alone, then its attempts.
  const halvings = Math.ceil(Math.log2(trigger.batchSize))
  const bound = halvings + trigger.maximumRetryAttempts + 1
  expect(bound).toBe(18)
  expect(crashed.length).toBeLessThanOrEqual(bound)
  expect(crashed.filter(({ offsets }) => offsets.length === 1)).toHaveLength(trigger.maximumRetryAttempts + 1)
  expect(new Set(crashed.map(({ partition }) => partition))).toEqual(new Set([home.partition]))
  console.log(
    `poisoned record: ${crashed.length} invocations of at most ${bound}; ${goodRecords} good ones done in ${(passed / 1000).toFixed(1)} s`,
  )

  // Each good record was in one invocation that passed, and in as many that did not as its batch was halved.
  const served = invocations.filter((invocation) => !invocation.crashed)
  const places = served.flatMap(({ partition, offsets }) => offsets.map((offset) => `${partition} ${offset}`))
  expect(places).toHaveLength(goodRecords)
  expect(new Set(places).size).toBe(goodRecords)
  // Those of its partition were handed over in their order, its own batch in halves.
  const order = served.filter(({ partition }) => partition === home.partition).flatMap(({ offsets }) => offsets)
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  const [{ wallets, poisoned }] = await database.connect()<[{ wallets: number; poisoned: number }]>`
    select count(*)::integer as wallets, count(*) filter (where user_id = ${poison.key})::integer as poisoned
    from wallet.wallets`
  expect({ wallets, poisoned }).toEqual({ wallets: goodRecords, poisoned: 0 })

  const [dead, ...others] = await kafka.readTopic(onFailureTopic)
  expect(others).toEqual([])
  expect(dead?.key?.toString()).toBe(poison.key)
  expect(dead?.value?.toString()).toBe(poison.value)
  const headers = Object.fromEntries(Object.entries(dead?.headers ?? {}).map(([name, [text]]) => [name, String(text)]))
  expect(headers).toMatchObject({
    ...{ failure_topic: topic, failure_partition: String(home.partition), failure_offset: String(place) },
    failure_condition: 'RetryAttemptsExhausted',
    failure_attempts: String(trigger.maximumRetryAttempts + 1),
    failure_error: 'Unhandled: Runtime.ExitError',
  })
}, 1_800_000)
