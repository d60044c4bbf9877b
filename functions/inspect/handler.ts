// The inspect function: reads one object, answers a verdict. It knows no database, no Kafka and no user, and opens nothing
// itself: that is the parser's.
import { createHash } from 'node:crypto'
import * as z from 'zod'
import { crashPoint } from '../../shared/crash-point.ts'
import type { Log } from '../../shared/log.ts'
import type { Metrics } from '../../shared/metrics.ts'
import { parseDocumentKey } from '../../shared/model.ts'
import type { CleanCopy } from './check.ts'
import type { Inspection } from './inspect-document.ts'
import type { KeepCopy } from './keep-copy.ts'
import { type Parsed, type Parser, ParserNotStartedError } from './parser-process.ts'
import { rulesVersion } from './rules-version.ts'

/** What verification asks. `wrapped_data_key`: what the copy of the document is kept under; absent, none is kept. */
const inspectRequestSchema = z.object({ key: z.string().min(1), wrapped_data_key: z.base64().optional() })
type InspectRequest = z.output<typeof inspectRequestSchema>

/**
 * Milliseconds from the start of an invocation until a copy must be kept: 2.5 seconds behind the last moment of a parser, and below
 * the function's own timeout, which counts as a crash of the document.
 */
export const keepDeadline = 12_500

/**
 * What it is told. `absent`: there is no such object. `unreadable`: the object could not be read in time, or no parser began,
 * which says nothing of the document. `not_kept`: it passed, and its copy could not be kept. Everything else is about the
 * bytes with that SHA-256 (hex): a verdict, with whether a copy is kept; or that the parser crashed on them, and during which
 * check.
 */
export type InspectResponse =
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'unreadable' }
  | { readonly outcome: 'not_kept' }
  | ({ readonly outcome: 'crashed'; readonly sha256: string } & Pick<Inspection, 'rulesVersion' | 'checks'>)
  | ({ readonly outcome: 'inspected'; readonly sha256: string; readonly kept: boolean } & Inspection)

export type InspectDependencies = {
  readonly log: Log
  readonly count: Metrics<'inspect'>['count']
  /** The bytes of the object; undefined when there is none. Bounded in time: throws when they do not come. */
  readonly readDocument: (key: string) => Promise<Uint8Array | undefined>
  readonly startParser: () => Parser
  readonly keepCopy: KeepCopy
}

export function createHandler(dependencies: InspectDependencies) {
  const { log, count, readDocument, startParser, keepCopy } = dependencies

  /** Keeps the copy of the document of that key; answers whether it was asked to. */
  async function keep(
    request: InspectRequest,
    sha256: Uint8Array,
    { copy, abortSignal }: { readonly copy: CleanCopy | undefined; readonly abortSignal: AbortSignal },
  ): Promise<boolean> {
    const named = parseDocumentKey(request.key)
    if (copy === undefined || named === undefined || request.wrapped_data_key === undefined) return false
    const wrappedDataKey = Buffer.from(request.wrapped_data_key, 'base64')
    await keepCopy(copy, { ...named, sha256 }, { wrappedDataKey, abortSignal })
    return true
  }

  async function inspect(request: InspectRequest, parser: Parser): Promise<InspectResponse> {
    const abortSignal = AbortSignal.timeout(keepDeadline)
    let bytes: Uint8Array | undefined
    try {
      bytes = await readDocument(request.key)
    } catch (error) {
      log.warn('document could not be read', { error })
      return { outcome: 'unreadable' }
    }
    if (!bytes) return { outcome: 'absent' }
    const digest = createHash('sha256').update(bytes).digest()
    const sha256 = digest.toString('hex')
    crashPoint('inspect-after-read', sha256)
    let parsed: Parsed
    try {
      parsed = await parser.inspect(bytes)
    } catch (error) {
      if (!(error instanceof ParserNotStartedError)) throw error
      log.error('parser did not start', { error })
      return { outcome: 'unreadable' }
    }
    if (parsed.outcome === 'crashed') {
      log.warn('parser crashed', { reason: parsed.how, ...(parsed.check === null ? {} : { part: parsed.check }) })
      const { check, milliseconds } = parsed
      const checks = check === null ? [] : [{ check, outcome: 'failed' as const, milliseconds }]
      return { outcome: 'crashed', sha256, rulesVersion, checks }
    }
    try {
      const kept = await keep(request, digest, { copy: parsed.cleanCopy, abortSignal })
      if (kept) crashPoint('inspect-after-copy', sha256)
      return { outcome: 'inspected', sha256, kept, ...parsed.inspection }
    } catch (error) {
      log.error('copy could not be kept', { error })
      return { outcome: 'not_kept' }
    }
  }

  return async (event: unknown): Promise<InspectResponse> => {
    const request = inspectRequestSchema.parse(event)
    // It loads its code while the document comes.
    const parser = startParser()
    try {
      const response = await inspect(request, parser)
      const outcome = response.outcome === 'inspected' ? response.verdict : response.outcome
      count('documents_inspected', 1, { outcome })
      return response
    } finally {
      await parser.kill()
    }
  }
}
