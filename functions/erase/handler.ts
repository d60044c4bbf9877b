// Erases documents: when a caller asks for one, and by the schedule what is due. And sets and lifts legal holds.
import middy from '@middy/core'
import type { APIGatewayProxyResult } from 'aws-lambda'
import * as z from 'zod'
import { type Caller, reachesUser, readCaller, requireAnyUser, requireScope } from '../../shared/access.ts'
import { RequestError } from '../../shared/errors.ts'
import { type HttpRequest, httpEdge, readPathParameter } from '../../shared/http.ts'
import type { Log } from '../../shared/log.ts'
import type { Metrics } from '../../shared/metrics.ts'
import { type EraseDocumentPorts, eraseDocument, requireVerdict } from './erase-document.ts'
import type { StandingDocument } from './erase-tables.ts'
import { eraseDue, type RetentionPorts } from './retention.ts'

export type EraseDependencies = Pick<Metrics<'erase'>, 'count' | 'measure'> &
  EraseDocumentPorts &
  RetentionPorts & {
    readonly log: Log
    readonly newId: () => string
    /** The document that a verification stands on; undefined when there is no such verification. */
    readonly findStandingDocument: (id: string) => Promise<StandingDocument | undefined>
    /** False when the document is going or gone. */
    readonly setLegalHold: (id: string, hold: boolean) => Promise<boolean>
    /** Since when the oldest document that should be gone should be; null: none should. */
    readonly findOldestDue: () => Promise<Date | null>
  }

/** 204: what was asked for is so now, also when it was so before. */
const done: APIGatewayProxyResult = { statusCode: 204, headers: { 'cache-control': 'no-store' }, body: '' }

const notFound = () => new RequestError(404, 'verification_not_found', 'Verification not found')

async function findDocument(dependencies: EraseDependencies, event: HttpRequest): Promise<StandingDocument> {
  const id = readPathParameter(event, 'verification_id').toLowerCase()
  const document = z.uuid().safeParse(id).success ? await dependencies.findStandingDocument(id) : undefined
  if (!document) throw notFound()
  return document
}

async function erase(dependencies: EraseDependencies, event: HttpRequest, caller: Caller): Promise<void> {
  requireScope(caller, 'document:erase')
  const document = await findDocument(dependencies, event)
  if (!reachesUser(caller, 'document:erase', document.userId)) throw notFound()
  if (!(await eraseDocument(dependencies, document))) return
  dependencies.count('documents_erased', 1, { because: 'request' })
  dependencies.log.info('document erased', { request_id: event.requestId, verification_id: document.id })
}

/** For services only: whoever the document is of must not be able to lift a hold. */
async function hold(
  dependencies: EraseDependencies,
  event: HttpRequest,
  { caller, isHeld }: { readonly caller: Caller; readonly isHeld: boolean },
): Promise<void> {
  requireAnyUser(caller, 'document:hold')
  const document = await findDocument(dependencies, event)
  requireVerdict(document)
  if (!document.kept) {
    throw new RequestError(409, 'document_not_kept', 'expected a verification of which a document is kept; none is')
  }
  if (!(await dependencies.setLegalHold(document.id, isHeld))) {
    throw new RequestError(409, 'document_erased', 'expected a document that is kept; this one was erased')
  }
  const message = isHeld ? 'legal hold set' : 'legal hold lifted'
  dependencies.log.info(message, { request_id: event.requestId, verification_id: document.id })
}

/** The API's requests. */
export function createHandler(dependencies: EraseDependencies) {
  const { log, now, newId } = dependencies
  return middy<HttpRequest, APIGatewayProxyResult>()
    .use(httpEdge({ log, now: () => now().getTime(), newId }))
    .handler(async (event) => {
      const caller = readCaller(event, now())
      switch (`${event.httpMethod} ${event.resource}`) {
        case 'DELETE /verify/{verification_id}/document':
          await erase(dependencies, event, caller)
          return done
        case 'PUT /verify/{verification_id}/legal-hold':
          await hold(dependencies, event, { caller, isHeld: true })
          return done
        case 'DELETE /verify/{verification_id}/legal-hold':
          await hold(dependencies, event, { caller, isHeld: false })
          return done
        default:
          throw new RequestError(404, 'route_not_found', `expected a known route; got ${event.resource}`)
      }
    })
}

/** The schedule's call. Also of a sweep that failed it is measured what is left. */
export function createSweep(dependencies: EraseDependencies) {
  const { log, now, count, measure } = dependencies
  return async (): Promise<void> => {
    let erased = 0
    try {
      await eraseDue(dependencies, (more) => {
        erased += more
      })
      count('retention_sweeps', 1)
    } catch (error) {
      log.error('not all was erased: the next sweep tries again', { error })
      throw error
    } finally {
      count('documents_erased', erased, { because: 'retention' })
      if (erased > 0) log.info('documents erased', { count: erased })
      const due = await dependencies.findOldestDue().catch(() => undefined)
      if (due !== undefined) measure('erasure_overdue_seconds', due ? (now().getTime() - due.getTime()) / 1000 : 0)
    }
  }
}
