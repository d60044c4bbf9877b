// docs/scale.md: its tables are those that come out now, its prices those of docs/operations.md; and the simulation behind it
// agrees with closed forms where there are any.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { priceMillion } from '../../bench/scale-bills.ts'
import { idleMonth, measured, prices, quotas } from '../../bench/scale-costs.ts'
import { limitsInOrder } from '../../bench/scale-limits.ts'
import { announcementsOfOne, needs, sizes, walletsOfOne } from '../../bench/scale-needs.ts'
import { type Plant, simulate } from '../../bench/scale-outage.ts'
import { fillPage, write, writeDuration } from '../../bench/scale-page.ts'

const read = (name: string) => readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8')

describe('docs/scale.md', () => {
  const page = read('scale.md')

  it('has the tables that `npm run bench -- scale` makes', () => {
    expect(fillPage(page)).toBe(page)
  })

  it('names what was measured as it went in', () => {
    const { databaseCpu, wal, recordBytes, walletCpu, tableBytes, indexBytes } = measured
    for (const words of [
      `| ${walletCpu} ms |`,
      `${databaseCpu.document} ms for the document, ${databaseCpu.wallet} for the wallet, ${databaseCpu.announcement} for its announcement`,
      `${databaseCpu.look} for the net's look; ${databaseCpu.read} for reading`,
      `${Object.values(wal).join(' + ')} bytes`,
      `${recordBytes.userVerified}, ${recordBytes.walletCreated} bytes`,
      `${tableBytes}, ${indexBytes} bytes`,
      `makes ${Math.round(walletsOfOne).toLocaleString('en')} wallets a second`,
      `announces ${Math.round(announcementsOfOne).toLocaleString('en')} a second`,
    ]) {
      expect(page).toContain(words)
    }
  })

  it('takes its prices, and the sum of a million wallets, from docs/operations.md', () => {
    const cost = read('operations.md').split('## Cost')[1] ?? ''
    for (const [name, price] of Object.entries(prices)) {
      const written = new RegExp(`(^|[^0-9.])${String(price).replace('.', '\\.')}0*([^0-9]|$)`, 'm')
      expect(cost, name).toMatch(written)
    }
    expect(cost).toMatch(new RegExp(`\\*\\*about ${idleMonth.toLocaleString('en')}\\*\\*`))
    const [, sum] = /\*\*sum\*\* \| \| \| \*\*about (\d+)\*\*/.exec(cost.split('### A million wallets')[1] ?? '') ?? []
    expect(Math.round(priceMillion() / 10) * 10).toBe(Number(sum))
  })
})

describe('the arithmetic', () => {
  it('is proportional to the users, but for what has a least', () => {
    for (const { what, of, formula } of needs.filter(({ what }) => !/partitions|connections|opened/.test(what))) {
      expect(of(2000e6) / of(1e6), `${what}: ${formula}`).toBeCloseTo(2000, 6)
    }
  })

  it('meets each limit exactly where it says, the first one first', () => {
    for (const { users, need, limit, what } of limitsInOrder) expect(need(users) / limit, what).toBeCloseTo(1, 9)
    const users = limitsInOrder.map((each) => each.users)
    expect(users).toEqual(users.toSorted((one, other) => one - other))
    expect(limitsInOrder.find(({ what }) => what.includes('account indices'))?.users).toBe(quotas.accountIndices)
  })

  it('can be redone with a pencil: 100 million users', () => {
    const of = (what: string) => needs.find((need) => need.what.includes(what))?.of(100e6) ?? Number.NaN
    expect(sizes).toContain(100e6)
    expect(of('new users')).toBeCloseTo((1e6 / 86_400) * 2, 9)
    expect(of('intake')).toBeCloseTo((1e6 / 86_400) * 2 * 0.3, 9)
    expect(of('documents kept')).toBe(100e6)
    expect(of('account indices')).toBeCloseTo(4.6566, 3)
  })

  it.each([
    [0.0231, '/s', '0.02 /s'],
    [23.1, '/s', '23 /s'],
    [4167, '/s', '4167 /s'],
    [15e6, '', '15 M'],
    [2.52e9, 'B', '2.5 GB'],
    [1234, '$', '$1,234'],
  ])('%d %s is written %s', (value, unit, text) => {
    expect(write(value, unit)).toBe(text)
  })

  it.each([
    [59, 'at once'],
    [600, '10 min'],
    [86_400, '24.0 h'],
    [2 * 86_400, '2.0 days'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(writeDuration(seconds)).toBe(text)
  })
})

describe('the simulation', () => {
  const wide = 1e9
  const plant: Plant = {
    ...{ posts: wide, walletsOfOne: wide, announcements: wide, visibilitySeconds: 150, vaultOpenSeconds: 1e-9 },
    verification: { atOnce: wide, seconds: 1, secondsWithoutKafka: 1 },
    trigger: { batchSize: 1, maximumConcurrency: wide, maximumRecordAgeSeconds: wide, maximumRetryAttempts: 0 },
    secondsInVain: Number.POSITIVE_INFINITY,
    pollers: { minimum: wide, maximum: wide },
    net: { overdueSeconds: wide, onTheirWay: 0, mostTries: 8 },
    clientRetrySeconds: 1,
  }
  const options = { stepSeconds: 1, horizonSeconds: 12_000, seed: 7 }
  /** A rate so high that chance does not show. */
  const rate = 10_000

  it('without an outage: everything is issued, nothing piles up', () => {
    const course = simulate(plant, () => rate, undefined, options)
    expect(course).toMatchObject({
      underWay: 0,
      deadLettered: 0,
      republished: 0,
      most: { refused: 0, queued: 0, lag: 0 },
    })
    expect(course.issued / (rate * options.horizonSeconds)).toBeCloseTo(1, 3)
  })

  it('is the same for the same seed, and another for another', () => {
    const arrived = (seed: number) => simulate(plant, () => 3, undefined, { ...options, seed }).arrived
    expect(arrived(1)).toBe(arrived(1))
    expect(arrived(1)).not.toBe(arrived(2))
  })

  it.each([0.3, 0.6, 0.9])('queues as M/D/1 does at a load of %d: a mean of load² / 2 (1 − load)', (load) => {
    // One record a second is what the wallet function can.
    const server = { ...plant, trigger: { ...plant.trigger, maximumConcurrency: 1 }, walletsOfOne: 1 }
    const { meanLag } = simulate(server, () => load, undefined, { ...options, horizonSeconds: 500_000 })
    const expected = load ** 2 / (2 * (1 - load))
    expect(Math.abs(meanLag / expected - 1)).toBeLessThan(0.08)
  })

  it.each([2, 3, 10])(
    'drains as a fluid does, with %d times the capacity: outage / (capacity / rate − 1)',
    (factor) => {
      const seconds = 3000
      const expected = seconds / (factor - 1)
      const near = (drain: number | undefined) => expect(Math.abs((drain ?? 0) / expected - 1)).toBeLessThan(0.05)
      const outage = { startsAt: 1000, seconds }
      const posts = { ...plant, posts: factor * rate }
      near(simulate(posts, () => rate, { part: 'database', ...outage }, options).drainSeconds)
      // The one sweep announces the wallet of each verdict too: of those that come meanwhile, and of those that it makes good.
      const sweep = { ...plant, announcements: (2 * factor - 1) * rate }
      near(simulate(sweep, () => rate, { part: 'kafka', ...outage }, options).drainSeconds)
      const wallets = { ...plant, trigger: { ...plant.trigger, maximumConcurrency: 1 }, walletsOfOne: factor * rate }
      const vault = simulate(wallets, () => rate, { part: 'vault', ...outage }, options)
      near(vault.drainSeconds)
      expect(vault.most.lag / (rate * seconds)).toBeCloseTo(1, 2)
    },
  )

  it('never drains when there is no capacity to spare', () => {
    const outage = { part: 'vault', startsAt: 1000, seconds: 3000 } as const
    const wallets = { ...plant, trigger: { ...plant.trigger, maximumConcurrency: 1 }, walletsOfOne: rate }
    expect(simulate(wallets, () => rate, outage, options).drainSeconds).toBeUndefined()
  })

  it('makes dead letters of what is too old, which the net brings back, so many at a time', () => {
    const outage = { part: 'vault', startsAt: 0, seconds: 6000 } as const
    const aging = { ...plant, trigger: { ...plant.trigger, maximumRecordAgeSeconds: 2000 } }
    const lost = simulate(aging, () => 10, outage, options)
    expect(lost.deadLettered / (10 * 4000)).toBeCloseTo(1, 1)
    expect(lost.underWay).toBeCloseTo(lost.deadLettered, 6)
    const net = { overdueSeconds: 600, onTheirWay: 1000, mostTries: 8 }
    const mended = simulate({ ...aging, net }, () => 10, outage, options)
    expect(mended.healed).toBeCloseTo(mended.deadLettered, 6)
    expect(mended.underWay).toBeCloseTo(0, 6)
    // 40,000 dead letters, 1000 with each sweep of a minute.
    expect(mended.drainSeconds).toBeGreaterThan(30 * 60)
    expect(mended.drainSeconds).toBeLessThan(60 * 60)
  })

  it('makes dead letters of what was tried as often as may be: a batch for each invocation and turn', () => {
    const outage = { part: 'vault', startsAt: 0, seconds: 6000 } as const
    const trigger = { batchSize: 100, maximumConcurrency: 4, maximumRecordAgeSeconds: wide, maximumRetryAttempts: 9 }
    const tried = { ...plant, trigger, secondsInVain: 30 }
    const { deadLettered } = simulate(tried, () => 10, outage, options)
    expect(deadLettered / ((6000 / (10 * 30)) * 4 * 100)).toBeCloseTo(1, 2)
  })

  it('has pollers follow a lag, one a minute, and no more than there may be', () => {
    const outage = { part: 'vault', startsAt: 0, seconds: 3000 } as const
    const one = { ...plant, walletsOfOne: rate / 5 / 4, pollers: { minimum: 6, maximum: 6 } }
    const few = { ...one, pollers: { minimum: 1, maximum: 6 } }
    const [fixed, scaled] = [one, few].map((each) => simulate(each, () => rate / 4, outage, options).drainSeconds)
    expect(scaled).toBeGreaterThanOrEqual(fixed ?? Number.NaN)
    expect((scaled ?? 0) - (fixed ?? 0)).toBeLessThan(6 * 60)
  })
})
