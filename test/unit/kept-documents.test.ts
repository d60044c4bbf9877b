// The ports of keeping a document: its data key is made once and never seen in clear where the database is; a copy is sealed
// with it and put; and what there is a verdict on goes, but for what is kept.
import type { KMSClient } from '@aws-sdk/client-kms'
import type { S3Client } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { createKeepCopy } from '../../functions/inspect/keep-copy.ts'
import { openCopy } from '../../functions/inspect/sealed-copy.ts'
import { createEnsureDataKey } from '../../functions/verification/data-keys.ts'
import { discardDocument } from '../../functions/verification/discard.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { createDeleteObjects } from '../../shared/kept-documents.ts'
import { catchError, makeAwsClient, makeAwsError, verificationId } from '../support/fakes.ts'

const first = { id: verificationId, attempt: 1 }
const context = { app: 'verified-wallets', stage: 'dev', purpose: 'document', verification_id: verificationId }

describe('a data key', () => {
  const wrapped = Buffer.from('wrapped')
  const kms = (answer: object = { CiphertextBlob: wrapped }) => makeAwsClient<KMSClient>(() => answer)
  const settings = { stage: 'dev', keyArn: 'arn:key', bucket: 'data-keys' }

  it('is made wrapped, bound to its verification, and lies in the bucket before anybody uses it', async () => {
    const [keys, bucket] = [kms(), makeAwsClient<S3Client>(() => ({}))]
    const ensure = createEnsureDataKey({ kms: keys.client, s3: bucket.client }, settings)
    expect(await ensure(first)).toBe(wrapped)
    expect(keys.commands).toEqual([
      {
        name: 'GenerateDataKeyWithoutPlaintextCommand',
        input: { KeyId: 'arn:key', KeySpec: 'AES_256', EncryptionContext: context },
      },
    ])
    expect(bucket.commands).toEqual([
      {
        name: 'PutObjectCommand',
        input: { Bucket: 'data-keys', Key: `keys/${verificationId}/1`, Body: wrapped, IfNoneMatch: '*' },
      },
    ])
  })

  it('of an earlier delivery is used again: what that sealed must open', async () => {
    const earlier = Buffer.from('earlier')
    const bucket = makeAwsClient<S3Client>((command) => {
      if (command === 'PutObjectCommand') throw makeAwsError('PreconditionFailed')
      return { Body: { transformToByteArray: async () => earlier } }
    })
    const ensure = createEnsureDataKey({ kms: kms().client, s3: bucket.client }, settings)
    expect(await ensure(first)).toBe(earlier)
  })

  it.each([
    ['KMS is away', () => makeAwsError('KMSInternalException'), () => ({})],
    ['KMS answers none', () => ({}), () => ({})],
    ['S3 is away', () => ({ CiphertextBlob: wrapped }), () => makeAwsError('SlowDown')],
  ] as const)('%s: the message comes again', async (_name, ofKms, ofS3) => {
    const throwing = (answer: () => object) => () => {
      const result = answer()
      if (result instanceof Error) throw result
      return result
    }
    const clients = {
      kms: makeAwsClient<KMSClient>(throwing(ofKms)).client,
      s3: makeAwsClient<S3Client>(throwing(ofS3)).client,
    }
    expect(await catchError(() => createEnsureDataKey(clients, settings)(first))).toBeInstanceOf(UnavailableError)
  })

  it('of an earlier delivery that S3 answers without its bytes: the message comes again', async () => {
    const bucket = makeAwsClient<S3Client>((command) => {
      if (command === 'PutObjectCommand') throw makeAwsError('PreconditionFailed')
      return {}
    })
    const ensure = createEnsureDataKey({ kms: kms().client, s3: bucket.client }, settings)
    expect(await catchError(() => ensure(first))).toBeInstanceOf(UnavailableError)
  })

  it('that was destroyed between put and get: the message comes again', async () => {
    const bucket = makeAwsClient<S3Client>((command) => {
      throw makeAwsError(command === 'PutObjectCommand' ? 'PreconditionFailed' : 'NoSuchKey')
    })
    const ensure = createEnsureDataKey({ kms: kms().client, s3: bucket.client }, settings)
    expect(await catchError(() => ensure(first))).toBeInstanceOf(UnavailableError)
  })
})

describe('a clean copy', () => {
  const copy = { mediaType: 'image/jpeg', bytes: Buffer.from('pixels') } as const
  const origin = { ...first, sha256: Buffer.alloc(32, 5) }
  const dataKey = Buffer.alloc(32, 1)
  const options = { wrappedDataKey: Buffer.from('wrapped'), abortSignal: AbortSignal.timeout(60_000) }
  const settings = { stage: 'dev', keyArn: 'arn:key', bucket: 'documents' }

  it('is sealed with its own data key, put under its own name, and the key is wiped', async () => {
    const handed = Buffer.from(dataKey)
    const kms = makeAwsClient<KMSClient>(() => ({ Plaintext: handed }))
    const s3 = makeAwsClient<S3Client>(() => ({}))
    await createKeepCopy({ kms: kms.client, s3: s3.client }, settings)(copy, origin, options)
    expect(kms.commands).toEqual([
      {
        name: 'DecryptCommand',
        input: { KeyId: 'arn:key', CiphertextBlob: Buffer.from('wrapped'), EncryptionContext: context },
      },
    ])
    const [put] = s3.commands
    expect(put?.input).toMatchObject({ Bucket: 'documents', Key: `kept/${verificationId}/1` })
    expect(openCopy(put?.input.Body as Uint8Array, { origin, dataKey })).toEqual(copy)
    expect(handed.equals(Buffer.alloc(32))).toBe(true)
  })

  it('is never sealed twice with one vector', async () => {
    const kms = makeAwsClient<KMSClient>(() => ({ Plaintext: Buffer.from(dataKey) }))
    const s3 = makeAwsClient<S3Client>(() => ({}))
    const keep = createKeepCopy({ kms: kms.client, s3: s3.client }, settings)
    for (let time = 0; time < 3; time++) await keep(copy, origin, options)
    const bodies = s3.commands.map(({ input }) => Buffer.from(input.Body as Uint8Array).toString('hex'))
    expect(new Set(bodies).size).toBe(3)
  })

  it('without a data key of 32 bytes is put nowhere', async () => {
    const kms = makeAwsClient<KMSClient>(() => ({ Plaintext: Buffer.alloc(16) }))
    const s3 = makeAwsClient<S3Client>(() => ({}))
    const keep = createKeepCopy({ kms: kms.client, s3: s3.client }, settings)
    await catchError(() => keep(copy, origin, options))
    expect(s3.commands).toEqual([])
  })
})

describe('deleting objects', () => {
  it('takes as many at once as S3 does', async () => {
    const s3 = makeAwsClient<S3Client>(() => ({}))
    const keys = Array.from({ length: 1001 }, (_, number) => `kept/${number}`)
    await createDeleteObjects(s3.client, 'documents')(keys)
    const sent = s3.commands.map(({ input }) => input.Delete as { Objects: { Key: string }[] })
    expect(sent.map(({ Objects }) => Objects.length)).toEqual([1000, 1])
    expect(sent.flatMap(({ Objects }) => Objects.map(({ Key }) => Key))).toEqual(keys)
  })

  it('asks for nothing when there is nothing', async () => {
    const s3 = makeAwsClient<S3Client>(() => ({}))
    await createDeleteObjects(s3.client, 'documents')([])
    expect(s3.commands).toEqual([])
  })

  it('is not done while one is left, whatever the status of the answer', async () => {
    const s3 = makeAwsClient<S3Client>(() => ({ Errors: [{ Key: 'kept/1', Code: 'InternalError' }] }))
    const error = await catchError(() => createDeleteObjects(s3.client, 'documents')(['kept/1', 'kept/2']))
    expect(error).toBeInstanceOf(UnavailableError)
    expect(error.message).toContain('InternalError')
  })

  it('fails as something that comes again when S3 is away', async () => {
    const s3 = makeAwsClient<S3Client>(() => {
      throw makeAwsError('SlowDown')
    })
    expect(await catchError(() => createDeleteObjects(s3.client, 'documents')(['kept/1']))).toBeInstanceOf(
      UnavailableError,
    )
  })
})

describe('what there is a verdict on', () => {
  async function discard(attempt: number, keptAttempts: readonly number[]) {
    const steps: string[] = []
    const short = (keys: readonly string[]) => keys.map((key) => key.replace(`/${verificationId}/`, ' ')).join(', ')
    await discardDocument(
      {
        findKeptAttempts: async () => keptAttempts,
        deleteDataKeys: async (keys) => void steps.push(short(keys)),
        deleteDocuments: async (keys) => void steps.push(short(keys)),
      },
      { id: verificationId, attempt },
    )
    return steps.filter((step) => step !== '')
  }

  it('is deleted, the key first, when it is not kept', async () => {
    expect(await discard(1, [])).toEqual(['keys 1', 'kept 1, incoming 1'])
  })

  it('keeps key and copy when it is, and loses the original', async () => {
    expect(await discard(1, [1])).toEqual(['incoming 1'])
  })

  it('goes with what is left of earlier attempts', async () => {
    expect(await discard(2, [2])).toEqual(['keys 1', 'kept 1, incoming 1', 'incoming 2'])
  })
})
