// Issuing on real tables: one account a user, one wallet a user and network, whoever races whom; and nothing issued changes.
import { randomUUID } from 'node:crypto'
import postgres from 'postgres'
import { beforeEach, expect, test } from 'vitest'
import type { Keyring } from '../../functions/wallet/derivation.ts'
import type { IssueWalletsPorts } from '../../functions/wallet/issue-wallets.ts'
import { runWalletTransaction } from '../../functions/wallet/wallet-tables.ts'
import { type Database, inTransaction, type Sql } from '../../shared/database.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { type AddressType, addressTypes, type Network, networks } from '../../shared/model.ts'
import { createTestDatabase, startWaiting, type TestDatabase } from '../support/database.ts'
import { catchError, createMemoryLog, noon } from '../support/fakes.ts'
import { issue, keyring, makeKafkaRecord, makeVerifiedRecord } from '../support/wallet-records.ts'

let database: TestDatabase
let owner: postgres.Sql
let wallet: Database

beforeEach(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  wallet = database.open('app_wallet')
  return () => database.drop()
})

type Row = { userId: string; network: Network; accountIndex: number; derivationPath: string; address: string }

const findRows = () => owner<Row[]>`
  select user_id as "userId", network, account_index as "accountIndex", derivation_path as "derivationPath", address
  from wallet.wallets order by account_index, network`
const findAccounts = () => owner<{ userId: string; accountIndex: number }[]>`
  select user_id as "userId", account_index as "accountIndex" from wallet.accounts order by account_index`
/** The index that the next user would get. */
const findNextIndex = async () =>
  (
    await owner<[{ next: number }]>`
    select (last_value + case when is_called then 1 else 0 end)::float8 as next from wallet.account_index`
  )[0].next

const shuffle = <Item>(items: readonly Item[]) =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)

/** What stands in the tables agrees with itself and with what the keyring derives. */
async function expectSound(users: number, wallets: number) {
  const accounts = await findAccounts()
  const rows = await findRows()
  expect(accounts).toHaveLength(users)
  expect(rows).toHaveLength(wallets)
  expect(new Set(accounts.map(({ accountIndex }) => accountIndex)).size).toBe(users)
  expect(new Set(rows.map(({ address }) => address)).size).toBe(wallets)
  expect(new Set(rows.map(({ userId, network }) => `${network} ${userId}`)).size).toBe(wallets)
  const indexOf = new Map(accounts.map(({ userId, accountIndex }) => [userId, accountIndex]))
  for (const row of rows) expect(row.accountIndex).toBe(indexOf.get(row.userId))
}

test('a verified user becomes an account and a wallet, with all that is known of it', async () => {
  const record = makeVerifiedRecord('user-1', 'bitcoin', 3)
  const result = await issue(wallet, [record])
  expect(result).toEqual({
    inserted: 1,
    duplicate: 0,
    quarantined: 0,
    waiting: 0,
    vault: 'open',
    unfinished: undefined,
  })
  const derived = keyring.derive('bitcoin', 'p2pkh', 0)
  const event = JSON.parse(Buffer.from(record.value ?? []).toString()) as { event_id: string }
  expect(await owner`select * from wallet.wallets`).toEqual([
    {
      user_id: 'user-1',
      network: 'bitcoin',
      address_type: 'p2pkh',
      keyring_id: 1,
      account_index: 0,
      derivation_path: "m/44'/0'/0'/0/0",
      address: derived.address,
      public_key: Buffer.from(derived.publicKey),
      account_xpub: derived.accountXpub,
      source_event_id: event.event_id,
      source_topic: 'user.verified',
      source_partition: 3,
      source_offset: String(record.offset),
      request_id: 'request-1',
      created_at: noon,
      announced_at: null,
    },
  ])
  expect(await owner`select * from wallet.accounts`).toEqual([
    { user_id: 'user-1', keyring_id: 1, account_index: 0, created_at: noon },
  ])
})

test('the networks of a user share one account index', async () => {
  await issue(wallet, [makeVerifiedRecord('first', 'ethereum'), makeVerifiedRecord('second', 'tron')])
  await issue(wallet, [makeVerifiedRecord('second', 'bitcoin'), makeVerifiedRecord('first', 'tron')])
  expect((await findRows()).map(({ userId, derivationPath }) => `${userId} ${derivationPath}`)).toEqual([
    "first m/44'/60'/0'/0/0",
    "first m/44'/195'/0'/0/0",
    "second m/44'/0'/1'/0/0",
    "second m/44'/195'/1'/0/0",
  ])
})

test('the Bitcoin types of a user share one account index, each under the purpose of its standard', async () => {
  await issue(wallet, [makeVerifiedRecord('another', 'bitcoin')])
  const records = shuffle(addressTypes.bitcoin.map((type) => makeVerifiedRecord('holder', 'bitcoin', 0, type)))
  expect(await issue(wallet, [...records, ...records])).toMatchObject({ inserted: 4, duplicate: 4 })
  const read = () => owner<{ type: string; path: string; address: string; xpub: string }[]>`
    select address_type as type, derivation_path as path, address, account_xpub as xpub
    from wallet.wallets where user_id = 'holder' order by path`
  const issued = await read()
  expect(issued.map(({ type, path }) => `${type} ${path}`)).toEqual([
    "p2pkh m/44'/0'/1'/0/0",
    "p2sh-p2wpkh m/49'/0'/1'/0/0",
    "p2wpkh m/84'/0'/1'/0/0",
    "p2tr m/86'/0'/1'/0/0",
  ])
  expect(new Set(issued.map(({ address }) => address)).size).toBe(4)
  expect(new Set(issued.map(({ xpub }) => xpub)).size).toBe(4)
  expect(await findAccounts()).toHaveLength(2)

  expect(await issue(wallet, shuffle(records))).toMatchObject({ inserted: 0, duplicate: 4 })
  expect(await read()).toEqual(issued)
  expect(await findNextIndex()).toBe(2)
})

test('user ids are compared byte by byte', async () => {
  const ids = ['é', 'e\u0301', 'E', 'e', 'e ', '\u{10ffff}', '\uffff']
  await issue(
    wallet,
    ids.map((userId) => makeVerifiedRecord(userId, 'tron')),
  )
  await expectSound(7, 7)
  expect(new Set((await findRows()).map(({ userId }) => userId))).toEqual(new Set(ids))
})

test('a repetition changes nothing and burns no index', async () => {
  const records = ['a', 'b', 'c'].flatMap((userId) => networks.map((network) => makeVerifiedRecord(userId, network)))
  await issue(wallet, records)
  const [rows, accounts] = [await findRows(), await findAccounts()]
  for (let round = 0; round < 3; round++) {
    const result = await issue(wallet, shuffle([...records, ...records]))
    expect(result).toMatchObject({ inserted: 0, duplicate: 18 })
  }
  expect(await findRows()).toEqual(rows)
  expect(await findAccounts()).toEqual(accounts)
  expect(await findNextIndex()).toBe(3)
})

test('two handlers for the two networks of one user, on different partitions, end in one account', async () => {
  const other = database.open('app_wallet')
  const rounds = 150
  for (let round = 0; round < rounds; round++) {
    const userId = randomUUID()
    const results = await Promise.all([
      issue(wallet, [makeVerifiedRecord(userId, 'ethereum', 0)]),
      issue(other, [makeVerifiedRecord(userId, 'bitcoin', 1)]),
    ])
    expect(results.map(({ inserted }) => inserted)).toEqual([1, 1])
  }
  await expectSound(rounds, 2 * rounds)
})

test('eight handlers over the same users in every order end in one row for each user and network', async () => {
  const users = Array.from({ length: 40 }, () => randomUUID())
  const records = users.flatMap((userId) => networks.map((network) => makeVerifiedRecord(userId, network)))
  const handlers = Array.from({ length: 8 }, () => database.open('app_wallet'))
  const inserted = await Promise.all(
    handlers.map(async (handler) => {
      let count = 0
      for (const batch of [0, 1, 2, 3]) {
        const some = shuffle([...records, ...records]).slice(0, batch === 3 ? undefined : 60)
        count += (await issue(handler, some)).inserted
      }
      return count
    }),
  )
  await expectSound(40, 120)
  expect(inserted.reduce((sum, count) => sum + count)).toBe(120)
  // From here on there is no race, and so no gap.
  const next = await findNextIndex()
  await issue(wallet, shuffle(records))
  expect(await findNextIndex()).toBe(next)
})

test('batches that race in opposite orders never wait for each other in a circle', async () => {
  const other = database.open('app_wallet')
  for (let round = 0; round < 15; round++) {
    const users = Array.from({ length: 10 }, () => `${randomUUID()}${round % 2 ? '\u{10000}' : '\uffff'}`)
    const makeRecords = (network: Network) => users.map((userId) => makeVerifiedRecord(userId, network))
    await Promise.all([
      issue(wallet, [...makeRecords('tron'), ...makeRecords('bitcoin')]),
      issue(other, [...makeRecords('bitcoin').toReversed(), ...makeRecords('tron').toReversed()]),
    ])
  }
  await expectSound(150, 300)
})

test('the last indices go to as many as there are, the others wait, and who has an account goes on', async () => {
  await issue(wallet, [makeVerifiedRecord('early', 'tron')])
  await owner`select setval('wallet.account_index', 2147483645)`
  const records = ['a', 'b', 'c', 'd'].map((userId) => makeVerifiedRecord(userId, 'ethereum'))
  const result = await issue(wallet, [...records, makeVerifiedRecord('early', 'bitcoin')])
  expect(result).toMatchObject({ inserted: 3, waiting: 2, duplicate: 0 })
  expect((await findAccounts()).slice(1)).toEqual([
    { userId: 'a', accountIndex: 2_147_483_646 },
    { userId: 'b', accountIndex: 2_147_483_647 },
  ])
  expect((await findRows()).at(-1)?.derivationPath).toBe("m/44'/60'/2147483647'/0/0")

  expect(await issue(wallet, [makeVerifiedRecord('e', 'tron')])).toMatchObject({ inserted: 0, waiting: 1 })
  expect(await issue(wallet, [makeVerifiedRecord('b', 'tron')])).toMatchObject({ inserted: 1, waiting: 0 })
  const waiting = await owner`select cause, value, released_at from wallet.waiting order by "offset"`
  expect(waiting).toHaveLength(3)
  expect(waiting[0]).toEqual({ cause: 'account_indices_used_up', value: records[2]?.value, released_at: null })
  await expectSound(3, 5)
})

test('at the last index exactly: that user succeeds, the next waits', async () => {
  await owner`select setval('wallet.account_index', 2147483646)`
  const metrics = createMetrics()
  const issueOne = (userId: string) => issue(wallet, [makeVerifiedRecord(userId, 'bitcoin', 0, 'p2tr')], metrics.ports)
  expect(await issueOne('last')).toMatchObject({ inserted: 1, waiting: 0 })
  expect(await issueOne('next')).toMatchObject({ inserted: 0, waiting: 1 })
  expect(await findRows()).toMatchObject([{ accountIndex: 2_147_483_647, derivationPath: "m/86'/0'/2147483647'/0/0" }])
  expect(metrics.counted).toEqual({ account_indices_used_up: 1 })
})

test('a user of another keyring has no index in this one, and waits', async () => {
  await owner`insert into wallet.accounts values ('old', 2, 5, ${noon})`
  expect(await issue(wallet, [makeVerifiedRecord('old', 'tron')])).toMatchObject({ inserted: 0, waiting: 1 })
  expect(await findNextIndex()).toBe(0)
})

function createMetrics() {
  const counted: Record<string, number> = {}
  const count: IssueWalletsPorts['count'] = (metric, value) => {
    counted[metric] = (counted[metric] ?? 0) + value
  }
  return { counted, ports: { count } }
}

const findSetAside = () => owner<{ offset: number; reason: string }[]>`
  select "offset"::float8 as offset, reason from wallet.quarantine order by "offset"`

test('a batch costs a few statements, whatever its size', async () => {
  const statements: string[] = []
  const sql = postgres(database.toUrl('app_wallet'), {
    max: 1,
    debug: (_connection, statement) => statements.push(statement.trim().split(/\s+/).slice(0, 3).join(' ')),
  })
  const counting: Database = { run: (work) => work(sql), close: () => sql.end() }
  try {
    await sql`select 1`
    const issueCounted = async (records: readonly KafkaRecord[]) => {
      statements.length = 0
      const { inserted, duplicate, quarantined, waiting } = await issue(counting, records)
      return { sum: [inserted, duplicate, quarantined, waiting], statements: [...statements] }
    }
    const users = Array.from({ length: 300 }, (_, at) => `user ${at}`)
    const first = users.map((userId) => makeVerifiedRecord(userId, 'tron'))
    const reserve = 'select case when'
    const [accounts, wallets] = ['insert into wallet.accounts', 'insert into wallet.wallets']
    expect(await issueCounted(first)).toEqual({
      sum: [300, 0, 0, 0],
      statements: [reserve, 'begin', accounts, wallets, 'commit'],
    })
    // Again, all of it known: what stands is compared.
    const compare = 'select position::integer -'
    expect(await issueCounted(first)).toEqual({
      sum: [0, 300, 0, 0],
      statements: [reserve, 'begin', wallets, compare, 'commit'],
    })
    // Known users, new types, and everything else that may be in a batch.
    const mixed = [
      ...users.flatMap((userId) => [
        makeVerifiedRecord(userId, 'bitcoin', 1, 'p2wpkh'),
        makeVerifiedRecord(userId, 'tron'),
      ]),
      ...Array.from({ length: 50 }, () => makeKafkaRecord({ value: 'garbage' })),
      makeVerifiedRecord('newcomer', 'ethereum'),
    ]
    expect(await issueCounted(mixed)).toEqual({
      sum: [301, 300, 50, 0],
      statements: [reserve, 'begin', 'insert into wallet.quarantine', accounts, wallets, compare, 'commit'],
    })
  } finally {
    await sql.end()
  }
})

test('an address that differs from the one issued is never written; the rest of its batch is', async () => {
  await issue(wallet, [makeVerifiedRecord('user-1', 'tron'), makeVerifiedRecord('user-2', 'bitcoin')])
  const rows = await findRows()
  /** A keyring of another mind, which agrees with itself. */
  const openShifted = (shift: (account: number) => number) => {
    const derive: Keyring['derive'] = (network, type, account) => ({
      ...keyring.derive(network, type, shift(account)),
      path: keyring.derive(network, type, account).path,
    })
    return { openKeyring: async () => ({ state: 'open' as const, keyring: { id: 1, derive, crossCheck: () => {} } }) }
  }
  const metrics = createMetrics()
  const [fresh, drifting, again] = ['user-3', 'user-1', 'user-1'].map((userId) => makeVerifiedRecord(userId, 'tron'))
  const batch = [fresh, drifting, again, makeKafkaRecord({ value: 'garbage' })] as KafkaRecord[]
  const shifted = { ...openShifted((account) => account + 99), ...metrics.ports }
  expect(await issue(wallet, batch, shifted)).toMatchObject({ inserted: 1, quarantined: 3 })
  expect(await findSetAside()).toEqual([
    ...[drifting, again].map((record) => ({
      offset: record?.offset,
      reason: "address drift: the tron base58check address at m/44'/195'/0'/0/0 is not the one that was issued for it",
    })),
    { offset: batch[3]?.offset, reason: 'value is not JSON in UTF-8' },
  ])
  // Nor does a second user get an address that somebody has, or an account for it.
  const taking = makeVerifiedRecord('user-4', 'tron')
  expect(await issue(wallet, [taking], { ...openShifted(() => 0), ...metrics.ports })).toMatchObject({ quarantined: 1 })
  expect((await findSetAside()).at(-1)).toEqual({
    offset: taking.offset,
    reason: "address drift: the tron base58check address at m/44'/195'/3'/0/0 was issued for another user",
  })
  expect(await findRows()).toMatchObject([...rows, { userId: 'user-3' }])
  expect((await findAccounts()).map(({ userId }) => userId)).toEqual(['user-1', 'user-2', 'user-3'])
  expect(metrics.counted).toEqual({ address_drift: 3, account_index_gaps: 1 })
})

test('an event makes at most one wallet: one that comes with another user, network or type is set aside', async () => {
  const [first, second] = [makeVerifiedRecord('user-1', 'bitcoin'), makeVerifiedRecord('user-1', 'tron')]
  await issue(wallet, [first, second])
  const idOf = (record: KafkaRecord) =>
    (JSON.parse(Buffer.from(record.value ?? []).toString()) as { event_id: string }).event_id
  const forge = (userId: string, network: Network, source: KafkaRecord, type?: AddressType) => {
    const record = makeVerifiedRecord(userId, network, 0, type)
    const event = JSON.parse(Buffer.from(record.value ?? []).toString()) as object
    return { ...record, value: Buffer.from(JSON.stringify({ ...event, event_id: idOf(source) })) }
  }
  const forged = [
    forge('user-2', 'bitcoin', first),
    forge('user-1', 'ethereum', first),
    forge('user-1', 'bitcoin', first, 'p2tr'),
    // Its wallet stands, by another event.
    forge('user-1', 'tron', first),
  ]
  const good = [makeVerifiedRecord('user-3', 'tron'), forge('user-1', 'bitcoin', first)]
  const results: Awaited<ReturnType<typeof issue>>[] = []
  for (const record of forged) results.push(await issue(wallet, [record, ...good]))
  expect(results.map(({ inserted, quarantined }) => [inserted, quarantined])).toEqual([
    [1, 1],
    [0, 1],
    [0, 1],
    [0, 1],
  ])
  const reason = 'contradiction: its event_id is that of another user, network or address type'
  expect(await findSetAside()).toEqual(forged.map(({ offset }) => ({ offset, reason })))
  await expectSound(2, 3)
})

test('rows that the database refuses are found by halves and set aside; every other one is issued', async () => {
  await owner`alter table wallet.accounts add constraint polite check (user_id not like 'rude%')`
  const users = Array.from({ length: 40 }, (_, at) =>
    at === 0 || at === 17 || at === 18 ? `rude ${at}` : `user ${at}`,
  )
  const records = users.flatMap((userId) => [
    makeVerifiedRecord(userId, 'tron'),
    makeVerifiedRecord(userId, 'ethereum'),
  ])
  const log = createMemoryLog()
  const result = await issue(wallet, [...records, makeKafkaRecord({ value: 'garbage' })], { log })
  expect(result).toMatchObject({ inserted: 74, duplicate: 0, quarantined: 7, waiting: 0, unfinished: undefined })
  const reason = 'refused by the database: SQLSTATE 23514, constraint polite'
  const refused = records.filter((_, at) => users[Math.floor(at / 2)]?.startsWith('rude'))
  expect((await findSetAside()).slice(0, 6)).toEqual(refused.map(({ offset }) => ({ offset, reason })))
  const [row] = await owner`select key, value, headers from wallet.quarantine order by "offset" limit 1`
  expect(row).toEqual({ key: refused[0]?.key, value: refused[0]?.value, headers: refused[0]?.headers })
  await expectSound(37, 74)
  expect(JSON.stringify(log.lines)).not.toContain('rude')
  // All of it again changes nothing.
  expect(await issue(wallet, records)).toMatchObject({ inserted: 0, duplicate: 74, quarantined: 6 })
  expect(await findSetAside()).toHaveLength(7)
})

test('what cannot even be set aside is an error, which shows no value', async () => {
  // No partition of Kafka has such a number.
  const record = { ...makeVerifiedRecord('user-1', 'tron'), partition: 2 ** 31 }
  expect(await catchError(() => issue(wallet, [makeVerifiedRecord('user-2', 'tron'), record]))).toMatchObject({
    name: 'RefusedRowError',
    message: 'refused by the database: SQLSTATE 22003',
  })
  expect((await findRows()).map(({ userId }) => userId)).toEqual(['user-2'])
})

test('a user whose account a concurrent batch is inserting gets that one, in a second round', async () => {
  const metrics = createMetrics()
  const records = ['a', 'b', 'c'].map((userId) => makeVerifiedRecord(userId, 'tron'))
  const issuing = await owner.begin(async (tx) => {
    await tx`insert into wallet.accounts values ('b', 1, 1000, ${noon})`
    return await startWaiting(tx, () => issue(wallet, records, metrics.ports))
  })
  expect(await issuing.settled).toMatchObject({ inserted: 3, duplicate: 0, waiting: 0 })
  expect((await findRows()).map(({ userId, accountIndex }) => [userId, accountIndex])).toEqual([
    ['a', 0],
    ['c', 2],
    ['b', 1000],
  ])
  expect(metrics.counted).toEqual({ account_index_gaps: 1 })
})

test('a sequence that was set back gives nobody the index of another', async () => {
  await issue(
    wallet,
    ['a', 'b', 'c'].map((userId) => makeVerifiedRecord(userId, 'tron')),
  )
  await owner`select setval('wallet.account_index', 0, false)`
  const metrics = createMetrics()
  const records = ['d', 'e'].map((userId) => makeVerifiedRecord(userId, 'tron'))
  expect(await issue(wallet, records, metrics.ports)).toMatchObject({ inserted: 2, unfinished: undefined })
  await expectSound(5, 5)
  expect((await findAccounts()).map(({ userId }) => userId).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(metrics.counted).toEqual({ account_index_gaps: 3 })
})

test('a wallet has the account index of its own user, and no other', async () => {
  await issue(wallet, [makeVerifiedRecord('first', 'tron'), makeVerifiedRecord('second', 'tron')])
  expect(await catchError(forge({ user_id: 'first' }, 1))).toMatchObject({ code: '23503' })
  expect(await catchError(forge({ user_id: 'nobody' }, 1))).toMatchObject({ code: '23503' })
  await forge({ user_id: 'second' }, 1)()
})

/** A row of Bitcoin made of one that is there. */
const forge =
  (change: object, index = 0, sql: Sql = owner) =>
  () =>
    sql`
    insert into wallet.wallets
    select (jsonb_populate_record(wallets, jsonb_build_object(
      'account_index', ${index}::integer, 'network', 'bitcoin', 'address_type', 'p2pkh', 'address', ${randomUUID()}::text,
      'derivation_path', format('m/44''/0''/%s''/0/0', ${index}::integer), 'source_event_id', ${randomUUID()}::text
      ) || ${JSON.stringify(change)}::text::jsonb)).*
    from wallet.wallets limit 1`

test('a type is never paired with the purpose or the coin of another', async () => {
  await issue(wallet, [makeVerifiedRecord('user-1', 'ethereum')])
  await owner`insert into wallet.accounts values ('other', 1, 1, ${noon})`
  const coins = { ethereum: [60], bitcoin: [0, 1], tron: [195] }
  const purposes: Record<AddressType, number> = {
    ...{ eip55: 44, base58check: 44, p2pkh: 44, 'p2sh-p2wpkh': 49, p2wpkh: 84, p2tr: 86 },
  }
  const allowed: string[] = []
  const types = networks.flatMap((network) => addressTypes[network])
  const undo = new Error('undo')
  for (const network of networks) {
    for (const address_type of types) {
      for (const purpose of [44, 49, 84, 86]) {
        for (const coin of [0, 1, 60, 195]) {
          const derivation_path = `m/${purpose}'/${coin}'/1'/0/0`
          const error = await catchError(() =>
            inTransaction(owner, async (tx) => {
              await forge({ network, address_type, derivation_path, user_id: 'other' }, 1, tx)()
              throw undo
            }),
          )
          if (error === undo) allowed.push(`${network} ${address_type} ${derivation_path}`)
          else expect(error).toMatchObject({ code: '23514', constraint_name: 'wallets_path' })
        }
      }
    }
  }
  const expected = networks.flatMap((network) =>
    addressTypes[network].flatMap((type) =>
      coins[network].map((coin) => `${network} ${type} m/${purposes[type]}'/${coin}'/1'/0/0`),
    ),
  )
  expect(allowed.toSorted()).toEqual(expected.toSorted())
  const odd = [
    "m/44'/0'/1'/0/0",
    "m/44'/0'/0'/0/1",
    "m/44'/0'/0'/1/0",
    "m/44'/0'/00'/0/0",
    "M/44'/0'/0'/0/0",
    'm/44h/0h/0h/0/0',
  ]
  for (const derivation_path of odd) {
    expect(await catchError(forge({ derivation_path })), derivation_path).toMatchObject({
      constraint_name: 'wallets_path',
    })
  }
})

test('the release before, which knows nothing of these constraints, runs on', async () => {
  const record = makeVerifiedRecord('user-1', 'tron')
  await issue(wallet, [record])
  const [{ id }] = await owner<[{ id: string }]>`select source_event_id as id from wallet.wallets`
  const error = await catchError(forge({ source_event_id: id }))
  expect(error).toMatchObject({ code: '23505', constraint_name: 'wallets_source_event' })
  // It inserts with `on conflict do nothing`, which meets this index too.
  const { count } = await owner`
    insert into wallet.wallets select * from wallet.wallets on conflict do nothing`
  expect(count).toBe(0)
})

test('an issued row refuses every change, to the function by its grants and to the owner by its triggers', async () => {
  await issue(wallet, [makeVerifiedRecord('user-1', 'tron')])
  const asFunction = database.connect('app_wallet')
  const columns = await owner<{ table: string; column: string }[]>`
    select table_name as table, column_name as column from information_schema.columns
    where table_schema = 'wallet' and table_name in ('wallets', 'accounts')`
  expect(columns).toHaveLength(20)
  const statements = [
    // A change to the same value is one too.
    ...columns.map(({ table, column }) => `update wallet.${table} set ${column} = ${column}`),
    ...['wallets', 'accounts'].flatMap((table) => [`delete from wallet.${table}`, `truncate wallet.${table} cascade`]),
    'truncate wallet.wallets, wallet.accounts',
    `update wallet.wallets set announced_at = now(), address = 'another'`,
    `insert into wallet.wallets select * from wallet.wallets
     on conflict (user_id, network, address_type, keyring_id) do update set address = 'another'`,
    `insert into wallet.accounts select * from wallet.accounts
     on conflict (user_id) do update set account_index = 5`,
    `merge into wallet.wallets using (select) as given on true when matched then delete`,
  ]
  const everything = async () => [await owner`select * from wallet.wallets`, await owner`select * from wallet.accounts`]
  const before = await everything()
  for (const statement of statements) {
    expect(await catchError(() => owner.unsafe(statement)), statement).toMatchObject({ code: '23001' })
    expect(await catchError(() => asFunction.unsafe(statement)), statement).toMatchObject({ code: '42501' })
  }
  expect(await everything()).toEqual(before)
  // With cascade both tables are emptied; each refuses by itself.
  const both = await catchError(() => owner`truncate wallet.accounts cascade`)
  expect(both.message).toBe('wallet.accounts holds what was issued: truncate is refused')
})

test('that a wallet was announced is noted once', async () => {
  await issue(wallet, [makeVerifiedRecord('user-1', 'tron')])
  await owner`update wallet.wallets set announced_at = ${noon}`
  for (const value of [null, noon, new Date()]) {
    const again = () => owner`update wallet.wallets set announced_at = ${value}`
    expect(await catchError(again)).toMatchObject({ code: '23001' })
  }
  expect(await owner`select announced_at from wallet.wallets`).toEqual([{ announced_at: noon }])
})

// ---- records that do not become wallets

const odd = (record: KafkaRecord): KafkaRecord => ({
  ...record,
  headers: [
    ['request_id', 'cg=='],
    ['twice', Buffer.from([0, 200]).toString('base64')],
    ['twice', ''],
    ['with \u0000 and \u2028', ''],
  ],
})

test('a record that is set aside keeps its bytes, its place and its reason; again changes nothing', async () => {
  const records = [
    {
      record: odd(makeKafkaRecord({ key: Buffer.from([0, 255]), value: Buffer.from([0, 1, 254, 255]) })),
      reason: 'garbage',
    },
    { record: makeKafkaRecord({ value: null, partition: 5 }), reason: 'no value' },
  ]
  const setAside = (reasons = records) =>
    wallet.run((sql) => runWalletTransaction(sql, (tables) => tables.quarantine(reasons, noon)))
  await setAside()
  await setAside()
  await setAside(records.map(({ record }) => ({ record, reason: 'another' })))
  expect(await owner`select * from wallet.quarantine order by partition`).toEqual(
    records.map(({ record, reason }) => ({
      topic: 'user.verified',
      partition: record.partition,
      offset: String(record.offset),
      recorded_at: noon,
      key: record.key,
      value: record.value,
      headers: record.headers,
      reason,
      quarantined_at: noon,
    })),
  )
  // A topic that was made anew begins at offset 0 again.
  await setAside(records.map(({ record, reason }) => ({ record: { ...record, recordedAt: new Date(0) }, reason })))
  expect(await owner`select from wallet.quarantine`).toHaveLength(4)
})

test('a record that waits keeps its bytes, its place and its cause; again changes nothing, not even one released', async () => {
  const records = [odd(makeVerifiedRecord('user-1', 'tron')), makeVerifiedRecord('user-2', 'tron', 2)]
  const park = (cause: 'no_root' | 'root_refused') =>
    wallet.run((sql) => runWalletTransaction(sql, (tables) => tables.park(records, cause, noon)))
  await park('no_root')
  await park('root_refused')
  const expected = records.map((record) => ({
    topic: 'user.verified',
    partition: record.partition,
    offset: String(record.offset),
    recorded_at: noon,
    key: record.key,
    value: record.value,
    headers: record.headers,
    cause: 'no_root',
    parked_at: noon,
    released_at: null,
  }))
  expect(await owner`select * from wallet.waiting order by partition`).toEqual(expected)
  await owner`update wallet.waiting set released_at = ${noon}`
  await park('no_root')
  expect(await owner`select from wallet.waiting where released_at = ${noon}`).toHaveLength(2)
})
