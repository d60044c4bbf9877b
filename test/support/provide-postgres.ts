// Before tests that need a PostgreSQL and nothing else: one of their own, with these sources' migrations.
import type { TestProject } from 'vitest/node'
import { startTemporaryPostgres } from './temporary-postgres.ts'

/** Called by vitest; what it returns is called after the last test file. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { url, stop } = await startTemporaryPostgres()
  project.provide('postgresUrl', url)
  return stop
}
