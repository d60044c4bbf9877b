// Measures the local pipeline, from outside: `npm run bench -- --state DIR` against a running `npm start`.
// Leaves its users behind, so give it a state of its own. Figures are of this machine; compare within one run only.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import postgres from 'postgres'
import { toUserVerified } from '../shared/events.ts'
import { makeLetter } from '../test/support/fixtures.ts'
import {
  forEachAtOnce,
  openApi,
  postDocument,
  type StackDescription,
  waitForWallet,
} from '../test/support/local-stack.ts'

const { values } = parseArgs({
  options: {
    state: { type: 'string', default: '.local/state' },
    documents: { type: 'string', default: '100' },
    events: { type: 'string', default: '5000' },
  },
})
const stack: StackDescription = JSON.parse(readFileSync(join(values.state, 'stack.json'), 'utf8'))
const api = await openApi(stack, values.state)
const sql = postgres(stack.database_url, { max: 1, onnotice: () => {} })
const run = randomUUID().slice(0, 8)

/** The value below which that share of the values lies. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

function report(what: string, milliseconds: readonly number[]): void {
  const sorted = milliseconds.toSorted((a, b) => a - b)
  const [p50, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.99)]
  console.log(`${what.padEnd(48)} p50 ${p50.toFixed(0).padStart(6)} ms   p99 ${p99.toFixed(0).padStart(6)} ms`)
}

async function measureDocuments(clients: number, count: number): Promise<void> {
  const users = Array.from({ length: count }, (_, index) => `bench-${run}-${clients}-${index}`)
  const posted: number[] = []
  const readable: number[] = []
  await forEachAtOnce(users, clients, async (userId) => {
    const start = performance.now()
    const answer = await postDocument(api, {
      user_id: userId,
      network: 'ethereum',
      document: makeLetter(userId),
    })
    if (answer.status !== 202) throw new Error(`expected 202; got ${answer.status}`)
    posted.push(performance.now() - start)
    await waitForWallet(api, userId, 'ethereum')
    readable.push(performance.now() - start)
  })
  console.log(`\n${count} documents, ${clients} at once (includes VERIFICATION_DELAY_SECONDS; polled every 250 ms)`)
  report('POST answered', posted)
  report('POST to readable wallet', readable)
  const steps = await sql<{ toVerdict: number; toEvent: number; toWallet: number }[]>`
    select
      extract(epoch from verified_at - verifications.created_at)::float8 * 1000 as "toVerdict",
      extract(epoch from verifications.announced_at - verified_at)::float8 * 1000 as "toEvent",
      extract(epoch from wallets.created_at - verified_at)::float8 * 1000 as "toWallet"
    from verification.verifications join wallet.wallets using (user_id, network, address_type)
    where user_id = any(${users}::text[])`
  report(
    '  row to verdict (S3, SQS, inspect)',
    steps.map(({ toVerdict }) => toVerdict),
  )
  report(
    '  verdict to event noted (Kafka)',
    steps.map(({ toEvent }) => toEvent),
  )
  report(
    '  verdict to wallet (Kafka, trigger, wallet)',
    steps.map(({ toWallet }) => toWallet),
  )
}

async function measureEvents(count: number): Promise<void> {
  const kafka = new Kafka({ brokers: stack.kafka_brokers.split(','), clientId: 'bench', logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  const now = new Date()
  const messages = Array.from({ length: count }, (_, index) =>
    toUserVerified({
      id: randomUUID(),
      userId: `bench-${run}-event-${index}`,
      network: 'ethereum',
      addressType: 'eip55',
      documentSha256: new Uint8Array(32),
      status: 'verified',
      attempt: 1,
      reasons: [],
      requestId: `bench-${run}`,
      createdAt: now,
      verifiedAt: now,
      announcedAt: null,
    }),
  )
  const start = performance.now()
  for (let at = 0; at < count; at += 500) {
    await producer.send({ topic: 'user.verified', messages: messages.slice(at, at + 500) })
  }
  await producer.disconnect()
  for (;;) {
    const [row] = await sql<[{ wallets: number; announced: number }]>`
      select count(*)::int as wallets, count(announced_at)::int as announced
      from wallet.wallets where request_id = ${`bench-${run}`}`
    if (row.announced === count) break
    if (process.stdout.isTTY) process.stdout.write(`\r  ${row.wallets} of ${count} wallets`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const seconds = (performance.now() - start) / 1000
  console.log(
    `${process.stdout.isTTY ? '\r' : ''}${count} events from Kafka to announced wallets: ${seconds.toFixed(1)} s, ${(count / seconds).toFixed(0)} a second`,
  )
}

await measureDocuments(1, Math.ceil(Number(values.documents) / 4))
await measureDocuments(8, Number(values.documents))
console.log()
await measureEvents(Number(values.events))
await sql.end()
