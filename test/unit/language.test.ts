// The language of the system: nouns, events byte by byte, errors, environments.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { intakeEnvironment } from '../../functions/intake/environment.ts'
import { walletEnvironment } from '../../functions/wallet/environment.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { ConfigurationError, describeGot, IntegrityError, RequestError, UnavailableError } from '../../shared/errors.ts'
import { toUserVerified, toWalletCreated, userVerifiedSchema } from '../../shared/events.ts'
import { createPublisher, toPublication } from '../../shared/kafka.ts'
import {
  addressTypes,
  isAddressTypeOf,
  isRequestId,
  networkSchema,
  networks,
  parseDocumentKey,
  toDocumentKey,
  userIdSchema,
} from '../../shared/model.ts'
import { catchError, makeVerification, makeWallet, noon, verificationId } from '../support/fakes.ts'

/** UUIDv5, by the letter of RFC 9562, section 5.5. */
function makeUuidV5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
const namespace = '6f0c1f0e-9d0b-5a53-8a0e-3f1f3c1d9c55'

describe('user.verified', () => {
  const row = { ...makeVerification({ status: 'verified' }), verifiedAt: new Date('2026-01-02T12:00:03.250Z') }

  // Pinned: a consumer's table of event ids, and what is on Kafka already, know exactly these bytes.
  it('is exactly these bytes', () => {
    expect(toUserVerified(row)).toEqual({
      key: 'user-1',
      value:
        '{"event":"user.verified","version":1,"event_id":"fb771d51-adbe-5a8b-b507-172d801d37d4",' +
        '"verification_id":"6b0f8a1e-0c5d-4c58-9b6e-2f6a3d1c9e70","user_id":"user-1","network":"ethereum",' +
        '"address_type":"eip55",' +
        '"document_sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",' +
        '"timestamp":"2026-01-02T12:00:03.250Z"}',
      headers: { event_type: 'user.verified', request_id: 'request-1', timestamp: '2026-01-02T12:00:03.250Z' },
    })
  })

  it('has the UUIDv5 of its name and the id of its row', () => {
    const { event_id } = JSON.parse(toUserVerified(row).value) as { event_id: string }
    expect(event_id).toBe(makeUuidV5(namespace, `user.verified:${verificationId}`))
  })

  it('is the same bytes for the same row, announced or not, and another id for another row', () => {
    expect(toUserVerified({ ...row, announcedAt: noon, status: 'verified' })).toEqual(toUserVerified({ ...row }))
    const other = toUserVerified({ ...row, id: '6b0f8a1e-0c5d-4c58-9b6e-2f6a3d1c9e71' })
    expect(JSON.parse(other.value)).not.toMatchObject({ event_id: JSON.parse(toUserVerified(row).value).event_id })
  })

  it('is read back by its own schema, for every user, network and address type', () => {
    const rows = fc.record({
      userId: fc
        .string({ unit: 'binary', minLength: 1, maxLength: 20 })
        .filter((id) => userIdSchema.safeParse(id).success),
      network: fc.constantFrom(...networks),
      verifiedAt: fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
    })
    fc.assert(
      fc.property(rows, fc.nat(), ({ network, ...rest }, nth) => {
        const addressType = addressTypes[network][nth % addressTypes[network].length]
        if (addressType === undefined) throw new Error('expected an address type of each network')
        const { key, value } = toUserVerified({ ...row, ...rest, network, addressType })
        expect(key).toBe(rest.userId)
        expect(userVerifiedSchema.parse(JSON.parse(value))).toEqual(JSON.parse(value))
      }),
      { numRuns: 100 },
    )
  })
})

describe('wallet.created', () => {
  const wallet = makeWallet()

  it('is exactly these bytes', () => {
    expect(toWalletCreated(wallet)).toEqual({
      key: 'user-1',
      value:
        '{"event":"wallet.created","version":1,"event_id":"7de004d4-6e67-556f-b442-d64714c1b813","user_id":"user-1",' +
        '"network":"ethereum","address_type":"eip55",' +
        '"wallet_address":"0x9858EfFD232B4033E47d90003D41EC34EcaEda94","derivation_path":"m/44\'/60\'/7\'/0/0",' +
        '"timestamp":"2026-01-02T12:00:00.000Z"}',
      headers: { event_type: 'wallet.created', request_id: 'request-1', timestamp: '2026-01-02T12:00:00.000Z' },
    })
  })

  it('has the UUIDv5 of its name and the key of its row', () => {
    const { event_id } = JSON.parse(toWalletCreated(wallet).value) as { event_id: string }
    expect(event_id).toBe(makeUuidV5(namespace, 'wallet.created:["user-1","ethereum","eip55",1]'))
  })

  it('has an id of its own for every user, network, address type and keyring', () => {
    const rows = [
      wallet,
      makeWallet({ userId: 'user-2' }),
      makeWallet({ network: 'tron', addressType: 'base58check' }),
      ...addressTypes.bitcoin.map((addressType) => makeWallet({ network: 'bitcoin', addressType })),
      makeWallet({ keyringId: 2 }),
      makeWallet({ userId: 'user-1","ethereum' }),
    ]
    const ids = rows.map((row) => (JSON.parse(toWalletCreated(row).value) as { event_id: string }).event_id)
    expect(new Set(ids).size).toBe(rows.length)
  })
})

describe('publishing', () => {
  const publisher = createPublisher({
    brokers: ['127.0.0.1:1'],
    clientId: 'test',
    login: undefined,
    deadline: 1000,
    now: () => 0,
  })

  it('of nothing needs no broker', async () => {
    await expect(publisher.publish([])).resolves.toBeUndefined()
    await expect(publisher.close()).resolves.toBeUndefined()
  })

  it('takes an event as it is', () => {
    const record = toWalletCreated(makeWallet())
    expect(toPublication('wallet.created', record)).toEqual({ topic: 'wallet.created', ...record })
  })

  it('runs on a kafkajs whose idle connections set no timer', async () => {
    const { default: RequestQueue } = await import('kafkajs/src/network/requestQueue/index.js')
    const queue = { throttleCheckTimeoutId: null, pending: [], throttledUntil: -1 }
    RequestQueue.prototype.scheduleCheckPendingRequests.call(queue as unknown as InstanceType<typeof RequestQueue>)
    expect(queue.throttleCheckTimeoutId).toBeNull()
  })
})

describe('networks and address types', () => {
  it('every address type belongs to one network', () => {
    const types = networks.flatMap((network) => [...addressTypes[network]])
    expect(new Set(types).size).toBe(types.length)
    for (const network of networks) {
      expect(types.filter((type) => isAddressTypeOf(network, type))).toEqual(addressTypes[network])
      expect(isAddressTypeOf(network, 'toString')).toBe(false)
    }
  })

  it('the default of Bitcoin is p2pkh, and its types are all of BIP-44, 49, 84 and 86', () => {
    expect(addressTypes.bitcoin).toEqual(['p2pkh', 'p2sh-p2wpkh', 'p2wpkh', 'p2tr'])
  })

  it('a network is read in any case, by ASCII letters only', () => {
    expect(['Ethereum', 'BITCOIN', 'tRON'].map((name) => networkSchema.parse(name))).toEqual(networks)
    // Capitals of another alphabet become these letters in some languages.
    expect(networkSchema.safeParse('B\u0130TCOIN').success).toBe(false)
    expect(networkSchema.safeParse(' tron').success).toBe(false)
  })
})

describe('a document key', () => {
  it('names a verification and an attempt, and is read back', () => {
    expect(toDocumentKey({ id: verificationId, attempt: 12 })).toBe(`incoming/${verificationId}/12`)
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 999_999_999 }), (id, attempt) => {
        expect(parseDocumentKey(toDocumentKey({ id, attempt }))).toEqual({ id, attempt })
      }),
      { numRuns: 100 },
    )
  })

  it.each([
    '',
    `incoming/${verificationId}`,
    `incoming/${verificationId}/0`,
    `incoming/${verificationId}/01`,
    `incoming/${verificationId}/-1`,
    `incoming/${verificationId}/1.5`,
    `incoming/${verificationId}/1234567890`,
    `incoming/${verificationId}/1/2`,
    `incoming/${verificationId}/1\n`,
    `incoming/${verificationId.toUpperCase()}/1`,
    `/incoming/${verificationId}/1`,
    `incoming/../${verificationId}/1`,
  ])('is not %j', (key) => {
    expect(parseDocumentKey(key)).toBeUndefined()
  })
})

describe('a request id', () => {
  it.each(['a', 'A-b_c.d:e/f+g=h@i', '0'.repeat(128), verificationId])('may be %s', (text) => {
    expect(isRequestId(text)).toBe(true)
  })
  it.each(['', ' ', 'a b', 'a\n', '\u0000', 'é', '0'.repeat(129), '{}', '"'])('may not be %j', (text) => {
    expect(isRequestId(text)).toBe(false)
  })
})

describe('errors', () => {
  it('every code that a client may get stands in the README', async () => {
    const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
    const sources = ['intake/handler', 'intake/receive-document', 'intake/requests', 'read/handler', '../shared/http']
    const code = (await Promise.all(sources.map((name) => read(`functions/${name}.ts`)))).join('\n')
    const codes = [...code.matchAll(/(?:RequestError|problem)\(\s*\d{3},\s*'(\w+)'/g)].map(([, name]) => name)
    expect(codes).toEqual(expect.arrayContaining(['malformed_body', 'invalid_field', 'unavailable', 'internal']))
    const readme = await read('README.md')
    expect(codes.filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
  })

  it('answer whose fault it is and whether a retry is worth it', () => {
    const cause = new Error('cause')
    const issues = [{ path: 'user_id', message: 'expected one' }]
    expect(new RequestError(422, 'invalid_field', 'detail', issues)).toMatchObject({
      name: 'RequestError',
      message: 'detail',
      status: 422,
      code: 'invalid_field',
      issues,
      retriable: false,
    })
    expect(new RequestError(400, 'code', 'detail').issues).toBeUndefined()
    expect(new UnavailableError('kafka', 'away', { cause })).toMatchObject({
      name: 'UnavailableError',
      part: 'kafka',
      retriable: true,
      cause,
    })
    expect(new ConfigurationError('wrong')).toMatchObject({ name: 'ConfigurationError', retriable: false })
    expect(new IntegrityError('wrong', { cause })).toMatchObject({ name: 'IntegrityError', retriable: false, cause })
  })

  it.each([
    ['dogecoin', '"dogecoin"'],
    ['p2sh-p2wpkh', '"p2sh-p2wpkh"'],
    ['a'.repeat(32), `"${'a'.repeat(32)}"`],
    ['a'.repeat(33), '33 characters'],
    ['two words', '9 characters'],
    ['<b>', '3 characters'],
    ['', '0 characters'],
    ['a\n', '2 characters'],
  ])('what was got is told of %j as %s', (text, expected) => {
    expect(describeGot(text)).toBe(expected)
  })
})

describe('an environment', () => {
  const environment = {
    STAGE: 'local',
    DATABASE_HOST: '127.0.0.1',
    DATABASE_PORT: '5432',
    DATABASE_NAME: 'wallets',
    DATABASE_LOGIN: 'secret:arn:secret',
    DATABASE_TLS: 'off',
    DOCUMENT_BUCKET: 'documents',
    MAX_DOCUMENT_SIZE_MB: '10',
    MAX_ATTEMPTS: '10',
    POST_LIMIT_CAPACITY: '20',
    POST_LIMIT_REFILL_PER_SECOND: '2.5',
    ANNOUNCE_FUNCTION: 'announce',
  }

  it('is read through its schema; what else stands there is left out', () => {
    expect(parseEnvironment(intakeEnvironment, { ...environment, PATH: '/bin' })).toEqual({
      ...environment,
      DATABASE_LOGIN: { kind: 'secret', arn: 'arn:secret' },
    })
  })

  it('names all that is missing or malformed, and shows no value', async () => {
    const given = { ...environment, DATABASE_PORT: 'hunter2', DOCUMENT_BUCKET: '', DATABASE_NAME: undefined }
    const error = await catchError(() => parseEnvironment(intakeEnvironment, given))
    expect(error).toEqual(
      new ConfigurationError(
        'missing or malformed environment variables: DATABASE_PORT, DATABASE_NAME, DOCUMENT_BUCKET',
      ),
    )
  })

  it.each([
    [
      'secret:arn:aws:secretsmanager:eu-west-1:1:secret:x',
      { kind: 'secret', arn: 'arn:aws:secretsmanager:eu-west-1:1:secret:x' },
    ],
    ['iam:app_read', { kind: 'iam', role: 'app_read' }],
  ])('tells from %j how to sign in to the database', (text, login) => {
    expect(parseEnvironment(intakeEnvironment, { ...environment, DATABASE_LOGIN: text }).DATABASE_LOGIN).toEqual(login)
  })

  const hex = 'ab'.repeat(32)
  it.each([
    ['of-record', { kind: 'of-record' }],
    ['none', { kind: 'none' }],
    [hex, { kind: 'commitment', commitment: hex }],
  ])('tells from %j which root may be opened', (text, root) => {
    expect(walletEnvironment.shape.ROOT_COMMITMENT.parse(text)).toEqual(root)
  })

  it.each([
    ...['', 'app_read', 'secret:', 'iam:', 'password:x', ' iam:app_read'].map(
      (text) => ['DATABASE_LOGIN', text] as const,
    ),
    ...['', 'on', 'RDS'].map((text) => ['DATABASE_TLS', text] as const),
  ])('refuses %s=%j', async (name, text) => {
    const error = await catchError(() => parseEnvironment(intakeEnvironment, { ...environment, [name]: text }))
    expect(error).toEqual(new ConfigurationError(`missing or malformed environment variables: ${name}`))
  })

  it.each([undefined, '', 'record', hex.toUpperCase(), hex.slice(1), `${hex}0`])('refuses %j for a root', (text) => {
    expect(walletEnvironment.shape.ROOT_COMMITMENT.safeParse(text).success).toBe(false)
  })

  it('names a variable once, however much is wrong with it', async () => {
    const schema = z.object({ A: z.string().min(3).regex(/^\d+$/) })
    const error = await catchError(() => parseEnvironment(schema, { A: 'x' }))
    expect(error.message).toBe('missing or malformed environment variables: A')
  })
})
