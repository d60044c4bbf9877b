// The variables that the wallet function reads.
import * as z from 'zod'
import { databaseEnvironment, metricsEnvironment } from '../../shared/environment.ts'
import { bitcoinNetworks } from '../../shared/model.ts'
import type { ExpectedRoot } from './open-keyring.ts'

export const walletEnvironment = z.object({
  ...databaseEnvironment,
  ...metricsEnvironment,
  VAULT_SECRET_ARN: z.string().min(1),
  VAULT_KEY_ARN: z.string().min(1),
  BITCOIN_NETWORK: z.enum(bitcoinNetworks),
  ACCEPT_PUBLIC_MNEMONICS: z.enum(['true', 'false']),
  /** `of-record`, the commitment in hex, or `none`. */
  ROOT_COMMITMENT: z.union([
    z.literal('of-record').transform((): ExpectedRoot => ({ kind: 'of-record' })),
    z.literal('none').transform((): ExpectedRoot => ({ kind: 'none' })),
    z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .transform((commitment): ExpectedRoot => ({ kind: 'commitment', commitment })),
  ]),
  ANNOUNCE_FUNCTION: z.string().min(1),
})

export type WalletEnvironment = z.input<typeof walletEnvironment>
