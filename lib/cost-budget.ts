// What may be spent in a month before somebody is told. It stops nothing.
import { CfnBudget } from 'aws-cdk-lib/aws-budgets'
import { Construct } from 'constructs'
import type { AlarmTopic } from './alarm-topic.ts'
import { toAlarmName } from './alarms.ts'
import type { Oversight, Stage } from './stage.ts'

export interface CostBudgetProps {
  readonly stage: Stage
  readonly oversight: Oversight
  readonly topic: AlarmTopic
}

/** The budget of the account: a stage is meant to have one of its own, and tags would have to be activated by hand. */
export class CostBudget extends Construct {
  constructor(scope: Construct, id: string, props: CostBudgetProps) {
    super(scope, id)
    const { stage, oversight, topic } = props
    const tell = (notificationType: 'ACTUAL' | 'FORECASTED', threshold: number) => ({
      notification: {
        comparisonOperator: 'GREATER_THAN',
        notificationType,
        threshold,
        thresholdType: 'PERCENTAGE',
      },
      subscribers: [{ subscriptionType: 'SNS', address: topic.topic.topicArn }],
    })
    new CfnBudget(this, 'Budget', {
      budget: {
        budgetName: toAlarmName(stage.name, 'monthly-cost'),
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: oversight.monthlyBudget, unit: 'USD' },
      },
      notificationsWithSubscribers: [tell('ACTUAL', 80), tell('FORECASTED', 100)],
    }).node.addDependency(topic)
  }
}
