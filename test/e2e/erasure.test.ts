// Erasure, proven on a stack of its own: database and document bucket are copied, a document is erased, the stack is stopped
// and every byte that it left on disk searched; then both copies are put back, and nobody can open the document.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DecryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import postgres from 'postgres'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openCopy } from '../../functions/inspect/sealed-copy.ts'
import { toDataKeyKey, toDocumentContext, toKeptKey } from '../../shared/kept-documents.ts'
import { toDocumentKey } from '../../shared/model.ts'
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

/** Owners and times too: the server runs as another user where the tests run as root. */
const copyFolder = (from: string, to: string) => execFileSync('cp', ['-a', from, to])

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

describe('a document that passed', () => {
  let attempt: { readonly id: string; readonly attempt: number }
  let sealedBefore: Uint8Array
  let secrets: Readonly<Record<'original' | 'copy' | 'sealed' | 'dataKey' | 'wrapped', Uint8Array>>

  const verification = () => call(api, `/verify/${attempt.id}`)

  it('is kept sealed, opens with its key, and its original is gone', async () => {
    const original = await makePhotograph()
    const posted = await postDocument(api, { user_id: 'erasure', network: 'tron', document: original })
    attempt = { id: String(posted.body.verification_id), attempt: 1 }
    await waitForWallet(api, 'erasure', 'tron')
    await expect.poll(() => readObject(toDocumentKey(attempt)), { timeout: 60_000 }).toBeUndefined()
    expect((await verification()).body).toMatchObject({ status: 'verified', document: 'kept' })

    const [sealed, wrapped] = [await readObject(toKeptKey(attempt)), await readObject(toDataKeyKey(attempt))]
    if (!sealed || !wrapped) throw new Error('expected a sealed copy and its key')
    const dataKey = await unwrap(wrapped, attempt.id)
    const sql = postgres(stack.database_url, { max: 1, onnotice: () => {} })
    const [row] = await sql<[{ sha256: Buffer }]>`
      select document_sha256 as sha256 from verification.verifications where id = ${attempt.id}`
    await sql.end()
    const copy = openCopy(sealed, { origin: { ...attempt, sha256: row.sha256 }, dataKey })
    expect(copy.mediaType).toBe('image/jpeg')
    expect(await sharp(copy.bytes).metadata()).toMatchObject({ format: 'jpeg' })
    expect(Buffer.from(copy.bytes).equals(original)).toBe(false)
    sealedBefore = sealed
    secrets = {
      ...{ original: original.subarray(headLength), copy: copy.bytes.subarray(headLength), dataKey },
      ...{ sealed: sealed.subarray(sealedHeaderLength), wrapped: wrapped.subarray(keyNameLength) },
    }
    // The search finds what is there; in clear nothing is.
    expect((await findAnyOf(state, listNeedles(secrets))).toSorted()).toEqual(['sealed', 'wrapped'])
  })

  it('is held by a legal hold, against its user and against time', async () => {
    const path = `/verify/${attempt.id}/legal-hold`
    expect((await call(api, path, { method: 'PUT' })).status).toBe(204)
    const refused = await call(api, `/verify/${attempt.id}/document`, { method: 'DELETE' })
    expect(refused).toMatchObject({ status: 409, body: { code: 'legal_hold' } })
    expect((await verification()).body).toMatchObject({ document: 'kept' })
    expect((await call(api, path, { method: 'DELETE' })).status).toBe(204)
  })

  it('is erased while database and document bucket have been copied: hash, verdict and wallet stay', async () => {
    mkdirSync(copies)
    await copyDatabase()
    copyFolder(findBucketFolder(), join(copies, 'documents'))
    const before = await call(api, '/wallet/erasure?network=tron')
    const erase = () => call(api, `/verify/${attempt.id}/document`, { method: 'DELETE' })
    expect((await erase()).status).toBe(204)
    expect((await erase()).status).toBe(204)
    expect((await verification()).body).toMatchObject({ status: 'verified', document: 'erased' })
    expect((await call(api, '/wallet/erasure?network=tron')).body).toEqual(before.body)
    for (const key of [toKeptKey(attempt), toDataKeyKey(attempt), toDocumentKey(attempt)]) {
      expect(await readObject(key), key).toBeUndefined()
    }
  })

  it('leaves no byte, nor its key, in any file: objects, tables, topics, logs, and what the emulator knew', async () => {
    await stopStack(stackProcess)
    expect(await findAnyOf(state, listNeedles(secrets))).toEqual([])
  })

  it('and the copies have no key: put back, nobody can open it, and erasing again takes the rest', async () => {
    expect(await findAnyOf(copies, listNeedles(secrets))).toEqual(['sealed'])
    const documents = findBucketFolder()
    for (const [copy, place] of [
      ['database', databaseFolder],
      ['documents', documents],
    ] as const) {
      rmSync(place, { recursive: true })
      copyFolder(join(copies, copy), place)
    }
    await start()
    // As of the moment of the copy; with the sealed copy and every right there is.
    expect((await verification()).body).toMatchObject({ status: 'verified', document: 'kept' })
    const sealed = await readObject(toKeptKey(attempt))
    if (!sealed) throw new Error('expected the sealed copy that was put back')
    expect(Buffer.from(sealed).equals(sealedBefore)).toBe(true)
    expect(await readObject(toDataKeyKey(attempt))).toBeUndefined()
    const s3 = new S3Client({ ...clientOptions(), forcePathStyle: true })
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: outputs.DataKeyBucketName }))
    const origin = { ...attempt, sha256: sealed.subarray(22, 54) }
    for (const { Key = '' } of Contents) {
      const [, id = ''] = Key.split('/')
      const other = await unwrap((await readObject(Key)) ?? new Uint8Array(), id)
      expect(() => openCopy(sealed, { origin, dataKey: other })).toThrow()
    }
    expect(Contents.length).toBeGreaterThan(0)
    expect((await call(api, `/verify/${attempt.id}/document`, { method: 'DELETE' })).status).toBe(204)
    expect((await verification()).body).toMatchObject({ document: 'erased' })
    expect(await readObject(toKeptKey(attempt))).toBeUndefined()
  })
})
