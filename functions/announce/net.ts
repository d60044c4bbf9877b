// The use case of the net under the outbox: what was announced and led to no wallet is announced again, and documents
// without a verdict are put into the queue again. Bounded, with growing pauses; what does not help is left to a person.
import { toUserVerified } from '../../shared/events.ts'
import { type Publish, toPublication } from '../../shared/kafka.ts'
import { isPassed, type Verification } from '../../shared/model.ts'
import type { Missing, Overdue, OverdueNote } from './overdue.ts'

/** The tables, inside one transaction. */
export type NetTables = {
  /** Whether this sweep is the only one here, until the transaction ends. */
  readonly takeTurn: () => Promise<boolean>
  readonly noteMissingWallets: (announcedBefore: Date, now: Date, limit: number) => Promise<number>
  readonly noteMissingVerdicts: (
    sentBefore: Date,
    later: { readonly now: Date; readonly nextAt: Date },
    limit: number,
  ) => Promise<number>
  readonly noteUploadsNotCome: (overBefore: Date, limit: number) => Promise<number>
  readonly strikeSettled: (missing: Missing) => Promise<void>
  readonly lockDue: (
    missing: Missing,
    bounds: { readonly now: Date; readonly farthest: Date; readonly limit: number; readonly onTheirWay: number },
  ) => Promise<readonly Overdue[]>
  readonly strike: (missing: Missing, verificationIds: readonly string[]) => Promise<void>
  readonly noteTries: (missing: Missing, notes: readonly OverdueNote[]) => Promise<void>
  /** Which of these values are of records that wait, by their places. */
  readonly findWaiting: (values: readonly string[]) => Promise<ReadonlySet<number>>
}

export type NetPorts = {
  readonly now: () => Date
  readonly userVerifiedTopic: string
  /** After how many seconds something is missing: the wallet since the announcement, the verdict since the upload. */
  readonly overdueSeconds: Readonly<Record<Missing, number>>
  readonly transaction: <Result>(work: (tables: NetTables) => Promise<Result>) => Promise<Result>
  readonly publish: Publish
  /** Puts the documents of these attempts into the verification queue, or throws an `UnavailableError`. */
  readonly requeue: (verifications: readonly Verification[]) => Promise<void>
}

/** After so many tries in vain a person must look. With pauses that double, of ten minutes at first, that is in two days. */
export const mostTries = 8

/**
 * Rows of a transaction, and of all that are on their way at once: what comes back while a consumer is behind must not put
 * it further behind.
 */
export const bounds = {
  wallet: { page: 500, onTheirWay: 10_000 },
  verdict: { page: 100, onTheirWay: 1000 },
} as const satisfies Record<Missing, { page: number; onTheirWay: number }>

/** How long (s) an upload is waited for after its time: S3 looks at the time at the beginning, and a slow one takes a while. */
const uploadGraceSeconds = 60

/** Of one sweep; the next one goes on. */
export const mostPages = 20

/** How long (ms) further pages are begun, as well: what is behind them in a sweep is to have its turn. */
const longest = 4000

async function repeat(pageSize: number, page: () => Promise<number>): Promise<void> {
  const end = performance.now() + longest
  for (let pages = 0; pages < mostPages; pages++) {
    if ((await page()) < pageSize || performance.now() >= end) return
  }
}

function addSeconds(date: Date, seconds: number): Date {
  return new Date(date.getTime() + seconds * 1000)
}

const toEvents = (verifications: readonly Verification[]) => verifications.filter(isPassed).map(toUserVerified)

/** What becomes of one that is due: it is set going again if there is a try left. */
function planNext({ verification, tries, givenUpAt }: Overdue, waits: boolean, overdueSeconds: number, now: Date) {
  const isTried = !waits && tries < mostTries
  const note: OverdueNote = {
    verificationId: verification.id,
    tries: isTried ? tries + 1 : tries,
    nextAt: addSeconds(now, isTried ? overdueSeconds * 2 ** tries : overdueSeconds),
    givenUpAt: isTried || waits ? givenUpAt : (givenUpAt ?? now),
  }
  return { note, isTried }
}

/** One page of what is due: set going, and then noted. Answers how many rows were looked at, and how many set going. */
async function mendPage(
  ports: NetPorts,
  tables: NetTables,
  missing: Missing,
): Promise<{ readonly due: number; readonly mended: number }> {
  const now = ports.now()
  const overdueSeconds = ports.overdueSeconds[missing]
  const { page: limit, onTheirWay } = bounds[missing]
  const farthest = addSeconds(now, overdueSeconds * 2 ** mostTries)
  const due = await tables.lockDue(missing, { now, farthest, limit, onTheirWay })
  if (due.length === 0) return { due: 0, mended: 0 }

  const open = due.filter(({ isSettled }) => !isSettled)
  const events = missing === 'wallet' ? toEvents(open.map(({ verification }) => verification)) : []
  const waiting = await tables.findWaiting(events.map(({ value }) => value))
  const planned = open.map((row, at) => planNext(row, waiting.has(at), overdueSeconds, now))
  const isTried = (_: unknown, at: number) => planned[at]?.isTried === true
  // First this, then the notes: a crash in between does the same once more.
  if (missing === 'wallet') {
    await ports.publish(events.filter(isTried).map((event) => toPublication(ports.userVerifiedTopic, event)))
  } else {
    await ports.requeue(open.filter(isTried).map(({ verification }) => verification))
  }
  await tables.strike(
    missing,
    due.filter(({ isSettled }) => isSettled).map(({ verification }) => verification.id),
  )
  await tables.noteTries(
    missing,
    planned.map(({ note }) => note),
  )
  return { due: due.length, mended: planned.filter(({ isTried }) => isTried).length }
}

/**
 * Notes what is missing by now, and sets going again what is due.
 *
 * @returns how many were set going
 * @throws {UnavailableError} when Kafka, the queue or Postgres is away; what was not noted stays for the next sweep
 */
export async function mendMissing(ports: NetPorts, missing: Missing): Promise<number> {
  const overdueSeconds = ports.overdueSeconds[missing]
  const { page } = bounds[missing]
  /** In a transaction of its own, unless another sweep is at it. */
  const inTurn = (work: (tables: NetTables) => Promise<number>) =>
    ports.transaction(async (tables) => ((await tables.takeTurn()) ? await work(tables) : 0))

  // Once a sweep: it reads all that are on their way.
  await inTurn(async (tables) => {
    await tables.strikeSettled(missing)
    return 0
  })
  await repeat(page, () =>
    inTurn(async (tables) => {
      const now = ports.now()
      const before = addSeconds(now, -overdueSeconds)
      return missing === 'wallet'
        ? await tables.noteMissingWallets(before, now, page)
        : await tables.noteMissingVerdicts(before, { now, nextAt: addSeconds(now, overdueSeconds) }, page)
    }),
  )
  if (missing === 'verdict') {
    await repeat(page, () =>
      inTurn((tables) => tables.noteUploadsNotCome(addSeconds(ports.now(), -uploadGraceSeconds), page)),
    )
  }
  let total = 0
  await repeat(page, () =>
    inTurn(async (tables) => {
      const { due, mended } = await mendPage(ports, tables, missing)
      total += mended
      return due
    }),
  )
  return total
}
