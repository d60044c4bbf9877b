// Five suites: unit, vectors (both node modules only; vectors take minutes), infra (the synthesised templates), integration
// (real Postgres and Kafka), e2e (the deployed local stack).
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Milliseconds, after which something hangs: no test is about time, and a machine may be several times slower than ours.
const suite = (name: string, include: string[], extra = {}) => ({
  test: {
    ...{ name, include, testTimeout: 300_000, hookTimeout: 900_000 },
    expect: { poll: { timeout: 60_000 } },
    ...extra,
  },
})

const useCase = { statements: 95, lines: 95, functions: 95, branches: 95 }

export default defineConfig({
  test: {
    // Also on two cores: half of what the longest tests do is waiting for others.
    maxWorkers: Math.max(2, Math.ceil(availableParallelism() / 2)),
    // Kafka may take half a minute to end.
    teardownTimeout: 120_000,
    projects: [
      suite('unit', ['test/unit/**/*.test.ts']),
      suite('vectors', ['test/vectors/**/*.test.ts']),
      suite('infra', ['test/infra/**/*.test.ts']),
      suite('integration', ['test/integration/**/*.test.ts'], { globalSetup: 'test/support/start-servers.ts' }),
      suite('e2e', ['test/e2e/**/*.test.ts'], {
        ...{ testTimeout: 1_800_000, hookTimeout: 1_800_000 },
        globalSetup: 'test/support/prepare-stacks.ts',
      }),
    ],
    coverage: {
      provider: 'v8',
      include: ['functions/**/*.ts', 'shared/**/*.ts'],
      // main.ts only wires; the journey through the deployed stack runs it, in Lambda. The parser's side runs in its own process,
      // and so does what overwrites the memory of one: test/unit/parser.test.ts and hide-environment.test.ts start them.
      exclude: [
        ...['functions/*/main.ts', 'functions/*/environment.ts'],
        'functions/inspect/{parser,serve-document,hide-environment}.ts',
      ],
      reporter: ['text-summary', 'json-summary', 'html'],
      thresholds: {
        // Repositories: whatever has SQL in it.
        'shared/{verifications,wallets,heartbeats}.ts': { 100: true },
        'functions/{announce/announce-tables,announce/forget,announce/overdue,announce/waiting,erase/erase-tables,intake/expect-upload,intake/limit-tables,intake/register-upload,migrate/migrate,operate/dead-letter-tables,operate/vault-use,read/find-verification,verification/commit-arrival,verification/upload-tables,wallet/wallet-tables}.ts':
          { 100: true },
        // Use cases and their ports: of these folders each file, also one that is new.
        'functions/{authorize,docs,erase,intake,migrate,provision,read,verification}/!(handler).ts': {
          ...useCase,
          perFile: true,
        },
        'functions/{announce/announce,announce/net,operate/dead-letter-record,operate/dead-letters,operate/describe-record,operate/vault-status,wallet/derivation,wallet/issue-wallets,wallet/open-keyring,wallet/plan-wallets,wallet/records,wallet/retry-transient}.ts':
          useCase,
        'shared/{kept-documents,validate-address}.ts': useCase,
        // Together: most of what is missing in its files are values in place of bytes behind an end, which is never read.
        'functions/inspect/!(handler).ts': useCase,
        // Handlers.
        'functions/*/handler.ts': { statements: 90, lines: 90, functions: 90, branches: 90 },
      },
    },
  },
})
