// Eight wallet functions in processes of their own over the same users, some of them killed in the middle, on a real
// Postgres: whatever happens, one account a user, one wallet a user, network and type, and no address ever changes.
import { type ChildProcess, fork } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type postgres from 'postgres'
import { beforeEach, expect, test } from 'vitest'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { type AddressType, addressTypes, type Network, networks } from '../../shared/model.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { type Moment, moments, type Report, type Task } from '../support/wallet-process.ts'
import { keyring, makeVerifiedRecord, toMskEvent } from '../support/wallet-records.ts'

let database: TestDatabase
let owner: postgres.Sql
const processes = new Set<ChildProcess>()

beforeEach(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  return async () => {
    for (const child of processes) child.kill('SIGKILL')
    await database.drop()
  }
})

const handlers = 8
const userCount = 2_000
const recordCount = 10_000
/** Of the records, this many are repetitions of an event, and this many another event for a wallet. */
const [repeated, doubled] = [1_500, 1_000]

const types = networks.flatMap((network) => addressTypes[network].map((type) => [network, type] as const))
const shuffle = <Item>(items: readonly Item[]): Item[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)

/** Records of all users and all types, shuffled; some events twice, some wallets asked for by two events. */
function makeRecords(): readonly KafkaRecord[] {
  // In every order of bytes and of UTF-16 code units.
  const prefixes = ['', 'é', '\uffff', '\u{10ffff}']
  const users = Array.from({ length: userCount }, (_, at) => `${prefixes[at % prefixes.length]}${randomUUID()}`)
  const wanted = shuffle(users.flatMap((user) => types.map(([network, type]) => [user, network, type] as const)))
  const distinct = wanted.slice(0, recordCount - repeated - doubled)
  const make = ([user, network, type]: readonly [string, Network, AddressType]) =>
    makeVerifiedRecord(user, network, randomInt(6), type)
  const first = distinct.map(make)
  return shuffle([...first, ...first.slice(0, repeated), ...distinct.slice(-doubled).map(make)])
}

function splitAtRandom(records: readonly KafkaRecord[]): KafkaRecord[][] {
  const batches: KafkaRecord[][] = []
  for (let at = 0; at < records.length; ) {
    const size = randomInt(1, 200)
    batches.push(records.slice(at, at + size))
    at += size
  }
  return batches
}

type Handler = { readonly child: ChildProcess; readonly ask: (task: Task) => Promise<Report | 'ended'> }

async function startHandler(): Promise<Handler> {
  const child = fork(fileURLToPath(new URL('../support/wallet-process.ts', import.meta.url)), { execArgv: [] })
  processes.add(child)
  const ended = new Promise<'ended'>((resolve) => child.once('exit', () => resolve('ended')))
  const ask = async (task: Task) => {
    const answer = new Promise<Report>((resolve) => child.once('message', (message) => resolve(message as Report)))
    child.send(task)
    return await Promise.race([answer, ended])
  }
  expect(await ask({ kind: 'connect', url: database.toUrl('app_wallet') })).toEqual({ kind: 'ready' })
  return { child, ask }
}

async function kill({ child }: Handler): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  processes.delete(child)
}

/** What is to come again of a batch: from the lowest failed offset of each partition on, as the mapping does. */
function findFailed(batch: readonly KafkaRecord[], report: Extract<Report, { kind: 'done' }>): KafkaRecord[] {
  const lowest = new Map<string, number>()
  for (const { itemIdentifier } of report.response.batchItemFailures) {
    const { partition, offset } = itemIdentifier
    lowest.set(partition, Math.min(offset, lowest.get(partition) ?? offset))
  }
  return batch.filter(
    ({ topic, partition, offset }) => offset >= (lowest.get(`${topic}-${partition}`) ?? Number.POSITIVE_INFINITY),
  )
}

type Row = { key: string; userId: string; network: Network; addressType: AddressType; index: number; address: string }

const findRows = () => owner<Row[]>`
  select network || ' ' || address_type || ' ' || user_id as key, user_id as "userId", network,
    address_type as "addressType", account_index as index, address
  from wallet.wallets`

const keyOf = (record: KafkaRecord) => {
  const event = JSON.parse(Buffer.from(record.value ?? []).toString()) as Record<string, string>
  return `${event.network} ${event.address_type} ${event.user_id}`
}

/** The key of each wallet that was seen while the handlers ran, and its address. */
async function takeSnapshot(seen: Map<string, string>): Promise<void> {
  for (const { key, address } of await findRows()) {
    expect(seen.get(key) ?? address).toBe(address)
    seen.set(key, address)
  }
}

test('ten thousand records over eight handlers, some killed in the middle', async () => {
  const records = makeRecords()
  expect(records).toHaveLength(recordCount)
  const pending = splitAtRandom(records)
  const [killEach, seen] = [Math.floor(pending.length / 18), new Map<string, string>()]
  const killed: (Moment | 'anywhere')[] = []
  let sent = 0

  /** Sends a batch, perhaps with a moment to be killed at; answers what is to come again. */
  async function deliver(handler: Handler, batch: KafkaRecord[]): Promise<{ failed: KafkaRecord[]; isAlive: boolean }> {
    sent += 1
    const turn = sent % killEach === 0 ? Math.floor(sent / killEach) : undefined
    const stopAt = turn === undefined ? undefined : [...moments, undefined][turn % (moments.length + 1)]
    const isKilledAnywhere = turn !== undefined && stopAt === undefined
    if (isKilledAnywhere) setTimeout(() => handler.child.kill('SIGKILL'), randomInt(50))
    const report = await handler.ask({ kind: 'batch', event: toMskEvent(batch), stopAt })
    if (report === 'ended') {
      killed.push('anywhere')
      processes.delete(handler.child)
      return { failed: batch, isAlive: false }
    }
    if (report.kind === 'stopped') {
      // Long enough for others to wait for what it holds.
      await new Promise((resolve) => setTimeout(resolve, randomInt(100)))
      await kill(handler)
      killed.push(report.at)
      return { failed: batch, isAlive: false }
    }
    if (report.kind !== 'done') throw new Error(`expected the batch to be done; got ${JSON.stringify(report)}`)
    if (isKilledAnywhere) {
      // Too fast to be killed in the middle: it dies idle.
      await kill(handler)
      return { failed: findFailed(batch, report), isAlive: false }
    }
    return { failed: findFailed(batch, report), isAlive: true }
  }

  async function run(): Promise<void> {
    let handler = await startHandler()
    for (let batch = pending.shift(); batch; batch = pending.shift()) {
      const { failed, isAlive } = await deliver(handler, batch)
      // Again at any time, to whoever comes first.
      if (failed.length > 0) pending.splice(randomInt(pending.length + 1), 0, failed)
      if (!isAlive) handler = await startHandler()
      if (sent % 10 === 0) await takeSnapshot(seen)
    }
    await kill(handler)
  }
  await Promise.all(Array.from({ length: handlers }, run))

  for (const moment of moments) expect(killed).toContain(moment)
  expect(seen.size).toBeGreaterThan(1000)
  const rows = await findRows()
  const wanted = new Set(records.map(keyOf))
  expect(rows).toHaveLength(wanted.size)
  expect(new Set(rows.map(({ key }) => key))).toEqual(wanted)
  expect(new Set(rows.map(({ network, address }) => `${network} ${address}`)).size).toBe(rows.length)

  const accounts = await owner<{ userId: string; index: number }[]>`
      select user_id as "userId", account_index as index from wallet.accounts`
  expect(new Set(accounts.map(({ userId }) => userId))).toEqual(new Set(rows.map(({ userId }) => userId)))
  expect(new Set(accounts.map(({ index }) => index)).size).toBe(accounts.length)
  const [{ last }] = await owner<[{ last: number }]>`select last_value::float8 as last from wallet.account_index`
  for (const { index } of accounts) expect(index >= 0 && index <= last && index < 2 ** 31).toBe(true)
  const indexOf = new Map(accounts.map(({ userId, index }) => [userId, index]))

  const addressOf = new Map(rows.map(({ key, address }) => [key, address]))
  for (const [key, address] of seen) expect(addressOf.get(key)).toBe(address)
  for (const { userId, network, addressType, index, address } of rows) {
    expect(index).toBe(indexOf.get(userId))
    expect(address).toBe(keyring.derive(network, addressType, index).address)
  }
  expect(await owner`select from wallet.quarantine`).toHaveLength(0)
  expect(await owner`select from wallet.waiting`).toHaveLength(0)
}, 1_800_000)
