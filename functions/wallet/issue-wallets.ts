// The use case of user.verified: in a few transactions, mostly one, the records of a batch become accounts and wallets,
// are set aside, or wait.
import { crashPoint } from '../../shared/crash-point.ts'
import { UnavailableError } from '../../shared/errors.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import type { Log } from '../../shared/log.ts'
import type { WalletMetric } from '../../shared/metrics.ts'
import { CrossCheckError } from './derivation.ts'
import type { VaultState } from './open-keyring.ts'
import {
  type Claim,
  createWalletPlanner,
  type PlanWalletsPorts,
  type VerifiedRecord,
  type WalletPlan,
} from './plan-wallets.ts'
import { type ClassifiedRecord, classifyRecord } from './records.ts'
import type { Retry } from './retry-transient.ts'
import type { IssuedWallet, WaitingCause } from './wallet-tables.ts'

/**
 * Why a claim cannot be met. `drift`: another address stands for its user, network and type; `holder`: its address
 * stands for another user; `event`: its event id is the source of a wallet of another user, network or type.
 */
export type ContradictionKind = 'drift' | 'holder' | 'event'

/** The tables, inside one transaction. */
export type WalletTables = {
  /** Inserts those that are not there; answers how many it inserted. */
  readonly insertAccounts: (
    accounts: readonly { readonly userId: string; readonly accountIndex: number }[],
    keyringId: number,
    now: Date,
  ) => Promise<number>
  /** The indices of the accounts of these users that stand in this keyring. */
  readonly findAccounts: (userIds: readonly string[], keyringId: number) => Promise<ReadonlyMap<string, number>>
  /** Inserts those that nothing stands in the way of; answers how many. */
  readonly insertWallets: (wallets: readonly IssuedWallet[]) => Promise<number>
  /** The claims, by their places in the list, that contradict what stands. */
  readonly findContradictions: (
    claims: readonly Claim[],
  ) => Promise<readonly { readonly at: number; readonly kind: ContradictionKind }[]>
  readonly quarantine: (records: readonly { record: KafkaRecord; reason: string }[], now: Date) => Promise<void>
  readonly park: (records: readonly KafkaRecord[], cause: WaitingCause, now: Date) => Promise<void>
}

export type IssueWalletsPorts = PlanWalletsPorts & {
  readonly log: Log
  readonly now: () => Date
  readonly count: (metric: WalletMetric, value: number) => void
  readonly openKeyring: () => Promise<VaultState>
  /** Tries again what was away, for as long as there is time for it. */
  readonly retry: Retry
  /**
   * Runs work in one transaction, which is undone when the work rejects.
   *
   * @throws {RefusedRowError} when the database refuses what was to be written
   * @throws {UnavailableError} when it is away
   */
  readonly transaction: <Result>(work: (tables: WalletTables) => Promise<Result>) => Promise<Result>
}

/** The database refuses a row for what is in it: the record's fault, which no retry mends. The message shows no value. */
export class RefusedRowError extends Error {
  override readonly name = 'RefusedRowError'
  readonly retriable = false
}

/** What became of a batch, in records but `inserted`, which counts new wallets. */
export type IssueResult = {
  readonly inserted: number
  readonly duplicate: number
  readonly quarantined: number
  readonly waiting: number
  readonly vault: VaultState['state'] | 'unused'
  /** Records of which nothing is committed, and what was away: they are to come again. */
  readonly unfinished: { readonly records: readonly KafkaRecord[]; readonly error: UnavailableError } | undefined
}

/** Thrown inside a transaction, so that it is undone. */
class ContradictionError extends Error {
  readonly contradictions: readonly { readonly claim: Claim; readonly kind: ContradictionKind }[]

  constructor(contradictions: ContradictionError['contradictions']) {
    super(`${contradictions.length} records contradict what stands`)
    this.contradictions = contradictions
  }
}

type RefusedRecord = Extract<ClassifiedRecord, { readonly refusal: string }>
const isVerified = (classified: ClassifiedRecord): classified is VerifiedRecord => 'event' in classified
const isRefused = (classified: ClassifiedRecord): classified is RefusedRecord => 'refusal' in classified

function describeContradiction({ wallet }: Claim, kind: ContradictionKind): string {
  const { network, addressType, derivationPath } = wallet
  if (kind === 'event') return 'contradiction: its event_id is that of another user, network or address type'
  const differs = kind === 'drift' ? 'is not the one that was issued for it' : 'was issued for another user'
  return `address drift: the ${network} ${addressType} address at ${derivationPath} ${differs}`
}

type Written = {
  readonly inserted: number
  readonly parked: readonly VerifiedRecord[]
  /** Users who have another index than was planned for, or since when one; undefined where no account stands. */
  readonly changed: ReadonlyMap<string, number | undefined>
}

/** Writes a plan, but for the users for whom a concurrent batch won another index. */
async function writePlan(tables: WalletTables, plan: WalletPlan, keyringId: number, now: Date): Promise<Written> {
  const { newcomers, withoutIndex } = plan
  const inserted = newcomers.length > 0 ? await tables.insertAccounts(newcomers, keyringId, now) : 0
  const planned = new Map<string, number | undefined>(withoutIndex.map(({ event }) => [event.user_id, undefined]))
  if (inserted < newcomers.length) for (const { userId, accountIndex } of newcomers) planned.set(userId, accountIndex)
  const standing = planned.size > 0 ? await tables.findAccounts([...planned.keys()], keyringId) : planned
  const changed = new Map(
    [...planned.keys()]
      .filter((userId) => standing.get(userId) !== planned.get(userId))
      .map((userId) => [userId, standing.get(userId)]),
  )

  const isSettled = ({ wallet }: Claim) => !changed.has(wallet.userId)
  const claims = changed.size > 0 ? plan.claims.filter(isSettled) : plan.claims
  const wallets = changed.size > 0 ? plan.wallets.filter(({ userId }) => !changed.has(userId)) : plan.wallets
  const issued = wallets.length > 0 ? await tables.insertWallets(wallets) : 0
  // When each record made a wallet, every unique index has already said that nothing stands in its way. That includes
  // records of this batch which share an event id and differ: the first in the order of insertion is believed.
  if (issued < claims.length) {
    const found = await tables.findContradictions(claims)
    const contradictions = found.flatMap(({ at, kind }) => {
      const claim = claims[at]
      return claim ? [{ claim, kind }] : []
    })
    if (contradictions.length > 0) throw new ContradictionError(contradictions)
  }
  const parked = withoutIndex.filter(({ event }) => !changed.has(event.user_id))
  if (parked.length > 0) {
    await tables.park(
      parked.map(({ record }) => record),
      'account_indices_used_up',
      now,
    )
  }
  return { inserted: issued, parked, changed }
}

/** Bound on the rounds in which a user got no account, since each index taken was already another user's. */
const fruitlessRounds = 8

/** Carries one batch through its transactions. `Part`s are of one batch, in its order. */
type Part = readonly ClassifiedRecord[]

function createBatch(ports: IssueWalletsPorts, vault: VaultState | undefined, now: Date) {
  const counts = { inserted: 0, duplicate: 0, quarantined: 0, waiting: 0 }
  const open = vault?.state === 'open' ? vault : undefined
  const planner = open && createWalletPlanner(ports, open.keyring, now)
  let fruitless = 0

  async function writeGood(tables: WalletTables, good: readonly VerifiedRecord[], plan: WalletPlan | undefined) {
    if (plan && open) return await writePlan(tables, plan, open.keyring.id, now)
    if (vault && vault.state !== 'open' && good.length > 0) {
      await tables.park(
        good.map(({ record }) => record),
        vault.state,
        now,
      )
    }
    return { inserted: 0, parked: good, changed: new Map<string, number | undefined>() }
  }

  /** Commits a part in one transaction, but for the records of users whose index changed: those are answered. */
  async function commit(part: Part): Promise<Part> {
    const good = part.filter(isVerified)
    const refused = part.filter(isRefused)
    const plan = good.length > 0 ? await planner?.plan(good) : undefined
    crashPoint('wallet-before-commit')
    const { inserted, parked, changed } = await ports.transaction(async (tables) => {
      if (refused.length > 0) {
        await tables.quarantine(
          refused.map(({ record, refusal }) => ({ record, reason: refusal })),
          now,
        )
      }
      return await writeGood(tables, good, plan)
    })

    crashPoint('wallet-after-commit')
    for (const { userId, accountIndex } of plan?.newcomers ?? []) {
      if (!changed.has(userId)) planner?.use(userId, accountIndex)
    }
    for (const [userId, standing] of changed) planner?.note(userId, standing)
    if ([...changed.values()].includes(undefined)) fruitless += 1
    const again = changed.size > 0 ? good.filter(({ event }) => changed.has(event.user_id)) : []
    counts.inserted += inserted
    counts.waiting += parked.length
    counts.quarantined += refused.length
    counts.duplicate += good.length - again.length - parked.length - inserted
    for (const { record, refusal: reason } of refused) {
      const { topic, partition, offset } = record
      ports.log.warn('record set aside', { topic, partition, offset, reason })
    }
    return again
  }

  /** Turns the records that contradict what stands into refused ones. Drift is believed when a second derivation agrees. */
  function refuse(part: Part, { contradictions }: ContradictionError): Part {
    const reasons = new Map<KafkaRecord, string>()
    const drifting = contradictions.filter(({ kind }) => kind !== 'event')
    for (const wallet of new Set(drifting.map(({ claim }) => claim.wallet))) planner?.crossCheck(wallet)
    for (const { claim, kind } of contradictions) {
      const reason = describeContradiction(claim, kind)
      reasons.set(claim.verified.record, reason)
      if (kind === 'event') continue
      const { topic, partition, offset } = claim.verified.record
      const { network } = claim.wallet
      ports.count('address_drift', 1)
      ports.log.error('address drift: nothing is written', { topic, partition, offset, network, reason })
    }
    return part.map((classified) => {
      const refusal = reasons.get(classified.record)
      return refusal === undefined ? classified : { record: classified.record, refusal }
    })
  }

  /** A row of the part is refused, nobody knows which: its halves, in order; or the one record, as refused. */
  function split(part: Part, error: RefusedRowError): readonly Part[] {
    const [first] = part
    if (part.length > 1) {
      const middle = Math.ceil(part.length / 2)
      return [part.slice(0, middle), part.slice(middle)]
    }
    // What cannot even be set aside is thrown, for the mapping's dead letters.
    if (!first || isRefused(first)) throw error
    return [[{ record: first.record, refusal: error.message }]]
  }

  return {
    counts,
    countGaps: () => planner?.countGaps() ?? 0,
    /** Commits a part, or some of it; answers what is left to do instead, in order. */
    settle: async (part: Part): Promise<readonly Part[]> => {
      if (fruitless >= fruitlessRounds) {
        throw new UnavailableError('database', `no free account index in ${fruitlessRounds} rounds`)
      }
      try {
        // What of it is committed stands: the same statements find it, and use up no index.
        const again = await ports.retry(() => commit(part))
        return again.length > 0 ? [again] : []
      } catch (error) {
        if (error instanceof ContradictionError) return [refuse(part, error)]
        if (error instanceof RefusedRowError) return split(part, error)
        throw error
      }
    },
  }
}

/**
 * Issues the wallets of a batch. Any record may come twice, late or out of order: what was issued stands. A record that
 * is not understood, that the database refuses or that contradicts what stands is set aside with its reason; the others
 * are committed, those of one partition in their order.
 *
 * Before anything is committed all addresses are derived, and the first and one in a hundred a second time.
 *
 * @returns with `unfinished` when Postgres, KMS or the secret stayed away: what was committed before is not in it
 * @throws {CrossCheckError} when two derivations of one address differ
 */
export async function issueWallets(ports: IssueWalletsPorts, records: readonly KafkaRecord[]): Promise<IssueResult> {
  const classified = records.map(classifyRecord)
  const pending: Part[] = [classified]
  let vault: VaultState | undefined
  let batch: ReturnType<typeof createBatch> | undefined
  let unfinished: IssueResult['unfinished']
  try {
    // Opened before any transaction: KMS may take its time.
    if (classified.some(isVerified)) vault = await ports.retry(ports.openKeyring)
    batch = createBatch(ports, vault, ports.now())
    for (let part = pending[0]; part; part = pending[0]) pending.splice(0, 1, ...(await batch.settle(part)))
  } catch (error) {
    if (error instanceof CrossCheckError) {
      ports.count('cross_check_failed', 1)
      ports.log.error('two derivations of one address differ: nothing is written', { error })
    }
    if (!(error instanceof UnavailableError)) throw error
    unfinished = { records: pending.flat().map(({ record }) => record), error }
  } finally {
    const gaps = batch?.countGaps() ?? 0
    if (gaps > 0) ports.count('account_index_gaps', gaps)
  }

  const counts = batch?.counts ?? { inserted: 0, duplicate: 0, quarantined: 0, waiting: 0 }
  const result: IssueResult = { ...counts, vault: vault?.state ?? 'unused', unfinished }
  tell(ports, classified, vault, result)
  return result
}

function tell({ log, count }: IssueWalletsPorts, batch: Part, vault: VaultState | undefined, result: IssueResult) {
  const { inserted, duplicate, quarantined, waiting } = result
  if (vault?.state === 'no_root') {
    log.error('the vault is empty: no wallet can be issued, records wait', { waiting })
  }
  if (vault?.state === 'root_refused') {
    log.error('the vault is refused: no wallet can be issued, records wait', { waiting, error: vault.error })
  }
  if (vault?.state === 'open' && waiting > 0) {
    count('account_indices_used_up', waiting)
    log.error('account indices are used up: records wait for another keyring', { waiting })
  }
  const done = batch.length - (result.unfinished?.records.length ?? 0)
  if (done === 0 && result.unfinished) return
  const requestIds = new Set(batch.filter(isVerified).map(({ requestId }) => requestId))
  const [requestId] = requestIds
  log.info('batch done', {
    ...{ count: done, new: inserted, duplicate, quarantined, waiting },
    ...(requestIds.size === 1 ? { request_id: requestId } : {}),
  })
}
