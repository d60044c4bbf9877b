// Provisioning: what is stored first is the root, nothing replaces it, and nothing secret is left behind.
import type { KMSClient } from '@aws-sdk/client-kms'
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createHandler } from '../../functions/provision/handler.ts'
import { type ProvisionPorts, provision } from '../../functions/provision/provision.ts'
import { createVaultPorts } from '../../functions/provision/vault-ports.ts'
import { ConfigurationError, IntegrityError } from '../../shared/errors.ts'
import { commitMnemonic, encodeMnemonic, MnemonicError } from '../../shared/mnemonic.ts'
import { openPhrase, parseVaultRecord } from '../../shared/vault.ts'
import { catchError, createMemoryLog, makeAwsClient, makeAwsError } from '../support/fakes.ts'

// Everything that the mnemonic functions hand out, to see afterwards that it was wiped.
const handedOut: Uint8Array[] = []
vi.mock('../../shared/mnemonic.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../shared/mnemonic.ts')>()
  const keep =
    (work: (bytes: Uint8Array) => Uint8Array) =>
    (bytes: Uint8Array): Uint8Array => {
      const result = work(bytes)
      handedOut.push(result)
      return result
    }
  return {
    ...original,
    encodeMnemonic: keep(original.encodeMnemonic),
    decodeMnemonic: keep(original.decodeMnemonic),
  }
})
afterEach(() => {
  handedOut.length = 0
})

const isWiped = (bytes: Uint8Array) => bytes.every((byte) => byte === 0)
const makePhrase = (fill: number, length = 32) => {
  const phrase = encodeMnemonic(new Uint8Array(length).fill(fill))
  handedOut.length = 0
  return phrase
}

/** A vault that holds a text, or none; every key that it gave out is kept. */
function setUp(options: { stored?: string; raced?: string; random?: number } = {}) {
  let stored = options.stored
  const puts: string[] = []
  const secrets: Uint8Array[] = []
  const dataKeys: Buffer[] = []
  const ports: ProvisionPorts = {
    stage: 'local',
    readRecord: async () => stored,
    putRecord: async (text) => {
      puts.push(text)
      stored ??= options.raced ?? text
    },
    generateRandom: async (length) => {
      const bytes = new Uint8Array(length).fill(options.random ?? 7)
      secrets.push(bytes)
      return bytes
    },
    generateDataKey: async () => {
      const plaintext = new Uint8Array(32).fill(9)
      secrets.push(plaintext)
      dataKeys.push(Buffer.from(plaintext))
      return { plaintext, wrapped: Buffer.from('wrapped') }
    },
  }
  return { ports, puts, secrets, dataKeys, read: () => stored }
}

async function makeStored(phrase: Uint8Array): Promise<string> {
  const { ports, read } = setUp()
  await provision(ports, phrase)
  return read() ?? ''
}

/** The phrase in a record, in words; only to be compared, never printed. */
function openStored(text: string | undefined, dataKey: Buffer | undefined): Uint8Array {
  return openPhrase(parseVaultRecord(text ?? ''), 'local', dataKey ?? Buffer.alloc(32))
}

describe('an empty vault', () => {
  it('gets 24 new words, wrapped, under their own commitment', async () => {
    const { ports, puts, dataKeys, read } = setUp()
    const result = await provision(ports)
    const phrase = openStored(read(), dataKeys[0])
    expect(puts).toEqual([read()])
    expect(phrase.filter((byte) => byte === 0x20)).toHaveLength(23)
    expect(result).toEqual({ outcome: 'created', keyring_id: 1, root_commitment: commitMnemonic(phrase) })
    expect(parseVaultRecord(read() ?? '')).toMatchObject({ keyring_id: 1, root_commitment: result.root_commitment })
  })

  it('stores nothing of the phrase in clear', async () => {
    const { ports, dataKeys, read } = setUp()
    await provision(ports)
    const phrase = Buffer.from(openStored(read(), dataKeys[0]))
    const record = parseVaultRecord(read() ?? '')
    const stored = Buffer.concat([Buffer.from(read() ?? ''), Buffer.from(record.ct, 'base64')])
    // Any dozen letters of it in a row.
    const beginnings = Array.from({ length: phrase.length - 12 }, (_, begin) => begin)
    expect(beginnings.filter((begin) => stored.includes(phrase.subarray(begin, begin + 12)))).toEqual([])
    expect(record.ct).toHaveLength(Math.ceil(phrase.length / 3) * 4)
  })

  it('is never the same twice, even when KMS is not random at all', async () => {
    const worlds = [setUp({ random: 0 }), setUp({ random: 0 })]
    const results = await Promise.all(worlds.map(({ ports }) => provision(ports)))
    expect(results[0]?.root_commitment).not.toBe(results[1]?.root_commitment)
  })

  it('nothing secret is left behind', async () => {
    const { ports, secrets } = setUp()
    await provision(ports)
    expect(handedOut).toHaveLength(1)
    expect(secrets).toHaveLength(2)
    expect([...handedOut, ...secrets].filter((bytes) => !isWiped(bytes))).toEqual([])
  })

  it('nothing secret is left behind when the put fails, and the failure is told', async () => {
    const { ports, secrets } = setUp()
    const error = makeAwsError('InternalServiceError')
    expect(await catchError(() => provision({ ...ports, putRecord: () => Promise.reject(error) }))).toBe(error)
    expect(handedOut).toHaveLength(1)
    expect([...handedOut, ...secrets].filter((bytes) => !isWiped(bytes))).toEqual([])
  })

  it('that is still empty after the put is an error', async () => {
    const { ports } = setUp()
    await expect(provision({ ...ports, putRecord: async () => {} })).rejects.toThrow(IntegrityError)
  })
})

describe('a vault that holds a root', () => {
  it('is not touched', async () => {
    const stored = await makeStored(makePhrase(1))
    const { ports, puts, secrets, read } = setUp({ stored })
    expect(await provision(ports)).toEqual({
      outcome: 'present',
      keyring_id: 1,
      root_commitment: commitMnemonic(makePhrase(1)),
    })
    expect(puts).toEqual([])
    expect(secrets).toEqual([])
    expect(read()).toBe(stored)
  })

  it.each(['{}', 'legal winner thank year', '{"v":2}'])(
    'that is no record is an error, and is not shown: %#',
    async (stored) => {
      const { ports, puts } = setUp({ stored })
      const error = await catchError(() => provision(ports))
      expect(error).toBeInstanceOf(IntegrityError)
      expect(error.message).not.toContain('winner')
      expect(puts).toEqual([])
    },
  )

  it('of two that race, the first stands and both answer it', async () => {
    const first = await makeStored(makePhrase(1))
    const { ports, puts, read } = setUp({ raced: first })
    const result = await provision(ports)
    expect(result).toMatchObject({ keyring_id: 1, root_commitment: commitMnemonic(makePhrase(1)) })
    expect(puts).toHaveLength(1)
    expect(read()).toBe(first)
  })
})

describe('a given phrase', () => {
  it('becomes the root of an empty vault, and stays with its owner', async () => {
    const phrase = makePhrase(1)
    const { ports, dataKeys, secrets, read } = setUp()
    const result = await provision(ports, phrase)
    expect(result).toEqual({ outcome: 'created', keyring_id: 1, root_commitment: commitMnemonic(phrase) })
    expect(Buffer.compare(openStored(read(), dataKeys[0]), makePhrase(1))).toBe(0)
    expect(Buffer.compare(phrase, makePhrase(1))).toBe(0)
    // The data key; no random bytes were asked for.
    expect(secrets.map((bytes) => [bytes.length, isWiped(bytes)])).toEqual([[32, true]])
  })

  it('its entropy, decoded to check it, is wiped', async () => {
    const { ports } = setUp()
    const phrase = makePhrase(1)
    await provision(ports, phrase)
    expect(handedOut).toHaveLength(1)
    expect(handedOut.every(isWiped)).toBe(true)
  })

  it('that is in the vault already is accepted', async () => {
    const { ports, puts } = setUp({ stored: await makeStored(makePhrase(1)) })
    expect(await provision(ports, makePhrase(1))).toMatchObject({ outcome: 'present' })
    expect(puts).toEqual([])
  })

  it.each(['stored', 'raced'] as const)('other than the one %s is refused, and neither is shown', async (where) => {
    const { ports } = setUp({ [where]: await makeStored(makePhrase(1)) })
    const error = await catchError(() => provision(ports, makePhrase(2)))
    expect(error).toBeInstanceOf(ConfigurationError)
    expect(error.message).toMatch(/^the vault holds another mnemonic than the one given\./)
    expect(error.message).not.toMatch(/[0-9a-f]{64}/)
  })

  it.each([16, 20, 24, 28])('of %i bytes of entropy is refused: a root has 24 words', async (length) => {
    const { ports, puts } = setUp()
    const expected = new ConfigurationError(`expected a mnemonic of 24 words; got ${(length * 3) / 4}`)
    expect(await catchError(() => provision(ports, makePhrase(1, length)))).toEqual(expected)
    expect(puts).toEqual([])
  })

  it.each(['', 'legal winner', 'x'.repeat(10_000)])(
    'that is no mnemonic is refused before anything is read: %#',
    async (text) => {
      const { ports } = setUp()
      const readRecord = vi.fn(ports.readRecord)
      await expect(provision({ ...ports, readRecord }, Buffer.from(text))).rejects.toThrow(MnemonicError)
      expect(readRecord).not.toHaveBeenCalled()
    },
  )
})

describe('the provision function', () => {
  it('takes no input and tells the outcome', async () => {
    const log = createMemoryLog()
    const { ports } = setUp()
    const handle = createHandler({ ...ports, log })
    expect(await handle()).toMatchObject({ outcome: 'created' })
    expect(await handle()).toMatchObject({ outcome: 'present' })
    expect(log.lines.map(({ fields }) => fields)).toEqual([
      { status: 'created', keyring_id: 1 },
      { status: 'present', keyring_id: 1 },
    ])
  })
})

describe('the ports on AWS', () => {
  const vault = { stage: 'local', secretArn: 'arn:secret', keyArn: 'arn:key' }
  const setUpAws = (send: (command: string) => unknown) => {
    const kms = makeAwsClient<KMSClient>(send)
    const secrets = makeAwsClient<SecretsManagerClient>(send)
    const ports = createVaultPorts({ kms: kms.client, secrets: secrets.client }, vault)
    return { ports, kms: kms.commands, secrets: secrets.commands }
  }

  it('puts under a fixed client request token, so that the first put stands', async () => {
    const { ports, secrets } = setUpAws(() => ({}))
    await ports.putRecord('one')
    await ports.putRecord('two')
    const tokens = secrets.map(({ input }) => input.ClientRequestToken)
    expect(new Set(tokens).size).toBe(1)
    expect(String(tokens[0]).length).toBeGreaterThanOrEqual(32)
    expect(String(tokens[0]).length).toBeLessThanOrEqual(64)
    expect(secrets[0]).toEqual({
      name: 'PutSecretValueCommand',
      input: { SecretId: 'arn:secret', SecretString: 'one', ClientRequestToken: tokens[0] },
    })
  })

  it('takes a refused put for another that was first', async () => {
    const { ports } = setUpAws(() => {
      throw makeAwsError('ResourceExistsException')
    })
    await expect(ports.putRecord('one')).resolves.toBeUndefined()
  })

  it.each(['AccessDeniedException', 'InternalServiceError'])('throws any other failure of a put: %s', async (name) => {
    const error = makeAwsError(name)
    const { ports } = setUpAws(() => {
      throw error
    })
    expect(await catchError(() => ports.putRecord('one'))).toBe(error)
  })

  it('reads nothing where there is no value yet, and throws any other failure', async () => {
    const failures = [makeAwsError('ResourceNotFoundException'), makeAwsError('AccessDeniedException')]
    const { ports } = setUpAws(() => {
      throw failures.shift()
    })
    expect(await ports.readRecord()).toBeUndefined()
    expect((await catchError(ports.readRecord)).name).toBe('AccessDeniedException')
  })

  it('asks KMS for random bytes, and takes no fewer', async () => {
    const lengths = [32, 16]
    const { ports, kms } = setUpAws(() => ({ Plaintext: new Uint8Array(lengths.shift() ?? 0) }))
    expect(await ports.generateRandom(32)).toHaveLength(32)
    expect(kms).toEqual([{ name: 'GenerateRandomCommand', input: { NumberOfBytes: 32 } }])
    await expect(ports.generateRandom(32)).rejects.toThrow(IntegrityError)
    await expect(ports.generateRandom(32)).rejects.toThrow(IntegrityError)
  })

  it('asks KMS for a data key under the encryption context of the stage', async () => {
    const answers = [{ Plaintext: new Uint8Array(32), CiphertextBlob: Buffer.from('wrapped') }, {}]
    const { ports, kms } = setUpAws(() => answers.shift())
    expect(await ports.generateDataKey()).toEqual({ plaintext: new Uint8Array(32), wrapped: Buffer.from('wrapped') })
    expect(kms[0]).toEqual({
      name: 'GenerateDataKeyCommand',
      input: {
        KeyId: 'arn:key',
        KeySpec: 'AES_256',
        EncryptionContext: { app: 'verified-wallets', stage: 'local', purpose: 'wallet-root' },
      },
    })
    await expect(ports.generateDataKey()).rejects.toThrow(IntegrityError)
  })
})
