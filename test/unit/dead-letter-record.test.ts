// What a record of the dead-letter topic is about: in Lambda's form, in that of the local trigger, and in none.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeText, openLetter } from '../../functions/operate/dead-letter-record.ts'
import { failureHeaders } from '../../local/wallet-trigger.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { noon } from '../support/fakes.ts'
import { makeKafkaRecord } from '../support/wallet-records.ts'

const toBase64 = (text: string) => Buffer.from(text).toString('base64')

/** As the local trigger writes it, and kafkajs hands it over. */
function setAside(record: KafkaRecord, error: string | undefined): KafkaRecord {
  const headers = failureHeaders(
    {
      ...{ ...record, timestamp: record.recordedAt.getTime(), timestampType: 'CREATE_TIME' },
      headers: record.headers.map(([name, value]) => [name, Buffer.from(value, 'base64')] as const),
    },
    { condition: 'RetryAttemptsExhausted', attempts: 3, error },
  )
  return {
    ...{ topic: 'user.verified.dead-letter', partition: 0, offset: 9, recordedAt: noon },
    ...{ key: record.key, value: record.value },
    headers: Object.entries(headers).flatMap(([name, values]) =>
      [values].flat().map((value) => [name, Buffer.from(value ?? '').toString('base64')] as const),
    ),
  }
}

describe('of the local trigger', () => {
  it('is the original record, without what the trigger put behind its headers', () => {
    const record = makeKafkaRecord({
      key: 'user-1',
      value: 'x',
      headers: { request_id: 'r', event_type: 'user.verified' },
    })
    expect(openLetter(setAside(record, 'Unhandled: TypeError'))).toEqual({
      reason: 'RetryAttemptsExhausted: Unhandled: TypeError',
      records: [record],
    })
    expect(openLetter(setAside(record, undefined)).reason).toBe('RetryAttemptsExhausted')
  })

  it('keeps headers of its own that are called like those', () => {
    const record = makeKafkaRecord({
      key: 'user-1',
      value: null,
      headers: { failure_topic: 'mine', failure_error: 'mine' },
    })
    expect(openLetter(setAside(record, 'Unhandled')).records).toEqual([record])
  })

  it.each(['failure_offset', 'failure_timestamp', 'failure_topic'])('is in no known form without %s', (missing) => {
    const letter = setAside(makeKafkaRecord({ value: 'x' }), 'Unhandled')
    const headers = letter.headers.filter(([name]) => name !== missing)
    expect(openLetter({ ...letter, headers })).toEqual({ reason: 'in no known form', records: [] })
  })
})

describe('of Lambda', () => {
  /** The example of "Record format for a Kafka destination" in Lambda's developer guide. */
  const documented = {
    requestContext: {
      ...{
        requestId: 'e4b46cbf-b738-xmpl-8880-a18cdf61200e',
        condition: 'RetriesExhausted',
        approximateInvokeCount: 3,
      },
      functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:my-function:$LATEST',
    },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    version: '1.0',
    timestamp: '2019-11-14T18:16:05.568Z',
    KafkaBatchInfo: {
      ...{ batchSize: 1, eventSourceArn: 'arn:aws:kafka:us-east-1:123456789012:cluster/my-cluster/abc123' },
      ...{ bootstrapServers: 'b-1.mycluster.abc123.kafka.us-east-1.amazonaws.com:9098', payloadSize: 1162 },
      recordInfo: {
        offset: '49601189658422359378836298521827638475320189012309704722',
        timestamp: '2019-11-14T18:16:04.835Z',
      },
    },
    payload: {
      ...{ bootstrapServers: 'b-1.mycluster.abc123.kafka.us-east-1.amazonaws.com:9098', eventSource: 'aws:kafka' },
      eventSourceArn: 'arn:aws:kafka:us-east-1:123456789012:cluster/my-cluster/abc123',
      records: {
        'my-topic-0': [
          {
            ...{ headers: [], key: 'dGVzdC1rZXk=', offset: 100, partition: 0, timestamp: 1749116692330 },
            ...{ timestampType: 'CREATE_TIME', topic: 'my-topic', value: 'dGVzdC12YWx1ZQ==' },
          },
        ],
      },
    },
  }
  const letter = (json: unknown) => makeKafkaRecord({ key: 'test-key', value: JSON.stringify(json) })

  it('is what its payload has, and why by its context', () => {
    expect(openLetter(letter(documented))).toEqual({
      reason: 'RetriesExhausted: Unhandled',
      records: [
        {
          ...{ topic: 'my-topic', partition: 0, offset: 100, recordedAt: new Date(1749116692330), headers: [] },
          ...{ key: Buffer.from('test-key'), value: Buffer.from('test-value') },
        },
      ],
    })
  })

  it('may have several records, with headers of signed bytes, and no answer of the function', () => {
    const [record] = documented.payload.records['my-topic-0']
    const records = { 'my-topic-0': [record, { ...record, offset: 101, headers: [{ request_id: [114, -61, -87] }] }] }
    const { responseContext: _, ...rest } = documented
    const opened = openLetter(letter({ ...rest, payload: { ...documented.payload, records } }))
    expect(opened.reason).toBe('RetriesExhausted')
    expect(opened.records.map(({ offset, headers }) => [offset, headers])).toEqual([
      [100, []],
      [101, [['request_id', toBase64('r\u00e9')]]],
    ])
  })

  it('without a record is in no known form', () => {
    expect(openLetter(letter({ ...documented, payload: { ...documented.payload, records: {} } })).records).toEqual([])
  })
})

it('whatever it is, it is opened or told to be in no known form', () => {
  const header = fc.tuple(
    fc.constantFrom('failure_condition', 'failure_topic', 'failure_offset', '__proto__', 'x'),
    fc.base64String(),
  )
  const any = fc.record({
    key: fc.option(fc.uint8Array()),
    value: fc.option(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
    ),
    headers: fc.array(header),
  })
  fc.assert(
    fc.property(any, (given) => {
      const { reason } = openLetter({ ...makeKafkaRecord({ value: null }), ...given })
      expect(reason).toMatch(/^[\x20-\x7e]+$/)
    }),
  )
})

it('text of a stranger reaches a terminal as printable ASCII, cut', () => {
  expect(escapeText('a\u001b[31m\u0000\u00e9')).toBe('a\\u{1b}[31m\\u{0}\\u{e9}')
  expect(escapeText('x'.repeat(300))).toBe(`${'x'.repeat(200)}...`)
})
