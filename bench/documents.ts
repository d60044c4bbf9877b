// How often the inspection errs, over the corpus of many seeds: `npm run bench -- documents --seeds 3`. The seeds are held out
// ones; with `--tune` those that rules may be made by. `--only WORD`: documents of that name or code.
import { parseArgs } from 'node:util'
import { inspectDocument } from '../functions/inspect/inspect-document.ts'
import { readSample } from '../test/fixtures/documents/cache.ts'
import { isHeldOut, samples } from '../test/fixtures/documents/corpus.ts'
import { isExpected } from '../test/fixtures/documents/sample.ts'
import { wilson } from './statistics.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2' },
    tune: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
})
const seeds: number[] = []
for (let seed = 1; seeds.length < Number(values.seeds); seed++) if (isHeldOut(seed) !== values.tune) seeds.push(seed)

const chosen = samples.filter(({ name, codes }) => `${name} ${codes}`.includes(values.only))
const counts = { good: 0, refused: 0, bad: 0, accepted: 0, otherReason: 0 }
let done = 0

for (const seed of seeds) {
  for (const sample of chosen) {
    const inspection = await inspectDocument(await readSample(sample, seed))
    const found = inspection.reasons.map(({ code }) => code)
    const [isGood, hasPassed] = [sample.codes.length === 0, inspection.verdict === 'passed']
    counts[isGood ? 'good' : 'bad']++
    if (isGood && !hasPassed) counts.refused++
    if (!isGood && hasPassed) counts.accepted++
    if (!isGood && !hasPassed && !isExpected(sample, found)) counts.otherReason++
    if (!isExpected(sample, found))
      console.log(
        `seed ${seed} ${sample.name} (${sample.imitates}): expected ${sample.codes.join() || 'passed'}; got ${found.join() || 'passed'}`,
      )
    if (++done % 100 === 0) console.error(`${done} of ${seeds.length * chosen.length}`)
  }
}

const toPercent = (share: number) => `${(100 * share).toFixed(1)} %`
const tell = (name: string, count: number, total: number) => {
  if (total === 0) return
  const { low, high } = wilson(count, total)
  console.log(
    `${name.padEnd(18)} ${count} of ${total}: ${toPercent(count / total)} (95 %: ${toPercent(low)} to ${toPercent(high)})`,
  )
}
console.log(`\nseeds ${seeds.join(', ')}${values.tune ? '' : ', held out'}`)
tell('falsely rejected', counts.refused, counts.good)
tell('falsely accepted', counts.accepted, counts.bad)
tell('other reason', counts.otherReason, counts.bad)
if (counts.refused + counts.accepted > 0) process.exitCode = 1
