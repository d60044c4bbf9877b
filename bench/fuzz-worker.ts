// Judges case after case of fuzzing in one process, and tells fuzz.ts of each: of its beginning, then of its result.
import { judgeCase, makeCase, readBases } from '../test/support/fuzz.ts'

const [seed = '', from, to] = process.argv.slice(2)
/** Every so many cases: it is most of what a case costs. */
const copiesInspected = 5
const bases = await readBases()

const tell = (message: object) =>
  new Promise<void>((resolve, reject) =>
    process.send?.(message, undefined, undefined, (error: Error | null) => (error ? reject(error) : resolve())),
  )

for (let index = Number(from); index < Number(to); index++) {
  const { name, how, bytes } = makeCase(bases, seed, index)
  await tell({ index, begins: true })
  const start = process.cpuUsage()
  const result = await judgeCase(bytes, index % copiesInspected === 0).catch((error: unknown) => ({
    ...{ verdict: 'threw', codes: [], problems: [`threw ${error instanceof Error ? error.stack : error}`] },
  }))
  const { user, system } = process.cpuUsage(start)
  const milliseconds = Math.round((user + system) / 1000)
  await tell({ index, name, how, ...result, milliseconds, megabytes: Math.round(process.memoryUsage.rss() / 2 ** 20) })
}
process.disconnect()
