// The variables that the erase function reads.
import * as z from 'zod'
import { databaseEnvironment, metricsEnvironment } from '../../shared/environment.ts'

export const eraseEnvironment = z.object({
  ...databaseEnvironment,
  ...metricsEnvironment,
  DOCUMENT_BUCKET: z.string().min(1),
  DATA_KEY_BUCKET: z.string().min(1),
  DOCUMENT_RETENTION_DAYS: z.string().regex(/^[1-9]\d*$/),
})

export type EraseEnvironment = z.input<typeof eraseEnvironment>
