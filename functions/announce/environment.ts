// The variables that the announce function reads.
import * as z from 'zod'
import { databaseEnvironment, kafkaEnvironment, metricsEnvironment } from '../../shared/environment.ts'

export const announceEnvironment = z.object({
  ...databaseEnvironment,
  ...kafkaEnvironment,
  ...metricsEnvironment,
  USER_VERIFIED_TOPIC: z.string().min(1),
  WALLET_CREATED_TOPIC: z.string().min(1),
  VAULT_SECRET_ARN: z.string().min(1),
})

export type AnnounceEnvironment = z.input<typeof announceEnvironment>
