// The vault: sealed and opened, altered anywhere, opened by the wallet function once, and nothing secret left behind.
import type { KMSClient } from '@aws-sdk/client-kms'
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { CrossCheckError } from '../../functions/wallet/derivation.ts'
import {
  createKeyringOpener,
  keyringLifetimeMilliseconds,
  type OpenKeyringPorts,
} from '../../functions/wallet/open-keyring.ts'
import { createVaultPorts } from '../../functions/wallet/vault-ports.ts'
import { ConfigurationError, DeletedSecretError, IntegrityError, UnavailableError } from '../../shared/errors.ts'
import { commitMnemonic, encodeMnemonic } from '../../shared/mnemonic.ts'
import {
  holdsRoot,
  openPhrase,
  parseVaultRecord,
  sealPhrase,
  toEncryptionContext,
  toRootVersionId,
  type VaultRecord,
} from '../../shared/vault.ts'
import { catchError, makeAwsClient, makeAwsError } from '../support/fakes.ts'

// Every phrase and seed that is handed out, to see afterwards that it was wiped.
const handedOut: Uint8Array[] = []
const keep = (bytes: Uint8Array) => {
  handedOut.push(bytes)
  return bytes
}
vi.mock('../../shared/vault.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../shared/vault.ts')>()
  const openPhrase: typeof original.openPhrase = (...given) => keep(original.openPhrase(...given))
  return { ...original, openPhrase }
})
vi.mock('../../shared/mnemonic.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../shared/mnemonic.ts')>()
  const deriveSeed: typeof original.deriveSeed = (phrase) => keep(original.deriveSeed(phrase))
  return { ...original, deriveSeed }
})
afterEach(() => {
  handedOut.length = 0
})

const isWiped = (bytes: Uint8Array) => bytes.length > 0 && bytes.every((byte) => byte === 0)
const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

// 32 bytes that repeat no byte: 24 words that nobody published, and that hold nothing.
const phrase = encodeMnemonic(Uint8Array.from({ length: 32 }, (_, index) => 7 * index + 3))
const publicPhrase = encodeMnemonic(new Uint8Array(32))
const dataKey = () => new Uint8Array(32).fill(0xd7)

const seal = (given: Uint8Array = phrase, changes: Partial<Parameters<typeof sealPhrase>[1]> = {}) =>
  sealPhrase(given, {
    stage: 'local',
    keyringId: 1,
    rootCommitment: commitMnemonic(given),
    dataKey: dataKey(),
    wrappedDataKey: Buffer.from('a wrapped data key'),
    iv: Uint8Array.from({ length: 12 }, (_, index) => index),
    ...changes,
  })
const record = seal()

/** The record with one bit of a binary field flipped. */
function flip(field: 'wrapped_dek' | 'iv' | 'ct' | 'tag', at = 0): VaultRecord {
  const bytes = Buffer.from(record[field], 'base64')
  bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at)
  return { ...record, [field]: bytes.toString('base64') }
}

describe('a sealed phrase', () => {
  it('opens to the same bytes, whatever they and the circumstances are', () => {
    const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    const sealings = fc.record({
      bytes: fc.uint8Array({ minLength: 1, maxLength: 256 }),
      stage: fc.string(),
      keyringId: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      dataKey: exactly(32),
      wrappedDataKey: fc.uint8Array({ minLength: 1 }),
      iv: exactly(12),
    })
    fc.assert(
      fc.property(sealings, ({ bytes, ...rest }) => {
        const sealed = sealPhrase(bytes, { ...rest, rootCommitment: '0'.repeat(64) })
        const stored = parseVaultRecord(JSON.stringify(sealed))
        expect(stored).toEqual(sealed)
        expect(isSame(openPhrase(stored, rest.stage, rest.dataKey), bytes)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it('does not open when any character of its record is another', () => {
    const text = JSON.stringify(record)
    const alterations = fc
      .tuple(fc.nat({ max: text.length - 1 }), fc.constantFrom(...'0123456789abcdefABCXYZ+/="{}:, \u00e9'))
      .map(([at, character]) => text.slice(0, at) + character + text.slice(at + 1))
      .filter((altered) => altered !== text)
    fc.assert(
      fc.property(alterations, (altered) => {
        expect(() => openPhrase(parseVaultRecord(altered), 'local', dataKey())).toThrow(IntegrityError)
      }),
      { numRuns: 500 },
    )
  })

  it('says nothing of what it would have been', async () => {
    const error = await catchError(() => openPhrase(flip('tag'), 'local', dataKey()))
    expect(error.message).toBe('the vault does not open: its record was altered, or belongs to another stage or key')
    expect(handedOut).toEqual([])
  })

  it.each([
    ['another key', 'local', new Uint8Array(32)],
    ['a key that is too short', 'local', new Uint8Array(16)],
    ['another stage', 'prod', dataKey()],
  ])('does not open with %s', (_name, stage, key) => {
    expect(() => openPhrase(record, stage, key)).toThrow(IntegrityError)
  })

  it('does not open with the beginning of its tag', () => {
    const short = { ...record, tag: Buffer.from(record.tag, 'base64').subarray(0, 4).toString('base64') }
    expect(() => openPhrase(short, 'local', dataKey())).toThrow(IntegrityError)
  })
})

describe('the text of a vault', () => {
  it.each([
    ['nothing', ''],
    ['no JSON', 'legal winner thank year'],
    ['an object of another kind', '{"username":"a","password":"b"}'],
    ['a field more', JSON.stringify({ ...record, mnemonic: 'legal winner' })],
    ['another version', JSON.stringify({ ...record, v: 2 })],
    ['a keyring that is none', JSON.stringify({ ...record, keyring_id: 0 })],
    ['a commitment in capitals', JSON.stringify({ ...record, root_commitment: record.root_commitment.toUpperCase() })],
    ['a short nonce', JSON.stringify({ ...record, iv: 'AAAA' })],
    ['a short tag', JSON.stringify({ ...record, tag: 'AAAAAA==' })],
    ['base64 that is not canonical', JSON.stringify({ ...record, tag: record.tag.replace(/.==$/, '/==') })],
  ])('that is %s is refused and not shown', async (_name, text) => {
    const error = await catchError(() => parseVaultRecord(text))
    expect(error).toEqual(new IntegrityError('expected the vault to hold a record of version 1; got something else'))
    expect(error.cause).toBeUndefined()
  })

  it.each(Object.keys(record))('without %s is refused', (field) => {
    expect(() => parseVaultRecord(JSON.stringify({ ...record, [field]: undefined }))).toThrow(IntegrityError)
  })
})

describe('whether the vault holds a root', () => {
  it('is told by the version that is current', () => {
    const id = toRootVersionId(1)
    expect(id).toBe('verified-wallets-root-keyring-0001')
    expect(holdsRoot({ [id]: ['AWSCURRENT'] })).toBe(true)
    expect(holdsRoot({ [id]: ['AWSPREVIOUS'], other: ['AWSCURRENT'] })).toBe(false)
    expect(holdsRoot({ [id]: [] })).toBe(false)
    expect(holdsRoot({})).toBe(false)
  })
})

function setUp(options: Partial<OpenKeyringPorts> & { record?: VaultRecord } = {}) {
  const keys: Uint8Array[] = []
  const calls: string[] = []
  const open = createKeyringOpener({
    stage: 'local',
    expectedRoot: { kind: 'of-record' },
    acceptPublicMnemonics: false,
    bitcoinNetwork: 'mainnet',
    now: () => new Date(),
    readRecord: async () => {
      calls.push('read')
      return JSON.stringify(options.record ?? record)
    },
    // As the emulator does: whatever is wrapped, a key comes back.
    unwrapDataKey: async () => {
      calls.push('unwrap')
      const key = dataKey()
      keys.push(key)
      return key
    },
    ...options,
  })
  return { open, calls, keys }
}

/** The state, which must be a refusal with that kind of error. */
async function expectRefusal(
  open: ReturnType<typeof createKeyringOpener>,
  kind: typeof IntegrityError | typeof ConfigurationError,
) {
  const state = await open()
  if (state.state !== 'root_refused') throw new Error(`expected the root to be refused; got ${state.state}`)
  expect(state.error).toBeInstanceOf(kind)
  return state.error.message
}

describe('opening the vault', () => {
  it('gives a keyring, and keeps it', async () => {
    const { open, calls } = setUp()
    const first = await open()
    const second = await open()
    expect(first).toMatchObject({ state: 'open', keyring: { id: 1 } })
    expect(second).toMatchObject({ state: 'open' })
    if (first.state === 'open' && second.state === 'open') expect(second.keyring).toBe(first.keyring)
    expect(calls).toEqual(['read', 'unwrap'])
  })

  it('keeps the nodes for a quarter of an hour; then wipes them and opens anew', async () => {
    let time = 0
    const { open, calls } = setUp({ now: () => new Date(time) })
    const first = await open()
    time = keyringLifetimeMilliseconds - 1
    expect(await open()).toEqual(first)
    time = keyringLifetimeMilliseconds
    const second = await open()
    expect(calls).toEqual(['read', 'unwrap', 'read', 'unwrap'])
    if (first.state !== 'open' || second.state !== 'open') throw new Error('expected the vault to open both times')
    expect(() => first.keyring.derive('tron', 'base58check', 0)).toThrow('expected an open keyring')
    expect(second.keyring.derive('tron', 'base58check', 0).path).toBe("m/44'/195'/0'/0/0")
  })

  it('wipes nodes that are too old, also when the vault does not open any more', async () => {
    let time = 0
    const texts = [JSON.stringify(record), undefined]
    const { open } = setUp({ now: () => new Date(time), readRecord: async () => texts.shift() })
    const first = await open()
    time = keyringLifetimeMilliseconds
    expect(await open()).toEqual({ state: 'no_root' })
    if (first.state !== 'open') throw new Error('expected the vault to open')
    expect(() => first.keyring.derive('tron', 'base58check', 0)).toThrow('expected an open keyring')
  })

  it('opens anew after a second derivation has differed', async () => {
    const { open, calls } = setUp()
    const first = await open()
    if (first.state !== 'open') throw new Error('expected the vault to open')
    const derived = first.keyring.derive('tron', 'base58check', 0)
    const check = () => first.keyring.crossCheck('tron', 'base58check', 0, { ...derived, address: 'T' })
    expect(check).toThrow(CrossCheckError)
    expect(await open()).toMatchObject({ state: 'open' })
    expect(calls).toEqual(['read', 'unwrap', 'read', 'unwrap'])
  })

  it('asks KMS for the key that the record holds', async () => {
    const wrapped: Uint8Array[] = []
    const { open } = setUp({
      unwrapDataKey: async (given) => {
        wrapped.push(given)
        return dataKey()
      },
    })
    await open()
    expect(wrapped).toEqual([Buffer.from('a wrapped data key')])
  })

  it('gives keyrings the number of the record', async () => {
    expect(await setUp({ record: seal(phrase, { keyringId: 7 }) }).open()).toMatchObject({ keyring: { id: 7 } })
  })

  it('finds no root in an empty vault, looks again, and never asks KMS for nothing', async () => {
    const texts = [undefined, undefined, JSON.stringify(record)]
    const { open, calls } = setUp({ readRecord: async () => texts.shift() })
    expect(await open()).toEqual({ state: 'no_root' })
    expect(await open()).toEqual({ state: 'no_root' })
    expect(calls).toEqual([])
    expect(await open()).toMatchObject({ state: 'open' })
  })

  it.each([
    ['version', { ...record, v: 2 as 1 }],
    ['keyring', { ...record, keyring_id: 2 }],
    ['commitment', { ...record, root_commitment: commitMnemonic(publicPhrase) }],
    ['wrapped data key', flip('wrapped_dek')],
    ['nonce', flip('iv', 11)],
    ['ciphertext', flip('ct', 40)],
    ['end of the ciphertext', { ...record, ct: Buffer.from(record.ct, 'base64').subarray(0, -1).toString('base64') }],
    ['tag', flip('tag', 15)],
  ])('refuses a record whose %s was altered', async (_name, altered) => {
    const { open } = setUp({ record: altered })
    expect(await expectRefusal(open, IntegrityError)).not.toMatch(/[0-9a-f]{16}/)
  })

  it('refuses the record of another stage', async () => {
    const { open } = setUp({ record: seal(phrase, { stage: 'staging' }) })
    expect(await expectRefusal(open, IntegrityError)).toMatch(/another stage/)
  })

  it('refuses a phrase that is not the one committed to, though its record is whole', async () => {
    const { open, keys } = setUp({ record: seal(phrase, { rootCommitment: '0'.repeat(64) }) })
    expect(await expectRefusal(open, IntegrityError)).toBe(
      'the mnemonic in the vault is not the one that its record commits to',
    )
    expect(keys.every(isWiped)).toBe(true)
    expect(handedOut.every(isWiped)).toBe(true)
  })

  it('opens the root that the stage table commits to, and asks KMS for no other', async () => {
    const expected = commitMnemonic(phrase)
    expect(await setUp({ expectedRoot: { kind: 'commitment', commitment: expected } }).open()).toMatchObject({
      state: 'open',
    })
    const other = commitMnemonic(publicPhrase)
    const { open, calls } = setUp({ expectedRoot: { kind: 'commitment', commitment: other } })
    expect(await expectRefusal(open, IntegrityError)).toBe(
      `expected the vault to hold the root that the stage table commits to, ${other}; got a record of ${expected}. Nothing is opened until the two agree.`,
    )
    expect(calls).toEqual(['read'])
  })

  it('refuses a record that claims the expected root and holds another', async () => {
    const claimed = commitMnemonic(publicPhrase)
    const { open, keys } = setUp({
      record: seal(phrase, { rootCommitment: claimed }),
      expectedRoot: { kind: 'commitment', commitment: claimed },
    })
    expect(await expectRefusal(open, IntegrityError)).toBe(
      'the mnemonic in the vault is not the one that its record commits to',
    )
    expect(keys.every(isWiped)).toBe(true)
  })

  it('opens nothing while the stage table commits to no root, whatever the vault holds', async () => {
    const { open, calls } = setUp({ expectedRoot: { kind: 'none' } })
    expect(await expectRefusal(open, IntegrityError)).toMatch(
      /^expected an empty vault, since the stage table commits to no root; got a record of the root [0-9a-f]{64}\. If/,
    )
    expect(calls).toEqual(['read'])
    // An empty one is no contradiction: records wait for a root.
    expect(await setUp({ expectedRoot: { kind: 'none' }, readRecord: async () => undefined }).open()).toEqual({
      state: 'no_root',
    })
  })

  it('refuses a publicly known phrase that the stage table commits to all the same', async () => {
    const commitment = commitMnemonic(publicPhrase)
    const { open } = setUp({ record: seal(publicPhrase), expectedRoot: { kind: 'commitment', commitment } })
    expect(await expectRefusal(open, IntegrityError)).toMatch(/publicly known/)
  })

  it('refuses a publicly known phrase outside local, without showing it', async () => {
    const { open } = setUp({ record: seal(publicPhrase) })
    const message = await expectRefusal(open, IntegrityError)
    expect(message).toBe('the mnemonic in the vault is publicly known: anyone can spend what its addresses receive')
    expect(message).not.toMatch(/abandon|art/)
  })

  it('accepts a publicly known phrase in local', async () => {
    const { open } = setUp({ record: seal(publicPhrase), acceptPublicMnemonics: true })
    expect(await open()).toMatchObject({ state: 'open' })
  })

  it('refuses bytes that are no phrase', async () => {
    const { open, keys } = setUp({ record: seal(Buffer.from('not a phrase')) })
    const state = await open()
    expect(state).toMatchObject({ state: 'root_refused', error: { name: 'MnemonicError' } })
    expect([...keys, ...handedOut].every(isWiped)).toBe(true)
  })

  it('throws while KMS or the secret is away, remembers nothing of it, and opens when it is back', async () => {
    const failures: (Error | undefined)[] = [new UnavailableError('vault', 'away'), undefined]
    const { open } = setUp({
      unwrapDataKey: async () => {
        const failure = failures.shift()
        if (failure) throw failure
        return dataKey()
      },
    })
    expect(await catchError(open)).toMatchObject({ name: 'UnavailableError', part: 'vault' })
    expect(await open()).toMatchObject({ state: 'open' })
    const { open: openOther } = setUp({ readRecord: () => Promise.reject(new UnavailableError('vault', 'away')) })
    expect(await catchError(openOther)).toBeInstanceOf(UnavailableError)
  })

  it('a refusal by KMS is one of the root, and is not remembered', async () => {
    const failures: (Error | undefined)[] = [new ConfigurationError('the data key could not be unwrapped'), undefined]
    const { open } = setUp({
      unwrapDataKey: async () => {
        const failure = failures.shift()
        if (failure) throw failure
        return dataKey()
      },
    })
    expect(await expectRefusal(open, ConfigurationError)).toBe('the data key could not be unwrapped')
    expect(await open()).toMatchObject({ state: 'open' })
  })

  it('throws what is no error at all', async () => {
    const { open } = setUp({ readRecord: () => Promise.reject('a string') })
    await expect(open()).rejects.toBe('a string')
  })

  it.each([
    ['it opens', record, ['phrase', 'seed']],
    ['it is refused as public', seal(publicPhrase), ['phrase']],
    ['it was altered', flip('tag'), []],
  ])('leaves no data key, phrase or seed behind when %s', async (_name, given, expected) => {
    const { open, keys } = setUp({ record: given })
    await open()
    expect(keys).toHaveLength(1)
    expect(handedOut).toHaveLength(expected.length)
    expect([...keys, ...handedOut].every(isWiped)).toBe(true)
  })
})

describe('the ports on AWS', () => {
  const setUpAws = (send: (command: string) => unknown) => {
    const kms = makeAwsClient<KMSClient>(send)
    const secrets = makeAwsClient<SecretsManagerClient>(send)
    const ports = createVaultPorts(
      { kms: kms.client, secrets: secrets.client },
      { stage: 'local', secretArn: 'arn:secret', keyArn: 'arn:key' },
    )
    return { ports, kms: kms.commands, secrets: secrets.commands }
  }

  it('unwrap under the encryption context of the stage, and with the named key only', async () => {
    const { ports, kms } = setUpAws(() => ({ Plaintext: dataKey() }))
    expect(isSame(await ports.unwrapDataKey(Buffer.from('wrapped')), dataKey())).toBe(true)
    expect(kms).toEqual([
      {
        name: 'DecryptCommand',
        input: {
          KeyId: 'arn:key',
          CiphertextBlob: Buffer.from('wrapped'),
          EncryptionContext: { app: 'verified-wallets', stage: 'local', purpose: 'wallet-root' },
        },
      },
    ])
    expect(toEncryptionContext('prod')).toEqual({ app: 'verified-wallets', stage: 'prod', purpose: 'wallet-root' })
  })

  it('read the secret; one without a value is an empty vault', async () => {
    const answers = [{ SecretString: 'text' }, { SecretString: '' }, {}]
    const { ports, secrets } = setUpAws(() => answers.shift())
    expect(await ports.readRecord()).toBe('text')
    expect(await ports.readRecord()).toBeUndefined()
    expect(await ports.readRecord()).toBeUndefined()
    expect(secrets[0]).toEqual({ name: 'GetSecretValueCommand', input: { SecretId: 'arn:secret' } })
    const { ports: empty } = setUpAws(() => {
      throw makeAwsError('ResourceNotFoundException')
    })
    expect(await empty.readRecord()).toBeUndefined()
  })

  it.each([
    'AccessDeniedException',
    'DecryptionFailure',
    'DisabledException',
    'IncorrectKeyException',
    'InvalidCiphertextException',
    'InvalidKeyUsageException',
    'InvalidRequestException',
    'KMSInvalidStateException',
    'NotFoundException',
  ])('%s needs a person', async (name) => {
    const cause = makeAwsError(name)
    const { ports } = setUpAws(() => {
      throw cause
    })
    expect(await catchError(() => ports.unwrapDataKey(Buffer.from('wrapped')))).toEqual(
      new ConfigurationError(`the data key could not be unwrapped: ${name}`, { cause }),
    )
    expect(await catchError(() => ports.readRecord())).toBeInstanceOf(ConfigurationError)
  })

  it('a record that somebody deleted needs one too, and is told as such', async () => {
    // The words of Secrets Manager.
    const words = "You can't perform this operation on the secret because it was marked for deletion."
    const { ports } = setUpAws(() => {
      throw makeAwsError('InvalidRequestException', words)
    })
    const error = await catchError(() => ports.readRecord())
    expect(error).toEqual(new ConfigurationError('the vault could not be read: DeletedSecretError'))
    expect(error.cause).toBeInstanceOf(DeletedSecretError)
  })

  it.each([
    makeAwsError('ThrottlingException'),
    makeAwsError('KMSInternalException'),
    makeAwsError('KeyUnavailableException'),
    Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  ])('%s may be over in a moment', async (cause) => {
    const { ports } = setUpAws(() => {
      throw cause
    })
    for (const work of [() => ports.unwrapDataKey(Buffer.from('wrapped')), () => ports.readRecord()]) {
      const error = await catchError(work)
      expect(error).toMatchObject({ name: 'UnavailableError', part: 'vault', cause })
    }
  })

  it('no data key in the answer is KMS being away', async () => {
    await expect(setUpAws(() => ({})).ports.unwrapDataKey(Buffer.from('wrapped'))).rejects.toThrow(UnavailableError)
  })
})
