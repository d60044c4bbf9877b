// The contract of the API as an OpenAPI document, made of the schemas that validate. What a schema cannot say stands here:
// which route answers what, and when. Nothing is written or served here.
import * as z from 'zod'
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi'
import { acceptedSchema, uploadAcceptedSchema } from '../functions/intake/answers.ts'
import { bodySchema, uploadBodySchema, walletBodySchema } from '../functions/intake/requests.ts'
import {
  addressSchema,
  healthChecksSchema,
  healthSchema,
  verificationSchema,
  walletSchema,
  walletsSchema,
} from '../functions/read/answers.ts'
import manifest from '../package.json' with { type: 'json' }
import { authorizationSeconds, type Scope } from '../shared/access.ts'
import { titles } from '../shared/http.ts'
import { addressTypeSchema, networkSchema, userIdSchema } from '../shared/model.ts'
import { type Problem, problemSchema } from '../shared/problem.ts'
import { printOpenApiTypes } from './openapi-types.ts'

// ---- headers

/** A header as a component; whether each answer has it is said by `optional`. */
const header = (id: string, schema: z.ZodType, description: string, example: string) =>
  schema.meta({ description, examples: [example], header: { id } })

const requestId = header(
  'RequestId',
  z.string(),
  'Taken from the request, or made',
  'e2b1c0de-6f5c-4f0a-9d0c-2f6a1f6f7a10',
)
const processTime = header(
  'ProcessTime',
  z
    .string()
    .regex(/^\d+\.\d{6}$/)
    .optional(),
  'Seconds that the function took; absent where the gateway answers by itself',
  '0.012000',
)
const retryAfter = header('RetryAfter', z.string().regex(/^[1-9]\d*$/), 'Seconds until the same may be sent again', '5')
const location = header(
  'Location',
  z.string(),
  'The path of the verification',
  '/verify/7d0f5b1e-3c0a-4d3e-9b53-0f4f6f0f2b11',
)
const etag = header('ETag', z.string(), 'Another one when the content is another', '"2jmj7l5rSw0yVb_vlWAYkK_YBwk"')
const cacheControl = header(
  'CacheControl',
  z.string(),
  'Keep it, and ask each time whether it is still the same',
  'public, no-cache',
)
const privateCacheControl = header(
  'PrivateCacheControl',
  z.enum([`private, max-age=${authorizationSeconds}`, 'private, no-cache']),
  `Yours to keep: what never changes for ${authorizationSeconds} seconds; else ask each time whether it is still the same`,
  `private, max-age=${authorizationSeconds}`,
)
const vary = header('Vary', z.string(), 'Keep it for this token alone', 'Authorization')
const noStore = header('NoStore', z.enum(['no-store']).optional(), 'Do not keep it', 'no-store')
const rateLimit = header('RateLimit', z.string().optional(), "What is left of the caller's budget", '"post";r=9;t=1')
const rateLimitPolicy = header(
  'RateLimitPolicy',
  z.string().optional(),
  'The budget of a caller, and its window in seconds',
  '"post";q=10;w=10',
)

const asksForToken = header('AsksForToken', z.string().optional(), 'What is expected (RFC 6750, 3)', 'Bearer')

const answerHeaders = { 'X-Request-ID': requestId, 'X-Process-Time': processTime }
const rateHeaders = { RateLimit: rateLimit, 'RateLimit-Policy': rateLimitPolicy }
const cacheHeaders = { ETag: etag, 'Cache-Control': cacheControl }
const privateCacheHeaders = { ETag: etag, 'Cache-Control': privateCacheControl, Vary: vary }

// ---- answers

/** A status, the codes that come with it, and when each comes. */
type Problems = Readonly<Record<number, Readonly<Record<string, string>>>>

const waits = new Set([409, 429, 503])
/** Codes of such a status that waiting does not help: somebody has to do something else first. */
const inVain = ['legal_hold', 'document_not_kept', 'document_erased']
const waitsAlways = (codes: Readonly<Record<string, string>>) =>
  !Object.keys(codes).some((code) => inVain.includes(code))

/** What the first of the codes looks like. */
function toExample(status: number, codes: Readonly<Record<string, string>>): Problem {
  const [[code, when]] = Object.entries(codes) as [[string, string]]
  return {
    ...{ type: `urn:verified-wallets:problem:${code}`, title: titles[status] ?? '', status, detail: when, code },
    request_id: 'e2b1c0de-6f5c-4f0a-9d0c-2f6a1f6f7a10',
  }
}

/** An answer of problem details. Some are the gateway's own, which took no time of a function. */
function describeProblem(status: number, codes: Readonly<Record<string, string>>): ZodOpenApiResponseObject {
  return {
    description: Object.entries(codes)
      .map(([code, when]) => `\`${code}\`: ${when}`)
      .join('\n\n'),
    headers: z.object({
      ...answerHeaders,
      'Cache-Control': noStore,
      ...(waits.has(status) ? { 'Retry-After': waitsAlways(codes) ? retryAfter : retryAfter.optional() } : {}),
      ...(status === 401 ? { 'WWW-Authenticate': asksForToken } : {}),
      ...(status === 429 ? rateHeaders : {}),
    }),
    content: { 'application/problem+json': { schema: problemSchema, example: toExample(status, codes) } },
    'x-codes': Object.keys(codes),
  }
}

const describeProblems = (problems: Problems) =>
  Object.fromEntries(
    Object.entries(problems).map(([status, codes]) => [status, describeProblem(Number(status), codes)] as const),
  )

const badRequest = 'not a well-formed HTTP request'
const badPath = 'a path segment is not percent-encoded UTF-8'
const badBody = 'the body is not a JSON object'
const badKey = 'the `Idempotency-Key` is none, or came twice'
const badField = 'a field is missing or wrong; `issues` lists all'
const otherUser = "the user is another than the token's, and it is no service token"

/** Of every route. */
const anywhere: Problems = {
  403: { blocked: 'the firewall took the request for an attack, or its address sends too many' },
  429: { too_many_requests: 'too many requests at once' },
  500: { internal: 'our fault' },
  503: { unavailable: 'a part that the answer needs is away' },
}

/** Of every route that wants a token. */
const behindTheDoor: Problems = {
  ...anywhere,
  401: { unauthorized: 'no token, or one that is not valid' },
  403: {
    ...anywhere[403],
    missing_scope: 'the token has not the scope that this route asks for',
    forbidden: 'the token is good for another stage',
  },
}

const postLimits: Problems = {
  ...behindTheDoor,
  409: { request_in_flight: 'a request with this `Idempotency-Key` has not been answered yet' },
  429: {
    too_many_requests: 'too many requests at once',
    rate_limited: "this caller's budget is used up",
  },
}

const noVerdict = 'there is no verdict yet: ask again in a moment'
const holdProblems: Problems = {
  ...behindTheDoor,
  400: { malformed_path: badPath, bad_request: badRequest },
  404: { verification_not_found: 'there is none' },
  409: {
    verification_in_progress: noVerdict,
    document_not_kept: 'no document of it is kept',
    document_erased: 'its document was erased',
  },
}

/** Of the routes that begin an attempt. */
const attemptLimits: Problems = {
  409: {
    ...postLimits[409],
    verification_in_progress: 'another document of the user for this network is not decided yet: `Location`',
  },
  429: {
    ...postLimits[429],
    too_many_attempts: 'the user has sent as many documents for this network within 24 hours as may be',
  },
}

const platformMessage = z
  .object({ message: z.string() })
  .meta({ id: 'PlatformMessage', description: 'What the platform itself says, above 6 MB' })

function describeTooLarge(codes: Readonly<Record<string, string>>): ZodOpenApiResponseObject {
  const problem = describeProblem(413, { ...codes, too_large: 'the body is larger than the platform takes' })
  return {
    ...problem,
    headers: z.object({ ...answerHeaders, 'X-Request-ID': requestId.optional() }),
    content: { ...problem.content, 'application/json': { schema: platformMessage } },
  }
}

/** A good answer in JSON. */
const ok = (
  description: string,
  schema: z.ZodType,
  headers: Readonly<Record<string, z.ZodType>> = {},
): ZodOpenApiResponseObject => ({
  description,
  headers: z.object({ ...answerHeaders, ...headers }),
  content: { 'application/json': { schema } },
})

/** A good answer without a body. */
const nothing = (description: string): ZodOpenApiResponseObject => ({
  description,
  headers: z.object({ ...answerHeaders, 'Cache-Control': noStore }),
})

// ---- requests

const pathOf = {
  verification: z.object({
    verification_id: z
      .string()
      .meta({ description: 'A UUID that `POST` answered with', examples: ['7d0f5b1e-3c0a-4d3e-9b53-0f4f6f0f2b11'] }),
  }),
  user: z.object({ user_id: userIdSchema }),
  address: z.object({
    address: z
      .string()
      .min(1)
      .max(128)
      .meta({ examples: ['0x9858EfFD232B4033E47d90003D41EC34EcaEda94'] }),
  }),
}

const requestIdHeader = z
  .string()
  .optional()
  .meta({
    description: 'Up to 128 of `A-Z a-z 0-9 _ . : / + = @ -`; it comes back, and goes along into logs, row and events',
    param: { id: 'RequestId' },
  })

const idempotencyKey = z
  .string()
  .regex(/^[!-~]{1,255}$/)
  .optional()
  .meta({
    description:
      '1 to 255 characters of visible ASCII, in quotes or without. The same key with the same request within 24 hours: the same ' +
      'answer, and nothing is done twice. Of this caller and route alone',
    param: { id: 'IdempotencyKey' },
  })

const postHeaders = z.object({ 'X-Request-ID': requestIdHeader, 'Idempotency-Key': idempotencyKey })
const getHeaders = z.object({ 'X-Request-ID': requestIdHeader })
const ifNoneMatch = z.string().optional().meta({ description: 'The `ETag` of what you have' })
const cachedGetHeaders = z.object({ 'X-Request-ID': requestIdHeader, 'If-None-Match': ifNoneMatch })

/** A PNG of one white point: it passes. */
const samplePng =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAADElEQVQImWP4//8/AAX+Av5Y8msOAAAAAElFTkSuQmCC'

const withScope = (scope: Scope | `${Scope}:any`): Pick<ZodOpenApiOperationObject, 'security'> => ({
  security: [{ token: [scope] }],
})

const isPublic: Pick<ZodOpenApiOperationObject, 'security'> = { security: [] }

const cached = {
  requestParams: {
    header: z.object({ 'If-None-Match': ifNoneMatch }),
  },
}
const notModified = (headers: Readonly<Record<string, z.ZodType>>): ZodOpenApiResponseObject => ({
  description: 'You have it',
  headers: z.object({ ...answerHeaders, ...headers }),
})

const toVerification = {
  links: {
    verification: {
      operationId: 'getVerification',
      parameters: { verification_id: '$response.body#/verification_id' },
    },
  },
}

// ---- the document

/** The OpenAPI document, 3.1. The same sources give the same document. */
export function makeOpenApiDocument() {
  return createDocument(
    {
      openapi: '3.1.0',
      info: {
        title: 'Verified wallets',
        version: manifest.version,
        description:
          'Turns a verified person into Ethereum, Bitcoin and Tron deposit addresses. Send a document, wait until its ' +
          'verification is `verified`, read the wallet a moment later. Fields may be added to answers: ignore those that ' +
          'you do not know.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      // Relative to this document, which may stand below a stage's name.
      servers: [{ url: '.' }],
      tags: [
        { name: 'Verifications', description: 'Documents in' },
        { name: 'Wallets', description: 'Addresses out' },
        { name: 'Operations', description: 'Whether it works' },
        { name: 'Contract', description: 'This document' },
      ],
      paths: {
        '/verify': {
          post: {
            operationId: 'createVerification',
            summary: 'Send a document',
            description: 'The same upload twice is one verification, one event and one wallet.',
            tags: ['Verifications'],
            ...withScope('verify:write'),
            requestParams: { header: postHeaders },
            requestBody: {
              required: true,
              content: {
                'application/json': {
                  schema: bodySchema,
                  example: { user_id: 'alice', network: 'ethereum', document: samplePng },
                },
              },
            },
            responses: {
              202: {
                ...ok('Taken; the verification may be an earlier one', acceptedSchema, {
                  Location: location,
                  ...rateHeaders,
                }),
                ...toVerification,
              },
              ...describeProblems({
                ...postLimits,
                ...attemptLimits,
                400: { malformed_body: badBody, invalid_idempotency_key: badKey, bad_request: badRequest },
                403: { ...behindTheDoor[403], forbidden_user: otherUser },
                415: { unsupported_document_type: 'neither JPG, PNG nor PDF by its first bytes' },
                422: {
                  invalid_field: badField,
                  idempotency_key_reused: 'another request had this `Idempotency-Key` within 24 hours',
                },
              }),
              413: describeTooLarge({
                document_too_large: 'the document is above the limit; a larger one goes by `POST /verify/uploads`',
              }),
            },
          },
        },
        '/verify/uploads': {
          post: {
            operationId: 'createUpload',
            summary: 'Ask where to upload a document',
            description:
              'For documents of up to 10 MiB. The answer has a form that S3 takes once the document is in it: with that type, of exactly ' +
              'that size, begun within 5 minutes. What comes is then treated like any other document. The same request again, while ' +
              'none has come, is the same verification with a new form. An upload that never comes leaves it `expired`.',
            tags: ['Verifications'],
            ...withScope('verify:write'),
            requestParams: { header: postHeaders },
            requestBody: {
              required: true,
              content: {
                'application/json': {
                  schema: uploadBodySchema,
                  example: { user_id: 'alice', network: 'ethereum', content_type: 'application/pdf', size: 7_340_032 },
                },
              },
            },
            responses: {
              202: {
                ...ok('Taken; the verification may be an earlier one', uploadAcceptedSchema, {
                  Location: location,
                  ...rateHeaders,
                }),
                ...toVerification,
              },
              ...describeProblems({
                ...postLimits,
                ...attemptLimits,
                400: { malformed_body: badBody, invalid_idempotency_key: badKey, bad_request: badRequest },
                403: { ...behindTheDoor[403], forbidden_user: otherUser },
                422: {
                  invalid_field: badField,
                  idempotency_key_reused: 'another request had this `Idempotency-Key` within 24 hours',
                },
              }),
              413: describeTooLarge({ document_too_large: 'the document would be above the limit' }),
            },
          },
        },
        '/verify/{verification_id}': {
          get: {
            operationId: 'getVerification',
            summary: 'Read a verification',
            tags: ['Verifications'],
            ...withScope('verify:read'),
            requestParams: { path: pathOf.verification, header: cachedGetHeaders },
            responses: {
              200: ok('What is known of it', verificationSchema, privateCacheHeaders),
              304: notModified(privateCacheHeaders),
              ...describeProblems({
                ...behindTheDoor,
                400: { malformed_path: badPath, bad_request: badRequest },
                404: { verification_not_found: 'there is none, or it is of a user whom the token does not reach' },
              }),
            },
          },
        },
        '/verify/{verification_id}/document': {
          delete: {
            operationId: 'eraseDocument',
            summary: 'Erase the document',
            description:
              'Destroys the key of what is kept, then the copy: nobody can bring it back. Hash, verdict and wallet stay. Of a ' +
              'verification that stands on the document of another, that document. Once more: 204 again.',
            tags: ['Verifications'],
            ...withScope('document:erase'),
            requestParams: { path: pathOf.verification, header: getHeaders },
            responses: {
              204: nothing('It is gone, or there was none'),
              ...describeProblems({
                ...behindTheDoor,
                400: { malformed_path: badPath, bad_request: badRequest },
                404: { verification_not_found: 'there is none, or it is of a user whom the token does not reach' },
                409: { verification_in_progress: noVerdict, legal_hold: 'a legal hold keeps it' },
              }),
            },
          },
        },
        '/verify/{verification_id}/legal-hold': {
          put: {
            operationId: 'setLegalHold',
            summary: 'Keep the document',
            description: 'For services. Until it is lifted nothing erases the document, its time neither.',
            tags: ['Verifications'],
            ...withScope('document:hold:any'),
            requestParams: { path: pathOf.verification, header: getHeaders },
            responses: { 204: nothing('It is held'), ...describeProblems(holdProblems) },
          },
          delete: {
            operationId: 'liftLegalHold',
            summary: 'Keep the document no longer',
            description: 'For services. When its time is over by then, it is erased within an hour.',
            tags: ['Verifications'],
            ...withScope('document:hold:any'),
            requestParams: { path: pathOf.verification, header: getHeaders },
            responses: { 204: nothing('It is not held'), ...describeProblems(holdProblems) },
          },
        },
        '/wallet/{user_id}': {
          get: {
            operationId: 'getWallets',
            summary: 'Read wallets',
            description: "All of a user's wallets; with a network, the one of its address type.",
            tags: ['Wallets'],
            ...withScope('wallet:read'),
            requestParams: {
              path: pathOf.user,
              query: z.object({
                network: networkSchema
                  .optional()
                  .meta({ enum: networkSchema.meta()?.enum, description: 'Its name, in any case' }),
                address_type: addressTypeSchema.optional().meta({
                  enum: addressTypeSchema.meta()?.enum,
                  description: "Of the network; absent: the network's first. Not without a network",
                }),
              }),
              header: cachedGetHeaders,
            },
            responses: {
              200: ok(
                'With a network one wallet, without one all',
                z.union([walletsSchema, walletSchema]),
                privateCacheHeaders,
              ),
              304: notModified(privateCacheHeaders),
              ...describeProblems({
                ...behindTheDoor,
                400: {
                  unknown_network: 'in the query',
                  unknown_address_type: 'in the query: not of that network',
                  invalid_query: 'an address type without a network',
                  malformed_path: badPath,
                  bad_request: badRequest,
                },
                404: { wallet_not_found: 'there is none, or it is of a user whom the token does not reach' },
                422: { invalid_field: 'the user id is not one; `issues` says why' },
              }),
            },
          },
          post: {
            operationId: 'createWallet',
            summary: 'Ask for a further wallet',
            description: 'For a user who is verified on some network: no document is needed again.',
            tags: ['Wallets'],
            ...withScope('verify:write'),
            requestParams: { path: pathOf.user, header: postHeaders },
            requestBody: {
              required: true,
              content: {
                'application/json': {
                  schema: walletBodySchema,
                  example: { network: 'bitcoin', address_type: 'p2tr' },
                },
              },
            },
            responses: {
              202: {
                ...ok('Taken; the wallet follows', acceptedSchema, { Location: location, ...rateHeaders }),
                ...toVerification,
              },
              ...describeProblems({
                ...postLimits,
                400: {
                  malformed_body: badBody,
                  malformed_path: badPath,
                  invalid_idempotency_key: badKey,
                  bad_request: badRequest,
                },
                403: { ...behindTheDoor[403], forbidden_user: otherUser },
                404: { user_not_verified: 'the user is not verified on any network' },
                422: {
                  invalid_field: badField,
                  idempotency_key_reused: 'another request had this `Idempotency-Key` within 24 hours',
                },
              }),
              413: describeTooLarge({}),
            },
          },
        },
        '/addresses/{address}': {
          get: {
            operationId: 'getAddress',
            summary: 'Whose address it is',
            description:
              'For services. In any case that the standard of its network allows: hexadecimal digits of Ethereum in one case or ' +
              'as EIP-55 has them, bech32 in one case, Base58 as it is.',
            tags: ['Wallets'],
            ...withScope('wallet:read:any'),
            requestParams: { path: pathOf.address, header: cachedGetHeaders },
            responses: {
              200: ok('Whose it is', addressSchema, privateCacheHeaders),
              304: notModified(privateCacheHeaders),
              ...describeProblems({
                ...behindTheDoor,
                400: { malformed_path: badPath, bad_request: badRequest },
                404: { address_not_found: 'it was not issued here' },
                422: { invalid_field: 'it is no address of any of the networks; `issues` says why' },
              }),
            },
          },
        },
        '/health': {
          get: {
            operationId: 'getHealth',
            summary: 'Whether the service works',
            tags: ['Operations'],
            ...isPublic,
            responses: {
              200: ok('It works', healthSchema),
              503: failing('A part fails', healthSchema),
              ...describeProblems({
                400: { bad_request: badRequest },
                429: anywhere[429] ?? {},
                500: anywhere[500] ?? {},
              }),
            },
          },
        },
        '/health/checks': {
          get: {
            operationId: 'getHealthChecks',
            summary: 'Which part works',
            tags: ['Operations'],
            ...withScope('ops:read'),
            requestParams: { header: getHeaders },
            responses: {
              ...describeProblems({ ...behindTheDoor, 400: { bad_request: badRequest } }),
              200: ok('All that was looked at works', healthChecksSchema),
              503: failing('A part fails', healthChecksSchema),
            },
          },
        },
        '/openapi.json': {
          get: {
            operationId: 'getOpenApi',
            summary: 'Read this document',
            tags: ['Contract'],
            ...isPublic,
            ...cached,
            responses: {
              200: ok('This document', z.looseObject({ openapi: z.string() }), cacheHeaders),
              304: notModified(cacheHeaders),
              ...describeProblems({ ...anywhere, 400: { bad_request: badRequest } }),
            },
          },
        },
        '/api/docs': {
          get: {
            operationId: 'getDocs',
            summary: 'Open this page',
            tags: ['Contract'],
            ...isPublic,
            ...cached,
            responses: {
              200: {
                description: 'A page on which to read the contract and try it',
                headers: z.object({ ...answerHeaders, ...cacheHeaders }),
                content: { 'text/html; charset=utf-8': { schema: z.string() } },
              },
              304: notModified(cacheHeaders),
              ...describeProblems({ ...anywhere, 400: { bad_request: badRequest } }),
            },
          },
        },
      },
      components: {
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description:
              'An access token of the issuer that the stage names. Scopes: `verify:write`, `verify:read`, `wallet:read`, ' +
              "`document:erase`, `document:hold`, `ops:read`. A user's token reaches the user who is its subject; a scope that ends in `:any`, as services " +
              'have it, reaches every user. On a local stack `npm run --silent token` prints one.',
          },
        },
      },
    },
    {
      // Fields may be added to answers: a client that refused them would break.
      override: ({ jsonSchema, io }) => {
        if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
        // What the format says already, in a hundred characters.
        if (jsonSchema.format === 'date-time' || jsonSchema.format === 'uuid') delete jsonSchema.pattern
      },
    },
  )
}

/** 503 of the health routes: our answer, or the gateway's when the function itself is away. */
function failing(description: string, schema: z.ZodType): ZodOpenApiResponseObject {
  const problem = describeProblem(503, anywhere[503] ?? {})
  return {
    ...problem,
    description: `${description}; or ${problem.description}`,
    headers: z.object({ ...answerHeaders, 'Retry-After': retryAfter.optional() }),
    content: { 'application/json': { schema }, ...problem.content },
  }
}

/** The files that the repository holds, by their names. */
export function printContract(): Readonly<Record<'openapi.json' | 'openapi.d.ts', string>> {
  const document = makeOpenApiDocument()
  return { 'openapi.json': `${JSON.stringify(document, null, 2)}\n`, 'openapi.d.ts': printOpenApiTypes(document) }
}
