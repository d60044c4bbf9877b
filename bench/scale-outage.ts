// The pipeline as tanks and pipes, in steps of some seconds: what an outage leaves behind and how long that takes to drain.
// Arrivals are random, by a seed; everything else is a flow. Nothing is measured here: `scale-costs.ts` has the figures.
import type { MskKafka, WalletTrigger } from '../lib/stage.ts'
import { createLag, createRandom, drawArrivals, strike, sum } from './scale-queue.ts'

/** What the pipeline can do, a second. */
export type Plant = {
  /** POSTs that are let in. */
  readonly posts: number
  /** Documents that are verified at once, and seconds that one takes; the latter while Kafka is away. */
  readonly verification: { readonly atOnce: number; readonly seconds: number; readonly secondsWithoutKafka: number }
  /** Seconds after which SQS hands out again what failed. */
  readonly visibilitySeconds: number
  readonly trigger: Pick<
    WalletTrigger,
    'batchSize' | 'maximumConcurrency' | 'maximumRecordAgeSeconds' | 'maximumRetryAttempts'
  >
  /** Seconds for which an invocation of the wallet function tries in vain. */
  readonly secondsInVain: number
  readonly pollers: MskKafka['pollers']
  /** Wallets a second of one invocation of the wallet function. */
  readonly walletsOfOne: number
  /** For how many seconds a container derives without asking KMS. */
  readonly vaultOpenSeconds: number
  /** Rows that the one sweep announces. */
  readonly announcements: number
  readonly net: { readonly overdueSeconds: number; readonly onTheirWay: number; readonly mostTries: number }
  /** Mean seconds after which a client that was refused tries again; none gives up. */
  readonly clientRetrySeconds: number
}

export type Part = 'database' | 'kafka' | 'vault'
export type Outage = { readonly part: Part; readonly startsAt: number; readonly seconds: number }

export type Course = {
  /** Users, documents or records, at their most: refused and trying again, queued, verified and not announced, lagging. */
  readonly most: {
    readonly refused: number
    readonly queued: number
    readonly unannounced: number
    readonly lag: number
  }
  /** Records of the lag, on average. */
  readonly meanLag: number
  readonly deadLettered: number
  /** By the net, and how many of these made a wallet of a dead letter. */
  readonly republished: number
  readonly healed: number
  /** From the end of the outage until no more is under way than without it; undefined: not within the time. */
  readonly drainSeconds: number | undefined
  readonly arrived: number
  readonly issued: number
  readonly underWay: number
}

/** Pollers serve so many invocations at once (Lambda Developer Guide, "Apache Kafka event poller scaling modes"). */
const invocationsOfPoller = 5

/** What is where, at a moment: users, documents or records. */
type State = {
  readonly plant: Plant
  readonly stepSeconds: number
  readonly lag: ReturnType<typeof createLag>
  /** What the net has set going, how often, and until when it waits for the wallets; what was sent last stands last. */
  readonly tried: { count: number; tries: number; until: number }[]
  /** Refused clients; documents in the queue; judged ones that come again since Kafka is away, in sight and not yet. */
  refused: number
  queued: number
  held: number
  hidden: number
  /** Verdicts and wallets that the sweep has to announce. */
  unannounced: number
  unwritten: number
  pollers: number
  /** Rows without a wallet whose record is a dead letter. */
  dead: number
  issued: number
  deadLettered: number
  republished: number
  healed: number
}

/** Clients: whoever is refused, by an outage or a limit, tries again. */
function takeIn(state: State, coming: number, isOpen: boolean): void {
  const { plant, stepSeconds } = state
  const retrying = state.refused * Math.min(1, stepSeconds / plant.clientRetrySeconds)
  const admitted = isOpen ? Math.min(coming + retrying, plant.posts * stepSeconds) : 0
  state.refused += coming - admitted
  state.queued += admitted
}

/** Judges documents and announces the verdicts; tells how many. */
function verify(state: State): number {
  const { atOnce, seconds } = state.plant.verification
  const verified = Math.min(state.queued, (atOnce / seconds) * state.stepSeconds)
  state.queued -= verified
  // Their rows are the sweep's as well: what is left of them in the queue is acknowledged at once.
  state.held = 0
  state.hidden = 0
  return verified
}

/** Without Kafka it commits the verdict, waits for Kafka in vain, and is handed the same document again later. */
function verifyWithoutKafka(state: State): void {
  const { plant, stepSeconds } = state
  const { atOnce, secondsWithoutKafka } = plant.verification
  const inSight = state.queued + state.held
  const attempts = Math.min(inSight, (atOnce / secondsWithoutKafka) * stepSeconds)
  const fresh = inSight > 0 ? (attempts * state.queued) / inSight : 0
  const back = state.hidden * Math.min(1, stepSeconds / plant.visibilitySeconds)
  state.queued -= fresh
  state.unannounced += fresh
  state.held += back - (attempts - fresh)
  state.hidden += attempts - back
}

/** The one sweep: wallets first, then verdicts; tells how many of these. */
function sweep(state: State): number {
  const capacity = state.plant.announcements * state.stepSeconds
  const written = Math.min(state.unwritten, capacity)
  const swept = Math.min(state.unannounced, capacity - written)
  state.unwritten -= written
  state.unannounced -= swept
  return swept
}

/** The net: the oldest without a wallet, those that were not set going yet before all others. */
function mend(state: State, time: number): void {
  const { lag, tried } = state
  const { overdueSeconds, onTheirWay, mostTries } = state.plant.net
  const overdue = state.dead + lag.countOlder(time - overdueSeconds)
  // Late ones that came by themselves.
  strike(tried, sum(tried) - overdue, 'oldest')
  let room = onTheirWay - sum(tried.filter(({ until }) => until > time))
  const fresh = Math.max(0, Math.min(overdue - sum(tried), room))
  if (fresh > 0) tried.push({ count: fresh, tries: 1, until: time + overdueSeconds })
  room -= fresh
  let sent = fresh
  for (const entry of tried.filter(({ until, tries }) => until <= time && tries < mostTries)) {
    if (entry.count > room) break
    entry.until = time + overdueSeconds * 2 ** entry.tries
    entry.tries += 1
    tried.push(...tried.splice(tried.indexOf(entry), 1))
    sent += entry.count
    room -= entry.count
  }
  lag.add(time, sent, 'again')
  state.republished += sent
}

const invocationsAtOnce = ({ plant, pollers }: State) =>
  Math.min(plant.trigger.maximumConcurrency, pollers * invocationsOfPoller)

/** The wallet function, with that part of its containers; the others try in vain. */
function issue(state: State, time: number, open: number): void {
  const { plant, lag, stepSeconds } = state
  const taken = lag.take(invocationsAtOnce(state) * plant.walletsOfOne * open * stepSeconds)
  const made = Math.min(taken.again, state.dead)
  state.dead -= made
  state.healed += made
  // Older records of theirs are no more, if these are dead letters.
  strike(state.tried, made, 'newest')
  state.issued += taken.first + made
  state.unwritten += taken.first + made
  // Dead letters: what was tried as often as the mapping does, a batch for each invocation, and what is too old.
  const { batchSize, maximumRetryAttempts, maximumRecordAgeSeconds } = plant.trigger
  const giveUpSeconds = (1 + maximumRetryAttempts) * plant.secondsInVain
  const givenUp = lag.take(((invocationsAtOnce(state) * batchSize) / giveUpSeconds) * (1 - open) * stepSeconds)
  const tooOld = lag.take(Number.POSITIVE_INFINITY, ({ since }) => time - since > maximumRecordAgeSeconds)
  state.dead += givenUp.first + tooOld.first
  state.deadLettered += givenUp.first + tooOld.first
}

/** Lambda looks at the lag each minute: one poller more, or one less. */
function scalePollers(state: State): void {
  const { minimum, maximum } = state.plant.pollers
  const isBehind = state.lag.size() > invocationsAtOnce(state) * state.plant.walletsOfOne * 60
  state.pollers = Math.max(minimum, Math.min(maximum, state.pollers + (isBehind ? 1 : -1)))
}

/** Open containers derive on for a while without KMS. */
function toOpenShare(plant: Plant, away: Part | undefined, age: number): number {
  if (away === 'vault') return Math.max(0, 1 - age / plant.vaultOpenSeconds)
  return away === undefined ? 1 : 0
}

function advance(state: State, time: number, coming: number, away: Part | undefined, age: number): void {
  takeIn(state, coming, away !== 'database')
  const isMinute = time % 60 < state.stepSeconds
  if (away === 'kafka') verifyWithoutKafka(state)
  if (away === undefined || away === 'vault') {
    state.lag.add(time, verify(state) + sweep(state), 'first')
    if (isMinute) mend(state, time)
  }
  if (away !== 'kafka') issue(state, time, toOpenShare(state.plant, away, age))
  if (isMinute) scalePollers(state)
}

export type Options = { readonly stepSeconds: number; readonly horizonSeconds: number; readonly seed: number }

function run(
  plant: Plant,
  ratePerSecond: (time: number) => number,
  outage: Outage | undefined,
  { stepSeconds, horizonSeconds, seed }: Options,
): Course & { readonly track: readonly number[] } {
  const random = createRandom(seed)
  const state: State = {
    ...{ plant, stepSeconds, lag: createLag(), tried: [], pollers: plant.pollers.minimum },
    ...{ refused: 0, queued: 0, held: 0, hidden: 0, unannounced: 0, unwritten: 0 },
    ...{ dead: 0, issued: 0, deadLettered: 0, republished: 0, healed: 0 },
  }
  const most = { refused: 0, queued: 0, unannounced: 0, lag: 0 }
  const track: number[] = []
  let [arrived, lagSum] = [0, 0]
  for (let time = 0; time < horizonSeconds; time += stepSeconds) {
    const age = outage === undefined ? -1 : time - outage.startsAt
    const away = outage !== undefined && age >= 0 && age < outage.seconds ? outage.part : undefined
    const coming = drawArrivals(ratePerSecond(time) * stepSeconds, random)
    arrived += coming
    advance(state, time, coming, away, age)
    const now = { ...state, lag: state.lag.size() }
    for (const name of Object.keys(most) as (keyof typeof most)[]) most[name] = Math.max(most[name], now[name])
    lagSum += now.lag
    track.push(arrived - state.issued)
  }
  const { issued, deadLettered, republished, healed } = state
  const counts = { arrived, issued, underWay: arrived - issued, deadLettered, republished, healed }
  return { most, meanLag: lagSum / track.length, drainSeconds: undefined, ...counts, track }
}

/** What becomes of the pipeline with that outage; drained when no more is under way than would be without. */
export function simulate(
  plant: Plant,
  ratePerSecond: (time: number) => number,
  outage: Outage | undefined,
  options: Options,
): Course {
  const { track, ...course } = run(plant, ratePerSecond, outage, options)
  if (outage === undefined) return course
  const { track: calm } = run(plant, ratePerSecond, undefined, options)
  const { stepSeconds } = options
  // Backwards: the last moment at which more was under way than a step's arrivals explain.
  let at = track.length
  const isBehind = (step: number) =>
    (track[step] ?? 0) - (calm[step] ?? 0) > 1 + ratePerSecond(step * stepSeconds) * stepSeconds
  while (at > 0 && !isBehind(at - 1)) at -= 1
  if (at === track.length) return course
  return { ...course, drainSeconds: Math.max(0, at * stepSeconds - outage.startsAt - outage.seconds) }
}
