// Keeps a part of the stack running: what ends by itself is said and started again, unless it does so again and again.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, describeExit } from './child-process.ts'
import { describe, LocalError } from './local-error.ts'

type Part = { readonly child: Child; readonly stop: () => Promise<void> }

export type KeptPart<Running extends Part> = {
  /** What runs now, or ran last while it is being started again. */
  readonly current: () => Running
  /** Stops it by `stop` or, when given, in another way, and starts nothing any more. */
  readonly stop: (how?: (running: Running) => Promise<void>) => Promise<void>
}

const restartsAtMost = 5
const withinMilliseconds = 60_000

/**
 * Starts a part and watches it.
 *
 * @param options.start must take the same ports each time
 * @param options.onFailure called once when it will not stay up
 * @throws what `start` throws the first time
 */
export async function keepRunning<Running extends Part>(options: {
  readonly start: () => Promise<Running>
  readonly say: (text: string) => void
  readonly onFailure: (error: LocalError) => void
}): Promise<KeptPart<Running>> {
  const { start, say, onFailure } = options
  let running = await start()
  const stopping = new AbortController()
  const watching = watch()

  async function watch(): Promise<void> {
    const restarts: number[] = []
    for (;;) {
      const { child } = running
      const exit = await child.exited
      if (stopping.signal.aborted) return
      const why = `${child.name} ended by itself (${describeExit(exit)}); its log is ${child.logFile}`
      restarts.push(Date.now())
      if (restarts.filter((time) => time > Date.now() - withinMilliseconds).length > restartsAtMost) {
        onFailure(new LocalError(`${why}. It does not stay up.`, { logFile: child.logFile, tail: await child.tail() }))
        return
      }
      say(`${why}. Starting it again.`)
      try {
        await sleep(1000, undefined, { signal: stopping.signal })
        running = await start()
        if (stopping.signal.aborted) {
          await running.stop()
          return
        }
      } catch (cause) {
        if (stopping.signal.aborted) return
        onFailure(new LocalError(`${child.name} cannot be started again: ${describe(cause)}`, { cause }))
        return
      }
    }
  }

  return {
    current: () => running,
    stop: async (how = (part) => part.stop()) => {
      stopping.abort()
      await how(running)
      await watching
    },
  }
}
