// What the chaos run looks with: each breach of a promise is seen, and what keeps them is not.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as bip39 from 'bip39'
import { afterAll, describe, expect, test } from 'vitest'
import { inspectDocument } from '../../functions/inspect/inspect-document.ts'
import { type CrashPoint, crashPoints } from '../../shared/crash-point.ts'
import { openArmedPoints } from '../chaos/armed-points.ts'
import { makeCutDocument, makeDocument } from '../chaos/documents.ts'
import { refusal, startFaultProxy } from '../chaos/fault-proxy.ts'
import { faults } from '../chaos/faults.ts'
import { findToRepeat, judge } from '../chaos/judge.ts'
import { createLogScan, findSecrets, listSecrets } from '../chaos/log-secrets.ts'
import type { Observation, SeenDocument, SeenEvent, SeenVerification, SeenWallet } from '../chaos/observe.ts'
import { formatTable, type Row } from '../chaos/results.ts'
import { mayFollow } from '../chaos/statuses.ts'
import { type Acceptance, planUploads } from '../chaos/workload.ts'

const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-chaos-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the workload', () => {
  const uploads = planUploads('user-', 1000)

  test('is 1,000 documents for 500 users, each of whom posts twice', () => {
    expect(uploads).toHaveLength(1000)
    const posts = Map.groupBy(uploads, ({ userId }) => userId)
    expect(posts.size).toBe(500)
    expect([...posts.values()].every((both) => both.length === 2)).toBe(true)
    const others = [...posts.values()].filter(([first, second]) => first?.sha256 !== second?.sha256)
    expect(others).toHaveLength(100)
  })

  test('has documents that pass and documents that are cut, each its own', async () => {
    const [good, cut] = [makeDocument('a'), makeCutDocument('a')]
    expect(await inspectDocument(good)).toMatchObject({ verdict: 'passed', mediaType: 'image/png' })
    expect(await inspectDocument(cut)).toMatchObject({
      verdict: 'rejected',
      reasons: [{ code: 'truncated', retry: false }],
    })
    expect(makeDocument('b')).not.toEqual(good)
    expect(new Set(uploads.map(({ kind }) => kind))).toEqual(new Set(['good', 'cut']))
    // Of each kind by each way.
    expect(new Set(uploads.map(({ kind, way }) => `${kind} ${way}`)).size).toBe(4)
  })
})

const [upload] = planUploads('user-', 2)
if (upload === undefined) throw new Error('expected an upload; got none')
const acceptance: Acceptance = { upload, verificationId: 'v1', at: 0 }
const verification: SeenVerification = {
  ...{ id: 'v1', userId: 'user-0', network: 'ethereum', addressType: 'eip55', sha256: upload.sha256 },
  ...{ status: 'verified', retriable: false },
}
const wallet: SeenWallet = {
  ...{ userId: 'user-0', network: 'ethereum', addressType: 'eip55', accountIndex: 7, path: "m/44'/60'/7'/0/0" },
  ...{ address: '0xA', isAnnounced: true },
}
const created: SeenEvent = {
  ...{ topic: 'wallet.created', key: 'user-0', headers: { request_id: 'r' } },
  value: JSON.stringify({
    ...{ event: 'wallet.created', version: 1, event_id: 'e1', user_id: 'user-0', network: 'ethereum' },
    wallet_address: '0xA',
  }),
}
const document: SeenDocument = {
  ...{ id: 'v1', userId: 'user-0', attempt: 1, status: 'verified', isExtended: false, sha256: upload.sha256 },
  ...{ object: 'v1/1', erasure: 'none' },
}
const good: Observation = {
  ...{ verifications: [verification], wallets: [wallet], accounts: [{ userId: 'user-0', accountIndex: 7 }] },
  ...{ events: [created, created], answers: new Map([['ethereum user-0', '0xA']]) },
  ...{ documents: [document], unopened: new Map() },
  objects: { originals: [], copies: ['v1/1'], dataKeys: ['v1/1'] },
}
const nothing = { originals: [], copies: [], dataKeys: [] }
const other = { ...wallet, userId: 'other', accountIndex: 8, address: '0xB' }

describe('the judge', () => {
  test('finds nothing in what is right', () => {
    expect(judge([acceptance, acceptance], good, [wallet])).toEqual({
      ...{ lost: [], doubled: [], changed: [], left: [] },
    })
  })

  test.each<[string, Partial<Observation>]>([
    ['a row that is gone', { verifications: [] }],
    ['a document that nobody decided on', { verifications: [{ ...verification, status: 'processing' }], wallets: [] }],
    ['a document that is gone', { verifications: [{ ...verification, status: 'expired' }], wallets: [] }],
    ['a good document that was rejected', { verifications: [{ ...verification, status: 'rejected' }], wallets: [] }],
    ['a verified user without a wallet', { wallets: [], events: [] }],
    ['a wallet that cannot be read', { answers: new Map() }],
    ['a wallet that was not announced', { events: [] }],
    ['a document of which nothing was kept', { documents: [{ ...document, object: null }], objects: nothing }],
    ['a document whose copy is gone', { objects: { ...good.objects, copies: [] } }],
    ['a document whose data key is gone', { objects: { ...good.objects, dataKeys: [] } }],
    ['a document that does not open', { unopened: new Map([['v1/1', 'it is of another key']]) }],
  ])('calls lost: %s', (_, part) => {
    expect(judge([acceptance], { ...good, ...part }, []).lost).toHaveLength(1)
  })

  test.each<[string, Partial<Observation>]>([
    ['two wallets of a user', { wallets: [wallet, { ...wallet, address: '0xB' }] }],
    ['an address of two users', { wallets: [wallet, { ...other, address: '0xA' }] }],
    ['an index of two users', { accounts: [...good.accounts, { userId: 'other', accountIndex: 7 }] }],
    ['two accounts of a user', { accounts: [...good.accounts, { userId: 'user-0', accountIndex: 9 }] }],
    ['wallets of two accounts', { wallets: [wallet, { ...other, userId: 'user-0', network: 'tron' }] }],
    ['a wallet of nobody who is verified', { verifications: [{ ...verification, status: 'rejected' }] }],
    ['two event ids', { events: [created, { ...created, value: created.value.replace('e1', 'e2') }] }],
  ])('calls doubled: %s', (_, part) => {
    expect(judge([], { ...good, ...part }, []).doubled.length).toBeGreaterThan(0)
  })

  test.each<[string, Partial<Observation>]>([
    ['an address that was another', { wallets: [{ ...wallet, address: '0xC' }], events: [], answers: new Map() }],
    ['an index that was another', { wallets: [{ ...wallet, accountIndex: 9 }] }],
    ['a wallet that is gone', { wallets: [], events: [], answers: new Map() }],
    ['an answer of another address', { answers: new Map([['ethereum user-0', '0xB']]) }],
    ['an announcement of another address', { events: [{ ...created, value: created.value.replace('0xA', '0xB') }] }],
    ['a repetition with other bytes', { events: [created, { ...created, value: `${created.value} ` }] }],
    ['a repetition with other headers', { events: [created, { ...created, headers: { request_id: 's' } }] }],
  ])('calls changed: %s', (_, part) => {
    expect(judge([], { ...good, ...part }, [wallet]).changed.length).toBeGreaterThan(0)
  })

  const rejected = { ...document, id: 'v0', attempt: 2, status: 'rejected', object: null }
  const erased = { ...document, erasure: 'done' } as const
  /** With what is right beside it. */
  const seeing = (more: Partial<Observation['objects']>, ...documents: readonly SeenDocument[]): Observation => {
    const { originals = [], copies = [], dataKeys = [] } = more
    const objects = { originals, copies: ['v1/1', ...copies], dataKeys: ['v1/1', ...dataKeys] }
    return { ...good, objects, documents: [document, ...documents] }
  }
  test.each<[string, Observation]>([
    ['an original of a verified document', seeing({ originals: ['v1/1'] })],
    ['an original of a rejected document', seeing({ originals: ['v0/2'] }, rejected)],
    ['an original of an attempt before', seeing({ originals: ['v0/1'] }, { ...rejected, status: 'expired' })],
    ['an original of nobody', seeing({ originals: ['v9/1'] })],
    ['a copy of a rejected document', seeing({ copies: ['v0/2'] }, rejected)],
    ['a data key of a rejected document', seeing({ dataKeys: ['v0/2'] }, rejected)],
    ['a copy of an attempt before', seeing({ copies: ['v1/2'] })],
    ['a data key of an expired document', seeing({ dataKeys: ['v0/2'] }, { ...rejected, status: 'expired' })],
    ['a copy of nobody', seeing({ copies: ['v9/1'] })],
    ['a data key of nobody', seeing({ dataKeys: ['v9/1'] })],
    ['a copy that was erased', { ...good, documents: [erased], objects: { ...nothing, copies: ['v1/1'] } }],
    ['a data key that was erased', { ...good, documents: [erased], objects: { ...nothing, dataKeys: ['v1/1'] } }],
    ['an erasure that was not ended', { ...good, documents: [{ ...document, erasure: 'begun' }], objects: nothing }],
  ])('calls left over: %s', (_, seen) => {
    expect(judge([acceptance], seen, [])).toMatchObject({ lost: [], left: [expect.any(String)] })
  })

  test.each<[string, Observation]>([
    ['of what has no verdict', seeing({ originals: ['v0/2'] }, { ...rejected, status: 'processing' })],
    [
      'of what expired, since it may be on its way',
      seeing({ originals: ['v0/2'] }, { ...rejected, status: 'expired' }),
    ],
    ['of what was erased to the end', { ...good, documents: [erased], objects: nothing }],
    ['of who stands on the document of another', seeing({}, { ...document, id: 'v2', isExtended: true, object: null })],
    [
      'that lie under the name of its duplicate',
      {
        ...good,
        documents: [
          { ...document, status: 'duplicate', object: null },
          { ...document, id: 'v2' },
        ],
      },
    ],
  ])('finds nothing in the objects %s', (_, seen) => {
    expect(judge([acceptance], seen, [])).toMatchObject({ lost: [], left: [] })
  })

  test('judges the verification that answers a document which was sent again', () => {
    const refused = { ...verification, id: 'v0', status: 'rejected', retriable: true }
    const seen = { ...good, verifications: [refused, verification] }
    const first = { ...acceptance, verificationId: 'v0' }
    expect(judge([first, { ...acceptance, at: 1 }], seen, []).lost).toEqual([])
    expect(judge([first], seen, []).lost).toHaveLength(1)
  })

  test('has a client repeat exactly the good documents whose verdict asks for it', () => {
    expect(findToRepeat([acceptance], [{ ...verification, status: 'rejected', retriable: true }])).toEqual([upload])
    expect(findToRepeat([acceptance], [verification])).toEqual([])
  })
})

test('a status goes forwards, but for a new attempt', () => {
  const seen = (status: string, attempt = 1) => ({ id: 'v', attempt, status })
  expect(mayFollow(seen('pending'), seen('processing'))).toBe(true)
  expect(mayFollow(seen('processing'), seen('verified'))).toBe(true)
  expect(mayFollow(seen('processing'), seen('expired'))).toBe(true)
  expect(mayFollow(seen('expired'), seen('processing'))).toBe(true)
  expect(mayFollow(seen('expired'), seen('pending'))).toBe(false)
  expect(mayFollow(seen('rejected'), seen('pending', 2))).toBe(true)
  expect(mayFollow(seen('processing'), seen('pending'))).toBe(false)
  expect(mayFollow(seen('rejected'), seen('processing'))).toBe(false)
  expect(mayFollow(seen('rejected'), seen('expired'))).toBe(false)
  expect(mayFollow(seen('processing'), seen('duplicate'))).toBe(true)
  expect(mayFollow(seen('duplicate'), seen('processing'))).toBe(false)
  expect(mayFollow(seen('verified'), seen('rejected'))).toBe(false)
  expect(mayFollow(seen('verified'), seen('pending', 2))).toBe(false)
  expect(mayFollow(seen('pending', 2), seen('processing', 1))).toBe(false)
})

describe('the search for secrets', () => {
  const mnemonic = bip39.entropyToMnemonic(Buffer.alloc(32, 0x5a))
  const [first = '', second = ''] = mnemonic.split(' ')
  const secrets = listSecrets({
    ...{
      mnemonic,
      tokens: ['head.body.signature'],
      databaseUrl: 'postgresql://postgres:secretword@127.0.0.1:1/wallets',
    },
  })

  test.each([
    ['the phrase', mnemonic],
    ['two words', `["${first}","${second}"]`],
    ['the entropy', '5a'.repeat(32)],
    ['the seed', bip39.mnemonicToSeedSync(mnemonic).toString('base64')],
    ['the seed as numbers', JSON.stringify([...bip39.mnemonicToSeedSync(mnemonic)])],
    ['a token', 'Bearer head.body.signature'],
    ['a document', makeDocument('x').toString('base64')],
    ['a password', 'password=secretword'],
  ])('finds %s, also in a file that goes on', async (_, secret) => {
    expect(findSecrets(`some ${secret} line`, secrets)).not.toEqual([])
    const logs = mkdtempSync(join(folder, 'logs-'))
    const scan = createLogScan(logs)
    writeFileSync(join(logs, 'a.log'), 'nothing\n')
    expect(await scan.scan(secrets)).toEqual([])
    writeFileSync(join(logs, 'a.log'), secret.slice(0, 5), { flag: 'a' })
    await scan.scan(secrets)
    writeFileSync(join(logs, 'a.log'), `${secret.slice(5)}\n`, { flag: 'a' })
    expect((await scan.scan(secrets)).join()).toContain('a.log')
  })

  test('does not take words for words of the phrase', () => {
    expect(findSecrets(`${first} was there and ${second} was not`, secrets)).toEqual([])
  })
})

test('the proxy leaves what it passes on as it is, and misbehaves as it is told', async () => {
  const upstream = createServer((incoming, answer) => answer.end(String(incoming.headers.host)))
  await new Promise<void>((listening) => upstream.listen(0, '127.0.0.1', () => listening()))
  const proxy = await startFaultProxy(() => `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`)
  const kms = { headers: { 'x-amz-target': 'TrentService.Decrypt' } }
  expect(await (await fetch(proxy.url, kms)).text()).toBe(new URL(proxy.url).host)

  proxy.misbehave('kms', refusal('ThrottlingException'))
  const refused = await fetch(proxy.url, kms)
  expect([refused.status, await refused.json()]).toMatchObject([400, { __type: 'ThrottlingException' }])
  expect((await fetch(proxy.url)).status).toBe(200)
  expect(proxy.behave()).toBe(1)
  expect((await fetch(proxy.url, kms)).status).toBe(200)

  for (const kind of ['cut', 'cut-after'] as const) {
    proxy.misbehave('s3', { kind })
    await expect(fetch(proxy.url)).rejects.toThrow()
    expect(proxy.behave()).toBe(1)
  }
  await proxy.stop()
  upstream.close()
})

describe('a point', () => {
  const pointsFolder = join(folder, 'points')
  const points = openArmedPoints(pointsFolder)

  /** How a process ends that comes to that point, in a bundle of a chaos run. */
  const comeTo = (point: CrashPoint, subject?: string) => {
    const program = `globalThis.CRASH_POINT_FOLDER = ${JSON.stringify(pointsFolder)}
      const { crashPoint } = await import(${JSON.stringify(new URL('../../shared/crash-point.ts', import.meta.url))})
      crashPoint(${JSON.stringify(point)}, ${JSON.stringify(subject)})`
    const flags = ['--max-old-space-size=32', '--input-type=module', '--eval', program]
    return spawnSync(process.execPath, flags, { timeout: 60_000 })
  }

  test('kills one process for each time that it is armed, and tells', () => {
    points.arm('wallet-after-commit')
    expect(comeTo('wallet-before-commit').status).toBe(0)
    expect(comeTo('wallet-after-commit').signal).toBe('SIGKILL')
    expect(comeTo('wallet-after-commit').status).toBe(0)
    expect(points.countBites('wallet-after-commit')).toBe(1)
  })

  test('kills for its subject, and no other, until it is disarmed', () => {
    points.armFor('inspect-after-read', 'x')
    expect(comeTo('inspect-after-read', 'y').status).toBe(0)
    expect(comeTo('inspect-after-read', 'x').signal).toBe('SIGKILL')
    expect(comeTo('inspect-after-read', 'x').signal).toBe('SIGKILL')
    points.disarm()
    expect(comeTo('inspect-after-read', 'x').status).toBe(0)
    expect(points.countBites('inspect-after-read')).toBe(2)
  })

  test('takes all memory', () => {
    points.arm('inspect-after-read', 'memory')
    const { stderr, status } = comeTo('inspect-after-read')
    expect(status).not.toBe(0)
    expect(stderr.toString()).toContain('heap out of memory')
  })
})

describe('the faults', () => {
  test('are at least twenty, each with a name of its own', () => {
    const names = faults.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThanOrEqual(20)
  })

  test('end functions at every point that there is', () => {
    const elsewhere: Partial<Record<CrashPoint, string>> = {
      'inspect-after-read': 'inspect-crashing',
      'wallet-before-derive': 'record-crashing',
    }
    const names = faults.map(({ name }) => name)
    for (const point of crashPoints) expect(names).toContain(elsewhere[point] ?? point)
  })
})

test('the table says of a fault that was not seen that it was not', () => {
  const row: Row = {
    ...{ fault: 'kafka-killed', documents: 20, users: 10, bite: '', accepted: 20, refused: { 503: 2 }, wallets: 9 },
    ...{ lost: 1, doubled: 0, changed: 0, left: 0, recoverSeconds: 3, seconds: 9, failures: ['x'] },
  }
  expect(formatTable([row])).toContain('NOT SEEN')
})
