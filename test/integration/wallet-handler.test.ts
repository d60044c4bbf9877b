// The wallet function from an MSK event to its answer: a real vault's record, a real Postgres; only KMS is a double.
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import type postgres from 'postgres'
import { beforeEach, expect, test } from 'vitest'
import { CrossCheckError } from '../../functions/wallet/derivation.ts'
import { createHandler, type WalletDependencies } from '../../functions/wallet/handler.ts'
import { createKeyringOpener } from '../../functions/wallet/open-keyring.ts'
import { type Database, inTransaction } from '../../shared/database.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { sealPhrase } from '../../shared/vault.ts'
import { createTemplate, createTestDatabase, type TestDatabase } from '../support/database.ts'
import { catchError, createMemoryLog, tryOnce, walletContext } from '../support/fakes.ts'
import { startOwnPostgres } from '../support/servers.ts'
import {
  commitment,
  keyring,
  makeIssuePorts,
  makeKafkaRecord,
  makeUserVerified,
  makeVerifiedRecord,
  phrase,
  toMskEvent,
} from '../support/wallet-records.ts'

let database: TestDatabase
let owner: postgres.Sql
let wallet: Database

beforeEach(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  wallet = database.open('app_wallet')
  return () => database.drop()
})

const dataKey = randomBytes(32)
const wrappedDataKey = Buffer.from('as KMS wrapped it')
const vaultRecord = JSON.stringify(
  sealPhrase(phrase, {
    ...{ stage: 'local', keyringId: 1, rootCommitment: commitment, dataKey, wrappedDataKey, iv: randomBytes(12) },
  }),
)

/** The vault as it is on AWS, but for KMS, which knows one data key. */
function makeOpener(overrides: Partial<Parameters<typeof createKeyringOpener>[0]> = {}) {
  return createKeyringOpener({
    stage: 'local',
    expectedRoot: { kind: 'of-record' },
    acceptPublicMnemonics: true,
    bitcoinNetwork: 'mainnet',
    now: () => new Date(),
    readRecord: async () => vaultRecord,
    unwrapDataKey: async (wrapped) => {
      expect(Buffer.from(wrapped)).toEqual(wrappedDataKey)
      return Uint8Array.from(dataKey)
    },
    ...overrides,
  })
}

function makeHandler(overrides: Partial<WalletDependencies> = {}, on = wallet) {
  const log = createMemoryLog()
  const calls: string[] = []
  const handler = createHandler({
    ...makeIssuePorts(on),
    log,
    openKeyring: makeOpener(),
    createRetry: () => tryOnce,
    nudgeAnnounce: async () => void calls.push('nudge'),
    beat: async (status) => void calls.push(status),
    ...overrides,
  })
  return { log, calls, handle: (records: readonly KafkaRecord[]) => handler(toMskEvent(records), walletContext) }
}

const success = { batchItemFailures: [] }
const toFailures = (records: readonly KafkaRecord[]) => ({
  batchItemFailures: records.map(({ topic, partition, offset }) => ({
    itemIdentifier: { partition: `${topic}-${partition}`, offset },
  })),
})

const findUsers = async (sql = owner) =>
  (await sql<{ user: string }[]>`select user_id || ' ' || network as user from wallet.wallets order by 1`).map(
    ({ user }) => user,
  )

test('garbage in the middle of a batch is set aside as it came, with its reason, and the rest is issued', async () => {
  const event = makeUserVerified('user-9', 'tron')
  const changed = (change: object) => JSON.stringify({ ...(JSON.parse(event.value) as object), ...change })
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const garbage: readonly [record: KafkaRecord, reason: string][] = [
    [makeKafkaRecord({ key: everyByte, value: everyByte, headers: { odd: 'é' } }), 'value is not JSON in UTF-8'],
    [makeKafkaRecord({ key: 'k', value: null }), 'no value (tombstone)'],
    [makeKafkaRecord({ value: '' }), 'value is not JSON in UTF-8'],
    [makeKafkaRecord({ value: '{"event":' }), 'value is not JSON in UTF-8'],
    [makeKafkaRecord({ value: 'null' }), 'not a user.verified event: wrong or missing value'],
    [makeKafkaRecord({ value: changed({ version: 2 }) }), 'unknown version 2 of user.verified'],
    [
      makeKafkaRecord({ value: changed({ event: 'user.deleted' }) }),
      'not a user.verified event: wrong or missing event',
    ],
    [
      makeKafkaRecord({ value: changed({ user_id: 'nul \u0000' }) }),
      'not a user.verified event: wrong or missing user_id',
    ],
    [
      makeKafkaRecord({ value: changed({ network: 'dogecoin', event_id: 7 }) }),
      'not a user.verified event: wrong or missing event_id, network',
    ],
    [
      makeKafkaRecord({ value: changed({ address_type: 'p2pkh' }) }),
      'not a user.verified event: wrong or missing address_type',
    ],
    [
      {
        ...makeKafkaRecord({ value: 'x' }),
        headers: [
          ['nul \u0000', 'AA=='],
          ['nul \u0000', ''],
        ],
      },
      'value is not JSON in UTF-8',
    ],
  ]
  const before = [makeVerifiedRecord('user-1', 'ethereum'), makeVerifiedRecord('user-2', 'bitcoin')]
  // Good, but for headers that could not be copied into a row.
  const after = [
    { ...makeVerifiedRecord('user-3', 'tron'), headers: [['request_id', 'AA==']] as const },
    makeVerifiedRecord('user-1', 'tron', 4),
  ]
  const batch = [...before, ...garbage.map(([record]) => record), ...after]
  const { log, calls, handle } = makeHandler()
  expect(await handle(batch)).toEqual(success)

  expect(await findUsers()).toEqual(['user-1 ethereum', 'user-1 tron', 'user-2 bitcoin', 'user-3 tron'])
  const addresses = await owner<{ address: string }[]>`
    select address from wallet.wallets where user_id = 'user-1' order by network`
  expect(addresses.map(({ address }) => address)).toEqual([
    keyring.derive('ethereum', 'eip55', 0).address,
    keyring.derive('tron', 'base58check', 0).address,
  ])
  const setAside = await owner`select "offset", key, value, headers, reason from wallet.quarantine order by "offset"`
  expect(setAside).toEqual(
    garbage.map(([{ offset, key, value, headers }, reason]) => ({
      offset: String(offset),
      key,
      value,
      headers,
      reason,
    })),
  )
  expect(calls).toEqual(['nudge', 'ok'])
  expect(log.lines.at(-1)?.fields).toMatchObject({ count: 15, new: 4, duplicate: 0, quarantined: 11, waiting: 0 })

  // All of it once more changes nothing.
  expect(await handle(batch)).toEqual(success)
  expect(calls).toEqual(['nudge', 'ok', 'ok'])
  expect(await findUsers()).toHaveLength(4)
  expect(await owner`select from wallet.quarantine`).toHaveLength(garbage.length)
})

test('garbage alone needs no vault', async () => {
  const { calls, handle } = makeHandler({ openKeyring: async () => expect.unreachable() })
  expect(await handle([makeKafkaRecord({ value: 'x' })])).toEqual(success)
  expect(calls).toEqual([])
  expect(await owner`select from wallet.quarantine`).toHaveLength(1)
})

test('while KMS or the secret is away the whole batch comes again, garbage too, and nothing is written', async () => {
  const records = [makeVerifiedRecord('user-1', 'tron'), makeKafkaRecord({ value: 'x', partition: 2 })]
  const away = async () => {
    throw new UnavailableError('vault', 'away')
  }
  let isAway = true
  const opener = makeOpener({ unwrapDataKey: async () => (isAway ? away() : Uint8Array.from(dataKey)) })
  const { calls, handle } = makeHandler({ openKeyring: opener })
  expect(await handle(records)).toEqual(toFailures(records))
  expect(await makeHandler({ openKeyring: makeOpener({ readRecord: away }) }).handle(records)).toEqual(
    toFailures(records),
  )
  expect(await owner`select from wallet.quarantine`).toHaveLength(0)
  isAway = false
  expect(await handle(records)).toEqual(success)
  expect(calls).toEqual(['failing', 'nudge', 'ok'])
  expect(await findUsers()).toEqual(['user-1 tron'])
})

test('without a root, or with one that is refused, good records wait and garbage is set aside', async () => {
  const causes = {
    no_root: makeOpener({ readRecord: async () => undefined }),
    root_refused: makeOpener({ acceptPublicMnemonics: false }),
  }
  for (const [cause, openKeyring] of Object.entries(causes)) {
    const { log, calls, handle } = makeHandler({ openKeyring })
    const good = makeVerifiedRecord(`user of ${cause}`, 'tron')
    expect(await handle([good, makeKafkaRecord({ value: 'x' })])).toEqual(success)
    const waiting = await owner`select "offset", value, headers from wallet.waiting where cause = ${cause}`
    expect(waiting).toEqual([{ offset: String(good.offset), value: good.value, headers: good.headers }])
    expect(calls).toEqual(['failing'])
    const told = JSON.stringify(log.lines.map(({ message, fields }) => [message, String(fields.error)]))
    expect(told).not.toContain('abandon')
  }
  expect(await owner`select from wallet.quarantine`).toHaveLength(2)
  expect(await findUsers()).toEqual([])
})

test('what contradicts what stands is set aside; a keyring that contradicts itself stops everything', async () => {
  const { handle } = makeHandler()
  await handle([makeVerifiedRecord('user-1', 'tron')])
  const derive: typeof keyring.derive = (network, type, account) => ({
    ...keyring.derive(network, type, account + 5),
    path: keyring.derive(network, type, account).path,
  })
  const open = (crossCheck: typeof keyring.crossCheck): Partial<WalletDependencies> => ({
    openKeyring: async () => ({ state: 'open', keyring: { id: 1, derive, crossCheck } }),
  })
  const records = [makeVerifiedRecord('user-1', 'tron'), makeVerifiedRecord('user-2', 'tron')]
  const tampered = makeHandler(
    open(() => {
      throw new CrossCheckError('they differ')
    }),
  )
  expect(await catchError(() => tampered.handle(records))).toBeInstanceOf(CrossCheckError)
  expect(tampered.calls).toEqual(['failing'])
  expect(await findUsers()).toEqual(['user-1 tron'])
  expect(await owner`select from wallet.accounts`).toHaveLength(1)

  const another = makeHandler(open(() => {}))
  expect(await another.handle(records)).toEqual(success)
  expect(await findUsers()).toEqual(['user-1 tron', 'user-2 tron'])
  expect(await owner`select reason from wallet.quarantine`).toEqual([
    {
      reason: "address drift: the tron base58check address at m/44'/195'/0'/0/0 is not the one that was issued for it",
    },
  ])
})

test('an error of the server is thrown or set aside without the rows that it quotes', async () => {
  await owner`alter table wallet.wallets add constraint no_secret check (user_id <> 'a secret user')`
  const { handle, log } = makeHandler()
  expect(await handle([makeVerifiedRecord('a secret user', 'tron')])).toEqual(success)
  expect(await owner`select reason from wallet.quarantine`).toEqual([
    { reason: 'refused by the database: SQLSTATE 23514, constraint no_secret' },
  ])
  // Where it cannot be set aside either, Lambda learns of it.
  await owner`alter table wallet.quarantine add constraint no_more check (partition <> 7)`
  const error = await catchError(() => handle([makeVerifiedRecord('a secret user', 'tron', 7)]))
  expect(error).toMatchObject({ name: 'RefusedRowError', cause: { code: '23514' } })
  const shown = [error, error.cause].map((shown) => inspect(shown, { depth: 9, showHidden: true }))
  expect([...shown, JSON.stringify(log.lines)].join()).not.toContain('a secret user')
})

test('what was committed before the database went away is not reported', async () => {
  await owner`alter table wallet.wallets add constraint no_rude check (user_id <> 'rude')`
  const records = ['a', 'b', 'c', 'rude', 'd', 'e'].map((userId) => makeVerifiedRecord(userId, 'tron'))
  const ports = makeIssuePorts(wallet)
  let transactions = 0
  const { handle } = makeHandler({
    // The whole batch, its first half, its second half, and then the end.
    transaction: async (work) => {
      transactions += 1
      const isLast = transactions === 4
      return await ports.transaction(async (tables) => {
        // Inside it: between two transactions the driver may have made another connection by the next one.
        if (isLast) {
          await owner`select pg_terminate_backend(pid) from pg_stat_activity
            where datname = ${database.name} and usename = 'app_wallet'`
        }
        return await work(tables)
      })
    },
  })
  expect(await handle(records)).toEqual(toFailures(records.slice(3)))
  expect(await findUsers()).toEqual(['a tron', 'b tron', 'c tron'])
  // The mapping delivers from the lowest failed offset on.
  expect(await handle(records.slice(3))).toEqual(success)
  expect(await findUsers()).toEqual(['a tron', 'b tron', 'c tron', 'd tron', 'e tron'])
  expect(await owner`select from wallet.quarantine`).toHaveLength(1)
})

test('without Postgres all records come again, and nothing is lost when it is back', async () => {
  const server = await startOwnPostgres()
  await createTemplate(server.first.url)
  const own = await createTestDatabase({ serverUrl: server.first.url })
  const connection = own.open('app_wallet', { deadline: 20_000 })
  const { handle, calls } = makeHandler({}, connection)
  const first = [makeVerifiedRecord('user-1', 'tron')]
  const batch = [
    makeVerifiedRecord('user-1', 'bitcoin'),
    makeKafkaRecord({ value: 'garbage' }),
    makeVerifiedRecord('user-2', 'ethereum', 3),
  ]
  expect(await handle(first)).toEqual(success)
  await server.stop()
  expect(await handle(batch)).toEqual(toFailures(batch))
  expect(await handle(batch)).toEqual(toFailures(batch))
  await server.startAgain()
  expect(await handle(batch)).toEqual(success)
  expect(calls).toEqual(['nudge', 'ok', 'nudge', 'ok'])
  const sql = own.connect()
  expect(await findUsers(sql)).toEqual(['user-1 bitcoin', 'user-1 tron', 'user-2 ethereum'])
  expect(await sql`select from wallet.quarantine`).toHaveLength(1)
  await own.drop()
  await server.stop()
})

test('a connection that ends in the middle of a batch fails the batch and not the process', async () => {
  const lock = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const holder = inTransaction(database.connect(), async (tx) => {
    await tx`lock table wallet.wallets in access exclusive mode`
    locked.resolve()
    await lock.promise
  })
  await locked.promise
  const { handle } = makeHandler()
  const batch = [makeVerifiedRecord('user-1', 'tron'), makeKafkaRecord({ value: 'x' })]
  const answer = handle(batch)
  const findWaiting = () => owner<{ pid: number }[]>`
    select pid from pg_stat_activity where datname = ${database.name} and usename = 'app_wallet' and wait_event_type = 'Lock'`
  await expect.poll(findWaiting).toHaveLength(1)
  for (const { pid } of await findWaiting()) await owner`select pg_terminate_backend(${pid})`
  expect(await answer).toEqual(toFailures(batch))
  lock.resolve()
  await holder
  expect(await owner`select from wallet.accounts`).toHaveLength(0)
  expect(await handle(batch)).toEqual(success)
  expect(await findUsers()).toEqual(['user-1 tron'])
})
