// The row `local` of the stage table: one machine, no account. The only one that the environment has a say in.
import type { Settings } from './settings.ts'
import type { Stage } from './stage.ts'
import { makeTopics, makeWalletTrigger } from './stage-common.ts'

/** `aud` of the tokens for a local stack. */
export const localAudience = 'verified-wallets'

export function localStage(settings: Settings): Stage {
  const database = new URL(settings.databaseUrl)
  const partitions = 6
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
    network: undefined,
    topics: makeTopics(partitions),
    walletTrigger: makeWalletTrigger(Math.min(settings.maxConcurrentGenerations, partitions)),
    net: settings.net,
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
    maxAttempts: settings.maxAttempts,
    documentRetentionDays: 30,
    verificationDelaySeconds: settings.verificationDelaySeconds,
    verificationBatchSize: 5,
    verificationMaximumConcurrency: 2,
    reservedConcurrency: undefined,
    provisionsRoot: true,
    rootCommitment: 'of-record',
    // As where money is: the same addresses as any wallet shows for the same mnemonic and path.
    bitcoinNetwork: 'mainnet',
    acceptsPublicMnemonics: true,
    enforcesTls: false,
    requiresEncryptionContext: false,
    keepsData: false,
    accountTakesOnRoles: true,
    meetsAwsSolutions: false,
    operatingSystem: process.platform,
    // What the emulator puts around a function calls url.parse, and each cold start would say so. Nor does it bound memory.
    nodeOptions: `--enable-source-maps --disable-warning=DEP0169${settings.chaos ? ' --max-old-space-size=256' : ''}`,
    logRetentionDays: 30,
    // The emulator knows no firewall before an API.
    firewall: undefined,
    domain: undefined,
    oversight: undefined,
    emulated: true,
    chaos: settings.chaos,
    importNeedsMfa: false,
  }
}
