// The variables that the migrate function reads.
import * as z from 'zod'
import { databaseEnvironment } from '../../shared/environment.ts'

export const migrateEnvironment = z.object({
  ...databaseEnvironment,
  /** JSON: the database role's name to the ARN of the secret with its password. */
  DATABASE_ROLE_SECRETS: z
    .string()
    .transform((text) => JSON.parse(text) as unknown)
    .pipe(z.record(z.string(), z.string())),
})

export type MigrateEnvironment = z.input<typeof migrateEnvironment>
