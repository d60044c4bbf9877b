// `npm run load`: documents, or events, at a steady rate through a local stack; what came of them, in a report that a person
// opens. Starts a stack and forgets it, unless it is told of one that runs: that one keeps the run's users.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { makeWalletTrigger } from '../lib/stage-common.ts'
import {
  openApi,
  runStart,
  type StackDescription,
  stopStack,
  waitUntilStackIsReady,
} from '../test/support/local-stack.ts'
import { makeLetters, prepareScans } from './load/documents.ts'
import { type FedLog, feedEvents } from './load/feed-events.ts'
import { judge, type Run } from './load/judge.ts'
import { type LoadOptions, OptionError, readOptions, usage } from './load/options.ts'
import { callFloor, type FloorLog, type PostedLog, postDocuments } from './load/post-documents.ts'
import { describeRun, makeReport } from './load/report.ts'
import { type ProcessSample, type Sample, watchStack } from './load/watch.ts'
import { countWallets } from './load/workload.ts'
import { quantile } from './statistics.ts'

/** A pipeline that gets nothing done for so long (ms) will not, any more: a message that failed comes again after 180 s. */
const longestStandstill = 240_000
/** Reading the memory of forty processes takes a tenth of a second: milliseconds between two times. */
const processesEvery = 5000
/** In a soak, milliseconds between two times that memory is looked at behind a collection: those are judged. */
const collectedEvery = 30_000
let toldAt = Number.NEGATIVE_INFINITY

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort())

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2))
    if (options === undefined) {
      console.log(usage)
      return 0
    }
    return await onStack(options, async (stack, state) => await report(await measure(options, stack, state)))
  } catch (error) {
    if (stopping.signal.aborted) return 130
    if (!(error instanceof OptionError)) throw error
    console.error(`${error.message}\n\n${usage}`)
    return 2
  }
}

/** Works on the stack that is named, or on one that lives as long as the work. */
async function onStack<Result>(
  { state: named }: LoadOptions,
  work: (stack: StackDescription, state: string) => Promise<Result>,
): Promise<Result> {
  if (named !== undefined) {
    const description = join(named, 'stack.json')
    if (!existsSync(description)) {
      throw new OptionError(`--state: expected that of a running stack; there is no ${description}`)
    }
    return await work(JSON.parse(readFileSync(description, 'utf8')), named)
  }
  const state = await mkdtemp(join(tmpdir(), 'verified-wallets-load-'))
  console.log('starting a stack of its own')
  const start = runStart(['--state', state, '--port', '0'])
  const stop = () => void start.child.kill('SIGINT')
  stopping.signal.addEventListener('abort', stop)
  try {
    return await work(await waitUntilStackIsReady(start, state), state)
  } finally {
    await stopStack(start)
    await rm(state, { recursive: true, force: true })
  }
}

async function measure(options: LoadOptions, stack: StackDescription, state: string): Promise<Run> {
  const failing = new AbortController()
  const signal = AbortSignal.any([stopping.signal, failing.signal])
  const { topic, consumerGroupId } = makeWalletTrigger(1)
  const name = randomBytes(5).toString('hex')
  const watcher = await watchStack(stack, { topic, consumerGroupId }, name)
  const { token } = await openApi(stack, state, { service: 'load' }, { lifetime: 86_400 })
  const posted: PostedLog = { calls: [], accepted: [], broken: new Map(), sent: 0 }
  const fed: FedLog = { sent: 0, slices: [] }
  const floor: FloorLog = { calls: [], broken: new Map() }
  const makeDocument = options.preset === 'overload' ? await prepareScans() : makeLetters
  const samples: Sample[] = []
  const processes: ProcessSample[] = []

  const began = new Date()
  const start = performance.now()
  const now = () => performance.now() - start
  let sentAt: number | undefined
  const work = { run: name, ...options }
  const sending = (
    options.mode === 'feed'
      ? feedEvents({ brokers: stack.kafka_brokers, topic }, work, start, fed, signal)
      : postDocuments({ url: stack.api_url, token }, work, makeDocument, start, posted, signal)
  ).finally(() => {
    sentAt = now()
  })
  const floorIsEnough = new AbortController()
  const flooring = callFloor(stack.api_url, start, floor, AbortSignal.any([signal, floorIsEnough.signal]))

  /** Whether all is worked off, documents as well that were taken and whose answer nobody saw. */
  const isDone = ({ progress, queue, lag }: Sample) => {
    const expected = options.mode === 'feed' ? countWallets(options.users, fed.sent) : progress.accepted
    return sentAt !== undefined && queue === 0 && lag === 0 && progress.announced >= expected
  }
  let movedAt = 0
  let nextProcesses = 0
  let nextCollected = 0
  try {
    for (;;) {
      const at = now()
      const sample = await watcher.sample(at)
      const before = samples.at(-1)
      samples.push(sample)
      if (at >= nextProcesses) {
        const found = await watcher.sampleProcesses(at, options.preset === 'soak' && at >= nextCollected)
        if (found) processes.push(found)
        if (found?.isCollected) nextCollected += collectedEvery
        nextProcesses += processesEvery
      }
      if (JSON.stringify(before?.progress) !== JSON.stringify(sample.progress)) movedAt = at
      tellProgress(options, sample, posted, fed.sent)
      signal.throwIfAborted()
      if (isDone(sample) || (sentAt !== undefined && at - movedAt > longestStandstill)) break
      await new Promise((next) => setTimeout(next, Math.max(0, 1000 - (now() - at))))
    }
    const endedAt = now()
    await sending
    floorIsEnough.abort()
    await flooring
    return {
      ...{ options, name, began, endedAt, floor, samples, processes },
      ...{ sentAt: (options.mode === 'feed' ? fed.slices.at(-1)?.at : sentAt) ?? endedAt },
      ...{ sent: options.mode === 'feed' ? fed.sent : posted.sent },
      ...{ posted: options.mode === 'feed' ? undefined : posted, fed: fed.slices, queueDelay: watcher.queueDelay },
      ...{ passages: await watcher.readPassages(began.getTime()), wallets: await watcher.countWallets() },
    }
  } finally {
    failing.abort()
    await Promise.allSettled([sending, flooring])
    await watcher.close()
  }
}

/** One line that stays where it is on a terminal; elsewhere one every ten seconds. */
function tellProgress(options: LoadOptions, sample: Sample, posted: PostedLog, fed: number): void {
  const { at, progress, queue, lag } = sample
  const isTerminal = process.stdout.isTTY
  if (!isTerminal && at - toldAt < 10_000) return
  toldAt = at
  const recent = posted.calls.filter((call) => call.at > at - 10_000).map(({ milliseconds }) => milliseconds)
  const latency = recent.length > 0 ? ` (p50 ${Math.round(quantile(recent, 0.5))} ms)` : ''
  const sent =
    options.mode === 'feed'
      ? `fed ${fed}`
      : `answered ${posted.calls.length}${latency}  queue ${queue}  verdicts ${progress.verdicts}`
  const clock = `${Math.round(at / 1000)} of ${options.seconds} s`
  const line = `${clock}  ${sent}  lag ${lag}  wallets ${progress.wallets}  announced ${progress.announced}`
  process.stdout.write(isTerminal ? `\r${line}\u001b[K` : `${line}\n`)
}

/** Writes the report, says what it begins with. Answers the exit status. */
async function report(run: Run): Promise<number> {
  const judgement = judge(run)
  const content = describeRun(run, judgement)
  const path = resolve(run.options.report)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, makeReport(content))
  if (process.stdout.isTTY) console.log()
  console.log(`\n${content.headline}\n`)
  for (const { ok, text } of judgement.checks) console.log(`${ok ? '  ok    ' : '  FAILED'}  ${text}`)
  for (const { title, rows } of content.sections.slice(0, 1)) {
    console.log(`\n${title}`)
    for (const [what, figure] of rows) console.log(`  ${what.padEnd(36)} ${figure}`)
  }
  console.log(`\n${path}`)
  return judgement.ok ? 0 : 1
}

process.exitCode = await main()
