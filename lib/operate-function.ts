// The function that operators call. Nothing in the stack invokes it, and no resource policy lets anybody: only who was given
// lambda:InvokeFunction on it.
import { Duration, type Stack } from 'aws-cdk-lib'
import type { OperateEnvironment } from '../functions/operate/environment.ts'
import { FunctionIdentity } from './function-identity.ts'
import { type AnyFunction, ServiceFunction, type Surroundings } from './service-function.ts'
import type { Stage } from './stage.ts'

/** The name under which the trail of the data stack asks for its invocations: one that CloudFormation makes is cut in its middle. */
export const toOperateName = (stage: Pick<Stage, 'name'>) => `verified-wallets-${stage.name}-operate`

/** `operate`: what operating a stage needs from inside its network. */
export function addOperate(scope: Stack, around: Surroundings): AnyFunction {
  const { database, vault, vpc } = around.data
  const identity = new FunctionIdentity(scope, 'OperateIdentity', { vpc })
  return new ServiceFunction<OperateEnvironment>(scope, 'Operate', {
    ...around,
    name: 'operate',
    functionName: toOperateName(around.stage),
    identity,
    description: 'Tells operators how the stage is, and handles dead letters, from inside its network',
    environment: {
      ...database.grantConnect(identity, 'operate'),
      ...vault.grantInspect(identity),
      ...around.events.grantRedrive(identity),
      ROOT_COMMITMENT: around.stage.rootCommitment ?? 'none',
    },
    // Up to 250 records are held, of up to 1 MiB, though mostly of half a KiB.
    memorySize: 512,
    // Longer than Kafka is read at most, and what was read is published.
    timeout: Duration.seconds(60),
  })
}
