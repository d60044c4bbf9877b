// The variables that the wallet function reads.
import * as z from 'zod'
import { databaseEnvironment, metricsEnvironment } from '../../shared/environment.ts'
import { bitcoinNetworks } from '../../shared/model.ts'

export const walletEnvironment = z.object({
  ...databaseEnvironment,
  ...metricsEnvironment,
  VAULT_SECRET_ARN: z.string().min(1),
  VAULT_KEY_ARN: z.string().min(1),
  BITCOIN_NETWORK: z.enum(bitcoinNetworks),
  ACCEPT_PUBLIC_MNEMONICS: z.enum(['true', 'false']),
  ANNOUNCE_FUNCTION: z.string().min(1),
})

export type WalletEnvironment = z.input<typeof walletEnvironment>
