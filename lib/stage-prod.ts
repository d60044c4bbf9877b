// The row `prod` of the stage table: real wallets.
import type { Settings } from './settings.ts'
import type { Stage } from './stage.ts'
import { deployed, makeTopics, makeWalletTrigger } from './stage-common.ts'

export function prodStage({ account, region }: Settings): Stage {
  // As many invocations at once, of 100 wallets each: more than the 100 POST a second that are let in ever need, since
  // partitions can be added but never taken away, and each change sends a user's later records to another one.
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
      // The first request of a quiet night is served without scaling first; the maximum is what bounds the connections.
      capacity: { minimum: 1, maximum: 8 },
      readers: 1,
      backupDays: 35,
      maximumConnections: 1669,
    },
    network: { availabilityZones: 3, interfaceServices: ['kms', 'secretsmanager', 'lambda', 'sqs'], flowLogDays: 365 },
    topics: makeTopics(partitions),
    walletTrigger: makeWalletTrigger(partitions),
    postLimit: { capacity: 20, refillPerSecond: 1 },
    // POST: 30 uploads at once at about 0.3 s each, a tenth of the 1000 invocations that an account has, so that the
    // pipeline behind has the rest; 8.6 million a day. The others are reads, mostly of polling clients.
    gatewayLimits: {
      post: { requestsPerSecond: 100, burst: 200 },
      others: { requestsPerSecond: 500, burst: 1000 },
    },
    verificationMaximumConcurrency: 10,
    // Of the 1000 of an account that is no longer new; see `docs/decisions.md`, "Connections".
    reservedConcurrency: {
      intake: 60,
      read: 100,
      verification: 10,
      inspect: 50,
      wallet: partitions,
      announce: 5,
      erase: 5,
    },
    bitcoinNetwork: 'mainnet',
    keepsData: true,
    // As long as a complaint about a document takes, and an intrusion to be found out.
    logRetentionDays: 90,
    // A quarter of what the gateway lets through in that time: a big client's server may be one address, and one flooder
    // must not use up what is everybody's.
    firewall: { requestsPerAddress: 45_000 },
    // Five years, leap days included: for as long as the EU's rules against money laundering want evidence of who a customer
    // is (Directive (EU) 2015/849, article 40). They count from the end of the relation, which is not known here: where that
    // is longer, a legal hold keeps it.
    documentRetentionDays: 1827,
    // Who did what to the key must be known for longer than anybody takes to ask.
    oversight: { monthlyBudget: 2000, trailDays: 2 * 365 },
  }
}
