// The SQL with which the wallet function writes: accounts, wallets, quarantine, waiting. A few statements a batch.
import postgres from 'postgres'
import { type Database, inTransaction, type Sql } from '../../shared/database.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import type { AddressType, Network } from '../../shared/model.ts'
import { type ContradictionKind, type IssueWalletsPorts, RefusedRowError, type WalletTables } from './issue-wallets.ts'
import type { AccountIndex, Claim } from './plan-wallets.ts'

/** A row of wallet.wallets as it is issued. */
export type IssuedWallet = {
  readonly userId: string
  readonly network: Network
  readonly addressType: AddressType
  readonly keyringId: number
  readonly accountIndex: number
  readonly derivationPath: string
  readonly address: string
  readonly publicKey: Uint8Array
  readonly accountXpub: string
  readonly sourceEventId: string
  readonly sourceTopic: string
  readonly sourcePartition: number
  readonly sourceOffset: number
  readonly requestId: string
  readonly createdAt: Date
}

export type WaitingCause = 'no_root' | 'root_refused' | 'account_indices_used_up'

/**
 * Reads the accounts of these users, and takes an index from the sequence for each who has none: a repetition burns no
 * index. Past 2^31-1, the last hardened child number (BIP-32), the sequence goes on and nobody gets an index.
 */
export async function reserveAccounts(
  sql: Sql,
  userIds: readonly string[],
  keyringId: number,
): Promise<readonly (AccountIndex | undefined)[]> {
  const rows = await sql<{ standing: number | null; taken: number | null }[]>`
    select
      case when keyring_id = ${keyringId} then account_index end as standing,
      case when keyring_id is null then nextval('wallet.account_index')::float8 end as taken
    from (
      select keyring_id, account_index
      from unnest(${[...userIds]}::text[]) with ordinality as given (user_id, position)
      left join wallet.accounts using (user_id)
      order by position
    ) as users`
  return rows.map(({ standing, taken }) => {
    if (standing !== null) return { index: standing, isTaken: false }
    return taken !== null && taken <= lastIndex ? { index: taken, isTaken: true } : undefined
  })
}

const lastIndex = 2 ** 31 - 1

/** In the order of the user ids, so that two batches never wait for each other in a circle. */
async function insertAccounts(
  tx: Sql,
  accounts: readonly { readonly userId: string; readonly accountIndex: number }[],
  keyringId: number,
  now: Date,
): Promise<number> {
  // Also where another user has the index already, as after a restored sequence: the caller sees that nothing stands.
  const { count } = await tx`
    insert into wallet.accounts (user_id, keyring_id, account_index, created_at)
    select user_id, ${keyringId}, account_index, ${now}
    from unnest(
      ${accounts.map(({ userId }) => userId)}::text[],
      ${accounts.map(({ accountIndex }) => accountIndex)}::integer[]
    ) as newcomers (user_id, account_index)
    order by user_id collate "C"
    on conflict do nothing`
  return count
}

/** Sees what a concurrent batch committed while the statement before waited for it. */
async function findAccounts(
  tx: Sql,
  userIds: readonly string[],
  keyringId: number,
): Promise<ReadonlyMap<string, number>> {
  const rows = await tx<{ userId: string; accountIndex: number }[]>`
    select user_id as "userId", account_index as "accountIndex" from wallet.accounts
    where user_id = any(${[...userIds]}::text[]) and keyring_id = ${keyringId}`
  return new Map(rows.map((row) => [row.userId, row.accountIndex]))
}

/** Any unique index may be the one that a concurrent insertion of the same row is met at, so none is named. */
async function insertWallets(tx: Sql, wallets: readonly IssuedWallet[]): Promise<number> {
  const column = <Value>(read: (wallet: IssuedWallet) => Value) => wallets.map(read)
  const { count } = await tx`
    insert into wallet.wallets
      (user_id, network, address_type, keyring_id, account_index, derivation_path, address, public_key, account_xpub,
       source_event_id, source_topic, source_partition, source_offset, request_id, created_at)
    select
      user_id, network, address_type, keyring_id, account_index, derivation_path, address,
      decode(public_key, 'hex'), account_xpub, source_event_id, source_topic, source_partition, source_offset,
      request_id, created_at
    from unnest(
      ${column((wallet) => wallet.userId)}::text[],
      ${column((wallet) => wallet.network)}::text[],
      ${column((wallet) => wallet.addressType)}::text[],
      ${column((wallet) => wallet.keyringId)}::integer[],
      ${column((wallet) => wallet.accountIndex)}::integer[],
      ${column((wallet) => wallet.derivationPath)}::text[],
      ${column((wallet) => wallet.address)}::text[],
      ${column((wallet) => toHex(wallet.publicKey))}::text[],
      ${column((wallet) => wallet.accountXpub)}::text[],
      ${column((wallet) => wallet.sourceEventId)}::uuid[],
      ${column((wallet) => wallet.sourceTopic)}::text[],
      ${column((wallet) => wallet.sourcePartition)}::integer[],
      ${column((wallet) => wallet.sourceOffset)}::bigint[],
      ${column((wallet) => wallet.requestId)}::text[],
      ${column((wallet) => wallet.createdAt.toISOString())}::timestamptz[]
    ) as issued (user_id, network, address_type, keyring_id, account_index, derivation_path, address, public_key,
                 account_xpub, source_event_id, source_topic, source_partition, source_offset, request_id, created_at)
    order by user_id collate "C", network, address_type
    on conflict do nothing`
  return count
}

/** After the insertion: what stands for each claim, for the event of its record, and, where neither, for its address. */
async function findContradictions(
  tx: Sql,
  claims: readonly Claim[],
): Promise<readonly { at: number; kind: ContradictionKind }[]> {
  const column = <Value>(read: (claim: Claim) => Value) => claims.map(read)
  return await tx<{ at: number; kind: ContradictionKind }[]>`
    select
      position::integer - 1 as at,
      case
        when standing.address <> claimed.address then 'drift'
        when source.source_event_id is not null then 'event'
        else 'holder'
      end as kind
    from unnest(
      ${column(({ wallet }) => wallet.userId)}::text[],
      ${column(({ wallet }) => wallet.network)}::text[],
      ${column(({ wallet }) => wallet.addressType)}::text[],
      ${column(({ wallet }) => wallet.keyringId)}::integer[],
      ${column(({ wallet }) => wallet.address)}::text[],
      ${column(({ verified }) => verified.event.event_id)}::uuid[]
    ) with ordinality as claimed (user_id, network, address_type, keyring_id, address, event_id, position)
    left join wallet.wallets as standing using (user_id, network, address_type, keyring_id)
    left join wallet.wallets as source on source.source_event_id = claimed.event_id
      and (source.user_id, source.network, source.address_type)
        <> (claimed.user_id, claimed.network, claimed.address_type)
    where standing.address is distinct from claimed.address or source.source_event_id is not null
    order by position`
}

const toHex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'))

/** The columns that every table of records begins with. */
const recordColumns = (tx: Sql, records: readonly KafkaRecord[]) => tx`
    ${records.map((record) => record.topic)}::text[],
    ${records.map((record) => record.partition)}::integer[],
    ${records.map((record) => record.offset)}::bigint[],
    ${records.map((record) => record.recordedAt.toISOString())}::timestamptz[],
    ${records.map((record) => toHex(record.key))}::text[],
    ${records.map((record) => toHex(record.value))}::text[],
    ${records.map((record) => JSON.stringify(record.headers))}::text[]`

async function quarantine(
  tx: Sql,
  records: readonly { record: KafkaRecord; reason: string }[],
  now: Date,
): Promise<void> {
  await tx`
    insert into wallet.quarantine
      (topic, partition, "offset", recorded_at, key, value, headers, reason, quarantined_at)
    select topic, partition, "offset", recorded_at, decode(key, 'hex'), decode(value, 'hex'), headers::json, reason, ${now}
    from unnest(${recordColumns(
      tx,
      records.map(({ record }) => record),
    )}, ${records.map(({ reason }) => reason)}::text[])
      as refused (topic, partition, "offset", recorded_at, key, value, headers, reason)
    on conflict do nothing`
}

async function park(tx: Sql, records: readonly KafkaRecord[], cause: WaitingCause, now: Date): Promise<void> {
  await tx`
    insert into wallet.waiting
      (topic, partition, "offset", recorded_at, key, value, headers, cause, parked_at)
    select topic, partition, "offset", recorded_at, decode(key, 'hex'), decode(value, 'hex'), headers::json, ${cause}, ${now}
    from unnest(${recordColumns(tx, records)})
      as parked (topic, partition, "offset", recorded_at, key, value, headers)
    on conflict do nothing`
}

/** Runs work on the tables in one transaction. */
export async function runWalletTransaction<Result>(
  sql: Sql,
  work: (tables: WalletTables) => Promise<Result>,
): Promise<Result> {
  return await inTransaction(sql, (tx) =>
    work({
      insertAccounts: (accounts, keyringId, now) => insertAccounts(tx, accounts, keyringId, now),
      findAccounts: (userIds, keyringId) => findAccounts(tx, userIds, keyringId),
      insertWallets: (wallets) => insertWallets(tx, wallets),
      findContradictions: (claims) => findContradictions(tx, claims),
      quarantine: (records, now) => quarantine(tx, records, now),
      park: (records, cause, now) => park(tx, records, cause, now),
    }),
  )
}

/**
 * SQLSTATE classes that tell of a row's content: data exceptions, violated constraints, limits such as that of an index
 * entry (PostgreSQL, appendix A).
 */
const refusedStates = /^(22|23|54)/

/** The ports of the use case on this database. */
export function createTablePorts(database: Database): Pick<IssueWalletsPorts, 'reserveAccounts' | 'transaction'> {
  async function run<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    try {
      return await database.run(work)
    } catch (error) {
      if (!(error instanceof postgres.PostgresError && refusedStates.test(error.code))) throw error
      // Its message may quote a value.
      const constraint = error.constraint_name ? `, constraint ${error.constraint_name}` : ''
      throw new RefusedRowError(`refused by the database: SQLSTATE ${error.code}${constraint}`, { cause: error })
    }
  }
  return {
    reserveAccounts: (userIds, keyringId) => run((sql) => reserveAccounts(sql, userIds, keyringId)),
    transaction: (work) => run((sql) => runWalletTransaction(sql, work)),
  }
}
