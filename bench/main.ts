// Runs one of the measurements: `npm run bench -- NAME`. Each reads its own options. The pipeline's is load.ts.

const benchmarks = {
  derive: () => import('./derive.ts'),
  batch: () => import('./batch.ts'),
  'cold-start': () => import('./cold-start.ts'),
  flood: () => import('./flood.ts'),
  read: () => import('./read.ts'),
  nudge: () => import('./nudge.ts'),
  inspect: () => import('./inspect.ts'),
  documents: () => import('./documents.ts'),
  fuzz: () => import('./fuzz.ts'),
  bytes: () => import('./bytes.ts'),
  scale: () => import('./scale.ts'),
}

const [name = ''] = process.argv.splice(2, 1)
if (!Object.hasOwn(benchmarks, name)) {
  console.error(`expected one of ${Object.keys(benchmarks).join(', ')}; got "${name}"`)
  process.exit(2)
}
await benchmarks[name as keyof typeof benchmarks]()
