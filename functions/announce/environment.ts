// The variables that the announce function reads.
import * as z from 'zod'
import { databaseEnvironment, kafkaEnvironment, metricsEnvironment } from '../../shared/environment.ts'

const seconds = z.string().regex(/^[1-9]\d*$/)

export const announceEnvironment = z.object({
  ...databaseEnvironment,
  ...kafkaEnvironment,
  ...metricsEnvironment,
  USER_VERIFIED_TOPIC: z.string().min(1),
  WALLET_CREATED_TOPIC: z.string().min(1),
  VAULT_SECRET_ARN: z.string().min(1),
  VERIFICATION_QUEUE_URL: z.string().min(1),
  WALLET_OVERDUE_SECONDS: seconds,
  VERDICT_OVERDUE_SECONDS: seconds,
})

export type AnnounceEnvironment = z.input<typeof announceEnvironment>
