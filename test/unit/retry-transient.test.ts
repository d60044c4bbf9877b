// Trying again inside of an invocation: what is tried, with which pauses, and that it ends in time for the answer.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRetry } from '../../functions/wallet/retry-transient.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { catchError, createMemoryLog } from '../support/fakes.ts'

const away = new UnavailableError('database', 'away')

beforeEach(() => {
  vi.useFakeTimers()
  return () => vi.useRealTimers()
})
afterEach(() => vi.restoreAllMocks())

/** Runs to its end while time flies. */
async function fly<Result>(work: Promise<Result>): Promise<Result> {
  const outcome = work.then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error
    },
  )
  await vi.runAllTimersAsync()
  return (await outcome)()
}

/** Work that fails so many times, each after so many milliseconds; notes when each try began. */
function failing(times: number, milliseconds = 0) {
  const begun: number[] = []
  const work = async () => {
    begun.push(performance.now())
    if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds))
    if (begun.length <= times) throw away
    return 'done'
  }
  return { begun, work }
}

describe('what is away', () => {
  it('is tried again after pauses that grow, up to a bound, and tells each time', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const log = createMemoryLog()
    const { begun, work } = failing(7)
    expect(await fly(createRetry(log, 60_000)(work))).toBe('done')
    const pauses = begun.slice(1).map((at, index) => at - (begun[index] ?? 0))
    expect(pauses).toEqual([200, 400, 800, 1600, 3200, 5000, 5000])
    expect(log.lines).toHaveLength(7)
    expect(log.lines[0]).toEqual({
      level: 'warn',
      message: 'trying again',
      fields: { part: 'database', attempt: 1, milliseconds: 200, error: away },
    })
  })

  it('for as long as half a minute; the last failure is thrown', async () => {
    const { begun, work } = failing(Number.POSITIVE_INFINITY)
    const start = performance.now()
    expect(await catchError(() => fly(createRetry(createMemoryLog(), 60_000)(work)))).toBe(away)
    expect(begun.length).toBeGreaterThan(5)
    expect((begun.at(-1) ?? 0) - start).toBeLessThanOrEqual(30_000)
  })

  it('leaves the time for one more try and an answer, whatever Lambda says is left', async () => {
    for (const [remaining, longest] of [
      [900_000, 30_000],
      [40_000, 12_000],
    ] as const) {
      const { begun, work } = failing(Number.POSITIVE_INFINITY, 1000)
      const start = performance.now()
      await catchError(() => fly(createRetry(createMemoryLog(), remaining)(work)))
      expect((begun.at(-1) ?? 0) - start).toBeLessThanOrEqual(longest)
      expect((begun.at(-1) ?? 0) - start).toBeGreaterThan(longest - 12_000)
    }
  })

  it('is tried once where there is no time', async () => {
    const { begun, work } = failing(1)
    expect(await catchError(() => fly(createRetry(createMemoryLog(), 3000)(work)))).toBe(away)
    expect(begun).toHaveLength(1)
  })

  it('shares the time with all other work of the invocation', async () => {
    const retry = createRetry(createMemoryLog(), 60_000)
    await catchError(() => fly(retry(failing(Number.POSITIVE_INFINITY).work)))
    const { begun, work } = failing(1)
    expect(await catchError(() => fly(retry(work)))).toBe(away)
    expect(begun).toHaveLength(1)
  })

  it('is measured by a clock that does not jump', async () => {
    const { begun, work } = failing(4)
    const jumping = async () => {
      vi.setSystemTime(Date.now() + (begun.length % 2 === 0 ? 1 : -1) * 86_400_000)
      return await work()
    }
    expect(await fly(createRetry(createMemoryLog(), 60_000)(jumping))).toBe('done')
    expect(begun).toHaveLength(5)
  })
})

it('what is wrong, and would be again, is thrown at once', async () => {
  for (const error of [new Error('wrong'), new TypeError('a bug'), new TypeError('fetch failed')]) {
    let tries = 0
    const work = async () => {
      tries += 1
      throw error
    }
    expect(await catchError(() => fly(createRetry(createMemoryLog(), 60_000)(work)))).toBe(error)
    expect(tries).toBe(1)
  }
})
