// The POST routes: who may, how often, parses the request, calls the use case, maps its result.
import { createHash } from 'node:crypto'
import middy from '@middy/core'
import type { APIGatewayProxyResult } from 'aws-lambda'
import * as z from 'zod'
import { type Caller, reachesUser, readCaller, requireScope } from '../../shared/access.ts'
import { describeGot, RequestError } from '../../shared/errors.ts'
import { answer, type HttpRequest, httpEdge, readPathParameter } from '../../shared/http.ts'
import type { Log } from '../../shared/log.ts'
import {
  addressTypeSchema,
  addressTypes,
  isAddressTypeOf,
  type Network,
  networkSchema,
  userIdSchema,
  type Verification,
  type VerificationStatus,
} from '../../shared/model.ts'
import type { Accepted } from './answers.ts'
import { type AskForWalletPorts, askForWallet, type WalletRequest } from './ask-for-wallet.ts'
import { answerOnce, type IdempotencyPorts } from './idempotency.ts'
import { limitPost, type RateLimitPorts } from './rate-limit.ts'
import { type DocumentRequest, type ReceiveDocumentPorts, receiveDocument } from './receive-document.ts'

export type IntakeDependencies = ReceiveDocumentPorts &
  AskForWalletPorts &
  RateLimitPorts &
  IdempotencyPorts & {
    readonly log: Log
    /** Upper bound of a decoded document, in bytes. */
    readonly maxDocumentBytes: number
  }

// RFC 4648 section 4, padded.
const base64 = /^[A-Za-z0-9+/]*={0,2}$/

function describeFault(text: string): string {
  if (!/^[A-Za-z0-9+/=]*$/.test(text)) return 'a character that base64 does not have'
  return base64.test(text) ? `${text.length} characters, which is no multiple of 4` : 'padding that is not at the end'
}

/** The body of `POST /verify`; other fields are ignored. */
export const bodySchema = z
  .object({
    user_id: userIdSchema,
    network: networkSchema,
    document: z
      .string()
      .min(1, 'expected the base64 of a document; got an empty string')
      .refine((text) => text.length % 4 === 0 && base64.test(text), {
        error: ({ input }) => `expected padded base64 (RFC 4648, section 4); got ${describeFault(String(input))}`,
      })
      .meta({
        description: 'A JPG, PNG or PDF in base64, at most 4 MiB decoded, or less where the stage says so',
        contentEncoding: 'base64',
        pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
      }),
    address_type: addressTypeSchema.optional(),
  })
  .transform(settleAddressType)
  .meta({ id: 'VerificationRequest' })

/** The body of `POST /wallet/{user_id}`; other fields are ignored. */
export const walletBodySchema = z
  .object({ network: networkSchema, address_type: addressTypeSchema.optional() })
  .transform(settleAddressType)
  .meta({ id: 'WalletRequest' })

/** The body with the address type that was asked for, the network's default when none was. */
function settleAddressType<Body extends { network: Network; address_type?: string | undefined }>(
  { address_type: given, ...body }: Body,
  context: z.core.$RefinementCtx,
) {
  const addressType = given ?? addressTypes[body.network][0]
  if (isAddressTypeOf(body.network, addressType)) return { ...body, addressType }
  const expected = addressTypes[body.network].join(', ')
  context.addIssue({
    code: 'custom',
    path: ['address_type'],
    message: `expected an address type of ${body.network}: ${expected}; got ${describeGot(addressType)}`,
  })
  return z.NEVER
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseBody(event: HttpRequest): unknown {
  if (!event.body) throw new RequestError(400, 'malformed_body', 'expected a JSON object as the body; got nothing')
  let body: unknown
  try {
    body = JSON.parse(event.isBase64Encoded ? utf8.decode(Buffer.from(event.body, 'base64')) : event.body)
  } catch {
    throw new RequestError(400, 'malformed_body', 'expected a JSON object as the body; got no JSON in UTF-8')
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body
  throw new RequestError(400, 'malformed_body', 'expected a JSON object as the body; got another JSON value')
}

/** @throws {RequestError} 422 with every field that is missing or wrong */
function parseFields<Schema extends z.ZodType>(schema: Schema, fields: unknown): z.output<Schema> {
  const parsed = schema.safeParse(fields)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
  const detail = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ')
  throw new RequestError(422, 'invalid_field', detail, issues)
}

function parseDocumentRequest(event: HttpRequest, maxDocumentBytes: number): DocumentRequest {
  const { user_id: userId, network, addressType, document: text } = parseFields(bodySchema, parseBody(event))
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const size = (text.length / 4) * 3 - padding
  if (size > maxDocumentBytes) {
    throw new RequestError(
      413,
      'document_too_large',
      `expected a document of at most ${maxDocumentBytes} bytes; got ${size}`,
    )
  }
  return { userId, network, addressType, document: Buffer.from(text, 'base64'), requestId: event.requestId }
}

function parseWalletRequest(event: HttpRequest): WalletRequest {
  const userId = readPathParameter(event, 'user_id')
  const schema = z.object({ user_id: userIdSchema })
  const { user_id } = parseFields(schema, { user_id: userId })
  return { userId: user_id, ...parseFields(walletBodySchema, parseBody(event)), requestId: event.requestId }
}

/** @throws {RequestError} 403 when the caller may not do this for that user */
function requireUser(caller: Caller, userId: string): void {
  if (reachesUser(caller, 'verify:write', userId)) return
  throw new RequestError(403, 'forbidden_user', 'expected the user_id that the token was issued for; got another')
}

/** SHA-256 of what a request asks for, however it was written. JSON ends where the document begins. */
function digestRequest(request: { userId: string; network: string; addressType: string }, document?: Uint8Array) {
  const hash = createHash('sha256').update(JSON.stringify([request.userId, request.network, request.addressType]))
  return (document ? hash.update(document) : hash).digest()
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
  const request = parseDocumentRequest(event, dependencies.maxDocumentBytes)
  requireUser(caller, request.userId)
  const fingerprint = () => digestRequest(request, request.document)
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
        case '/wallet/{user_id}':
          return await postWallet(dependencies, event, caller)
        default:
          throw new RequestError(404, 'route_not_found', `expected a known route; got ${event.resource}`)
      }
    })
}
