// The trigger's pure parts: the event, what is read from the answer, how a batch is split, and the rules of delivery
// against a function, a broker and a clock made here.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildEvent,
  countBatch,
  type EncodedRecord,
  encodeRecord,
  envelopeBytes,
  type InvocationResult,
  type KafkaRecord,
  maximumPayloadBytes,
  readOutcome,
} from '../../local/msk-event.ts'
import { type DeliverySettings, deliverBatch, type Failure } from '../../local/record-delivery.ts'
import { failureHeaders, readMessage } from '../../local/wallet-trigger.ts'

const source = {
  eventSourceArn: 'arn:aws:kafka:us-east-1:000000000000:cluster/local/uuid-1',
  bootstrapServers: ['127.0.0.1:19092', '127.0.0.1:19093'],
}

const bytes = (text: string) => new TextEncoder().encode(text)

function makeRecord(offset: number, changes: Partial<KafkaRecord> = {}): EncodedRecord {
  return encodeRecord({
    topic: 'user.verified',
    partition: 3,
    offset,
    timestamp: 1_700_000_000_000,
    timestampType: 'CREATE_TIME',
    key: bytes('key'),
    value: bytes('value'),
    headers: [],
    ...changes,
  })
}

const arbitraryBytes = fc.uint8Array({ maxLength: 40 })
const arbitraryRecord = fc.record({
  topic: fc.constantFrom('user.verified', 'a"b', 'é'),
  partition: fc.nat(20),
  offset: fc.nat(Number.MAX_SAFE_INTEGER - 1),
  timestamp: fc.nat(2_000_000_000_000),
  timestampType: fc.constantFrom('CREATE_TIME' as const, 'LOG_APPEND_TIME' as const),
  key: fc.option(arbitraryBytes),
  value: fc.option(arbitraryBytes),
  headers: fc.array(fc.tuple(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '1')), arbitraryBytes), {
    maxLength: 4,
  }),
})

/** Offsets ascend with gaps, as compaction and transactions leave them. */
const arbitraryOffsets = fc
  .tuple(fc.nat(1000), fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 30 }))
  .map(([first, gaps]) => {
    const offsets = [first]
    for (const gap of gaps) offsets.push((offsets.at(-1) ?? 0) + gap)
    return offsets
  })

describe('the event', () => {
  test('is, byte for byte, what Lambda sends for MSK', () => {
    const record = makeRecord(15, {
      timestamp: 1_545_084_650_987,
      key: bytes('recordKey'),
      value: bytes('{"k":"v"}'),
      headers: [['x-id', bytes('hel')]],
    })
    expect(JSON.parse(Buffer.from(buildEvent(source, [record])).toString())).toEqual({
      eventSource: 'aws:kafka',
      eventSourceArn: source.eventSourceArn,
      bootstrapServers: '127.0.0.1:19092,127.0.0.1:19093',
      records: {
        'user.verified-3': [
          {
            topic: 'user.verified',
            partition: 3,
            offset: 15,
            timestamp: 1_545_084_650_987,
            timestampType: 'CREATE_TIME',
            key: 'cmVjb3JkS2V5',
            value: 'eyJrIjoidiJ9',
            headers: [{ 'x-id': [104, 101, 108] }],
          },
        ],
      },
    })
  })

  test('writes header bytes signed, repeats a repeated header, and leaves out what is null', () => {
    const record = makeRecord(0, {
      key: null,
      value: null,
      headers: [
        ['h', new Uint8Array([0, 127, 128, 255])],
        ['other', new Uint8Array()],
        ['h', bytes('2')],
      ],
    })
    expect(JSON.parse(record.json)).toEqual({
      topic: 'user.verified',
      partition: 3,
      offset: 0,
      timestamp: 1_700_000_000_000,
      timestampType: 'CREATE_TIME',
      headers: [{ h: [0, 127, -128, -1] }, { other: [] }, { h: [50] }],
    })
  })

  test('gives back every record, in order, and its length is foreseen', () => {
    fc.assert(
      fc.property(fc.array(arbitraryRecord, { minLength: 1, maxLength: 5 }), (records) => {
        const encoded = records.map(encodeRecord)
        const event = buildEvent(source, encoded)
        const foreseen = encoded.reduce((sum, record) => sum + record.bytes, encoded.length - 1)
        expect(event.length).toBe(foreseen + envelopeBytes(source, encoded[0] as EncodedRecord))
        const parsed = JSON.parse(Buffer.from(event).toString())
        const read = parsed.records[`${records[0]?.topic}-${records[0]?.partition}`].map(
          (record: { key?: string; value?: string; headers: Record<string, number[]>[] }) => ({
            ...record,
            key: record.key === undefined ? null : Uint8Array.from(Buffer.from(record.key, 'base64')),
            value: record.value === undefined ? null : Uint8Array.from(Buffer.from(record.value, 'base64')),
            headers: record.headers.flatMap((header) =>
              Object.entries(header).map(([key, value]) => [key, Uint8Array.from(value)]),
            ),
          }),
        )
        expect(read).toEqual(records)
      }),
    )
  })
})

describe('a batch', () => {
  test('is as long as allowed, as large as allowed, and never empty', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ bytes: fc.nat(100) }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(500),
        (records, batchSize, maximumBytes) => {
          const count = countBatch(records, { batchSize, maximumBytes })
          const size = (length: number) =>
            records.slice(0, length).reduce((sum, record) => sum + record.bytes, length - 1)
          expect(count).toBeGreaterThan(0)
          expect(count).toBeLessThanOrEqual(batchSize)
          if (count > 1) expect(size(count)).toBeLessThanOrEqual(maximumBytes)
          if (count < records.length && count < batchSize) expect(size(count + 1)).toBeGreaterThan(maximumBytes)
        },
      ),
    )
  })
})

describe('an answer', () => {
  const records = [makeRecord(4), makeRecord(5), makeRecord(8)]
  const read = (answer: unknown) => readOutcome({ payload: bytes(JSON.stringify(answer)) }, records)
  const failure = (offset: unknown, partition: unknown = 'user.verified-3') => ({
    itemIdentifier: { partition, offset },
  })

  test.each([null, {}, { batchItemFailures: null }, { batchItemFailures: [] }, { something: 'else' }])(
    '%j is success',
    (answer) => expect(read(answer)).toEqual({ kind: 'succeeded' }),
  )

  test('of nothing at all is success', () => {
    expect(readOutcome({ payload: new Uint8Array() }, records)).toEqual({ kind: 'succeeded' })
  })

  test('resumes from the lowest failure, in whatever order they are listed', () => {
    expect(read({ batchItemFailures: [failure(8), failure(5), failure(8)] })).toEqual({
      kind: 'failed-from',
      offset: 5,
    })
  })

  test.each([
    ['another partition', { batchItemFailures: [failure(5, 'user.verified-2')] }],
    ['an offset of no record', { batchItemFailures: [failure(6)] }],
    ['one good and one unknown', { batchItemFailures: [failure(5), failure(99)] }],
    ['an offset in a string', { batchItemFailures: [failure('5')] }],
    ['the form of SQS and Kinesis', { batchItemFailures: [{ itemIdentifier: 'user.verified-3-5' }] }],
    ['an identifier of null', { batchItemFailures: [{ itemIdentifier: null }] }],
    ['no identifier', { batchItemFailures: [{}] }],
    ['null in the list', { batchItemFailures: [null] }],
    ['no list', { batchItemFailures: {} }],
    ['text', 'done'],
    ['an empty text', ''],
    ['a number', 0],
    ['a list', []],
  ])('with %s fails the batch', (_, answer) => {
    expect(read(answer).kind).toBe('malformed')
  })

  test('that is no JSON fails the batch', () => {
    expect(readOutcome({ payload: bytes('{"batch') }, records).kind).toBe('malformed')
  })

  test('of a function that failed names the class of its error, never its message', () => {
    const payload = bytes('{"errorType":"UnavailableError","errorMessage":"the value was secret"}')
    expect(readOutcome({ functionError: 'Unhandled', payload }, records)).toEqual({
      kind: 'function-error',
      error: 'Unhandled: UnavailableError',
    })
    expect(readOutcome({ functionError: 'Unhandled', payload: bytes('{"errorType":"a b"}') }, records)).toEqual({
      kind: 'function-error',
      error: 'Unhandled',
    })
  })
})

type Step = { invoked: number[] } | { setAside: number; failure: Failure } | { committed: number } | { waited: number }

/** Runs a delivery and writes down what it did. */
async function run(
  records: readonly EncodedRecord[],
  answer: (offsets: number[], invocation: number) => InvocationResult | Error,
  {
    now = () => 1_700_000_000_000,
    setAside = () => {},
    commit = () => {},
    controller = new AbortController(),
    random = () => 0.5,
    ...changes
  }: Partial<DeliverySettings> & {
    now?: () => number
    setAside?: () => void
    commit?: () => void
    controller?: AbortController
    random?: () => number
  } = {},
): Promise<Step[]> {
  const steps: Step[] = []
  let invocations = 0
  await deliverBatch(
    records,
    source,
    { maximumRetryAttempts: 2, maximumRecordAgeSeconds: -1, bisectBatchOnFunctionError: true, ...changes },
    {
      invoke: async (event) => {
        const parsed = JSON.parse(Buffer.from(event).toString())
        const invoked = (Object.values(parsed.records)[0] as { offset: number }[]).map(({ offset }) => offset)
        let result: InvocationResult | Error
        try {
          result = answer(invoked, invocations)
        } catch (error) {
          // A broken expectation ends the delivery, which would take it for a function that was not reached.
          controller.abort(error)
          throw error
        }
        invocations += 1
        if (result instanceof Error) throw result
        steps.push({ invoked })
        return result
      },
      setAside: async (record, failure) => {
        setAside()
        steps.push({ setAside: record.offset, failure })
      },
      commit: async (offset) => {
        commit()
        steps.push({ committed: offset })
      },
      now,
      random,
      wait: async (milliseconds, signal) => {
        signal.throwIfAborted()
        steps.push({ waited: milliseconds })
      },
      log: () => {},
    },
    controller.signal,
  )
  return steps
}

const success: InvocationResult = { payload: bytes('null') }
const crash: InvocationResult = { functionError: 'Unhandled', payload: bytes('{"errorType":"Error"}') }
const failedAt = (...offsets: number[]): InvocationResult => ({
  payload: bytes(
    JSON.stringify({
      batchItemFailures: offsets.map((offset) => ({ itemIdentifier: { partition: 'user.verified-3', offset } })),
    }),
  ),
})
const withoutWaits = (steps: Step[]) => steps.filter((step) => !('waited' in step))
const ofKind = <K extends string>(steps: Step[], kind: K) =>
  steps.filter((step): step is Extract<Step, Record<K, unknown>> => kind in step)

describe('a delivery', () => {
  const three = [makeRecord(1), makeRecord(2), makeRecord(3)]

  test('that succeeds invokes once and commits the offset after the last record', async () => {
    expect(await run(three, () => success)).toEqual([{ invoked: [1, 2, 3] }, { committed: 4 }])
  })

  test('resumes from the lowest failed offset', async () => {
    const steps = await run(three, (_, invocation) => (invocation === 0 ? failedAt(3, 2) : success))
    expect(withoutWaits(steps)).toEqual([
      { invoked: [1, 2, 3] },
      { committed: 2 },
      { invoked: [2, 3] },
      { committed: 4 },
    ])
  })

  test('sets aside what fails again and again, with the reason, and goes on behind it', async () => {
    const steps = await run(three, () => failedAt(2, 3), { maximumRetryAttempts: 1 })
    expect(withoutWaits(steps).slice(0, 3)).toEqual([{ invoked: [1, 2, 3] }, { committed: 2 }, expect.anything()])
    const failure = { condition: 'RetryAttemptsExhausted', attempts: 2, error: 'reported in batchItemFailures' }
    expect(withoutWaits(steps).slice(2)).toEqual([
      { invoked: [2, 3] },
      { setAside: 2, failure },
      { setAside: 3, failure },
      { committed: 4 },
    ])
  })

  test('invokes once more than there are retries', async () => {
    const steps = await run([makeRecord(1)], () => crash, { maximumRetryAttempts: 3 })
    expect(ofKind(steps, 'invoked')).toHaveLength(4)
    expect(ofKind(steps, 'setAside')).toHaveLength(1)
  })

  test('of endless retries stops after 10, as with any destination', async () => {
    const steps = await run([makeRecord(1)], () => crash, { maximumRetryAttempts: -1 })
    expect(ofKind(steps, 'invoked')).toHaveLength(11)
  })

  test('counts attempts anew when another record is the one that fails', async () => {
    const steps = await run(three, (offsets) => (offsets.length > 1 ? failedAt(offsets[1] ?? 0) : success), {
      maximumRetryAttempts: 1,
    })
    expect(ofKind(steps, 'setAside')).toEqual([])
    expect(withoutWaits(steps).at(-1)).toEqual({ committed: 4 })
  })

  test('splits a batch on which the function crashes, until the culprit is alone', async () => {
    const records = [1, 2, 3, 4, 5].map((offset) => makeRecord(offset))
    const steps = await run(records, (offsets) => (offsets.includes(4) ? crash : success), { maximumRetryAttempts: 1 })
    expect(withoutWaits(steps)).toEqual([
      { invoked: [1, 2, 3, 4, 5] },
      { invoked: [1, 2, 3] },
      { committed: 4 },
      { invoked: [4, 5] },
      { invoked: [4] },
      { invoked: [4] },
      { setAside: 4, failure: { condition: 'RetryAttemptsExhausted', attempts: 2, error: 'Unhandled: Error' } },
      { committed: 5 },
      { invoked: [5] },
      { committed: 6 },
    ])
  })

  test('retries it whole where it is not to be split, or where only the answer was wrong', async () => {
    const whole = await run(three, (_, n) => (n === 0 ? crash : success), { bisectBatchOnFunctionError: false })
    expect(ofKind(whole, 'invoked').map(({ invoked }) => invoked)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
    const malformed = await run(three, (_, n) => (n === 0 ? failedAt(99) : success))
    expect(ofKind(malformed, 'invoked').map(({ invoked }) => invoked)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
  })

  test('takes no attempt from a function that was not reached, however often', async () => {
    const steps = await run([makeRecord(1)], (_, n) => (n < 50 ? new Error('connect ECONNREFUSED') : success), {
      maximumRetryAttempts: 0,
    })
    expect(withoutWaits(steps)).toEqual([{ invoked: [1] }, { committed: 2 }])
  })

  test('sets aside what is too old before it is sent', async () => {
    const records = [makeRecord(1, { timestamp: 0 }), makeRecord(2), makeRecord(3, { timestamp: 0 })]
    const steps = await run(records, () => success, { maximumRecordAgeSeconds: 60 })
    const failure = { condition: 'MaximumRecordAgeExceeded', attempts: 0, error: undefined }
    expect(steps).toEqual([{ setAside: 1, failure }, { setAside: 3, failure }, { invoked: [2] }, { committed: 4 }])
  })

  test('sets aside what grows too old between two attempts', async () => {
    let now = 1_700_000_000_000
    const steps = await run(
      three,
      () => {
        now += 40_000
        return failedAt(1)
      },
      { maximumRecordAgeSeconds: 60, maximumRetryAttempts: 100, now: () => now },
    )
    expect(ofKind(steps, 'invoked')).toHaveLength(2)
    expect(ofKind(steps, 'setAside').map(({ failure }) => failure.condition)).toEqual(
      Array(3).fill('MaximumRecordAgeExceeded'),
    )
    expect(steps.at(-1)).toEqual({ committed: 4 })
  })

  test('commits past old records behind the half of a split batch', async () => {
    const records = [makeRecord(1), makeRecord(2), makeRecord(3, { timestamp: 0 })]
    const steps = await run(records, (_, n) => (n === 0 ? crash : success), { maximumRecordAgeSeconds: 60 })
    expect(withoutWaits(steps).at(-1)).toEqual({ committed: 4 })
  })

  test('sets aside a record that no invocation can carry', async () => {
    const records = [makeRecord(7, { value: new Uint8Array(maximumPayloadBytes) })]
    const steps = await run(records, () => success)
    expect(steps).toEqual([
      { setAside: 7, failure: { condition: 'PayloadTooLarge', attempts: 0, error: undefined } },
      { committed: 8 },
    ])
  })

  test('does not move on before the destination has the record, nor before the broker has the offset', async () => {
    let refusals = 3
    const refuse = () => {
      refusals -= 1
      if (refusals >= 0) throw new Error('broker away')
    }
    const setAside = await run([makeRecord(1)], () => crash, { maximumRetryAttempts: 0, setAside: refuse })
    expect(withoutWaits(setAside).slice(1)).toEqual([{ setAside: 1, failure: expect.anything() }, { committed: 2 }])
    expect(ofKind(setAside, 'waited')).toHaveLength(3)
    refusals = 3
    const commit = await run([makeRecord(1)], () => success, { commit: refuse })
    expect(withoutWaits(commit)).toEqual([{ invoked: [1] }, { committed: 2 }])
  })

  test('waits longer with each attempt, at random up to the full time', async () => {
    const steps = await run([makeRecord(1)], () => crash, { maximumRetryAttempts: 7, random: () => 0.5 })
    expect(ofKind(steps, 'waited').map(({ waited }) => waited)).toEqual([250, 500, 1000, 2000, 4000, 7500, 7500])
  })

  test('that is told to end commits what ended well, and nothing more', async () => {
    const controller = new AbortController()
    const records = [1, 2, 3].map((offset) => makeRecord(offset))
    const steps: Step[] = []
    const delivery = deliverBatch(
      records,
      source,
      { maximumRetryAttempts: 2, maximumRecordAgeSeconds: -1, bisectBatchOnFunctionError: true },
      {
        invoke: async () => {
          controller.abort(new Error('stopping'))
          return failedAt(2)
        },
        setAside: async (record, failure) => void steps.push({ setAside: record.offset, failure }),
        commit: async (offset) => void steps.push({ committed: offset }),
        now: Date.now,
        random: Math.random,
        wait: async (_, signal) => signal.throwIfAborted(),
        log: () => {},
      },
      controller.signal,
    )
    await expect(delivery).rejects.toThrow('stopping')
    expect(steps).toEqual([{ committed: 2 }])
  })

  /** Answers of any kind, given in turn; success when they are used up. */
  const arbitraryAnswers = fc.array(
    fc.oneof(
      fc.constant('success' as const),
      fc.constant('crash' as const),
      fc.constant('malformed' as const),
      fc.constant('unreachable' as const),
      fc.array(fc.nat(40), { minLength: 1, maxLength: 3 }),
    ),
    { maxLength: 40 },
  )

  test('invokes nothing before the lowest failure again, skips nothing from it on, and keeps the order', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryOffsets,
        arbitraryAnswers,
        fc.nat(4),
        fc.boolean(),
        async (offsets, answers, maximumRetryAttempts, bisectBatchOnFunctionError) => {
          const done = new Map<number, 'invoked' | 'set aside'>()
          const steps = await run(
            offsets.map((offset) => makeRecord(offset)),
            (invoked, invocation) => {
              const answer = answers[invocation] ?? 'success'
              if (answer === 'unreachable') return new Error('unreachable')
              // Nothing skipped, nothing twice: a batch begins at the first offset that is not done, without gaps.
              expect(invoked[0]).toBe(offsets.find((offset) => !done.has(offset)))
              const start = offsets.indexOf(invoked[0] ?? -1)
              expect(invoked).toEqual(offsets.slice(start, start + invoked.length))
              if (Array.isArray(answer)) {
                const failed = answer.map((index) => invoked[index % invoked.length] as number)
                for (const offset of invoked) if (offset < Math.min(...failed)) done.set(offset, 'invoked')
                return failedAt(...failed)
              }
              if (answer === 'crash') return crash
              if (answer === 'malformed') return failedAt(-1)
              for (const offset of invoked) done.set(offset, 'invoked')
              return success
            },
            {
              maximumRetryAttempts,
              bisectBatchOnFunctionError,
              setAside: () => {
                const next = offsets.find((offset) => !done.has(offset)) as number
                done.set(next, 'set aside')
              },
            },
          )
          expect([...done.keys()]).toEqual(offsets)
          const setAside = ofKind(steps, 'setAside').map((step) => step.setAside)
          expect(setAside).toEqual(offsets.filter((offset) => done.get(offset) === 'set aside'))
          // A commit never covers what is not done, never goes back, and ends behind the last record.
          const committed = ofKind(steps, 'committed').map((step) => step.committed)
          expect(committed).toEqual(committed.toSorted((a, b) => a - b))
          expect(committed.at(-1)).toBe((offsets.at(-1) as number) + 1)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('commits an offset only when every record before it is done', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryOffsets, arbitraryAnswers, fc.nat(3), async (offsets, answers, retries) => {
        const done = new Set<number>()
        const steps = await run(
          offsets.map((offset) => makeRecord(offset)),
          (invoked, invocation) => {
            const answer = answers[invocation] ?? 'success'
            if (answer === 'unreachable') return new Error('unreachable')
            if (answer === 'crash') return crash
            if (answer === 'malformed') return failedAt(-1)
            const failed = answer === 'success' ? [] : answer.map((index) => invoked[index % invoked.length] as number)
            return failedAt(...failed)
          },
          { maximumRetryAttempts: retries },
        )
        let invocation = -1
        for (const step of steps) {
          if ('invoked' in step) {
            do invocation += 1
            while (answers[invocation] === 'unreachable')
            const answer = answers[invocation] ?? 'success'
            const failed = Array.isArray(answer) ? answer.map((index) => step.invoked[index % step.invoked.length]) : []
            const lowest = Math.min(...failed.map(Number))
            if (answer === 'success' || Array.isArray(answer)) {
              for (const offset of step.invoked) if (offset < lowest) done.add(offset)
            }
          }
          if ('setAside' in step) done.add(step.setAside)
          if ('committed' in step) {
            expect(offsets.filter((offset) => offset < step.committed && !done.has(offset))).toEqual([])
          }
        }
        expect(done.size).toBe(offsets.length)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a record of kafkajs', () => {
  const message = { key: null, value: null, timestamp: '1700000000000', attributes: 0, offset: '9007199254740990' }

  test('keeps repeated and empty headers, and what an object with a prototype adds is left out', () => {
    const headers = {
      one: Buffer.from([255, 0]),
      twice: [Buffer.from('1'), Buffer.from('2')],
      empty: null as unknown as Buffer,
      constructor: [Object as unknown as Buffer, Buffer.from('mine')],
    }
    expect(readMessage({ topic: 'topic', partition: 2 }, { ...message, headers })).toEqual({
      topic: 'topic',
      partition: 2,
      offset: 9007199254740990,
      timestamp: 1_700_000_000_000,
      timestampType: 'CREATE_TIME',
      key: null,
      value: null,
      headers: [
        ['one', Buffer.from([255, 0])],
        ['twice', Buffer.from('1')],
        ['twice', Buffer.from('2')],
        ['empty', new Uint8Array()],
        ['constructor', Buffer.from('mine')],
      ],
    })
  })

  test('says who wrote its time', () => {
    const appended = { ...message, headers: {}, batchContext: { timestampType: 1 } }
    expect(readMessage({ topic: 'topic', partition: 2 }, appended).timestampType).toBe('LOG_APPEND_TIME')
  })
})

test('the destination gets the headers of the record, and after them the reason', () => {
  const record = makeRecord(7, {
    headers: [
      ['request_id', bytes('r-1')],
      ['__proto__', bytes('p')],
      ['twice', bytes('1')],
      ['twice', new Uint8Array([255])],
      ['failure_offset', bytes('an earlier one')],
    ],
  })
  const headers = failureHeaders(record, {
    condition: 'RetryAttemptsExhausted',
    attempts: 6,
    error: 'Unhandled: Error',
  })
  expect(Object.entries(headers)).toEqual([
    ['request_id', [Buffer.from('r-1')]],
    ['__proto__', [Buffer.from('p')]],
    ['twice', [Buffer.from('1'), Buffer.from([255])]],
    ['failure_offset', [Buffer.from('an earlier one'), Buffer.from('7')]],
    ['failure_condition', [Buffer.from('RetryAttemptsExhausted')]],
    ['failure_attempts', [Buffer.from('6')]],
    ['failure_error', [Buffer.from('Unhandled: Error')]],
    ['failure_topic', [Buffer.from('user.verified')]],
    ['failure_partition', [Buffer.from('3')]],
    ['failure_timestamp', [Buffer.from('2023-11-14T22:13:20.000Z')]],
  ])
})
