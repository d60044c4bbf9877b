// Sends a running API what its OpenAPI document allows and what it does not, by schemathesis, and says what was not answered
// as documented.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installPython } from '../../local/install.ts'
import type { Api } from './local-stack.ts'

const root = join(import.meta.dirname, '..', '..')

/**
 * What is not asked of an answer, and why.
 *
 * `positive_data_acceptance`: JSON Schema cannot say that base64 is of a PNG, or that an address type is of a network.
 * `unsupported_method`: API Gateway answers 404 where there is no such method, and 405 is expected.
 */
const notAsked = ['positive_data_acceptance', 'unsupported_method']

export type Fuzzing = { readonly passed: boolean; readonly report: string }

/** Installs schemathesis unless it is there. Resolves to its program. */
export async function installFuzzer(say: (text: string) => void): Promise<string> {
  const requirementsFile = join(import.meta.dirname, 'fuzzer-requirements.txt')
  const what = { name: 'fuzzer', describe: 'the schema fuzzer (Python packages, about 60 MB)', requirementsFile }
  const python = await installPython(what, { say })
  return join(python, '..', 'schemathesis')
}

/**
 * Fuzzes every route of the document. The same requests each time.
 *
 * @param options.examples of each route and phase, at most
 * @param options.document another one than the committed, by its file
 */
export async function fuzz(
  program: string,
  api: Api,
  options: { readonly examples: number; readonly phases: readonly string[]; readonly document?: string },
): Promise<Fuzzing> {
  const folder = mkdtempSync(join(tmpdir(), 'verified-wallets-fuzzer-'))
  const document = options.document ?? join(root, 'openapi.json')
  const flags = ['run', document, '--url', api.url, '--no-color', '--generation-deterministic']
  flags.push('--max-examples', String(options.examples))
  flags.push('--phases', options.phases.join(','), '--checks', 'all', '--exclude-checks', notAsked.join(','))
  // One worker: threads of it break the parser of some releases of Python 3.11.
  flags.push('--continue-on-failure', '--request-timeout', '30', '--workers', '1', '--warnings', 'off')
  if (api.token !== undefined) flags.push('--header', `Authorization: Bearer ${api.token}`)
  try {
    return await new Promise((resolve) => {
      // Its exit status tells whether it found something; the report is the same text either way.
      execFile(program, flags, { cwd: folder, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
        resolve({ passed: error === null, report: `${stdout}\n${stderr}` }),
      )
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
