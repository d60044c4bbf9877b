// Erasure, proven on a stack of its own: database and document bucket are copied, documents are erased, the stack is stopped
// and every byte that it left on disk searched; then both copies are put back, and nobody can open them.
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DecryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import postgres from 'postgres'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type CopyOrigin, openCopy } from '../../functions/inspect/sealed-copy.ts'
import { type DocumentAttempt, toDataKeyKey, toDocumentContext, toKeptKey } from '../../shared/kept-documents.ts'
import { toDocumentKey } from '../../shared/model.ts'
import { openClient } from '../support/client.ts'
import { samples } from '../support/fixtures.ts'
import {
  type Api,
  call,
  openApi,
  postDocument,
  runStart,
  type StackDescription,
  type StackProcess,
  stopStack,
  waitForWallet,
  waitUntilStackIsReady,
} from '../support/local-stack.ts'
import { findAnyOf, listNeedles } from '../support/needles.ts'
import { uploadDocument } from '../support/upload-document.ts'

const folder = mkdtempSync(join(inject('stacksFolder'), 'erasure-'))
const [state, copies] = [join(folder, 'stack'), join(folder, 'copies')]
const databaseFolder = join(state, 'postgres', 'data')
let stackProcess: StackProcess
let stack: StackDescription
let api: Api
let outputs: Readonly<Record<string, string>>

async function start(): Promise<void> {
  stackProcess = runStart(['--state', state, '--port', '0'], { VERIFICATION_DELAY_SECONDS: '0' })
  stack = await waitUntilStackIsReady(stackProcess, state)
  api = await openApi(stack, state)
  const stacks: Record<string, Record<string, string>> = JSON.parse(readFileSync(join(state, 'outputs.json'), 'utf8'))
  outputs = Object.assign({}, ...Object.values(stacks))
}

beforeAll(start)
afterAll(async () => {
  await stopStack(stackProcess)
  rmSync(folder, { recursive: true, force: true })
})

/** As the account's root: no policy stops it. */
const clientOptions = () => ({
  endpoint: stack.emulator_url,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
})

const bucketOf = (key: string) =>
  (key.startsWith('keys/') ? outputs.DataKeyBucketName : outputs.DocumentBucketName) ?? ''

async function readObject(key: string): Promise<Uint8Array | undefined> {
  const s3 = new S3Client({ ...clientOptions(), forcePathStyle: true })
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucketOf(key), Key: key }))
    return await Body?.transformToByteArray()
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') return undefined
    throw error
  }
}

async function unwrap(wrapped: Uint8Array, id: string): Promise<Uint8Array> {
  const kms = new KMSClient(clientOptions())
  const { Plaintext } = await kms.send(
    new DecryptCommand({
      ...{ KeyId: outputs.DocumentDataKeyArn, CiphertextBlob: wrapped },
      EncryptionContext: toDocumentContext('local', id),
    }),
  )
  if (!Plaintext) throw new Error('expected a data key')
  return Plaintext
}

/** The folder in which the emulator holds the objects of the document bucket. */
const findBucketFolder = () => join(state, 'emulator/s3/000000000000', outputs.DocumentBucketName ?? '')

/** Owners and times too: the server runs as another user where the tests run as root. Anew when it has just deleted a file. */
function copyFolder(from: string, to: string, attempts = 5): void {
  try {
    execFileSync('cp', ['-a', from, to])
  } catch (error) {
    if (attempts === 1) throw error
    rmSync(to, { recursive: true, force: true })
    copyFolder(from, to, attempts - 1)
  }
}

/** A copy of the database while it is in use, which a server can start on (PostgreSQL, "Low-Level API Base Backup"). */
async function copyDatabase(): Promise<void> {
  const copy = join(copies, 'database')
  const sql = postgres(stack.database_url, { max: 1, onnotice: () => {} })
  await sql`select pg_backup_start('erasure', fast => true)`
  copyFolder(databaseFolder, copy)
  const [stop] = await sql<[{ label: string }]>`select labelfile as label from pg_backup_stop(false)`
  await sql.end()
  // With the log up to the end of the copying.
  rmSync(join(copy, 'pg_wal'), { recursive: true })
  copyFolder(join(databaseFolder, 'pg_wal'), join(copy, 'pg_wal'))
  const label = join(copy, 'backup_label')
  writeFileSync(label, stop.label)
  const { uid, gid } = statSync(copy)
  chownSync(label, uid, gid)
  rmSync(join(copy, 'postmaster.pid'))
}

/** A photograph that nobody has ever taken: the sample under noise. */
async function makePhotograph(): Promise<Uint8Array> {
  const { width, height } = await sharp(samples.photo).metadata()
  const noise = Buffer.from(randomBytes(width * height * 3).map((value) => 112 + (value >> 3)))
  const raw = { width, height, channels: 3 } as const
  return await sharp(samples.photo)
    .composite([{ input: noise, raw, blend: 'soft-light' }])
    .jpeg({ quality: 92 })
    .toBuffer()
}

/** What comes before the scan, as all files of the type have it, and is no secret. */
const headLength = 1000
/** What wraps a data key names the KMS key first. */
const keyNameLength = 36
/** The header of a sealed copy holds id and hash, which stay. */
const sealedHeaderLength = 66

type Secret = 'original' | 'copy' | 'sealed' | 'dataKey' | 'wrapped'

/** A document that passed: by whose id it is asked for, and what the objects of its copy and key are named after. */
type Kept = {
  readonly user: string
  readonly id: string
  readonly object: DocumentAttempt
  readonly origin: CopyOrigin
  readonly sealed: Uint8Array
  readonly secrets: Readonly<Record<Secret, Uint8Array>>
}

const toDigest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

/** Sends it with its request. */
async function post(user: string, document: Uint8Array): Promise<string> {
  const posted = await postDocument(api, { user_id: user, network: 'tron', document })
  return String(posted.body.verification_id)
}

/** Sends it by itself. */
async function upload(user: string, document: Uint8Array): Promise<string> {
  const client = openClient(api)
  const body = { user_id: user, network: 'tron', content_type: 'image/jpeg', size: document.length } as const
  const { data } = await client.POST('/verify/uploads', { body })
  if (!data?.upload) throw new Error('expected a form')
  expect((await uploadDocument(data.upload, document)).status).toBe(204)
  return data.verification_id
}

/** Makes a verification of that document that expired, as one is left whose document never came to S3. */
async function leaveExpired(user: string, document: Uint8Array): Promise<void> {
  const sql = postgres(stack.database_url, { max: 1, onnotice: () => {} })
  await sql`
    insert into verification.verifications
      (id, user_id, network, address_type, document_sha256, status, request_id, created_at, exclusive)
    values (${randomUUID()}, ${user}, 'tron', 'base58check', ${toDigest(document)}, 'expired', 'test', now(), true)`
  await sql.end()
}

const ways: Readonly<Record<string, (user: string, document: Uint8Array) => Promise<string>>> = {
  inline: post,
  uploaded: upload,
  // Its copy is named after the upload, and is the earlier verification's.
  again: async (user, document) => {
    await leaveExpired(user, document)
    return await upload(user, document)
  },
}

/** Has a document verified, and reads what is kept of it. */
async function bring(user: string, send: (typeof ways)[string]): Promise<Kept> {
  const original = await makePhotograph()
  const id = await send(user, original)
  const object = { id, attempt: 1 }
  await waitForWallet(api, user, 'tron')
  await expect.poll(() => readObject(toDocumentKey(object)), { timeout: 60_000 }).toBeUndefined()
  const [sealed, wrapped] = [await readObject(toKeptKey(object)), await readObject(toDataKeyKey(object))]
  if (!sealed || !wrapped) throw new Error('expected a sealed copy and its key')
  const dataKey = await unwrap(wrapped, id)
  const origin = { ...object, sha256: toDigest(original) }
  const copy = openCopy(sealed, { origin, dataKey })
  expect(copy.mediaType).toBe('image/jpeg')
  expect(await sharp(copy.bytes).metadata()).toMatchObject({ format: 'jpeg' })
  expect(Buffer.from(copy.bytes).equals(original)).toBe(false)
  const secrets = {
    ...{ original: original.subarray(headLength), copy: copy.bytes.subarray(headLength), dataKey },
    ...{ sealed: sealed.subarray(sealedHeaderLength), wrapped: wrapped.subarray(keyNameLength) },
  }
  return { user, id, object, origin, sealed, secrets }
}

describe('documents that passed, sent with the request, by themselves, and again', () => {
  const documents: Kept[] = []

  const verificationOf = async ({ id }: Kept) => (await call(api, `/verify/${id}`)).body
  const walletOf = async ({ user }: Kept) => (await call(api, `/wallet/${user}?network=tron`)).body
  const erase = ({ id }: Kept) => call(api, `/verify/${id}/document`, { method: 'DELETE' })
  const listSecrets = (named: readonly Secret[] = ['original', 'copy', 'sealed', 'dataKey', 'wrapped']) =>
    Object.fromEntries(
      documents.flatMap(({ user, secrets }) => named.map((name) => [`${user} ${name}`, secrets[name]] as const)),
    )
  const findSecrets = async (folder: string) => (await findAnyOf(folder, listNeedles(listSecrets()))).toSorted()

  it('are kept sealed, open with their keys, and their originals are gone', async () => {
    for (const [user, send] of Object.entries(ways)) documents.push(await bring(user, send))
    for (const document of documents) {
      expect(await verificationOf(document)).toMatchObject({ status: 'verified', document: 'kept' })
    }
    const [inline, uploaded, again] = await Promise.all(documents.map(verificationOf))
    expect([inline?.duplicate_of, uploaded?.duplicate_of]).toEqual([null, null])
    expect(again).toMatchObject({ attempt: 2, duplicate_of: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    // The search finds what is there; in clear nothing is.
    expect(await findSecrets(state)).toEqual(Object.keys(listSecrets(['sealed', 'wrapped'])).toSorted())
  })

  it('are held by a legal hold, against their user and against time', async () => {
    for (const document of documents) {
      const path = `/verify/${document.id}/legal-hold`
      expect((await call(api, path, { method: 'PUT' })).status).toBe(204)
      expect(await erase(document)).toMatchObject({ status: 409, body: { code: 'legal_hold' } })
      expect(await verificationOf(document)).toMatchObject({ document: 'kept' })
      expect((await call(api, path, { method: 'DELETE' })).status).toBe(204)
    }
  })

  it('are erased while database and document bucket have been copied: hash, verdict and wallet stay', async () => {
    mkdirSync(copies)
    await copyDatabase()
    copyFolder(findBucketFolder(), join(copies, 'documents'))
    for (const document of documents) {
      const before = await walletOf(document)
      expect((await erase(document)).status).toBe(204)
      expect((await erase(document)).status).toBe(204)
      expect(await verificationOf(document)).toMatchObject({ status: 'verified', document: 'erased' })
      expect(await walletOf(document)).toEqual(before)
      for (const key of [toKeptKey, toDataKeyKey, toDocumentKey].map((toKey) => toKey(document.object))) {
        expect(await readObject(key), key).toBeUndefined()
      }
    }
  })

  it('leave no byte, nor their keys, in any file: objects, tables, topics, logs, and what the emulator knew', async () => {
    await stopStack(stackProcess)
    expect(await findSecrets(state)).toEqual([])
  })

  it('and the copies have no key: put back, nobody can open them, and erasing again takes the rest', async () => {
    expect(await findSecrets(copies)).toEqual(Object.keys(listSecrets(['sealed'])).toSorted())
    const places = { database: databaseFolder, documents: findBucketFolder() }
    for (const [copy, place] of Object.entries(places)) {
      rmSync(place, { recursive: true })
      copyFolder(join(copies, copy), place)
    }
    await start()
    const s3 = new S3Client({ ...clientOptions(), forcePathStyle: true })
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: outputs.DataKeyBucketName }))
    expect(Contents.length).toBeGreaterThan(0)
    for (const document of documents) {
      // As of the moment of the copy; with the sealed copy and every right there is.
      expect(await verificationOf(document)).toMatchObject({ status: 'verified', document: 'kept' })
      const sealed = await readObject(toKeptKey(document.object))
      if (!sealed) throw new Error('expected the sealed copy that was put back')
      expect(Buffer.from(sealed).equals(document.sealed)).toBe(true)
      expect(await readObject(toDataKeyKey(document.object))).toBeUndefined()
      for (const { Key = '' } of Contents) {
        const [, id = ''] = Key.split('/')
        const other = await unwrap((await readObject(Key)) ?? new Uint8Array(), id)
        expect(() => openCopy(sealed, { origin: document.origin, dataKey: other })).toThrow()
      }
      expect((await erase(document)).status).toBe(204)
      expect(await verificationOf(document)).toMatchObject({ document: 'erased' })
      expect(await readObject(toKeptKey(document.object))).toBeUndefined()
    }
  })
})
