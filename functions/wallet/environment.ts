// The variables that the wallet function reads.
import * as z from 'zod'
import { databaseEnvironment } from '../../shared/environment.ts'

export const walletEnvironment = z.object({
  ...databaseEnvironment,
  STAGE: z.string().min(1),
  VAULT_SECRET_ARN: z.string().min(1),
  VAULT_KEY_ARN: z.string().min(1),
  ACCEPT_PUBLIC_MNEMONICS: z.enum(['true', 'false']),
  ANNOUNCE_FUNCTION: z.string().min(1),
})

export type WalletEnvironment = z.input<typeof walletEnvironment>
