// The inspect function: reads one object, answers a verdict. It knows no database, no Kafka and no user.
import { createHash } from 'node:crypto'
import * as z from 'zod'
import { crashPoint } from '../../shared/crash-point.ts'
import type { Log } from '../../shared/log.ts'
import type { Metrics } from '../../shared/metrics.ts'
import type { Inspection } from './inspect-document.ts'

/** What verification asks. */
const inspectRequestSchema = z.object({ key: z.string().min(1) })

/**
 * What it is told. `absent`: there is no such object. `unreadable`: the object could not be read in time, which says
 * nothing of the document. Everything else is a verdict on the bytes with that SHA-256 (hex).
 */
export type InspectResponse =
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unreadable' }
  | ({ readonly outcome: 'inspected'; readonly sha256: string } & Inspection)

export type InspectDependencies = {
  readonly log: Log
  readonly count: Metrics<'inspect'>['count']
  /** The bytes of the object; undefined when there is none. Bounded in time: throws when they do not come. */
  readonly readDocument: (key: string) => Promise<Uint8Array | undefined>
  readonly inspectDocument: (bytes: Uint8Array) => Promise<Inspection>
}

export function createHandler(dependencies: InspectDependencies) {
  const { log, count, readDocument, inspectDocument } = dependencies

  async function inspect(key: string): Promise<InspectResponse> {
    let bytes: Uint8Array | undefined
    try {
      bytes = await readDocument(key)
    } catch (error) {
      log.warn('document could not be read', { error })
      return { outcome: 'unreadable' }
    }
    if (!bytes) return { outcome: 'absent' }
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    crashPoint('inspect-after-read', sha256)
    const inspection = await inspectDocument(bytes)
    return { outcome: 'inspected', sha256, ...inspection }
  }

  return async (event: unknown): Promise<InspectResponse> => {
    const response = await inspect(inspectRequestSchema.parse(event).key)
    const outcome = response.outcome === 'inspected' ? response.verdict : response.outcome
    count('documents_inspected', 1, { outcome })
    return response
  }
}
