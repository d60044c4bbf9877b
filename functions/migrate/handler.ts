// The migrate function: runs at each deploy, before the functions that use the schema.
import type { Database } from '../../shared/database.ts'
import type { Log } from '../../shared/log.ts'
import { type MigrateResult, type Migration, migrate } from './migrate.ts'

export type MigrateDependencies = {
  readonly log: Log
  readonly database: Database
  readonly readMigrations: () => Promise<readonly Migration[]>
  readonly readPasswords: () => Promise<ReadonlyMap<string, string>>
}

export function createHandler(dependencies: MigrateDependencies) {
  const { log, database } = dependencies
  return async (): Promise<MigrateResult> => {
    const migrations = await dependencies.readMigrations()
    const passwords = await dependencies.readPasswords()
    const result = await database.run((sql) => migrate(sql, migrations, passwords))
    const { applied, version, ahead } = result
    log.info('schema is current', { count: applied.length, version })
    if (ahead.length > 0) log.warn('schema is ahead of this release', { count: ahead.length, version })
    return result
  }
}
