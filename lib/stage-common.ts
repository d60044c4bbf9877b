// What rows of the stage table have in common.
import type { Stage, WalletTrigger } from './stage.ts'

/** A week: longer than any outage that nobody noticed. */
const retentionHours = 7 * 24

/** The dead letters of a Friday are still there a fortnight later. */
export const makeTopics = (partitions: number) => ({
  userVerified: { name: 'user.verified', partitions, retentionHours },
  userVerifiedDeadLetter: { name: 'user.verified.dead-letter', partitions: 1, retentionHours: 14 * 24 },
  walletCreated: { name: 'wallet.created', partitions, retentionHours },
})

/** The same everywhere but for the concurrency: what was tried in `local` is what runs. */
export const makeWalletTrigger = (maximumConcurrency: number): WalletTrigger => ({
  topic: 'user.verified',
  consumerGroupId: 'wallet',
  batchSize: 100,
  maximumBatchingWindowSeconds: 0,
  // A record that crashes the function each time is alone after 7 halvings of its batch and goes aside 11 attempts later: it
  // holds up its partition for 18 invocations, of a minute at most. The function tries half a minute by itself, so an
  // outage of five minutes dead-letters nothing; what a longer one does is set going again by announce.
  maximumRetryAttempts: 10,
  // As long as the topic has it: a consumer that was stopped for days takes up where it was.
  maximumRecordAgeSeconds: retentionHours * 3600,
  bisectBatchOnFunctionError: true,
  maximumConcurrency,
  onFailureTopic: 'user.verified.dead-letter',
})

/** What `dev` and `prod` have in common: what makes them safe does not differ. */
export const deployed = {
  // A fifth cheaper than x86_64, at the same speed or better for this work.
  architecture: 'arm64',
  // An access token is somebody's only by the deployer's choice of an issuer; a user pool of our own until then.
  tokens: { kind: 'user-pool', callbackUrls: ['http://localhost:3000/callback'] },
  maxDocumentSizeMb: 10,
  // Whoever photographs a document for the tenth time is helped by a person rather than by another try.
  maxAttempts: 10,
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
