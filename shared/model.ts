// The nouns of the system: networks, address types, users, verifications, wallets. No I/O here.
import * as z from 'zod'
import { describeGot } from './errors.ts'

export const networks = ['ethereum', 'bitcoin', 'tron'] as const
export type Network = (typeof networks)[number]

/** The address types of each network; the first is the default. */
export const addressTypes = {
  ethereum: ['eip55'],
  bitcoin: ['p2pkh', 'p2sh-p2wpkh', 'p2wpkh', 'p2tr'],
  tron: ['base58check'],
} as const satisfies Record<Network, readonly string[]>
export type AddressType = (typeof addressTypes)[Network][number]

/** Bitcoin's networks: which one a stage issues for stands in the stage table. */
export const bitcoinNetworks = ['mainnet', 'testnet'] as const
export type BitcoinNetwork = (typeof bitcoinNetworks)[number]

/** As a request writes it; which of them the network has is asked with `isAddressTypeOf`. */
export const addressTypeSchema = z.string().meta({
  description: "Absent: the network's first. A type is never paired with another network",
  enum: Object.values(addressTypes).flat(),
})

/** Whether that address type exists on that network: a type is never paired with another network. */
export function isAddressTypeOf(network: Network, type: string): type is AddressType {
  return (addressTypes[network] as readonly string[]).includes(type)
}

/** A network's name in any case. */
export const networkSchema = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(
    z.enum(networks, {
      error: ({ input }) => `expected one of ${networks.join(', ')}; got ${describeGot(String(input))}`,
    }),
  )
  .meta({ description: 'Its name, in any case', enum: [...networks], examples: ['ethereum'] })

const longestUserId = 255

/**
 * A user's id as the client knows it: 1 to 255 code points, no control characters, no lone surrogates.
 * Not normalised: two Unicode forms of one letter are two users.
 */
export const userIdSchema = z
  .string()
  .superRefine((text, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    if (text.length === 0) return refuse('expected 1 to 255 characters; got none')
    if (!text.isWellFormed()) return refuse('expected well-formed Unicode; got a lone surrogate')
    // Counted by code points, which iteration walks; a list of them would be large when the text is.
    let length = 0
    for (const _ of text) length += 1
    if (length > longestUserId) return refuse(`expected 1 to 255 characters; got ${length}`)
    if (/\p{Cc}/u.test(text)) return refuse('expected no control characters; got at least one')
  })
  .meta({
    description: 'Whose it is, in your words: 1 to 255 code points without control characters, compared byte by byte',
    minLength: 1,
    maxLength: longestUserId,
    pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
    examples: ['alice'],
  })

/** Whether a request id may be copied into a log, a row and a Kafka header. */
export function isRequestId(text: string): boolean {
  return /^[\w.:/+=@-]{1,128}$/.test(text)
}

/** Why a document was rejected. `retry`: the same bytes may be sent again. */
export type Reason = { readonly code: string; readonly message: string; readonly retry: boolean }

/** What became of one question to a document. `skipped`: what it relies on had failed. */
export type CheckResult = {
  readonly check: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  readonly milliseconds: number
}

/** How a verdict came about: the version of the rules, and what was asked of the document, in order. */
export type InspectionRecord = { readonly rulesVersion: string; readonly checks: readonly CheckResult[] }

export const verificationStatuses = ['pending', 'processing', 'verified', 'rejected', 'expired'] as const
export type VerificationStatus = (typeof verificationStatuses)[number]

/** One row of `verification.verifications`. */
export type Verification = {
  readonly id: string
  readonly userId: string
  readonly network: Network
  readonly addressType: AddressType
  /** SHA-256 of the document, 32 bytes. Null of an upload that nobody has read yet, and never of what is verified. */
  readonly documentSha256: Uint8Array | null
  readonly status: VerificationStatus
  /** Counts the uploads of this document, from 1: a new one is allowed after a verdict that may be retried. */
  readonly attempt: number
  readonly reasons: readonly Reason[]
  readonly requestId: string
  readonly createdAt: Date
  readonly verifiedAt: Date | null
  readonly announcedAt: Date | null
}

/** One that passed: when, and by which document, is known. */
export type PassedVerification = Verification & { readonly verifiedAt: Date; readonly documentSha256: Uint8Array }

export const isPassed = (verification: Verification): verification is PassedVerification =>
  verification.verifiedAt !== null && verification.documentSha256 !== null

/** One row of `wallet.wallets`: an issued address. Immutable. */
export type Wallet = {
  readonly userId: string
  readonly network: Network
  readonly addressType: AddressType
  readonly keyringId: number
  readonly accountIndex: number
  readonly derivationPath: string
  readonly address: string
  readonly requestId: string
  readonly createdAt: Date
}

/** The key of a document in the bucket: `incoming/{verification_id}/{attempt}`. */
export function toDocumentKey(verification: { readonly id: string; readonly attempt: number }): string {
  return `incoming/${verification.id}/${verification.attempt}`
}

/** The inverse of `toDocumentKey`; undefined when the key is not of that form. */
export function parseDocumentKey(key: string): { readonly id: string; readonly attempt: number } | undefined {
  const match = /^incoming\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([1-9]\d{0,8})$/.exec(key)
  return match?.[1] && match[2] ? { id: match[1], attempt: Number(match[2]) } : undefined
}
