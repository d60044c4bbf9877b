// The functions that a deploy calls, and nobody else: migrate, and in some stages provision.
import { type CfnResource, Duration, type Stack } from 'aws-cdk-lib'
import { Trigger } from 'aws-cdk-lib/triggers'
import type { MigrateEnvironment } from '../functions/migrate/environment.ts'
import type { ProvisionEnvironment } from '../functions/provision/environment.ts'
import { FunctionIdentity } from './function-identity.ts'
import { type AnyFunction, ServiceFunction, type Surroundings } from './service-function.ts'

/** `migrate`, which runs whenever it or a migration changes; see `migrateBefore`. */
export function addMigrate(scope: Stack, around: Surroundings): AnyFunction {
  const { database, vpc } = around.data
  const identity = new FunctionIdentity(scope, 'MigrateIdentity', { vpc })
  return new ServiceFunction<MigrateEnvironment>(scope, 'Migrate', {
    ...around,
    name: 'migrate',
    identity,
    description: 'Brings the database to the newest schema, at each deploy',
    environment: database.grantMigrate(identity),
    memorySize: 256,
    // An index on a big table takes minutes.
    timeout: Duration.minutes(5),
  })
}

/** `provision`, where the stage says that a function makes the mnemonic. */
export function addProvision(scope: Stack, around: Surroundings): AnyFunction | undefined {
  const { vault, vpc } = around.data
  if (vault.provisionRole === undefined) return undefined
  const identity = new FunctionIdentity(scope, 'ProvisionIdentity', { role: vault.provisionRole, vpc })
  return new ServiceFunction<ProvisionEnvironment>(scope, 'Provision', {
    ...around,
    name: 'provision',
    identity,
    description: 'Makes the mnemonic, when the vault is empty',
    environment: { ...vault.grantProvision(identity), STAGE: around.stage.name },
    memorySize: 256,
    // Some calls of KMS and of the vault, each bounded.
    timeout: Duration.seconds(30),
  })
}

/** Runs the migrations whenever their function changes, before any function that uses the schema is deployed. */
export function migrateBefore(scope: Stack, migrate: AnyFunction, users: readonly AnyFunction[]): void {
  const trigger = new Trigger(scope, 'MigrateTrigger', { handler: migrate.function, timeout: migrate.timeout })
  trigger.executeBefore(...users.map((user) => user.function))
  // CDK gives its provider a managed policy, for logs that say no more than the stack's events.
  const provider = scope.node.findChild('AWSCDK.TriggerCustomResourceProviderCustomResourceProvider')
  const role = provider.node.findChild('Role') as CfnResource
  role.addPropertyDeletionOverride('ManagedPolicyArns')
}
