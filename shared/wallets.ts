// The SQL of wallet.wallets that more than one function runs. Who issues an address is functions/wallet alone.
import type { Sql } from './database.ts'
import type { AddressType, Network, Wallet } from './model.ts'

const columns = (sql: Sql) => sql`
  user_id as "userId", network, address_type as "addressType", keyring_id as "keyringId",
  account_index as "accountIndex", derivation_path as "derivationPath", address, request_id as "requestId",
  created_at as "createdAt"`

/** All wallets of a user, oldest first; empty when there is none. */
export async function findWallets(sql: Sql, userId: string): Promise<readonly Wallet[]> {
  return await sql<Wallet[]>`
    select ${columns(sql)} from wallet.wallets where user_id = ${userId} order by created_at, network, address_type`
}

/** The wallet of a user for one network and address type, of the newest keyring; undefined when there is none. */
export async function findWallet(
  sql: Sql,
  userId: string,
  network: Network,
  addressType: AddressType,
): Promise<Wallet | undefined> {
  const [wallet] = await sql<Wallet[]>`
    select ${columns(sql)} from wallet.wallets
    where user_id = ${userId} and network = ${network} and address_type = ${addressType}
    order by keyring_id desc
    limit 1`
  return wallet
}

/** Whose address that is, in the form in which it was issued; undefined when it was not issued here. */
export async function findWalletByAddress(sql: Sql, network: Network, address: string): Promise<Wallet | undefined> {
  const [wallet] = await sql<Wallet[]>`
    select ${columns(sql)} from wallet.wallets where network = ${network} and address = ${address}`
  return wallet
}

/**
 * A wallet and when it was asked for; null when that does not tell how long it took: more than one attempt was needed, the
 * document was uploaded when the client liked, or it was not asked for here.
 */
export type UnannouncedWallet = Wallet & { readonly askedAt: Date | null }

/** Issued wallets that were not announced; oldest first. Locked, those of others skipped. */
export async function lockUnannouncedWallets(sql: Sql, limit: number): Promise<readonly UnannouncedWallet[]> {
  return await sql<UnannouncedWallet[]>`
    select ${columns(sql)}, (
      select min(asked.created_at) from verification.verifications as asked
      where asked.user_id = wallets.user_id and asked.network = wallets.network
        and asked.address_type = wallets.address_type and asked.status = 'verified' and asked.attempt = 1
        and asked.upload_expires_at is null
    ) as "askedAt"
    from wallet.wallets
    where announced_at is null
    order by created_at
    limit ${limit}
    for update skip locked`
}

/** Notes that `wallet.created` of these wallets is on Kafka. */
export async function markWalletsAnnounced(sql: Sql, wallets: readonly Wallet[], now: Date): Promise<void> {
  await sql`
    update wallet.wallets set announced_at = ${now}
    from unnest(
      ${wallets.map((wallet) => wallet.userId)}::text[],
      ${wallets.map((wallet) => wallet.network)}::text[],
      ${wallets.map((wallet) => wallet.addressType)}::text[],
      ${wallets.map((wallet) => wallet.keyringId)}::integer[]
    ) as announced (user_id, network, address_type, keyring_id)
    where wallets.user_id = announced.user_id and wallets.network = announced.network
      and wallets.address_type = announced.address_type and wallets.keyring_id = announced.keyring_id
      and wallets.announced_at is null`
}
