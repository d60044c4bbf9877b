// The variables that the intake function reads.
import * as z from 'zod'
import { databaseEnvironment, metricsEnvironment } from '../../shared/environment.ts'

export const intakeEnvironment = z.object({
  ...databaseEnvironment,
  ...metricsEnvironment,
  DOCUMENT_BUCKET: z.string().min(1),
  MAX_DOCUMENT_SIZE_MB: z.string().regex(/^\d+$/),
  /** The token bucket of each caller. */
  POST_LIMIT_CAPACITY: z.string().regex(/^[1-9]\d*$/),
  POST_LIMIT_REFILL_PER_SECOND: z.string().regex(/^\d+(\.\d+)?$/),
  /** Of a user for a network, begun within 24 hours. */
  MAX_ATTEMPTS: z.string().regex(/^[1-9]\d*$/),
  ANNOUNCE_FUNCTION: z.string().min(1),
})

export type IntakeEnvironment = z.input<typeof intakeEnvironment>
