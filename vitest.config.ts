// Five suites: unit, vectors (both node modules only; vectors take minutes), infra (the synthesised templates), integration
// (real Postgres and Kafka), e2e (the deployed local stack).
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const suite = (name: string, include: string[], extra = {}) => ({
  test: { name, include, testTimeout: 60_000, hookTimeout: 300_000, ...extra },
})

export default defineConfig({
  test: {
    // Also on two cores: half of what the longest tests do is waiting for others.
    maxWorkers: Math.max(2, Math.ceil(availableParallelism() / 2)),
    projects: [
      suite('unit', ['test/unit/**/*.test.ts']),
      suite('vectors', ['test/vectors/**/*.test.ts']),
      suite('infra', ['test/infra/**/*.test.ts']),
      suite('integration', ['test/integration/**/*.test.ts'], { globalSetup: 'test/support/start-servers.ts' }),
      suite('e2e', ['test/e2e/**/*.test.ts'], {
        ...{ testTimeout: 600_000, hookTimeout: 900_000 },
        globalSetup: 'test/support/prepare-stacks.ts',
      }),
    ],
    coverage: {
      provider: 'v8',
      include: ['functions/**/*.ts', 'shared/**/*.ts'],
      // main.ts only wires; the journey through the deployed stack runs it, in Lambda.
      exclude: ['functions/*/main.ts', 'functions/*/environment.ts'],
      reporter: ['text-summary', 'json-summary', 'html'],
      thresholds: {
        // Repositories.
        'shared/{verifications,wallets,heartbeats}.ts': { 100: true },
        'functions/{intake/limit-tables,verification/upload-tables,wallet/wallet-tables,announce/announce-tables,announce/overdue,announce/waiting,announce/forget,migrate/migrate,operate/vault-use,operate/dead-letter-tables}.ts':
          { 100: true },
        // Use cases.
        'functions/{authorize/check-token,authorize/issuer-keys,intake/receive-document,intake/request-upload,inspect/inspect-document,verification/verify-documents,wallet/issue-wallets,wallet/plan-wallets,wallet/open-keyring,wallet/derivation,wallet/records,wallet/retry-transient,intake/rate-limit,intake/idempotency,announce/announce,announce/net,read/check-health,read/remember-wallets,provision/provision,operate/vault-status,operate/dead-letters,operate/dead-letter-record,operate/describe-record}.ts':
          { statements: 95, lines: 95, functions: 95, branches: 95 },
        'shared/validate-address.ts': { statements: 95, lines: 95, functions: 95, branches: 95 },
        // Handlers.
        'functions/*/handler.ts': { statements: 90, lines: 90, functions: 90, branches: 90 },
      },
    },
  },
})
