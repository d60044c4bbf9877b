// Least privilege in Postgres: each function's role can do what its function does, and nothing else at all.
import { randomUUID } from 'node:crypto'
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readBacklog } from '../../functions/announce/backlog.ts'
import { forgetExpired } from '../../functions/announce/forget.ts'
import { lockWaiting, markReleased } from '../../functions/announce/waiting.ts'
import { claimKey, keepAnswer, releaseKey, takeToken } from '../../functions/intake/limit-tables.ts'
import { findVaultUse } from '../../functions/operate/vault-use.ts'
import { classifyRecord } from '../../functions/wallet/records.ts'
import { type IssuedWallet, reserveAccounts, runWalletTransaction } from '../../functions/wallet/wallet-tables.ts'
import { inTransaction, type Sql } from '../../shared/database.ts'
import { findHeartbeats, writeHeartbeat } from '../../shared/heartbeats.ts'
import {
  beginInspection,
  commitVerdict,
  extendVerified,
  findVerification,
  lockUnannouncedVerifications,
  markVerificationsAnnounced,
  registerUpload,
} from '../../shared/verifications.ts'
import {
  findWallet,
  findWalletByAddress,
  findWallets,
  lockUnannouncedWallets,
  markWalletsAnnounced,
} from '../../shared/wallets.ts'
import { createTestDatabase, type FunctionRole, functionRoles, type TestDatabase } from '../support/database.ts'
import { makeVerification, makeWallet, noon } from '../support/fakes.ts'
import { issue, keyring, makeKafkaRecord, makeVerifiedRecord } from '../support/wallet-records.ts'

let database: TestDatabase
let owner: postgres.Sql
const connections = new Map<FunctionRole, postgres.Sql>()

beforeAll(async () => {
  database = await createTestDatabase()
  owner = database.connect()
  for (const role of functionRoles) connections.set(role, database.connect(role))
  await issue(database.open('app_wallet'), [makeVerifiedRecord('user-1', 'tron')])
})

afterAll(() => database.drop())

function connectionOf(role: FunctionRole): postgres.Sql {
  const sql = connections.get(role)
  if (!sql) throw new Error(`expected a connection as ${role}`)
  return sql
}

/** Whether the server lets that role do it; what it refuses for any other reason fails the test. */
async function isAllowed(role: FunctionRole, work: (sql: Sql) => Promise<unknown>): Promise<boolean> {
  const undo = new Error('undo')
  try {
    await inTransaction(connectionOf(role), async (tx) => {
      await work(tx)
      throw undo
    })
  } catch (error) {
    if (error === undo) return true
    // Insufficient privilege (PostgreSQL, appendix A).
    if (error instanceof Error && 'code' in error && error.code === '42501') return false
    throw error
  }
  throw new Error('expected the transaction to be undone')
}

async function findAllowed(work: (sql: Sql) => Promise<unknown>): Promise<readonly string[]> {
  const allowed: string[] = []
  for (const role of functionRoles) if (await isAllowed(role, work)) allowed.push(role.replace('app_', ''))
  return allowed
}

const record = makeVerifiedRecord('user-2', 'tron')
const keyed = { id: Buffer.alloc(32, 1), fingerprint: Buffer.alloc(32, 2), holder: randomUUID() }

/** Everything that any function runs, and the roles that may: the function's own, and where a grant suffices by itself. */
const repository: readonly [name: string, work: (sql: Sql) => Promise<unknown>, roles: readonly string[]][] = [
  [
    'registerUpload',
    (sql) =>
      registerUpload(sql, {
        id: randomUUID(),
        userId: 'user-1',
        network: 'tron',
        addressType: 'base58check',
        documentSha256: Buffer.alloc(32),
        requestId: 'request-1',
        now: noon,
      }),
    ['intake'],
  ],
  [
    'extendVerified',
    (sql) =>
      extendVerified(sql, {
        ...{ id: randomUUID(), userId: 'user-1', network: 'bitcoin', addressType: 'p2tr', requestId: 'r', now: noon },
      }),
    ['intake'],
  ],
  ['takeToken', (sql) => takeToken(sql, keyed.id, { capacity: 1, refillPerSecond: 1 }), ['intake']],
  ['claimKey', (sql) => claimKey(sql, keyed), ['intake']],
  [
    'keepAnswer',
    (sql) => keepAnswer(sql, keyed, { status: 202, contentType: 'application/json', location: null, body: '{}' }),
    ['intake'],
  ],
  ['releaseKey', (sql) => releaseKey(sql, keyed), ['intake']],
  ['readBacklog', readBacklog, ['announce']],
  ['forgetExpired', (sql) => forgetExpired(sql, 1), ['announce']],
  ['findVerification', (sql) => findVerification(sql, randomUUID()), ['intake', 'verification', 'announce', 'read']],
  // Intake opens a row again, so that it may set a status; which one, the row's own rules say.
  ['beginInspection', (sql) => beginInspection(sql, randomUUID(), 1), ['intake', 'verification']],
  [
    'commitVerdict',
    (sql) => commitVerdict(sql, makeVerification().id, 1, { status: 'verified', at: noon }),
    ['verification'],
  ],
  [
    'markVerificationsAnnounced',
    (sql) => markVerificationsAnnounced(sql, [randomUUID()], noon),
    ['verification', 'announce'],
  ],
  [
    'lockUnannouncedVerifications',
    (sql) => lockUnannouncedVerifications(sql, noon, 1),
    ['intake', 'verification', 'announce'],
  ],
  ['findWallets', (sql) => findWallets(sql, 'user-1'), ['wallet', 'announce', 'read']],
  ['findWallet', (sql) => findWallet(sql, 'user-1', 'tron', 'base58check'), ['wallet', 'announce', 'read']],
  ['findWalletByAddress', (sql) => findWalletByAddress(sql, 'tron', 'T'), ['wallet', 'announce', 'read']],
  ['lockUnannouncedWallets', (sql) => lockUnannouncedWallets(sql, 1), ['announce']],
  ['markWalletsAnnounced', (sql) => markWalletsAnnounced(sql, [makeWallet()], noon), ['announce']],
  ['lockWaiting', (sql) => lockWaiting(sql, { rootExists: true, now: noon, limit: 1 }), ['announce']],
  [
    'markReleased',
    (sql) =>
      markReleased(
        sql,
        [{ topic: 't', partition: 0, offset: '0', recordedAt: noon, key: null, value: Buffer.from(''), headers: {} }],
        noon,
      ),
    ['announce'],
  ],
  ['reserveAccounts', (sql) => reserveAccounts(sql, ['user-1', 'user-2'], 1), ['wallet']],
  [
    'insertAccounts, findAccounts, insertWallets and findContradictions',
    (sql) =>
      runWalletTransaction(sql, async (tables) => {
        await tables.insertAccounts([{ userId: 'user-2', accountIndex: 1 }], 1, noon)
        expect(await tables.findAccounts(['user-2'], 1)).toEqual(new Map([['user-2', 1]]))
        const classified = classifyRecord(record)
        if (!('event' in classified)) return expect.unreachable()
        const { path, address, publicKey, accountXpub } = keyring.derive('tron', 'base58check', 1)
        const wallet: IssuedWallet = {
          ...{ userId: 'user-2', network: 'tron', addressType: 'base58check', keyringId: 1, accountIndex: 1 },
          ...{ derivationPath: path, address, publicKey, accountXpub, sourceEventId: classified.event.event_id },
          ...{ sourceTopic: 't', sourcePartition: 0, sourceOffset: 0, requestId: 'request-1', createdAt: noon },
        }
        expect(await tables.insertWallets([wallet])).toBe(1)
        expect(await tables.findContradictions([{ verified: classified, wallet }])).toEqual([])
      }),
    ['wallet'],
  ],
  [
    'quarantine',
    (sql) =>
      runWalletTransaction(sql, (tables) =>
        tables.quarantine([{ record: makeKafkaRecord({ value: 'x' }), reason: 'x' }], noon),
      ),
    ['wallet'],
  ],
  ['park', (sql) => runWalletTransaction(sql, (tables) => tables.park([record], 'no_root', noon)), ['wallet']],
  ['findHeartbeats', findHeartbeats, ['intake', 'verification', 'wallet', 'announce', 'read', 'operate']],
  ['findVaultUse', (sql) => findVaultUse(sql, 1), ['operate']],
  [
    'writeHeartbeat',
    (sql) => writeHeartbeat(sql, { part: 'kafka', status: 'ok', seenAt: noon }),
    ['intake', 'verification', 'wallet', 'announce'],
  ],
]

describe('what the functions run', () => {
  for (const [name, work, roles] of repository) {
    test(`${name}: ${roles.join(', ')}`, async () => {
      expect(await findAllowed(work)).toEqual(roles)
    })
  }
})

type Rights = { select?: true | string; insert?: string; update?: string; delete?: true; truncate?: true }

/** Columns by name, `*` for all of them. What is not here is refused. */
const expectedRights: Readonly<Record<FunctionRole, Readonly<Record<string, Rights>>>> = {
  app_intake: {
    'verification.verifications': {
      select: true,
      insert: 'address_type created_at document_sha256 id network request_id user_id',
      update: 'attempt reasons request_id status',
    },
    'operations.rate_limits': { select: true, insert: '*', update: '*' },
    'operations.idempotency_keys': { select: true, insert: '*', update: '*', delete: true },
    'operations.heartbeats': { select: true, insert: '*', update: '*' },
  },
  app_verification: {
    'verification.verifications': { select: true, update: 'announced_at reasons status verified_at' },
    'operations.heartbeats': { select: true, insert: '*', update: '*' },
  },
  app_wallet: {
    'wallet.accounts': { select: true, insert: '*' },
    'wallet.wallets': { select: true, insert: '*' },
    'wallet.quarantine': { insert: '*' },
    'wallet.waiting': { insert: '*' },
    'operations.heartbeats': { select: true, insert: '*', update: '*' },
  },
  app_announce: {
    'verification.verifications': { select: true, update: 'announced_at' },
    'wallet.wallets': { select: true, update: 'announced_at' },
    'wallet.waiting': { select: true, update: 'released_at' },
    // No answer can be read.
    'operations.rate_limits': { select: 'caller full_at', delete: true },
    'operations.idempotency_keys': { select: 'expires_at id', delete: true },
    'operations.heartbeats': { select: true, insert: '*', update: '*' },
  },
  app_read: {
    'verification.verifications': { select: true },
    'wallet.wallets': { select: true },
    'operations.heartbeats': { select: true },
  },
  app_operate: {
    // No user, no address, no record.
    'wallet.accounts': { select: 'account_index keyring_id' },
    'wallet.waiting': { select: 'cause released_at' },
    'operations.heartbeats': { select: true },
  },
}

describe('what each role may do to each table, column by column', () => {
  for (const role of functionRoles) {
    test(role, async () => {
      const columns = await owner<{ table: string; column: string }[]>`
        select table_schema || '.' || table_name as table, quote_ident(column_name) as column
        from information_schema.columns
        where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2`
      const can = (statement: string) => isAllowed(role, (sql) => sql.unsafe(statement))
      const rights: Record<string, Rights> = {}
      for (const [table, ofTable] of Map.groupBy(columns, (row) => row.table)) {
        const names = ofTable.map(({ column }) => column)
        const filter = async (toStatement: (column: string) => string) => {
          const allowed: string[] = []
          for (const name of names) if (await can(toStatement(name))) allowed.push(name)
          return allowed.length === names.length ? '*' : allowed.join(' ')
        }
        const select = await filter((name) => `select ${name} from ${table} limit 0`)
        const insert = await filter((name) => `insert into ${table} (${name}) select ${name} from ${table} where false`)
        const blind = await filter((name) => `insert into ${table} (${name}) select null where false`)
        const update = await filter((name) => `update ${table} set ${name} = null where false`)
        const found: Rights = {
          ...(select === '*' ? { select: true } : select ? { select } : {}),
          ...(insert || blind ? { insert: insert || blind } : {}),
          ...(update ? { update } : {}),
          ...((await can(`delete from ${table} where false`)) ? { delete: true } : {}),
          ...((await can(`truncate ${table} cascade`)) ? { truncate: true } : {}),
        }
        if (Object.keys(found).length > 0) rights[table] = found
      }
      expect(rights).toEqual(expectedRights[role])
    })
  }
})

describe('what else a role could try', () => {
  const attempts: readonly [statement: string, roles: readonly string[]][] = [
    [`select nextval('wallet.account_index')`, ['wallet']],
    [`select setval('wallet.account_index', 1)`, []],
    ['select last_value from wallet.account_index', []],
    ['alter sequence wallet.account_index restart', []],
    ['alter table wallet.wallets disable trigger all', []],
    ['drop trigger refuse_change on wallet.wallets', []],
    ['drop table operations.heartbeats', []],
    ['create table public.mine ()', []],
    ['create table wallet.mine ()', []],
    ['create table verification.mine ()', []],
    ['create schema mine', []],
    ['create function operations.mine() returns integer language sql as $$ select 1 $$', []],
    [`set session_replication_role = 'replica'`, []],
    ['set role postgres', []],
    ['create role mine', []],
    ['alter role app_wallet superuser', []],
    ['select rolpassword from pg_authid', []],
    ['select name from migration.applied', []],
    [`select pg_read_file('postgresql.conf')`, []],
    [`copy (select 1) to program 'true'`, []],
    ['lock table wallet.wallets in access exclusive mode', []],
    ['set role verified_extender', []],
    ['alter function verification.extend_verified owner to app_intake', []],
    [
      `create or replace function verification.extend_verified(uuid, text, text, text, text, timestamptz)
       returns setof verification.verifications language sql as 'select * from verification.verifications'`,
      [],
    ],
  ]
  for (const [statement, roles] of attempts) {
    test(`${statement}: ${roles.join(', ') || 'nobody'}`, async () => {
      expect(await findAllowed((sql) => sql.unsafe(statement))).toEqual(roles)
    })
  }

  test('no role is another, or has an attribute that lifts it above its grants', async () => {
    for (const role of functionRoles) {
      for (const other of functionRoles.filter((name) => name !== role)) {
        expect(await isAllowed(role, (sql) => sql.unsafe(`set role ${other}`)), `${role} as ${other}`).toBe(false)
      }
    }
    const attributes = await owner`
      select rolname from pg_roles where rolname like 'app\\_%' and
        (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls or not rolcanlogin)`
    expect(attributes).toEqual([])
    expect(await owner`select from pg_roles where rolname like 'app\\_%'`).toHaveLength(functionRoles.length)
  })
})

describe('verified_extender, which owns the one function that makes verified rows', () => {
  test('is nobody who can sign in, and has no attribute and no member but administrators', async () => {
    const [role] = await owner`
      select rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolinherit
      from pg_roles where rolname = 'verified_extender'`
    expect(role).toEqual({
      ...{ rolcanlogin: false, rolsuper: false, rolcreaterole: false, rolcreatedb: false },
      ...{ rolreplication: false, rolbypassrls: false, rolinherit: true },
    })
    const members = await owner<{ name: string }[]>`
      select member::regrole::text as name from pg_auth_members where roleid = 'verified_extender'::regrole`
    expect(members.filter(({ name }) => name.startsWith('app_'))).toEqual([])
  })

  test('owns that and nothing else, with a search path that no caller sets', async () => {
    const functions = await owner`
      select oid::regprocedure::text as name, prosecdef as definer, proconfig as settings, proacl::text as grants
      from pg_proc where proowner = 'verified_extender'::regrole`
    expect(functions).toEqual([
      {
        name: 'verification.extend_verified(uuid,text,text,text,text,timestamp with time zone)',
        definer: true,
        settings: ['search_path=pg_catalog, pg_temp'],
        grants: '{verified_extender=X/verified_extender,app_intake=X/verified_extender}',
      },
    ])
    expect(await owner`select from pg_class where relowner = 'verified_extender'::regrole`).toEqual([])
  })

  test('may read verifications and write what a further one has, and nothing else', async () => {
    const grants = await owner<{ right: string }[]>`
      select distinct privilege_type || ' ' || table_schema || '.' || table_name || '.' || column_name as right
      from information_schema.column_privileges where grantee = 'verified_extender' order by 1`
    const rights = grants.map(({ right }) => right)
    const writable = (action: string) =>
      rights.filter((right) => right.startsWith(action)).map((right) => right.split('.').at(-1))
    expect(writable('INSERT')).toEqual(
      [
        'address_type',
        'created_at',
        'document_sha256',
        'extended_from',
        'id',
        'network',
        'request_id',
        'status',
      ].concat(['user_id', 'verified_at']),
    )
    expect(writable('UPDATE')).toEqual(['extended_from', 'reasons', 'status', 'verified_at'])
    expect(rights.every((right) => right.includes(' verification.verifications.'))).toBe(true)
    const tables = await owner`
      select table_schema || '.' || table_name as table, privilege_type as right
      from information_schema.table_privileges where grantee = 'verified_extender'`
    expect(tables).toEqual([{ table: 'verification.verifications', right: 'SELECT' }])
    const [may] = await owner`
      select has_schema_privilege('verified_extender', 'verification', 'usage') as uses,
        has_schema_privilege('verified_extender', 'verification', 'create') as creates`
    expect(may).toEqual({ uses: true, creates: false })
  })
})
