// Runs one of the measurements: `npm run bench -- NAME`, the pipeline when none is named. Each reads its own options.

const benchmarks = {
  pipeline: () => import('./pipeline.ts'),
  derive: () => import('./derive.ts'),
  batch: () => import('./batch.ts'),
  'cold-start': () => import('./cold-start.ts'),
  flood: () => import('./flood.ts'),
  read: () => import('./read.ts'),
}

const name = process.argv[2]?.startsWith('-') ? 'pipeline' : (process.argv[2] ?? 'pipeline')
if (!Object.hasOwn(benchmarks, name)) {
  console.error(`expected one of ${Object.keys(benchmarks).join(', ')}; got "${name}"`)
  process.exit(2)
}
// What is run finds its options where it would find them if it were called by itself.
if (name === process.argv[2]) process.argv.splice(2, 1)
await benchmarks[name as keyof typeof benchmarks]()
