// The variables that the operate function reads.
import * as z from 'zod'
import { databaseEnvironment, kafkaEnvironment } from '../../shared/environment.ts'

export const operateEnvironment = z.object({
  ...databaseEnvironment,
  ...kafkaEnvironment,
  USER_VERIFIED_TOPIC: z.string().min(1),
  DEAD_LETTER_TOPIC: z.string().min(1),
  VAULT_SECRET_ARN: z.string().min(1),
  VAULT_KEY_ARN: z.string().min(1),
  /** What the stage table says of the root: the wallet function is told the same. */
  ROOT_COMMITMENT: z.union([z.enum(['of-record', 'none']), z.string().regex(/^[0-9a-f]{64}$/)]),
})

export type OperateEnvironment = z.input<typeof operateEnvironment>
