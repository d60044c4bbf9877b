// The variables that the provision function reads.
import * as z from 'zod'

export const provisionEnvironment = z.object({
  STAGE: z.string().min(1),
  VAULT_SECRET_ARN: z.string().min(1),
  VAULT_KEY_ARN: z.string().min(1),
})

export type ProvisionEnvironment = z.input<typeof provisionEnvironment>
