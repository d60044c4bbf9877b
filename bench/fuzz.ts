// Damages good documents by a seed and inspects what came of them: `npm run bench -- fuzz --seed S --cases 20000 --minutes 60`.
// Most cases share one process, for speed; what crashes, hangs, throws or grows there is told again by a parser of its own, as
// the function would. `--keep FOLDER` writes the documents that something is wrong with.
import { fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startParser } from '../functions/inspect/parser-process.ts'
import { findParserProgram } from '../functions/inspect/spawn-parser.ts'
import { makeCase, readBases } from '../test/support/fuzz.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now()) },
    cases: { type: 'string', default: '20000' },
    from: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '60' },
    keep: { type: 'string' },
  },
})
const [cases, first] = [Number(values.cases), Number(values.from)]
const end = performance.now() + Number(values.minutes) * 60_000
/** Milliseconds of CPU behind which a case is told again: half of the time that the function gives a parser. */
const slow = 5000
/** Milliseconds, whatever else the machine does; and how large the shared process may grow over many cases, MiB. */
const [longest, largest] = [60_000, 1500]

type Message = {
  readonly index: number
  readonly begins?: true
  readonly name: string
  readonly how: string
  readonly verdict: 'passed' | 'rejected' | 'threw'
  readonly codes: readonly string[]
  readonly problems: readonly string[]
  /** Of CPU. */
  readonly milliseconds: number
  readonly megabytes: number
}

const counts = new Map<string, number>()
const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)
const suspects = new Map<number, string>()
const times: number[] = []
let done = 0

/** Runs cases from there on in one process, until they are through, or it has to be replaced. @returns the next case */
function run(from: number): Promise<number> {
  const worker = fork(new URL('./fuzz-worker.ts', import.meta.url), [values.seed, String(from), String(first + cases)])
  let current = from
  let hasBegun = false
  let timer: NodeJS.Timeout | undefined
  let why = 'ended its process'
  const finished = Promise.withResolvers<number>()
  const stop = (reason: string) => {
    why = reason
    worker.kill('SIGKILL')
  }
  worker.on('message', (message: Message) => {
    clearTimeout(timer)
    current = message.index
    hasBegun = true
    if (message.begins) {
      timer = setTimeout(() => stop(`took more than ${longest} ms`), longest)
      return
    }
    current++
    note(message)
    if (performance.now() > end) stop('')
    else if (message.megabytes > largest) stop('')
  })
  worker.on('exit', (code) => {
    clearTimeout(timer)
    if (!hasBegun && from < first + cases) finished.reject(new Error('expected a worker that begins; it ended before'))
    if (code !== 0 && why !== '') suspects.set(current++, why)
    finished.resolve(current)
  })
  return finished.promise
}

function note(message: Message): void {
  const { index, name, how, verdict, codes, problems, milliseconds } = message
  done++
  times.push(milliseconds)
  count(verdict)
  for (const code of codes) count(`  ${code}`)
  if (milliseconds > slow) suspects.set(index, `took ${milliseconds} ms of CPU`)
  if (problems.length > 0) suspects.set(index, problems.join('; '))
  if (problems.length > 0) console.log(`case ${index} (${name}, ${how}): ${problems.join('; ')}`)
  if (done % 200 === 0) console.error(`${done} of ${cases} cases, ${suspects.size} to look at`)
}

console.log(`seed ${values.seed}, ${cases} cases, at most ${values.minutes} minutes`)
for (let next = first; next < first + cases && performance.now() < end; ) next = await run(next)

const bases = await readBases()
if (values.keep !== undefined) mkdirSync(values.keep, { recursive: true })
for (const [index, why] of suspects) {
  const { name, how, bytes } = makeCase(bases, values.seed, index)
  if (values.keep !== undefined) writeFileSync(`${values.keep}/${index}-${name}`, bytes)
  const parsed = await startParser(findParserProgram()).inspect(bytes)
  const outcome = parsed.outcome === 'crashed' ? `a ${parsed.how} in ${parsed.check}` : parsed.inspection.verdict
  console.log(`case ${index} (${name}, ${how}) ${why.split('\n')[0]}. A parser of its own: ${outcome}`)
  count(`in a parser of its own: ${outcome}`)
}
times.sort((a, b) => a - b)
const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? Number.NaN
console.log(
  `\n${done} cases of seed ${values.seed}: of CPU: median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`,
)
for (const [what, total] of [...counts].sort(([a], [b]) => a.localeCompare(b)))
  console.log(`${what.padEnd(34)} ${total}`)
if (suspects.size > 0) process.exitCode = 1
