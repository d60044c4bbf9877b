// One wallet function in a process of its own, which its parent may kill at any moment: batches in, answers out, as
// messages between the processes. Everything but the vault is as in production.
import { createHandler, type KafkaBatchResponse } from '../../functions/wallet/handler.ts'
import type { IssueWalletsPorts } from '../../functions/wallet/issue-wallets.ts'
import { createDatabase } from '../../shared/database.ts'
import type { MskEvent } from '../../shared/kafka-records.ts'
import { tryOnce, walletContext } from './fakes.ts'
import { makeIssuePorts } from './wallet-records.ts'

/** Where a batch may be made to stop: indices taken; accounts inserted; all written, not committed; committed, not answered. */
export const moments = ['taken', 'inserted', 'written', 'committed'] as const
export type Moment = (typeof moments)[number]

/** What the parent sends. A batch that is told a moment stops there for good, and waits to be killed. */
export type Task =
  | { readonly kind: 'connect'; readonly url: string }
  | { readonly kind: 'batch'; readonly event: MskEvent; readonly stopAt?: Moment | undefined }

/** What the process answers. */
export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'stopped'; readonly at: Moment }
  | { readonly kind: 'done'; readonly response: KafkaBatchResponse }
  | { readonly kind: 'failed'; readonly error: string }

const report = (message: Report) => process.send?.(message)

let stopAt: Moment | undefined

async function pass(moment: Moment): Promise<void> {
  if (stopAt !== moment) return
  report({ kind: 'stopped', at: moment })
  await new Promise<never>(() => {})
}

/** The ports, with the moments told apart. */
function watch({ reserveAccounts, transaction, ...ports }: IssueWalletsPorts): IssueWalletsPorts {
  return {
    ...ports,
    reserveAccounts: async (...given) => {
      const accounts = await reserveAccounts(...given)
      await pass('taken')
      return accounts
    },
    transaction: async (work) => {
      const result = await transaction(async (tables) => {
        const written = await work({
          ...tables,
          insertAccounts: async (...given) => {
            const count = await tables.insertAccounts(...given)
            await pass('inserted')
            return count
          },
        })
        await pass('written')
        return written
      })
      await pass('committed')
      return result
    },
  }
}

function connect(url: URL) {
  const database = createDatabase({
    host: url.hostname,
    port: Number(url.port),
    name: url.pathname.slice(1),
    applicationName: 'wallet process',
    tls: 'off',
    now: Date.now,
    deadline: 60_000,
    readCredentials: async () => ({
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
    }),
  })
  return createHandler({
    ...watch(makeIssuePorts(database)),
    random: Math.random,
    createRetry: () => tryOnce,
    nudgeAnnounce: async () => {},
    beat: async () => {},
  })
}

let handle: ReturnType<typeof createHandler> | undefined

async function work(task: Task): Promise<Report> {
  if (task.kind === 'connect') {
    handle = connect(new URL(task.url))
    return { kind: 'ready' }
  }
  if (!handle) return { kind: 'failed', error: 'expected to be connected first' }
  stopAt = task.stopAt
  return { kind: 'done', response: await handle(task.event, walletContext) }
}

process.on('message', (task: Task) => {
  work(task).then(report, (error: unknown) => report({ kind: 'failed', error: String(error) }))
})
// Without a parent there is nothing to do.
process.on('disconnect', () => process.exit())
