// While a deploy is under way, functions of the previous release run on the new schema: what they ask must still be there.
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, functionRoles, type TestDatabase } from '../support/database.ts'
import { parseLog, planStatement, readLevel, type Statements, toStatementsFile } from '../support/statements.ts'

const level = await readLevel(1)
// Missing: check out the last commit before the newest migration, and record there (see test/support/statements.ts).
const recorded: Statements = JSON.parse(await readFile(toStatementsFile(level), 'utf8'))

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

test.each(functionRoles)(
  `the statements of %s at migration ${level} are planned on the newest schema`,
  async (role) => {
    const statements = recorded[role] ?? []
    expect(statements.length).toBeGreaterThan(0)
    const sql = database.connect(role)
    for (const statement of statements) {
      await expect(planStatement(sql, statement), statement).resolves.toBeUndefined()
    }
  },
)

test('a column that is gone, or a right, is noticed', async () => {
  const owner = database.connect()
  const statement = recorded.app_read?.find((text) => text.includes('wallet.wallets'))
  if (statement === undefined) throw new TypeError('expected app_read to read wallets')
  const reader = database.connect('app_read')
  await owner`revoke select on wallet.wallets from app_read`
  await expect(planStatement(reader, statement)).rejects.toThrow('permission denied')
  await owner`grant select on wallet.wallets to app_read`
  await owner`alter table wallet.wallets rename column address to address_of_wallet`
  await expect(planStatement(reader, statement)).rejects.toThrow('does not exist')
})

test('statements are found in the log of the server, with all of their lines', () => {
  const log = [
    'postgres sends LOG:  execute <unnamed>: select 0',
    'app_read sends LOG:  execute p1: select a',
    '\t  from b where c = $1',
    'app_read sends DETAIL:  parameters: $1 = 1',
    'app_read sends LOG:  statement: begin',
    'app_wallet sends LOG:  execute p2: select 2',
    'app_wallet sends LOG:  execute p2: select 2',
  ].join('\n')
  expect(parseLog(log)).toMatchObject({ app_read: ['select a from b where c = $1'], app_wallet: ['select 2'] })
})
