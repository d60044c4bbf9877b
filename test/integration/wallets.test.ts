// Issued wallets and heartbeats as they are read, and as announce notes them.
import { randomUUID } from 'node:crypto'
import type postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { longestAbsence, rememberWallets } from '../../functions/read/remember-wallets.ts'
import { type Database, inTransaction } from '../../shared/database.ts'
import { createBeat, findHeartbeats, type Heartbeat, writeHeartbeat } from '../../shared/heartbeats.ts'
import { type AddressType, addressTypes, type Network, type Wallet } from '../../shared/model.ts'
import { findWallet, findWallets, lockUnannouncedWallets, markWalletsAnnounced } from '../../shared/wallets.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { noon } from '../support/fakes.ts'
import { issue, keyring, makeVerifiedRecord } from '../support/wallet-records.ts'

let database: TestDatabase
let owner: postgres.Sql
let wallet: Database
let reader: postgres.Sql
let announcer: postgres.Sql

beforeAll(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  wallet = database.open('app_wallet')
  reader = database.connect('app_read')
  announcer = database.connect('app_announce')
})

beforeEach(async () => {
  await owner`update wallet.wallets set announced_at = ${noon} where announced_at is null`
})

afterAll(() => database.drop())

const laterBy = (seconds: number) => new Date(noon.getTime() + seconds * 1000)
const issueAt = (seconds: number, ...users: string[]) =>
  issue(
    wallet,
    users.map((userId) => makeVerifiedRecord(userId, 'ethereum')),
    { now: () => laterBy(seconds) },
  )

test('a wallet is found by its user, network and address type; all of a user are found, the oldest first', async () => {
  await issue(wallet, [makeVerifiedRecord('reader', 'tron')], { now: () => laterBy(2) })
  await issue(wallet, [makeVerifiedRecord('reader', 'ethereum'), makeVerifiedRecord('Reader', 'bitcoin')])
  const { path, address } = keyring.derive('tron', 'base58check', 0)
  const tron: Wallet = {
    userId: 'reader',
    network: 'tron',
    addressType: 'base58check',
    keyringId: 1,
    accountIndex: 0,
    derivationPath: path,
    address,
    requestId: 'request-1',
    createdAt: laterBy(2),
  }
  expect(await findWallet(reader, 'reader', 'tron', 'base58check')).toEqual(tron)
  expect((await findWallets(reader, 'reader')).map(({ network }) => network)).toEqual(['ethereum', 'tron'])
  expect((await findWallets(reader, 'reader'))[1]).toEqual(tron)

  expect(await findWallet(reader, 'reader', 'bitcoin', 'p2pkh')).toBeUndefined()
  expect(await findWallet(reader, 'reader', 'tron', 'p2pkh')).toBeUndefined()
  expect(await findWallet(reader, 'nobody', 'tron', 'base58check')).toBeUndefined()
  expect(await findWallets(reader, 'nobody')).toEqual([])
})

test('the Bitcoin wallets of a user are found by their types, and all of them together', async () => {
  const records = addressTypes.bitcoin.map((type) => makeVerifiedRecord('collector', 'bitcoin', 0, type))
  await issue(wallet, records.slice(0, 3))
  expect(await findWallet(reader, 'collector', 'bitcoin', 'p2tr')).toBeUndefined()
  await issue(wallet, records.slice(3))
  const found = await Promise.all(addressTypes.bitcoin.map((type) => findWallet(reader, 'collector', 'bitcoin', type)))
  expect(found.map((row) => row?.addressType)).toEqual(addressTypes.bitcoin)
  const all = await findWallets(reader, 'collector')
  expect(new Set(all)).toEqual(new Set(found))
  expect(new Set(all.map(({ accountIndex }) => accountIndex)).size).toBe(1)
})

test('a wallet that was issued after its absence was seen is seen when that is old, and then without the database', async () => {
  let time = noon
  const answeredBy: string[] = []
  const find = rememberWallets(
    (userId: string, network: Network, type: AddressType) => findWallet(reader, userId, network, type),
    { now: () => time, count: (by) => answeredBy.push(by) },
  )
  const ask = () => find('latecomer', 'ethereum', 'eip55')
  expect(await ask()).toBeUndefined()
  await issueAt(0, 'latecomer')
  expect(await ask()).toBeUndefined()
  time = new Date(noon.getTime() + longestAbsence)
  const seen = await ask()
  expect(seen).toEqual(await findWallet(reader, 'latecomer', 'ethereum', 'eip55'))
  expect(seen?.userId).toBe('latecomer')
  expect(await ask()).toBe(seen)
  expect(answeredBy).toEqual(['database', 'cached_absence', 'database', 'cache'])
})

test('what is remembered cannot become another: neither its row nor, for a newer keyring, another row', async () => {
  await issue(wallet, [makeVerifiedRecord('steady', 'tron')])
  const before = await findWallet(reader, 'steady', 'tron', 'base58check')
  await expect(owner`update wallet.wallets set address = 'other' where user_id = 'steady'`).rejects.toThrow(/refused/)
  await expect(owner`delete from wallet.wallets where user_id = 'steady'`).rejects.toThrow(/refused/)
  await expect(owner`
    insert into wallet.wallets
    select (jsonb_populate_record(wallets, ${owner.json({ keyring_id: 2, address: 'other', source_event_id: randomUUID() })})).*
    from wallet.wallets where user_id = 'steady'`).rejects.toThrow(/foreign key/)
  expect(await findWallet(reader, 'steady', 'tron', 'base58check')).toEqual(before)
})

test('unannounced wallets are found, the oldest first, and what another holds is skipped', async () => {
  await issueAt(30, 'c')
  await issueAt(10, 'a')
  await issueAt(20, 'b')
  const toUsers = (wallets: readonly Wallet[]) => wallets.map(({ userId }) => userId)
  const lock = (limit: number) => inTransaction(announcer, (tx) => lockUnannouncedWallets(tx, limit))
  expect(toUsers(await lock(10))).toEqual(['a', 'b', 'c'])
  expect(toUsers(await lock(2))).toEqual(['a', 'b'])
  expect((await lock(1))[0]).toEqual({ ...(await findWallet(reader, 'a', 'ethereum', 'eip55')), askedAt: null })
  await inTransaction(database.connect('app_announce'), async (tx) => {
    const held = await lockUnannouncedWallets(tx, 2)
    expect(toUsers(await lock(10))).toEqual(['c'])
    await markWalletsAnnounced(tx, held, laterBy(100))
  })
  expect(toUsers(await lock(10))).toEqual(['c'])
})

test('the first time of an announcement stands; announcing nothing does nothing', async () => {
  await issueAt(0, 'd', 'e')
  const wallets = await inTransaction(announcer, (tx) => lockUnannouncedWallets(tx, 10))
  await markWalletsAnnounced(announcer, [], laterBy(1))
  await markWalletsAnnounced(announcer, wallets.slice(0, 1), laterBy(2))
  await markWalletsAnnounced(announcer, wallets, laterBy(3))
  const times = await owner`select announced_at from wallet.wallets where user_id in ('d', 'e') order by announced_at`
  expect(times).toEqual([{ announced_at: laterBy(2) }, { announced_at: laterBy(3) }])
})

test('a heartbeat replaces the one before of the same part', async () => {
  const beats: Heartbeat[] = [
    { part: 'kafka', status: 'ok', seenAt: noon },
    { part: 'vault', status: 'failing', seenAt: noon },
    { part: 'kafka', status: 'failing', seenAt: laterBy(1) },
  ]
  for (const beat of beats) await wallet.run((sql) => writeHeartbeat(sql, beat))
  expect((await findHeartbeats(reader)).toSorted((a, b) => (a.part < b.part ? -1 : 1))).toEqual([beats[2], beats[1]])
})

test('a beat is written when the status changes or half a minute has passed, and fails nobody', async () => {
  let seconds = 0
  let away = false
  const times: string[] = []
  const beat = createBeat('documents', {
    now: () => laterBy(seconds),
    write: async (heartbeat) => {
      if (away) throw new Error('the database is away')
      await wallet.run((sql) => writeHeartbeat(sql, heartbeat))
      times.push(`${seconds} ${heartbeat.status}`)
    },
  })
  const beatAt = async (at: number, status: Heartbeat['status']) => {
    seconds = at
    await beat(status)
  }
  await beatAt(0, 'ok')
  await beatAt(29, 'ok')
  await beatAt(30, 'ok')
  away = true
  await beatAt(31, 'failing')
  away = false
  await beatAt(32, 'failing')
  await beatAt(33, 'failing')
  await beatAt(34, 'ok')
  expect(times).toEqual(['0 ok', '30 ok', '32 failing', '34 ok'])
  expect(await findHeartbeats(reader)).toContainEqual({ part: 'documents', status: 'ok', seenAt: laterBy(34) })
})
