// What rows of the stage table have in common.
import type { Stage, WalletTrigger } from './stage.ts'

/** A week is longer than any outage that nobody noticed; the dead letters of a Friday are still there a fortnight later. */
export const makeTopics = (partitions: number) => ({
  userVerified: { name: 'user.verified', partitions, retentionHours: 7 * 24 },
  userVerifiedDeadLetter: { name: 'user.verified.dead-letter', partitions: 1, retentionHours: 14 * 24 },
  walletCreated: { name: 'wallet.created', partitions, retentionHours: 7 * 24 },
})

/** What does not differ: what was tried in `local` is what runs. */
const walletTrigger = {
  topic: 'user.verified',
  consumerGroupId: 'wallet',
  batchSize: 100,
  maximumBatchingWindowSeconds: 0,
  maximumRecordAgeSeconds: 24 * 3600,
  bisectBatchOnFunctionError: true,
  onFailureTopic: 'user.verified.dead-letter',
} as const satisfies Partial<WalletTrigger>

export const localWalletTrigger = (maximumConcurrency: number): WalletTrigger => ({
  ...walletTrigger,
  // With the pauses between them about half an hour: an outage of Postgres or KMS shorter than that dead-letters
  // nothing. The price: a record that crashes the function each time delays its partition for as long.
  maximumRetryAttempts: 240,
  maximumConcurrency,
})

export const deployedWalletTrigger = (maximumConcurrency: number): WalletTrigger => ({
  ...walletTrigger,
  // As many as Lambda takes: how long it pauses between them is not documented, so what ends the retries is the age of a
  // record. An outage shorter than a day dead-letters nothing; a record that crashes the function delays its partition
  // until somebody acts on the alarm.
  maximumRetryAttempts: 10_000,
  maximumConcurrency,
})

/** What `dev` and `prod` have in common: what makes them safe does not differ. */
export const deployed = {
  // A fifth cheaper than x86_64, at the same speed or better for this work.
  architecture: 'arm64',
  // An access token is somebody's only by the deployer's choice of an issuer; a user pool of our own until then.
  tokens: { kind: 'user-pool', callbackUrls: ['http://localhost:3000/callback'] },
  maxDocumentSizeMb: 10,
  verificationDelaySeconds: 3,
  // Ten times what is promised for 99 % of the wallets.
  net: { walletOverdueSeconds: 600, verdictOverdueSeconds: undefined },
  verificationBatchSize: 5,
  provisionsRoot: false,
  rootCommitment: undefined,
  acceptsPublicMnemonics: false,
  enforcesTls: true,
  requiresEncryptionContext: true,
  accountTakesOnRoles: false,
  meetsAwsSolutions: true,
  operatingSystem: 'linux',
  nodeOptions: '--enable-source-maps',
  // A domain name and its certificate are the deployer's.
  domain: undefined,
  emulated: false,
  chaos: undefined,
  importNeedsMfa: true,
} as const satisfies Partial<Stage>
