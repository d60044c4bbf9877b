// The metrics as CloudWatch reads them: one line in the embedded metric format an invocation, or none.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMetrics, flushAfter, metricNames, metricNamespace, toDimensions } from '../../shared/metrics.ts'
import { catchError } from '../support/fakes.ts'

let written = ''
beforeEach(() => {
  written = ''
  const keep = (chunk: unknown) => {
    written += String(chunk)
    return true
  }
  vi.spyOn(process.stdout, 'write').mockImplementation(keep)
  vi.spyOn(process.stderr, 'write').mockImplementation(keep)
})
afterEach(() => {
  vi.restoreAllMocks()
})

const readLines = () =>
  written
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Record<string, unknown> => JSON.parse(line))

describe('metrics', () => {
  it('are one line in the embedded metric format, with the dimensions that alarms ask for, and nothing else', () => {
    const metrics = createMetrics('wallet', 'local')
    metrics.count('address_drift', 1)
    metrics.count('account_index_gaps', 17)
    expect(written).toBe('')
    metrics.flush()
    expect(readLines()).toEqual([
      {
        _aws: {
          Timestamp: expect.any(Number),
          CloudWatchMetrics: [
            {
              Namespace: metricNamespace,
              Dimensions: [Object.keys(toDimensions('wallet', 'local'))],
              Metrics: [
                { Name: 'address_drift', Unit: 'Count' },
                { Name: 'account_index_gaps', Unit: 'Count' },
              ],
            },
          ],
        },
        service: 'wallet',
        stage: 'local',
        address_drift: 1,
        account_index_gaps: 17,
      },
    ])
  })

  it('have names that are no dimension: one would take the place of the other in the line', () => {
    for (const names of Object.values(metricNames)) {
      expect(names.filter((name) => name in toDimensions('wallet', 'local'))).toEqual([])
    }
  })

  it('that were counted several times tell every value', () => {
    const metrics = createMetrics('wallet', 'local')
    metrics.count('address_drift', 1)
    metrics.count('address_drift', 2)
    metrics.flush()
    expect(readLines()).toMatchObject([{ address_drift: [1, 2] }])
  })

  it('are not written twice', () => {
    const metrics = createMetrics('wallet', 'local')
    metrics.count('address_drift', 1)
    metrics.flush()
    metrics.flush()
    expect(readLines()).toHaveLength(1)
  })

  it('write nothing at all, no warning either, when nothing was counted or 0', () => {
    const metrics = createMetrics('wallet', 'local')
    metrics.flush()
    metrics.count('account_index_gaps', 0)
    metrics.flush()
    expect(written).toBe('')
  })
})

describe('a handler with metrics', () => {
  it('answers as without them, and flushes after each invocation', async () => {
    const metrics = createMetrics('wallet', 'local')
    const handler = flushAfter(metrics, async (event: number) => {
      metrics.count('account_index_gaps', event)
      return event + 1
    })
    expect(await handler(4)).toBe(5)
    expect(readLines()).toMatchObject([{ account_index_gaps: 4 }])
    expect(await handler(6)).toBe(7)
    expect(readLines()).toMatchObject([{ account_index_gaps: 4 }, { account_index_gaps: 6 }])
  })

  it('throws what it threw, and flushes', async () => {
    const metrics = createMetrics('wallet', 'local')
    const failure = new Error('two implementations differ')
    const handler = flushAfter(metrics, async () => {
      metrics.count('cross_check_failed', 1)
      throw failure
    })
    expect(await catchError(() => handler(undefined))).toBe(failure)
    expect(readLines()).toMatchObject([{ cross_check_failed: 1 }])
  })
})
