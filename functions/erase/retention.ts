// The use case of the schedule: what was kept for as long as the stage keeps documents is erased, and what was begun is ended.
import { type Destroy, destroyDocuments } from '../../shared/kept-documents.ts'
import type { OpenErasure } from './erase-tables.ts'

export type RetentionPorts = Destroy & {
  readonly now: () => Date
  readonly retentionDays: number
  readonly beginOverdueErasures: (options: { keptBefore: Date; now: Date; limit: number }) => Promise<number>
  readonly findOpenErasures: (after: string | undefined, limit: number) => Promise<readonly OpenErasure[]>
  readonly markErased: (ids: readonly string[], now: Date) => Promise<void>
}

/** One call of S3 takes 1,000 names, and a document has two in its bucket. */
export const pageSize = 500

/** How long (ms) a sweep begins further pages: what is left is the next one's. */
const longestSweep = 40_000

/**
 * Erases what is due, page by page, while there is time. A page that fails keeps no other from its turn.
 *
 * @returns how many documents are gone
 * @throws the first failure, in the end
 */
export async function eraseDue(ports: RetentionPorts, count: (erased: number) => void): Promise<void> {
  const end = performance.now() + longestSweep
  const hasTime = () => performance.now() < end
  const now = ports.now()
  const keptBefore = new Date(now.getTime() - ports.retentionDays * 86_400_000)
  let begun: number
  do {
    begun = await ports.beginOverdueErasures({ keptBefore, now, limit: pageSize })
  } while (begun === pageSize && hasTime())

  const failures: unknown[] = []
  let page: readonly OpenErasure[]
  let last: string | undefined
  do {
    page = await ports.findOpenErasures(last, pageSize)
    last = page.at(-1)?.id
    if (page.length === 0) break
    try {
      const objects = page.map(({ object }) => object)
      await destroyDocuments(ports, objects)
      const ids = page.map(({ id }) => id)
      await ports.markErased(ids, ports.now())
      count(page.length)
    } catch (error) {
      failures.push(error)
    }
  } while (page.length === pageSize && hasTime())
  if (failures.length > 0) throw failures[0]
}
