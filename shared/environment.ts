// How a function reads its environment: once, at cold start, through a schema. No defaults for anything that matters.
import * as z from 'zod'
import { ConfigurationError } from './errors.ts'

/** What a function that uses Postgres is told: where it is, and the secret with its own user name and password. */
export const databaseEnvironment = {
  DATABASE_HOST: z.string().min(1),
  DATABASE_PORT: z.string().regex(/^\d+$/),
  DATABASE_NAME: z.string().min(1),
  DATABASE_SECRET_ARN: z.string().min(1),
}

/** What a function that writes metrics is told. */
export const metricsEnvironment = { STAGE: z.string().min(1) }

/**
 * Parses the environment of a function.
 *
 * @throws {ConfigurationError} naming every variable that is missing or malformed, never showing a value.
 */
export function parseEnvironment<Schema extends z.ZodType>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<Schema> {
  const parsed = schema.safeParse(environment)
  if (parsed.success) return parsed.data
  const names = parsed.error.issues.map((issue) => issue.path.join('.'))
  throw new ConfigurationError(`missing or malformed environment variables: ${[...new Set(names)].join(', ')}`)
}
