// What an instance of PDFium for each document costs, compiled once and, as it was, each time: `npm run bench -- inspect`. Both
// take their turn in each round; only the ratio is held to anything.
import { PDFiumLibrary } from '@hyzyla/pdfium'
import { openPdf } from '../functions/inspect/open-pdf.ts'
import { samples } from '../test/support/fixtures.ts'
import { median } from './statistics.ts'

const [warmUpRounds, rounds] = [5, 40]
/** Of CPU, compiled each time to compiled once. */
const smallestRatio = 1.5

/** Each opens the letter, and answers the width of its first page. */
const ways = {
  'compiled each time': async () => {
    const document = await (await PDFiumLibrary.init()).loadDocument(samples.letter)
    return document.getPage(0).getOriginalSize().originalWidth
  },
  'compiled once': async () => {
    const document = await openPdf(samples.letter)
    return typeof document === 'string' ? undefined : document.measure(0)?.width
  },
} as const
const [before, after] = ['compiled each time', 'compiled once'] as const
const times = { [before]: [] as number[], [after]: [] as number[] }

/** Milliseconds of CPU, of all threads of this process, until the first page is open. */
async function measure(open: () => Promise<number | undefined>): Promise<number> {
  const start = process.cpuUsage()
  const width = await open()
  if (!(width !== undefined && width > 0)) throw new Error('expected a page; got none')
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

for (let round = 0; round < warmUpRounds + rounds; round++) {
  for (const way of [before, after]) {
    const took = await measure(ways[way])
    if (round >= warmUpRounds) times[way].push(took)
  }
}
const ratio = median(times[before].map((took, round) => took / (times[after][round] ?? Number.NaN)))
for (const way of [before, after])
  console.log(`${way.padEnd(20)} ${median(times[way]).toFixed(1).padStart(6)} ms of CPU a PDF`)
console.log(`ratio ${ratio.toFixed(1)}, at least ${smallestRatio}; the median of ${rounds} rounds`)
if (ratio < smallestRatio) process.exitCode = 1
