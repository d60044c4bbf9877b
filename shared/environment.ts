// How a function reads its environment: once, at cold start, through a schema. No defaults for anything that matters.
import * as z from 'zod'
import { ConfigurationError } from './errors.ts'

/** How a function signs in to Postgres: with the names in a secret, or as a role whose password is a token of IAM. */
export type DatabaseLogin =
  | { readonly kind: 'secret'; readonly arn: string }
  | { readonly kind: 'iam'; readonly role: string }

/** What a function that uses Postgres is told: where it is, how it signs in, and whose certificates it trusts. */
export const databaseEnvironment = {
  DATABASE_HOST: z.string().min(1),
  DATABASE_PORT: z.string().regex(/^\d+$/),
  DATABASE_NAME: z.string().min(1),
  /** `secret:ARN` of `{"username","password"}`, or `iam:ROLE`. */
  DATABASE_LOGIN: z.union([
    z
      .templateLiteral(['secret:', z.string().min(1)])
      .transform((text): DatabaseLogin => ({ kind: 'secret', arn: text.slice('secret:'.length) })),
    z
      .templateLiteral(['iam:', z.string().min(1)])
      .transform((text): DatabaseLogin => ({ kind: 'iam', role: text.slice('iam:'.length) })),
  ]),
  /** `rds`: TLS, verified with the roots of RDS. `off`: none, for a server on this machine. */
  DATABASE_TLS: z.enum(['rds', 'off']),
}

/** What a function that publishes is told: where Kafka is, and whether it signs in with tokens of IAM, over TLS. */
export const kafkaEnvironment = {
  /** `host:port`, several separated by commas. */
  KAFKA_BOOTSTRAP_SERVERS: z.string().min(1),
  KAFKA_AUTHENTICATION: z.enum(['iam', 'none']),
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
