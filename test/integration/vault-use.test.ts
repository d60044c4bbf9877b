// What the operator's `vault-status` reads of a real database.
import { beforeEach, expect, test } from 'vitest'
import { findVaultUse } from '../../functions/operate/vault-use.ts'
import { runWalletTransaction, type WaitingCause } from '../../functions/wallet/wallet-tables.ts'
import { writeHeartbeat } from '../../shared/heartbeats.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { noon } from '../support/fakes.ts'
import { makeVerifiedRecord } from '../support/wallet-records.ts'

let database: TestDatabase

beforeEach(async () => {
  database = await createTestDatabase()
  return () => database.drop()
})

const readUse = () => database.open('app_operate').run((sql) => findVaultUse(sql, 1))

test('nothing was used yet', async () => {
  expect(await readUse()).toEqual({ heartbeat: undefined, highestAccountIndex: undefined, waiting: {} })
})

test("the vault's own heartbeat, the keyring's highest index, and what waits by its cause", async () => {
  await database.connect()`
    insert into wallet.accounts values ('user-1', 1, 7, ${noon}), ('user-2', 1, 41, ${noon}), ('user-3', 2, 99, ${noon})`
  const vaultSeen = { part: 'vault', status: 'failing', seenAt: noon } as const
  const park = (cause: WaitingCause, users: readonly string[]) => {
    const records = users.map((userId) => makeVerifiedRecord(userId, 'tron'))
    return database
      .open('app_wallet')
      .run((sql) => runWalletTransaction(sql, (tables) => tables.park(records, cause, noon)))
  }
  await database.open('app_wallet').run((sql) => writeHeartbeat(sql, vaultSeen))
  await database.open('app_announce').run((sql) => writeHeartbeat(sql, { part: 'kafka', status: 'ok', seenAt: noon }))
  await park('no_root', ['user-1', 'user-2'])
  await park('root_refused', ['user-3'])
  expect(await readUse()).toEqual({
    heartbeat: vaultSeen,
    highestAccountIndex: 41,
    waiting: { no_root: 2, root_refused: 1 },
  })
})
