// The use case of the sweep: what is committed and not announced is announced; what waited is published again; then the net.
import { crashPoint } from '../../shared/crash-point.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { toUserVerified, toWalletCreated } from '../../shared/events.ts'
import { toPublication } from '../../shared/kafka.ts'
import { type Metrics, promisedSeconds } from '../../shared/metrics.ts'
import type { PassedVerification, Wallet } from '../../shared/model.ts'
import type { UnannouncedWallet } from '../../shared/wallets.ts'
import { mendMissing, type NetPorts, type NetTables } from './net.ts'
import type { Missing } from './overdue.ts'
import type { WaitingRecord } from './waiting.ts'

/** The tables, inside one transaction: what is read is locked, and what others hold is skipped. */
export type AnnounceTables = NetTables & {
  readonly lockVerifications: (verifiedBefore: Date, limit: number) => Promise<readonly PassedVerification[]>
  readonly markVerifications: (ids: readonly string[], now: Date) => Promise<void>
  readonly lockWallets: (limit: number) => Promise<readonly UnannouncedWallet[]>
  readonly markWallets: (wallets: readonly Wallet[], now: Date) => Promise<void>
  readonly lockWaiting: (options: {
    rootExists: boolean
    now: Date
    limit: number
  }) => Promise<readonly WaitingRecord[]>
  readonly markReleased: (records: readonly WaitingRecord[], now: Date) => Promise<void>
}

export type AnnouncePorts = Pick<Metrics<'announce'>, 'count' | 'measure'> &
  Omit<NetPorts, 'transaction'> & {
    readonly walletCreatedTopic: string
    readonly transaction: <Result>(work: (tables: AnnounceTables) => Promise<Result>) => Promise<Result>
    /** Whether the vault holds a root, for which records may wait. */
    readonly rootExists: () => Promise<boolean>
  }

/** How many were published, for the first time or (`republished`) again, and how many documents were put into the queue. */
export type AnnounceResult = {
  verifications: number
  wallets: number
  released: number
  republished: number
  requeued: number
}

const pageSize = 500

/** The verification function announces its own verdicts; the sweep leaves it this long (ms) to do so. */
const grace = 60_000

/** How long (ms) a step begins further pages before the others have their turn. */
const longestStep = 2000

/** How long (ms) a sweep begins steps anew: what is left is the next one's. The function has 50 s, and some are for the metrics. */
export const longestSweep = 40_000

/** What a step did, and whether there is no more of it. */
type Drained = { readonly count: number; readonly isOver: boolean }

/** Repeats a page until one is not full, or it is the others' turn. */
async function drain(page: () => Promise<number>): Promise<Drained> {
  const end = performance.now() + longestStep
  let total = 0
  for (;;) {
    const count = await page()
    total += count
    if (count < pageSize) return { count: total, isOver: true }
    if (performance.now() >= end) return { count: total, isOver: false }
  }
}

/** The time from the POST to the wallet, of each wallet once: when it is announced. */
function measureWallets({ count, measure }: AnnouncePorts, wallets: readonly UnannouncedWallet[]): void {
  for (const { askedAt, createdAt } of wallets) {
    if (askedAt === null) continue
    const milliseconds = createdAt.getTime() - askedAt.getTime()
    measure('wallet_milliseconds', milliseconds)
    if (milliseconds > promisedSeconds * 1000) count('wallets_late', 1)
  }
}

/** Issued wallets, oldest first. */
const announceWallets = (ports: AnnouncePorts) =>
  drain(async () => {
    const announced = await ports.transaction(async (tables) => {
      const rows = await tables.lockWallets(pageSize)
      if (rows.length === 0) return rows
      await ports.publish(rows.map((row) => toPublication(ports.walletCreatedTopic, toWalletCreated(row))))
      if (rows.length > 0) crashPoint('announce-after-publish')
      await tables.markWallets(rows, ports.now())
      return rows
    })
    measureWallets(ports, announced)
    return announced.length
  })

/** Verdicts whose own function did not get to it, and verifications that no verdict announces. */
const announceVerifications = (ports: AnnouncePorts) =>
  drain(() =>
    ports.transaction(async (tables) => {
      const rows = await tables.lockVerifications(new Date(ports.now().getTime() - grace), pageSize)
      if (rows.length === 0) return 0
      await ports.publish(rows.map((row) => toPublication(ports.userVerifiedTopic, toUserVerified(row))))
      await tables.markVerifications(
        rows.map((row) => row.id),
        ports.now(),
      )
      return rows.length
    }),
  )

/** Records that waited for something which is there by now. */
async function release(ports: AnnouncePorts): Promise<Drained> {
  const rootExists = await ports.rootExists()
  return await drain(() =>
    ports.transaction(async (tables) => {
      const records = await tables.lockWaiting({ rootExists, now: ports.now(), limit: pageSize })
      if (records.length === 0) return 0
      await ports.publish(records.map(({ topic, key, value, headers }) => ({ topic, key, value, headers })))
      await tables.markReleased(records, ports.now())
      return records.length
    }),
  )
}

type Step = readonly [name: keyof AnnounceResult, step: () => Promise<Drained>]

/** Whether nothing else can be done either: each step would wait for its deadline in vain. */
const isOutage = (error: unknown) => error instanceof UnavailableError && error.part !== 'documents'

/**
 * Takes the steps in turn, those that are not over again and again while there is time: so no backlog, and no step that
 * fails, keeps the others from theirs. The first failure is thrown in the end, an outage at once.
 */
async function takeTurns(steps: readonly Step[], milliseconds: number): Promise<AnnounceResult> {
  const end = performance.now() + milliseconds
  const result: AnnounceResult = { verifications: 0, wallets: 0, released: 0, republished: 0, requeued: 0 }
  const failures: unknown[] = []
  let left = steps
  do {
    const unfinished: Step[] = []
    for (const [name, step] of left) {
      try {
        const { count, isOver } = await step()
        result[name] += count
        if (!isOver) unfinished.push([name, step])
      } catch (error) {
        if (isOutage(error)) throw error
        failures.push(error)
      }
    }
    left = unfinished
  } while (left.length > 0 && performance.now() < end)
  if (failures.length > 0) throw failures[0]
  return result
}

const newSteps = (ports: AnnouncePorts): readonly Step[] => [
  ['wallets', () => announceWallets(ports)],
  ['verifications', () => announceVerifications(ports)],
]

/** The net takes as much at once as it may in one sweep. */
const netStep = (ports: AnnouncePorts, missing: Missing) => async () => ({
  ...{ count: await mendMissing(ports, missing), isOver: true },
})

/**
 * Announces what was just committed, which is all that a nudge is about: one turn, so that nudges of a backlog leave room for
 * the sweep, which shares their concurrency. Publish first, note after: a crash in between publishes the same bytes once more.
 *
 * @throws {UnavailableError} when Kafka or Postgres is away; what was not noted stays for the next sweep
 */
export const announceNew = (ports: AnnouncePorts): Promise<AnnounceResult> => takeTurns(newSteps(ports), 0)

/**
 * The whole sweep: announces, sets going again what led to nothing, and releases what waited.
 *
 * @throws {UnavailableError} when Kafka, Postgres or the queue is away; what was not noted stays for the next sweep
 */
export const announce = (ports: AnnouncePorts): Promise<AnnounceResult> =>
  takeTurns(
    [
      ...newSteps(ports),
      // What was only just announced is not missing yet, and what waits is not either: so it is released behind that.
      ['republished', netStep(ports, 'wallet')],
      ['requeued', netStep(ports, 'verdict')],
      ['released', () => release(ports)],
    ],
    longestSweep,
  )
