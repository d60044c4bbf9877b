// What a user with one wallet takes and costs, for `bench/scale-costs.ts`: `npm run bench -- bytes`, on a PostgreSQL of its own.
// Bytes are of a million generated rows, written as often as the functions write them; CPU and WAL of some users who go
// through the functions' own SQL. CPU is of this machine; bytes are of any.
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type postgres from 'postgres'
import { runAnnounceTransaction } from '../functions/announce/announce-tables.ts'
import { noteMissingWallets } from '../functions/announce/overdue.ts'
import { registerUpload } from '../functions/intake/register-upload.ts'
import { toUserVerified, toWalletCreated } from '../shared/events.ts'
import { beginInspection, commitVerdict, markVerificationsAnnounced } from '../shared/verifications.ts'
import { findWallet } from '../shared/wallets.ts'
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts'
import { makeVerification, makeWallet, noon } from '../test/support/fakes.ts'
import { startTemporaryPostgres } from '../test/support/temporary-postgres.ts'
import { issue, makeVerifiedRecord } from '../test/support/wallet-records.ts'

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, users: { type: 'string', default: '5000' } },
})
const [rows, users] = [Number(values.rows), Number(values.users)]
const batch = 100

const print = (what: string, value: number, unit: string) =>
  console.log(`${what.padEnd(64)}${value.toFixed(value < 10 ? 3 : 0).padStart(10)} ${unit}`)

/** Milliseconds of CPU of all processes of the server, by Linux's count of hundredths of a second (proc(5), stat). */
async function readServerCpu(sql: postgres.Sql): Promise<number> {
  const processes = await sql<{ pid: number }[]>`select pid from pg_stat_activity`
  const ticks = processes.map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((sum, each) => sum + each, 0) * 10
}

const readWal = async (sql: postgres.Sql): Promise<number> => {
  const [row] = await sql<
    [{ bytes: number }]
  >`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as bytes`
  return row.bytes
}

/** As a picture's. */
const checks = Array.from({ length: 11 }, (_, at) => ({
  ...{ check: `a check, the ${at}`, outcome: 'passed' as const, milliseconds: 1.5 },
}))

/** Through the functions' own statements: an upload, its inspection, its verdict, its event, its wallet, its announcement. */
async function measureCosts(database: TestDatabase): Promise<void> {
  const owner = database.connect()
  const [intake, verification] = [database.connect('app_intake'), database.connect('app_verification')]
  const [wallet, announce, read] = [
    database.open('app_wallet'),
    database.connect('app_announce'),
    database.connect('app_read'),
  ]
  const cost = async (what: string, count: number, work: () => Promise<void>) => {
    const [cpu, wal] = [await readServerCpu(owner), await readWal(owner)]
    await work()
    print(`${what}: CPU of Postgres`, ((await readServerCpu(owner)) - cpu) / count, 'ms')
    print(`${what}: WAL`, ((await readWal(owner)) - wal) / count, 'bytes')
  }
  const ids = Array.from({ length: users }, () => ({ id: randomUUID(), userId: randomUUID() }))
  await cost('a document: row, inspection, verdict, event noted', users, async () => {
    for (const { id, userId } of ids) {
      const documentSha256 = createHash('sha256').update(id).digest()
      await registerUpload(
        intake,
        {
          ...{ id, userId, network: 'ethereum', addressType: 'eip55', requestId: randomUUID(), now: new Date() },
          documentSha256,
        },
        10,
      )
      await beginInspection(verification, id, 1)
      await commitVerdict(verification, id, 1, {
        ...{ status: 'verified', at: new Date(), documentMac: documentSha256, keptAs: { id, attempt: 1 } },
        inspection: { rulesVersion: '1', checks },
      })
      await markVerificationsAnnounced(verification, [id], new Date())
    }
  })
  await cost(`a wallet, in batches of ${batch}`, users, async () => {
    for (let at = 0; at < users; at += batch) {
      await issue(
        wallet,
        ids.slice(at, at + batch).map(({ userId }) => makeVerifiedRecord(userId, 'ethereum')),
      )
    }
  })
  await cost("the net's look for a wallet, in pages of 500", users, async () => {
    for (let left = users; left > 0; ) {
      const now = new Date(Date.now() + 1000)
      left -= await announce.begin((tx) => noteMissingWallets(tx, now, now, 500))
    }
  })
  let longest = 0
  await cost('an announcement of a wallet, in pages of 500', users, async () => {
    for (let left = users; left > 0; ) {
      const start = performance.now()
      left -= await runAnnounceTransaction(announce, async (tables) => {
        const page = await tables.lockWallets(500)
        await tables.markWallets(page, new Date())
        return page.length
      })
      longest = Math.max(longest, performance.now() - start)
    }
  })
  print('the longest of these pages', longest, 'ms')
  await cost('a wallet read', users, async () => {
    for (const { userId } of ids) await findWallet(read, userId, 'ethereum', 'eip55')
  })
}

/** Rows as the functions leave them, each written as often as they do; vacuumed now and then, as a database is. */
async function generate(sql: postgres.Sql, first: number, count: number): Promise<void> {
  const users = sql`(
    select n, md5('user ' || n)::uuid::text as user_id, md5('verification ' || n)::uuid as id
    from generate_series(${first}::bigint, ${first + count - 1}) as n
  ) as users`
  const range = sql`where id in (select id from ${users})`
  await sql`
    insert into verification.verifications (id, user_id, network, address_type, document_sha256, request_id, created_at)
    select id, user_id, 'ethereum', 'eip55', sha256(user_id::bytea), md5('request ' || n)::uuid, now() from ${users}`
  await sql`
    insert into verification.attempts (verification_id, attempt, user_id, network, began_at)
    select id, 1, user_id, 'ethereum', now() from ${users}`
  await sql`update verification.verifications set status = 'processing' ${range}`
  await sql`
    update verification.verifications set status = 'verified', verified_at = now(), document_mac = sha256(user_id::bytea)
    ${range}`
  await sql`
    update verification.attempts set status = 'verified', decided_at = now(), rules_version = '1', checks = ${sql.json(checks)}
    where verification_id in (select id from ${users})`
  await sql`update verification.verifications set announced_at = now() ${range}`
  await sql`update verification.verifications set looked_at = now() ${range}`
  await sql`
    insert into wallet.accounts (user_id, keyring_id, account_index, created_at)
    select user_id, 1, n, now() from ${users}`
  await sql`
    insert into wallet.wallets
      (user_id, network, address_type, keyring_id, account_index, derivation_path, address, public_key, account_xpub,
       source_event_id, source_topic, source_partition, source_offset, request_id, created_at)
    select user_id, 'ethereum', 'eip55', 1, n, 'm/44''/60''/' || n || '''/0/0', '0x' || left(md5(n::text) || md5('a' || n), 40),
      substring(sha256(n::text::bytea) || '\\x02' for 33), 'xpub' || left(md5('b' || n) || md5('c' || n) || md5('d' || n) || md5('e' || n), 107),
      md5('event ' || n)::uuid, 'user.verified', n % 12, n / 12, md5('request ' || n)::uuid, now()
    from ${users}`
  await sql`update wallet.wallets set announced_at = now() where user_id in (select user_id from ${users})`
}

async function measureSizes(database: TestDatabase): Promise<void> {
  const sql = database.connect()
  const page = rows / 20
  for (let at = 0; at < rows; at += page) {
    await generate(sql, at, Math.min(page, rows - at))
    await sql`vacuum verification.verifications, verification.attempts, wallet.wallets, wallet.accounts`
    if (process.stdout.isTTY) process.stdout.write(`\r${at + page} of ${rows} rows`)
  }
  const relations = await sql<{ name: string; kind: string; bytes: number }[]>`
    select pg_class.oid::regclass::text as name, relkind::text as kind, pg_relation_size(pg_class.oid)::float8 as bytes
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where nspname in ('verification', 'wallet') and relkind in ('r', 'i') and pg_relation_size(pg_class.oid) > ${rows}
    order by kind desc, name`
  console.log(`\nbytes a user, of ${rows} users with one wallet each`)
  for (const { name, kind, bytes } of relations)
    print(`  ${kind === 'r' ? 'table' : 'index'} ${name}`, bytes / rows, 'bytes')
  const sum = (kinds: string) =>
    relations.filter(({ kind }) => kinds.includes(kind)).reduce((total, { bytes }) => total + bytes / rows, 0)
  print('  tables', sum('r'), 'bytes')
  print('  indices', sum('i'), 'bytes')
}

/** Of a record: key, value and headers; what Kafka adds to each within a batch is some ten bytes. */
function weighEvents(): void {
  const userId = randomUUID()
  const verified = toUserVerified({
    ...makeVerification({ id: randomUUID(), userId, requestId: randomUUID(), status: 'verified' }),
    verifiedAt: noon,
  })
  const created = toWalletCreated(makeWallet({ userId, requestId: randomUUID() }))
  for (const [name, { key, value, headers }] of Object.entries({
    'user.verified': verified,
    'wallet.created': created,
  })) {
    const text = [key, value, ...Object.entries(headers).flat()].map(String).join('')
    print(`a record of ${name}`, Buffer.byteLength(text), 'bytes')
  }
}

weighEvents()
const server = await startTemporaryPostgres()
try {
  const costs = await createTestDatabase({ serverUrl: server.url })
  await measureCosts(costs)
  await costs.drop()
  const sizes = await createTestDatabase({ serverUrl: server.url })
  await measureSizes(sizes)
  await sizes.drop()
} finally {
  await server.stop()
}
