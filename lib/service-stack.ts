// What may be replaced: the functions, what calls them, and what each may do. State lives in the data stack.
import { CfnOutput, type CfnResource, Duration, Stack } from 'aws-cdk-lib'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda'
import { Trigger } from 'aws-cdk-lib/triggers'
import type { Construct } from 'constructs'
import type { AnnounceEnvironment } from '../functions/announce/environment.ts'
import type { AuthorizeEnvironment } from '../functions/authorize/environment.ts'
import type { DocsEnvironment } from '../functions/docs/environment.ts'
import type { InspectEnvironment } from '../functions/inspect/environment.ts'
import type { IntakeEnvironment } from '../functions/intake/environment.ts'
import type { MigrateEnvironment } from '../functions/migrate/environment.ts'
import type { OperateEnvironment } from '../functions/operate/environment.ts'
import type { ProvisionEnvironment } from '../functions/provision/environment.ts'
import type { ReadEnvironment } from '../functions/read/environment.ts'
import type { VerificationEnvironment } from '../functions/verification/environment.ts'
import type { WalletEnvironment } from '../functions/wallet/environment.ts'
import { Alarms } from './alarms.ts'
import type { Bundles } from './bundle.ts'
import type { DataStack } from './data-stack.ts'
import { FunctionIdentity } from './function-identity.ts'
import { HttpApi } from './http-api.ts'
import { ServiceFunction } from './service-function.ts'
import type { Stage } from './stage.ts'

export interface ServiceStackProps {
  readonly stage: Stage
  readonly data: DataStack
  readonly bundles: Bundles
}

/** The stack of what may be replaced. */
export class ServiceStack extends Stack {
  constructor(scope: Construct, props: ServiceStackProps) {
    const { stage, bundles } = props
    const { documents, vault, database, events, tokens } = props.data
    super(scope, `verified-wallets-${stage.name}-service`, {
      description: 'Verified wallets: functions and API',
      env: { account: stage.account, region: stage.region },
    })

    const migrateIdentity = new FunctionIdentity(this, 'MigrateIdentity')
    const migrate = new ServiceFunction<MigrateEnvironment>(this, 'Migrate', {
      stage,
      identity: migrateIdentity,
      bundle: bundles.migrate,
      description: 'Brings the database to the newest schema, at each deploy',
      environment: database.grantMigrate(migrateIdentity),
      memorySize: 256,
      // An index on a big table takes minutes.
      timeout: Duration.minutes(5),
    })

    const announceIdentity = new FunctionIdentity(this, 'AnnounceIdentity')
    const announce = new ServiceFunction<AnnounceEnvironment>(this, 'Announce', {
      stage,
      identity: announceIdentity,
      bundle: bundles.announce,
      description: 'Publishes what is committed and not yet announced',
      environment: {
        ...database.grantConnect(announceIdentity, 'announce'),
        ...events.grantPublishUserVerified(announceIdentity),
        ...events.grantPublishWalletCreated(announceIdentity),
        ...vault.grantDescribe(announceIdentity),
      },
      memorySize: 256,
      // Below the schedule's minute, so that sweeps do not pile up behind a Kafka that is away.
      timeout: Duration.seconds(50),
    })
    // A nudge or a tick that fails is not worth a retry: the next tick does the same.
    announce.function.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) })
    new Rule(this, 'AnnounceSchedule', {
      description: 'Sweeps what a crash left unannounced',
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(announce.function, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
    })

    const intakeIdentity = new FunctionIdentity(this, 'IntakeIdentity')
    const intake = new ServiceFunction<IntakeEnvironment>(this, 'Intake', {
      stage,
      identity: intakeIdentity,
      bundle: bundles.intake,
      description: 'Takes a document, row first, then object; and who is verified for a further wallet',
      environment: {
        ...database.grantConnect(intakeIdentity, 'intake'),
        ...documents.grantPut(intakeIdentity),
        MAX_DOCUMENT_SIZE_MB: String(stage.maxDocumentSizeMb),
        POST_LIMIT_CAPACITY: String(stage.postLimit.capacity),
        POST_LIMIT_REFILL_PER_SECOND: String(stage.postLimit.refillPerSecond),
        ANNOUNCE_FUNCTION: announce.grantInvoke(intakeIdentity),
      },
      // Holds a body of 6 MB as JSON, as text and as bytes at once.
      memorySize: 512,
      // Below the 29 s after which API Gateway gives up, so that the answer is ours.
      timeout: Duration.seconds(20),
    })

    const inspectIdentity = new FunctionIdentity(this, 'InspectIdentity')
    const inspect = new ServiceFunction<InspectEnvironment>(this, 'Inspect', {
      stage,
      identity: inspectIdentity,
      bundle: bundles.inspect,
      description: 'Opens a document of a stranger: no database, no Kafka',
      environment: documents.grantGet(inspectIdentity),
      // One full core: decoding is all computation. It also holds the pixels of a large photograph.
      memorySize: 1769,
      // A document that fits takes a second or two; what takes longer is made to.
      timeout: Duration.seconds(10),
    })

    const verificationIdentity = new FunctionIdentity(this, 'VerificationIdentity')
    const verification = new ServiceFunction<VerificationEnvironment>(this, 'Verification', {
      stage,
      identity: verificationIdentity,
      bundle: bundles.verification,
      description: 'Commits the verdict on a document, then publishes it',
      environment: {
        ...database.grantConnect(verificationIdentity, 'verification'),
        ...events.grantPublishUserVerified(verificationIdentity),
        INSPECT_FUNCTION: inspect.grantInvoke(verificationIdentity),
      },
      memorySize: 256,
      timeout: documents.consumerTimeout,
    })
    documents.grantConsume(verificationIdentity)
    new EventSourceMapping(this, 'VerificationMapping', {
      target: verification.function,
      eventSourceArn: documents.queue.queueArn,
      batchSize: stage.verificationBatchSize,
      maxConcurrency: stage.verificationMaximumConcurrency,
      reportBatchItemFailures: true,
    })

    const walletIdentity = new FunctionIdentity(this, 'WalletIdentity', { role: vault.walletRole })
    const wallet = new ServiceFunction<WalletEnvironment>(this, 'Wallet', {
      stage,
      identity: walletIdentity,
      bundle: bundles.wallet,
      description: 'Derives addresses: the only one that opens the vault',
      environment: {
        ...database.grantConnect(walletIdentity, 'wallet'),
        ...vault.grantOpen(walletIdentity),
        STAGE: stage.name,
        BITCOIN_NETWORK: stage.bitcoinNetwork,
        ACCEPT_PUBLIC_MNEMONICS: stage.acceptsPublicMnemonics ? 'true' : 'false',
        ANNOUNCE_FUNCTION: announce.grantInvoke(walletIdentity),
      },
      // One full core: a batch is a hundred derivations on elliptic curves.
      memorySize: 1769,
      timeout: Duration.minutes(1),
    })

    const readIdentity = new FunctionIdentity(this, 'ReadIdentity')
    const read = new ServiceFunction<ReadEnvironment>(this, 'Read', {
      stage,
      identity: readIdentity,
      bundle: bundles.read,
      description: 'Answers what is known of a verification, of wallets, and of health',
      environment: database.grantConnect(readIdentity, 'read'),
      memorySize: 256,
      timeout: Duration.seconds(10),
    })

    const docs = new ServiceFunction<DocsEnvironment>(this, 'Docs', {
      stage,
      identity: new FunctionIdentity(this, 'DocsIdentity'),
      bundle: bundles.docs,
      description: 'Serves the contract and its page: no database, no secret',
      environment: {},
      memorySize: 256,
      timeout: Duration.seconds(10),
    })

    const operateIdentity = new FunctionIdentity(this, 'OperateIdentity')
    // Nothing may invoke it but who was given lambda:InvokeFunction on it: it has no caller in the stack.
    const operate = new ServiceFunction<OperateEnvironment>(this, 'Operate', {
      stage,
      identity: operateIdentity,
      bundle: bundles.operate,
      description: 'Tells operators how the stage is, from inside its network: npm run vault -- status',
      environment: {
        ...database.grantConnect(operateIdentity, 'operate'),
        ...vault.grantInspect(operateIdentity),
        ROOT_COMMITMENT: stage.rootCommitment ?? 'none',
      },
      memorySize: 256,
      timeout: Duration.seconds(30),
    })

    this.migrateBefore(migrate, [intake, verification, wallet, announce, read, operate])

    const authorize = new ServiceFunction<AuthorizeEnvironment>(this, 'Authorize', {
      stage,
      identity: new FunctionIdentity(this, 'AuthorizeIdentity'),
      bundle: bundles.authorize,
      description: 'Lets in who bears a token of the issuer: no database, no secret',
      environment: { TOKENS: this.toJsonString(tokens ?? null) },
      // Signatures are computation, and whoever calls first waits for the start.
      memorySize: 512,
      timeout: Duration.seconds(10),
    })

    const http = new HttpApi(this, 'Http', { stage, authorize, intake, read, docs })

    const alarms = new Alarms(this, 'Alarms', { stage })

    const outputs: Record<string, string> = {
      AlarmTopicArn: alarms.topic.topicArn,
      ApiId: http.api.restApiId,
      ApiStage: http.api.deploymentStage.stageName,
    }
    const functions: Record<string, ServiceFunction<Record<string, string>>> = {
      Intake: intake,
      Inspect: inspect,
      Verification: verification,
      Wallet: wallet,
      Announce: announce,
      Read: read,
      Docs: docs,
      Authorize: authorize,
      Operate: operate,
      Migrate: migrate,
    }
    if (vault.provisionRole) {
      const provisionIdentity = new FunctionIdentity(this, 'ProvisionIdentity', { role: vault.provisionRole })
      functions.Provision = new ServiceFunction<ProvisionEnvironment>(this, 'Provision', {
        stage,
        identity: provisionIdentity,
        bundle: bundles.provision,
        description: 'Makes the mnemonic, when the vault is empty',
        environment: { ...vault.grantProvision(provisionIdentity), STAGE: stage.name },
        memorySize: 256,
        timeout: Duration.seconds(30),
      })
    }
    for (const [name, { function: deployed }] of Object.entries(functions)) {
      outputs[`${name}FunctionName`] = deployed.functionName
    }
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value })
  }

  /** Runs the migrations whenever their function changes, before any function that uses the schema is deployed. */
  private migrateBefore(
    migrate: ServiceFunction<Record<string, string>>,
    users: readonly ServiceFunction<Record<string, string>>[],
  ): void {
    const trigger = new Trigger(this, 'MigrateTrigger', { handler: migrate.function, timeout: migrate.timeout })
    trigger.executeBefore(...users.map((user) => user.function))
    // CDK gives its provider a managed policy, for logs that say no more than the stack's events.
    const provider = this.node.findChild('AWSCDK.TriggerCustomResourceProviderCustomResourceProvider')
    const role = provider.node.findChild('Role') as CfnResource
    role.addPropertyDeletionOverride('ManagedPolicyArns')
  }
}
