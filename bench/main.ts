// Runs one of the measurements: `npm run bench -- NAME`. What each measures is in its file; the pipeline's is load.ts.
import { parseArgs } from 'node:util'

type Benchmark = { readonly about: string; readonly flags: readonly string[]; readonly run: () => Promise<unknown> }

const benchmarks: Readonly<Record<string, Benchmark>> = {
  derive: { about: 'addresses per CPU-second, beside others’ libraries', flags: [], run: () => import('./derive.ts') },
  batch: { about: 'what a batch costs besides deriving', flags: [], run: () => import('./batch.ts') },
  'cold-start': {
    ...{ about: 'what each function weighs, and what it costs to load it', flags: ['runs'] },
    run: () => import('./cold-start.ts'),
  },
  flood: {
    ...{ about: "how far one caller's flood slows another's POST", flags: ['state', 'rounds', 'posts', 'clients'] },
    run: () => import('./flood.ts'),
  },
  read: {
    about: 'what the memory of read gains',
    flags: ['state', 'wallets', 'reads'],
    run: () => import('./read.ts'),
  },
  nudge: { about: 'what announcing at once costs, beside the whole sweep', flags: [], run: () => import('./nudge.ts') },
  inspect: {
    ...{ about: 'what an inspection costs, by type; of FILES, if there are any', flags: ['seed'] },
    run: () => import('./inspect.ts'),
  },
  documents: {
    ...{ about: 'how often the inspection errs, on documents by seed', flags: ['seeds', 'tune', 'only'] },
    run: () => import('./documents.ts'),
  },
  fuzz: {
    ...{ about: 'whether damaged documents crash it', flags: ['seed', 'cases', 'from', 'minutes', 'keep'] },
    run: () => import('./fuzz.ts'),
  },
  bytes: {
    about: 'what a user takes of Postgres and Kafka',
    flags: ['rows', 'users'],
    run: () => import('./bytes.ts'),
  },
  scale: { about: 'what many users need; docs/scale.md', flags: ['write'], run: () => import('./scale.ts') },
}

const usage = `usage: npm run bench -- NAME [flags]

${Object.entries(benchmarks)
  .map(([name, { about, flags }]) => `  ${name.padEnd(12)}${about}${flags.map((flag) => ` --${flag}`).join('')}`)
  .join('\n')}
`

function refuse(message: string): never {
  console.error(`${message}\n\n${usage}`)
  process.exit(2)
}

const [name = '', ...given] = process.argv.slice(2)
if (name === '--help' || given.includes('--help')) {
  process.stdout.write(usage)
  process.exit(0)
}
const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined
if (!benchmark) refuse(`expected the name of a benchmark; got "${name}"`)
const { tokens } = parseArgs({ args: given, strict: false, allowPositionals: true, tokens: true })
for (const token of tokens) {
  if (token.kind === 'option' && !benchmark.flags.includes(token.name)) {
    refuse(`${name} knows no ${token.rawName}`)
  }
}
// What it has started ends when this process exits; by a signal alone it would not.
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(status))
}
process.argv.splice(2, 1)
await benchmark.run().catch((error: unknown) => {
  if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_')) {
    refuse(error.message)
  }
  throw error
})
