// The SQL that runbook and operations tell a person to run at night, run as its administrator does: on the newest schema, over
// rows as they are then, with the triggers on.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type postgres from 'postgres'
import { beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { noon } from '../support/fakes.ts'

/** All statements of a page: blocks of SQL, and words set as code that begin as one does. */
function readStatements(page: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs', page), 'utf8')
  const blocks = [...text.matchAll(/^```sql\n([\s\S]*?)^```/gm)].map(([, block = '']) => block)
  const spans = text
    .replaceAll(/^ *```[\s\S]*?^ *```/gm, '')
    .matchAll(/`((?:select|update|insert|delete|with|vacuum)\s[^`]+)`/g)
  return [...blocks, ...[...spans].map(([, span = '']) => span)].map((statement) => statement.replaceAll(/\s+/g, ' '))
}

const statements = ['runbook.md', 'operations.md'].flatMap((page) =>
  readStatements(page).map((statement) => [page, statement] as const),
)
/** What stands for a value that the reader knows. */
const fill = (statement: string) => statement.replaceAll(/\bMOMENT\b/g, 'now()').replaceAll(/\bN\b/g, '1')

let database: TestDatabase
let administrator: postgres.Sql
const [lost, undecided] = [randomUUID(), randomUUID()]

beforeAll(async () => {
  database = await createTestDatabase()
  administrator = database.connect()
  await administrator`
    insert into verification.verifications
      (id, user_id, network, address_type, document_sha256, status, request_id, created_at, verified_at, announced_at,
       looked_at)
    values
      (${lost}, 'u', 'tron', 'base58check', sha256('1'), 'verified', 'r', ${noon}, now() + interval '1 hour', now(), now()),
      (${undecided}, 'u', 'bitcoin', 'p2pkh', sha256('2'), 'processing', 'r', ${noon}, null, null, null)`
  await administrator`
    insert into verification.overdue (verification_id, missing, attempt, since, tries, next_at, given_up_at)
    values (${lost}, 'wallet', 1, ${noon}, 8, ${noon}, ${noon}), (${undecided}, 'verdict', 1, ${noon}, 8, ${noon}, ${noon})`
  return () => database.drop()
})

test('there are some, and none has a blank that is not known here', () => {
  expect(statements.length).toBeGreaterThan(9)
  expect(statements.filter(([, statement]) => /\b[A-Z]{2,}\b/.test(fill(statement)))).toEqual([])
})

describe('each is taken', () => {
  test.each(statements)('%s: %s', async (_, statement) => {
    const { count } = await administrator.unsafe(fill(statement)).simple()
    // A change that finds nothing to change would help nobody.
    if (statement.startsWith('update ')) expect(count).toBe(1)
  })
})
