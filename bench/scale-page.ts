// The tables of docs/scale.md as Markdown, and the outages that they are of. Where they stand is known by `scale.ts`.
import { bounds, mostTries } from '../functions/announce/net.ts'
import { bills } from './scale-bills.ts'
import { assumed, prod } from './scale-costs.ts'
import { limitsInOrder } from './scale-limits.ts'
import { announcementsOfOne, concurrency, type Need, needs, newUsers, sizes, walletsOfOne } from './scale-needs.ts'
import { type Course, type Part, type Plant, simulate } from './scale-outage.ts'

const steps: readonly (readonly [number, string])[] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
]

/** Three digits and a prefix of SI: `2.52 TB`. Counts have million and thousand instead. */
export function write(value: number, unit: string): string {
  const digits = (number: number) =>
    number === 0 ? '0' : number >= 100 ? number.toFixed(0) : String(Number(number.toPrecision(number < 0.1 ? 1 : 2)))
  if (unit === '$') return `$${Math.round(value).toLocaleString('en')}`
  const prefixed = steps.find(([step]) => value >= step)
  const isBytes = unit.startsWith('B')
  if (prefixed === undefined || (!isBytes && value < 10_000)) return `${digits(value)}${unit === '' ? '' : ` ${unit}`}`
  const [step, prefix] = prefixed
  return `${digits(value / step)} ${prefix}${isBytes ? unit : unit === '' ? '' : ` ${unit}`}`
}

export function writeDuration(seconds: number): string {
  if (seconds < 60) return 'at once'
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  return seconds < 48 * 3600 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const sizeNames = sizes.map((size) => `${(size / 1e6).toLocaleString('en')} M`)

const describe = (rows: readonly Need[]) =>
  table(
    ['what', 'how', ...sizeNames],
    rows.map(({ what, formula, of, unit }) => [what, formula, ...sizes.map((size) => write(of(size), unit))]),
  )

function describeBills(): string {
  const total: Need = {
    what: '**sum**',
    formula: '',
    of: (users) => bills.reduce((sum, { of }) => sum + of(users), 0),
    unit: '$',
  }
  return describe([...bills, total])
}

const describeLimits = () =>
  table(
    ['met at', 'limit', 'it is', 'whose', 'what moves it'],
    limitsInOrder.map(({ users, what, limit, unit, whose, moves }) => [
      `${Math.round(users / 1e6).toLocaleString('en')} M users`,
      what,
      write(limit, unit),
      whose,
      moves,
    ]),
  )

/** The pipeline as `prod` is, or raised to what so many users need at their peak, and a half more. */
function planPlant(users: number): Plant {
  const raised = (setting: number, need: number) => Math.max(setting, Math.ceil(need * assumed.headroom))
  const { kafka, walletTrigger, verificationBatchSize } = prod
  if (kafka.kind !== 'msk') throw new Error('expected prod to have a cluster of its own')
  return {
    posts: raised(prod.gatewayLimits.post.requestsPerSecond, newUsers(users)),
    verification: {
      atOnce: raised(prod.verificationMaximumConcurrency, concurrency.verification(users)) * verificationBatchSize,
      seconds: assumed.seconds.verification,
      secondsWithoutKafka: assumed.seconds.verification + assumed.seconds.publishInVain,
    },
    visibilitySeconds: assumed.visibilitySeconds,
    trigger: walletTrigger,
    secondsInVain: assumed.seconds.walletInVain,
    pollers: kafka.pollers,
    walletsOfOne,
    vaultOpenSeconds: assumed.vaultOpenSeconds,
    announcements: announcementsOfOne,
    net: { overdueSeconds: prod.net.walletOverdueSeconds, onTheirWay: bounds.wallet.onTheirWay, mostTries },
    clientRetrySeconds: assumed.clientRetrySeconds,
  }
}

/** New users a second: a sine with its peak at 14 o'clock. */
const day = 86_400
const rateOf = (users: number) => (time: number) =>
  (newUsers(users) / assumed.peakFactor) *
  (1 + (assumed.peakFactor - 1) * Math.sin(2 * Math.PI * (time / day - 8 / 24)))

const hour = 3600
const outages: readonly { readonly part: Part; readonly name: string; readonly seconds: readonly number[] }[] = [
  { part: 'database', name: 'Aurora', seconds: [600, 3 * hour, day] },
  { part: 'kafka', name: 'MSK', seconds: [600, 3 * hour, day] },
  { part: 'vault', name: 'KMS', seconds: [600, 3 * hour, day, 2 * day] },
]
const startsAt = 10 * hour

/** From 10 o'clock on. The clock's step is half a minute. */
const runOutage = (users: number, part: Part, seconds: number): Course =>
  simulate(
    planPlant(users),
    rateOf(users),
    { part, startsAt, seconds },
    { stepSeconds: 30, horizonSeconds: startsAt + seconds + 3 * day, seed: 1 },
  )

/** What is most where it piles up, dead letters if there are any, and the time until all of it is gone; if ever. */
function describeCourse(part: Part, { most, deadLettered, drainSeconds, underWay }: Course): string {
  const piled = { database: most.refused, kafka: most.queued + most.unannounced, vault: most.lag }[part]
  const dead = deadLettered > 0 ? `, ${write(Math.round(deadLettered), '')} dead letters` : ''
  const rest = `${write(Math.round(underWay), '')} are left to a person`
  return `${write(Math.round(piled), '')}${dead}; ${drainSeconds === undefined ? rest : writeDuration(drainSeconds)}`
}

const describeOutages = () =>
  table(
    ['away', 'for', 'piles up as', ...sizeNames],
    outages.flatMap(({ part, name, seconds }) =>
      seconds.map((each) => [
        ...[
          name,
          writeDuration(each),
          {
            database: 'clients who try again',
            kafka: 'documents in SQS, and rows that are not announced',
            vault: 'records on the topic',
          }[part],
        ],
        ...sizes.map((size) => describeCourse(part, runOutage(size, part, each))),
      ]),
    ),
  )

/** By the names that docs/scale.md has for them. */
export const blocks: Readonly<Record<string, () => string>> = {
  needs: () => describe(needs),
  limits: describeLimits,
  bills: describeBills,
  outages: describeOutages,
}

const pattern = (name: string) =>
  new RegExp(`(<!-- ${name}: npm run bench -- scale -->\\n\\n)[^]*?(\\n\\n<!-- end -->)`)

/** The page with its tables as they are now. */
export function fillPage(page: string): string {
  return Object.entries(blocks).reduce((text, [name, make]) => {
    if (!pattern(name).test(text)) throw new Error(`expected docs/scale.md to have a place for "${name}"`)
    const made = make()
    return text.replace(pattern(name), (_, begin: string, end: string) => begin + made + end)
  }, page)
}
