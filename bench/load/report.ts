// The report of a run: one HTML file that a person opens, with everything in it. It asks no host for anything.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { escapeScript } from '../../functions/docs/page.ts'
import { type Chart, makeCharts } from './charts.ts'
import { describeTimes, describeTrend, type Judgement, type Run } from './judge.ts'
import { sumProcesses } from './series.ts'

export type Row = readonly [what: string, figure: string]
export type Section = { readonly title: string; readonly rows: readonly Row[] }

const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`
const perSecond = (count: number, milliseconds: number) => `${((count / milliseconds) * 1000).toFixed(1)} a second`

function describeSettings({ options, began, queueDelay }: Run): Section {
  const { mode, preset, rate, seconds, users, state } = options
  const what = mode === 'feed' ? 'event' : 'document'
  return {
    title: 'Settings',
    rows: [
      ['What goes in', mode === 'feed' ? 'user.verified events, straight onto Kafka' : 'documents, by POST /verify'],
      ...(preset === 'none' ? [] : [['Preset', preset] as const]),
      ['Rate and time', `${plural(rate, what)} a second for ${seconds} s`],
      ['People', `${users}, each in turn with one more kind of wallet`],
      ...(mode === 'feed' ? [] : [['Delay of the queue', `${queueDelay} s`] as const]),
      ['Stack', state === undefined ? 'started for this run' : 'ran before this run'],
      [
        'Machine',
        `${plural(cpus().length, 'core')}, ${process.platform} ${process.arch}, Node ${process.versions.node}`,
      ],
      ['Began', began.toISOString()],
    ],
  }
}

function describeFigures(run: Run): Section {
  const { posted, floor, passages, sent, sentAt, endedAt, samples } = run
  const announced = passages.flatMap(({ announced: at }) => (at === null ? [] : [at]))
  const meanwhile = floor.calls.filter(({ at }) => at < sentAt)
  const waits = passages.flatMap(({ accepted, wallet }) =>
    accepted === null || wallet === null ? [] : [wallet - accepted],
  )
  const announcements = passages.flatMap(({ wallet, announced: at }) =>
    at === null || wallet === null ? [] : [at - wallet],
  )
  const largest = (read: (sample: (typeof samples)[number]) => number) => String(Math.max(0, ...samples.map(read)))
  return {
    title: 'Figures',
    rows: [
      ['Sent', `${sent}, ${perSecond(sent, sentAt)}`],
      ...(posted
        ? [['POST /verify', describeTimes(posted.calls.map(({ milliseconds }) => milliseconds))] as const]
        : []),
      ["The emulator's floor meanwhile", describeTimes(meanwhile.map(({ milliseconds }) => milliseconds))],
      ...(posted ? [['From POST to wallet', describeTimes(waits)] as const] : []),
      ['From wallet to announcement', describeTimes(announcements)],
      ['Announced', `${announced.length}, ${perSecond(announced.length, Math.max(...announced))} until the last`],
      ['Worked off after the last was sent', `${((endedAt - sentAt) / 1000).toFixed(1)} s`],
      ...(posted ? [['Longest queue', largest(({ queue }) => queue)] as const] : []),
      ['Largest consumer lag', largest(({ lag }) => lag)],
      ['Most wallets not announced', largest(({ progress }) => progress.wallets - progress.announced)],
    ],
  }
}

function describeProcesses({ processes }: Run): Section {
  const rows = sumProcesses(processes).map(({ name, processes: count, bytes, cpuSeconds }): Row => {
    return [name, `${cpuSeconds.toFixed(1)} s of CPU; ${count} at the end, ${(bytes / 1e6).toFixed(0)} MB`]
  })
  const missing: Row = [
    'Not known',
    `There is no /proc on ${process.platform}: memory and CPU of the processes are missing.`,
  ]
  return { title: 'Processes', rows: rows.length > 0 ? rows : [missing] }
}

export type ReportContent = {
  readonly ok: boolean
  readonly headline: string
  readonly checks: Judgement['checks']
  readonly sections: readonly Section[]
  readonly charts: readonly Chart[]
}

/** What the report says, before it is HTML. */
export function describeRun(run: Run, judgement: Judgement): ReportContent {
  const { ok, checks, trends } = judgement
  const failed = checks.filter((check) => !check.ok)
  const trendRows = trends.map((trend): Row => {
    const [name = '', ...rest] = describeTrend(trend).split(': ')
    return [name, rest.join(': ')]
  })
  return {
    ok,
    headline: ok
      ? 'Everything that must hold held.'
      : `${plural(failed.length, 'thing')} that must hold did not: see the marked lines.`,
    checks,
    sections: [
      describeFigures(run),
      describeSettings(run),
      ...(trendRows.length > 0 ? [{ title: 'Trends after the first quarter', rows: trendRows }] : []),
      describeProcesses(run),
    ],
    charts: makeCharts(run),
  }
}

const escapeHtml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

const require = createRequire(import.meta.url)
const readPart = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')

const toTable = ({ title, rows }: Section) => `<section><h2>${escapeHtml(title)}</h2>
<table>${rows.map(([what, figure]) => `<tr><th scope="row">${escapeHtml(what)}</th><td>${escapeHtml(figure)}</td></tr>`).join('')}</table></section>`

/** Puts the page together: uPlot, our script and style, the data. No script runs that is not named by its hash. */
export function makeReport({ ok, headline, checks, sections, charts }: ReportContent): string {
  const library = readFileSync(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8')
  const styles = [readFileSync(require.resolve('uplot/dist/uPlot.min.css'), 'utf8'), readPart('report.css')]
  const scripts = [library, readPart('report-page.js')].map(escapeScript)
  const policy = [
    "default-src 'none'",
    `script-src ${scripts.map(hash).join(' ')}`,
    `style-src ${styles.map(hash).join(' ')}`,
    'img-src data:',
  ].join('; ')
  const toFigure = ({ title, shows }: Chart, at: number) => `<section class="chart"><h2>${escapeHtml(title)}</h2>
<p>${escapeHtml(shows)}</p><div class="plot" data-chart="${at}"></div></section>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<title>Verified wallets: load report</title>
<link rel="icon" href="data:,">
${styles.map((style) => `<style>${style}</style>`).join('\n')}
</head>
<body>
<header><h1>Load report</h1>
<p class="verdict ${ok ? 'good' : 'bad'}">${escapeHtml(headline)}</p>
<ul class="checks">${checks.map((check) => `<li class="${check.ok ? 'good' : 'bad'}">${escapeHtml(check.text)}</li>`).join('')}</ul></header>
<main>
<div class="tables">${sections.map(toTable).join('\n')}</div>
<noscript><p>The charts need JavaScript.</p></noscript>
${charts.map(toFigure).join('\n')}
</main>
<script type="application/json" id="charts">${JSON.stringify(charts).replaceAll('<', '\\u003c')}</script>
${scripts.map((script) => `<script>${script}</script>`).join('\n')}
</body>
</html>
`
}
