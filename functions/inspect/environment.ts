// The variables that the inspect function reads.
import * as z from 'zod'

export const inspectEnvironment = z.object({
  DOCUMENT_BUCKET: z.string().min(1),
})

export type InspectEnvironment = z.input<typeof inspectEnvironment>
