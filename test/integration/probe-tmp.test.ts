import { test, expect } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
test('probe', async () => {
  const d = await createTestDatabase()
  const sql = d.connect('app_read')
  expect(await sql`select count(*)::int from wallet.wallets`).toEqual([{ count: 0 }])
  // closed in the middle of a transaction, while the work waits for something else
  const admin = d.connect()
  let after: unknown
  const database = d.open('app_wallet')
  await expect(database.run(async (q) => (q as import('postgres').Sql).begin(async (tx) => {
    const [{ pid }] = await tx`select pg_backend_pid() as pid` as unknown as [{pid:number}]
    await admin`select pg_terminate_backend(${pid})`
    await new Promise((r) => setTimeout(r, 300))
    await tx`select 1`.catch((e) => { after = e })
  }))).rejects.toThrow('not available')
  await new Promise((r) => setTimeout(r, 800))
  console.log(after)
  await d.drop()
})
