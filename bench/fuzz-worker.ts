// Judges case after case of fuzzing in one process, and tells fuzz.ts of each: of its beginning, then of its result.
import { judgeCase, makeCase, readBases } from '../test/support/fuzz.ts'

const [seed = '', from, to] = process.argv.slice(2)
const bases = await readBases()

const tell = (message: object) =>
  new Promise<void>((resolve, reject) =>
    process.send?.(message, undefined, undefined, (error: Error | null) => (error ? reject(error) : resolve())),
  )

for (let index = Number(from); index < Number(to); index++) {
  const { name, how, bytes } = makeCase(bases, seed, index)
  await tell({ index, begins: true })
  const start = performance.now()
  const result = await judgeCase(bytes).catch((error: unknown) => ({
    ...{ verdict: 'threw', codes: [], problems: [`threw ${error instanceof Error ? error.stack : error}`] },
  }))
  const milliseconds = Math.round(performance.now() - start)
  await tell({ index, name, how, ...result, milliseconds, megabytes: Math.round(process.memoryUsage.rss() / 2 ** 20) })
}
process.disconnect()
