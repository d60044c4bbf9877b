// Faults of functions: ended between two steps, and inspect crashing, hanging and out of memory.
import { setTimeout as wait } from 'node:timers/promises'
import type { CrashPoint } from '../../shared/crash-point.ts'
import { type Fault, type FaultContext, killAt, some } from './fault.ts'
import { waitUntil } from './stack.ts'

const killed = (point: CrashPoint, times: number): Fault => ({
  name: point,
  documents: some,
  inject: (context) => killAt(context, point, { times }),
})

/** Documents that end whoever opens them, until it is over. Their verdict asks for them once more. */
async function crashOnMarked({ stack: { points }, uploads, workload }: FaultContext): Promise<string | undefined> {
  const before = points.countBites('inspect-after-read')
  const marked = new Set(
    uploads
      .filter(({ kind }) => kind === 'good')
      .slice(-4)
      .map(({ sha256 }) => sha256),
  )
  for (const sha256 of marked) points.armFor('inspect-after-read', sha256)
  await workload.done
  await wait(5000)
  points.disarm()
  const bites = points.countBites('inspect-after-read') - before
  return bites === 0 ? undefined : `${marked.size} documents ended ${bites} processes`
}

/**
 * Users of two documents, the first of which comes to a row and never to S3 until that has expired: whichever they send then is
 * another attempt.
 */
async function crashBeforeObject({ stack, uploads, prefix, signal }: FaultContext): Promise<string | undefined> {
  const posts = [...Map.groupBy(uploads, ({ userId }) => userId)]
  const marked = posts
    .filter(([, [first, second]]) => first?.way === 'inline' && first.sha256 !== second?.sha256)
    .map(([userId]) => userId)
    .slice(-4)
  for (const userId of marked) stack.points.armFor('intake-after-row', userId)
  const countExpired = async () => {
    const rows = await stack.sql`
      select from verification.attempts where starts_with(user_id, ${prefix}) and status = 'expired'`
    return rows.length
  }
  await waitUntil(async () => signal.aborted || (await countExpired()) >= marked.length, 150_000)
  stack.points.disarm()
  const count = await countExpired()
  return count === 0 ? undefined : `${count} attempts expired whose document never came to S3`
}

export const functionFaults: readonly Fault[] = [
  killed('intake-after-row', 6),
  { name: 'intake-crashing-always', documents: some, inject: crashBeforeObject },
  killed('intake-after-object', 6),
  killed('verification-after-key', 4),
  killed('verification-after-verdict', 4),
  killed('verification-before-publish', 4),
  killed('verification-after-publish', 4),
  killed('verification-before-discard', 4),
  killed('verification-after-destruction', 2),
  killed('inspect-after-copy', 10),
  killed('wallet-before-commit', 6),
  killed('wallet-after-commit', 6),
  killed('announce-after-publish', 6),
  {
    name: 'inspect-crashing',
    documents: some,
    inject: (context) => killAt(context, 'inspect-after-read', { times: 10 }),
  },
  { name: 'inspect-crashing-always', documents: some, inject: crashOnMarked },
  {
    name: 'inspect-hanging',
    documents: some,
    inject: (context) => killAt(context, 'inspect-after-read', { times: 3, kind: 'hang' }),
  },
  {
    name: 'inspect-out-of-memory',
    documents: some,
    inject: (context) => killAt(context, 'inspect-after-read', { times: 3, kind: 'memory' }),
  },
]
