// What a nudge of announce costs beside the whole sweep, which is what each nudge once was: `npm run bench -- nudge`, on a
// PostgreSQL and a Kafka of its own. Both take their turn in each round; only the ratios are held to anything.
import { randomUUID } from 'node:crypto'
import { runAnnounceTransaction } from '../functions/announce/announce-tables.ts'
import { readBacklog } from '../functions/announce/backlog.ts'
import { forgetExpired } from '../functions/announce/forget.ts'
import { createHandler } from '../functions/announce/handler.ts'
import { findHeartbeats } from '../shared/heartbeats.ts'
import { createPublisher } from '../shared/kafka.ts'
import { createTestDatabase } from '../test/support/database.ts'
import { createMemoryLog, createMemoryMetrics } from '../test/support/fakes.ts'
import { startTemporaryKafka } from '../test/support/temporary-kafka.ts'
import { startTemporaryPostgres } from '../test/support/temporary-postgres.ts'
import { issue, makeVerifiedRecord } from '../test/support/wallet-records.ts'
import { median } from './statistics.ts'

const rounds = 40
const warmUpRounds = 5
/** Of CPU, whole sweep to nudge. */
const smallestRatio = 2

const events = { 'the whole sweep': {}, 'a nudge': { nudge: true } } as const
type Kind = keyof typeof events
const kinds = Object.keys(events) as Kind[]
/** Wallets of one batch: of a document that came alone, of a full queue message, of a busy topic; and those that another took. */
const batches = [0, 1, 5, 100]

/** Milliseconds of CPU, of all threads of this process, and of the clock. */
async function measure(work: () => Promise<unknown>): Promise<{ cpu: number; wall: number }> {
  const start = performance.now()
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / 1000, wall: performance.now() - start }
}

const [server, kafka] = await Promise.all([startTemporaryPostgres(), startTemporaryKafka()])
const database = await createTestDatabase({ serverUrl: server.url })
const publisher = createPublisher({
  ...{ brokers: kafka.brokers, clientId: 'announce', login: undefined, deadline: 20_000, now: Date.now },
})
try {
  const [announcer, wallet] = [database.open('app_announce'), database.open('app_wallet')]
  const handle = createHandler({
    ...createMemoryMetrics(),
    log: createMemoryLog(),
    now: () => new Date(),
    userVerifiedTopic: kafka.topics.userVerified.name,
    walletCreatedTopic: kafka.topics.walletCreated.name,
    overdueSeconds: { wallet: 600, verdict: 3600 },
    transaction: (work) => announcer.run((sql) => runAnnounceTransaction(sql, work)),
    publish: publisher.publish,
    pingKafka: publisher.ping,
    requeue: async () => {},
    readState: () =>
      announcer.run(async (sql) => ({ backlog: await readBacklog(sql), heartbeats: await findHeartbeats(sql) })),
    forget: () => announcer.run((sql) => forgetExpired(sql, 10_000)),
    // Calls of AWS, which only the sweep makes: they would be on top of what is told here.
    rootExists: async () => true,
    beat: async () => {},
  })
  const measured = batches.map((wallets) => ({
    wallets,
    times: { 'the whole sweep': [], 'a nudge': [] } as Record<Kind, { cpu: number; wall: number }[]>,
  }))
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    for (const { wallets, times } of measured) {
      for (const kind of kinds) {
        const records = Array.from({ length: wallets }, () => makeVerifiedRecord(randomUUID(), 'ethereum'))
        if (wallets > 0) await issue(wallet, records)
        let announced = 0
        const took = await measure(async () => {
          announced = (await handle(events[kind])).wallets
        })
        if (announced !== wallets) throw new Error(`expected ${wallets} announced wallets; got ${announced}`)
        if (round >= warmUpRounds) times[kind].push(took)
      }
    }
  }
  console.log('announce, of wallets that one batch has made; medians of CPU and of the clock\n')
  for (const { wallets, times } of measured) {
    const show = (kind: Kind) => {
      const [cpu, wall] = [median(times[kind].map((each) => each.cpu)), median(times[kind].map((each) => each.wall))]
      return `${kind} ${cpu.toFixed(1).padStart(6)} ms of CPU ${wall.toFixed(1).padStart(6)} ms`
    }
    const ratio = median(
      times['the whole sweep'].map(({ cpu }, round) => cpu / (times['a nudge'][round]?.cpu ?? Number.NaN)),
    )
    console.log(`${String(wallets).padStart(4)}  ${kinds.map(show).join('   ')}   ratio of CPU ${ratio.toFixed(1)}`)
    if (wallets <= 5 && ratio < smallestRatio) {
      console.error(`expected a nudge for ${wallets} wallets to cost at most 1/${smallestRatio} of a sweep`)
      process.exitCode = 1
    }
  }
} finally {
  await publisher.close()
  await database.drop()
  await Promise.all([server.stop(), kafka.stop()])
}
