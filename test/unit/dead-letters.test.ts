// Dead letters in the operate function: finding, publishing again and giving up, with a crash at each step.
import { describe, expect, it } from 'vitest'
import type { LetterFilter, Place, RecordSource } from '../../functions/operate/dead-letter-requests.ts'
import {
  type DeadLetterPorts,
  discardDeadLetters,
  findDeadLetters,
  type HandlingNote,
  noteQueueLetters,
  redriveDeadLetters,
} from '../../functions/operate/dead-letters.ts'
import { failureHeaders } from '../../local/wallet-trigger.ts'
import type { Publication } from '../../shared/kafka.ts'
import type { KafkaRecord } from '../../shared/kafka-records.ts'
import { catchError, noon } from '../support/fakes.ts'
import { makeKafkaRecord, makeVerifiedRecord } from '../support/wallet-records.ts'

const deadLetterTopic = 'user.verified.dead-letter'
const by = 'arn:aws:sts::111122223333:assumed-role/OnCall/eve'
const asked = { by, requestId: 'request-7' }

const toPlace = ({ topic, partition, offset, recordedAt }: KafkaRecord): Place => ({
  ...{ topic, partition, offset, recorded_at: recordedAt.toISOString() },
})

/** The record as the local trigger sets it aside. */
function setAside(record: KafkaRecord, offset: number): KafkaRecord {
  const decoded = record.headers.map(([name, value]) => [name, Buffer.from(value, 'base64')] as const)
  const given = { ...record, timestamp: record.recordedAt.getTime(), timestampType: 'CREATE_TIME' as const }
  const headers = failureHeaders(
    { ...given, headers: decoded },
    { condition: 'RetryAttemptsExhausted', attempts: 3, error: 'Unhandled: TypeError' },
  )
  return {
    ...{ topic: deadLetterTopic, partition: 0, offset, recordedAt: new Date(noon.getTime() + offset) },
    ...{ key: record.key, value: record.value },
    headers: Object.entries(headers).flatMap(([name, values]) =>
      [values].flat().map((value) => [name, Buffer.from(value ?? '').toString('base64')] as const),
    ),
  }
}

/** What the two sources hold, what was noted and what was published; `mayDie` is called before each step outside. */
function createWorld(quarantined: readonly KafkaRecord[], topic: readonly KafkaRecord[], pageOfTopic = 1000) {
  const notes: HandlingNote[] = []
  const published: Publication[] = []
  let mayDie = () => {}
  const step = async <Result>(result: () => Result): Promise<Result> => {
    mayDie()
    return result()
  }
  const rows = quarantined.map((record) => ({ record, reason: 'value is not JSON in UTF-8', setAsideAt: noon }))
  const isAmong = (places: readonly Place[], record: KafkaRecord) =>
    places.some((place) => JSON.stringify(place) === JSON.stringify(toPlace(record)))
  const ports: DeadLetterPorts = {
    now: () => noon,
    userVerifiedTopic: 'user.verified',
    findQuarantined: (_filter, { after, limit }) =>
      step(() =>
        rows.slice(after ? rows.findIndex(({ record }) => record.offset === after.offset) + 1 : 0).slice(0, limit),
      ),
    loadQuarantined: (places) => step(() => rows.filter(({ record }) => isAmong(places, record))),
    readDeadLetters: ({ from, to, take }) =>
      step(() => {
        let next = from.get(0) ?? 0
        const end = Math.min(topic.length, to?.get(0) ?? Number.POSITIVE_INFINITY, next + pageOfTopic)
        while (next < end) {
          const record = topic[next++]
          if (record && !take(record)) break
        }
        return next < Math.min(topic.length, to?.get(0) ?? Number.POSITIVE_INFINITY) ? new Map([[0, next]]) : undefined
      }),
    findHandled: (source, places) =>
      step(() =>
        notes.flatMap((note) =>
          note.source === 'queue' || note.source !== source
            ? []
            : note.places
                .filter((place) => places.some((each) => JSON.stringify(each) === JSON.stringify(place)))
                .map((place) => ({
                  place,
                  handling: { how: note.how, by: note.by, at: note.at.toISOString(), because: note.because },
                })),
        ),
      ),
    noteHandled: (note) => step(() => notes.push(note)),
    publish: (publications) => step(() => void published.push(...publications)),
  }
  return { ports, notes, published, dieBefore: (check: () => void) => (mayDie = check) }
}

const find = (
  ports: DeadLetterPorts,
  source: RecordSource,
  filter: LetterFilter = {},
  detail: 'places' | 'described' | 'revealed' = 'places',
) => findDeadLetters(ports, { source, filter, limit: 2000, detail })

describe('finding', () => {
  const poison = makeVerifiedRecord('user-1', 'tron')
  const letters = [setAside(poison, 0), setAside(makeVerifiedRecord('user-2', 'bitcoin'), 1)]

  it('tells where a letter lies, where it came from, and why, and of the record nothing', async () => {
    const { ports } = createWorld([], letters)
    const { letters: found, next } = await find(ports, 'topic')
    expect(next).toBeNull()
    expect(found[0]).toEqual({
      source: 'topic',
      place: { topic: deadLetterTopic, partition: 0, offset: 0, recorded_at: noon.toISOString() },
      origin: { topic: 'user.verified', partition: poison.partition, offset: poison.offset },
      reason: 'RetryAttemptsExhausted: Unhandled: TypeError',
      set_aside_at: noon.toISOString(),
      handled: [],
    })
    expect(JSON.stringify(found)).not.toContain('user-1')
  })

  const cases: readonly [what: string, filter: LetterFilter, count: number][] = [
    ['where it came from', { topic: 'user.verified', partition: poison.partition, offset: poison.offset }, 1],
    ['where it lies', { topic: deadLetterTopic, offset: 1 }, 1],
    ['neither', { topic: deadLetterTopic, offset: 2 }, 0],
    ['another partition', { partition: 77 }, 0],
    ['a part of the reason', { reason: 'TypeError' }, 2],
    ['another reason', { reason: 'RangeError' }, 0],
    ['the user', { user_id: 'user-2' }, 1],
    ['a part of a user', { user_id: 'user' }, 0],
    ['since', { since: new Date(noon.getTime() + 1).toISOString() }, 1],
    ['until', { until: new Date(noon.getTime() + 1).toISOString() }, 1],
  ]
  it.each(cases)('by %s', async (_, filter, count) => {
    expect((await find(createWorld([], letters).ports, 'topic', filter)).letters).toHaveLength(count)
  })

  it('goes on page by page, also where a page has nothing that was asked for', async () => {
    const many = Array.from({ length: 25 }, (_, offset) =>
      setAside(makeVerifiedRecord(`user-${offset}`, 'tron'), offset),
    )
    const { ports } = createWorld([], many, 10)
    const pages: number[] = []
    for (let cursor = undefined as Awaited<ReturnType<typeof find>>['next'] | undefined; cursor !== null; ) {
      const request = { source: 'topic', filter: { user_id: 'user-24' }, limit: 100, detail: 'places' } as const
      const page = await findDeadLetters(ports, cursor ? { ...request, cursor } : request)
      pages.push(page.letters.length)
      cursor = page.next
    }
    expect(pages).toEqual([0, 0, 1])
  })

  it('pages of the quarantine go on behind the last place', async () => {
    const { ports } = createWorld(
      [1, 2, 3].map((value) => makeKafkaRecord({ value: String(value) })),
      [],
    )
    const request = { source: 'quarantine', filter: {}, limit: 2, detail: 'places' } as const
    const first = await findDeadLetters(ports, request)
    expect(first.letters).toHaveLength(2)
    if (first.next === null) return expect.unreachable()
    const second = await findDeadLetters(ports, { ...request, cursor: first.next })
    expect([second.letters.length, second.next]).toEqual([1, null])
  })

  it('describes a record without showing it; reveals it, escaped, only when that was asked for', async () => {
    const record = makeKafkaRecord({
      ...{
        key: 'user-1',
        value: '\u001b[2J{"user_id":"user-1"}',
        headers: { request_id: 'request-9', other: '\u001b[31m' },
      },
    })
    const { ports } = createWorld([record], [])
    const [letter] = (await find(ports, 'quarantine', {}, 'described')).letters
    expect(letter?.records).toEqual([
      {
        ...{ topic: 'user.verified', partition: 0, offset: record.offset, recorded_at: noon.toISOString() },
        key: { bytes: 6, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
        value: { bytes: 24, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
        headers: [
          { name: 'request_id', bytes: 9, value: 'request-9' },
          { name: 'other', bytes: 5 },
        ],
        event: null,
      },
    ])
    // A control character would be escaped so by JSON.
    for (const text of ['user-1', '\\u001b']) expect(JSON.stringify(letter)).not.toContain(text)
    const [revealed] = (await find(ports, 'quarantine', {}, 'revealed')).letters
    expect(revealed?.records?.[0]?.revealed).toEqual({ key: 'user-1', value: '\\u{1b}[2J{"user_id":"user-1"}' })
  })

  it('tells the fields of an event that have their form, and never whose it is', async () => {
    const event = JSON.parse(Buffer.from(makeVerifiedRecord('user-1', 'tron').value ?? []).toString())
    const value = JSON.stringify({ ...event, version: 2, network: '\u001b[31m', __proto__: { event: 'x' } })
    const { ports } = createWorld(
      [makeKafkaRecord({ value }), makeKafkaRecord({ value: null }), makeKafkaRecord({ value: '[]' })],
      [],
    )
    const [first, tombstone, list] = (await find(ports, 'quarantine', {}, 'described')).letters
    expect(first?.records?.[0]?.event).toEqual({
      ...{ event: 'user.verified', version: 2, event_id: event.event_id, verification_id: event.verification_id },
      ...{ address_type: 'base58check', timestamp: event.timestamp },
    })
    expect(tombstone?.records?.[0]).toMatchObject({ value: null, event: null })
    expect(list?.records?.[0]?.event).toBeNull()
  })

  it('leaves out what was handled, unless it is asked for, with who did it and why', async () => {
    const { ports } = createWorld([], letters)
    const [first] = letters
    if (!first) return expect.unreachable()
    await discardDeadLetters(ports, { ...asked, source: 'topic', places: [toPlace(first)], because: 'a test record' })
    expect((await find(ports, 'topic')).letters.map(({ place }) => place.offset)).toEqual([1])
    const [handled] = (await find(ports, 'topic', { handled: true })).letters
    expect(handled?.handled).toEqual([{ how: 'discarded', by, at: noon.toISOString(), because: 'a test record' }])
  })
})

describe('redriving', () => {
  it('publishes the original bytes, key and headers to the original topic, and then notes who did it', async () => {
    const record = makeVerifiedRecord('user-1', 'tron')
    const { ports, published, notes } = createWorld([], [setAside(record, 0)])
    const place = toPlace(setAside(record, 0))
    const result = await redriveDeadLetters(ports, { ...asked, source: 'topic', places: [place] })
    expect(result).toEqual({ done: 1, already: 0, skipped: [] })
    expect(published).toEqual([
      {
        ...{ topic: 'user.verified', key: record.key, value: record.value },
        headers: Object.fromEntries(record.headers.map(([name, value]) => [name, [Buffer.from(value, 'base64')]])),
      },
    ])
    expect(notes).toEqual([{ ...asked, source: 'topic', places: [place], how: 'redriven', because: null, at: noon }])
  })

  it('of one that was handled, twice named, gone, of another topic or of no known form, changes nothing', async () => {
    const [one, gone] = [makeKafkaRecord({ value: 'x' }), makeKafkaRecord({ value: 'x' })]
    const foreign = { ...makeKafkaRecord({ value: 'x' }), topic: 'orders' }
    const { ports, published } = createWorld([one, foreign], [])
    const places = [one, one, gone, foreign].map(toPlace)
    const request = { ...asked, source: 'quarantine', places } as const
    const why = ['it is not there any more', 'it came from another topic than user.verified']
    const skipped = [gone, foreign].map((record, index) => ({ place: toPlace(record), why: why[index] }))
    expect(await redriveDeadLetters(ports, request)).toEqual({ done: 1, already: 0, skipped })
    expect(await redriveDeadLetters(ports, request)).toEqual({ done: 0, already: 1, skipped })
    expect(published).toHaveLength(1)
    const unknown = makeKafkaRecord({ value: 'neither form' })
    const other = createWorld([], [{ ...unknown, topic: deadLetterTopic, offset: 0 }])
    const result = await redriveDeadLetters(other.ports, {
      ...{ ...asked, source: 'topic', places: [toPlace({ ...unknown, topic: deadLetterTopic, offset: 0 })] },
    })
    expect(result.skipped.map((each) => each.why)).toEqual([
      'it is in no known form: what its record was cannot be told',
    ])
  })

  it('publishes no more at once than a broker takes, and notes each part', async () => {
    const large = Array.from({ length: 3 }, () => makeKafkaRecord({ value: Buffer.alloc(300_000) }))
    const { ports, published, notes } = createWorld(large, [])
    await redriveDeadLetters(ports, { ...asked, source: 'quarantine', places: large.map(toPlace) })
    expect([published.length, notes.length]).toEqual([3, 3])
  })

  it('reads on until all are found', async () => {
    const many = Array.from({ length: 25 }, (_, offset) =>
      setAside(makeVerifiedRecord(`user-${offset}`, 'tron'), offset),
    )
    const { ports, published } = createWorld([], many, 10)
    const places = [many[2], many[24]].flatMap((record) => (record ? [toPlace(record)] : []))
    expect(await redriveDeadLetters(ports, { ...asked, source: 'topic', places })).toMatchObject({
      done: 2,
      skipped: [],
    })
    expect(published.map(({ key }) => String(key))).toEqual(['user-2', 'user-24'])
  })
})

describe.each(['quarantine', 'topic'] as const)('a crash at each step, and the same command again: %s', (source) => {
  const records = Array.from({ length: 3 }, (_, at) => makeVerifiedRecord(`user-${at}`, 'tron'))
  const places = (source === 'topic' ? records.map(setAside) : records).map(toPlace)

  it.each(['redriveDeadLetters', 'discardDeadLetters'] as const)('%s', async (name) => {
    const run = (ports: DeadLetterPorts) =>
      name === 'redriveDeadLetters'
        ? redriveDeadLetters(ports, { ...asked, source, places })
        : discardDeadLetters(ports, { ...asked, source, places, because: 'test' })
    let crashes = 0
    for (let at = 1; ; at += 1) {
      const world = createWorld(source === 'quarantine' ? records : [], source === 'topic' ? records.map(setAside) : [])
      let steps = 0
      world.dieBefore(() => {
        steps += 1
        if (steps === at) throw new Error('died')
      })
      const died = await run(world.ports).then(
        () => false,
        () => true,
      )
      // What is noted as redriven is published.
      const noted = world.notes.flatMap((note) => (note.source === 'queue' ? [] : note.places)).length
      if (name === 'redriveDeadLetters') expect(noted).toBeLessThanOrEqual(world.published.length)
      world.dieBefore(() => {})
      await run(world.ports)
      expect(await run(world.ports)).toEqual({ done: 0, already: 3, skipped: [] })
      // Whoever consumes them knows them by their event: each is there, whatever comes twice.
      const events = new Set(world.published.map(({ value }) => JSON.parse(String(value)).event_id))
      expect(events.size).toBe(name === 'redriveDeadLetters' ? 3 : 0)
      if (!died) break
      crashes += 1
    }
    expect(crashes).toBeGreaterThanOrEqual(3)
  })
})

it('messages of the queue are noted by their ids', async () => {
  const { ports, notes } = createWorld([], [])
  await noteQueueLetters(ports, { ...asked, how: 'discarded', because: 'test', messageIds: ['m1'] })
  expect(notes).toEqual([
    { ...asked, source: 'queue', how: 'discarded', because: 'test', messageIds: ['m1'], at: noon },
  ])
})

it('a publication that fails is not noted', async () => {
  const record = makeKafkaRecord({ value: 'x' })
  const { ports, notes } = createWorld([record], [])
  const away = new Error('away')
  const failing = { ...ports, publish: () => Promise.reject(away) }
  const request = { ...asked, source: 'quarantine', places: [toPlace(record)] } as const
  expect(await catchError(() => redriveDeadLetters(failing, request))).toBe(away)
  expect(notes).toEqual([])
})
