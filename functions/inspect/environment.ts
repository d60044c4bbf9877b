// The variables that the inspect function reads.
import * as z from 'zod'
import { metricsEnvironment } from '../../shared/environment.ts'

export const inspectEnvironment = z.object({
  ...metricsEnvironment,
  DOCUMENT_BUCKET: z.string().min(1),
  DOCUMENT_DATA_KEY_ARN: z.string().min(1),
})

export type InspectEnvironment = z.input<typeof inspectEnvironment>
