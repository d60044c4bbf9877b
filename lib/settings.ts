// What a deployer may set in the environment: everything of `local`, and where a deployed stage goes. What else a deployed
// stage is stands in the stage table alone: a variable left over in a shell must not change it.
import { z } from 'zod'
import type { TokenSettings } from '../functions/authorize/environment.ts'
import type { PostLimit } from '../functions/intake/rate-limit.ts'
import type { ChaosSettings, Net } from './stage.ts'

/** A number of seconds from 0 to 900, the longest delivery delay that SQS knows (SendMessage, DelaySeconds). */
const delaySeconds = z.string().transform((text, context) => {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isInteger(value) && value >= 0 && value <= 900) return value
  context.addIssue({
    code: 'custom',
    message: `expected whole seconds from 0 to 900, because SQS delays by whole seconds up to 15 minutes; got "${text}"`,
  })
  return z.NEVER
})

const positiveInteger = (maximum: number) =>
  z.string().transform((text, context) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (Number.isInteger(value) && value >= 1 && value <= maximum) return value
    context.addIssue({
      code: 'custom',
      message: `expected a whole number from 1 to ${maximum}; got "${text}"`,
    })
    return z.NEVER
  })

const positiveNumber = (maximum: number) =>
  z.string().transform((text, context) => {
    const value = /^\d+(\.\d{1,3})?$/.test(text.trim()) ? Number(text) : Number.NaN
    if (value > 0 && value <= maximum) return value
    context.addIssue({
      code: 'custom',
      message: `expected a number above 0, at most ${maximum}, with up to 3 decimals; got "${text}"`,
    })
    return z.NEVER
  })

/** Looked at more closely by the function that uses them. */
function readKeys(text: string, context: z.RefinementCtx): NonNullable<TokenSettings['keys']> {
  try {
    return JSON.parse(text)
  } catch {
    context.addIssue({ code: 'custom', message: "expected JSON: the issuer's public keys" })
    return z.NEVER
  }
}

const settingsSchema = z.object({
  // What `inspect` opens at most (functions/inspect/reasons.ts).
  MAX_DOCUMENT_SIZE_MB: positiveInteger(10).prefault('10'),
  MAX_ATTEMPTS: positiveInteger(10_000).prefault('10'),
  VERIFICATION_DELAY_SECONDS: delaySeconds.prefault('3'),
  MAX_CONCURRENT_GENERATIONS: positiveInteger(10_000).prefault('50'),
  WALLET_OVERDUE_SECONDS: positiveInteger(604_800).prefault('600'),
  VERDICT_OVERDUE_SECONDS: positiveInteger(604_800).optional(),
  KAFKA_BOOTSTRAP_SERVERS: z
    .string()
    .regex(/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/, 'expected host:port, several separated by commas')
    .prefault('127.0.0.1:19092'),
  POST_LIMIT_CAPACITY: positiveInteger(1_000_000).prefault('5000'),
  POST_LIMIT_REFILL_PER_SECOND: positiveNumber(100_000).prefault('1000'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'expected a URL that begins with postgresql://')
    .prefault('postgresql://127.0.0.1:15432/wallets'),
  TOKEN_ISSUER: z
    .string()
    .regex(/^http:\/\/127\.0\.0\.1:\d+$/, 'expected http://127.0.0.1:PORT')
    .prefault('http://127.0.0.1:15443'),
  CDK_DEFAULT_ACCOUNT: z
    .string()
    .regex(/^\d{12}$/, 'expected the 12 digits of an AWS account')
    .prefault('111122223333'),
  CDK_DEFAULT_REGION: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'expected an AWS region')
    .prefault('us-east-1'),
  TOKEN_KEYS: z.string().transform(readKeys).optional(),
  CHAOS_FOLDER: z.string().regex(/^\//, 'expected an absolute path').optional(),
  CHAOS_PROXY: z
    .string()
    .regex(/^http:\/\/127\.0\.0\.1:\d+$/, 'expected http://127.0.0.1:PORT')
    .optional(),
})

/** What a deployer may set in the environment; defaults filled in. */
export type Settings = {
  /** Upper bound of a decoded document, in MiB. */
  readonly maxDocumentSizeMb: number
  /** Documents that a user may send for a network within 24 hours. */
  readonly maxAttempts: number
  readonly verificationDelaySeconds: number
  /** Upper bound of concurrent invocations of the wallet function. */
  readonly maxConcurrentGenerations: number
  readonly net: Net
  readonly kafkaBootstrapServers: readonly string[]
  readonly databaseUrl: string
  readonly postLimit: PostLimit
  /** Where the issuer of the local stack's tokens answers: `npm start` sets it. */
  readonly tokenIssuer: string
  /** That issuer's public keys, where the functions run in containers and cannot ask it for them. */
  readonly tokenKeys: TokenSettings['keys']
  /** Set by `npm run chaos` for the stack that it starts. The stage `local` alone looks at it. */
  readonly chaos: ChaosSettings | undefined
  /**
   * Where a deployed stage goes. The CDK CLI sets both by the credentials that it finds; without any, the account of
   * AWS's documentation, so that templates can be written offline: the CLI deploys into no account but its own.
   */
  readonly account: string
  readonly region: string
}

/** A setting that cannot be used. The message names each one, what was expected and what was got. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/**
 * Reads the settings of a deployment from the environment. An empty variable counts as absent.
 *
 * @throws {SettingsError} when one is malformed, or when `MNEMONIC` is set.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  if (environment.MNEMONIC !== undefined) {
    throw new SettingsError(
      'MNEMONIC is refused: an environment variable is readable by every child process and ends up in shell histories and crash dumps. ' +
        'Unset it. To start a local stack with a mnemonic of your own, write it to a file that only you can read and give --mnemonic-file FILE.',
    )
  }
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const parsed = settingsSchema.safeParse(given)
  if (!parsed.success) {
    throw new SettingsError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'))
  }
  const { data } = parsed
  return {
    maxDocumentSizeMb: data.MAX_DOCUMENT_SIZE_MB,
    maxAttempts: data.MAX_ATTEMPTS,
    verificationDelaySeconds: data.VERIFICATION_DELAY_SECONDS,
    maxConcurrentGenerations: data.MAX_CONCURRENT_GENERATIONS,
    net: { walletOverdueSeconds: data.WALLET_OVERDUE_SECONDS, verdictOverdueSeconds: data.VERDICT_OVERDUE_SECONDS },
    kafkaBootstrapServers: data.KAFKA_BOOTSTRAP_SERVERS.split(','),
    databaseUrl: data.DATABASE_URL,
    postLimit: { capacity: data.POST_LIMIT_CAPACITY, refillPerSecond: data.POST_LIMIT_REFILL_PER_SECOND },
    tokenIssuer: data.TOKEN_ISSUER,
    tokenKeys: data.TOKEN_KEYS,
    chaos:
      data.CHAOS_FOLDER === undefined || data.CHAOS_PROXY === undefined
        ? undefined
        : { crashPointFolder: data.CHAOS_FOLDER, proxyUrl: data.CHAOS_PROXY },
    account: data.CDK_DEFAULT_ACCOUNT,
    region: data.CDK_DEFAULT_REGION,
  }
}
