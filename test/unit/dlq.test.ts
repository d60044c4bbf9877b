// The command of dead letters, without a terminal and without a stage: what is asked page by page, the queue's messages with a
// crash at each step, and what a person is shown.
import { describe, expect, it } from 'vitest'
import { type DeadLetterQueue, type HeldMessage, readMessage } from '../../bin/dead-letter-queue.ts'
import { drawGroups, drawLetter, drawLetters } from '../../bin/dead-letter-report.ts'
import {
  type AnyLetter,
  createGroups,
  findLetters,
  handleLetters,
  type Order,
  type Selection,
} from '../../bin/dead-letters.ts'
import type { CallOperate } from '../../bin/operate-call.ts'
import type { Letter } from '../../functions/operate/dead-letter-requests.ts'
import { catchError, noon, verificationId } from '../support/fakes.ts'

const at = noon.toISOString()
const makeLetter = (offset: number, overrides: Partial<Letter> = {}): Letter => ({
  source: 'quarantine',
  place: { topic: 'user.verified', partition: 3, offset, recorded_at: at },
  origin: { topic: 'user.verified', partition: 3, offset },
  reason: 'value is not JSON in UTF-8',
  set_aside_at: at,
  handled: [],
  ...overrides,
})
const notification = (key: string) => JSON.stringify({ Records: [{ s3: { object: { key } } }] })
const everything: Selection = { sources: ['quarantine', 'topic', 'queue'], filter: {}, messageId: undefined }

/** A queue that lends its messages, and another one that they are sent to. */
function createQueue(ids: readonly string[], mayDie: () => void = () => {}) {
  const bodyOf = (id: string) => notification(`incoming/${verificationId}/${id.length}`)
  const held = new Set<string>()
  const left = new Set(ids)
  const sent: string[] = []
  const step = async <Result>(result: () => Result): Promise<Result> => {
    mayDie()
    return result()
  }
  const toHeld = (id: string): HeldMessage => ({
    letter: readMessage({ MessageId: id, Body: bodyOf(id), Attributes: { SentTimestamp: String(noon.getTime()) } }),
    body: bodyOf(id),
    receipt: id,
  })
  const queue: DeadLetterQueue = {
    count: async () => left.size,
    receive: () =>
      step(() => {
        const some = [...left].filter((id) => !held.has(id)).slice(0, 2)
        for (const id of some) held.add(id)
        return some.map(toHeld)
      }),
    giveBack: async (messages) => {
      for (const { receipt } of messages) held.delete(receipt)
    },
    send: (messages) => step(() => void sent.push(...messages.map(({ receipt }) => receipt))),
    remove: (messages) =>
      step(() => {
        for (const { receipt } of messages) {
          left.delete(receipt)
          held.delete(receipt)
        }
      }),
  }
  return { queue, sent, left, held }
}

const collect = async (letters: AsyncIterable<AnyLetter>) => {
  const found: AnyLetter[] = []
  for await (const letter of letters) found.push(letter)
  return found
}

describe('finding', () => {
  it('asks for page after page of each source, and gives back what the queue lent', async () => {
    const asked: Record<string, unknown>[] = []
    const call: CallOperate = async (request) => {
      asked.push(request)
      const next = request.source === 'topic' && request.cursor === undefined ? { offsets: { '0': 5 } } : null
      return { letters: [makeLetter(asked.length)], next }
    }
    const { queue, held } = createQueue(['a', 'bb', 'ccc'])
    const found = await collect(findLetters({ call, queue }, everything, 'places'))
    expect(found.map((letter) => (letter.source === 'queue' ? letter.message_id : letter.place.offset))).toEqual([
      ...[1, 2, 3, 'a', 'bb', 'ccc'],
    ])
    expect(asked.map(({ source, cursor }) => [source, cursor])).toEqual([
      ['quarantine', undefined],
      ['topic', undefined],
      ['topic', { offsets: { '0': 5 } }],
    ])
    expect(held.size).toBe(0)
  })

  it('gives back also when it fails while it looks', async () => {
    let calls = 0
    const { queue, held } = createQueue(['a', 'bb', 'ccc'], () => {
      calls += 1
      if (calls === 2) throw new Error('away')
    })
    const call: CallOperate = () => expect.unreachable()
    const selection = { ...everything, sources: ['queue'] } as const
    await catchError(() => collect(findLetters({ call, queue }, selection, 'places')))
    expect(held.size).toBe(0)
  })

  it.each([
    ['one message', { ...everything, messageId: 'bb' }, ['bb']],
    ['a reason', { ...everything, filter: { reason: 'no notification' } }, []],
    ['since', { ...everything, filter: { since: new Date(noon.getTime() + 1).toISOString() } }, []],
    ['until', { ...everything, filter: { until: at } }, []],
  ])('by %s of the queue', async (_, selection, ids) => {
    const { queue } = createQueue(['a', 'bb'])
    const call: CallOperate = async () => ({ letters: [], next: null })
    const found = await collect(findLetters({ call, queue }, { ...selection, sources: ['queue'] }, 'places'))
    expect(found.map((letter) => letter.source === 'queue' && letter.message_id)).toEqual(ids)
  })
})

describe('a message of the queue', () => {
  it.each([
    ['of a document', notification(`incoming/${verificationId}/7`), 'document without a verdict', verificationId, 7],
    ['of another object', notification('other/x'), 'no notification of a document', null, null],
    ['of anything', '\u001b[2J', 'no notification of a document', null, null],
  ])('%s', (_, Body, reason, id, attempt) => {
    expect(readMessage({ MessageId: 'm', Body, Attributes: { SentTimestamp: String(noon.getTime()) } })).toEqual({
      ...{ source: 'queue', message_id: 'm', set_aside_at: at, reason, verification_id: id, attempt },
    })
  })
})

describe('handling', () => {
  it('sends places in portions that the function takes, and sums up what it did', async () => {
    const asked: Record<string, unknown>[] = []
    const call: CallOperate = async (request) => {
      asked.push(request)
      const places = request.places as readonly object[]
      return { done: places.length - 1, already: 0, skipped: [{ place: makeLetter(9).place, why: 'gone' }] }
    }
    const seen: number[] = []
    const letters = Array.from({ length: 600 }, (_, offset) => makeLetter(offset))
    const order: Order = { how: 'discarded', because: 'test' }
    const { queue } = createQueue([])
    const result = await handleLetters({ call, queue }, letters, order, (count) => seen.push(count))
    expect(asked.map(({ places }) => (places as readonly object[]).length)).toEqual([250, 250, 100])
    expect(asked[0]).toMatchObject({ command: 'discard-dead-letters', source: 'quarantine', because: 'test' })
    expect(result).toMatchObject({ done: 597, already: 0 })
    expect(result.skipped[0]).toEqual({ letter: 'quarantine user.verified/3/9', why: 'gone' })
    expect(seen).toEqual([250, 500, 600])
  })

  const orders: readonly Order[] = [{ how: 'redriven' }, { how: 'discarded', because: 'test' }]
  it.each(orders)('messages, with a crash at each step, and the same command again: $how', async (order) => {
    const ids = ['a', 'bb', 'ccc']
    let crashes = 0
    for (let dieAt = 1; ; dieAt += 1) {
      let steps = 0
      let isAlive = true
      const mayDie = () => {
        steps += 1
        if (isAlive && steps === dieAt) throw new Error('died')
      }
      const world = createQueue([...ids, 'dddd'], mayDie)
      const noted: string[] = []
      const call: CallOperate = async ({ message_ids }) => {
        mayDie()
        noted.push(...(message_ids as readonly string[]))
        return { noted: 1 }
      }
      const reach = { call, queue: world.queue }
      const letters = ids.map((id) => ({ ...readMessage({ MessageId: id }), message_id: id }))
      const died = await handleLetters(reach, letters, order, () => {}).then(
        () => false,
        () => true,
      )
      // What is gone from the queue is noted, and was sent.
      for (const id of ids.filter((each) => !world.left.has(each))) {
        expect(noted).toContain(id)
        if (order.how === 'redriven') expect(world.sent).toContain(id)
      }
      expect(world.held).toEqual(new Set())
      isAlive = false
      const rest = letters.filter(({ message_id }) => world.left.has(message_id))
      await handleLetters(reach, rest, order, () => {})
      expect([...world.left]).toEqual(['dddd'])
      expect(new Set(world.sent)).toEqual(new Set(order.how === 'redriven' ? ids : []))
      if (!died) break
      crashes += 1
    }
    expect(crashes).toBeGreaterThanOrEqual(order.how === 'redriven' ? 8 : 6)
  })

  it('says of messages that the queue did not show that they are left', async () => {
    const { queue } = createQueue([])
    const call: CallOperate = () => expect.unreachable()
    const letters = [readMessage({ MessageId: 'gone' })]
    const { done, skipped } = await handleLetters({ call, queue }, letters, { how: 'redriven' }, () => {})
    expect([done, skipped.map(({ letter }) => letter)]).toEqual([0, ['queue gone']])
  })
})

describe('what a person is shown', () => {
  const later = new Date(noon.getTime() + 60_000).toISOString()

  it('groups, the largest of a source first, with their oldest and newest', () => {
    const groups = createGroups()
    for (const letter of [
      readMessage({ MessageId: 'm', Body: '', Attributes: { SentTimestamp: String(noon.getTime()) } }),
      makeLetter(1, { reason: 'no value (tombstone)' }),
      makeLetter(2, { set_aside_at: later }),
      makeLetter(3),
    ]) {
      groups.add(letter)
    }
    expect(drawGroups(groups.read())).toBe(`\
SOURCE      COUNT  OLDEST                NEWEST                REASON
quarantine  2      2026-01-02 12:00:00Z  2026-01-02 12:01:00Z  value is not JSON in UTF-8
quarantine  1      2026-01-02 12:00:00Z  2026-01-02 12:00:00Z  no value (tombstone)
queue       1      2026-01-02 12:00:00Z  2026-01-02 12:00:00Z  no notification of a document`)
  })

  it('letters by where they came from', () => {
    const handled = [{ how: 'redriven', by: 'x', at, because: null }] as const
    const lost = makeLetter(7, { source: 'topic', origin: null, reason: 'in no known form', handled })
    expect(drawLetters([makeLetter(1), lost])).toBe(`\
SOURCE      RECORD OR MESSAGE  SET ASIDE             HANDLED   REASON
quarantine  user.verified/3/1  2026-01-02 12:00:00Z            value is not JSON in UTF-8
topic       user.verified/3/7  2026-01-02 12:00:00Z  redriven  in no known form`)
  })

  it('one letter, whole: where it is, what was done, what its record says of itself', () => {
    const letter = makeLetter(7, {
      ...{ source: 'topic', place: { topic: 'dead', partition: 0, offset: 2, recorded_at: at } },
      handled: [{ how: 'discarded', by: 'arn:aws:iam::1:user/eve', at, because: 'a test record' }],
      records: [
        {
          ...{ topic: 'user.verified', partition: 3, offset: 7, recorded_at: at, key: null },
          value: { bytes: 3, sha256: 'ab' },
          headers: [
            { name: 'request_id', bytes: 1, value: 'r' },
            { name: 'x', bytes: 5 },
          ],
          event: { event: 'user.verified', version: 2 },
          revealed: { key: null, value: 'abc' },
        },
      ],
    })
    expect(drawLetter(letter)).toBe(`\
topic user.verified/3/7
  reason          value is not JSON in UTF-8
  set aside       2026-01-02 12:00:00Z
  lies at         dead/0/2
  handled         discarded 2026-01-02 12:00:00Z by arn:aws:iam::1:user/eve: a test record
  record          user.verified/3/7, recorded 2026-01-02 12:00:00Z
  key             none
  value           3 bytes, SHA-256 ab
  headers         request_id: r
                  x: 5 bytes
  event           event user.verified
                  version 2
  key, escaped    none
  value, escaped  abc`)
  })

  it('a message of the queue, whole', () => {
    const Body = notification(`incoming/${verificationId}/1`)
    expect(
      drawLetter(readMessage({ MessageId: 'm', Body, Attributes: { SentTimestamp: String(noon.getTime()) } })),
    ).toBe(`\
queue m
  reason          document without a verdict
  sent            2026-01-02 12:00:00Z
  verification    ${verificationId}
  attempt         1`)
  })
})
