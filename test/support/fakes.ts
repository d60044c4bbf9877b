// What the unit tests share: rows, API Gateway events, a log that remembers, promises seen from outside. No test here.
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda'
import type { IntakeDependencies } from '../../functions/intake/handler.ts'
import type { Registration } from '../../functions/intake/register-upload.ts'
import type { InspectedVerification } from '../../functions/read/find-verification.ts'
import type { Retry } from '../../functions/wallet/retry-transient.ts'
import { type AuthorizerContext, scopes } from '../../shared/access.ts'
import type { HttpRequest } from '../../shared/http.ts'
import type { Log, LogFields } from '../../shared/log.ts'
import type { Verification, Wallet } from '../../shared/model.ts'

export const verificationId = '6b0f8a1e-0c5d-4c58-9b6e-2f6a3d1c9e70'
/** SHA-256 of no bytes. */
export const sha256OfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
export const noon = new Date('2026-01-02T12:00:00.000Z')

export type LogLine = {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: LogFields
}

/** A log that keeps its lines. */
export function createMemoryLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const keep =
    (level: LogLine['level']) =>
    (message: string, fields: LogFields = {}) => {
      lines.push({ level, message, fields })
    }
  return { lines, info: keep('info'), warn: keep('warn'), error: keep('error') }
}

/** Metrics that keep their sums and values; the key of what has dimensions has their values behind a space. */
export function createMemoryMetrics() {
  const counted: Record<string, number> = {}
  const values: Record<string, number[]> = {}
  return {
    counted,
    values,
    count: (metric: string, value: number, ...dimensions: readonly object[]) => {
      const key = [metric, ...dimensions.flatMap((given) => Object.values(given))].join(' ')
      if (value !== 0) counted[key] = (counted[key] ?? 0) + value
    },
    measure: (metric: string, value: number) => {
      values[metric] = [...(values[metric] ?? []), value]
    },
  }
}

/** A verification whose document is known. */
type Identified = Verification & { readonly documentSha256: Uint8Array }

export function makeVerification(overrides: Partial<Identified> = {}): Identified {
  return {
    id: verificationId,
    userId: 'user-1',
    network: 'ethereum',
    addressType: 'eip55',
    documentSha256: Buffer.from(sha256OfNothing, 'hex'),
    status: 'pending',
    attempt: 1,
    reasons: [],
    requestId: 'request-1',
    createdAt: noon,
    verifiedAt: null,
    announcedAt: null,
    ...overrides,
  }
}

/** What intake's tables answer to an upload that they took. */
export const registered = (overrides: Partial<Identified> = {}): Registration => ({
  outcome: 'registered',
  verification: makeVerification(overrides),
})

/** As `GET /verify/{id}` finds it. */
export const makeInspectedVerification = (overrides: Partial<InspectedVerification> = {}): InspectedVerification => ({
  ...makeVerification(),
  ...{ inspection: null, duplicateOf: null, document: 'none' },
  ...overrides,
})

export function makeWallet(overrides: Partial<Wallet> = {}): Wallet {
  return {
    userId: 'user-1',
    network: 'ethereum',
    addressType: 'eip55',
    keyringId: 1,
    accountIndex: 7,
    derivationPath: "m/44'/60'/7'/0/0",
    address: '0x9858EfFD232B4033E47d90003D41EC34EcaEda94',
    requestId: 'request-1',
    createdAt: noon,
    ...overrides,
  }
}

/** The context of a service that may do everything for everyone, as the authorizer hands it over. */
export const everything: AuthorizerContext = {
  sub: 'service-1',
  client_id: 'service-1',
  scope: scopes.map((scope) => `${scope}:any`).join(' '),
  exp: String(noon.getTime() / 1000 + 3600),
}

/** That of an end user. */
export const makeEndUser = (sub: string, scope = scopes.join(' ')): AuthorizerContext => ({
  ...everything,
  ...{ sub, scope, client_id: 'app-1' },
})

/** A request's context with what the authorizer handed over. */
export const makeRequestContext = (authorizer: unknown) => ({ authorizer }) as APIGatewayProxyEvent['requestContext']

/** An event as API Gateway (REST, proxy integration) hands it over; of a caller who may do everything, unless said. */
export function makeHttpEvent(overrides: Partial<APIGatewayProxyEvent> = {}): HttpRequest {
  const event: APIGatewayProxyEvent = {
    resource: '/',
    path: '/',
    httpMethod: 'GET',
    headers: {},
    multiValueHeaders: {},
    pathParameters: null,
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    stageVariables: null,
    body: null,
    isBase64Encoded: false,
    requestContext: makeRequestContext(everything),
    ...overrides,
  }
  return event as HttpRequest
}

/** Ports of intake for whoever tests something else: no limit is met, no key is known, nobody is verified, nothing uploaded. */
export const unlimited = {
  maxUploadBytes: 10_000,
  expectUpload: async () => registered(),
  keepUploadOpen: async () => undefined,
  signUpload: async () => ({ url: 'https://documents.example/', fields: {} }),
  postLimit: { capacity: 10, refillPerSecond: 1 },
  takeToken: async () => ({ passed: true, secondsUntilFull: 1 }),
  claimKey: async () => ({ outcome: 'ours' }),
  keepAnswer: async () => {},
  releaseKey: async () => {},
  extendVerified: async () => undefined,
  nudgeAnnounce: async () => {},
} as const satisfies Partial<IntakeDependencies>

/** For whoever tests something else: what is away is not tried again. */
export const tryOnce: Retry = (work) => work()

/** What Lambda says of an invocation that has just begun. */
export const walletContext = { getRemainingTimeInMillis: () => 60_000 }

export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>>
  /** The body as it is sent. */
  readonly raw: string
  /** Everything of the answer as text, to look for what must not be in it. */
  readonly text: string
}

/** Calls a handler as Lambda does, and reads its answer as a client does. */
export async function call(
  handler: (event: HttpRequest, context: Context) => Promise<APIGatewayProxyResult>,
  event: HttpRequest,
): Promise<Answer> {
  const result = await handler(event, {} as Context)
  const hasJson = result.body !== '' && !String(result.headers?.['content-type']).startsWith('text/')
  return {
    status: result.statusCode,
    headers: result.headers ?? {},
    body: hasJson ? JSON.parse(result.body) : {},
    raw: result.body,
    text: JSON.stringify(result),
  }
}

/** What a call throws; fails when it throws nothing. */
export async function catchError(work: () => unknown): Promise<Error> {
  try {
    await work()
  } catch (error) {
    if (error instanceof Error) return error
    throw new TypeError('expected an Error to be thrown; got something else', { cause: error })
  }
  throw new Error('expected an error; nothing was thrown')
}

/** The error that AWS SDK clients throw: told by its name. */
export function makeAwsError(name: string, message = 'as AWS says'): Error {
  return Object.assign(new Error(message), { name, $metadata: {}, $fault: 'client' })
}

/** A client of the AWS SDK whose `send` is the given function; remembers the inputs of the commands. */
export function makeAwsClient<Client>(send: (command: string, input: Record<string, unknown>) => unknown) {
  const commands: { readonly name: string; readonly input: Record<string, unknown> }[] = []
  const client = {
    send: async (command: { input: Record<string, unknown> }) => {
      commands.push({ name: command.constructor.name, input: command.input })
      return send(command.constructor.name, command.input)
    },
  }
  return { client: client as unknown as Client, commands }
}
