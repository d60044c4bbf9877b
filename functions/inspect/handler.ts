// The inspect function: reads one object, answers a verdict. It knows no database, no Kafka and no user, and opens nothing
// itself: that is the parser's.
import { createHash } from 'node:crypto'
import * as z from 'zod'
import { crashPoint } from '../../shared/crash-point.ts'
import type { Log } from '../../shared/log.ts'
import type { Metrics } from '../../shared/metrics.ts'
import type { Inspection } from './inspect-document.ts'
import { type Parsed, type Parser, ParserNotStartedError } from './parser-process.ts'

/** What verification asks. */
const inspectRequestSchema = z.object({ key: z.string().min(1) })

/**
 * What it is told. `absent`: there is no such object. `unreadable`: the object could not be read in time, or no parser began,
 * which says nothing of the document. Everything else is about the bytes with that SHA-256 (hex): a verdict, or that the
 * parser crashed on them, and during which check.
 */
export type InspectResponse =
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unreadable' }
  | ({ readonly outcome: 'crashed'; readonly sha256: string } & Omit<Parsed & { outcome: 'crashed' }, 'outcome'>)
  | ({ readonly outcome: 'inspected'; readonly sha256: string } & Inspection)

export type InspectDependencies = {
  readonly log: Log
  readonly count: Metrics<'inspect'>['count']
  /** The bytes of the object; undefined when there is none. Bounded in time: throws when they do not come. */
  readonly readDocument: (key: string) => Promise<Uint8Array | undefined>
  readonly startParser: () => Parser
}

export function createHandler(dependencies: InspectDependencies) {
  const { log, count, readDocument, startParser } = dependencies

  async function inspect(key: string, parser: Parser): Promise<InspectResponse> {
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
    try {
      const parsed = await parser.inspect(bytes)
      if (parsed.outcome === 'crashed') {
        log.warn('parser crashed', { reason: parsed.how, ...(parsed.check === null ? {} : { part: parsed.check }) })
        return { ...parsed, sha256 }
      }
      return { outcome: 'inspected', sha256, ...parsed.inspection }
    } catch (error) {
      if (!(error instanceof ParserNotStartedError)) throw error
      log.error('parser did not start', { error })
      return { outcome: 'unreadable' }
    }
  }

  return async (event: unknown): Promise<InspectResponse> => {
    const { key } = inspectRequestSchema.parse(event)
    // It loads its code while the document comes.
    const parser = startParser()
    try {
      const response = await inspect(key, parser)
      const outcome = response.outcome === 'inspected' ? response.verdict : response.outcome
      count('documents_inspected', 1, { outcome })
      return response
    } finally {
      await parser.kill()
    }
  }
}
