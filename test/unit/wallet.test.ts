// The wallet function: Kafka records told apart, batches that become wallets in one transaction, and what Lambda is told.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DerivedAddress, Keyring } from '../../functions/wallet/derivation.ts'
import { createHandler, type WalletDependencies } from '../../functions/wallet/handler.ts'
import type { WalletTables } from '../../functions/wallet/issue-wallets.ts'
import type { VaultState } from '../../functions/wallet/open-keyring.ts'
import { classifyRecord, type KafkaRecord, readRecords } from '../../functions/wallet/records.ts'
import type { IssuedWallet, WaitingCause } from '../../functions/wallet/wallet-tables.ts'
import { IntegrityError, UnavailableError } from '../../shared/errors.ts'
import { toUserVerified } from '../../shared/events.ts'
import { type AddressType, addressTypes, type Network } from '../../shared/model.ts'
import { catchError, createMemoryLog, makeVerification, noon, verificationId } from '../support/fakes.ts'

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

  it.each([undefined, null, {}, { records: [] }, makeEvent(makeRaw({ value: 'not base64!' }))])(
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

const keyOf = (wallet: IssuedWallet) => JSON.stringify([wallet.userId, wallet.network, wallet.addressType])

/** The tables over one state, with the rules of their SQL; indices from 0 below `indices`. */
function createTables(state: State, indices: number): WalletTables {
  return {
    allocateAccounts: async (userIds) => {
      for (const userId of userIds.toSorted()) {
        if (!state.accounts.has(userId) && state.accounts.size < indices)
          state.accounts.set(userId, state.accounts.size)
      }
      return new Map([...state.accounts].filter(([userId]) => userIds.includes(userId)))
    },
    insertWallets: async (wallets) => {
      const fresh = wallets.filter((wallet) => !state.wallets.has(keyOf(wallet)))
      for (const wallet of fresh) state.wallets.set(keyOf(wallet), wallet)
      return {
        addresses: wallets.map((wallet) => state.wallets.get(keyOf(wallet))?.address ?? ''),
        inserted: fresh.length,
      }
    },
    quarantine: async (records) => {
      state.quarantine.push(...records)
    },
    park: async (records, cause) => {
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
}

function setUp(options: { vault?: () => Promise<VaultState>; indices?: number } = {}) {
  let state: State = { accounts: new Map(), wallets: new Map(), quarantine: [], waiting: [] }
  const calls: string[] = []
  const log = createMemoryLog()
  const dependencies: WalletDependencies = {
    log,
    now: () => noon,
    openKeyring: async () => {
      calls.push('open')
      return options.vault ? await options.vault() : { state: 'open', keyring }
    },
    transaction: async (work) => {
      calls.push('transaction')
      // Work on a copy, kept only when the work succeeds.
      const draft = structuredClone(state)
      const result = await work(createTables(draft, options.indices ?? 1000))
      state = draft
      return result
    },
    nudgeAnnounce: async () => {
      calls.push('nudge')
    },
    beat: async (status) => {
      calls.push(`beat ${status}`)
    },
  }
  const handle = createHandler(dependencies)
  const send = (...records: RawRecord[]) => handle(makeEvent(...records))
  return { calls, log, send, dependencies, read: () => state, write: (changed: State) => (state = changed) }
}

const makeUserRecord = (offset: number, changes: Record<string, unknown> = {}) =>
  makeRaw({ offset, partition: offset % 3, value: toBase64({ ...event, ...changes }) })
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
    expect(calls).toEqual(['open', 'transaction', 'nudge', 'beat ok'])
    expect([...read().accounts]).toEqual([
      ['a', 0],
      ['b', 1],
    ])
    expect([...read().wallets.values()].map(({ address }) => address).toSorted()).toEqual([
      'bitcoin-p2pkh-0',
      'ethereum-eip55-1',
      'tron-base58check-0',
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
        sourceEventId: event.event_id,
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
    await send(makeUserRecord(3), makeUserRecord(6), makeUserRecord(9, { event_id: verificationId }))
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
    expect(calls).toEqual(['open', 'transaction', 'beat ok'])
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
    expect(calls).toEqual(['transaction'])
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
        for (const batch of batches) {
          const raw = batch.map(({ user_id, kind: [network, address_type] }, offset) => {
            if (network !== 'foreign') wanted.add(JSON.stringify([user_id, network, address_type]))
            return makeUserRecord(offset, { user_id, network, address_type })
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
    const { send, read, calls, log } = setUp({ vault: async () => ({ state: 'no_root' }) })
    expect(await send(makeUserRecord(1), foreign(2), makeUserRecord(3))).toEqual(done)
    expect(read().waiting.map(({ record, cause }) => [record.offset, cause])).toEqual([
      [1, 'no_root'],
      [3, 'no_root'],
    ])
    expect(read().wallets.size + read().accounts.size).toBe(0)
    expect(read().quarantine).toHaveLength(1)
    expect(calls).toEqual(['open', 'transaction', 'beat failing'])
    expect(log.lines.find(({ level }) => level === 'error')).toEqual({
      level: 'error',
      message: 'the vault is empty: no wallet can be issued, records wait',
      fields: { waiting: 2 },
    })
  })

  it('refused: records wait, and the log says why', async () => {
    const error = new IntegrityError('the mnemonic in the vault is publicly known')
    const { send, read, calls, log } = setUp({ vault: async () => ({ state: 'root_refused', error }) })
    expect(await send(makeUserRecord(1))).toEqual(done)
    expect(read().waiting.map(({ cause }) => cause)).toEqual(['root_refused'])
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
    const { send, read, log } = setUp({ indices: 1 })
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
  })
})

describe('an address that is not the one issued before', () => {
  it('is an error: nothing is written, the batch is not acknowledged, the address is not shown', async () => {
    const { send, read, write } = setUp()
    await send(makeUserRecord(1, { user_id: 'a' }))
    const { wallets } = read()
    write({
      ...read(),
      wallets: new Map([...wallets].map(([key, row]) => [key, { ...row, address: 'altered-address' }])),
    })
    const before = structuredClone(read())
    const error = await catchError(() =>
      send(makeUserRecord(4, { user_id: 'b' }), makeUserRecord(7, { user_id: 'a' }), foreign(9)),
    )
    expect(error).toBeInstanceOf(IntegrityError)
    expect(error.message).toBe(
      "the ethereum address at m/44'/0'/0'/0/0 is not the one that was issued for it: nothing was written",
    )
    expect(read()).toEqual(before)
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
              createHandler({ ...dependencies, transaction: () => Promise.reject(error) })(makeEvent(...records))
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
      expect(calls).toEqual(part === 'vault' ? ['open', 'beat failing'] : ['open'])
    },
  )

  it('anything else is thrown, so that Lambda splits the batch down to the culprit', async () => {
    const { dependencies } = setUp()
    const error = new TypeError('a bug')
    const handle = createHandler({ ...dependencies, transaction: () => Promise.reject(error) })
    expect(await catchError(() => handle(makeEvent(makeRaw())))).toBe(error)
  })
})
