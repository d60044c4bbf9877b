// `npm run chaos`: does harm to a local stack of its own, fault by fault, and looks from outside whether anything was lost,
// doubled, changed or left over. Exit status 0 when every row is good.
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { tryLock } from '../../local/file-lock.mjs'
import type { Fault } from './fault.ts'
import { faults } from './faults.ts'
import { formatTable, type Row, readRows, writeRows } from './results.ts'
import { createRunner } from './run-fault.ts'
import { type ChaosStack, startChaosStack } from './stack.ts'

const usage = `usage: npm run chaos -- [flags]

  --list             the faults, and nothing else
  --only NAME,…      these faults alone
  --documents N      so many documents for each fault, for half as many users (default: as --list says)
  --resume           goes on with a run that was cut off: what has a good row is not done again
  --state DIR        where the stack and the results are kept (default .local/chaos); emptied of an earlier stack

Linux, and root for the fault that mounts a file system.`

process.exit(await main())

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      list: { type: 'boolean', default: false },
      only: { type: 'string' },
      documents: { type: 'string' },
      resume: { type: 'boolean', default: false },
      state: { type: 'string', default: '.local/chaos' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) console.log(usage)
  if (values.list) for (const { name, documents } of faults) console.log(`${name.padEnd(30)} ${documents} documents`)
  if (values.help || values.list) return 0
  const names = values.only?.split(',') ?? faults.map(({ name }) => name)
  const unknown = names.filter((name) => !faults.some((fault) => fault.name === name))
  const documents = values.documents === undefined ? undefined : Number(values.documents)
  if (unknown.length > 0 || (documents !== undefined && !(Number.isInteger(documents) && documents >= 20))) {
    const got = unknown.length > 0 ? unknown.join(', ') : `--documents ${values.documents}`
    console.error(`expected names of --list, and at least 20 documents; got ${got}\n\n${usage}`)
    return 2
  }
  const folder = resolve(values.state)
  const lock = tryLock(join(folder, 'chaos.lock'))
  if ('holder' in lock) {
    console.error(`${folder} is in use by process ${lock.holder.pid}: give another --state DIR`)
    return 2
  }
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort())
  const file = join(folder, 'results.json')
  const kept = values.resume
    ? readRows(file).filter((row) => row.failures.length === 0 && names.includes(row.fault))
    : []
  const rows = await runAll({
    ...{ folder, documents, kept, signal: stopping.signal },
    faults: faults.filter(({ name }) => names.includes(name)),
    keep: (all) => writeRows(file, all),
  })
  return report(rows, names, file)
}

function report(rows: readonly Row[], names: readonly string[], file: string): number {
  console.log(`\n${formatTable(rows)}\n`)
  const bad = rows.filter(({ failures }) => failures.length > 0)
  for (const { fault, failures } of bad) for (const failure of failures) console.log(`FAILED ${fault}: ${failure}`)
  const missing = names.filter((name) => !rows.some(({ fault }) => fault === name))
  if (missing.length > 0) console.log(`not done: ${missing.join(', ')}; --resume goes on`)
  const minutes = rows.reduce((sum, { seconds }) => sum + seconds, 0) / 60
  console.log(`${rows.length} faults in ${minutes.toFixed(1)} minutes, ${bad.length} failed; ${file} has the rows`)
  return bad.length + missing.length === 0 ? 0 : 1
}

/** One stack serves all faults, until one leaves something behind: then the next gets a fresh one. */
async function runAll(options: {
  readonly folder: string
  readonly faults: readonly Fault[]
  readonly documents: number | undefined
  readonly kept: readonly Row[]
  readonly signal: AbortSignal
  readonly keep: (rows: readonly Row[]) => void
}): Promise<Row[]> {
  const { folder, signal } = options
  const rows = [...options.kept]
  const rest = options.faults.filter(({ name }) => !rows.some(({ fault }) => fault === name))
  let stack: ChaosStack | undefined
  let runner: ReturnType<typeof createRunner> | undefined
  try {
    for (const [at, fault] of rest.entries()) {
      if (signal.aborted) break
      if (stack === undefined || runner === undefined) {
        console.log('starting a stack')
        stack = await startChaosStack(folder, signal)
        runner = createRunner(stack)
      }
      const tell = createProgress(`[${at + 1}/${rest.length}]`)
      const row = await runner(fault, { documents: options.documents ?? fault.documents, signal, tell })
      rows.push(row)
      options.keep(rows)
      const { lost, doubled, changed, left, seconds, recoverSeconds, failures } = row
      if (process.stdout.isTTY) process.stdout.write('\x1b[2K')
      const counts = `${lost} lost, ${doubled} doubled, ${changed} changed, ${left} left, recovered in ${recoverSeconds} s`
      console.log(
        `${failures.length === 0 ? 'ok  ' : 'BAD '} ${fault.name}: ${row.bite || 'NOT SEEN'}; ${counts}; ${seconds} s`,
      )
      for (const failure of failures) console.log(`     ${failure}`)
      if (failures.length > 0) {
        await stack.stop()
        stack = undefined
      }
    }
  } catch (error) {
    if (!signal.aborted) console.error(error)
  } finally {
    await stack?.stop()
  }
  return rows
}

/** On a terminal one line that is written over; elsewhere a line now and then. */
function createProgress(head: string): (line: string) => void {
  let last = 0
  return (line) => {
    if (process.stdout.isTTY) process.stdout.write(`\x1b[2K${head} ${line}\r`)
    else if (Date.now() - last > 15_000) {
      last = Date.now()
      console.log(`${head} ${line}`)
    }
  }
}
