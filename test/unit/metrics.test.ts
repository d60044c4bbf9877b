// The metrics as CloudWatch reads them: one line in the embedded metric format an invocation, or none.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { reasons } from '../../functions/inspect/reasons.ts'
import {
  countAnswers,
  createMetrics,
  flushAfter,
  measured,
  metricNamespace,
  toDimensions,
  toVerdictReason,
} from '../../shared/metrics.ts'
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
    for (const metrics of Object.values(measured)) {
      for (const [metric, dimensions] of Object.entries(metrics)) {
        const names = [...Object.keys(dimensions), ...Object.keys(toDimensions('wallet', 'local'))]
        expect(new Set(names).size).toBe(names.length)
        expect(names).not.toContain(metric)
      }
    }
  })

  it('that were counted several times tell the sum', () => {
    const metrics = createMetrics('wallet', 'local')
    metrics.count('address_drift', 1)
    metrics.count('address_drift', 2)
    metrics.flush()
    expect(readLines()).toMatchObject([{ address_drift: 3 }])
  })

  it('that were measured tell every value, 0 too, in the unit of their name and the line of the counts', () => {
    const metrics = createMetrics('announce', 'local')
    metrics.measure('backlog', 0)
    metrics.measure('backlog_seconds', 12.5)
    metrics.measure('wallet_milliseconds', 3)
    metrics.measure('wallet_milliseconds', 4)
    metrics.count('wallets_announced', 2)
    metrics.flush()
    const lines = readLines()
    expect(lines).toMatchObject([
      { backlog: 0, backlog_seconds: 12.5, wallet_milliseconds: [3, 4], wallets_announced: 2 },
    ])
    expect(lines[0]?._aws).toMatchObject({
      CloudWatchMetrics: [
        {
          Metrics: [
            { Name: 'backlog', Unit: 'Count' },
            { Name: 'backlog_seconds', Unit: 'Seconds' },
            { Name: 'wallet_milliseconds', Unit: 'Milliseconds' },
            { Name: 'wallets_announced', Unit: 'Count' },
          ],
        },
      ],
    })
  })

  it('of more values than CloudWatch takes in one line are several lines, and none is lost', () => {
    const metrics = createMetrics('announce', 'local')
    for (let value = 1; value <= 250; value++) metrics.measure('wallet_milliseconds', value)
    metrics.flush()
    const values = readLines().flatMap((line) => line.wallet_milliseconds as number[])
    expect(values).toEqual(Array.from({ length: 250 }, (_, index) => index + 1))
  })

  it('with dimensions are a line for each combination, which no other takes over', () => {
    const metrics = createMetrics('verification', 'local')
    metrics.count('verdicts', 1, { reason: 'passed' })
    metrics.count('verdicts', 1, { reason: 'truncated' })
    metrics.count('verdicts', 1, { reason: 'passed' })
    metrics.count('documents_not_verified', 1)
    metrics.measure('verdict_milliseconds', 5)
    metrics.flush()
    metrics.count('documents_not_verified', 4)
    metrics.flush()
    const plain = Object.keys(toDimensions('verification', 'local'))
    const lines = readLines().map(({ _aws, service, stage, ...rest }) => {
      expect({ service, stage }).toEqual({ service: 'verification', stage: 'local' })
      const { CloudWatchMetrics } = _aws as { CloudWatchMetrics: { Dimensions: string[][] }[] }
      return [rest, CloudWatchMetrics.flatMap(({ Dimensions }) => Dimensions)]
    })
    expect(lines).toEqual([
      [{ verdict_milliseconds: 5, documents_not_verified: 1 }, [plain]],
      [{ reason: 'passed', verdicts: 2 }, [[...plain, 'reason']]],
      [{ reason: 'truncated', verdicts: 1 }, [[...plain, 'reason']]],
      [{ documents_not_verified: 4 }, [plain]],
    ])
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
    const handler = flushAfter(metrics, async (event: number, added: number) => {
      metrics.count('account_index_gaps', event)
      return event + added
    })
    expect(await handler(4, 2)).toBe(6)
    expect(readLines()).toMatchObject([{ account_index_gaps: 4 }])
    expect(await handler(6, 1)).toBe(7)
    expect(readLines()).toMatchObject([{ account_index_gaps: 4 }, { account_index_gaps: 6 }])
  })

  it('throws what it threw, and flushes', async () => {
    const metrics = createMetrics('wallet', 'local')
    const failure = new Error('two implementations differ')
    const handler = flushAfter(metrics, async () => {
      metrics.count('cross_check_failed', 1)
      throw failure
    })
    expect(await catchError(handler)).toBe(failure)
    expect(readLines()).toMatchObject([{ cross_check_failed: 1 }])
  })
})

describe('answers', () => {
  const request = (httpMethod: string, resource: string) => ({ httpMethod, resource })
  const answering = (statusCode: number) =>
    countAnswers(createMetrics('read', 'local'), async (_event: ReturnType<typeof request>) => ({ statusCode }))

  it.each([
    [200, 'ok'],
    [202, 'ok'],
    [404, 'refused'],
    [429, 'limited'],
    [503, 'failed'],
  ])('of %i are counted as %s', async (status, outcome) => {
    expect(await answering(status)(request('GET', '/wallet/{user_id}'))).toEqual({ statusCode: status })
    expect(readLines()).toMatchObject([{ route: 'GET /wallet/{user_id}', outcome, requests: 1 }])
  })

  it('to an unknown route are counted as others', async () => {
    await answering(404)(request('PUT', '/wallet/{user_id}'))
    expect(readLines()).toMatchObject([{ route: 'other', outcome: 'refused' }])
  })

  it('that never came are counted as failed', async () => {
    const handler = countAnswers(createMetrics('intake', 'local'), async (_event: ReturnType<typeof request>) => {
      throw new Error('out of memory')
    })
    await expect(handler(request('POST', '/verify'))).rejects.toThrow('out of memory')
    expect(readLines()).toMatchObject([{ route: 'POST /verify', outcome: 'failed', requests: 1 }])
  })
})

describe('the reasons of verdicts', () => {
  it('are a dimension with every code that inspect finds, and one for all others', () => {
    for (const code of Object.keys(reasons)) expect(toVerdictReason(code)).toBe(code)
    expect(toVerdictReason('smudged')).toBe('other')
  })
})
