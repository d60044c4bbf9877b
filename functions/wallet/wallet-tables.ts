// The SQL with which the wallet function writes: accounts, wallets, quarantine, waiting. A few statements a batch.
import { inTransaction, type Sql } from '../../shared/database.ts'
import type { AddressType, Network } from '../../shared/model.ts'
import type { WalletTables } from './issue-wallets.ts'
import type { KafkaRecord } from './records.ts'

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
 * Allocates in the order of the user ids, so that two batches never wait for each other in a circle. Users who have
 * an account are left out before the sequence is asked: a repetition burns no index, only a race does.
 * Past 2^31-1, the last hardened child number (BIP-32), the sequence goes on and nobody gets an account.
 * The second statement sees what a concurrent batch committed while the first one waited for it.
 */
async function allocateAccounts(
  tx: Sql,
  userIds: readonly string[],
  keyringId: number,
  now: Date,
): Promise<ReadonlyMap<string, number>> {
  await tx`
    insert into wallet.accounts (user_id, keyring_id, account_index, created_at)
    select user_id, ${keyringId}, account_index, ${now}
    from (
      select user_id, nextval('wallet.account_index') as account_index
      from (
        select user_id from unnest(${[...userIds]}::text[]) as given (user_id)
        where not exists (select from wallet.accounts where accounts.user_id = given.user_id)
        order by user_id collate "C"
      ) as newcomers
    ) as numbered
    where account_index <= 2147483647
    on conflict (user_id) do nothing`
  const rows = await tx<{ userId: string; accountIndex: number }[]>`
    select user_id as "userId", account_index as "accountIndex" from wallet.accounts
    where user_id = any(${[...userIds]}::text[]) and keyring_id = ${keyringId}`
  return new Map(rows.map((row) => [row.userId, row.accountIndex]))
}

/**
 * Any unique index may be the one that a concurrent insertion of the same row is met at, so none is named; what stands
 * for each wallet is read back, and is undefined where another user's row holds its address.
 */
async function insertWallets(
  tx: Sql,
  wallets: readonly IssuedWallet[],
): Promise<{ addresses: readonly (string | undefined)[]; inserted: number }> {
  const column = <Value>(read: (wallet: IssuedWallet) => Value) => wallets.map(read)
  const keys = tx`unnest(
    ${column((wallet) => wallet.userId)}::text[],
    ${column((wallet) => wallet.network)}::text[],
    ${column((wallet) => wallet.addressType)}::text[],
    ${column((wallet) => wallet.keyringId)}::integer[]`
  const { count } = await tx`
    insert into wallet.wallets
      (user_id, network, address_type, keyring_id, account_index, derivation_path, address, public_key, account_xpub,
       source_event_id, source_topic, source_partition, source_offset, request_id, created_at)
    select
      user_id, network, address_type, keyring_id, account_index, derivation_path, address,
      decode(public_key, 'hex'), account_xpub, source_event_id, source_topic, source_partition, source_offset,
      request_id, created_at
    from ${keys},
      ${column((wallet) => wallet.accountIndex)}::integer[],
      ${column((wallet) => wallet.derivationPath)}::text[],
      ${column((wallet) => wallet.address)}::text[],
      ${column((wallet) => Buffer.from(wallet.publicKey).toString('hex'))}::text[],
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
  const rows = await tx<{ address: string | null }[]>`
    select address
    from ${keys}) with ordinality as wanted (user_id, network, address_type, keyring_id, position)
    left join wallet.wallets using (user_id, network, address_type, keyring_id)
    order by position`
  return { addresses: rows.map((row) => row.address ?? undefined), inserted: count }
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
      allocateAccounts: (userIds, keyringId, now) => allocateAccounts(tx, userIds, keyringId, now),
      insertWallets: (wallets) => insertWallets(tx, wallets),
      quarantine: (records, now) => quarantine(tx, records, now),
      park: (records, cause, now) => park(tx, records, cause, now),
    }),
  )
}
