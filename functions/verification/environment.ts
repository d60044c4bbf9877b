// The variables that the verification function reads.
import * as z from 'zod'
import { databaseEnvironment, kafkaEnvironment, metricsEnvironment } from '../../shared/environment.ts'

export const verificationEnvironment = z.object({
  ...databaseEnvironment,
  ...kafkaEnvironment,
  ...metricsEnvironment,
  DOCUMENT_BUCKET: z.string().min(1),
  DATA_KEY_BUCKET: z.string().min(1),
  DOCUMENT_DATA_KEY_ARN: z.string().min(1),
  INSPECT_FUNCTION: z.string().min(1),
  DOCUMENT_MAC_KEY_ARN: z.string().min(1),
  USER_VERIFIED_TOPIC: z.string().min(1),
})

export type VerificationEnvironment = z.input<typeof verificationEnvironment>
