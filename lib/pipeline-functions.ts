// The functions between a document and a wallet: inspect, verification, wallet, announce; and what calls them.
import { Duration, type Stack } from 'aws-cdk-lib'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda'
import type { AnnounceEnvironment } from '../functions/announce/environment.ts'
import type { InspectEnvironment } from '../functions/inspect/environment.ts'
import type { VerificationEnvironment } from '../functions/verification/environment.ts'
import type { WalletEnvironment } from '../functions/wallet/environment.ts'
import { FunctionIdentity } from './function-identity.ts'
import { type AnyFunction, ServiceFunction, type Surroundings } from './service-function.ts'
import { WalletMapping } from './wallet-mapping.ts'

/** `announce`, called by a schedule and by whoever has something to announce. */
export function addAnnounce(scope: Stack, around: Surroundings): AnyFunction {
  const { database, documents, vault, vpc } = around.data
  const { walletOverdueSeconds, verdictOverdueSeconds } = around.stage.net
  const identity = new FunctionIdentity(scope, 'AnnounceIdentity', { vpc })
  const announce = new ServiceFunction<AnnounceEnvironment>(scope, 'Announce', {
    ...around,
    name: 'announce',
    identity,
    description: 'Publishes what is committed and not yet announced, and again what led to nothing',
    environment: {
      ...database.grantConnect(identity, 'announce'),
      ...around.events.grantPublishUserVerified(identity),
      ...around.events.grantPublishWalletCreated(identity),
      ...vault.grantDescribe(identity),
      ...documents.grantRequeue(identity),
      STAGE: around.stage.name,
      WALLET_OVERDUE_SECONDS: String(walletOverdueSeconds),
      VERDICT_OVERDUE_SECONDS: String(verdictOverdueSeconds ?? documents.retryHorizon.toSeconds()),
    },
    memorySize: 256,
    // Below the schedule's minute, so that sweeps do not pile up behind a Kafka that is away.
    timeout: Duration.seconds(50),
  })
  // A nudge or a tick that fails is not worth a retry: the next tick does the same.
  announce.function.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) })
  new Rule(scope, 'AnnounceSchedule', {
    description: 'Sweeps what a crash left unannounced',
    schedule: Schedule.rate(Duration.minutes(1)),
    targets: [new LambdaFunction(announce.function, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
  })
  return announce
}

/** `inspect`: in no network of ours. It reaches nothing but its object, and where it puts the copy that it cannot read. */
export function addInspect(scope: Stack, around: Surroundings): AnyFunction {
  const { documents, documentDataKey } = around.data
  const identity = new FunctionIdentity(scope, 'InspectIdentity', { vpc: undefined })
  return new ServiceFunction<InspectEnvironment>(scope, 'Inspect', {
    ...around,
    name: 'inspect',
    identity,
    description: 'Opens a document of a stranger: no database, no Kafka',
    environment: {
      ...documents.grantGet(identity),
      ...documents.grantKeep(identity),
      ...documentDataKey.grantUnwrap(identity),
      STAGE: around.stage.name,
    },
    // One full core: decoding is all computation. It also holds the pixels of a large photograph.
    memorySize: 1769,
    // A document that fits takes a second or two; what takes longer is made to, and its parser is killed after 10 s. Then
    // there is time to keep the copy.
    timeout: Duration.seconds(13),
  })
}

/** `verification`, called by the queue of new documents. */
export function addVerification(scope: Stack, around: Surroundings, inspect: AnyFunction): AnyFunction {
  const { stage } = around
  const { database, documents, dataKeys, documentDataKey, documentMacKey, vpc } = around.data
  const identity = new FunctionIdentity(scope, 'VerificationIdentity', { vpc })
  const verification = new ServiceFunction<VerificationEnvironment>(scope, 'Verification', {
    ...around,
    name: 'verification',
    identity,
    description: 'Commits the verdict on a document, then publishes it',
    environment: {
      ...database.grantConnect(identity, 'verification'),
      ...around.events.grantPublishUserVerified(identity),
      ...documentDataKey.grantMake(identity),
      ...dataKeys.grantKeep(identity),
      ...documents.grantDelete(identity),
      STAGE: stage.name,
      INSPECT_FUNCTION: inspect.grantInvoke(identity),
      ...documentMacKey.grantMac(identity),
    },
    memorySize: 256,
    timeout: documents.consumerTimeout,
  })
  documents.grantConsume(identity)
  new EventSourceMapping(scope, 'VerificationMapping', {
    target: verification.function,
    eventSourceArn: documents.queue.queueArn,
    batchSize: stage.verificationBatchSize,
    maxConcurrency: stage.verificationMaximumConcurrency,
    reportBatchItemFailures: true,
  })
  return verification
}

/** `wallet`, called for records of Kafka. */
export function addWallet(scope: Stack, around: Surroundings, announce: AnyFunction): AnyFunction {
  const { stage } = around
  const { database, vault, vpc } = around.data
  const identity = new FunctionIdentity(scope, 'WalletIdentity', { role: vault.walletRole, vpc })
  around.events.grantConsumeUserVerified(identity)
  return new ServiceFunction<WalletEnvironment>(scope, 'Wallet', {
    ...around,
    name: 'wallet',
    identity,
    description: 'Derives addresses: the only one that opens the vault',
    environment: {
      ...database.grantConnect(identity, 'wallet'),
      ...vault.grantOpen(identity),
      STAGE: stage.name,
      BITCOIN_NETWORK: stage.bitcoinNetwork,
      ROOT_COMMITMENT: stage.rootCommitment ?? 'none',
      ACCEPT_PUBLIC_MNEMONICS: stage.acceptsPublicMnemonics ? 'true' : 'false',
      ANNOUNCE_FUNCTION: announce.grantInvoke(identity),
    },
    // One full core: a batch is a hundred derivations on elliptic curves.
    memorySize: 1769,
    // The database has 20 s and the vault some more (main.ts); the derivations take a second or two.
    timeout: Duration.minutes(1),
  })
}

/** What calls `wallet`; undefined: the local trigger, since Kafka is somebody else's. */
export function addWalletMapping(scope: Stack, around: Surroundings, wallet: AnyFunction): WalletMapping | undefined {
  const { kafka, walletTrigger } = around.stage
  const { kafka: cluster } = around.data
  if (kafka.kind !== 'msk' || cluster === undefined) return undefined
  return new WalletMapping(scope, 'WalletMapping', { walletTrigger, kafka, cluster, wallet })
}
