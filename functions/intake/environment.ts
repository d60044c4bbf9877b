// The variables that the intake function reads.
import * as z from 'zod'
import { databaseEnvironment } from '../../shared/environment.ts'

export const intakeEnvironment = z.object({
  ...databaseEnvironment,
  DOCUMENT_BUCKET: z.string().min(1),
  MAX_DOCUMENT_SIZE_MB: z.string().regex(/^\d+$/),
})

export type IntakeEnvironment = z.input<typeof intakeEnvironment>
