// The bodies of the POST routes: what they must be, as the OpenAPI document has them, and how they are read.
import * as z from 'zod'
import { describeGot, RequestError } from '../../shared/errors.ts'
import { type HttpRequest, readPathParameter } from '../../shared/http.ts'
import {
  addressTypeSchema,
  addressTypes,
  isAddressTypeOf,
  type Network,
  networkSchema,
  userIdSchema,
} from '../../shared/model.ts'
import type { WalletRequest } from './ask-for-wallet.ts'
import type { DocumentRequest } from './receive-document.ts'
import type { UploadRequest } from './request-upload.ts'

/** Upper bounds of a document, in bytes: of one inside a request, and of one that goes to S3 by itself. */
export type DocumentLimits = { readonly maxDocumentBytes: number; readonly maxUploadBytes: number }

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

/** What a document may be sent as. Not believed: inspect tells the type by the content. */
const contentTypes = ['image/jpeg', 'image/png', 'application/pdf'] as const

/** The body of `POST /verify/uploads`; other fields are ignored. */
export const uploadBodySchema = z
  .object({
    user_id: userIdSchema,
    network: networkSchema,
    content_type: z
      .enum(contentTypes, {
        error: ({ input }) => `expected one of ${contentTypes.join(', ')}; got ${describeGot(String(input))}`,
      })
      .meta({ description: 'The `Content-Type` of the upload' }),
    size: z.int('expected the number of bytes of the document').min(1, 'expected at least 1 byte').meta({
      description: 'Bytes of the document: exactly so many are taken, at most 10 MiB, or less where the stage says so',
    }),
    address_type: addressTypeSchema.optional(),
  })
  .transform(settleAddressType)
  .meta({ id: 'UploadRequest' })

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

function refuseTooLarge(size: number, limit: number, advice = ''): RequestError {
  return new RequestError(
    413,
    'document_too_large',
    `expected a document of at most ${limit} bytes; got ${size}${advice}`,
  )
}

/** @throws {RequestError} 400, 413, 422 */
export function parseDocumentRequest(event: HttpRequest, limits: DocumentLimits): DocumentRequest {
  const { user_id: userId, network, addressType, document: text } = parseFields(bodySchema, parseBody(event))
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const size = (text.length / 4) * 3 - padding
  if (size > limits.maxDocumentBytes) {
    const advice = '; POST /verify/uploads tells where to upload a larger one'
    throw refuseTooLarge(size, limits.maxDocumentBytes, size <= limits.maxUploadBytes ? advice : '')
  }
  return { userId, network, addressType, document: Buffer.from(text, 'base64'), requestId: event.requestId }
}

/** @throws {RequestError} 400, 413, 422 */
export function parseUploadRequest(event: HttpRequest, limits: DocumentLimits): UploadRequest {
  const body = parseFields(uploadBodySchema, parseBody(event))
  const { user_id: userId, network, addressType, content_type: contentType, size } = body
  if (size > limits.maxUploadBytes) throw refuseTooLarge(size, limits.maxUploadBytes)
  return { userId, network, addressType, contentType, size, requestId: event.requestId }
}

/** @throws {RequestError} 400, 422 */
export function parseWalletRequest(event: HttpRequest): WalletRequest {
  const userId = readPathParameter(event, 'user_id')
  const schema = z.object({ user_id: userIdSchema })
  const { user_id } = parseFields(schema, { user_id: userId })
  return { userId: user_id, ...parseFields(walletBodySchema, parseBody(event)), requestId: event.requestId }
}
