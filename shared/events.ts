// The events on Kafka: their schemas, and the bytes of each. Deterministic: the same row gives the same bytes, always.
import { v5 as uuidV5 } from 'uuid'
import * as z from 'zod'
import { isAddressTypeOf, type Network, networks, type PassedVerification, userIdSchema, type Wallet } from './model.ts'

/** Name space of our event ids (RFC 9562, section 5.5). Changing it would double every event. */
const eventNamespace = '6f0c1f0e-9d0b-5a53-8a0e-3f1f3c1d9c55'

/** One Kafka record to be published. */
export type EventRecord = {
  readonly key: string
  readonly value: string
  readonly headers: Readonly<Record<'event_type' | 'request_id' | 'timestamp', string>>
}

/** `user.verified` version 1: a person passed for one network and address type. Unknown fields are ignored. */
export const userVerifiedSchema = z
  .object({
    event: z.literal('user.verified'),
    version: z.literal(1),
    event_id: z.uuid(),
    verification_id: z.uuid(),
    user_id: userIdSchema,
    network: z.enum(networks),
    address_type: z.string(),
    document_sha256: z.string().regex(/^[0-9a-f]{64}$/),
    timestamp: z.iso.datetime(),
  })
  .transform((event, context) => {
    const { address_type: addressType, network } = event
    if (isAddressTypeOf(network, addressType)) return { ...event, address_type: addressType }
    context.addIssue({ code: 'custom', path: ['address_type'], message: `not an address type of ${network}` })
    return z.NEVER
  })
export type UserVerified = z.output<typeof userVerifiedSchema>

function toRecord(event: UserVerified | WalletCreated, requestId: string): EventRecord {
  return {
    key: event.user_id,
    value: JSON.stringify(event),
    headers: { event_type: event.event, request_id: requestId, timestamp: event.timestamp },
  }
}

/** The `user.verified` of a verified row. */
export function toUserVerified(verification: PassedVerification): EventRecord {
  return toRecord(
    {
      event: 'user.verified',
      version: 1,
      event_id: uuidV5(`user.verified:${verification.id}`, eventNamespace),
      verification_id: verification.id,
      user_id: verification.userId,
      network: verification.network,
      address_type: verification.addressType,
      document_sha256: Buffer.from(verification.documentSha256).toString('hex'),
      timestamp: verification.verifiedAt.toISOString(),
    } satisfies UserVerified,
    verification.requestId,
  )
}

type WalletCreated = {
  event: 'wallet.created'
  version: 1
  event_id: string
  user_id: string
  network: Network
  address_type: string
  wallet_address: string
  derivation_path: string
  timestamp: string
}

/** The `wallet.created` of an issued row. */
export function toWalletCreated(wallet: Wallet): EventRecord {
  const rowKey = JSON.stringify([wallet.userId, wallet.network, wallet.addressType, wallet.keyringId])
  return toRecord(
    {
      event: 'wallet.created',
      version: 1,
      event_id: uuidV5(`wallet.created:${rowKey}`, eventNamespace),
      user_id: wallet.userId,
      network: wallet.network,
      address_type: wallet.addressType,
      wallet_address: wallet.address,
      derivation_path: wallet.derivationPath,
      timestamp: wallet.createdAt.toISOString(),
    } satisfies WalletCreated,
    wallet.requestId,
  )
}
