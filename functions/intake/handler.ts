// POST /verify: parses the request, calls the use case, maps its result.
import middy from '@middy/core'
import type { APIGatewayProxyResult } from 'aws-lambda'
import * as z from 'zod'
import { reachesUser, readCaller, requireScope } from '../../shared/access.ts'
import { describeGot, RequestError } from '../../shared/errors.ts'
import { answer, type HttpRequest, httpEdge } from '../../shared/http.ts'
import type { Log } from '../../shared/log.ts'
import {
  addressTypeSchema,
  addressTypes,
  isAddressTypeOf,
  networkSchema,
  userIdSchema,
  type VerificationStatus,
} from '../../shared/model.ts'
import type { Accepted } from './answers.ts'
import { type DocumentRequest, type ReceiveDocumentPorts, receiveDocument } from './receive-document.ts'

export type IntakeDependencies = ReceiveDocumentPorts & {
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
  .transform(({ address_type: given, ...body }, context) => {
    const addressType = given ?? addressTypes[body.network][0]
    if (isAddressTypeOf(body.network, addressType)) return { ...body, addressType }
    const expected = addressTypes[body.network].join(', ')
    context.addIssue({
      code: 'custom',
      path: ['address_type'],
      message: `expected an address type of ${body.network}: ${expected}; got ${describeGot(addressType)}`,
    })
    return z.NEVER
  })
  .meta({ id: 'VerificationRequest' })

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

function parseRequest(event: HttpRequest, maxDocumentBytes: number): DocumentRequest {
  const parsed = bodySchema.safeParse(parseBody(event))
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
    const detail = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ')
    throw new RequestError(422, 'invalid_field', detail, issues)
  }
  const { user_id: userId, network, addressType, document: text } = parsed.data
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

const messages: Record<VerificationStatus, string> = {
  pending: 'Verification in progress',
  processing: 'Verification in progress',
  verified: 'Already verified',
  rejected: 'This document was rejected',
  expired: 'This document was lost',
}

export function createHandler(dependencies: IntakeDependencies) {
  const { log, now, newId, maxDocumentBytes } = dependencies
  return middy<HttpRequest, APIGatewayProxyResult>()
    .use(httpEdge({ log, now: () => now().getTime(), newId }))
    .handler(async (event) => {
      const caller = readCaller(event, now())
      requireScope(caller, 'verify:write')
      const request = parseRequest(event, maxDocumentBytes)
      if (!reachesUser(caller, 'verify:write', request.userId)) {
        throw new RequestError(403, 'forbidden_user', 'expected the user_id that the token was issued for; got another')
      }
      const verification = await receiveDocument(dependencies, request)
      log.info('document taken', {
        request_id: event.requestId,
        verification_id: verification.id,
        status: verification.status,
        attempt: verification.attempt,
      })
      const body: Accepted = {
        message: messages[verification.status],
        verification_id: verification.id,
        status: verification.status,
      }
      return answer(202, body, { location: `/verify/${verification.id}` })
    })
}
