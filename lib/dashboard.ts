// The one page to look at: from left to right what happens to a request, from top to bottom from what users see to why.
import { Duration, Stack } from 'aws-cdk-lib'
import {
  AlarmStatusWidget,
  Dashboard as CloudWatchDashboard,
  Column,
  GraphWidget,
  type IAlarm,
  type IWidget,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch'
import { Construct } from 'constructs'
import { toAlarmName } from './alarms.ts'
import { type Chart, chartAsked, chartIssued, chartJudged, chartTold } from './dashboard-charts.ts'
import { chartGround } from './dashboard-ground.ts'
import type { ServiceMetrics } from './service-metrics.ts'

export interface DashboardProps {
  readonly metrics: ServiceMetrics
  readonly alarms: readonly IAlarm[]
}

/** CloudWatch's grid is 24 wide: four columns. */
const width = 6

const draw = ({ title, left, right = [], line }: Chart): IWidget =>
  new GraphWidget({
    title,
    width,
    height: 6,
    left: [...left],
    right: [...right],
    leftYAxis: { min: 0 },
    rightYAxis: { min: 0 },
    ...(line ? { leftAnnotations: [line] } : {}),
  })

const write = (text: string, height: number, columns = width): IWidget =>
  new TextWidget({ markdown: text, height, width: columns })

/** The dashboard of a stage. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id)
    const { metrics, alarms } = props
    const { stage } = metrics.watched
    const board = new CloudWatchDashboard(this, 'Board', {
      dashboardName: toAlarmName(stage.name, 'story'),
      defaultInterval: Duration.hours(3),
    })
    const column = (title: string, charts: readonly Chart[]) => new Column(write(title, 2), ...charts.map(draw))
    board.addWidgets(
      write(
        `# Verified wallets, ${stage.name}, ${Stack.of(this).region}\nA document is **asked** about, **judged**, and a wallet is **issued** and **told** of. Read from left to right for where it stops, from top to bottom for why. A red alarm has its section in docs/runbook.md; what is promised is in docs/slo.md. A chart without a line: nothing happened.`,
        3,
        24,
      ),
    )
    board.addWidgets(new AlarmStatusWidget({ title: 'Alarms', width: 24, height: 4, alarms: [...alarms] }))
    board.addWidgets(
      column('## 1. Asked\nClient → API → intake → bucket', chartAsked(metrics)),
      column('## 2. Judged\nQueue → verification → inspect', chartJudged(metrics)),
      column('## 3. Issued\nKafka → wallet → database', chartIssued(metrics)),
      column('## 4. Told\nDatabase → announce → Kafka; read → client', chartTold(metrics)),
    )
    board.addWidgets(...chartGround(metrics).map(draw))
  }
}
