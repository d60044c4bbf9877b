// What it costs to read a wallet with the function's memory and without: `npm run bench -- read` at the handler, on a
// PostgreSQL of its own; `npm run bench -- read --state DIR` over HTTP too, against a running `npm start`, which keeps the
// users. Each takes its turn in each round, so that what the machine does meanwhile hits all alike; compare within one run only.
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Context } from 'aws-lambda'
import { Kafka, logLevel } from 'kafkajs'
import postgres from 'postgres'
import { createHandler, type ReadDependencies } from '../functions/read/handler.ts'
import { mostWallets, rememberWallets } from '../functions/read/remember-wallets.ts'
import { toUserVerified } from '../shared/events.ts'
import { findWallet } from '../shared/wallets.ts'
import { createTestDatabase } from '../test/support/database.ts'
import {
  createMemoryLog,
  everything,
  makeHttpEvent,
  makeRequestContext,
  makeVerification,
  makeWallet,
} from '../test/support/fakes.ts'
import { call, openApi, type StackDescription } from '../test/support/local-stack.ts'
import { startTemporaryPostgres } from '../test/support/temporary-postgres.ts'
import { issue, makeVerifiedRecord } from '../test/support/wallet-records.ts'
import { median, quantile } from './statistics.ts'

const { values } = parseArgs({
  options: {
    state: { type: 'string' },
    wallets: { type: 'string', default: '2000' },
    reads: { type: 'string', default: '400' },
  },
})

type Measured = Readonly<Record<string, readonly number[]>>

/** Does each of the things once a round; milliseconds of each. */
async function alternate(rounds: number, things: Record<string, (round: number) => Promise<void>>): Promise<Measured> {
  const times = Object.fromEntries(Object.keys(things).map((name) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(things)) {
      const start = performance.now()
      await work(round)
      times[name]?.push(performance.now() - start)
    }
  }
  return times
}

function report(title: string, measured: Measured): void {
  console.log(`\n${title}`)
  const [, base = []] = Object.entries(measured)[0] ?? []
  for (const [name, times] of Object.entries(measured)) {
    const ratio = median(times.map((time, round) => time / (base[round] ?? Number.NaN)))
    console.log(
      `  ${name.padEnd(58)} p50 ${quantile(times, 0.5).toFixed(3).padStart(9)} ms   p99 ${quantile(times, 0.99).toFixed(3).padStart(9)} ms` +
        `   ${ratio.toFixed(3).padStart(6)} of the first`,
    )
  }
}

const toEvent = (userId: string, headers = {}) =>
  makeHttpEvent({
    resource: '/wallet/{user_id}',
    pathParameters: { user_id: encodeURIComponent(userId) },
    queryStringParameters: { network: 'ethereum' },
    requestContext: makeRequestContext({ ...everything, exp: String(Math.ceil(Date.now() / 1000) + 3600) }),
    headers,
  })

async function measureHandler(count: number): Promise<void> {
  const server = await startTemporaryPostgres()
  try {
    const database = await createTestDatabase({ serverUrl: server.url })
    const users = Array.from({ length: count }, () => randomUUID())
    await issue(
      database.open('app_wallet'),
      users.map((userId) => makeVerifiedRecord(userId, 'ethereum')),
    )
    const reader = database.open('app_read')
    const ask: ReadDependencies['findWallet'] = (...question) => reader.run((sql) => findWallet(sql, ...question))
    const memory = { now: () => new Date(), count: () => {} }
    const nothing = async () => undefined
    const quiet = { ...createMemoryLog(), info: () => {} }
    const make = (find: ReadDependencies['findWallet']) => {
      const handler = createHandler({
        ...{ log: quiet, now: () => new Date(), newId: randomUUID, findWallet: find, findVerification: nothing },
        ...{ findWallets: async () => [], findWalletByAddress: nothing, findHeartbeats: async () => [] },
      })
      return async (userId: string, status: number, headers = {}) => {
        const answer = await handler(toEvent(userId, headers), {} as Context)
        if (answer.statusCode !== status) throw new Error(`expected ${status}; got ${answer.statusCode}`)
        return answer
      }
    }
    const without = make(ask)
    const known = make(rememberWallets(ask, memory))
    const fresh = make(rememberWallets(ask, memory))
    const userOf = (round: number) => users[round % count] as string
    const tags: string[] = []
    // Each is compiled, and every wallet but those of the last is known.
    for (const userId of users) {
      await without(userId, 200)
      tags.push(String((await known(userId, 200)).headers?.etag))
    }
    const measured = await alternate(count, {
      'without memory: Postgres is asked': async (round) => void (await without(userOf(round), 200)),
      'with it, the first time: Postgres is asked': async (round) => void (await fresh(userOf(round), 200)),
      'with it, known': async (round) => void (await known(userOf(round), 200)),
      'with it, known, and the client has it: 304': async (round) =>
        void (await known(userOf(round), 304, { 'if-none-match': tags[round % count] })),
      'without memory, none there': async (round) => void (await without(`nobody ${round}`, 404)),
      'with it, its absence known for a moment': async () => void (await known('nobody', 404)),
    })
    report(`GET /wallet/{user_id}?network=… at the handler, ${count} wallets, PostgreSQL on this machine`, measured)
    await database.drop()
  } finally {
    await server.stop()
  }
}

/** MB of heap that a full memory takes, of user ids of that many UTF-16 units. */
async function weigh(length: number): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  collect()
  const before = process.memoryUsage().heapUsed
  const find = rememberWallets(
    async (userId: string) => {
      // As a driver makes them: each string a new one.
      const copy = (text: string) => Buffer.from(text, 'utf16le').toString('utf16le')
      const { address, derivationPath, requestId } = makeWallet()
      return makeWallet({
        ...{ userId: copy(userId), address: copy(address), derivationPath: copy(derivationPath) },
        ...{ requestId: copy(requestId), createdAt: new Date() },
      })
    },
    { now: () => new Date(), count: () => {} },
  )
  // Beyond the basic plane, so that V8 takes two bytes a unit.
  for (let at = 0; at < mostWallets; at++)
    await find(`${at}`.padStart(6, '0') + (length > 100 ? '😀'.repeat((length - 6) / 2) : 'x'.repeat(length - 6)))
  collect()
  const taken = process.memoryUsage().heapUsed - before
  // Still held when it is weighed.
  await find('last')
  return taken / 1e6
}

/** Has a stack issue wallets to these users, and waits for them without asking its API. */
async function issueByKafka(stack: StackDescription, users: readonly string[]): Promise<void> {
  const kafka = new Kafka({ brokers: stack.kafka_brokers.split(','), clientId: 'bench', logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  const now = new Date()
  const messages = users.map((userId) =>
    toUserVerified({
      ...makeVerification({ id: randomUUID(), userId, status: 'verified' }),
      ...{ createdAt: now, verifiedAt: now, requestId: 'bench' },
    }),
  )
  await producer.send({ topic: 'user.verified', messages })
  await producer.disconnect()
  const sql = postgres(stack.database_url, { max: 1, onnotice: () => {} })
  for (let issued = 0; issued < users.length; ) {
    const [row] = await sql<[{ issued: number }]>`
      select count(*)::int as issued from wallet.wallets where user_id = any(${users as string[]}::text[])`
    issued = row.issued
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await sql.end()
}

async function measureHttp(state: string, count: number): Promise<void> {
  const description = join(state, 'stack.json')
  if (!existsSync(description)) {
    throw new Error(`expected a running stack; there is no ${description}. Start one: npm start -- --state ${state}`)
  }
  const stack: StackDescription = JSON.parse(readFileSync(description, 'utf8'))
  const api = await openApi(stack, state)
  const users = Array.from({ length: count }, () => randomUUID())
  await issueByKafka(stack, users)
  const tags = new Map<string, string>()
  const read = async (userId: string, status: number, headers = {}) => {
    const answer = await call(api, `/wallet/${userId}?network=ethereum`, { headers })
    if (answer.status !== status) throw new Error(`expected ${status}; got ${answer.status}`)
    tags.set(userId, String(answer.headers.etag))
  }
  const contract = (await call(api, '/openapi.json')).headers.etag as string
  const userOf = (round: number) => users[round] as string
  const measured = await alternate(count, {
    'asked for the first time: Postgres is asked': (round) => read(userOf(round), 200),
    'asked for again: known': (round) => read(userOf(round), 200),
    'asked for again by who has it: 304': (round) =>
      read(userOf(round), 304, { 'if-none-match': tags.get(userOf(round)) }),
    'a function that does nothing: what the emulator costs': async () =>
      void (await call(api, '/openapi.json', { headers: { 'if-none-match': contract } })),
  })
  report('the same over HTTP, one client, through front door and emulator', measured)
}

await measureHandler(Number(values.wallets))
console.log(
  `\n${mostWallets} wallets in memory: ${(await weigh(36)).toFixed(1)} MB with UUIDs as user ids, ${(await weigh(510)).toFixed(1)} MB with the longest ids`,
)
if (values.state !== undefined) await measureHttp(values.state, Number(values.reads))
