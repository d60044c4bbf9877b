// The inputs of docs/scale.md: what was measured, what is assumed, what others' limits and prices are. Nothing is computed here.
import { readSettings } from '../lib/settings.ts'
import { findStage } from '../lib/stage-table.ts'

/** The stage whose settings are held against the need. */
export const prod = findStage('prod', readSettings({}))

/** On 29 and 30 November 2026, on two cores. CPU in milliseconds, sizes in bytes, of a user with one wallet. */
export const measured = {
  /** `npm run bench -- bytes`: CPU of Postgres, when nobody else used the cores. */
  databaseCpu: { document: 1.27, wallet: 0.03, announcement: 0.03, look: 0.03, read: 0.03 },
  /** `npm run bench -- bytes`: WAL. */
  wal: { document: 5157, wallet: 1483, announcement: 875, look: 775 },
  /** `npm run bench -- bytes`: a user, of a million; more than half of it is what each check of a document came to. */
  tableBytes: 2012,
  indexBytes: 856,
  /** The same, of the largest table. */
  largestTableBytes: 1177,
  /** `npm run bench -- bytes`: key, value and headers of a record. */
  recordBytes: { userVerified: 499, walletCreated: 458 },
  /** `npm run bench -- bytes`: the longest of the pages of 500, on a day when others used the machine; 0.02 when none did. */
  announcementPageSeconds: 0.4,
  /** `npm run bench -- batch`, while others used the cores: CPU of a wallet in a batch: deriving, checking, statements. */
  walletCpu: 0.29,
} as const

export const assumed = {
  /** Days in which all users come: one of a hundred a day. */
  growthDays: 100,
  /** The busiest hour of a day, of its mean: a sine that is 0 at night. */
  peakFactor: 2,
  /** Users who read their wallet on a day, once, long after it was issued. */
  dailyReaders: 0.05,
  /** Requests of a new user: POST, three readings of the verification, one of the wallet (docs/operations.md, "Cost"). */
  requestsOfNewUser: 5,
  documentBytes: 1e6,
  /** Seconds that one invocation takes for one request, document or, besides its wallets' CPU, batch. */
  seconds: {
    intake: 0.3,
    verification: 0.5,
    inspect: 0.3,
    read: 0.01,
    batch: 0.05,
    publishInVain: 8,
    walletInVain: 30,
  },
  /** Of an ACU: a quarter of a vCPU (db.r6g.large has 2 with the memory of 8), to be used to a half. */
  vcpuOfAcu: 0.25,
  databaseUse: 0.5,
  /** Of capacity over need, where a setting is raised. */
  headroom: 1.5,
  /** A refused client tries again after that time, on average, for ever. */
  clientRetrySeconds: 60,
  daysOfMonth: 30,
  /** Six times the timeout of `verification` (lib/document-bucket.ts). */
  visibilitySeconds: 180,
  /** A container derives on for that long without asking KMS (functions/wallet/open-keyring.ts). */
  vaultOpenSeconds: 900,
} as const

/** Of others, each with its source. */
export const quotas = {
  /** BIP-32: hardened child numbers. */
  accountIndices: 2 ** 31,
  /** Lambda Developer Guide, "Lambda quotas": concurrent executions, can be raised. */
  lambdaConcurrency: 1000,
  /** API Gateway Developer Guide, "Amazon API Gateway quotas": a region, 2,500 in some; can be raised. */
  gatewayRequests: 10_000,
  /** S3 User Guide, "Optimizing performance": PUT a second and prefix, from memory; it divides prefixes by itself. */
  s3Puts: 3500,
  /** MSK Developer Guide, "Best practices for Express brokers": express.m7g.large, bytes in a second. */
  brokerBytes: 15e6,
  /** RDS API, `ServerlessV2ScalingConfiguration`: of one instance. */
  acus: 256,
  /** Aurora User Guide, "Managing Aurora PostgreSQL Limitless Database": a cluster; a table has 32 TiB. */
  auroraBytes: 128 * 2 ** 40,
  tableBytes: 32 * 2 ** 40,
} as const

/** US dollars, as docs/operations.md has them with their sources. */
export const prices = {
  gatewayMillion: 3.5,
  wafMillion: 0.6,
  lambdaGbSecond: 0.0000133334,
  lambdaMillion: 0.2,
  s3PutThousand: 0.005,
  s3GetThousand: 0.0004,
  s3GbMonth: 0.023,
  kmsTenThousand: 0.03,
  sqsMillion: 0.4,
  auroraIoMillion: 0.2,
  auroraGbMonth: 0.1,
  acuHour: 0.12,
  logGb: 0.5,
  xrayMillion: 5,
} as const

/** US dollars a month of `prod` that nobody uses (docs/operations.md, "Idle, a month"). */
export const idleMonth = 1327

/** Of a million new users with one wallet each: the amounts of docs/operations.md, "A million wallets". */
export const amountsOfMillion = {
  requests: 5e6,
  lambdaGbSeconds: 0.9e6,
  lambdaRequests: 13e6,
  s3Puts: 3e6,
  s3Gets: 1e6,
  s3GbMonths: 1000,
  kmsRequests: 3e6,
  sqsRequests: 3e6,
  auroraIos: 50e6,
  logGb: 10,
  traces: 2.7e6,
} as const
