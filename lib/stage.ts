// The stage table: everything in which one deployment differs from another, as data.
// Constructs read it; nothing else decides by a stage's name.
import { z } from 'zod'
import type { TokenSettings } from '../functions/authorize/environment.ts'
import type { PostLimit } from '../functions/intake/rate-limit.ts'
import type { BitcoinNetwork } from '../shared/model.ts'

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

const settingsSchema = z.object({
  MAX_DOCUMENT_SIZE_MB: positiveInteger(1024).prefault('10'),
  VERIFICATION_DELAY_SECONDS: delaySeconds.prefault('3'),
  MAX_CONCURRENT_GENERATIONS: positiveInteger(10_000).prefault('50'),
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
  /** JSON of the issuer's public keys, for functions that run in containers and cannot ask it. */
  TOKEN_KEYS: z
    .string()
    .transform((text) => JSON.parse(text) as NonNullable<TokenSettings['keys']>)
    .optional(),
})

/** What a deployer may set in the environment; defaults filled in. */
export type Settings = {
  /** Upper bound of a decoded document, in MiB. */
  readonly maxDocumentSizeMb: number
  readonly verificationDelaySeconds: number
  /** Upper bound of concurrent invocations of the wallet function. */
  readonly maxConcurrentGenerations: number
  readonly kafkaBootstrapServers: readonly string[]
  readonly databaseUrl: string
  readonly postLimit: PostLimit
  /** Where the issuer of the local stack's tokens answers: `npm start` sets it. */
  readonly tokenIssuer: string
  /** That issuer's public keys, where the functions cannot ask it for them. */
  readonly tokenKeys: TokenSettings['keys']
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
  return {
    maxDocumentSizeMb: parsed.data.MAX_DOCUMENT_SIZE_MB,
    verificationDelaySeconds: parsed.data.VERIFICATION_DELAY_SECONDS,
    maxConcurrentGenerations: parsed.data.MAX_CONCURRENT_GENERATIONS,
    kafkaBootstrapServers: parsed.data.KAFKA_BOOTSTRAP_SERVERS.split(','),
    databaseUrl: parsed.data.DATABASE_URL,
    postLimit: {
      capacity: parsed.data.POST_LIMIT_CAPACITY,
      refillPerSecond: parsed.data.POST_LIMIT_REFILL_PER_SECOND,
    },
    tokenIssuer: parsed.data.TOKEN_ISSUER,
    tokenKeys: parsed.data.TOKEN_KEYS,
  }
}

/** API Gateway's own token bucket, of each method. */
export type GatewayLimit = { readonly requestsPerSecond: number; readonly burst: number }

/** One Kafka topic, as it is created on MSK and locally. */
export type Topic = {
  readonly name: string
  readonly partitions: number
  readonly retentionHours: number
}

/**
 * How Kafka records reach the wallet function: the settings of Lambda's event source mapping for Kafka.
 * One object feeds both the mapping on AWS and the trigger that stands in for it locally.
 */
export type WalletTrigger = {
  readonly topic: string
  readonly consumerGroupId: string
  /** Records in one invocation at most. */
  readonly batchSize: number
  /** How long to gather a batch that is not full. */
  readonly maximumBatchingWindowSeconds: number
  /** How often a failing batch is tried again before its records go to the destination. */
  readonly maximumRetryAttempts: number
  readonly maximumRecordAgeSeconds: number
  readonly bisectBatchOnFunctionError: boolean
  /** Invocations at once, at most; never more than the topic has partitions. */
  readonly maximumConcurrency: number
  /** Kafka topic that receives what could not be processed. */
  readonly onFailureTopic: string
}

/** Kafka and Postgres that exist already, at addresses; later stages deploy their own. */
type ExternalKafka = { readonly kind: 'external'; readonly bootstrapServers: readonly string[] }
type ExternalDatabase = {
  readonly kind: 'external'
  readonly host: string
  readonly port: number
  readonly name: string
}

/** Tokens of a Cognito user pool that is deployed with the data: for users of one application, and for services. */
type UserPoolTokens = { readonly kind: 'user-pool'; readonly callbackUrls: readonly string[] }

/** One row of the stage table. */
export type Stage = {
  readonly name: 'local'
  readonly account: string
  readonly region: string
  readonly architecture: 'x86_64' | 'arm64'
  readonly kafka: ExternalKafka
  readonly database: ExternalDatabase
  readonly topics: {
    readonly userVerified: Topic
    readonly userVerifiedDeadLetter: Topic
    readonly walletCreated: Topic
  }
  readonly walletTrigger: WalletTrigger
  /** How often one caller may POST: a token bucket of each caller's own. */
  readonly postLimit: PostLimit
  /** How often a method may be called by all callers together; the gateway answers 429 above that. */
  readonly gatewayLimits: { readonly post: GatewayLimit; readonly others: GatewayLimit }
  /** Whose access tokens are let in. Undefined: nobody's; the API then answers 401 to all but its public routes. */
  readonly tokens: TokenSettings | UserPoolTokens | undefined
  readonly maxDocumentSizeMb: number
  readonly verificationDelaySeconds: number
  /** Messages that one verification invocation takes, and how many of them run at once. */
  readonly verificationBatchSize: number
  readonly verificationMaximumConcurrency: number
  /** Whether a function may make the mnemonic. Everywhere but in `local` that is a ceremony of people. */
  readonly provisionsRoot: boolean
  /**
   * Whether the account itself may also make data keys under the vault's key, as `npm start -- --mnemonic-file` does
   * with the deployer's credentials. Never more than wrapping: opening stays with the wallet function.
   */
  readonly accountWrapsRoot: boolean
  /** The Bitcoin network that addresses are for; testnet has a coin type and prefixes of its own. */
  readonly bitcoinNetwork: BitcoinNetwork
  /** Whether the wallet function checks the root commitment against the vault's own record or the table. */
  readonly acceptsPublicMnemonics: boolean
  /** Requires TLS in bucket and queue policies: off where the emulator speaks plain http on loopback. */
  readonly enforcesTls: boolean
  /** Requires the encryption context in key policies: off where the emulator never presents it. */
  readonly requiresEncryptionContext: boolean
  /** Whether stateful resources are kept when a stack is deleted. */
  readonly keepsData: boolean
}

const partitions = 6

/** `aud` of the tokens for a local stack. */
export const localAudience = 'verified-wallets'

function localStage(settings: Settings): Stage {
  const database = new URL(settings.databaseUrl)
  const userVerified = { name: 'user.verified', partitions, retentionHours: 7 * 24 }
  return {
    name: 'local',
    account: '000000000000',
    region: 'us-east-1',
    architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
    kafka: { kind: 'external', bootstrapServers: settings.kafkaBootstrapServers },
    database: {
      kind: 'external',
      host: database.hostname,
      port: Number(database.port || 5432),
      name: database.pathname.slice(1) || 'wallets',
    },
    topics: {
      userVerified,
      userVerifiedDeadLetter: { name: 'user.verified.dead-letter', partitions: 1, retentionHours: 14 * 24 },
      walletCreated: { name: 'wallet.created', partitions, retentionHours: 7 * 24 },
    },
    walletTrigger: {
      topic: userVerified.name,
      consumerGroupId: 'wallet',
      batchSize: 100,
      maximumBatchingWindowSeconds: 0,
      // With the pauses between them about half an hour: an outage of Postgres or KMS shorter than that dead-letters
      // nothing. The price: a record that crashes the function each time delays its partition for as long.
      maximumRetryAttempts: 240,
      maximumRecordAgeSeconds: 24 * 3600,
      bisectBatchOnFunctionError: true,
      maximumConcurrency: Math.min(settings.maxConcurrentGenerations, userVerified.partitions),
      onFailureTopic: 'user.verified.dead-letter',
    },
    postLimit: settings.postLimit,
    // What AWS gives an account: no test and no bench meets it.
    gatewayLimits: {
      post: { requestsPerSecond: 10_000, burst: 5000 },
      others: { requestsPerSecond: 10_000, burst: 5000 },
    },
    tokens: {
      ...{ issuer: settings.tokenIssuer, algorithm: 'ES256', audiences: [localAudience] },
      keys: settings.tokenKeys,
    },
    maxDocumentSizeMb: settings.maxDocumentSizeMb,
    verificationDelaySeconds: settings.verificationDelaySeconds,
    verificationBatchSize: 5,
    verificationMaximumConcurrency: 2,
    provisionsRoot: true,
    accountWrapsRoot: true,
    // As where money is: the same addresses as any wallet shows for the same mnemonic and path.
    bitcoinNetwork: 'mainnet',
    acceptsPublicMnemonics: true,
    enforcesTls: false,
    requiresEncryptionContext: false,
    keepsData: false,
  }
}

const stages = { local: localStage } as const

/**
 * The stage of that name.
 *
 * @throws {SettingsError} when there is none.
 */
export function findStage(name: string, settings: Settings): Stage {
  if (!Object.hasOwn(stages, name)) {
    throw new SettingsError(`expected a stage of ${Object.keys(stages).join(', ')}; got "${name}"`)
  }
  return stages[name as keyof typeof stages](settings)
}
