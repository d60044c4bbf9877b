// Expand, then contract: while a deploy is under way, and when it is rolled back, functions of the release before run on
// the newest schema. So what they run is kept, a file a migration level, and Postgres must still take all of it, under
// their roles. Says nothing of what the statements answer: that is for who writes a migration.
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type postgres from 'postgres'
import { beforeAll, describe, expect, test } from 'vitest'
import { inTransaction } from '../../shared/database.ts'
import {
  createTestDatabase,
  type FunctionRole,
  functionRoles,
  readMigrations,
  type TestDatabase,
} from '../support/database.ts'
import { catchError } from '../support/fakes.ts'
import { repository } from '../support/repository.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'test/fixtures/statements')
const advice = 'Run `npm run record:statements` and commit what it writes.'

/** Looked at before anything is recorded. */
const keptLevels = readdirSync(folder).map((name) => name.replace('.sql', ''))
const levels = (await readMigrations()).map(({ name }) => name.slice(0, 4)).toSorted()
const newest = levels.at(-1) ?? ''

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  return () => database.drop()
})

type Statement = { readonly role: FunctionRole; readonly text: string; readonly types: readonly string[] }

/** What the calls of one role have Postgres prepare, each once, with the types that it found; undone afterwards. */
async function record(role: FunctionRole): Promise<readonly Statement[]> {
  const undo = new Error('undo')
  let found: readonly Omit<Statement, 'role'>[] = []
  const work = inTransaction(database.connect(role), async (tx) => {
    for (const { work, runBy } of repository) if (runBy.includes(role)) await work(tx)
    // The driver prepares what it sends, and once a text; it also asks for types, of the catalogue.
    found = await tx<Omit<Statement, 'role'>[]>`
      select btrim(statement, E' \\n') as text, parameter_types::text[] as types from pg_prepared_statements
      where statement ~ '^\\s*(select|insert|update|delete|with)\\y' and statement !~ 'pg_(catalog|prepared)' order by prepare_time, name`
    throw undo
  })
  expect(await catchError(() => work)).toBe(undo)
  return found.map(({ text, types }) => ({ role, text, types }))
}

/** As a file that psql runs: prepared statements named ROLE_NUMBER. */
const write = (statements: readonly Statement[]) =>
  statements
    .map(({ role, text, types }, index) => {
      const number = index - statements.findIndex((other) => other.role === role) + 1
      const parameters = types.length > 0 ? ` (${types.join(', ')})` : ''
      return `prepare ${role}_${number}${parameters} as\n${text};\n`
    })
    .join('\n')

/** Which statements of a kept file Postgres does not take any more, and why. */
async function findRefused(sql: postgres.Sql, file: string): Promise<readonly string[]> {
  const refused: string[] = []
  // A plan that is not made for certain values, since there are none.
  await sql`set plan_cache_mode = force_generic_plan`
  for (const statement of file.split(/^(?=prepare )/m)) {
    const [, name = '', role = ''] = /^prepare ((app_[a-z]+)_\d+)/.exec(statement) ?? []
    const parameters = /^prepare \w+ \((.*)\) as$/m.exec(statement)?.[1]
    const values =
      parameters === undefined
        ? ''
        : `(${parameters
            .split(', ')
            .map(() => 'null')
            .join(', ')})`
    try {
      // Names and types when it is prepared; permissions when it is begun, which a plan is. Nothing is executed.
      await sql.unsafe(statement).simple()
      await sql.unsafe(`set role ${role}`).simple()
      await sql.unsafe(`explain execute ${name}${values}`).simple()
    } catch (error) {
      refused.push(`${name}: ${error instanceof Error ? error.message : error}`)
    } finally {
      await sql`reset role`
    }
  }
  return refused
}

const readLevel = (level: string) => readFileSync(join(folder, `${level}.sql`), 'utf8')

test('there is a file of the newest level and of the one before, and none in between is missing', () => {
  expect(keptLevels.at(-1), advice).toBe(newest)
  expect(keptLevels.length).toBeGreaterThanOrEqual(2)
  expect(levels.slice(-keptLevels.length)).toEqual(keptLevels)
})

test('the file of the newest level is what the functions run now', async () => {
  const statements = (await Promise.all(functionRoles.map(record))).flat()
  await expect(write(statements), advice).toMatchFileSnapshot(join(folder, `${newest}.sql`))
})

describe('what functions run on the newest schema', () => {
  test.each(keptLevels)('those of level %s', async (level) => {
    const file = readLevel(level)
    expect(file.match(/^prepare /gm)?.length).toBeGreaterThan(20)
    expect(await findRefused(database.connect(), file)).toEqual([])
  })

  test('a column that is gone, a type that changed and a right that was taken are seen', async () => {
    const contracted = await createTestDatabase()
    try {
      const owner = contracted.connect()
      await owner.unsafe(`
        alter table wallet.wallets rename column request_id to asked_by;
        alter table operations.idempotency_keys alter column holder type text using holder::text;
        revoke select on verification.verifications from app_announce`)
      const refused = await findRefused(contracted.connect(), readLevel(newest))
      const reasons = new Set(refused.map((line) => line.replace(/^(app_[a-z]+)_\d+/, '$1')))
      expect([...reasons].toSorted()).toEqual([
        'app_announce: column "request_id" does not exist',
        'app_announce: permission denied for table verifications',
        'app_intake: operator does not exist: text = uuid',
        'app_read: column "request_id" does not exist',
        'app_wallet: column "request_id" of relation "wallets" does not exist',
      ])
    } finally {
      await contracted.drop()
    }
  })
})

/** A tagged template whose text begins at that character, as a pattern of what it may become. */
function toPattern(source: string, start: number): string {
  const literals = ['']
  let depth = 0
  for (let at = start; depth > 0 || source.charAt(at) !== '`'; at++) {
    const character = source.charAt(at)
    if (character === '') throw new Error('expected a template to end')
    if (depth > 0) depth += character === '{' ? 1 : character === '}' ? -1 : 0
    else if (character !== '$') literals.push((literals.pop() ?? '') + character)
    else {
      literals.push('')
      depth = 1
      at++
    }
  }
  return literals
    .join('\0')
    .trim()
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('\0', '[^;]*?')
}

test('every statement in the code of the functions is among them', () => {
  const kept = readLevel(newest)
  const files = globSync(['shared/*.ts', 'functions/*/*.ts'], { cwd: root, exclude: ['functions/migrate/*'] })
  const patterns = files.flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8')
    return [...source.matchAll(/\b(?:sql|tx)(?:<[^`]*?>)?`/g)].map((match) =>
      toPattern(source, match.index + match[0].length),
    )
  })
  const statements = patterns.filter((pattern) => /^(select|insert|update|delete|with)\b/.test(pattern))
  expect(statements.length).toBeGreaterThan(25)
  const missing = statements.filter((pattern) => !new RegExp(`^${pattern};$`, 'm').test(kept))
  expect(missing, 'Add calls that run them to test/support/repository.ts').toEqual([])
})
