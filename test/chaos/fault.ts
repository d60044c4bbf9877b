// What a fault is, and what it is given. The faults are in faults-*.ts.
import type { CrashKind, CrashPoint } from '../../shared/crash-point.ts'
import type { SeenEvent } from './observe.ts'
import type { ChaosStack } from './stack.ts'
import type { Upload, Workload } from './workload.ts'

export type FaultContext = {
  readonly stack: ChaosStack
  readonly workload: Workload
  /** Everything that is posted, in that order. */
  readonly uploads: readonly Upload[]
  /** What is on Kafka of this fault's users by now. */
  readonly readEvents: () => Promise<readonly SeenEvent[]>
  /** All user ids of this fault begin with it. */
  readonly prefix: string
  /** Aborts when the whole run is to end. */
  readonly signal: AbortSignal
}

export type Fault = {
  /** In kebab case. */
  readonly name: string
  /** Documents that are posted, for half as many users, unless the run says otherwise. */
  readonly documents: number
  /**
   * Called when some of the workload has been posted. Does harm, undoes it, and resolves to how the harm was seen from outside;
   * undefined: it was not seen, which fails the run.
   */
  readonly inject: (context: FaultContext) => Promise<string | undefined>
  /** What else must be so when all is settled: what is not, in words. */
  readonly check?: (context: FaultContext) => Promise<readonly string[]>
}

/** The workload of the issue: for faults of parts that everything goes through. */
export const many = 1000
/** For faults of one step, each of which meets a few documents at a time: more of them are no other case. */
export const some = 200

/** Ends up to so many processes at a point, one after another, for as long as the workload gives occasion. */
export async function killAt(
  { stack: { points }, workload, signal }: FaultContext,
  point: CrashPoint,
  options: { readonly times: number; readonly kind?: CrashKind },
): Promise<string | undefined> {
  const before = points.countBites(point)
  const bites = () => points.countBites(point) - before
  let isOver = false
  void workload.done.then(() => {
    isOver = true
  })
  // The last steps of the last documents come after the last post: half seconds, ten seconds of them; five minutes of them
  // until the first bite.
  let patience = 20
  const losePatience = () => {
    patience -= bites() === 0 ? 1 / 30 : 1
  }
  for (let armed = 0; armed < options.times && patience > 0 && !signal.aborted; ) {
    if (bites() === armed) {
      points.arm(point, options.kind)
      armed += 1
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
    if (isOver) losePatience()
  }
  for (; bites() < options.times && patience > 0 && !signal.aborted; losePatience()) {
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  points.disarm()
  return bites() === 0 ? undefined : `${bites()} processes ended there`
}
