// The GET routes: what is known of a verification, of a user's wallets, of an address, and of the service's health.
import middy from '@middy/core'
import type { APIGatewayProxyResult } from 'aws-lambda'
import * as z from 'zod'
import {
  authorizationSeconds,
  type Caller,
  reachesUser,
  readCaller,
  requireAnyUser,
  requireScope,
} from '../../shared/access.ts'
import { answerTagged, tagBody } from '../../shared/entity-tag.ts'
import { describeGot, RequestError } from '../../shared/errors.ts'
import { answer, type HttpRequest, httpEdge, readPathParameter } from '../../shared/http.ts'
import {
  type AddressType,
  addressTypes,
  isAddressTypeOf,
  type Network,
  networkSchema,
  userIdSchema,
  type Wallet,
} from '../../shared/model.ts'
import { readAddress } from '../../shared/validate-address.ts'
import type { AddressBody, VerificationBody, WalletBody } from './answers.ts'
import { checkHealth, type HealthPorts } from './check-health.ts'
import type { InspectedVerification } from './find-verification.ts'

export type ReadDependencies = HealthPorts & {
  readonly newId: () => string
  readonly findVerification: (id: string) => Promise<InspectedVerification | undefined>
  readonly findWallets: (userId: string) => Promise<readonly Wallet[]>
  readonly findWallet: (userId: string, network: Network, addressType: AddressType) => Promise<Wallet | undefined>
  readonly findWalletByAddress: (network: Network, address: string) => Promise<Wallet | undefined>
}

/**
 * A good answer of something of a user. `final`: it never changes. The client may keep that for as long as the gateway
 * believes a token, and must ask whether anything else is still the same. By `Vary` who signs in after another on one
 * machine does not get the other's.
 */
function answerKept(event: HttpRequest, body: unknown, { final }: { final: boolean }): APIGatewayProxyResult {
  const headers = { 'content-type': 'application/json' }
  return answerTagged(event, tagBody(JSON.stringify(body)), headers, {
    'cache-control': final ? `private, max-age=${authorizationSeconds}` : 'private, no-cache',
    vary: 'Authorization',
  })
}

function toVerificationBody(verification: InspectedVerification): VerificationBody {
  const { inspection } = verification
  return {
    verification_id: verification.id,
    user_id: verification.userId,
    network: verification.network,
    address_type: verification.addressType,
    status: verification.status,
    duplicate_of: verification.duplicateOf,
    attempt: verification.attempt,
    reasons: [...verification.reasons],
    inspection: inspection && {
      rules_version: inspection.rulesVersion,
      checked_at: inspection.checkedAt.toISOString(),
      checks: [...inspection.checks],
    },
    document: verification.document,
    created_at: verification.createdAt.toISOString(),
    verified_at: verification.verifiedAt?.toISOString() ?? null,
  }
}

function toWalletBody(wallet: Wallet): WalletBody {
  return {
    user_id: wallet.userId,
    network: wallet.network,
    wallet_address: wallet.address,
    address_type: wallet.addressType,
    derivation_path: wallet.derivationPath,
    created_at: wallet.createdAt.toISOString(),
  }
}

async function readVerification(
  dependencies: ReadDependencies,
  event: HttpRequest,
  caller: Caller,
): Promise<APIGatewayProxyResult> {
  requireScope(caller, 'verify:read')
  const id = readPathParameter(event, 'verification_id').toLowerCase()
  const verification = z.uuid().safeParse(id).success ? await dependencies.findVerification(id) : undefined
  if (!verification || !reachesUser(caller, 'verify:read', verification.userId)) {
    throw new RequestError(404, 'verification_not_found', 'Verification not found')
  }
  // Every other status may become another one, also `rejected`: by the same bytes again, or by a further wallet. And what is
  // kept may be erased.
  const isFinal = verification.status === 'verified' && verification.document !== 'kept'
  return answerKept(event, toVerificationBody(verification), { final: isFinal })
}

/** A query parameter; of a repeated one the last, as API Gateway does. */
function readQuery(event: HttpRequest, name: string): string | undefined {
  return event.multiValueQueryStringParameters?.[name]?.at(-1) ?? event.queryStringParameters?.[name]
}

function readWalletQuery(event: HttpRequest): { network: Network; addressType: AddressType } | undefined {
  const givenNetwork = readQuery(event, 'network')
  const givenType = readQuery(event, 'address_type')
  if (givenNetwork === undefined) {
    if (givenType === undefined) return undefined
    throw new RequestError(400, 'invalid_query', 'expected network with address_type; got address_type alone')
  }
  const parsed = networkSchema.safeParse(givenNetwork)
  if (!parsed.success) {
    throw new RequestError(400, 'unknown_network', `Invalid network: ${parsed.error.issues[0]?.message}`)
  }
  const network = parsed.data
  const addressType = givenType ?? addressTypes[network][0]
  if (isAddressTypeOf(network, addressType)) return { network, addressType }
  const expected = addressTypes[network].join(', ')
  throw new RequestError(
    400,
    'unknown_address_type',
    `expected an address type of ${network}: ${expected}; got ${describeGot(addressType)}`,
  )
}

async function readWallets(
  dependencies: ReadDependencies,
  event: HttpRequest,
  caller: Caller,
): Promise<APIGatewayProxyResult> {
  requireScope(caller, 'wallet:read')
  const parsed = userIdSchema.safeParse(readPathParameter(event, 'user_id'))
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ message }) => ({ path: 'user_id', message }))
    throw new RequestError(422, 'invalid_field', `user_id: ${issues[0]?.message}`, issues)
  }
  const userId = parsed.data
  const query = readWalletQuery(event)
  const notFound = () => new RequestError(404, 'wallet_not_found', 'Wallet not found')
  // Before the database is asked: whether another has wallets shows in nothing, also not in the time that this takes.
  if (!reachesUser(caller, 'wallet:read', userId)) throw notFound()
  if (query) {
    const wallet = await dependencies.findWallet(userId, query.network, query.addressType)
    if (!wallet) throw notFound()
    return answerKept(event, toWalletBody(wallet), { final: true })
  }
  const wallets = await dependencies.findWallets(userId)
  if (wallets.length === 0) throw notFound()
  return answerKept(event, { user_id: userId, wallets: wallets.map(toWalletBody) }, { final: false })
}

/** For services only: whose address it is. */
async function readOwner(
  dependencies: ReadDependencies,
  event: HttpRequest,
  caller: Caller,
): Promise<APIGatewayProxyResult> {
  requireAnyUser(caller, 'wallet:read')
  const read = readAddress(readPathParameter(event, 'address'))
  if ('reason' in read) {
    const message = `${read.reason}: ${read.detail}`
    throw new RequestError(422, 'invalid_field', `address: ${message}`, [{ path: 'address', message }])
  }
  const wallet = read.network && (await dependencies.findWalletByAddress(read.network, read.canonical))
  if (!wallet) throw new RequestError(404, 'address_not_found', 'Address not found')
  const body: AddressBody = {
    address: wallet.address,
    network: wallet.network,
    address_type: wallet.addressType,
    user_id: wallet.userId,
    derivation_path: wallet.derivationPath,
    created_at: wallet.createdAt.toISOString(),
  }
  return answerKept(event, body, { final: true })
}

/** For everyone only whether it is well; what is not, for who operates it. */
async function readHealth(dependencies: ReadDependencies, caller?: Caller): Promise<APIGatewayProxyResult> {
  if (caller) requireScope(caller, 'ops:read')
  const { status, checks } = await checkHealth(dependencies)
  const body = caller ? { status, checks } : { status }
  return answer(status === 'ok' ? 200 : 503, body, { 'cache-control': 'no-store' })
}

export function createHandler(dependencies: ReadDependencies) {
  const { log, now, newId } = dependencies
  return middy<HttpRequest, APIGatewayProxyResult>()
    .use(httpEdge({ log, now: () => now().getTime(), newId }))
    .handler(async (event) => {
      switch (event.resource) {
        case '/verify/{verification_id}':
          return readVerification(dependencies, event, readCaller(event, now()))
        case '/wallet/{user_id}':
          return readWallets(dependencies, event, readCaller(event, now()))
        case '/addresses/{address}':
          return readOwner(dependencies, event, readCaller(event, now()))
        case '/health':
          return readHealth(dependencies)
        case '/health/checks':
          return readHealth(dependencies, readCaller(event, now()))
        default:
          throw new RequestError(404, 'route_not_found', `expected a known route; got ${event.resource}`)
      }
    })
}
