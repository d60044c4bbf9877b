// What the functions of one release ask of the database, as text: recorded from the log of the integration tests, to be
// planned on the schema of the next. Recorded by RECORD_STATEMENTS=1 npm test -- --project integration.
import { readFile, writeFile } from 'node:fs/promises'
import postgres from 'postgres'
import { functionRoles, readMigrations, type TestDatabase } from './database.ts'

/** Statements by the role that sends them. */
export type Statements = Readonly<Record<string, readonly string[]>>

const separator = ' sends '

/** The number of the newest migration but `back`: `0004`. */
export async function readLevel(back = 0): Promise<string> {
  const levels = (await readMigrations()).map(({ name }) => name.slice(0, 4)).toSorted()
  const level = levels.at(-1 - back)
  if (level === undefined) throw new RangeError(`expected more than ${back} migrations; got ${levels.length}`)
  return level
}

export const toStatementsFile = (level: string) => new URL(`../fixtures/statements/${level}.json`, import.meta.url)

/** Has the server log each statement of a function's role. */
export async function logStatements(serverUrl: string): Promise<void> {
  const sql = postgres(serverUrl, { max: 1 })
  try {
    await sql.unsafe(`alter system set log_line_prefix = '%u${separator}'`)
    await sql`select pg_reload_conf()`
    for (const role of functionRoles) await sql`alter role ${sql(role)} set log_statement = 'all'`
  } finally {
    await sql.end()
  }
}

/** Statements in a log of the server. A statement of several lines goes on behind a tab. */
export function parseLog(text: string): Statements {
  const found = new Map<string, Set<string>>(functionRoles.map((role) => [role, new Set()]))
  const line = new RegExp(`^(\\w+)${separator}LOG: {2}execute [^:]+: (.*(?:\\n\\t.*)*)`, 'gm')
  for (const [, role = '', statement = ''] of text.matchAll(line)) {
    found.get(role)?.add(statement.replace(/\s+/g, ' ').trim())
  }
  return Object.fromEntries([...found].map(([role, statements]) => [role, [...statements].toSorted()]))
}

/** Plans a statement without running it: the plan asks for every table, column, function and right of the role. */
export async function planStatement(sql: postgres.Sql, statement: string): Promise<void> {
  await sql.unsafe(`explain (generic_plan) ${statement}`).simple()
}

/** Writes the statements of this release, but for those that tests send to see them refused. */
export async function writeStatements(logFile: string, database: TestDatabase): Promise<void> {
  const recorded: Record<string, string[]> = {}
  const statements = parseLog(await readFile(logFile, 'utf8'))
  for (const role of functionRoles) {
    const sql = database.connect(role)
    recorded[role] = []
    for (const statement of statements[role] ?? []) {
      const isAllowed = await planStatement(sql, statement).then(
        () => true,
        () => false,
      )
      if (isAllowed) recorded[role].push(statement)
    }
  }
  await writeFile(toStatementsFile(await readLevel()), `${JSON.stringify(recorded, null, 2)}\n`)
}
