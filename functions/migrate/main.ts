// Wires the migrate function: environment, secrets, the SQL files beside the bundle.
import { readdir, readFile } from 'node:fs/promises'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { quickCalls } from '../../shared/aws-clients.ts'
import { parseCredentials } from '../../shared/database.ts'
import { parseEnvironment } from '../../shared/environment.ts'
import { createLog } from '../../shared/log.ts'
import { openDatabase } from '../../shared/rds.ts'
import { readSecret } from '../../shared/secrets.ts'
import { migrateEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'

const environment = parseEnvironment(migrateEnvironment, process.env)
const secrets = new SecretsManagerClient(quickCalls)
const migrationsFolder = new URL('./migrations/', import.meta.url)

export const handler = createHandler({
  log: createLog('migrate'),
  database: openDatabase(secrets, environment, { applicationName: 'migrate', deadline: 240_000 }),
  readMigrations: async () => {
    const names = (await readdir(migrationsFolder)).filter((name) => name.endsWith('.sql'))
    return Promise.all(
      names.map(async (name) => ({ name, sql: await readFile(new URL(name, migrationsFolder), 'utf8') })),
    )
  },
  readPasswords: async () => {
    const entries = Object.entries(environment.DATABASE_ROLE_SECRETS)
    return new Map(
      await Promise.all(
        entries.map(async ([role, arn]) => [role, parseCredentials(await readSecret(secrets, arn)).password] as const),
      ),
    )
  },
})
