// The operate function: what it tells of the vault, what it never tells, and the line that each call leaves.
import { describe, expect, it } from 'vitest'
import type { DeadLetterPorts, HandlingNote } from '../../functions/operate/dead-letters.ts'
import { createHandler } from '../../functions/operate/handler.ts'
import { readVaultStatus, type VaultStatusPorts, type VaultVerdict } from '../../functions/operate/vault-status.ts'
import { DeletedSecretError, RequestError, UnavailableError } from '../../shared/errors.ts'
import { catchError, createMemoryLog, makeAwsError, noon } from '../support/fakes.ts'
import { makeKafkaRecord } from '../support/wallet-records.ts'

const commitment = 'ab'.repeat(32)
const record = {
  ...{ v: 1, keyring_id: 1, root_commitment: commitment },
  ...{ wrapped_dek: 'd3JhcHBlZA==', iv: 'AAAAAAAAAAAAAAAA', ct: 'Y2lwaGVydGV4dA==', tag: 'AAAAAAAAAAAAAAAAAAAAAA==' },
}

function makePorts(overrides: Partial<VaultStatusPorts> = {}): VaultStatusPorts {
  return {
    expectedRoot: commitment,
    readRecord: async () => JSON.stringify(record),
    describeKey: async () => ({ state: 'Enabled', deletionDate: undefined }),
    findUse: async () => ({
      heartbeat: { part: 'vault', status: 'ok', seenAt: noon },
      highestAccountIndex: 41,
      waiting: { no_root: 3 },
    }),
    ...overrides,
  }
}

describe('vault-status', () => {
  it('tells what a record, the stage table, the key and the database say, and no ciphertext', async () => {
    const status = await readVaultStatus(makePorts())
    expect(status).toEqual({
      verdict: 'ready',
      keyring_id: 1,
      root_commitment: commitment,
      expected_root_commitment: commitment,
      key: { state: 'Enabled', deletion_date: null },
      use: {
        wallet_function: { status: 'ok', seen_at: noon.toISOString() },
        highest_account_index: 41,
        waiting_records: { no_root: 3 },
      },
    })
    for (const secret of [record.wrapped_dek, record.ct, record.iv, record.tag]) {
      expect(JSON.stringify(status)).not.toContain(secret)
    }
  })

  const disabled = { state: 'PendingDeletion', deletionDate: noon }
  const cases: readonly [what: string, overrides: Partial<VaultStatusPorts>, verdict: VaultVerdict][] = [
    ['an empty vault', { readRecord: async () => undefined }, 'no_root'],
    ['something else in it', { readRecord: async () => '{"v":2}' }, 'record_unreadable'],
    [
      'a secret that somebody deleted',
      { readRecord: () => Promise.reject(new DeletedSecretError()) },
      'record_deleted',
    ],
    ['a root that the table does not name', { expectedRoot: 'none' }, 'not_in_stage_table'],
    ['another root than the table names', { expectedRoot: 'cd'.repeat(32) }, 'other_root'],
    ['a stage that takes what is there', { expectedRoot: 'of-record' }, 'ready'],
    ['a key that is to be deleted', { describeKey: async () => disabled }, 'key_unusable'],
  ]
  it.each(cases)('%s', async (_, overrides, verdict) => {
    expect((await readVaultStatus(makePorts(overrides))).verdict).toBe(verdict)
  })

  it('tells when a key will be gone', async () => {
    const { key } = await readVaultStatus(makePorts({ describeKey: async () => disabled }))
    expect(key).toEqual({ state: 'PendingDeletion', deletion_date: noon.toISOString() })
  })

  it('asks for the first keyring while there is none, and takes a vault that nobody opened for what it is', async () => {
    const asked: number[] = []
    const findUse = async (keyringId: number) => {
      asked.push(keyringId)
      return { heartbeat: undefined, highestAccountIndex: undefined, waiting: {} }
    }
    const { use } = await readVaultStatus(makePorts({ readRecord: async () => undefined, findUse }))
    expect(asked).toEqual([1])
    expect(use).toEqual({ wallet_function: null, highest_account_index: null, waiting_records: {} })
  })

  it('says nothing of its use while the database is away, and hides nothing else', async () => {
    const away = new UnavailableError('database', 'away')
    const status = await readVaultStatus(makePorts({ findUse: () => Promise.reject(away) }))
    expect(status).toMatchObject({ verdict: 'ready', use: null })
    const broken = makePorts({ findUse: () => Promise.reject(new TypeError('a bug')) })
    expect((await catchError(() => readVaultStatus(broken))).message).toBe('a bug')
  })
})

describe('a call', () => {
  const context = { awsRequestId: 'request-7' }
  const caller = 'arn:aws:sts::111122223333:assumed-role/Admin/eve@example.com'
  const setUp = (overrides: Partial<VaultStatusPorts> = {}) => {
    const log = createMemoryLog()
    const notes: HandlingNote[] = []
    const deadLetters = (requestId: string): DeadLetterPorts => ({
      ...{ now: () => noon, userVerifiedTopic: requestId },
      findQuarantined: async () => [
        { record: makeKafkaRecord({ key: 'eve', value: 'x' }), reason: 'why', setAsideAt: noon },
      ],
      loadQuarantined: async () => [],
      readDeadLetters: async () => undefined,
      findHandled: async () => [],
      noteHandled: async (note) => notes.push(note),
      publish: async () => {},
    })
    return { log, notes, handler: createHandler({ ...makePorts(overrides), log, deadLetters }) }
  }

  it('leaves one line: the invocation, what, who by their own word, and the outcome', async () => {
    const { log, handler } = setUp()
    await handler({ command: 'vault-status', caller }, context)
    const fields = { request_id: 'request-7', command: 'vault-status', claimed_caller: caller }
    expect(log.lines).toEqual([
      { level: 'info', message: 'operation', fields: { ...fields, status: 'answered', reason: 'ready' } },
    ])
  })

  const place = { topic: 'user.verified', partition: 0, offset: 1, recorded_at: noon.toISOString() }
  const chosen = { caller, source: 'quarantine', places: [place] }
  const find = { command: 'find-dead-letters', caller, source: 'quarantine', filter: { user_id: 'eve' }, limit: 10 }
  it.each([
    [
      { ...find, detail: 'revealed' },
      { source: 'quarantine', reason: 'revealed', count: 1 },
    ],
    [
      { ...chosen, command: 'redrive-dead-letters' },
      { source: 'quarantine', count: 0 },
    ],
    [
      { ...chosen, command: 'discard-dead-letters', because: 'a secret of eve' },
      { source: 'quarantine', count: 0 },
    ],
    [
      { caller, command: 'note-queue-letters', message_ids: ['m'], how: 'discarded', because: 'of eve' },
      { source: 'queue', reason: 'discarded', count: 1 },
    ],
  ])('about dead letters tells how many, of whom and why never: $command', async (event, told) => {
    const { log, handler } = setUp()
    await handler(event, context)
    const fields = {
      request_id: 'request-7',
      command: event.command,
      claimed_caller: caller,
      status: 'answered',
      ...told,
    }
    expect(log.lines).toEqual([{ level: 'info', message: 'operation', fields }])
  })

  it('notes the claimed caller and the invocation with what is done', async () => {
    const { notes, handler } = setUp()
    const event = { caller, command: 'note-queue-letters', message_ids: ['m'], how: 'redriven' }
    await handler(event, context)
    expect(notes).toEqual([
      {
        source: 'queue',
        messageIds: ['m'],
        how: 'redriven',
        because: null,
        by: caller,
        at: noon,
        requestId: 'request-7',
      },
    ])
  })

  it.each([
    ['no event', undefined, 'event'],
    ['bytes of the caller', { ...chosen, command: 'redrive-dead-letters', value: 'x' }, 'event'],
    ['too many at once', { ...chosen, command: 'redrive-dead-letters', places: Array(251).fill(place) }, 'places'],
    ['no reason to discard', { ...chosen, command: 'discard-dead-letters' }, 'because'],
    ['a source of its own', { ...find, source: 'queue', detail: 'places' }, 'source'],
    ['no caller', { command: 'vault-status' }, 'caller'],
    ['a caller that is no ARN', { command: 'vault-status', caller: 'eve\nroot' }, 'caller'],
    ['an unknown command', { command: 'open-vault', caller }, 'command'],
    ['more than is known', { command: 'vault-status', caller, phrase: 'abandon' }, 'event'],
  ])('is refused, with one line and no echo: %s', async (_, event, field) => {
    const { log, handler } = setUp()
    const error = await catchError(() => handler(event, context))
    expect(error).toBeInstanceOf(RequestError)
    expect(error.message).toBe(`expected {command, caller} of a known command; wrong: ${field}`)
    expect(log.lines).toEqual([
      { level: 'warn', message: 'operation refused', fields: { request_id: 'request-7', status: 'refused' } },
    ])
  })

  it('that fails leaves its line as well, and fails', async () => {
    const denied = makeAwsError('AccessDeniedException')
    const { log, handler } = setUp({ describeKey: () => Promise.reject(denied) })
    expect(await catchError(() => handler({ command: 'vault-status', caller }, context))).toBe(denied)
    expect(log.lines.map(({ level, fields }) => [level, fields.status, fields.error])).toEqual([
      ['error', 'failed', denied],
    ])
  })
})
