// What an inspection costs, each document in a parser of its own as in the function: time and memory by type, one after another, and
// how many are done in a second by all cores. `npm run bench -- inspect [--seed 1] [FILE…]`; without files those of the corpus.
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { prepareParser } from '../bin/inspect-files.ts'
import { startParser } from '../functions/inspect/parser-process.ts'
import { readSample } from '../test/fixtures/documents/cache.ts'
import { goodSamples } from '../test/fixtures/documents/corpus.ts'
import { quantile } from './statistics.ts'

/** Milliseconds: nothing is judged here, and others may be computing. */
const deadlines = { waiting: 60_000, answered: 120_000 } as const

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string', default: '1' } },
  allowPositionals: true,
})
type Named = { readonly name: string; readonly bytes: Uint8Array }
const documents: Named[] =
  positionals.length > 0 ? positionals.map((name) => ({ name, bytes: readFileSync(name) })) : []
if (positionals.length === 0) {
  for (const sample of goodSamples) {
    documents.push({ name: sample.name, bytes: await readSample(sample, Number(values.seed)) })
  }
}

type Measurement = {
  readonly type: string
  readonly milliseconds: number
  readonly cpu: number
  readonly megabytes: number
}
const program = await prepareParser()

async function measure({ name, bytes }: Named): Promise<Measurement> {
  const start = performance.now()
  const parsed = await startParser(program, deadlines).inspect(bytes)
  if (parsed.outcome === 'crashed') throw new Error(`expected a verdict on ${name}; got a crash: ${parsed.how}`)
  return {
    type: parsed.inspection.mediaType ?? 'none',
    milliseconds: performance.now() - start,
    cpu: parsed.usage.cpuMilliseconds,
    megabytes: parsed.usage.peakKilobytes / 1024,
  }
}

const measurements: Measurement[] = []
for (const document of documents) measurements.push(await measure(document))
console.log('type              documents  median    p99   most   CPU, median   p99   memory, most')
for (const type of new Set(measurements.map((each) => each.type))) {
  const own = measurements.filter((each) => each.type === type)
  const [times, cpu] = [own.map(({ milliseconds }) => milliseconds), own.map((each) => each.cpu)]
  const toText = (milliseconds: number) => milliseconds.toFixed(0).padStart(5)
  console.log(
    `${type.padEnd(16)}  ${String(own.length).padStart(9)}  ${toText(quantile(times, 0.5))} ${toText(quantile(times, 0.99))} ${toText(Math.max(...times))} ms  ${toText(quantile(cpu, 0.5)).padStart(11)} ${toText(quantile(cpu, 0.99))} ms  ${Math.max(...own.map(({ megabytes }) => megabytes)).toFixed(0)} MB`,
  )
}

const cpu = measurements.reduce((sum, each) => sum + each.cpu, 0) / measurements.length
console.log(`${cpu.toFixed(0)} ms of CPU a document: ${(1000 / cpu).toFixed(1)} a second and core`)

const waiting = [...documents]
const start = performance.now()
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let document = waiting.pop(); document; document = waiting.pop()) await measure(document)
  }),
)
const seconds = (performance.now() - start) / 1000
console.log(
  `${(documents.length / seconds).toFixed(1)} documents a second, ${availableParallelism()} at once, of ${documents.length}`,
)
