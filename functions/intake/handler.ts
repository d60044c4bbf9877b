// The POST routes: who may, how often, parses the request, calls the use case, maps its result.
import { createHash } from 'node:crypto'
import middy from '@middy/core'
import type { APIGatewayProxyResult } from 'aws-lambda'
import { type Caller, reachesUser, readCaller, requireScope } from '../../shared/access.ts'
import { RequestError } from '../../shared/errors.ts'
import { answer, type HttpRequest, httpEdge } from '../../shared/http.ts'
import type { Log } from '../../shared/log.ts'
import type { Verification, VerificationStatus } from '../../shared/model.ts'
import type { Accepted, UploadAccepted } from './answers.ts'
import { type AskForWalletPorts, askForWallet } from './ask-for-wallet.ts'
import { answerOnce, type IdempotencyPorts } from './idempotency.ts'
import { limitPost, type RateLimitPorts } from './rate-limit.ts'
import { type ReceiveDocumentPorts, receiveDocument } from './receive-document.ts'
import { offerUpload, type RequestUploadPorts, requestUpload } from './request-upload.ts'
import { type DocumentLimits, parseDocumentRequest, parseUploadRequest, parseWalletRequest } from './requests.ts'

export type IntakeDependencies = ReceiveDocumentPorts &
  RequestUploadPorts &
  AskForWalletPorts &
  RateLimitPorts &
  IdempotencyPorts &
  DocumentLimits & { readonly log: Log }

/** @throws {RequestError} 403 when the caller may not do this for that user */
function requireUser(caller: Caller, userId: string): void {
  if (reachesUser(caller, 'verify:write', userId)) return
  throw new RequestError(403, 'forbidden_user', 'expected the user_id that the token was issued for; got another')
}

/** SHA-256 of what a request asks for, however it was written. JSON ends where the document begins. */
function digestRequest(
  request: { userId: string; network: string; addressType: string },
  more: { readonly terms?: readonly (string | number)[]; readonly document?: Uint8Array } = {},
) {
  const { userId, network, addressType } = request
  const hash = createHash('sha256').update(JSON.stringify([userId, network, addressType, ...(more.terms ?? [])]))
  return (more.document ? hash.update(more.document) : hash).digest()
}

const messages: Record<VerificationStatus, string> = {
  pending: 'Verification in progress',
  processing: 'Verification in progress',
  verified: 'Already verified',
  rejected: 'This document was rejected',
  expired: 'This document was lost',
}

function accept(verification: Verification, message = messages[verification.status]) {
  const body: Accepted = { message, verification_id: verification.id, status: verification.status }
  return answer(202, body, { location: `/verify/${verification.id}` })
}

async function postDocument(dependencies: IntakeDependencies, event: HttpRequest, caller: Caller) {
  const request = parseDocumentRequest(event, dependencies)
  requireUser(caller, request.userId)
  const fingerprint = () => digestRequest(request, { document: request.document })
  return await answerOnce(dependencies, { event, caller, fingerprint }, async () => {
    const verification = await receiveDocument(dependencies, request)
    dependencies.log.info('document taken', {
      request_id: event.requestId,
      verification_id: verification.id,
      status: verification.status,
      attempt: verification.attempt,
    })
    return accept(verification)
  })
}

async function postUpload(dependencies: IntakeDependencies, event: HttpRequest, caller: Caller) {
  const request = parseUploadRequest(event, dependencies)
  requireUser(caller, request.userId)
  const fingerprint = () => digestRequest(request, { terms: [request.contentType, request.size] })
  const taken = await answerOnce(dependencies, { event, caller, fingerprint }, async () => {
    const verification = await requestUpload(dependencies, request)
    dependencies.log.info('upload expected', {
      request_id: event.requestId,
      verification_id: verification.id,
      status: verification.status,
    })
    return accept(verification, verification.status === 'pending' ? 'Waiting for the document' : undefined)
  })
  return await addForm(dependencies, taken)
}

/** The answer with a form of its own each time: what is kept under an Idempotency-Key is without it. */
async function addForm(dependencies: IntakeDependencies, taken: APIGatewayProxyResult) {
  if (taken.statusCode !== 202) return taken
  const accepted: Accepted = JSON.parse(taken.body)
  const offer = await offerUpload(dependencies, accepted.verification_id)
  if (!offer) return taken
  const { url, fields, expiresAt } = offer
  const body: UploadAccepted = {
    ...accepted,
    upload: { url, fields: { ...fields }, expires_at: expiresAt.toISOString() },
  }
  return { ...taken, body: JSON.stringify(body) }
}

async function postWallet(dependencies: IntakeDependencies, event: HttpRequest, caller: Caller) {
  const request = parseWalletRequest(event)
  requireUser(caller, request.userId)
  return await answerOnce(dependencies, { event, caller, fingerprint: () => digestRequest(request) }, async () => {
    const verification = await askForWallet(dependencies, request)
    dependencies.log.info('further wallet asked for', {
      request_id: event.requestId,
      verification_id: verification.id,
      status: verification.status,
    })
    return accept(verification, verification.announcedAt ? messages.verified : 'Wallet in progress')
  })
}

export function createHandler(dependencies: IntakeDependencies) {
  const { log, now, newId } = dependencies
  return middy<HttpRequest, APIGatewayProxyResult>()
    .use(httpEdge({ log, now: () => now().getTime(), newId }))
    .handler(async (event) => {
      const caller = readCaller(event, now())
      requireScope(caller, 'verify:write')
      await limitPost(dependencies, event, caller)
      switch (event.resource) {
        case '/verify':
          return await postDocument(dependencies, event, caller)
        case '/verify/uploads':
          return await postUpload(dependencies, event, caller)
        case '/wallet/{user_id}':
          return await postWallet(dependencies, event, caller)
        default:
          throw new RequestError(404, 'route_not_found', `expected a known route; got ${event.resource}`)
      }
    })
}
