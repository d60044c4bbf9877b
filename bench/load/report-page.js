// Draws the charts of the load report with uPlot. Runs in the browser, inlined into the page.

const charts = JSON.parse(document.getElementById('charts').textContent)
const dark = matchMedia('(prefers-color-scheme: dark)')

/** Told apart by people who see colours otherwise, too (after Okabe and Ito); dashes where there are more. */
const colours = {
  light: ['#0072b2', '#d55e00', '#008a64', '#a6457f', '#8a6d00', '#4d5766', '#2f9fd8', '#c2304d', '#5b3fa8'],
  dark: ['#56b4e9', '#f28e4c', '#2bc79a', '#e08fc2', '#e6c229', '#aab4c2', '#7d9bff', '#ff7d8e', '#b79cff'],
}
const dashes = [undefined, [8, 4], [2, 3]]

/** Minutes and seconds, as 2:05. */
function toClock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, '0')}`
}

function toFigure(value) {
  if (value === null || value === undefined) return '–'
  return value >= 100 ? value.toFixed(0) : value.toFixed(1)
}

function toSeries(line, at) {
  const palette = colours[dark.matches ? 'dark' : 'light']
  const isFloor = line.kind === 'floor'
  return {
    label: line.label,
    stroke: isFloor ? (dark.matches ? '#9aa7b8' : '#6b7686') : palette[at % palette.length],
    dash: isFloor ? (line.label.endsWith('p99') ? [2, 3] : [8, 4]) : dashes[Math.floor(at / palette.length)],
    width: isFloor ? 1.5 : 2,
    spanGaps: true,
    points: { show: line.values.filter((value) => value !== null).length < 3 },
    value: (_, value) => toFigure(value),
  }
}

function draw(place, chart) {
  const style = getComputedStyle(document.body)
  const read = (name) => style.getPropertyValue(name)
  // A canvas does not know of light-dark().
  const [text, grid] = dark.matches ? ['#9aa7b8', '#333d4b'] : ['#566173', '#d8dee7']
  const axis = {
    ...{
      stroke: text,
      font: `12px ${read('font-family')}`,
      labelFont: `12px ${read('font-family')}`,
      labelSize: 18,
      labelGap: 0,
      gap: 4,
    },
    ...{ grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } },
  }
  const width = place.clientWidth
  const options = {
    ...{ width, height: width < 500 ? 240 : 300 },
    padding: [12, 14, 0, 0],
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.05 : 1] } },
    // As the lines themselves.
    legend: { markers: { dash: (plot, at) => (plot.series[at].dash ? 'dashed' : 'solid') } },
    cursor: { sync: { key: 'report' } },
    axes: [
      {
        ...axis,
        label: 'since the run began (minutes:seconds)',
        values: (_, ticks) => ticks.map(toClock),
        space: 60,
        size: 26,
      },
      { ...axis, label: chart.unit, size: 56 },
    ],
    series: [
      { label: 'at', value: (_, value) => (value === null ? '–' : toClock(value)) },
      ...chart.lines.map(toSeries),
    ],
  }
  return new uPlot(options, [chart.x, ...chart.lines.map((line) => line.values)], place)
}

let plots = []
function drawAll() {
  for (const plot of plots) plot.destroy()
  plots = [...document.querySelectorAll('.plot')].map((place) => draw(place, charts[Number(place.dataset.chart)]))
}

let width = document.body.clientWidth
addEventListener('resize', () => {
  if (document.body.clientWidth === width) return
  width = document.body.clientWidth
  drawAll()
})
dark.addEventListener('change', drawAll)
drawAll()
