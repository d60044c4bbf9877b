// `npm run vault -- import` and `npm run vault -- status`: the root of a deployed stage. Shows commitments and states, never
// a secret. What is checked and wrapped is in vault-import.ts; what status looks at, in the operate function.
import { KMSClient } from '@aws-sdk/client-kms'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import * as z from 'zod'
import type { VaultStatus, VaultVerdict } from '../functions/operate/vault-status.ts'
import { createVaultPorts } from '../functions/provision/vault-ports.ts'
import { InputError, readFlags, readLines, runOperatorCommand, writeLine } from './command-line.ts'
import { withOperate } from './operate-call.ts'
import {
  type ClientOptions,
  dataStackOf,
  explainAws,
  openStage,
  readOutputs,
  type StageAccess,
} from './stage-access.ts'
import { readHiddenLine, requireTyped, standardTerminal } from './terminal.ts'
import { checkRoot, importRoot, readRootCommitment, refuseOtherRoot } from './vault-import.ts'

const help = `The root of a deployed stage: one mnemonic of 24 English words, wrapped under the stage's key.

  npm run vault -- import --stage dev     puts a mnemonic that exists into an empty vault
  npm run vault -- status --stage dev     what is known of it, without opening it

  --stage NAME           of the stage table (lib/stage-table.ts)
  --state DIR            of a local stack (default .local/state)
  --help
of import:
  --confirm COMMITMENT   the root commitment that is expected, instead of a question; needed without a terminal
  --mfa-serial ARN, --mfa-code N
                         your second factor, where the stage asks for one and your session has none

import reads the mnemonic from the terminal, without showing it, or from the first line of standard input. Neither command
shows a secret. Each writes one line of JSON. Exit status 0: imported, or there already; ready. 1: status is not ready.
2: anything else.
`

const say = (text: string) => console.error(text)

const knownFlags = {
  stage: 'string',
  state: 'string',
  confirm: 'string',
  'mfa-serial': 'string',
  'mfa-code': 'string',
  help: 'boolean',
} as const
type Flags = ReturnType<typeof readFlags<keyof typeof knownFlags>>

// ---- import

async function importMnemonic(access: StageAccess, flags: Flags): Promise<void> {
  const { stage } = access
  const names = ['VaultSecretArn', 'VaultKeyArn', 'VaultImportRoleArn'] as const
  const outputs = await readOutputs(access.client, dataStackOf(stage), names)
  const credentials = await assumeImportRole(access, outputs.VaultImportRoleArn, flags)
  const client = { ...access.client, credentials }
  const [kms, secrets] = [new KMSClient(client), new SecretsManagerClient(client)]
  const ports = createVaultPorts(
    { kms, secrets },
    { stage: stage.name, secretArn: outputs.VaultSecretArn, keyArn: outputs.VaultKeyArn },
  )
  try {
    const held = await readRootCommitment(ports).catch(explainAws('the vault could not be read'))
    if (held !== undefined) say(`the vault holds a root already: ${held}. The same mnemonic is accepted, no other`)
    const given = await readMnemonic()
    let root: ReturnType<typeof checkRoot>
    try {
      root = checkRoot(given, stage.acceptsPublicMnemonics)
    } finally {
      given.fill(0)
    }
    try {
      refuseOtherRoot(root, expectedRoot(stage.rootCommitment), held)
      say(`\nroot commitment      ${root.rootCommitment}\nmaster fingerprint   ${root.masterFingerprint}\n`)
      await confirm(flags, root.rootCommitment)
      const result = await importRoot(ports, root).catch(explainAws('the vault could not be filled'))
      await writeLine(JSON.stringify({ stage: stage.name, ...result, master_fingerprint: root.masterFingerprint }))
      say(describeNext(access, result.root_commitment))
    } finally {
      root.phrase.fill(0)
    }
  } finally {
    kms.destroy()
    secrets.destroy()
  }
}

/** The table's commitment; undefined where it names none, or takes the record's own. */
const expectedRoot = (commitment: string | undefined) => (commitment === 'of-record' ? undefined : commitment)

async function assumeImportRole(
  access: StageAccess,
  role: string,
  flags: Flags,
): Promise<NonNullable<ClientOptions['credentials']>> {
  const [serial, code] = [flags['mfa-serial'], flags['mfa-code']]
  if ((serial === undefined) !== (code === undefined)) {
    throw new InputError('invalid_arguments', 'expected --mfa-serial and --mfa-code together; got one of them')
  }
  const sts = new STSClient(access.client)
  try {
    const { Credentials } = await sts
      .send(
        new AssumeRoleCommand({
          RoleArn: role,
          // Stands in CloudTrail beside who assumed it.
          RoleSessionName: 'vault-import',
          DurationSeconds: 900,
          ...(typeof serial === 'string' && typeof code === 'string' ? { SerialNumber: serial, TokenCode: code } : {}),
        }),
      )
      .catch(
        explainAws(
          `the role that may import (${role}) could not be assumed. It takes sts:AssumeRole on it${access.stage.importNeedsMfa ? ', and a session with a second factor (--mfa-serial, --mfa-code)' : ''}`,
        ),
      )
    const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials ?? {}
    if (!AccessKeyId || !SecretAccessKey || !SessionToken) throw new InputError('aws_failed', 'STS gave no credentials')
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }
  } finally {
    sts.destroy()
  }
}

/** What a person types, or the first line of standard input. The caller wipes it. */
async function readMnemonic(): Promise<Uint8Array> {
  if (process.stdin.isTTY) {
    return readHiddenLine(standardTerminal(), 'The 24 words, which are not shown; then Enter. Ctrl-C stops.\n> ')
  }
  for await (const { bytes } of readLines(process.stdin, 1024)) return bytes
  return new Uint8Array()
}

async function confirm(flags: Flags, commitment: string): Promise<void> {
  if (flags.confirm === undefined) {
    if (!process.stdin.isTTY) {
      throw new InputError('not_confirmed', `nothing was imported: to import it, repeat with --confirm ${commitment}`)
    }
    const question = 'Compare both with what was written down when the mnemonic was made. They can never be changed.'
    return requireTyped(standardTerminal(), question, 'import')
  }
  if (flags.confirm !== commitment) {
    throw new InputError('not_confirmed', `--confirm names another root than the mnemonic given has: ${commitment}`)
  }
}

function describeNext({ stage }: StageAccess, commitment: string): string {
  if (stage.rootCommitment !== undefined) return ''
  return `
Next: the wallet function opens nothing until the stage table names this root.
  1. in lib/stage-${stage.name}.ts:   rootCommitment: '${commitment}',
  2. npm run deploy -- --stage ${stage.name}
  3. npm run vault -- status --stage ${stage.name}`
}

// ---- status

/** What to do about each verdict. */
const advice: Readonly<Record<VaultVerdict, string>> = {
  ready: 'the vault holds the root that the stage table names, and its key works',
  no_root: 'the vault is empty: npm run vault -- import. Until then records wait, and are lost by nobody',
  not_in_stage_table:
    'the vault holds a root that the stage table does not name: put rootCommitment into lib/stage-NAME.ts, deploy',
  other_root: 'the vault holds ANOTHER root than the stage table names: nothing is opened. Find out who changed which',
  key_unusable: 'the key of the vault cannot be used: enable it, or cancel its deletion, in KMS',
  record_unreadable: 'what the vault holds is no record: restore the secret (docs/operations.md, "Restore")',
  record_deleted:
    'the secret of the vault is marked for deletion: restore it at once (docs/runbook.md, section vault-secret-changed)',
}

const statusSchema = z.looseObject({ verdict: z.enum(Object.keys(advice) as [VaultVerdict, ...VaultVerdict[]]) })

async function showStatus(access: StageAccess): Promise<void> {
  const status = await withOperate(
    access,
    async (call) => statusSchema.parse(await call({ command: 'vault-status' })) as unknown as VaultStatus,
  )
  await writeLine(JSON.stringify({ stage: access.stage.name, ...status }))
  if (process.stderr.isTTY) say(describeStatus(status))
  if (status.verdict === 'ready') return
  throw new InputError(status.verdict, advice[status.verdict], { exitStatus: 1 })
}

function describeStatus(status: VaultStatus): string {
  const { key, use } = status
  const seen = use?.wallet_function
  const waiting = Object.entries(use?.waiting_records ?? {}).map(([cause, count]) => `${count} (${cause})`)
  const rows: readonly (readonly [string, string])[] = [
    ['root commitment', status.root_commitment ?? 'none'],
    ['stage table', status.expected_root_commitment],
    ['keyring', String(status.keyring_id ?? 'none')],
    ['key', `${key.state}${key.deletion_date ? `, to be deleted on ${key.deletion_date}` : ''}`],
    [
      'wallet function',
      use === null
        ? 'unknown: the database is away'
        : seen
          ? `${seen.status}, seen ${seen.seen_at}`
          : 'has not opened it yet',
    ],
    [
      'accounts given',
      use === null
        ? 'unknown'
        : use.highest_account_index === null
          ? 'none'
          : `up to index ${use.highest_account_index}`,
    ],
    ['records waiting', use === null ? 'unknown' : waiting.join(', ') || 'none'],
  ]
  return `\n${rows.map(([name, value]) => `  ${name.padEnd(18)}${value}`).join('\n')}\n`
}

await runOperatorCommand(async () => {
  const [action, ...rest] = process.argv.slice(2)
  const isAction = action === 'import' || action === 'status'
  const flags = readFlags(isAction ? rest : process.argv.slice(2).filter((each) => each === '--help'), knownFlags)
  if (flags.help) {
    process.stdout.write(help)
    return
  }
  if (!isAction) throw new InputError('invalid_arguments', 'expected import or status first; --help says the rest')
  const access = await openStage(flags)
  say(
    `stage ${access.stage.name}, account ${access.caller.account}, region ${access.client.region}, as ${access.caller.arn}`,
  )
  await (action === 'import' ? importMnemonic(access, flags) : showStatus(access))
})
