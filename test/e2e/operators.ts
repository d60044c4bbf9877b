// What operators do with a deployed stage, by their commands, on the running local stack: the smoke test, the vault, the
// checks before a deploy.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CloudFormationClient, CreateStackCommand, DeleteStackCommand } from '@aws-sdk/client-cloudformation'
import { describe, expect, it } from 'vitest'
import { issueToken } from '../../local/issuer.ts'
import { commitMnemonic, encodeMnemonic } from '../../shared/mnemonic.ts'
import { type CommandName, parseLines, runCommand } from '../support/commands.ts'
import { call, openApi, type StackDescription } from '../support/local-stack.ts'

type Context = {
  readonly stack: () => StackDescription
  readonly state: string
  readonly mnemonic: string
}

const other = Buffer.from(encodeMnemonic(new Uint8Array(32).map((_, at) => at * 7))).toString('latin1')

/** Defines the tests; the stack must be running when they run. */
export function describeOperators(context: Context): void {
  const ofStack = () => ['--stage', 'local', '--state', context.state]
  const commitment = commitMnemonic(Buffer.from(context.mnemonic))

  /** Runs a command; nothing that it prints may hold two words of the mnemonic in a row. */
  async function run(name: CommandName, flags: readonly string[], input = '', env?: NodeJS.ProcessEnv) {
    const result = await runCommand(name, flags, input, env)
    const words = context.mnemonic.split(' ')
    for (const at of words.keys()) {
      if (at > 0) expect(`${result.stdout}${result.stderr}`).not.toContain(`${words[at - 1]} ${words[at]}`)
    }
    const [answer] = parseLines<Record<string, unknown>>(result.stdout)
    const last = result.stderr.trimEnd().split('\n').at(-1) ?? ''
    const error: unknown = last.startsWith('{') ? JSON.parse(last).error : undefined
    return { status: result.status, answer, error, stderr: result.stderr }
  }

  describe('operators', () => {
    it('smoke: one document in, one wallet out, which the API has', async () => {
      const { stack, state } = context
      const token = await issueToken(state, { service: 'smoke' })
      const flags = ['--url', stack().api_url, '--network', 'bitcoin', '--address-type', 'p2tr']
      const { status, answer, stderr } = await run('smoke', flags, token)
      expect([status, stderr]).toEqual([0, expect.stringMatching(/health: ok[\s\S]+verified[\s\S]+works: /)])
      expect(stderr).not.toContain(token)
      const wallet = await call(
        await openApi(stack(), state),
        `/wallet/${answer?.user_id}?network=bitcoin&address_type=p2tr`,
      )
      expect(wallet).toMatchObject({ status: 200, body: { wallet_address: answer?.wallet_address } })
    })

    it('smoke: a token that may not post ends at that step, with exit status 1', async () => {
      const token = await issueToken(context.state, { user: 'reader' }, { scopes: ['wallet:read'] })
      const { status, error } = await run('smoke', ['--url', context.stack().api_url], token)
      expect({ status, error }).toMatchObject({ status: 1, error: { code: 'post' } })
    })

    it('vault status: the root, the state of its key and its use; and one line in the log of who asked', async () => {
      const { status, answer } = await run('vault', ['status', ...ofStack()])
      expect(status).toBe(0)
      expect(answer).toMatchObject({
        ...{ stage: 'local', verdict: 'ready', keyring_id: 1, root_commitment: commitment },
        ...{ expected_root_commitment: 'of-record', key: { state: 'Enabled' } },
        use: { wallet_function: { status: 'ok' }, highest_account_index: expect.any(Number) },
      })
      // No other field: neither secret nor ciphertext.
      expect(Object.keys(answer ?? {})).toEqual([
        ...['stage', 'verdict', 'keyring_id', 'root_commitment', 'expected_root_commitment', 'key', 'use'],
      ])
      await expect
        .poll(() => readFileSync(join(context.stack().log_dir, 'functions.log'), 'utf8'), { timeout: 30_000 })
        .toMatch(/"command":"vault-status","claimed_caller":"arn:aws:iam::000000000000:root","status":"answered"/)
    })

    it('vault import: the same mnemonic is there already, without a confirmation nothing is done, another is refused', async () => {
      const flags = ['import', ...ofStack()]
      const same = await run('vault', [...flags, '--confirm', commitment], `${context.mnemonic.toUpperCase()}\n`)
      expect(same).toMatchObject({ status: 0, answer: { outcome: 'present', root_commitment: commitment } })
      const unconfirmed = await run('vault', flags, context.mnemonic)
      expect(unconfirmed).toMatchObject({ status: 2, error: { code: 'not_confirmed' } })
      const replaced = await run('vault', [...flags, '--confirm', commitMnemonic(Buffer.from(other))], other)
      expect(replaced).toMatchObject({ status: 2, error: { code: 'other_root_held' } })
    })

    it('deploy: looks at the account, synthesises, and deploys nothing when only asked to check', async () => {
      const url = context.stack().emulator_url
      const env = {
        ...process.env,
        ...{ AWS_ENDPOINT_URL: url, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
        ...{ AWS_EC2_METADATA_DISABLED: 'true', CDK_VALIDATION: 'false' },
      }
      const { status, stderr } = await run('deploy', ['--stage', 'dev', '--check'], '', env)
      expect([status, stderr]).toEqual([0, expect.stringContaining('nothing was deployed')])
      expect(stderr).toMatch(/ok {2}CDK bootstrap of version \d+/)
      expect(stderr).toMatch(/verified-wallets-dev-service: will be created/)
      const other = { StackName: 'verified-wallets-prod-data' }
      const cloudFormation = new CloudFormationClient({
        ...{ endpoint: url, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } },
      })
      const TemplateBody = JSON.stringify({ Resources: { Topic: { Type: 'AWS::SNS::Topic' } } })
      await cloudFormation.send(new CreateStackCommand({ ...other, TemplateBody }))
      try {
        const shared = await run('deploy', ['--stage', 'dev', '--check'], '', env)
        expect(shared).toMatchObject({ status: 1, error: { code: 'shared_account' } })
      } finally {
        await cloudFormation.send(new DeleteStackCommand(other))
      }
      const local = await run('deploy', ['--stage', 'local'], '', env)
      expect(local).toMatchObject({ status: 2, error: { code: 'emulated_stage' } })
    })
  })
}
