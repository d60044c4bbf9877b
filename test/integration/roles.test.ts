// Least privilege in Postgres: each function's role can do what its function does, and nothing else at all.
import type postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inTransaction, type Sql } from '../../shared/database.ts'
import { createTestDatabase, type FunctionRole, functionRoles, type TestDatabase } from '../support/database.ts'
import { repository } from '../support/repository.ts'
import { issue, makeVerifiedRecord } from '../support/wallet-records.ts'

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

describe('what the functions run', () => {
  for (const { name, work, runBy, alsoAllowed = [] } of repository) {
    const roles = functionRoles.filter((role) => [...runBy, ...alsoAllowed].includes(role))
    test(`${name}: ${roles.join(', ')}`, async () => {
      expect(await findAllowed(work)).toEqual(roles.map((role) => role.replace('app_', '')))
    })
  }
})

type Rights = { select?: true | string; insert?: string; update?: string; delete?: true; truncate?: true }

/** Columns by name, `*` for all of them. What is not here is refused. */
const expectedRights: Readonly<Record<FunctionRole, Readonly<Record<string, Rights>>>> = {
  app_intake: {
    'verification.verifications': {
      select: true,
      insert:
        'address_type created_at document_sha256 exclusive id network request_id upload_content_type upload_expires_at upload_size user_id',
      update: 'attempt exclusive reasons request_id status upload_expires_at',
    },
    'verification.attempts': {
      ...{ select: true, insert: 'attempt began_at network user_id verification_id' },
      update: 'decided_at status',
    },
    'operations.rate_limits': { select: true, insert: '*', update: '*' },
    'operations.idempotency_keys': { select: true, insert: '*', update: '*', delete: true },
    'operations.heartbeats': { select: true, insert: '*', update: '*' },
  },
  app_verification: {
    'verification.verifications': {
      select: true,
      update:
        'announced_at attempt document_mac document_sha256 duplicate_of exclusive read_until reasons request_id shares_document status verified_at',
    },
    'verification.attempts': { select: true, insert: '*', update: 'checks decided_at reasons rules_version status' },
    'verification.kept_documents': { select: true, insert: 'kept_at object_attempt object_id verification_id' },
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
    'verification.verifications': { select: true, update: 'announced_at looked_at noted_attempt' },
    'verification.overdue': {
      ...{ select: true, insert: '*', delete: true },
      update: 'attempt given_up_at next_at since tries',
    },
    'wallet.wallets': { select: true, update: 'announced_at' },
    'wallet.waiting': { select: true, update: 'released_at' },
    // No answer can be read.
    'operations.rate_limits': { select: 'caller full_at', delete: true },
    'operations.idempotency_keys': { select: 'expires_at id', delete: true },
    'operations.heartbeats': { select: true, insert: '*', update: '*' },
  },
  app_read: {
    'verification.verifications': {
      // Nothing of which users share a document.
      select:
        'address_type announced_at attempt created_at document_sha256 duplicate_of extended_from id network reasons request_id status user_id verified_at',
    },
    'verification.attempts': { select: true },
    'verification.kept_documents': { select: 'erased_at verification_id' },
    'wallet.wallets': { select: true },
    'operations.heartbeats': { select: true },
  },
  app_erase: {
    // Of a verification no hash and no verdict's reasons.
    'verification.verifications': { select: 'attempt duplicate_of extended_from id status user_id' },
    'verification.kept_documents': { select: true, update: 'erased_at erasing_since legal_hold' },
  },
  app_operate: {
    // No wallet, and of what waits no record. Records that were set aside are what operators work on; it changes none.
    'wallet.quarantine': { select: true },
    'operations.handled_dead_letters': { select: true, insert: '*' },
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
    ['select verification.document_of(null)', ['read', 'erase']],
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
