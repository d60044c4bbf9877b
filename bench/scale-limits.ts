// Which limit is met first: every limit that grows with the number of users, as `prod` is now, over the need of one user.
import { bounds, mostPages } from '../functions/announce/net.ts'
import { assumed, measured, prod, quotas } from './scale-costs.ts'
import {
  acus,
  allConcurrency,
  announcementsOfOne,
  concurrency,
  gets,
  kafkaBytes,
  newUsers,
  pollerInvocations,
  walletsOfOne,
} from './scale-needs.ts'

export type Limit = {
  readonly what: string
  readonly limit: number
  readonly unit: string
  readonly need: (users: number) => number
  readonly whose: 'ours' | 'AWS’s' | 'BIP-32’s'
  readonly moves: string
}

const reserved = prod.reservedConcurrency ?? {}
const database = prod.database.kind === 'aurora' ? prod.database : undefined
const brokers = prod.kafka.kind === 'msk' ? prod.kafka.brokers : 0
const pollers = prod.kafka.kind === 'msk' ? prod.kafka.pollers.maximum : 0
const gib = 2 ** 30
const memory = (capacity: number) => capacity * 2 * gib

/** Every limit that grows with the number of users, as `prod` is now. */
const limits: readonly Limit[] = [
  {
    what: 'indices fit into the memory of Aurora, as `prod` may grow (8 ACU)',
    limit: memory(database?.capacity.maximum ?? 0),
    unit: 'B',
    need: (users) => users * measured.indexBytes,
    whose: 'ours',
    moves: '`capacity.maximum`; above it each new user costs some ten reads of storage, no wall',
  },
  {
    what: 'indices fit into the memory of the largest Aurora (256 ACU)',
    limit: memory(quotas.acus),
    unit: 'B',
    need: (users) => users * measured.indexBytes,
    whose: 'AWS’s',
    moves: 'nothing needs to: reads of storage, as above; or several clusters, by a hash of the user',
  },
  {
    what: '`gatewayLimits.others`',
    limit: prod.gatewayLimits.others.requestsPerSecond,
    unit: '/s',
    need: gets,
    whose: 'ours',
    moves: 'the stage table; clients that keep what never changes',
  },
  {
    what: '`gatewayLimits.post`',
    limit: prod.gatewayLimits.post.requestsPerSecond,
    unit: '/s',
    need: newUsers,
    whose: 'ours',
    moves: 'the stage table, with `reservedConcurrency.intake`',
  },
  {
    what: '`verificationMaximumConcurrency`',
    limit: prod.verificationMaximumConcurrency,
    unit: 'at once',
    need: concurrency.verification,
    whose: 'ours',
    moves: 'the stage table, with `reservedConcurrency` of `verification` and `inspect`',
  },
  {
    what: '`reservedConcurrency.inspect`',
    limit: reserved.inspect ?? 0,
    unit: 'at once',
    need: concurrency.inspect,
    whose: 'ours',
    moves: 'the stage table',
  },
  {
    what: '`reservedConcurrency.intake`',
    limit: reserved.intake ?? 0,
    unit: 'at once',
    need: concurrency.intake,
    whose: 'ours',
    moves: 'the stage table',
  },
  {
    what: '`reservedConcurrency.read`',
    limit: reserved.read ?? 0,
    unit: 'at once',
    need: concurrency.read,
    whose: 'ours',
    moves: 'the stage table',
  },
  {
    what: 'CPU of Aurora as `prod` may grow',
    limit: database?.capacity.maximum ?? 0,
    unit: 'ACU',
    need: acus,
    whose: 'ours',
    moves: '`capacity.maximum`, to 256; reads to a reader endpoint',
  },
  {
    what: 'account indices of one keyring',
    limit: quotas.accountIndices,
    unit: '',
    need: (users) => users,
    whose: 'BIP-32’s',
    moves: 'a second keyring: accounts name theirs, and records wait until it is there',
  },
  {
    what: 'Lambda’s concurrency of an account',
    limit: quotas.lambdaConcurrency,
    unit: 'at once',
    need: allConcurrency,
    whose: 'AWS’s',
    moves: 'a request to AWS, or a second account',
  },
  {
    what: 'requests of API Gateway',
    limit: quotas.gatewayRequests,
    unit: '/s',
    need: (users) => newUsers(users) + gets(users),
    whose: 'AWS’s',
    moves: 'a request to AWS; clients’ copies',
  },
  {
    what: 'keys of `Idempotency-Key` that the sweep of a minute forgets, if every POST has one',
    limit: 10_000 / 60,
    unit: '/s',
    need: (users) => newUsers(users) / assumed.peakFactor,
    whose: 'ours',
    moves: 'a larger page, more often; partitions by day, dropped whole',
  },
  {
    what: 'wallets that the sweep of a minute looks for (20 pages of 500)',
    limit: (mostPages * bounds.wallet.page) / 60,
    unit: '/s',
    need: (users) => newUsers(users) / assumed.peakFactor,
    whose: 'ours',
    moves: '`mostPages`, or a sweep more often',
  },
  {
    what: 'connections of Aurora',
    limit: database?.maximumConnections ?? 0,
    unit: '',
    need: (users) => allConcurrency(users) - concurrency.inspect(users),
    whose: 'ours',
    moves: '`capacity.maximum`; RDS Proxy',
  },
  {
    what: 'announcements of one sweep at a time',
    limit: announcementsOfOne,
    unit: '/s',
    need: newUsers,
    whose: 'ours',
    moves: 'sweeps that skip what others hold, several at once',
  },
  {
    what: 'partitions, one invocation each',
    limit: Math.min(prod.topics.userVerified.partitions, pollers * pollerInvocations) * walletsOfOne,
    unit: '/s',
    need: newUsers,
    whose: 'ours',
    moves: 'partitions (never fewer again; a user’s later records change theirs), `pollers.maximum`',
  },
  {
    what: 'PUTs of one prefix of S3',
    limit: quotas.s3Puts,
    unit: '/s',
    need: newUsers,
    whose: 'AWS’s',
    moves: 'nothing: S3 divides the prefix; ids are random',
  },
  {
    what: 'bytes into the brokers',
    limit: brokers * quotas.brokerBytes,
    unit: 'B/s',
    need: kafkaBytes,
    whose: 'ours',
    moves: 'larger brokers, or more',
  },
  {
    what: 'a table of Postgres (32 TiB), the largest',
    limit: quotas.tableBytes,
    unit: 'B',
    need: (users) => users * measured.largestTableBytes,
    whose: 'AWS’s',
    moves: 'tables partitioned by a hash of the user',
  },
  {
    what: 'a cluster of Aurora (128 TiB)',
    limit: quotas.auroraBytes,
    unit: 'B',
    need: (users) => users * (measured.tableBytes + measured.indexBytes),
    whose: 'AWS’s',
    moves: 'a second stage for the next users',
  },
]

/** At how many users each limit is met; the first one first. */
export const limitsInOrder: readonly (Limit & { readonly users: number })[] = limits
  .map((limit) => ({ ...limit, users: limit.limit / limit.need(1) }))
  .toSorted((one, other) => one.users - other.users)
