// The wallet function: Kafka records told apart, batches that become wallets in one transaction, and what Lambda is told.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CrossCheckError, type DerivedAddress, type Keyring } from '../../functions/wallet/derivation.ts'
import { createHandler, type WalletDependencies } from '../../functions/wallet/handler.ts'
import { type ContradictionKind, RefusedRowError, type WalletTables } from '../../functions/wallet/issue-wallets.ts'
import type { VaultState } from '../../functions/wallet/open-keyring.ts'
import { classifyRecord } from '../../functions/wallet/records.ts'
import type { IssuedWallet, WaitingCause } from '../../functions/wallet/wallet-tables.ts'
import { IntegrityError, UnavailableError } from '../../shared/errors.ts'
import { toUserVerified } from '../../shared/events.ts'
import { type KafkaRecord, readRecords } from '../../shared/kafka-records.ts'
import { type AddressType, addressTypes, type Network } from '../../shared/model.ts'
import { catchError, createMemoryLog, makeVerification, noon, tryOnce, walletContext } from '../support/fakes.ts'

const event = JSON.parse(toUserVerified({ ...makeVerification(), verifiedAt: noon }).value) as Record<string, unknown>

const toSignedBytes = (text: string) => [...new Int8Array(Buffer.from(text, 'utf8'))]
const toBase64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value), 'utf8').toString('base64')

type RawRecord = Record<string, unknown> & { readonly partition: number; readonly offset: number }

/** A record as Lambda hands it over. */
const makeRaw = (overrides: Record<string, unknown> = {}): RawRecord => ({
  topic: 'user.verified',
  partition: 0,
  offset: 1,
  timestamp: noon.getTime(),
  timestampType: 'CREATE_TIME',
  key: toBase64('user-1'),
  value: toBase64(event),
  headers: [{ event_type: toSignedBytes('user.verified') }, { request_id: toSignedBytes('request-1') }],
  ...overrides,
})

const makeEvent = (...records: RawRecord[]) => ({
  eventSource: 'aws:kafka',
  eventSourceArn: 'arn:aws:kafka:us-east-1:000000000000:cluster/c/1',
  bootstrapServers: 'b-1:9098',
  records: Object.groupBy(records, ({ partition }) => `user.verified-${partition}`),
})

const readOne = (overrides: Record<string, unknown> = {}) =>
  readRecords(makeEvent(makeRaw(overrides)))[0] as KafkaRecord
const classify = (overrides: Record<string, unknown> = {}) => classifyRecord(readOne(overrides))
const classifyValue = (value: unknown) => classify({ value: toBase64(value) })

describe('records of an invocation', () => {
  it('keep where they stand and their original bytes', () => {
    expect(readOne()).toEqual({
      topic: 'user.verified',
      partition: 0,
      offset: 1,
      recordedAt: noon,
      key: Buffer.from('user-1'),
      value: Buffer.from(JSON.stringify(event)),
      headers: [
        ['event_type', toBase64('user.verified')],
        ['request_id', toBase64('request-1')],
      ],
    })
  })

  it('come from several partitions, in the order of each', () => {
    const event = makeEvent(
      makeRaw({ offset: 1 }),
      makeRaw({ partition: 3, offset: 9 }),
      makeRaw({ offset: 2 }),
      makeRaw({ partition: 3, offset: 10 }),
    )
    expect(readRecords(event).map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 1],
      [0, 2],
      [3, 9],
      [3, 10],
    ])
  })

  it('may lack key, value and headers, or have them null or empty', () => {
    const nothing = { key: null, value: null, headers: [] }
    expect(readOne({ key: undefined, value: undefined, headers: undefined })).toMatchObject(nothing)
    expect(readOne({ key: null, value: null, headers: null })).toMatchObject(nothing)
    expect(readOne({ key: '', value: '' })).toMatchObject({ key: Buffer.alloc(0), value: Buffer.alloc(0) })
  })

  it('have headers of signed or unsigned bytes, repeated names, and headers without a value', () => {
    const { headers } = readOne({
      headers: [{ a: [-1, -128, 127] }, { a: [255, 128, 127] }, { b: [] }, { c: null }],
    })
    expect(headers.map(([name, value]) => [name, Buffer.from(value, 'base64').toString('hex')])).toEqual([
      ['a', 'ff807f'],
      ['a', 'ff807f'],
      ['b', ''],
      ['c', ''],
    ])
  })

  it.each([
    [-1, '1970-01-01T00:00:00.000Z'],
    [-8_640_000_000_000_000, '1970-01-01T00:00:00.000Z'],
    [Number.MAX_SAFE_INTEGER, '9999-12-31T23:59:59.999Z'],
    // The largest that Kafka knows.
    [2 ** 63, '9999-12-31T23:59:59.999Z'],
  ])('have a time set by their producer, even %d, that every table can hold', (timestamp, expected) => {
    expect(readOne({ timestamp }).recordedAt.toISOString()).toBe(expected)
  })

  const malformed = [
    ...['not base64!', 'YQ', 'YWI', 'YQ=', 'YQ===', 'Y', '=', '====', 'YW Jj', 'YWJj\n'].map((value) => ({ value })),
    ...[{}, [[]], ['a'], [null], [{ a: 'YQ==' }], [{ a: [1.5] }], [{ a: ['1'] }], [{ a: {} }]].map((headers) => ({
      headers,
    })),
    ...[{ offset: '1' }, { partition: 0.5 }, { topic: 1 }, { timestamp: null }],
  ].map((overrides) => makeEvent(makeRaw(overrides)))

  it.each([undefined, null, {}, { records: [] }, ...malformed])(
    'are those of Lambda, or the invocation fails: %#',
    (given) => {
      expect(() => readRecords(given)).toThrow()
    },
  )
})

describe('a record of ours', () => {
  it('is understood, with the request id of its header', () => {
    expect(classify()).toEqual({ record: readOne(), event, requestId: 'request-1' })
  })

  it('may have fields that are unknown', () => {
    expect(classifyValue({ ...event, country: 'CH' })).toMatchObject({ event })
    expect(classifyValue({ ...event, country: 'CH' })).not.toHaveProperty('event.country')
  })

  it.each([
    ['no such header', []],
    ['an empty one', [{ request_id: [] }]],
    ['one without a value', [{ request_id: null }]],
    ['one with a NUL, which Postgres refuses', [{ request_id: toSignedBytes('a\u0000b') }]],
    ['one with a line break', [{ request_id: toSignedBytes('a\nlevel=error') }]],
    ['one that is too long', [{ request_id: toSignedBytes('a'.repeat(129)) }]],
    ['one that is no UTF-8', [{ request_id: [-1] }]],
  ])('has %s: the event id is the request id', (_name, headers) => {
    expect(classify({ headers })).toMatchObject({ requestId: event.event_id })
  })
})

describe('a record that is not ours', () => {
  it('a tombstone', () => {
    expect(classify({ value: null })).toEqual({ record: readOne({ value: null }), refusal: 'no value (tombstone)' })
  })

  it.each([
    ['nothing', ''],
    ['text', toBase64('hello')],
    ['half of an object', toBase64('{"event":')],
    ['bytes that are no UTF-8', Buffer.from('7b2261223a22ff227d', 'hex').toString('base64')],
    ['Avro with a schema id', Buffer.from('0000000001061a', 'hex').toString('base64')],
  ])('%s', (_name, value) => {
    expect(classify({ value })).toMatchObject({ refusal: 'value is not JSON in UTF-8' })
  })

  it.each([2, 0, -1, 1000])('version %d', (version) => {
    const refusal = `unknown version ${version} of user.verified`
    expect(classifyValue({ ...event, version, user_id: undefined })).toMatchObject({ refusal })
  })

  it.each([
    ['null', null, 'value'],
    ['a list', [event], 'value'],
    ['a number', 1, 'value'],
    ['another event', { ...event, event: 'user.deleted', version: 9 }, 'event, version'],
    ['a version that is text', { ...event, version: '2' }, 'version'],
    ['a version that is no integer', { ...event, version: 1.5 }, 'version'],
    ['no user id', { ...event, user_id: undefined }, 'user_id'],
    ['an empty user id', { ...event, user_id: '' }, 'user_id'],
    ['a user id with a NUL', { ...event, user_id: 'a\u0000' }, 'user_id'],
    ['a user id of 256 characters', { ...event, user_id: 'a'.repeat(256) }, 'user_id'],
    ['a lone surrogate in the user id', JSON.stringify({ ...event, user_id: '\ud800' }), 'user_id'],
    ['an unknown network', { ...event, network: 'dogecoin' }, 'network'],
    ['a network in capitals', { ...event, network: 'ETHEREUM' }, 'network'],
    ['an address type of another network', { ...event, address_type: 'p2pkh' }, 'address_type'],
    ['an event id that is none', { ...event, event_id: '1' }, 'event_id'],
    ['a hash that is none', { ...event, document_sha256: 'AB'.repeat(32) }, 'document_sha256'],
    ['a time that is none', { ...event, timestamp: 'yesterday' }, 'timestamp'],
    ['several of them', { ...event, network: 1, user_id: 2 }, 'user_id, network'],
  ])('%s', (_name, value, fields) => {
    const refusal = `not a user.verified event: wrong or missing ${fields}`
    expect(classifyValue(value)).toMatchObject({ refusal })
  })

  it('whatever it is, it is told apart without an error, and the reason shows no value of it', () => {
    const values = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
      fc
        .dictionary(fc.constantFrom(...Object.keys(event)), fc.jsonValue())
        .map((changes) => Buffer.from(JSON.stringify({ ...event, ...changes }))),
    )
    fc.assert(
      fc.property(values, (value) => {
        const classified = classify({ value: value.toString('base64') })
        if ('event' in classified) return
        expect(classified.refusal).toMatch(
          /^(value is not JSON in UTF-8|unknown version -?\d+ of user\.verified|not a user\.verified event: wrong or missing [a-z_0-9, ]+)$/,
        )
      }),
      { numRuns: 300 },
    )
  })
})

type State = {
  readonly accounts: Map<string, number>
  readonly wallets: Map<string, IssuedWallet>
  readonly quarantine: { record: KafkaRecord; reason: string }[]
  readonly waiting: { record: KafkaRecord; cause: WaitingCause }[]
}

const isSameId = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
const keyOf = (wallet: IssuedWallet) => JSON.stringify([wallet.userId, wallet.network, wallet.addressType])

/** The tables over one state, with the rules of their SQL. A record at offset `poison` is what the database refuses. */
function createTables(state: State, poison: number | undefined): WalletTables {
  const findBy = (wanted: (wallet: IssuedWallet) => boolean) => [...state.wallets.values()].find(wanted)
  const refuse = (offsets: readonly number[]) => {
    if (poison !== undefined && offsets.includes(poison))
      throw new RefusedRowError('refused by the database: SQLSTATE 22P05')
  }
  return {
    insertAccounts: async (accounts) => {
      const taken = new Set(state.accounts.values())
      const fresh = accounts.filter(
        ({ userId, accountIndex }) => !state.accounts.has(userId) && !taken.has(accountIndex),
      )
      for (const { userId, accountIndex } of fresh) state.accounts.set(userId, accountIndex)
      return fresh.length
    },
    findAccounts: async (userIds) => new Map([...state.accounts].filter(([userId]) => userIds.includes(userId))),
    insertWallets: async (wallets) => {
      refuse(wallets.map(({ sourceOffset }) => sourceOffset))
      let count = 0
      for (const wallet of wallets) {
        const { network, address, sourceEventId } = wallet
        const isHeld = (other: IssuedWallet) =>
          (other.network === network && other.address === address) || isSameId(other.sourceEventId, sourceEventId)
        if (state.wallets.has(keyOf(wallet)) || findBy(isHeld)) continue
        state.wallets.set(keyOf(wallet), wallet)
        count += 1
      }
      return count
    },
    findContradictions: async (claims) =>
      claims.flatMap(({ wallet, verified }, at): { at: number; kind: ContradictionKind }[] => {
        const standing = state.wallets.get(keyOf(wallet))
        const source = findBy(({ sourceEventId }) => isSameId(sourceEventId, verified.event.event_id))
        if (standing && standing.address !== wallet.address) return [{ at, kind: 'drift' }]
        if (source && keyOf(source) !== keyOf(wallet)) return [{ at, kind: 'event' }]
        return standing ? [] : [{ at, kind: 'holder' }]
      }),
    quarantine: async (records) => {
      state.quarantine.push(...records)
    },
    park: async (records, cause) => {
      refuse(records.map(({ offset }) => offset))
      state.waiting.push(...records.map((record) => ({ record, cause })))
    },
  }
}

/** A keyring whose addresses tell what they were derived from. */
const keyring: Keyring = {
  id: 1,
  derive: (network: Network, addressType: AddressType, account: number): DerivedAddress => ({
    path: `m/44'/0'/${account}'/0/0`,
    address: `${network}-${addressType}-${account}`,
    publicKey: new Uint8Array(33),
    accountXpub: `xpub-${network}-${account}`,
  }),
  crossCheck: (network, addressType, account, derived) => {
    if (derived.address !== `${network}-${addressType}-${account}`) throw new CrossCheckError('they differ')
  },
}

type SetUp = {
  readonly vault?: () => Promise<VaultState>
  readonly indices?: number
  readonly random?: () => number
  readonly poison?: number
  /** Called with the number of each transaction, from 0, before it begins and before it commits. */
  readonly onTransaction?: (transaction: number, moment: 'before' | 'after', state: State) => void
}

function setUp({ vault, indices = 1000, random = () => 0.5, poison, onTransaction = () => {} }: SetUp = {}) {
  let state: State = { accounts: new Map(), wallets: new Map(), quarantine: [], waiting: [] }
  let sequence = 0
  let transactions = 0
  const calls: string[] = []
  const metrics: Record<string, number> = {}
  const crossChecked: string[] = []
  const log = createMemoryLog()
  const dependencies: WalletDependencies = {
    log,
    now: () => noon,
    random,
    count: (metric, value) => {
      if (value !== 0) metrics[metric] = (metrics[metric] ?? 0) + value
    },
    openKeyring: async () => {
      calls.push('open')
      const opened: VaultState = vault ? await vault() : { state: 'open', keyring }
      if (opened.state !== 'open') return opened
      const { derive, crossCheck } = opened.keyring
      return {
        state: 'open',
        keyring: {
          id: 1,
          derive: (...given) => {
            expect(calls.at(-1)).not.toBe('begin')
            return derive(...given)
          },
          crossCheck: (...given) => {
            expect(calls.at(-1)).not.toBe('begin')
            crossChecked.push(given[3].address)
            crossCheck(...given)
          },
        },
      }
    },
    reserveAccounts: async (userIds) => {
      calls.push('reserve')
      return userIds.map((userId) => {
        const index = state.accounts.get(userId)
        if (index !== undefined) return { index, isTaken: false }
        const taken = sequence++
        return taken < indices ? { index: taken, isTaken: true } : undefined
      })
    },
    transaction: async (work) => {
      const number = transactions++
      onTransaction(number, 'before', state)
      calls.push('begin')
      // Work on a copy, kept only when the work succeeds.
      const draft = structuredClone(state)
      try {
        const result = await work(createTables(draft, poison))
        onTransaction(number, 'after', draft)
        calls.push('commit')
        state = draft
        return result
      } catch (error) {
        calls.push('rollback')
        throw error
      }
    },
    createRetry: () => tryOnce,
    nudgeAnnounce: async () => {
      calls.push('nudge')
    },
    beat: async (status) => {
      calls.push(`beat ${status}`)
    },
  }
  const handle = createHandler(dependencies)
  const send = (...records: RawRecord[]) => handle(makeEvent(...records), walletContext)
  const restart = (next: number) => (sequence = next)
  const write = (changed: State) => (state = changed)
  return { calls, crossChecked, log, metrics, send, dependencies, read: () => state, write, restart }
}

/** A record of an event of its own, in one of three partitions. */
const makeUserRecord = (offset: number, changes: Record<string, unknown> = {}) =>
  makeRaw({ offset, partition: offset % 3, value: toBase64({ ...event, event_id: toEventId(offset), ...changes }) })
const toEventId = (number: number) => `6b0f8a1e-0c5d-4c58-9b6e-${number.toString(16).padStart(12, '0')}`
const foreign = (offset: number) => makeRaw({ offset, value: toBase64('hello') })
const done = { batchItemFailures: [] }

describe('a batch', () => {
  it('becomes accounts and wallets; the vault is opened before the transaction, announce is nudged after it', async () => {
    const { send, read, calls, log } = setUp()
    const answer = await send(
      makeUserRecord(1, { user_id: 'b' }),
      makeUserRecord(2, { user_id: 'a', network: 'tron', address_type: 'base58check' }),
      makeUserRecord(3, { user_id: 'a', network: 'bitcoin', address_type: 'p2pkh' }),
    )
    expect(answer).toEqual(done)
    expect(calls).toEqual(['open', 'reserve', 'begin', 'commit', 'nudge', 'beat ok'])
    expect([...read().accounts]).toEqual([
      ['b', 0],
      ['a', 1],
    ])
    expect([...read().wallets.values()].map(({ address }) => address).toSorted()).toEqual([
      'bitcoin-p2pkh-1',
      'ethereum-eip55-0',
      'tron-base58check-1',
    ])
    expect(log.lines).toEqual([
      {
        level: 'info',
        message: 'batch done',
        fields: { count: 3, new: 3, duplicate: 0, quarantined: 0, waiting: 0, request_id: 'request-1' },
      },
    ])
  })

  it('writes where each wallet came from', async () => {
    const { send, read } = setUp()
    await send(makeUserRecord(5))
    expect([...read().wallets.values()]).toEqual([
      {
        userId: 'user-1',
        network: 'ethereum',
        addressType: 'eip55',
        keyringId: 1,
        accountIndex: 0,
        derivationPath: "m/44'/0'/0'/0/0",
        address: 'ethereum-eip55-0',
        publicKey: new Uint8Array(33),
        accountXpub: 'xpub-ethereum-0',
        sourceEventId: toEventId(5),
        sourceTopic: 'user.verified',
        sourcePartition: 2,
        sourceOffset: 5,
        requestId: 'request-1',
        createdAt: noon,
      },
    ])
  })

  it('with one user several times issues once; the first record is the source', async () => {
    const { send, read, log } = setUp()
    await send(makeUserRecord(3), makeUserRecord(6), makeUserRecord(9))
    expect([...read().wallets.values()].map(({ sourceOffset }) => sourceOffset)).toEqual([3])
    expect(log.lines[0]?.fields).toMatchObject({ count: 3, new: 1, duplicate: 2 })
  })

  it('that comes again changes nothing and nudges nobody', async () => {
    const { send, read, calls, log } = setUp()
    await send(makeUserRecord(1))
    const before = structuredClone(read())
    calls.length = 0
    expect(await send(makeUserRecord(1), makeUserRecord(2))).toEqual(done)
    expect(read()).toEqual(before)
    expect(calls).toEqual(['open', 'reserve', 'begin', 'commit', 'beat ok'])
    expect(log.lines.at(-1)?.fields).toMatchObject({ new: 0, duplicate: 2 })
  })

  it('sets aside what is not ours and issues the rest', async () => {
    const { send, read, log } = setUp()
    const answer = await send(foreign(1), makeUserRecord(2), makeRaw({ offset: 3, value: null }))
    expect(answer).toEqual(done)
    expect(read().wallets.size).toBe(1)
    expect(read().quarantine.map(({ record, reason }) => [record.offset, reason])).toEqual([
      [1, 'value is not JSON in UTF-8'],
      [3, 'no value (tombstone)'],
    ])
    expect(log.lines.filter(({ message }) => message === 'record set aside').map(({ fields }) => fields)).toEqual([
      { topic: 'user.verified', partition: 0, offset: 1, reason: 'value is not JSON in UTF-8' },
      { topic: 'user.verified', partition: 0, offset: 3, reason: 'no value (tombstone)' },
    ])
  })

  it('with nothing of ours does not open the vault and says nothing of it', async () => {
    const { send, calls, read } = setUp()
    expect(await send(foreign(1))).toEqual(done)
    expect(calls).toEqual(['begin', 'commit'])
    expect(read().quarantine).toHaveLength(1)
  })

  it('with requests of several clients names none of them', async () => {
    const { send, log } = setUp()
    await send(makeUserRecord(1), makeRaw({ offset: 2, headers: [{ request_id: toSignedBytes('other') }] }))
    expect(log.lines.at(-1)?.fields).not.toHaveProperty('request_id')
  })

  it('in any order and repetition gives every user one account and every wallet its own address', async () => {
    const records = fc.array(
      fc.record({
        user_id: fc.constantFrom('a', 'b', 'c', 'é', 'e\u0301'),
        kind: fc.constantFrom(
          ['ethereum', 'eip55'],
          ...addressTypes.bitcoin.map((type) => ['bitcoin', type]),
          ['tron', 'base58check'],
          ['foreign', ''],
        ),
      }),
      { maxLength: 12 },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(records, { maxLength: 4 }), async (batches) => {
        const { send, read } = setUp()
        const wanted = new Set<string>()
        let nextOffset = 0
        for (const batch of batches) {
          const raw = batch.map(({ user_id, kind: [network, address_type] }) => {
            if (network !== 'foreign') wanted.add(JSON.stringify([user_id, network, address_type]))
            return makeUserRecord(nextOffset++, { user_id, network, address_type })
          })
          expect(await send(...raw)).toEqual(done)
        }
        const { wallets, accounts } = read()
        expect(new Set(wallets.keys())).toEqual(wanted)
        expect(new Set([...wallets.values()].map(({ address }) => address)).size).toBe(wallets.size)
        expect([...accounts.values()].toSorted((a, b) => a - b)).toEqual(
          [...accounts.values()].map((_, index) => index),
        )
      }),
      { numRuns: 60 },
    )
  })
})

describe('no root', () => {
  it('records wait, are acknowledged, and the log says so', async () => {
    const { send, read, calls, log, metrics } = setUp({ vault: async () => ({ state: 'no_root' }) })
    expect(await send(makeUserRecord(1), foreign(2), makeUserRecord(3))).toEqual(done)
    expect(read().waiting.map(({ record, cause }) => [record.offset, cause])).toEqual([
      [1, 'no_root'],
      [3, 'no_root'],
    ])
    expect(read().wallets.size + read().accounts.size).toBe(0)
    expect(read().quarantine).toHaveLength(1)
    expect(metrics).toEqual({ vault_empty: 2, records_set_aside: 1 })
    expect(calls).toEqual(['open', 'begin', 'commit', 'beat failing'])
    expect(log.lines.find(({ level }) => level === 'error')).toEqual({
      level: 'error',
      message: 'the vault is empty: no wallet can be issued, records wait',
      fields: { waiting: 2 },
    })
  })

  it('refused: records wait, and the log says why', async () => {
    const error = new IntegrityError('the mnemonic in the vault is publicly known')
    const { send, read, calls, log, metrics } = setUp({ vault: async () => ({ state: 'root_refused', error }) })
    expect(await send(makeUserRecord(1))).toEqual(done)
    expect(read().waiting.map(({ cause }) => cause)).toEqual(['root_refused'])
    expect(metrics).toEqual({ vault_refused: 1 })
    expect(calls.at(-1)).toBe('beat failing')
    expect(log.lines.find(({ level }) => level === 'error')).toEqual({
      level: 'error',
      message: 'the vault is refused: no wallet can be issued, records wait',
      fields: { waiting: 1, error },
    })
  })
})

describe('account indices used up', () => {
  it('who has an account gets wallets; the others wait, all their records', async () => {
    const { send, read, log, metrics } = setUp({ indices: 1 })
    await send(makeUserRecord(1, { user_id: 'a' }))
    const answer = await send(
      makeUserRecord(4, { user_id: 'a', network: 'tron', address_type: 'base58check' }),
      makeUserRecord(7, { user_id: 'b' }),
      makeUserRecord(10, { user_id: 'b' }),
    )
    expect(answer).toEqual(done)
    expect([...read().wallets.values()].map(({ userId, network }) => [userId, network])).toEqual([
      ['a', 'ethereum'],
      ['a', 'tron'],
    ])
    expect(read().waiting.map(({ record, cause }) => [record.offset, cause])).toEqual([
      [7, 'account_indices_used_up'],
      [10, 'account_indices_used_up'],
    ])
    expect(log.lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
      'account indices are used up: records wait for another keyring',
    ])
    expect(log.lines.at(-1)?.fields).toMatchObject({ new: 1, duplicate: 0, waiting: 2 })
    // Only what waits: numbers past the last index are no gaps.
    expect(metrics).toEqual({ wallets_issued: 2, account_indices_used_up: 2 })
  })

  it('who got an account by a concurrent batch meanwhile does not wait', async () => {
    const { send, read, metrics, calls } = setUp({
      indices: 0,
      onTransaction: (number, moment, state) => {
        if (number === 0 && moment === 'before') state.accounts.set('a', 2 ** 31 - 1)
      },
    })
    const answer = await send(makeUserRecord(1, { user_id: 'b' }), makeUserRecord(4, { user_id: 'a' }))
    expect(answer).toEqual(done)
    expect([...read().wallets.values()].map(({ address }) => address)).toEqual(['ethereum-eip55-2147483647'])
    expect(read().waiting.map(({ record }) => record.offset)).toEqual([1])
    expect(metrics).toEqual({ wallets_issued: 1, account_indices_used_up: 1 })
    expect(calls.filter((call) => call === 'commit')).toHaveLength(2)
  })
})

describe('a concurrent batch', () => {
  const winFor = (userId: string, index: number, others = {}): SetUp => ({
    onTransaction: (number, moment, state) => {
      if (number === 0 && moment === 'before') state.accounts.set(userId, index)
    },
    ...others,
  })

  it('that won another index for a user: only that user goes a second round, with what stands', async () => {
    const { send, read, metrics, calls, log } = setUp(winFor('b', 77))
    const answer = await send(
      makeUserRecord(1, { user_id: 'a' }),
      makeUserRecord(4, { user_id: 'b' }),
      makeUserRecord(7, { user_id: 'c' }),
      makeUserRecord(10, { user_id: 'b', network: 'tron', address_type: 'base58check' }),
    )
    expect(answer).toEqual(done)
    expect([...read().wallets.values()].map(({ address }) => address)).toEqual([
      'ethereum-eip55-0',
      'ethereum-eip55-2',
      'ethereum-eip55-77',
      'tron-base58check-77',
    ])
    expect(calls).toEqual(['open', 'reserve', 'begin', 'commit', 'begin', 'commit', 'nudge', 'beat ok'])
    expect(metrics).toEqual({ wallets_issued: 4, account_index_gaps: 1 })
    expect(log.lines).toHaveLength(1)
    expect(log.lines[0]?.fields).toMatchObject({ count: 4, new: 4, duplicate: 0, waiting: 0 })
  })

  it('and then a database that is away: only the records of that user come again', async () => {
    const { send, read, calls, log } = setUp({
      onTransaction: (number, moment, state) => {
        if (number === 0 && moment === 'before') state.accounts.set('b', 77)
        if (number === 1) throw new UnavailableError('database', 'away')
      },
    })
    const answer = await send(
      makeUserRecord(1, { user_id: 'b' }),
      makeUserRecord(4, { user_id: 'a' }),
      makeUserRecord(7, { user_id: 'b' }),
    )
    expect(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier.offset)).toEqual([1, 7])
    expect([...read().wallets.values()].map(({ userId }) => userId)).toEqual(['a'])
    expect(calls.at(-1)).toBe('nudge')
    expect(log.lines.map(({ message, fields }) => [message, fields.count])).toEqual([
      ['batch done', 1],
      ['batch is to come again', 2],
    ])
  })

  it('that won the same index: no round is needed', async () => {
    const { send, read, metrics } = setUp(winFor('a', 0))
    expect(await send(makeUserRecord(1, { user_id: 'a' }))).toEqual(done)
    expect([...read().wallets.values()].map(({ address }) => address)).toEqual(['ethereum-eip55-0'])
    expect(metrics).toEqual({ wallets_issued: 1 })
  })

  it('or a sequence that was set back: an index of another user is passed over', async () => {
    const { send, read, metrics, restart } = setUp()
    await send(makeUserRecord(1, { user_id: 'a' }), makeUserRecord(4, { user_id: 'b' }))
    restart(0)
    expect(await send(makeUserRecord(7, { user_id: 'c' }))).toEqual(done)
    expect(read().accounts.get('c')).toBe(2)
    expect(metrics).toEqual({ wallets_issued: 3, account_index_gaps: 2 })
  })

  it('or a sequence that was set far back: the batch comes again until it has passed', async () => {
    const { send, read, restart } = setUp()
    await send(...Array.from({ length: 10 }, (_, index) => makeUserRecord(index, { user_id: `user ${index}` })))
    restart(0)
    const answer = await send(makeUserRecord(70, { user_id: 'c' }), makeUserRecord(73, { user_id: 'user 1' }))
    expect(answer.batchItemFailures).toEqual([{ itemIdentifier: { partition: 'user.verified-1', offset: 70 } }])
    expect(await send(makeUserRecord(70, { user_id: 'c' }))).toEqual(done)
    expect(read().accounts.get('c')).toBe(10)
  })
})

describe('a record that the database refuses', () => {
  const send8 = (send: ReturnType<typeof setUp>['send']) =>
    send(...Array.from({ length: 8 }, (_, index) => makeUserRecord(index * 3, { user_id: `user ${index}` })))

  it('is found by halves, in order, and set aside with the reason; everything else is issued', async () => {
    const { send, read, calls, metrics, log } = setUp({ poison: 15 })
    expect(await send8(send)).toEqual(done)
    expect([...read().wallets.values()].map(({ sourceOffset }) => sourceOffset)).toEqual([0, 3, 6, 9, 12, 18, 21])
    expect(read().quarantine).toMatchObject([
      { record: { offset: 15 }, reason: 'refused by the database: SQLSTATE 22P05' },
    ])
    // 8, 4, 4, 2, 1, 1, the one to be set aside, 2: and one statement for the indices of all.
    const transactions = ['rollback', 'commit', 'rollback', 'rollback', 'commit', 'rollback', 'commit', 'commit']
    expect(calls).toEqual([
      ...['open', 'reserve'],
      ...transactions.flatMap((end) => ['begin', end]),
      ...['nudge', 'beat ok'],
    ])
    expect(metrics).toEqual({ wallets_issued: 7, records_set_aside: 1, account_index_gaps: 1 })
    expect(log.lines.at(-1)?.fields).toMatchObject({ count: 8, new: 7, quarantined: 1 })
  })

  it('while its batch waits for a root is set aside, the others wait', async () => {
    const { send, read } = setUp({ poison: 15, vault: async () => ({ state: 'no_root' }) })
    expect(await send8(send)).toEqual(done)
    expect(read().waiting.map(({ record }) => record.offset)).toEqual([0, 3, 6, 9, 12, 18, 21])
    expect(read().quarantine.map(({ record }) => record.offset)).toEqual([15])
  })

  it('and then a database that is away: what was committed before is not reported, all after it is', async () => {
    const { send, read, calls, log } = setUp({
      poison: 15,
      onTransaction: (number) => {
        if (number === 4) throw new UnavailableError('database', 'away')
      },
    })
    const answer = await send8(send)
    expect(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier.offset)).toEqual([12, 15, 18, 21])
    expect(read().quarantine).toEqual([])
    expect(read().wallets.size).toBe(4)
    expect(calls.at(-1)).toBe('nudge')
    expect(log.lines[0]).toMatchObject({ message: 'batch done', fields: { count: 4, new: 4 } })
  })

  it('even where it is set aside, ends as an error', async () => {
    const { dependencies } = setUp()
    const error = new RefusedRowError('refused by the database: SQLSTATE 22P05')
    const handle = createHandler({ ...dependencies, transaction: () => Promise.reject(error) })
    expect(await catchError(() => handle(makeEvent(foreign(1)), walletContext))).toBe(error)
  })
})

describe('an event id', () => {
  const foreignEvent = 'contradiction: its event_id is that of another user, network or address type'

  it('that stands for another user, network or type is set aside; the rest of the batch is issued', async () => {
    const { send, read, metrics, calls } = setUp()
    await send(makeUserRecord(1, { user_id: 'a' }))
    await send(makeUserRecord(4, { user_id: 'a', network: 'tron', address_type: 'base58check' }))
    calls.length = 0
    const answer = await send(
      makeUserRecord(7, { user_id: 'b' }),
      makeUserRecord(10, { user_id: 'c', event_id: toEventId(1) }),
      // Its wallet stands, by another event.
      makeUserRecord(13, { user_id: 'a', event_id: toEventId(4).toUpperCase() }),
      // The event itself, late, beside those that take its name.
      makeUserRecord(16, { user_id: 'a', event_id: toEventId(1) }),
    )
    expect(answer).toEqual(done)
    expect(read().quarantine.map(({ record, reason }) => [record.offset, reason])).toEqual([
      [10, foreignEvent],
      [13, foreignEvent],
    ])
    expect([...read().accounts.keys()]).toEqual(['a', 'b'])
    expect(read().wallets.size).toBe(3)
    // The index taken for c.
    expect(metrics).toEqual({ wallets_issued: 3, records_repeated: 1, records_set_aside: 2, account_index_gaps: 1 })
  })

  it('shared by records of one batch that differ makes one wallet', async () => {
    const { send, read, calls } = setUp()
    const event_id = toEventId(1)
    const answer = await send(
      makeUserRecord(1, { user_id: 'a', event_id }),
      makeUserRecord(4, { user_id: 'b', event_id: event_id.toUpperCase() }),
      makeUserRecord(7, { user_id: 'a', event_id, network: 'tron', address_type: 'base58check' }),
      makeUserRecord(10, { user_id: 'a', event_id }),
    )
    expect(answer).toEqual(done)
    expect(read().quarantine.map(({ record }) => record.offset)).toEqual([4, 7])
    expect([...read().wallets.values()].map(({ sourceOffset }) => sourceOffset)).toEqual([1])
    expect(calls).toEqual([...['open', 'reserve', 'begin', 'rollback', 'begin', 'commit'], ...['nudge', 'beat ok']])
  })
})

describe('an address that is not the one issued before', () => {
  const drift = 'address drift: the ethereum eip55 address at'

  it('is never written: its records are set aside, an alarm goes off, the rest is issued', async () => {
    const { send, read, write, metrics, log, crossChecked } = setUp()
    await send(makeUserRecord(1, { user_id: 'a' }), makeUserRecord(4, { user_id: 'b' }))
    const { wallets } = read()
    write({ ...read(), wallets: new Map([...wallets].map(([key, row]) => [key, { ...row, address: 'altered' }])) })
    crossChecked.length = 0
    const answer = await send(
      makeUserRecord(7, { user_id: 'c' }),
      makeUserRecord(10, { user_id: 'b' }),
      makeUserRecord(13, { user_id: 'b' }),
      makeUserRecord(16, { user_id: 'd' }),
    )
    expect(answer).toEqual(done)
    const reason = `${drift} m/44'/0'/1'/0/0 is not the one that was issued for it`
    expect(read().quarantine.map(({ record, reason }) => [record.offset, reason])).toEqual([
      [10, reason],
      [13, reason],
    ])
    expect([...read().wallets.values()].map(({ address }) => address)).toEqual([
      'altered',
      'altered',
      'ethereum-eip55-2',
      'ethereum-eip55-3',
    ])
    expect(metrics).toEqual({ wallets_issued: 4, records_set_aside: 2, address_drift: 2 })
    // The first of the batch, and the one that drifts before that is believed.
    expect(crossChecked).toEqual(['ethereum-eip55-2', 'ethereum-eip55-1'])
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual(
      [10, 13].map((offset) => ({
        level: 'error',
        message: 'address drift: nothing is written',
        fields: { topic: 'user.verified', partition: 1, offset, network: 'ethereum', reason },
      })),
    )
    expect(JSON.stringify(log.lines)).not.toMatch(/altered|eip55-1/)
  })

  it('nor one that another user has', async () => {
    const { send, read, write, metrics } = setUp()
    await send(makeUserRecord(1, { user_id: 'a' }))
    const { wallets } = read()
    const taken = 'ethereum-eip55-1'
    write({ ...read(), wallets: new Map([...wallets].map(([key, row]) => [key, { ...row, address: taken }])) })
    expect(await send(makeUserRecord(4, { user_id: 'b' }))).toEqual(done)
    expect(read().quarantine.map(({ reason }) => reason)).toEqual([
      `${drift} m/44'/0'/1'/0/0 was issued for another user`,
    ])
    // The account of a wallet that was not written is not written either.
    expect([...read().accounts]).toEqual([['a', 0]])
    expect(metrics).toEqual({ wallets_issued: 1, records_set_aside: 1, address_drift: 1, account_index_gaps: 1 })
  })

  it('by a keyring that contradicts itself stops everything', async () => {
    const opened = { derive: keyring.derive }
    const { send, read, metrics, log, calls } = setUp({
      vault: async () => ({ state: 'open', keyring: { ...keyring, ...opened } }),
    })
    await send(makeUserRecord(1, { user_id: 'a' }), makeUserRecord(4, { user_id: 'b' }))
    const before = structuredClone(read())
    opened.derive = (network, addressType, account) => ({
      ...keyring.derive(network, addressType, account),
      ...(account === 1 ? { address: 'another' } : {}),
    })
    const error = await catchError(() =>
      send(makeUserRecord(7, { user_id: 'c' }), foreign(8), makeUserRecord(10, { user_id: 'b' })),
    )
    expect(error).toBeInstanceOf(CrossCheckError)
    expect(read()).toEqual(before)
    expect(metrics).toEqual({ wallets_issued: 2, cross_check_failed: 1, account_index_gaps: 1 })
    expect(log.lines.at(-1)).toEqual({
      level: 'error',
      message: 'two derivations of one address differ: nothing is written',
      fields: { error },
    })
    expect(calls.at(-1)).toBe('beat failing')
  })
})

describe('the second derivation', () => {
  const records = Array.from({ length: 6 }, (_, index) => makeUserRecord(index * 3, { user_id: `user ${index}` }))

  it('is of the first address of a batch, and of one in a hundred at random', async () => {
    const draws = [0.5, 0.0099, 0.01, 0.99, 0]
    const { send, crossChecked } = setUp({ random: () => draws.shift() ?? expect.unreachable() })
    await send(...records)
    expect(crossChecked).toEqual([0, 2, 5].map((index) => `ethereum-eip55-${index}`))
  })

  it('that differs stops the batch before anything is committed, and splits nothing', async () => {
    const wrong: Keyring['derive'] = (network, addressType, account) => ({
      ...keyring.derive(network, addressType, account),
      ...(account === 4 ? { address: 'another' } : {}),
    })
    const { send, read, metrics, calls } = setUp({
      random: () => 0,
      vault: async () => ({ state: 'open', keyring: { ...keyring, derive: wrong } }),
    })
    expect(await catchError(() => send(...records, foreign(99)))).toBeInstanceOf(CrossCheckError)
    expect(calls).toEqual(['open', 'reserve', 'beat failing'])
    expect(read()).toEqual({ accounts: new Map(), wallets: new Map(), quarantine: [], waiting: [] })
    expect(metrics).toEqual({ cross_check_failed: 1, account_index_gaps: 6 })
  })

  it('that differs already when the vault is opened stops the batch too', async () => {
    const error = new CrossCheckError('they differ')
    const { send, metrics, calls } = setUp({ vault: () => Promise.reject(error) })
    expect(await catchError(() => send(...records))).toBe(error)
    expect(calls).toEqual(['open', 'beat failing'])
    expect(metrics).toEqual({ cross_check_failed: 1 })
  })
})

describe('what Lambda is told', () => {
  it.each(['database', 'vault'] as const)(
    '%s away: every record comes again, named by an object of partition and offset',
    async (part) => {
      const error = new UnavailableError(part, 'away')
      const { dependencies, send, read, log, calls } = setUp({
        ...(part === 'vault' ? { vault: () => Promise.reject(error) } : {}),
      })
      const handle =
        part === 'vault'
          ? send
          : (...records: RawRecord[]) =>
              createHandler({ ...dependencies, transaction: () => Promise.reject(error) })(
                makeEvent(...records),
                walletContext,
              )
      const answer = await handle(
        makeRaw({ partition: 0, offset: 4 }),
        makeRaw({ partition: 0, offset: 5 }),
        makeRaw({ partition: 11, offset: 0 }),
      )
      expect(answer).toEqual({
        batchItemFailures: [
          { itemIdentifier: { partition: 'user.verified-0', offset: 4 } },
          { itemIdentifier: { partition: 'user.verified-0', offset: 5 } },
          { itemIdentifier: { partition: 'user.verified-11', offset: 0 } },
        ],
      })
      expect(read().wallets.size).toBe(0)
      expect(log.lines).toEqual([
        { level: 'warn', message: 'batch is to come again', fields: { part, count: 3, error } },
      ])
      // GET /health learns of a vault that is away; of the database it asks itself.
      expect(calls).toEqual(part === 'vault' ? ['open', 'beat failing'] : ['open', 'reserve'])
    },
  )

  it('and only what is unfinished is tried again, for as long as this invocation has time', async () => {
    const error = new UnavailableError('database', 'away')
    const tried: number[] = []
    let failures = 3
    const { dependencies, read, log } = setUp({
      // The batch is halved for its poison; then the database goes away.
      poison: 1,
      onTransaction: (number, moment) => {
        if (number < 2 || moment === 'after' || failures === 0) return
        failures -= 1
        tried.push(number)
        throw error
      },
    })
    const remaining: number[] = []
    const handle = createHandler({
      ...dependencies,
      createRetry: (milliseconds) => {
        remaining.push(milliseconds)
        return async (work) => {
          for (;;) {
            try {
              return await work()
            } catch (caught) {
              if (caught !== error) throw caught
            }
          }
        }
      },
    })
    const records = Array.from({ length: 4 }, (_, offset) => makeUserRecord(offset, { user_id: `user ${offset}` }))
    expect(await handle(makeEvent(...records), walletContext)).toEqual(done)
    expect(remaining).toEqual([60_000])
    expect(tried).toEqual([2, 3, 4])
    expect(read().wallets.size).toBe(3)
    expect(read().quarantine).toHaveLength(1)
    expect(log.lines.at(-1)).toMatchObject({ message: 'batch done', fields: { count: 4, new: 3, quarantined: 1 } })
  })

  it('anything else is thrown: Lambda tries again, and sets aside in the end', async () => {
    const { dependencies } = setUp()
    const error = new TypeError('a bug')
    const handle = createHandler({ ...dependencies, transaction: () => Promise.reject(error) })
    expect(await catchError(() => handle(makeEvent(makeRaw()), walletContext))).toBe(error)
  })
})
