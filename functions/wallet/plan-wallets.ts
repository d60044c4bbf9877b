// Before the transaction: the account index of each user, and the addresses, derived and checked. No table is written here.
import { crashPoint } from '../../shared/crash-point.ts'
import type { UserVerified } from '../../shared/events.ts'
import type { DerivedAddress, Keyring } from './derivation.ts'
import type { ClassifiedRecord } from './records.ts'
import type { IssuedWallet } from './wallet-tables.ts'

export type VerifiedRecord = Extract<ClassifiedRecord, { readonly event: UserVerified }>

/** An account index of a user: of the account that stands, or taken for one that is to be inserted. */
export type AccountIndex = { readonly index: number; readonly isTaken: boolean }

export type PlanWalletsPorts = {
  /**
   * In one statement outside any transaction: for each user the index of the account that stands, or one taken from the
   * sequence; in the order given. Undefined where this keyring has none for the user: its indices are used up, or the
   * user's account is of another keyring.
   */
  readonly reserveAccounts: (
    userIds: readonly string[],
    keyringId: number,
  ) => Promise<readonly (AccountIndex | undefined)[]>
  /** From 0 to below 1. */
  readonly random: () => number
}

/** The wallet that a record asks for; records that repeat each other share one. */
export type Claim = { readonly verified: VerifiedRecord; readonly wallet: IssuedWallet }

/** What one transaction is to write. */
export type WalletPlan = {
  /** Users without an account, and the index taken for each. */
  readonly newcomers: readonly { readonly userId: string; readonly accountIndex: number }[]
  readonly claims: readonly Claim[]
  /** The wallets of the claims, each once. */
  readonly wallets: readonly IssuedWallet[]
  /** Records of users for whom there is no index. */
  readonly withoutIndex: readonly VerifiedRecord[]
}

/** One address in so many, besides the first of a batch, is derived a second time. */
const crossCheckedShare = 100

/** What is known of the users of one batch, kept over all its transactions: an index is taken once, an address derived once. */
export type WalletPlanner = {
  /**
   * @throws {CrossCheckError} when two derivations of one address differ: nothing may be written
   * @throws {UnavailableError} when Postgres is away
   */
  readonly plan: (records: readonly VerifiedRecord[]) => Promise<WalletPlan>
  /** Derives a wallet a second time. @throws {CrossCheckError} when it differs */
  readonly crossCheck: (wallet: IssuedWallet) => void
  /** Notes what stands for a user after a commit; undefined: nobody knows, to be asked again. */
  readonly note: (userId: string, standing: number | undefined) => void
  /** Notes that a taken index now is an account's. */
  readonly use: (userId: string, index: number) => void
  /** How many indices were taken and are no account's. */
  readonly countGaps: () => number
}

const toKey = (network: string, addressType: string, user: string | number) => `${network} ${addressType} ${user}`

export function createWalletPlanner(ports: PlanWalletsPorts, keyring: Keyring, now: Date): WalletPlanner {
  const accounts = new Map<string, AccountIndex | undefined>()
  const derivedAddresses = new Map<string, DerivedAddress>()
  let gaps = 0

  /** Asks for the users of these records that nobody asked for yet. */
  async function findIndices(records: readonly VerifiedRecord[]): Promise<void> {
    const unknown = new Set<string>()
    for (const { event } of records) if (!accounts.has(event.user_id)) unknown.add(event.user_id)
    if (unknown.size === 0) return
    const userIds = [...unknown]
    const found = await ports.reserveAccounts(userIds, keyring.id)
    for (const [at, userId] of userIds.entries()) {
      const account = found[at]
      if (account?.isTaken) gaps += 1
      accounts.set(userId, account)
    }
  }

  function derive({ network, address_type: addressType }: UserVerified, index: number): DerivedAddress {
    const key = toKey(network, addressType, index)
    const known = derivedAddresses.get(key)
    if (known) return known
    const derived = keyring.derive(network, addressType, index)
    if (derivedAddresses.size === 0 || ports.random() * crossCheckedShare < 1) {
      keyring.crossCheck(network, addressType, index, derived)
    }
    derivedAddresses.set(key, derived)
    return derived
  }

  function toWallet({ record, event, requestId }: VerifiedRecord, accountIndex: number): IssuedWallet {
    const { path, address, publicKey, accountXpub } = derive(event, accountIndex)
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

  async function plan(records: readonly VerifiedRecord[]): Promise<WalletPlan> {
    await findIndices(records)
    const newcomers = new Map<string, number>()
    const wallets = new Map<string, IssuedWallet>()
    const claims: Claim[] = []
    const withoutIndex: VerifiedRecord[] = []
    for (const verified of records) {
      const { user_id: userId, network, address_type: addressType } = verified.event
      const account = accounts.get(userId)
      if (!account) {
        withoutIndex.push(verified)
        continue
      }
      if (account.isTaken) newcomers.set(userId, account.index)
      const key = toKey(network, addressType, userId)
      crashPoint('wallet-before-derive', userId)
      // The first record of a wallet is its source.
      const wallet = wallets.get(key) ?? toWallet(verified, account.index)
      wallets.set(key, wallet)
      claims.push({ verified, wallet })
    }
    return {
      newcomers: [...newcomers].map(([userId, accountIndex]) => ({ userId, accountIndex })),
      claims,
      wallets: [...wallets.values()],
      withoutIndex,
    }
  }

  return {
    plan,
    crossCheck: ({ network, addressType, accountIndex, derivationPath: path, address, publicKey, accountXpub }) =>
      keyring.crossCheck(network, addressType, accountIndex, { path, address, publicKey, accountXpub }),
    note: (userId, standing) => {
      if (standing === undefined) accounts.delete(userId)
      else accounts.set(userId, { index: standing, isTaken: false })
    },
    use: (userId, index) => {
      gaps -= 1
      accounts.set(userId, { index, isTaken: false })
    },
    countGaps: () => gaps,
  }
}
