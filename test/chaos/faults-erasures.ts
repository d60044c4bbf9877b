// Faults of erasing kept documents: the function ended between two steps, under a request and under the schedule.
import { InvokeCommand } from '@aws-sdk/client-lambda'
import type { CrashPoint } from '../../shared/crash-point.ts'
import { type Fault, type FaultContext, some } from './fault.ts'
import { waitUntil } from './stack.ts'

const erasures = 6

/** Documents of this fault's users that are kept, so many of them. */
async function findKept({ stack: { sql }, workload, prefix }: FaultContext): Promise<string[]> {
  await workload.reached(0.6)
  let ids: string[] = []
  await waitUntil(async () => {
    const rows = await sql<{ id: string }[]>`
      select id from verification.verifications join verification.kept_documents on verification_id = id
      where starts_with(user_id, ${prefix}) order by id limit ${erasures}`
    ids = rows.map(({ id }) => id)
    return ids.length === erasures
  }, 120_000)
  return ids
}

/** The status of the answer; 0: there was none. */
async function erase({ stack }: FaultContext, id: string): Promise<number> {
  const headers = { authorization: `Bearer ${await stack.issueToken()}` }
  const url = `${stack.description.api_url}/verify/${id}/document`
  const answer = await fetch(url, { method: 'DELETE', headers, signal: AbortSignal.timeout(40_000) }).catch(() => null)
  return answer?.status ?? 0
}

/** As the schedule does each hour. */
async function sweep({ stack }: FaultContext): Promise<void> {
  await stack.lambda.send(
    new InvokeCommand({ FunctionName: stack.outputs.EraseFunctionName, Payload: Buffer.from('{}') }),
  )
}

/** Each erasure is ended at the point. Half of the clients come again; what the others left the sweep does, itself ended once. */
async function killErasures(context: FaultContext, point: CrashPoint): Promise<string | undefined> {
  const { points } = context.stack
  const before = points.countBites(point)
  const ids = await findKept(context)
  for (const id of ids) {
    points.arm(point)
    const status = await erase(context, id)
    if (status === 204) throw new Error(`expected no erasure to get past ${point}; got 204`)
  }
  for (const id of ids.slice(erasures / 2)) {
    if (!(await waitUntil(async () => (await erase(context, id)) === 204, 60_000)))
      throw new Error(`${id} was not erased`)
  }
  points.arm(point)
  await sweep(context)
  await sweep(context)
  points.disarm()
  const bites = points.countBites(point) - before
  return bites === 0 ? undefined : `${bites} processes ended there`
}

/** What was begun is ended: the judge sees to that. Here, that it was begun. */
async function checkErased({ stack: { sql }, prefix }: FaultContext): Promise<string[]> {
  const [{ count }] = await sql<[{ count: number }]>`
    select count(*)::integer as count from verification.kept_documents join verification.verifications on id = verification_id
    where starts_with(user_id, ${prefix}) and erased_at is not null`
  return count === erasures ? [] : [`expected ${erasures} documents to be erased; got ${count}`]
}

const killed = (point: CrashPoint): Fault => ({
  ...{ name: point, documents: some, check: checkErased },
  inject: (context) => killErasures(context, point),
})

export const erasureFaults: readonly Fault[] = [
  killed('erase-after-note'),
  killed('erase-after-key'),
  killed('erase-after-copy'),
]
