// The functions behind the routes: intake, read, erase, docs, and the authorizer before them.
import { Duration, type Stack } from 'aws-cdk-lib'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import type { AuthorizeEnvironment } from '../functions/authorize/environment.ts'
import type { DocsEnvironment } from '../functions/docs/environment.ts'
import type { EraseEnvironment } from '../functions/erase/environment.ts'
import type { IntakeEnvironment } from '../functions/intake/environment.ts'
import type { ReadEnvironment } from '../functions/read/environment.ts'
import { FunctionIdentity } from './function-identity.ts'
import { type AnyFunction, ServiceFunction, type Surroundings } from './service-function.ts'

/** `intake`: every POST. */
export function addIntake(scope: Stack, around: Surroundings, announce: AnyFunction): AnyFunction {
  const { stage } = around
  const { database, documents, vpc } = around.data
  const identity = new FunctionIdentity(scope, 'IntakeIdentity', { vpc })
  return new ServiceFunction<IntakeEnvironment>(scope, 'Intake', {
    ...around,
    name: 'intake',
    identity,
    description: 'Takes a document, row first, then object; and who is verified for a further wallet',
    environment: {
      ...database.grantConnect(identity, 'intake'),
      ...documents.grantPut(identity),
      STAGE: stage.name,
      MAX_DOCUMENT_SIZE_MB: String(stage.maxDocumentSizeMb),
      POST_LIMIT_CAPACITY: String(stage.postLimit.capacity),
      POST_LIMIT_REFILL_PER_SECOND: String(stage.postLimit.refillPerSecond),
      MAX_ATTEMPTS: String(stage.maxAttempts),
      ANNOUNCE_FUNCTION: announce.grantInvoke(identity),
    },
    // Holds a body of 6 MB as JSON, as text and as bytes at once.
    memorySize: 512,
    // Below the 29 s after which API Gateway gives up, so that the answer is ours.
    timeout: Duration.seconds(20),
  })
}

/** `read`: every GET that asks the database. */
export function addRead(scope: Stack, around: Surroundings): AnyFunction {
  const { database, vpc } = around.data
  const identity = new FunctionIdentity(scope, 'ReadIdentity', { vpc })
  return new ServiceFunction<ReadEnvironment>(scope, 'Read', {
    ...around,
    name: 'read',
    identity,
    description: 'Answers what is known of a verification, of wallets, and of health',
    environment: { ...database.grantConnect(identity, 'read'), STAGE: around.stage.name },
    memorySize: 256,
    // The database has 5 s to answer; the rest is for saying that it has not.
    timeout: Duration.seconds(10),
  })
}

/** `erase`: what a caller wants erased, and each hour what was kept for long enough. It can delete, and read nothing. */
export function addErase(scope: Stack, around: Surroundings): AnyFunction {
  const { database, documents, dataKeys, vpc } = around.data
  const identity = new FunctionIdentity(scope, 'EraseIdentity', { vpc })
  const erase = new ServiceFunction<EraseEnvironment>(scope, 'Erase', {
    ...around,
    name: 'erase',
    identity,
    description: 'Destroys what is kept of documents: the key first, then the copy',
    environment: {
      ...database.grantConnect(identity, 'erase'),
      ...documents.grantDelete(identity),
      ...dataKeys.grantDestroy(identity),
      STAGE: around.stage.name,
      DOCUMENT_RETENTION_DAYS: String(around.stage.documentRetentionDays),
    },
    memorySize: 256,
    // A sweep begins pages for 40 s. A caller is answered within the 29 s of the gateway.
    timeout: Duration.minutes(1),
  })
  // A tick that fails is not worth a retry: the next one does the same.
  erase.function.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) })
  new Rule(scope, 'EraseSchedule', {
    description: 'Erases what was kept for as long as documents are',
    schedule: Schedule.rate(Duration.hours(1)),
    targets: [new LambdaFunction(erase.function, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
  })
  return erase
}

/** `docs`: the contract, to everybody, from outside of every network of ours. */
export function addDocs(scope: Stack, around: Surroundings): AnyFunction {
  return new ServiceFunction<DocsEnvironment>(scope, 'Docs', {
    ...around,
    name: 'docs',
    identity: new FunctionIdentity(scope, 'DocsIdentity', { vpc: undefined }),
    description: 'Serves the contract and its page: no database, no secret',
    environment: {},
    memorySize: 256,
    // It waits for nobody: a cold start takes a second.
    timeout: Duration.seconds(10),
  })
}

/** `authorize`: fetches the issuer's keys over the internet, so it is in no network of ours. */
export function addAuthorize(scope: Stack, around: Surroundings): AnyFunction {
  return new ServiceFunction<AuthorizeEnvironment>(scope, 'Authorize', {
    ...around,
    name: 'authorize',
    identity: new FunctionIdentity(scope, 'AuthorizeIdentity', { vpc: undefined }),
    description: 'Lets in who bears a token of the issuer: no database, no secret',
    environment: { STAGE: around.stage.name, TOKENS: scope.toJsonString(around.data.tokens ?? null) },
    // Signatures are computation, and whoever calls first waits for the start.
    memorySize: 512,
    // The issuer has 3 s to hand out its keys.
    timeout: Duration.seconds(10),
  })
}
