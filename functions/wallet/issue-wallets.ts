// The use case of user.verified: one transaction a batch in which records become accounts and wallets, are set aside, or wait.
import { IntegrityError } from '../../shared/errors.ts'
import type { UserVerified } from '../../shared/events.ts'
import type { Log } from '../../shared/log.ts'
import type { Keyring } from './derivation.ts'
import type { VaultState } from './open-keyring.ts'
import { classifyRecord, type KafkaRecord } from './records.ts'
import type { IssuedWallet, WaitingCause } from './wallet-tables.ts'

/** The tables, inside one transaction. */
export type WalletTables = {
  /** The account index of each user, allocated where there is none; undefined when the indices are used up. */
  readonly allocateAccounts: (
    userIds: readonly string[],
    keyringId: number,
    now: Date,
  ) => Promise<ReadonlyMap<string, number>>
  /**
   * Inserts those that are not there. Answers the address that stands for each, in the order given (undefined when none
   * could), and how many are new.
   */
  readonly insertWallets: (wallets: readonly IssuedWallet[]) => Promise<{
    addresses: readonly (string | undefined)[]
    inserted: number
  }>
  readonly quarantine: (records: readonly { record: KafkaRecord; reason: string }[], now: Date) => Promise<void>
  readonly park: (records: readonly KafkaRecord[], cause: WaitingCause, now: Date) => Promise<void>
}

export type IssueWalletsPorts = {
  readonly log: Log
  readonly now: () => Date
  readonly openKeyring: () => Promise<VaultState>
  readonly transaction: <Result>(work: (tables: WalletTables) => Promise<Result>) => Promise<Result>
}

type Verified = { readonly record: KafkaRecord; readonly event: UserVerified; readonly requestId: string }

/** What became of a batch, in records but `inserted`, which counts new wallets. */
export type IssueResult = { inserted: number; duplicate: number; quarantined: number; waiting: number; vault: string }

function toWallet(verified: Verified, keyring: Keyring, accountIndex: number, now: Date): IssuedWallet {
  const { record, event, requestId } = verified
  const { path, address, publicKey, accountXpub } = keyring.derive(event.network, event.address_type, accountIndex)
  return {
    userId: event.user_id,
    network: event.network,
    addressType: event.address_type,
    keyringId: keyring.id,
    accountIndex,
    derivationPath: path,
    address,
    publicKey,
    accountXpub,
    sourceEventId: event.event_id,
    sourceTopic: record.topic,
    sourcePartition: record.partition,
    sourceOffset: record.offset,
    requestId,
    createdAt: now,
  }
}

/** One record for each (user, network, address type): the first. */
function dropRepeated(records: readonly Verified[]): readonly Verified[] {
  const first = new Map<string, Verified>()
  for (const verified of records) {
    const { user_id, network, address_type } = verified.event
    const key = JSON.stringify([user_id, network, address_type])
    if (!first.has(key)) first.set(key, verified)
  }
  return [...first.values()]
}

async function issue(
  tables: WalletTables,
  records: readonly Verified[],
  keyring: Keyring,
  now: Date,
): Promise<{ inserted: number; refused: readonly Verified[] }> {
  const accounts = await tables.allocateAccounts(
    [...new Set(records.map(({ event }) => event.user_id))],
    keyring.id,
    now,
  )
  const refused = records.filter(({ event }) => !accounts.has(event.user_id))
  const wallets = dropRepeated(records).flatMap((verified) => {
    const accountIndex = accounts.get(verified.event.user_id)
    return accountIndex === undefined ? [] : [toWallet(verified, keyring, accountIndex, now)]
  })
  const { addresses, inserted } = await tables.insertWallets(wallets)
  for (const [index, wallet] of wallets.entries()) {
    if (addresses[index] === wallet.address) continue
    throw new IntegrityError(
      `the ${wallet.network} address at ${wallet.derivationPath} is not the one that was issued for it: nothing was written`,
    )
  }
  return { inserted, refused }
}

/**
 * Issues the wallets of a batch. Any record may come twice, late or out of order: what was issued stands.
 *
 * @throws {UnavailableError} when Postgres, KMS or the secret is away: nothing is written, the batch is to come again
 * @throws {IntegrityError} when an address would differ from the one issued: nothing is written
 */
export async function issueWallets(ports: IssueWalletsPorts, batch: readonly KafkaRecord[]): Promise<IssueResult> {
  const classified = batch.map(classifyRecord)
  const good = classified.flatMap((record) => ('event' in record ? [record] : []))
  const bad = classified.flatMap((record) =>
    'refusal' in record ? [{ record: record.record, reason: record.refusal }] : [],
  )
  // Opened before the transaction: KMS may take its time.
  const vault = good.length > 0 ? await ports.openKeyring() : undefined
  const now = ports.now()

  const result = await ports.transaction(async (tables): Promise<IssueResult> => {
    if (bad.length > 0) await tables.quarantine(bad, now)
    const counts = { inserted: 0, duplicate: 0, quarantined: bad.length, waiting: 0, vault: vault?.state ?? 'unused' }
    if (vault?.state === 'open') {
      const { inserted, refused } = await issue(tables, good, vault.keyring, now)
      if (refused.length > 0) {
        await tables.park(
          refused.map(({ record }) => record),
          'account_indices_used_up',
          now,
        )
      }
      return { ...counts, inserted, waiting: refused.length, duplicate: good.length - refused.length - inserted }
    }
    if (vault) {
      await tables.park(
        good.map(({ record }) => record),
        vault.state,
        now,
      )
    }
    return { ...counts, waiting: good.length }
  })

  for (const { record, reason } of bad) {
    const { topic, partition, offset } = record
    ports.log.warn('record set aside', { topic, partition, offset, reason })
  }
  if (vault?.state === 'no_root') {
    ports.log.error('the vault is empty: no wallet can be issued, records wait', { waiting: result.waiting })
  }
  if (vault?.state === 'root_refused') {
    ports.log.error('the vault is refused: no wallet can be issued, records wait', {
      waiting: result.waiting,
      error: vault.error,
    })
  }
  if (vault?.state === 'open' && result.waiting > 0) {
    ports.log.error('account indices are used up: records wait for another keyring', { waiting: result.waiting })
  }
  const requestIds = [...new Set(good.map(({ requestId }) => requestId))]
  ports.log.info('batch done', {
    count: batch.length,
    new: result.inserted,
    duplicate: result.duplicate,
    quarantined: result.quarantined,
    waiting: result.waiting,
    ...(requestIds.length === 1 ? { request_id: requestIds[0] } : {}),
  })
  return result
}
