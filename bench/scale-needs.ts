// The arithmetic of docs/scale.md: what so many users need, at the busiest hour and when all are there.
import { longestSweep } from '../functions/announce/announce.ts'
import { assumed, measured, prod, quotas } from './scale-costs.ts'

export const sizes = [1e6, 100e6, 2000e6] as const

const { seconds } = assumed
const day = 86_400

/** A second, at the busiest hour. */
export const newUsers = (users: number) => (users / assumed.growthDays / day) * assumed.peakFactor
const oldReads = (users: number) => ((users * assumed.dailyReaders) / day) * assumed.peakFactor
export const gets = (users: number) => newUsers(users) * (assumed.requestsOfNewUser - 1) + oldReads(users)

const batchSize = prod.walletTrigger.batchSize
export const pollerInvocations = 5
/** Wallets a second of one invocation. */
export const walletsOfOne = batchSize / (seconds.batch + (batchSize * measured.walletCpu) / 1000)
/** A second, of the one sweep: it has so much of each minute. */
export const announcementsOfOne = (500 / measured.announcementPageSeconds) * (longestSweep / 60_000)

const { document, wallet, announcement, look, read } = measured.databaseCpu
const databaseMilliseconds = document + wallet + announcement + look
const walBytes = Object.values(measured.wal).reduce((sum, bytes) => sum + bytes, 0)
const recordBytes = measured.recordBytes.userVerified + measured.recordBytes.walletCreated
/** Seconds of Postgres' CPU a second. */
const databaseCpu = (users: number) => (newUsers(users) * databaseMilliseconds + gets(users) * read) / 1000
export const acus = (users: number) => databaseCpu(users) / assumed.vcpuOfAcu / assumed.databaseUse
export const kafkaBytes = (users: number) => newUsers(users) * recordBytes
export const concurrency = {
  intake: (users: number) => newUsers(users) * seconds.intake,
  verification: (users: number) => (newUsers(users) * seconds.verification) / prod.verificationBatchSize,
  inspect: (users: number) => newUsers(users) * seconds.inspect,
  wallet: (users: number) => newUsers(users) / walletsOfOne,
  read: (users: number) => gets(users) * seconds.read,
}
export const allConcurrency = (users: number) => Object.values(concurrency).reduce((sum, each) => sum + each(users), 0)

export type Need = {
  readonly what: string
  readonly formula: string
  readonly of: (users: number) => number
  readonly unit: string
}

/** What is needed, in rows; all but those with a ceiling are proportional to the number of users. */
export const needs: readonly Need[] = [
  {
    what: 'new users a second, at the peak',
    formula: `N / ${assumed.growthDays} days × ${assumed.peakFactor}`,
    of: newUsers,
    unit: '/s',
  },
  {
    what: 'GET a second, at the peak',
    formula: `${assumed.requestsOfNewUser - 1} × new users + N × ${assumed.dailyReaders * 100} % a day × ${assumed.peakFactor}`,
    of: gets,
    unit: '/s',
  },
  {
    what: 'partitions of `user.verified`',
    formula: 'new users / wallets a second of one invocation; never fewer than prod has',
    of: (users) => Math.max(prod.topics.userVerified.partitions, Math.ceil(concurrency.wallet(users))),
    unit: '',
  },
  { what: 'Lambda: intake', formula: `POST × ${seconds.intake} s`, of: concurrency.intake, unit: 'at once' },
  { what: 'Lambda: inspect', formula: `documents × ${seconds.inspect} s`, of: concurrency.inspect, unit: 'at once' },
  {
    what: 'Lambda: verification',
    formula: `documents × ${seconds.verification} s / ${prod.verificationBatchSize} a batch`,
    of: concurrency.verification,
    unit: 'at once',
  },
  {
    what: 'Lambda: wallet',
    formula: 'new users / wallets a second of one invocation',
    of: concurrency.wallet,
    unit: 'at once',
  },
  { what: 'Lambda: read', formula: `GET × ${seconds.read} s`, of: concurrency.read, unit: 'at once' },
  {
    what: 'Postgres: CPU',
    formula: `new users × ${databaseMilliseconds.toFixed(2)} ms + GET × ${measured.databaseCpu.read} ms`,
    of: databaseCpu,
    unit: 'cores',
  },
  { what: 'Aurora: ACU for that CPU', formula: 'cores / 0.25 of a vCPU / half used', of: acus, unit: 'ACU' },
  {
    what: 'Postgres: tables and indices',
    formula: `N × ${measured.tableBytes + measured.indexBytes}`,
    of: (users) => users * (measured.tableBytes + measured.indexBytes),
    unit: 'B',
  },
  {
    what: 'of these, indices: all of it is written to at random',
    formula: `N × ${measured.indexBytes}`,
    of: (users) => users * measured.indexBytes,
    unit: 'B',
  },
  {
    what: 'Postgres: WAL',
    formula: `new users × ${walBytes}`,
    of: (users) => newUsers(users) * walBytes,
    unit: 'B/s',
  },
  {
    what: 'Postgres: connections',
    formula: 'one an invocation, but for inspect; announce 1',
    of: (users) => allConcurrency(users) - concurrency.inspect(users) + 1,
    unit: '',
  },
  { what: 'Kafka: bytes in', formula: `new users × ${recordBytes}`, of: kafkaBytes, unit: 'B/s' },
  {
    what: 'Kafka: kept for 7 days, on 3 brokers',
    formula: 'bytes in / 2 × 7 days × 3',
    of: (users) => (kafkaBytes(users) / assumed.peakFactor) * 7 * day * 3,
    unit: 'B',
  },
  {
    what: 'KMS: vault opened',
    formula: 'containers of wallet × 4 an hour',
    of: (users) => Math.ceil(concurrency.wallet(users)) * 4,
    unit: '/h',
  },
  {
    what: 'S3: documents kept',
    formula: 'N: one of each, for five years',
    of: (users) => users,
    unit: '',
  },
  {
    what: 'S3: bytes kept',
    formula: 'documents × 1 MB',
    of: (users) => users * assumed.documentBytes,
    unit: 'B',
  },
  {
    what: 'account indices, of 2^31',
    formula: 'N / 2^31, without gaps',
    of: (users) => (users / quotas.accountIndices) * 100,
    unit: '%',
  },
]
