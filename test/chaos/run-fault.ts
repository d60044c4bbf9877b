// One fault from its first document to its row of the table: workload, harm, recovery, and a look at everything.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { countMessages } from './buckets.ts'
import type { Fault, FaultContext } from './fault.ts'
import { findToRepeat, judge } from './judge.ts'
import { createLogScan, listSecrets } from './log-secrets.ts'
import {
  countOpen,
  type Observation,
  type Open,
  observe,
  readEvents,
  readOffsets,
  readVerifications,
  readWallets,
} from './observe.ts'
import type { Row } from './results.ts'
import { type ChaosStack, waitUntil } from './stack.ts'
import { watchStatuses } from './statuses.ts'
import { planUploads, startWorkload, type Workload } from './workload.ts'

/** Customers at once: what two cores keep up with. */
const clients = 8
/** The share of the workload that is accepted when the harm begins. */
const quietShare = 0.15
/** No fault is given up before; nothing should come near it. */
const settleBound = 300_000
const postBound = 600_000

type LogScan = ReturnType<typeof createLogScan>

export type Runner = (
  fault: Fault,
  options: {
    readonly documents: number
    readonly signal: AbortSignal
    /** Called with a line that says how far it is. */
    readonly tell: (line: string) => void
  },
) => Promise<Row>

/** Runs faults on that stack, one after another. */
export function createRunner(stack: ChaosStack): Runner {
  const scan = createLogScan(stack.description.log_dir)
  const tokens: string[] = []
  return (fault, options) => runFault(stack, fault, { ...options, scan, tokens })
}

async function runFault(
  stack: ChaosStack,
  fault: Fault,
  options: Parameters<Runner>[1] & { readonly scan: LogScan; readonly tokens: string[] },
): Promise<Row> {
  const { documents, signal } = options
  const start = Date.now()
  const seconds = () => Math.round((Date.now() - start) / 1000)
  const prefix = `${fault.name}-${start.toString(36)}-`
  const [before, from, token] = await Promise.all([readWallets(stack), readOffsets(stack), stack.issueToken()])
  options.tokens.push(token)
  const uploads = planUploads(prefix, documents)
  const workload = startWorkload({
    ...{ apiUrl: stack.description.api_url, token, uploads, clients, deadline: start + postBound, signal },
  })
  const context: FaultContext = {
    ...{ stack, workload, uploads, prefix, signal },
    readEvents: () => readEvents(stack, from),
  }
  const statuses = watchStatuses(stack, prefix)
  const failures: string[] = []
  const note = (what: string) => (error: unknown) => {
    failures.push(`${what}: ${error instanceof Error ? error.message : error}`)
  }
  let phase = 'quiet'
  const telling = setInterval(() => {
    const accepted = `${workload.acceptances.length} of ${uploads.length} accepted`
    options.tell(`${fault.name}: ${phase}, ${accepted}, ${seconds()} s`)
  }, 1000)
  try {
    await workload.reached(quietShare)
    phase = 'harm'
    const bite = await fault.inject(context).catch(note('the fault'))
    phase = 'after the harm'
    await workload.done
    const over = Date.now()
    if (workload.unaccepted() > 0) failures.push(`${workload.unaccepted()} documents were never accepted`)
    if (!bite) failures.push('the fault was not seen to bite')

    const settle = async () => {
      const open = await waitUntilSettled(stack, prefix, signal, (rest) => {
        phase = `recovering (${rest.undecided} undecided, ${rest.withoutWallet} without wallet, ${rest.unannounced} unannounced)`
      })
      if (open) failures.push(`not settled after ${settleBound / 1000} s: ${JSON.stringify(open)}`)
    }
    await settle()
    const recoverSeconds = Math.round((Date.now() - over) / 100) / 10
    phase = 'repeating'
    const repeated = await repeatRejected(stack, token, workload, prefix, signal)
    if (repeated.length > 0) await settle()
    failures.push(...((await fault.check?.(context).catch(note('its own check'))) ?? []))
    // What deletes the originals comes after all that was waited for.
    phase = 'waiting for the last messages'
    const isEmpty = async () => signal.aborted || (await countMessages(stack)) === 0
    if (!(await waitUntil(isEmpty, settleBound))) failures.push('messages are left in the verification queue')
    phase = 'looking'

    const users = [
      ...new Map(uploads.filter(({ kind }) => kind === 'good').map((each) => [each.userId, each])).values(),
    ]
    const seen = await observe(stack, prefix, { from, users })
    const acceptances = [...workload.acceptances, ...repeated]
    const judgement = judge(acceptances, seen, before)
    const backwards = await statuses.stop()
    const wrong = await findWrongDerivations(stack, prefix, seen)
    const secrets = await options.scan.scan(
      listSecrets({ mnemonic: stack.mnemonic, tokens: options.tokens, databaseUrl: stack.description.database_url }),
    )
    failures.push(...secrets.map((what) => `a secret was logged: ${what}`))
    const changed = [...judgement.changed, ...backwards, ...wrong]
    const { lost, doubled, left } = judgement
    for (const [kind, list] of Object.entries({ lost, doubled, changed, left })) {
      failures.push(...list.slice(0, 5).map((each) => `${kind}: ${each}`))
    }
    return {
      ...{ fault: fault.name, documents: uploads.length, users: uploads.length / 2, bite: bite ?? '', recoverSeconds },
      accepted: workload.acceptances.length,
      refused: Object.fromEntries(workload.refusals),
      wallets: seen.wallets.filter(({ userId }) => userId.startsWith(prefix)).length,
      ...{ lost: lost.length, doubled: doubled.length, changed: changed.length, left: left.length },
      ...{ failures, seconds: seconds() },
    }
  } finally {
    clearInterval(telling)
  }
}

/** What is still open when the time is over; undefined when all is settled. */
async function waitUntilSettled(
  stack: ChaosStack,
  prefix: string,
  signal: AbortSignal,
  tell: (open: Open) => void,
): Promise<Open | undefined> {
  const end = Date.now() + settleBound
  for (;;) {
    signal.throwIfAborted()
    const open = await countOpen(stack, prefix).catch(() => undefined)
    if (open) {
      tell(open)
      if (open.undecided + open.withoutWallet + open.unannounced === 0) return undefined
    }
    if (Date.now() > end) return open ?? { undecided: -1, withoutWallet: -1, unannounced: -1 }
    await wait(500)
  }
}

/** What a client does whose document was not at fault: the verdict said so. Resolves to what was accepted again. */
async function repeatRejected(
  stack: ChaosStack,
  token: string,
  workload: Workload,
  prefix: string,
  signal: AbortSignal,
): Promise<Workload['acceptances']> {
  const uploads = findToRepeat(workload.acceptances, await readVerifications(stack, prefix))
  const again = startWorkload({
    ...{ apiUrl: stack.description.api_url, token, uploads, clients, deadline: Date.now() + postBound, signal },
  })
  await again.done
  return again.acceptances
}

const typeOf = { ethereum: 'eip55', bitcoin: 'p2pkh', tron: 'base58check' } as const

/** Derives some of the addresses by other people's libraries from the mnemonic, in a process of its own. */
async function findWrongDerivations(
  { mnemonic }: ChaosStack,
  prefix: string,
  { wallets }: Observation,
): Promise<string[]> {
  const sample = wallets.filter(({ userId }) => userId.startsWith(prefix)).slice(-9)
  const program = join(import.meta.dirname, '..', 'support', 'derive-independently.mjs')
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin.end(JSON.stringify({ mnemonic, accounts: sample.map(({ accountIndex }) => accountIndex) }))
  await new Promise((resolve) => child.once('close', resolve))
  const answers = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, string>[]
  return sample.flatMap(({ userId, network, address }, at) =>
    answers[at]?.[typeOf[network as keyof typeof typeOf]] === address
      ? []
      : [`${userId}: other libraries derive another ${network} address`],
  )
}
