// What the GET routes answer: the shapes of the bodies, as the OpenAPI document has them.
import * as z from 'zod'
import { addressTypes, networks, verificationStatuses } from '../../shared/model.ts'

const everyAddressType = Object.values(addressTypes).flat()
const time = z.iso.datetime({ precision: 3 })
const userId = z.string().meta({ examples: ['alice'] })
const network = z.enum(networks).meta({ examples: ['ethereum'] })
const addressType = z.enum(everyAddressType).meta({ examples: ['eip55'] })
const derivationPath = z.string().meta({
  description: 'With the mnemonic it restores the address, in any tool that takes a path',
  examples: ["m/44'/60'/0'/0/0"],
})
const createdAt = time.meta({ description: 'UTC', examples: ['2026-01-02T12:00:00.000Z'] })

/** 200 of `GET /verify/{verification_id}`. */
export const verificationSchema = z
  .object({
    verification_id: z.uuid().meta({ examples: ['7d0f5b1e-3c0a-4d3e-9b53-0f4f6f0f2b11'] }),
    user_id: userId,
    network,
    address_type: addressType,
    status: z.enum(verificationStatuses).meta({ examples: ['verified'] }),
    duplicate_of: z.uuid().nullable().meta({
      description: 'The verification that answers for this upload: of the same document, or passed before. Else null',
    }),
    attempt: z
      .int()
      .min(1)
      .meta({ description: 'Which upload of this document it is, from 1', examples: [1] }),
    reasons: z
      .array(
        z.object({
          code: z.string().meta({ description: 'For programs: stable', examples: ['truncated'] }),
          message: z.string().meta({ description: 'For people: what is wrong and what to do' }),
          retry: z.boolean().meta({ description: 'Whether the same bytes may be sent again' }),
        }),
      )
      .meta({ description: 'Why it was rejected; else empty' }),
    inspection: z
      .object({
        rules_version: z.string().meta({ description: 'Of the rules that it was inspected by', examples: ['1'] }),
        checked_at: time.meta({ description: 'UTC', examples: ['2026-01-02T12:00:03.000Z'] }),
        checks: z
          .array(
            z.object({
              check: z.string().meta({ examples: ['structure'] }),
              outcome: z
                .enum(['passed', 'failed', 'skipped'])
                .meta({ description: '`skipped`: one that it relies on had failed' }),
              milliseconds: z.number().meta({ examples: [1.5] }),
            }),
          )
          .meta({ description: 'What was asked of the document, in order' }),
      })
      .nullable()
      .meta({ description: 'How the verdict on this attempt came about; null where no inspection led to it' }),
    document: z.enum(['kept', 'erased', 'none']).meta({
      description:
        'What there is of the document that it stands on, which may be that of an earlier verification of the user: an encrypted ' +
        'clean copy, or none any more, or none at all',
      examples: ['kept'],
    }),
    created_at: createdAt,
    verified_at: time.nullable().meta({ description: 'UTC; null while it is not verified' }),
  })
  .meta({ id: 'Verification', description: 'What is known of a verification' })

/** An issued address. */
export const walletSchema = z
  .object({
    user_id: userId,
    network,
    wallet_address: z.string().meta({ examples: ['0x9858EfFD232B4033E47d90003D41EC34EcaEda94'] }),
    address_type: addressType,
    derivation_path: derivationPath,
    created_at: createdAt,
  })
  .meta({ id: 'Wallet', description: 'An issued deposit address' })

/** 200 of `GET /wallet/{user_id}` without a network. */
export const walletsSchema = z
  .object({ user_id: userId, wallets: z.array(walletSchema).min(1) })
  .meta({ id: 'Wallets', description: 'All wallets of a user' })

/** 200 of `GET /addresses/{address}`. */
export const addressSchema = z
  .object({
    address: z.string().meta({
      description: 'As it was issued, whatever case was asked for',
      examples: ['0x9858EfFD232B4033E47d90003D41EC34EcaEda94'],
    }),
    network,
    address_type: addressType,
    user_id: userId,
    derivation_path: derivationPath,
    created_at: createdAt,
  })
  .meta({ id: 'Address', description: 'An issued address, and whose it is' })

const serviceStatus = z.enum(['ok', 'failing']).meta({ examples: ['ok'] })

/** 200 and 503 of `GET /health`. */
export const healthSchema = z
  .object({ status: serviceStatus })
  .meta({ id: 'Health', description: 'Whether the service works' })

const check = z.enum(['ok', 'failing', 'unknown']).meta({ examples: ['ok'] })

/** 200 and 503 of `GET /health/checks`. */
export const healthChecksSchema = z
  .object({
    status: serviceStatus,
    checks: z
      .object({ database: check, kafka: check, vault: check, documents: check })
      .meta({ description: '`unknown`: nobody looked within the last 10 minutes, which fails nothing' }),
  })
  .meta({ id: 'HealthChecks', description: 'Whether the service works, part by part' })

export type VerificationBody = z.output<typeof verificationSchema>
export type WalletBody = z.output<typeof walletSchema>
export type AddressBody = z.output<typeof addressSchema>
