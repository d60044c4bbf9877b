// Where everything that wakes a person is told: one topic. Whom it tells is not known here: people subscribe.
import { type ArnComponents, Stack } from 'aws-cdk-lib'
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Topic, TopicPolicy } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import { pinLogicalId } from './logical-id.ts'
import type { Stage } from './stage.ts'

export interface AlarmTopicProps {
  readonly stage: Stage
}

/**
 * The topic, and who publishes: services of AWS, of this account alone; a policy of our own replaces SNS's default.
 *
 * Not encrypted by a key: CloudWatch cannot use the key that AWS manages for SNS, one of our own would be one more
 * thing to lose alarms by, and a message tells no more than a name, a sentence and a number.
 */
export class AlarmTopic extends Construct {
  readonly topic: Topic

  constructor(scope: Construct, id: string, props: AlarmTopicProps) {
    super(scope, id)
    const { stage } = props
    this.topic = new Topic(this, 'Topic', { displayName: `Verified wallets, ${stage.name}` })
    // Its subscriptions are made by people, and would be gone with it.
    pinLogicalId(this.topic, 'AlarmTopic')

    const policy = new TopicPolicy(this, 'TopicPolicy', { topics: [this.topic], enforceSSL: stage.enforcesTls })
    const arn = (components: ArnComponents) => Stack.of(this).formatArn(components)
    policy.document.addStatements(
      this.letPublish('PublishAlarms', 'cloudwatch', stage, arn({ service: 'cloudwatch', resource: 'alarm:*' })),
    )
    if (stage.oversight === undefined) return
    policy.document.addStatements(
      this.letPublish('PublishAuditEvents', 'events', stage, arn({ service: 'events', resource: 'rule/*' })),
      this.letPublish('PublishCosts', 'budgets', stage, arn({ service: 'budgets', region: '', resource: '*' })),
    )
  }

  private letPublish(sid: string, service: string, stage: Stage, sourceArn: string): PolicyStatement {
    return new PolicyStatement({
      sid,
      effect: Effect.ALLOW,
      principals: [new ServicePrincipal(`${service}.amazonaws.com`)],
      actions: ['sns:Publish'],
      resources: [this.topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': stage.account }, ArnLike: { 'aws:SourceArn': sourceArn } },
    })
  }
}
