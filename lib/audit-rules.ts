// Which calls of the account wake a person: those by which somebody else could come to the mnemonic. By EventBridge, from
// what the trail logs. Decrypt reads, so a rule hears of it only in the state that asks for reading calls as well.
import { CfnRule } from 'aws-cdk-lib/aws-events'
import { Construct } from 'constructs'
import type { AlarmTopic } from './alarm-topic.ts'
import { describeAlarm, toAlarmName } from './alarms.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { AnyFunction } from './service-function.ts'
import type { Stage } from './stage.ts'
import type { Vault } from './vault.ts'

export interface AuditRulesProps {
  readonly stage: Stage
  readonly topic: AlarmTopic
  readonly trail: AuditTrail
  readonly vault: Vault
  readonly wallet: AnyFunction
}

interface AuditRule {
  /** Kebab case. The section of docs/runbook.md has the same name. */
  readonly name: string
  readonly meaning: string
  /** The service as EventBridge names it, `kms` say. */
  readonly service: string
  /** What must hold of the event's `detail`, beside where it comes from. */
  readonly detail: Readonly<Record<string, unknown>>
}

const anythingBut = (value: string) => [{ 'anything-but': value }, { exists: false }]

/** CloudFormation acts in the name of whoever deploys: a deploy is known, and read as a change set. */
const outsideOfDeploys = { userIdentity: { invokedBy: anythingBut('cloudformation.amazonaws.com') } }

function listRules({ trail, vault, wallet }: AuditRulesProps): readonly AuditRule[] {
  const keyArn = vault.key.keyArn
  const walletRole = vault.walletRole
  const ofVaultKey = [
    { resources: { ARN: [keyArn] } },
    { requestParameters: { keyId: [keyArn, vault.key.keyId] } },
    // A call that is refused may name the key in its message alone.
    { errorMessage: [{ wildcard: `*${keyArn}*` }] },
  ]
  const walletFunction = [wallet.function.functionName, wallet.function.functionArn]
  return [
    {
      name: 'vault-key-used',
      meaning: 'Somebody other than the wallet function asked KMS to decrypt with the key of the vault, or tried to.',
      service: 'kms',
      detail: {
        eventName: ['Decrypt', 'ReEncrypt'],
        $or: ofVaultKey,
        userIdentity: { sessionContext: { sessionIssuer: { arn: anythingBut(walletRole.roleArn) } } },
      },
    },
    {
      name: 'vault-key-changed',
      meaning: 'The key of the vault, its policy or its grants were changed, or somebody tried to.',
      service: 'kms',
      detail: {
        eventName: [
          ...['PutKeyPolicy', 'CreateGrant', 'RetireGrant', 'RevokeGrant', 'DisableKey', 'EnableKey'],
          ...['ScheduleKeyDeletion', 'CancelKeyDeletion', 'DisableKeyRotation'],
        ],
        $or: ofVaultKey,
      },
    },
    {
      name: 'vault-secret-changed',
      meaning: 'The record of the vault was written, deleted or opened to others, or somebody tried to.',
      service: 'secretsmanager',
      detail: {
        eventName: [
          ...['PutSecretValue', 'UpdateSecret', 'UpdateSecretVersionStage', 'DeleteSecret', 'RestoreSecret'],
          ...['PutResourcePolicy', 'DeleteResourcePolicy', 'RotateSecret', 'ReplicateSecretToRegions'],
        ],
        // By its ARN or by its name, which CloudFormation makes of the logical id.
        requestParameters: { secretId: [vault.secret.attrId, { wildcard: '*VaultSecret-*' }] },
      },
    },
    {
      name: 'wallet-function-changed',
      meaning: 'Code or configuration of a function that may open the vault was changed, and not by a deploy.',
      service: 'lambda',
      detail: {
        eventName: [
          { prefix: 'UpdateFunctionCode' },
          { prefix: 'UpdateFunctionConfiguration' },
          { prefix: 'CreateFunction' },
          { prefix: 'AddPermission' },
          { prefix: 'PutFunctionConcurrency' },
        ],
        $or: [
          { requestParameters: { functionName: walletFunction } },
          { requestParameters: { role: [walletRole.roleArn] } },
        ],
        ...outsideOfDeploys,
      },
    },
    {
      name: 'wallet-role-changed',
      meaning: 'The role that may open the vault was changed: whom it trusts, or what it may do; not by a deploy.',
      service: 'iam',
      detail: {
        eventName: [
          ...['UpdateAssumeRolePolicy', 'AttachRolePolicy', 'DetachRolePolicy', 'PutRolePolicy', 'DeleteRolePolicy'],
          ...['PutRolePermissionsBoundary', 'DeleteRolePermissionsBoundary', 'DeleteRole', 'UpdateRole'],
        ],
        requestParameters: { roleName: [walletRole.roleName] },
        ...outsideOfDeploys,
      },
    },
    {
      name: 'audit-trail-changed',
      meaning: 'The trail that these messages come from was stopped, deleted or changed, and not by a deploy.',
      service: 'cloudtrail',
      detail: {
        eventName: ['StopLogging', 'DeleteTrail', 'UpdateTrail', 'PutEventSelectors', 'PutInsightSelectors'],
        $or: [
          { requestParameters: { name: [trail.trailName, trail.trail.trailArn] } },
          { requestParameters: { trailName: [trail.trailName, trail.trail.trailArn] } },
        ],
        ...outsideOfDeploys,
      },
    },
  ]
}

/** One rule for each. The message names who, what and when; the whole event is in the trail. */
export class AuditRules extends Construct {
  constructor(scope: Construct, id: string, props: AuditRulesProps) {
    super(scope, id)
    const { stage, topic } = props
    for (const { name, meaning, service, detail } of listRules(props)) {
      new CfnRule(this, name, {
        name: toAlarmName(stage.name, name),
        description: describeAlarm(name, meaning),
        state: 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS',
        eventPattern: {
          source: [`aws.${service}`],
          'detail-type': ['AWS API Call via CloudTrail'],
          detail: { eventSource: [`${service}.amazonaws.com`], ...detail },
        },
        targets: [
          {
            id: 'Topic',
            arn: topic.topic.topicArn,
            inputTransformer: {
              inputPathsMap: {
                call: '$.detail.eventName',
                who: '$.detail.userIdentity.arn',
                time: '$.time',
                id: '$.detail.eventID',
                error: '$.detail.errorCode',
              },
              inputTemplate: `"${toAlarmName(stage.name, name)}: <call> by <who> at <time>, event <id> <error>. ${describeAlarm(name, meaning)}"`,
            },
          },
        ],
      })
    }
  }
}
