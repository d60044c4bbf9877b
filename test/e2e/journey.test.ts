// The whole path through the deployed local stack: documents in over HTTP, wallets out, faults in between. Kafka and
// Postgres are the test's own, given by their addresses, so that they can be stopped.
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { toCallerDigest } from '../../functions/intake/rate-limit.ts'
import { type RunningKafka, startKafka } from '../../local/kafka.ts'
import { type RunningPostgres, startPostgres } from '../../local/postgres.ts'
import { makeLetter, samples } from '../support/fixtures.ts'
import {
  type Api,
  call,
  encodePathSegment,
  forEachAtOnce,
  openApi,
  poll,
  postDocument,
  runStart,
  type StackDescription,
  type StackProcess,
  stopStack,
  waitForWallet,
  waitUntilStackIsReady,
} from '../support/local-stack.ts'
import { drawMnemonic } from '../support/mnemonic.ts'
import { describeDoors } from './doors.ts'
import { describeOperators } from './operators.ts'
import { describePermissions } from './permissions.ts'
import { describeWhoMay } from './who-may.ts'

const folder = mkdtempSync(join(inject('stacksFolder'), 'journey-'))
const jarFolder = inject('kafkaJarFolder')
const state = join(folder, 'stack')
const mnemonic = drawMnemonic()
let database: RunningPostgres
let kafka: RunningKafka
let stackProcess: StackProcess
let stack: StackDescription
let api: Api
let sql: postgres.Sql

beforeAll(async () => {
  const servers = join(folder, 'servers')
  ;[database, kafka] = await Promise.all([
    startPostgres({ stateFolder: servers }),
    startKafka({ stateFolder: servers, jarFolder }),
  ])
  const mnemonicFile = join(folder, 'mnemonic')
  writeFileSync(mnemonicFile, `${mnemonic}\n`, { mode: 0o600 })
  stackProcess = runStart(['--state', state, '--port', '0', '--mnemonic-file', mnemonicFile], {
    DATABASE_URL: database.url,
    KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers.join(','),
    VERIFICATION_DELAY_SECONDS: '0',
  })
  stack = await waitUntilStackIsReady(stackProcess, state)
  api = await openApi(stack, state)
  sql = postgres(stack.database_url, { max: 2, onnotice: () => {} })
})

afterAll(async () => {
  await sql?.end()
  if (stackProcess) await stopStack(stackProcess)
  await Promise.all([database?.stop(), kafka?.stop()])
  rmSync(folder, { recursive: true, force: true })
})

const networks = ['ethereum', 'bitcoin', 'tron'] as const
/** Network, purpose and coin type of each address type. */
const pathOfType: Readonly<Record<string, string>> = {
  eip55: 'ethereum 44 60',
  p2pkh: 'bitcoin 44 0',
  'p2sh-p2wpkh': 'bitcoin 49 0',
  p2wpkh: 'bitcoin 84 0',
  p2tr: 'bitcoin 86 0',
  base58check: 'tron 44 195',
}
const countWallets = async () => {
  const [row] = await sql<[{ wallets: number; accounts: number; addresses: number }]>`
    select count(*)::int as wallets, count(distinct user_id)::int as accounts, count(distinct address)::int as addresses
    from wallet.wallets`
  return row
}

describe('the demonstration', () => {
  it('issued one wallet for each sample document', async () => {
    expect(await countWallets()).toEqual({ wallets: 3, accounts: 3, addresses: 3 })
  })
})

/** What others derive for these accounts: an address for each type. Meanwhile idle connections may be closed, hence not in one go. */
async function deriveIndependently(accounts: readonly number[]): Promise<Readonly<Record<string, string>>[]> {
  const script = new URL('../support/derive-independently.mjs', import.meta.url).pathname
  const running = promisify(execFile)(process.execPath, [script])
  running.child.stdin?.end(JSON.stringify({ mnemonic, accounts }))
  return JSON.parse((await running).stdout)
}

describe('addresses', () => {
  /** Has every type that there is. */
  const collector = 'holder-0'

  it('equal those that ethers, bitcoinjs-lib and tronweb compute for accounts 0 to 20', async () => {
    const users = Array.from({ length: 18 }, (_, index) => `holder-${index}`)
    const uploads: { user_id: string; network: (typeof networks)[number]; address_type?: string }[] = [
      ...users.flatMap((user_id) => networks.map((network) => ({ user_id, network }))),
      ...['p2sh-p2wpkh', 'p2wpkh', 'p2tr'].map((address_type) => ({
        ...{ user_id: collector, network: 'bitcoin' as const, address_type },
      })),
    ]
    const post = async (upload: (typeof uploads)[number]) => {
      const answer = await postDocument(api, { ...upload, document: makeLetter(upload.user_id) })
      expect(answer.status).toBe(202)
    }
    const first = uploads.filter(({ address_type }) => address_type === undefined)
    await forEachAtOnce(first, 4, post)
    await waitForWallet(api, collector, 'bitcoin')
    // Further types of a network one after another: one document of a user is under way for it at a time.
    for (const upload of uploads.filter((each) => !first.includes(each))) {
      await post(upload)
      await waitForWallet(api, collector, 'bitcoin', { addressType: upload.address_type })
    }
    const [demonstrated, held] = [
      await sql<{ userId: string }[]>`select user_id as "userId" from wallet.accounts`,
      users,
    ]
    await forEachAtOnce(uploads, 4, async ({ user_id, network, address_type: addressType }) => {
      await waitForWallet(api, user_id, network, { addressType })
    })
    const everyone = new Set([...demonstrated.map(({ userId }) => userId), ...held])
    const wallets: { type: string; account: number; address: string }[] = []
    for (const user of everyone) {
      const answer = await call(api, `/wallet/${encodePathSegment(user)}`)
      for (const wallet of answer.body.wallets as Record<string, string>[]) {
        const { network, address_type: type = '', derivation_path: path = '', wallet_address: address = '' } = wallet
        const parts = /^m\/(\d+)'\/(\d+)'\/(\d+)'\/0\/0$/.exec(path)
        expect(`${network} ${parts?.[1]} ${parts?.[2]}`, path).toBe(pathOfType[type])
        wallets.push({ type, account: Number(parts?.[3]), address })
      }
    }
    expect(wallets).toHaveLength(3 + uploads.length)
    expect([...new Set(wallets.map(({ account }) => account))].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 21 }, (_, account) => account),
    )
    const opinions = await deriveIndependently(wallets.map(({ account }) => account))
    expect(wallets.map(({ address }) => address)).toEqual(wallets.map(({ type }, at) => opinions[at]?.[type]))
  })

  it('of one user, all four Bitcoin types on one account, are listed and found by their type', async () => {
    const listed = await call(api, `/wallet/${collector}`)
    const wallets = (listed.body.wallets as Record<string, string>[]).filter(({ network }) => network === 'bitcoin')
    expect(wallets.map(({ address_type }) => address_type).toSorted()).toEqual(
      ['p2pkh', 'p2sh-p2wpkh', 'p2tr', 'p2wpkh'].toSorted(),
    )
    expect(new Set(wallets.map(({ derivation_path }) => derivation_path?.split('/')[3])).size).toBe(1)
    expect(wallets.map(({ wallet_address }) => wallet_address?.slice(0, 4)).toSorted()).toEqual([
      ...[expect.stringMatching(/^1/), expect.stringMatching(/^3/), 'bc1p', 'bc1q'],
    ])
    for (const wallet of wallets) {
      const query = `network=bitcoin&address_type=${wallet.address_type}`
      const found = await call(api, `/wallet/${collector}?${query}`)
      expect(found).toMatchObject({ status: 200, body: { ...wallet, user_id: collector } })
    }
    const plain = await call(api, `/wallet/${collector}?network=bitcoin`)
    expect(plain.body).toMatchObject({ address_type: 'p2pkh' })
    const [row] = await sql<[{ accounts: number; wallets: number }]>`
      select count(distinct account_index)::int as accounts, count(*)::int as wallets
      from wallet.wallets where user_id = ${collector}`
    expect(row).toEqual({ accounts: 1, wallets: 6 })
  })
})

describe('200 documents for 100 users over two networks, 8 clients at once', () => {
  const users = Array.from({ length: 100 }, (_, index) => `crowd-${index}`)
  const uploads = users.flatMap((user_id) =>
    (['ethereum', 'tron'] as const).map((network) => ({ user_id, network, document: makeLetter(user_id) })),
  )
  const ids = new Map<string, unknown>()

  it('become 200 wallets on 100 accounts, no address twice, with wallet invocations that overlap', async () => {
    const before = await countWallets()
    await forEachAtOnce(uploads, 8, async (upload) => {
      const answer = await postDocument(api, upload)
      expect(answer.status).toBe(202)
      ids.set(`${upload.user_id} ${upload.network}`, answer.body.verification_id)
    })
    await forEachAtOnce(uploads, 8, async ({ user_id, network }) => {
      await waitForWallet(api, user_id, network, { milliseconds: 300_000 })
    })
    const after = await countWallets()
    expect(after.wallets - before.wallets).toBe(200)
    expect(after.accounts - before.accounts).toBe(100)
    expect(after.addresses).toBe(after.wallets)
    expect(new Set(ids.values()).size).toBe(200)
    expect(countOverlaps(readInvocations(stack.log_dir))).toBeGreaterThan(0)
  })

  it('posted again change nothing', async () => {
    const rows = () => sql`select * from wallet.wallets order by user_id, network, address_type`
    const verdicts = () => sql`select id, status, attempt, verified_at from verification.verifications order by id`
    const before = [await rows(), await verdicts()]
    await forEachAtOnce(uploads, 8, async (upload) => {
      const answer = await postDocument(api, upload)
      expect(answer.body).toMatchObject({
        status: 'verified',
        verification_id: ids.get(`${upload.user_id} ${upload.network}`),
      })
    })
    expect([await rows(), await verdicts()]).toEqual(before)
  })
})

/** Start and end (ms) of each invocation of the wallet function, as the trigger logged them. */
function readInvocations(logFolder: string): { start: number; end: number }[] {
  const lines = readdirSync(logFolder)
    .filter((name) => name.startsWith('trigger'))
    .flatMap((name) => readFileSync(join(logFolder, name), 'utf8').split('\n'))
  return lines.flatMap((line) => {
    const match = /"started_at":(\d+),"ended_at":(\d+)/.exec(line)
    return match ? [{ start: Number(match[1]), end: Number(match[2]) }] : []
  })
}

function countOverlaps(invocations: { start: number; end: number }[]): number {
  const ordered = invocations.toSorted((a, b) => a.start - b.start)
  return ordered.filter((invocation, at) => at > 0 && invocation.start < (ordered[at - 1]?.end ?? 0)).length
}

describe('user ids through the gateway', () => {
  it.each(['a/b', '.', '..', '%2F', 'caf\u00e9', 'cafe\u0301', 'a b+c', '50%', '名前', '?#&'])(
    '%j',
    async (user_id) => {
      const posted = await postDocument(api, { user_id, network: 'TRON', document: samples.card })
      expect(posted.status).toBe(202)
      const wallet = await waitForWallet(api, user_id, 'tron')
      expect(wallet.body).toMatchObject({ user_id, network: 'tron', address_type: 'base58check' })
      const verification = await call(api, `/verify/${posted.body.verification_id}`)
      expect(verification.body).toMatchObject({ user_id, status: 'verified', reasons: [] })
      // The entity tag is left out: one in 800 holds the letters of "mac" by chance.
      const { etag: _, ...headers } = verification.headers
      expect(JSON.stringify({ ...verification, headers })).not.toMatch(/share|mac/i)
    },
  )

  it('they all had one document: each but the first is flagged in its row, where no caller sees it', async () => {
    const flags = await sql<{ flag: boolean }[]>`
      select shares_document as flag from verification.verifications
      where document_sha256 = ${createHash('sha256').update(samples.card).digest()} and network = 'tron'
      order by verified_at`
    expect(flags.length).toBeGreaterThanOrEqual(10)
    expect(flags.slice(1).every(({ flag }) => flag)).toBe(true)
  })
})

describe('bad input over HTTP', () => {
  const post = (body: string | Buffer) =>
    call(api, '/verify', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  const upload = (fields: object) =>
    post(
      JSON.stringify({
        user_id: 'nobody',
        network: 'tron',
        document: Buffer.from(samples.letter).toString('base64'),
        ...fields,
      }),
    )

  it.each([
    ['not JSON', () => post('user_id=nobody'), 400, 'malformed_body'],
    ['no body', () => post(''), 400, 'malformed_body'],
    ['a missing field', () => upload({ network: undefined }), 422, 'invalid_field'],
    ['an unknown network', () => upload({ network: 'dogecoin' }), 422, 'invalid_field'],
    ['a user id with NUL', () => upload({ user_id: 'a\u0000b' }), 422, 'invalid_field'],
    ['no base64', () => upload({ document: '###' }), 422, 'invalid_field'],
    ['an empty document', () => upload({ document: '' }), 422, 'invalid_field'],
    [
      'a text named a document',
      () => upload({ document: Buffer.from('hello').toString('base64') }),
      415,
      'unsupported_document_type',
    ],
    [
      '5 MiB by our limit',
      () => upload({ document: Buffer.alloc(4.25 * 1024 * 1024).toString('base64') }),
      413,
      'document_too_large',
    ],
  ] as const)('%s', async (_, send, status, code) => {
    const answer = await send()
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.body).toMatchObject({ status, code, detail: expect.any(String), request_id: expect.any(String) })
    expect(answer.status).toBe(status)
  })

  it('above 6 MB the platform answers', async () => {
    const answer = await post(Buffer.alloc(7 * 1024 * 1024, 0x20))
    expect(answer).toMatchObject({ status: 413, body: { message: 'Request Too Long' } })
  })

  it('rejects a truncated document with a reason', async () => {
    const document = samples.photo.subarray(0, samples.photo.length / 2)
    const posted = await postDocument(api, { user_id: 'torn', network: 'bitcoin', document })
    const verification = await poll(
      () => call(api, `/verify/${posted.body.verification_id}`),
      ({ body }) => body.status !== 'pending' && body.status !== 'processing',
    )
    expect(verification.body).toMatchObject({
      ...{ status: 'rejected', attempt: 1, reasons: [{ code: 'truncated', retry: false }] },
      inspection: {
        rules_version: expect.any(String),
        checked_at: expect.any(String),
        checks: expect.arrayContaining([
          { check: 'size', outcome: 'passed', milliseconds: expect.any(Number) },
          expect.objectContaining({ outcome: 'failed' }),
        ]),
      },
    })
    expect(await call(api, '/wallet/torn?network=bitcoin')).toMatchObject({ status: 404 })
  })

  it('answers an address type that the network does not have', async () => {
    const answer = await upload({ network: 'ethereum', address_type: 'p2tr' })
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_field' } })
    expect(await call(api, '/wallet/nobody?network=tron&address_type=p2tr')).toMatchObject({
      status: 400,
      body: { code: 'unknown_address_type' },
    })
  })

  it('answers an unknown network, user, verification and route', async () => {
    expect(await call(api, '/wallet/nobody?network=doge')).toMatchObject({
      status: 400,
      body: { code: 'unknown_network' },
    })
    expect(await call(api, '/wallet/nobody')).toMatchObject({
      status: 404,
      body: { code: 'wallet_not_found' },
    })
    expect(await call(api, '/verify/nothing')).toMatchObject({
      status: 404,
      body: { code: 'verification_not_found' },
    })
    expect(await call(api, '/nowhere')).toMatchObject({ status: 404, body: { status: 404 } })
  })
})

describe('further wallets, keys and limits', () => {
  const holder = 'further-1'

  beforeAll(async () => {
    await postDocument(api, { user_id: holder, network: 'ethereum', document: makeLetter(holder) })
    await waitForWallet(api, holder, 'ethereum')
  })

  it('POST /wallet: who is verified has a wallet of another type, found by its address in any case', async () => {
    const path = `/wallet/${holder}`
    const ask = (body: object) => call(api, path, { method: 'POST', body: JSON.stringify(body) })
    const asked = await ask({ network: 'bitcoin', address_type: 'p2tr' })
    expect(asked).toMatchObject({ status: 202, body: { status: 'verified' } })
    expect(asked.headers.location).toBe(`/verify/${asked.body.verification_id}`)
    const { body: wallet } = await waitForWallet(api, holder, 'bitcoin', { addressType: 'p2tr' })
    expect((await ask({ network: 'bitcoin', address_type: 'p2tr' })).body).toMatchObject({
      ...{ verification_id: asked.body.verification_id, message: 'Already verified' },
    })
    const owner = await call(api, `/addresses/${String(wallet.wallet_address).toUpperCase()}`)
    expect(owner).toMatchObject({ status: 200, body: { user_id: holder, address: wallet.wallet_address } })
    const nobody = await call(api, '/wallet/unheard-of', { method: 'POST', body: '{"network":"tron"}' })
    expect(nobody).toMatchObject({ status: 404, body: { code: 'user_not_verified' } })
  })

  it('another document while one is under way: 409, which says where to ask; and so many a day: 429', async () => {
    const id = randomUUID()
    // Under way for as long as the test takes.
    await sql`
      insert into verification.verifications
        (id, user_id, network, address_type, document_sha256, status, request_id, created_at, exclusive)
      values (${id}, 'busy', 'tron', 'base58check', sha256('another'), 'processing', 'journey', now(), true)`
    const post = () => postDocument(api, { user_id: 'busy', network: 'tron', document: makeLetter('busy') })
    expect(await post()).toMatchObject({
      status: 409,
      headers: { location: `/verify/${id}`, 'retry-after': '5' },
      body: { code: 'verification_in_progress', detail: expect.stringContaining(id) },
    })
    await sql`update verification.verifications set status = 'expired' where id = ${id}`
    await sql`
      insert into verification.attempts (verification_id, attempt, user_id, network, began_at)
      select ${id}, n, 'busy', 'tron', now() from generate_series(1, 10) as n`
    const refused = await post()
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_attempts' } })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(86_000)
  })

  it('Idempotency-Key: the answer of then, though the verification went on; 422 for another request', async () => {
    const document = Buffer.from(makeLetter('keyed')).toString('base64')
    const post = (network: string) =>
      call(api, '/verify', {
        method: 'POST',
        body: JSON.stringify({ user_id: 'keyed', network, document }),
        headers: { 'idempotency-key': '"journey-1"' },
      })
    const first = await post('tron')
    expect(first).toMatchObject({ status: 202, body: { status: 'pending' } })
    await waitForWallet(api, 'keyed', 'tron')
    const again = await post('tron')
    expect([again.status, again.body, again.headers.location]).toEqual([202, first.body, first.headers.location])
    expect(await post('ethereum')).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } })
  })

  it('a caller whose bucket is empty gets 429; another caller does not', async () => {
    const hasty = await openApi(stack, state, { service: 'hasty' })
    const post = (as: typeof api) => call(as, `/wallet/${holder}`, { method: 'POST', body: '{"network":"ethereum"}' })
    const bucket = toCallerDigest({ subject: 'hasty', clientId: 'hasty', scopes: new Set(), expiresAt: new Date() })
    const first = await post(hasty)
    expect(first).toMatchObject({ status: 202, headers: { ratelimit: '"post";r=4999;t=1' } })
    // Not by an update: the sweep forgets a bucket as soon as it is full again.
    await sql`
      insert into operations.rate_limits (caller, full_at, passed) values (${bucket}, now() + interval '1 hour', true)
      on conflict (caller) do update set full_at = excluded.full_at`
    const refused = await post(hasty)
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'content-type': 'application/problem+json', 'ratelimit-policy': '"post";q=5000;w=5' },
      body: { code: 'rate_limited' },
    })
    // However far ahead, a bucket is no emptier than empty: the next token comes within a second.
    expect(refused.headers['retry-after']).toBe('1')
    expect((await post(api)).status).toBe(202)
  })
})

describe('events', () => {
  it('are on Kafka once each, keyed by user, with headers', async () => {
    const { Kafka, logLevel } = await import('kafkajs')
    const client = new Kafka({
      brokers: stack.kafka_brokers.split(','),
      clientId: 'reader',
      logLevel: logLevel.NOTHING,
    })
    const [expected] = await sql<[{ wallets: number }]>`select count(*)::int as wallets from wallet.wallets`
    await poll(
      async () => {
        const [row] = await sql<[{ left: number }]>`
          select count(*)::int as left from wallet.wallets where announced_at is null`
        return { status: row.left, headers: {}, body: {} }
      },
      ({ status }) => status === 0,
    )
    const seen: { id: string; key: string | undefined; user: string; type: string | undefined; wallet: unknown[] }[] =
      []
    const consumer = client.consumer({ groupId: `reader-${Date.now()}` })
    await consumer.connect()
    await consumer.subscribe({ topics: ['wallet.created'], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => {
        const event = JSON.parse(message.value?.toString() ?? '{}')
        seen.push({
          id: event.event_id,
          key: message.key?.toString(),
          user: event.user_id,
          type: message.headers?.event_type?.toString(),
          wallet: [event.user_id, event.network, event.address_type, event.wallet_address, event.derivation_path],
        })
      },
    })
    await poll(
      async () => ({ status: seen.length, headers: {}, body: {} }),
      ({ status }) => status >= expected.wallets,
    )
    await consumer.disconnect()
    expect(new Set(seen.map(({ id }) => id)).size).toBe(expected.wallets)
    for (const event of seen) expect(event).toMatchObject({ key: event.user, type: 'wallet.created' })
    const rows = await sql`select user_id, network, address_type, address, derivation_path from wallet.wallets`
    const issued = rows.map((row) => JSON.stringify(Object.values(row)))
    expect(new Set(seen.map(({ wallet }) => JSON.stringify(wallet)))).toEqual(new Set(issued))
  })

  it('that are not ours are set aside and block nobody', async () => {
    const { Kafka, logLevel } = await import('kafkajs')
    const client = new Kafka({
      brokers: stack.kafka_brokers.split(','),
      clientId: 'stranger',
      logLevel: logLevel.NOTHING,
    })
    const producer = client.producer()
    await producer.connect()
    const strange = ['not json', '{"event":"user.verified","version":2}', null]
    for (let partition = 0; partition < 6; partition++) {
      await producer.send({
        topic: 'user.verified',
        messages: strange.map((value) => ({ partition, key: 'k', value })),
      })
    }
    await producer.disconnect()
    await postDocument(api, { user_id: 'behind-garbage', network: 'ethereum', document: samples.letter })
    await waitForWallet(api, 'behind-garbage', 'ethereum')
    await poll(
      async () => {
        const [row] = await sql<[{ count: number }]>`select count(*)::int as count from wallet.quarantine`
        return { status: row.count, headers: {}, body: {} }
      },
      ({ status }) => status === 18,
    )
    const reasons = await sql<{ reason: string }[]>`select distinct reason from wallet.quarantine order by reason`
    expect(reasons.map(({ reason }) => reason)).toEqual([
      'no value (tombstone)',
      'unknown version 2 of user.verified',
      'value is not JSON in UTF-8',
    ])
  })
})

describe('outages', () => {
  it('Kafka stopped: five documents become five wallets within 3 minutes of its return', async () => {
    await kafka.stop()
    const users = Array.from({ length: 5 }, (_, index) => `patient-${index}`)
    for (const user_id of users) {
      const posted = await postDocument(api, { user_id, network: 'bitcoin', document: makeLetter(user_id) })
      expect(posted.status).toBe(202)
    }
    await poll(
      async () => {
        const [row] = await sql<[{ count: number }]>`
          select count(*)::int as count from verification.verifications
          where user_id like 'patient-%' and status = 'verified' and announced_at is null`
        return { status: row.count, headers: {}, body: {} }
      },
      ({ status }) => status === 5,
    )
    kafka = await startKafka({ stateFolder: join(folder, 'servers'), jarFolder, port: kafka.port })
    for (const user_id of users) await waitForWallet(api, user_id, 'bitcoin', { milliseconds: 180_000 })
  })

  it('Postgres stopped: 503 with Retry-After, and the same request later succeeds', async () => {
    const port = database.port
    await database.stop()
    try {
      const posted = await postDocument(api, { user_id: 'later', network: 'tron', document: samples.letter })
      expect(posted).toMatchObject({ status: 503, body: { code: 'unavailable' } })
      expect(Number(posted.headers['retry-after'])).toBeGreaterThan(0)
      const read = await call(api, '/wallet/later?network=tron')
      expect(read).toMatchObject({ status: 503, body: { code: 'unavailable' } })
      expect(await call(api, '/health/checks')).toMatchObject({
        status: 503,
        body: { checks: { database: 'failing' } },
      })
    } finally {
      database = await startPostgres({ stateFolder: join(folder, 'servers'), port })
    }
    const posted = await poll(
      () => postDocument(api, { user_id: 'later', network: 'tron', document: samples.letter }),
      ({ status }) => status === 202,
    )
    expect(posted.status).toBe(202)
    await waitForWallet(api, 'later', 'tron')
    const health = await poll(
      () => call(api, '/health/checks'),
      ({ status }) => status === 200,
    )
    expect(health.body.status).toBe('ok')
  })
})

const readOutputs = (): Record<string, string> => {
  const stacks: Record<string, Record<string, string>> = JSON.parse(readFileSync(join(state, 'outputs.json'), 'utf8'))
  return Object.assign({}, ...Object.values(stacks))
}

describeDoors({ stack: () => stack, state, outputs: readOutputs })

describeOperators({ stack: () => stack, state, mnemonic })

describePermissions({ stack: () => stack, api: () => api, sql: () => sql, outputs: readOutputs })

describeWhoMay({ stack: () => stack, state })

describe('secrets', () => {
  it('no word of the mnemonic stands in any log, beside another', () => {
    const words = mnemonic.split(' ')
    const pairs = words.slice(1).map((word, at) => `${words[at]} ${word}`)
    const logs = readdirSync(stack.log_dir).map((name) => readFileSync(join(stack.log_dir, name), 'utf8'))
    const everything = [...logs, stackProcess.output()].join('\n')
    for (const pair of pairs) expect(everything.includes(pair)).toBe(false)
  })
})
