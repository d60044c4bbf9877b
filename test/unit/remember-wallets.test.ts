// The memory of the read function: a wallet for good, an absence for a moment, each of its own question, never too many.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AnsweredBy,
  longestAbsence,
  mostAbsences,
  mostWallets,
  rememberWallets,
} from '../../functions/read/remember-wallets.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { addressTypes, networks, userIdSchema, type Wallet } from '../../shared/model.ts'
import { makeWallet, noon } from '../support/fakes.ts'

/** A table of wallets by user, network and type; and a clock that is set. */
function setUp() {
  const table = new Map<string, Wallet>()
  const asked: string[][] = []
  const counted: AnsweredBy[] = []
  let time = noon.getTime()
  const toKey = (question: readonly string[]) => question.join('\u0000')
  const find = rememberWallets(
    async (...question: [userId: string, network: string, type: string]) => {
      asked.push(question)
      return table.get(toKey(question))
    },
    { now: () => new Date(time), count: (answeredBy) => counted.push(answeredBy) },
  )
  return {
    ...{ asked, counted, find },
    issue: (wallet: Wallet) => table.set(toKey([wallet.userId, wallet.network, wallet.addressType]), wallet),
    pass: (milliseconds: number) => {
      time += milliseconds
    },
  }
}

const question = ['user-1', 'ethereum', 'eip55'] as const

describe('a wallet', () => {
  it('is asked for once, and never changes', async () => {
    const { asked, counted, find, issue, pass } = setUp()
    issue(makeWallet())
    const first = await find(...question)
    pass(365 * 24 * 3600 * 1000)
    expect(await find(...question)).toBe(first)
    expect(first).toEqual(makeWallet())
    expect(asked).toHaveLength(1)
    expect(counted).toEqual(['database', 'cache'])
  })

  it('is one of so many: the one that nobody asked for goes', async () => {
    const { asked, find, issue } = setUp()
    for (let at = 0; at <= mostWallets; at++) issue(makeWallet({ userId: `user ${at}` }))
    const ask = (at: number) => find(`user ${at}`, 'ethereum', 'eip55')
    for (let at = 0; at < mostWallets; at++) await ask(at)
    await ask(0)
    await ask(mostWallets)
    expect(asked).toHaveLength(mostWallets + 1)
    await ask(0)
    expect(asked).toHaveLength(mostWallets + 1)
    await ask(1)
    expect(asked).toHaveLength(mostWallets + 2)
  })

  it('is not kept, nor its absence, of a database that does not answer', async () => {
    let isAway = true
    const counted: AnsweredBy[] = []
    const find = rememberWallets(
      async (_userId: string) => {
        if (isAway) throw new UnavailableError('database', 'away')
        return makeWallet()
      },
      { now: () => noon, count: (answeredBy) => counted.push(answeredBy) },
    )
    await expect(find('user-1')).rejects.toThrow(UnavailableError)
    isAway = false
    expect(await find('user-1')).toEqual(makeWallet())
    expect(counted).toEqual(['database'])
  })
})

describe('an absence', () => {
  it('is believed for less than a second, and then asked for again', async () => {
    expect(longestAbsence).toBeLessThanOrEqual(1000)
    const { asked, counted, find, issue, pass } = setUp()
    expect(await find(...question)).toBeUndefined()
    issue(makeWallet())
    pass(longestAbsence - 1)
    expect(await find(...question)).toBeUndefined()
    expect(asked).toHaveLength(1)
    pass(1)
    expect(await find(...question)).toEqual(makeWallet())
    expect(counted).toEqual(['database', 'cached_absence', 'database'])
  })

  it('is as old as its question: the time of the database is not added', async () => {
    let time = noon.getTime()
    let asked = 0
    const find = rememberWallets(
      async (_userId: string) => {
        asked += 1
        time += longestAbsence
        return undefined
      },
      { now: () => new Date(time), count: () => {} },
    )
    await find('user-1')
    await find('user-1')
    expect(asked).toBe(2)
  })

  it('is one of so many, and drives no wallet out', async () => {
    const { asked, find, issue } = setUp()
    issue(makeWallet())
    await find(...question)
    for (let at = 0; at <= mostWallets + mostAbsences; at++) await find(`nobody ${at}`, 'ethereum', 'eip55')
    const before = asked.length
    await find(...question)
    await find(`nobody ${mostWallets + mostAbsences}`, 'ethereum', 'eip55')
    expect(asked).toHaveLength(before)
    await find('nobody 0', 'ethereum', 'eip55')
    expect(asked).toHaveLength(before + 1)
  })

  it('is not believed by a clock that was set back', async () => {
    const { asked, find, pass } = setUp()
    await find(...question)
    pass(-3600_000)
    await find(...question)
    expect(asked).toHaveLength(2)
  })
})

describe('questions', () => {
  it('are never taken for one another, whatever is in a user id', async () => {
    // What could close a string, a list or a separator, beside any other character.
    const unit = fc.oneof(
      fc.constantFrom('"', ',', '[', ']', '\\', ' ', '|', '/', '%', 'a'),
      fc.string({ unit: 'binary' }),
    )
    const userId = fc
      .oneof(
        fc.constantFrom('__proto__', 'constructor', 'a","ethereum', 'e\u0301', '\u00e9'),
        fc.string({ unit, minLength: 1 }),
      )
      .filter((text) => userIdSchema.safeParse(text).success)
    const pairs = networks.flatMap((network) => addressTypes[network].map((type) => [network, type] as const))
    const wallet = fc
      .tuple(userId, fc.constantFrom(...pairs))
      .map(([userId, [network, addressType]]) => makeWallet({ userId, network, addressType }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(wallet, { maxLength: 20 }),
        fc.array(wallet, { maxLength: 20 }),
        async (issued, others) => {
          const { find, issue } = setUp()
          for (const each of issued) issue(each)
          const ask = ({ userId, network, addressType }: Wallet) => find(userId, network, addressType)
          const known = new Set(
            issued.map(({ userId, network, addressType }) => JSON.stringify([userId, network, addressType])),
          )
          // Twice: the second time from memory.
          for (const each of [...issued, ...others, ...issued, ...others]) {
            const key = JSON.stringify([each.userId, each.network, each.addressType])
            expect(await ask(each)).toEqual(known.has(key) ? each : undefined)
          }
        },
      ),
      { numRuns: 50 },
    )
  })
})
