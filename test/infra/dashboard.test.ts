// The dashboard: metrics that are written, and a page that reads from left to right.
import { describe, expect, test } from 'vitest'
import { readSettings } from '../../lib/settings.ts'
import { findStage, stageNames } from '../../lib/stage-table.ts'
import { measured, metricNamespace } from '../../shared/metrics.ts'
import { resourcesOf, synthesise } from './templates.ts'

type Widget = {
  readonly type: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly properties: { readonly title?: string; readonly markdown?: string; readonly metrics?: readonly unknown[][] }
}

const placeholder = 'reference'

/** The body as CloudWatch gets it, with a word for each reference. */
function readBody(stage: (typeof stageNames)[number]): { readonly name: unknown; readonly widgets: readonly Widget[] } {
  const { service } = synthesise(findStage(stage, readSettings({})))
  const boards = resourcesOf(service, 'AWS::CloudWatch::Dashboard').map(([, { Properties }]) => Properties)
  expect(boards).toHaveLength(1)
  const body = boards[0]?.DashboardBody as { 'Fn::Join': [string, unknown[]] }
  const [, parts] = body['Fn::Join']
  const text = parts.map((part) => (typeof part === 'string' ? part : placeholder)).join('')
  return { name: boards[0]?.DashboardName, widgets: JSON.parse(text).widgets }
}

/** The metrics of a chart, with the dots by which CloudWatch's arrays repeat what is above them filled in. */
function listMetrics({ properties }: Widget): readonly string[][] {
  let above: readonly unknown[] = []
  return (properties.metrics ?? []).flatMap((row) => {
    if (typeof row[0] !== 'string') return []
    above = row.filter((part) => typeof part === 'string').map((part, at) => (part === '.' ? above[at] : part))
    return [above.map(String)]
  })
}

const searchesOf = ({ properties }: Widget) =>
  (properties.metrics ?? []).flatMap(([first]) => {
    const { expression } = (typeof first === 'object' ? first : {}) as { expression?: string }
    return expression?.startsWith('SEARCH') ? [expression] : []
  })

describe.each(stageNames)('the dashboard of %s', (stage) => {
  const { name, widgets } = readBody(stage)
  const charts = widgets.filter(({ type }) => type === 'metric')

  test('has the name that the runbook gives it', () => {
    expect(name).toBe(`verified-wallets-${stage}-story`)
  })

  test('tells in four columns, from left to right, what happens to a request', () => {
    const titles = widgets.filter(({ properties }) => properties.markdown?.startsWith('## '))
    expect(titles.map(({ properties }) => properties.markdown?.split('\n')[0])).toEqual([
      ...['## 1. Asked', '## 2. Judged', '## 3. Issued', '## 4. Told'],
    ])
    expect(titles.map(({ x }) => x)).toEqual([0, 6, 12, 18])
    expect(new Set(titles.map(({ y }) => y)).size).toBe(1)
  })

  test('draws no two things in one place, and none beyond the edge', () => {
    const cells = widgets.flatMap(({ x, y, width, height }) =>
      Array.from({ length: width * height }, (_, cell) => `${x + (cell % width)} ${y + Math.floor(cell / width)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(Math.max(...widgets.map(({ x, width }) => x + width))).toBe(24)
  })

  test('has a title and something to draw in every chart, each title once', () => {
    const titles = charts.map(({ properties }) => properties.title)
    expect(new Set(titles).size).toBe(titles.length)
    for (const chart of charts)
      expect(listMetrics(chart).length + searchesOf(chart).length, chart.properties.title).toBeGreaterThan(0)
  })

  test('draws what is written: metrics of ours by their names and dimensions', () => {
    const ours = charts.flatMap(listMetrics).filter(([namespace]) => namespace === metricNamespace)
    expect(ours.length).toBeGreaterThan(15)
    for (const [, metric = '', ...pairs] of ours) {
      const { service, stage: named } = Object.fromEntries(
        pairs.flatMap((key, at) => (at % 2 === 0 ? [[key, pairs[at + 1]]] : [])),
      )
      expect(named).toBe(stage)
      expect(measured[service as keyof typeof measured], `${service} ${metric}`).toHaveProperty(metric)
    }
    for (const search of charts.flatMap(searchesOf)) {
      const [, dimensions, metric, service] =
        /\{"verified-wallets",service,stage,([\w,]+)\} MetricName="(\w+)" service="(\w+)"/.exec(search) ?? []
      const metrics: Record<string, Record<string, readonly string[]>> = measured[service as keyof typeof measured]
      expect(dimensions?.split(',')).toEqual(Object.keys(metrics[metric ?? ''] ?? {}))
    }
  })

  test('draws every metric that a function writes, or an alarm rings for it', () => {
    const drawn = JSON.stringify(charts)
    const names = Object.values(measured).flatMap((metrics) => Object.keys(metrics))
    // What announce did is in the log; that nothing is left to do is on the page.
    const notDrawn = [
      ...['verifications_announced', 'wallets_announced', 'records_released', 'wallets_late'],
      ...['verifications_republished', 'documents_requeued'],
      // That there was none rings.
      'retention_sweeps',
    ]
    expect(names.filter((each) => !drawn.includes(each)).toSorted()).toEqual(notDrawn.toSorted())
  })
})
