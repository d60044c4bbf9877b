// The row `prod` of the stage table: real wallets.
import type { Settings } from './settings.ts'
import type { Stage } from './stage.ts'
import { deployed, makeTopics, makeWalletTrigger } from './stage-common.ts'

export function prodStage({ account, region }: Settings): Stage {
  // Twice the most wallet invocations of the benchmark's peak: partitions can be added, never taken away, and more of
  // them later would send a user's records to another partition.
  const partitions = 12
  return {
    ...deployed,
    name: 'prod',
    account,
    region,
    kafka: {
      kind: 'msk',
      version: '3.9.x.kraft',
      // Storage and patches are MSK's business, 3 replicas in 3 zones are fixed, and it takes 100 new IAM connections a second.
      brokerType: 'express.m7g.large',
      brokers: 3,
      storageGib: undefined,
      replicationFactor: 3,
      minimumInSyncReplicas: undefined,
      pollers: { minimum: 1, maximum: 3 },
    },
    database: {
      kind: 'aurora',
      name: 'wallets',
      capacity: { minimum: 1, maximum: 8 },
      readers: 1,
      backupDays: 35,
      maximumConnections: 1669,
    },
    network: { availabilityZones: 3, interfaceServices: ['kms', 'secretsmanager', 'lambda'], flowLogDays: 365 },
    topics: makeTopics(partitions),
    walletTrigger: makeWalletTrigger(partitions),
    postLimit: { capacity: 20, refillPerSecond: 1 },
    gatewayLimits: {
      post: { requestsPerSecond: 100, burst: 200 },
      others: { requestsPerSecond: 500, burst: 1000 },
    },
    verificationMaximumConcurrency: 10,
    reservedConcurrency: undefined,
    bitcoinNetwork: 'mainnet',
    keepsData: true,
  }
}
