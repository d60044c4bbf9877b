// What wakes a person: alarms on the metrics of the functions, and the topic that carries them. Says what to do first.
import { Duration, Stack } from 'aws-cdk-lib'
import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Topic, TopicPolicy } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { metricNamespace, toDimensions, type WalletMetric } from '../shared/metrics.ts'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

export interface AlarmsProps {
  readonly stage: Stage
}

/** What a person is told at night: what it means, what holds meanwhile, what to do first. CloudWatch takes 1024 characters. */
const descriptions = {
  cross_check_failed:
    'Two implementations derived different addresses for one path: broken memory, a broken library, or tampering. ' +
    'Nothing of that batch was written; its records come again for half an hour, then go to the dead-letter topic. ' +
    'First: find CrossCheckError in the log of the wallet function. If it began with a deploy, roll that back. ' +
    'If not, disable the Kafka trigger of the wallet function, and check the wallets of the last days against their ' +
    'account_xpub on another machine: npm run derive -- --from xpub.',
  address_drift:
    'An address to be issued is not the one that was issued for the same user, network and type, or it is held by another user. ' +
    'Nothing was written; users still see the old address, and the record is set aside (quarantine or dead-letter topic). ' +
    'It means another mnemonic in the vault, a changed derivation, or changed rows. ' +
    'First: disable the Kafka trigger of the wallet function, so that no new user gets an address of a wrong root. ' +
    'Then compare the root_commitment of the vault with its history, and roll back the last deploy. ' +
    'Never change the issued row: people pay to it.',
  account_indices_used_up:
    'The keyring has no account index left for a new user (the last one is 2147483647). ' +
    'Users who have an account are served; records of new ones wait in wallet.waiting, and none is lost. ' +
    'First: compare count(*) of wallet.accounts with last_value of the sequence wallet.account_index. ' +
    'Far fewer accounts than that: something burns indices, find and stop it (metric account_index_gaps). ' +
    'In any case new users need another keyring; nothing else is to be done this night.',
} as const satisfies Partial<Record<WalletMetric, string>>

/**
 * One alarm for each metric that must stay 0, and the topic that all of them tell.
 *
 * Whom the topic tells is not known here: people subscribe (the stack's output `AlarmTopicArn`). A return to "OK" is
 * not told: it only means that nothing came in for five minutes.
 */
export class Alarms extends Construct {
  /**
   * Not encrypted by a key: CloudWatch cannot use the key that AWS manages for SNS, one of our own would be one more
   * thing to lose alarms by, and a message tells no more than the texts above.
   */
  readonly topic: Topic

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id)
    const { stage } = props
    this.topic = new Topic(this, 'Topic', { displayName: `Verified wallets, ${stage.name}` })
    // Its subscriptions are made by people, and would be gone with it.
    pinLogicalId(this.topic, 'AlarmTopic')
    this.letAlarmsPublish(stage)

    for (const [name, description] of Object.entries(descriptions)) {
      const alarm = new Alarm(this, name, {
        alarmName: `verified-wallets-${stage.name}-${name.replaceAll('_', '-')}`,
        alarmDescription: description,
        metric: new Metric({
          namespace: metricNamespace,
          metricName: name,
          dimensionsMap: toDimensions('wallet', stage.name),
          statistic: Stats.SUM,
          period: Duration.minutes(5),
        }),
        threshold: 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluationPeriods: 1,
        // Nothing is written when nothing is counted.
        treatMissingData: TreatMissingData.NOT_BREACHING,
      })
      alarm.addAlarmAction(new SnsAction(this.topic))
    }
  }

  /** The alarms of this account publish, and nobody else: a policy of our own replaces SNS's default. */
  private letAlarmsPublish(stage: Stage): void {
    const policy = new TopicPolicy(this, 'TopicPolicy', { topics: [this.topic], enforceSSL: stage.enforcesTls })
    policy.document.addStatements(
      new PolicyStatement({
        sid: 'PublishAlarms',
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': stage.account },
          ArnLike: { 'aws:SourceArn': Stack.of(this).formatArn({ service: 'cloudwatch', resource: 'alarm:*' }) },
        },
      }),
    )
  }
}
