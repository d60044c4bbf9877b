// Faults of KMS and S3, by the proxy that the functions call them through.
import { setTimeout as wait } from 'node:timers/promises'
import { type Fault, type FaultContext, some } from './fault.ts'
import { type Misbehaviour, refusal, type Service, slowDown } from './fault-proxy.ts'
import { kill } from './stack.ts'
import { planUploads, startWorkload } from './workload.ts'

/** Calls misbehave for so long (ms), and as much longer as it takes for some to have met it. */
async function misbehave(
  { stack: { proxy }, signal }: FaultContext,
  service: Service,
  how: Misbehaviour,
  options: { readonly milliseconds: number; readonly share?: number },
): Promise<string | undefined> {
  const [start, enough] = [Date.now(), 4]
  proxy.misbehave(service, how, options.share)
  const isOver = () => {
    const passed = Date.now() - start
    return passed > options.milliseconds && (proxy.countMisbehaved() >= enough || passed > 4 * options.milliseconds)
  }
  while (!isOver() && !signal.aborted) await wait(500)
  const count = proxy.behave()
  return count === 0
    ? undefined
    : `${count} calls of ${service.toUpperCase()} in ${Math.round((Date.now() - start) / 1000)} s`
}

/** Whoever holds the root already does not ask KMS: those processes end, as containers do. */
function kms(name: string, how: Misbehaviour): Fault {
  return {
    name,
    documents: some,
    inject: async (context) => {
      const { stack, prefix, signal } = context
      for (const pid of stack.findWorkers('Wallet')) kill(pid)
      const bite = await misbehave(context, 'kms', how, { milliseconds: 20_000 })
      // What waits for the vault is freed when a function has opened it: by the next customer's document.
      const next = startWorkload({
        ...{ apiUrl: stack.description.api_url, token: await stack.issueToken() },
        ...{ uploads: planUploads(`${prefix}next-`, 2), clients: 1, deadline: Date.now() + 60_000, signal },
      })
      await next.done
      return bite
    },
  }
}

export const serviceFaults: readonly Fault[] = [
  kms('kms-throttling', refusal('ThrottlingException')),
  kms('kms-slow', { kind: 'slow', milliseconds: [2500, 4000] }),
  kms('kms-refusing', refusal('AccessDeniedException')),
  {
    name: 's3-slow',
    documents: some,
    inject: (context) =>
      misbehave(context, 's3', { kind: 'slow', milliseconds: [500, 6000] }, { milliseconds: 24_000, share: 0.5 }),
  },
  {
    name: 's3-failing',
    documents: some,
    inject: (context) => misbehave(context, 's3', slowDown, { milliseconds: 20_000 }),
  },
  {
    name: 's3-answers-lost',
    documents: some,
    inject: (context) => misbehave(context, 's3', { kind: 'cut-after' }, { milliseconds: 20_000, share: 0.5 }),
  },
]
