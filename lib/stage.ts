// What a deployment may differ in from another, as a type; what stands before its API is in `stage-edge.ts`. The rows are
// in `stage-table.ts`; constructs read them, and nothing else decides by a stage's name.
import type { TokenSettings } from '../functions/authorize/environment.ts'
import type { PostLimit } from '../functions/intake/rate-limit.ts'
import type { BitcoinNetwork } from '../shared/model.ts'
import type { FunctionName } from './bundle.ts'
import type { DomainSettings, FirewallSettings, GatewayLimit } from './stage-edge.ts'

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

/** Kafka and Postgres that exist already, at addresses: those of the local stack. */
export type ExternalKafka = { readonly kind: 'external'; readonly bootstrapServers: readonly string[] }
export type ExternalDatabase = {
  readonly kind: 'external'
  readonly host: string
  readonly port: number
  readonly name: string
}

/** An Amazon MSK cluster of our own, with provisioned brokers, in KRaft mode. */
export type MskKafka = {
  readonly kind: 'msk'
  readonly version: string
  readonly brokerType: string
  /** A multiple of the availability zones. */
  readonly brokers: number
  /** GiB of each broker. Undefined: express brokers, whose storage is not ours to size. */
  readonly storageGib: number | undefined
  readonly replicationFactor: number
  /** Replicas that must have a record before it is acknowledged. Undefined: express brokers, which fix it at 2. */
  readonly minimumInSyncReplicas: number | undefined
  /** Event pollers of the mapping, which are paid by the hour; one serves 5 invocations at once. */
  readonly pollers: { readonly minimum: number; readonly maximum: number }
}

/** An Aurora PostgreSQL cluster of our own, on instances that scale by themselves. */
export type AuroraDatabase = {
  readonly kind: 'aurora'
  readonly name: string
  /** Aurora capacity units of each instance, of 2 GiB of memory. */
  readonly capacity: { readonly minimum: number; readonly maximum: number }
  /** Instances beside the writer, in other availability zones: one of them takes over when it fails. */
  readonly readers: number
  readonly backupDays: number
  /** `max_connections`, which Aurora derives from the largest capacity: what the functions may open together stays below. */
  readonly maximumConnections: number
}

/** Services that functions call by an interface endpoint of the VPC, each paid by the hour and zone. */
export type InterfaceService = 'kms' | 'secretsmanager' | 'lambda' | 'sqs'

/** A network of our own, without a way to the internet. */
export type Network = {
  /** Zones that it spans: one endpoint of each service, and one broker at least, in each. */
  readonly availabilityZones: number
  readonly interfaceServices: readonly InterfaceService[]
  readonly flowLogDays: 30 | 365
}

/** Tokens of a Cognito user pool that is deployed with the data: for users of one application, and for services. */
export type UserPoolTokens = { readonly kind: 'user-pool'; readonly callbackUrls: readonly string[] }

/** What may be spent before somebody is told: US dollars a month, of the whole account. */
export type Oversight = { readonly monthlyBudget: number; readonly trailDays: number }

/** When the sweep takes something for missing, and sets it going again. */
export type Net = {
  /** Since `user.verified` was announced, without a wallet. */
  readonly walletOverdueSeconds: number
  /** Since the upload, without a verdict. Undefined: as long as the verification queue itself tries. */
  readonly verdictOverdueSeconds: number | undefined
}

/** What a chaos run puts between the functions and what they rely on. */
export type ChaosSettings = {
  /** The folder in which points are armed at which a function ends; compiled into the bundles. */
  readonly crashPointFolder: string
  /** Answers in the place of KMS and S3. */
  readonly proxyUrl: string
}

/** One row of the stage table. */
export type Stage = {
  readonly name: 'local' | 'dev' | 'prod'
  readonly account: string
  readonly region: string
  readonly architecture: 'x86_64' | 'arm64'
  readonly kafka: ExternalKafka | MskKafka
  readonly database: ExternalDatabase | AuroraDatabase
  /** Undefined: functions are in no VPC. */
  readonly network: Network | undefined
  readonly topics: {
    readonly userVerified: Topic
    readonly userVerifiedDeadLetter: Topic
    readonly walletCreated: Topic
  }
  readonly walletTrigger: WalletTrigger
  readonly net: Net
  /** How often one caller may POST: a token bucket of each caller's own. */
  readonly postLimit: PostLimit
  /** How often a method may be called by all callers together; the gateway answers 429 above that. */
  readonly gatewayLimits: { readonly post: GatewayLimit; readonly others: GatewayLimit }
  /** Whose access tokens are let in. Undefined: nobody's; the API then answers 401 to all but its public routes. */
  readonly tokens: TokenSettings | UserPoolTokens | undefined
  readonly maxDocumentSizeMb: number
  /** Documents that a user may send for a network within 24 hours, until one is verified. */
  readonly maxAttempts: number
  /** For how long a document that passed is kept, unless a legal hold keeps it or somebody has it erased. */
  readonly documentRetentionDays: number
  readonly verificationDelaySeconds: number
  /** Messages that one verification invocation takes, and how many of them run at once. */
  readonly verificationBatchSize: number
  readonly verificationMaximumConcurrency: number
  /**
   * Invocations at once that a function has for itself, and never more. Undefined: none has; the functions share what
   * the account has. A new account has 10 and reserves none, since 100 must stay free.
   */
  readonly reservedConcurrency: Readonly<Partial<Record<FunctionName, number>>> | undefined
  /** Whether a function may make the mnemonic. Everywhere but in `local` that is a ceremony of people. */
  readonly provisionsRoot: boolean
  /**
   * SHA-256 that commits to the root (64 hexadecimal digits): the wallet function derives from no other. `of-record`:
   * whatever the vault's own record commits to. Undefined: none was imported yet, and nothing is opened.
   */
  readonly rootCommitment: 'of-record' | string | undefined
  /** The Bitcoin network that addresses are for; testnet has a coin type and prefixes of its own. */
  readonly bitcoinNetwork: BitcoinNetwork
  /** Whether the wallet function derives from mnemonics that anybody can know. */
  readonly acceptsPublicMnemonics: boolean
  /** Requires TLS in bucket and queue policies: off where the emulator speaks plain http on loopback. */
  readonly enforcesTls: boolean
  /** Requires the encryption context in key policies: off where the emulator never presents it. */
  readonly requiresEncryptionContext: boolean
  /** Whether stateful resources are kept when a stack is deleted. */
  readonly keepsData: boolean
  /**
   * Whether users of the account may take on the functions' roles, where their own policies let them: so that a test can
   * try what each role may do. Elsewhere only the service that a role is for may.
   */
  readonly accountTakesOnRoles: boolean
  /** Whether the templates are held against cdk-nag's rules of AWS: not where an emulator keeps them from being met. */
  readonly meetsAwsSolutions: boolean
  /** The system that functions run on: Lambda's, or this machine's, where the emulator runs them as its own processes. */
  readonly operatingSystem: NodeJS.Platform
  /** Options of the Node that functions run with: stacks of errors name our sources, by the maps beside the bundle. */
  readonly nodeOptions: string
  /** How long lines of functions and of the API are kept: long enough to look into a complaint, and no longer. */
  readonly logRetentionDays: 30 | 90
  /** Undefined: nothing stands before the API. */
  readonly firewall: FirewallSettings | undefined
  readonly domain: DomainSettings | undefined
  /**
   * What watches the stage beside its own metrics: a trail with rules on the vault's key, alarms by metric math, composite
   * alarms, a budget. Undefined: none of it, since the emulator has none of it.
   */
  readonly oversight: Oversight | undefined
  /** Whether it lives in the emulator of `npm start`, which alone deploys it; operators reach it by its state folder. */
  readonly emulated: boolean
  /** What `npm run chaos` does to a stack of its own. A deployed stage has none, whatever its deployer's environment says. */
  readonly chaos: ChaosSettings | undefined
  /** Whether whoever imports the root must have signed in with a second factor. The emulator knows none. */
  readonly importNeedsMfa: boolean
}
