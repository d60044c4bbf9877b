// The row `dev` of the stage table: as `prod`, as small as it goes, and nothing of it is kept.
import type { Settings } from './settings.ts'
import type { Stage } from './stage.ts'
import { deployed, makeTopics, makeWalletTrigger } from './stage-common.ts'

export function devStage({ account, region }: Settings): Stage {
  const partitions = 6
  return {
    ...deployed,
    name: 'dev',
    account,
    region,
    kafka: {
      kind: 'msk',
      // The newest that both kinds of broker have been documented for: dev is to find what prod would.
      version: '3.9.x.kraft',
      // The smallest. It takes 4 new IAM connections a second, so cold starts in a crowd wait for each other.
      brokerType: 'kafka.t3.small',
      brokers: 2,
      storageGib: 20,
      replicationFactor: 2,
      // One broker may be patched or fail, and records are taken all the same.
      minimumInSyncReplicas: 1,
      pollers: { minimum: 1, maximum: 2 },
    },
    database: {
      kind: 'aurora',
      name: 'wallets',
      // Never less than the smallest that runs: the sweep of each minute keeps connections open, so it never pauses.
      capacity: { minimum: 0.5, maximum: 4 },
      readers: 0,
      backupDays: 7,
      maximumConnections: 823,
    },
    network: { availabilityZones: 2, interfaceServices: ['kms', 'secretsmanager', 'lambda', 'sqs'], flowLogDays: 30 },
    topics: makeTopics(partitions),
    walletTrigger: makeWalletTrigger(partitions),
    postLimit: { capacity: 20, refillPerSecond: 1 },
    // A new account runs 10 invocations at once, and an upload takes one for about 0.3 s: half of them for POST.
    gatewayLimits: {
      post: { requestsPerSecond: 15, burst: 30 },
      others: { requestsPerSecond: 50, burst: 100 },
    },
    verificationMaximumConcurrency: 2,
    // Deploys into a new account. Postgres refuses the connections that it has no room for, and callers get 503.
    reservedConcurrency: undefined,
    // Its coins are worth nothing.
    bitcoinNetwork: 'testnet',
    keepsData: false,
    logRetentionDays: 30,
    // A twentieth of what the gateway lets through in that time.
    firewall: { requestsPerAddress: 1000 },
    // Long enough to look into what a test left.
    documentRetentionDays: 30,
    // Half as much again as it costs at idle.
    oversight: { monthlyBudget: 450, trailDays: 90 },
  }
}
