// What operators do with a deployed stage, by their commands, on the running local stack: the smoke test, the vault, the
// checks before a deploy.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { issueToken } from '../../local/issuer.ts'
import { commitMnemonic, encodeMnemonic } from '../../shared/mnemonic.ts'
import { type CommandName, parseLines, runCommand } from '../support/commands.ts'
import { call, openApi, type StackDescription } from '../support/local-stack.ts'
import { makeUserVerified } from '../support/wallet-records.ts'

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

    /** The emulator as if it were the account that somebody is signed in to. */
    const signedIn = () => ({
      ...process.env,
      ...{ AWS_ENDPOINT_URL: context.stack().emulator_url, AWS_REGION: 'us-east-1' },
      ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
      ...{ AWS_EC2_METADATA_DISABLED: 'true', CDK_VALIDATION: 'false' },
    })

    const openCloudFormation = () =>
      new CloudFormationClient({
        ...{ endpoint: context.stack().emulator_url, region: 'us-east-1' },
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      })

    /** Runs work while a stack of that name is there, of topics that go with it or are kept. */
    async function withStack(StackName: string, work: () => Promise<void>): Promise<void> {
      const cloudFormation = openCloudFormation()
      const topic = { Type: 'AWS::SNS::Topic' }
      const TemplateBody = JSON.stringify({ Resources: { Topic: topic, Kept: { ...topic, DeletionPolicy: 'Retain' } } })
      await cloudFormation.send(new CreateStackCommand({ StackName, TemplateBody }))
      try {
        await work()
      } finally {
        await cloudFormation.send(new DeleteStackCommand({ StackName }))
      }
    }

    it('dlq: a poison record is found by its coordinates and given up; a dead letter is redriven and makes its wallet', async () => {
      const kafka = new Kafka({ brokers: context.stack().kafka_brokers.split(','), logLevel: logLevel.NOTHING })
      const producer = kafka.producer()
      await producer.connect()
      const user = randomUUID()
      const { key, value, headers } = makeUserVerified(user, 'tron')
      const at = { failure_topic: 'user.verified', failure_partition: '3', failure_offset: '1234567' }
      const why = { failure_condition: 'RetryAttemptsExhausted', failure_timestamp: new Date().toISOString() }
      await producer.send({
        topic: 'user.verified.dead-letter',
        messages: [{ key, value, headers: { ...headers, ...at, ...why } }],
      })
      const [sent] = await producer.send({
        topic: 'user.verified',
        messages: [{ key: user, value: '\u001b[31mpoison' }],
      })
      await producer.disconnect()
      const poison = [
        '--topic',
        'user.verified',
        '--partition',
        String(sent?.partition),
        '--offset',
        String(sent?.baseOffset),
      ]

      await expect
        .poll(() => run('dlq', ['show', ...ofStack(), ...poison]), { timeout: 120_000, interval: 1000 })
        .toMatchObject({
          status: 0,
          answer: { source: 'quarantine', reason: 'value is not JSON in UTF-8', handled: [] },
        })
      const shown = await run('dlq', ['show', ...ofStack(), '--partition', '3', '--offset', '1234567'])
      expect(shown).toMatchObject({ status: 0, answer: { source: 'topic', reason: 'RetryAttemptsExhausted' } })
      // Whose it is only when that is asked for.
      expect(JSON.stringify(shown.answer)).not.toContain(user)

      const discard = ['discard', ...ofStack(), ...poison, '--because', 'a test record']
      expect(await run('dlq', discard)).toMatchObject({ status: 2, error: { code: 'not_confirmed' } })
      expect(await run('dlq', [...discard, '--confirm', '1'])).toMatchObject({ status: 0, answer: { discarded: 1 } })
      const ofUser = [...ofStack(), '--user', user]
      const redrive = ['redrive', ...ofUser, '--confirm', '1']
      expect(await run('dlq', ['redrive', ...ofUser, '--dry-run'])).toMatchObject({ answer: { redriven: 0, found: 1 } })
      expect(await run('dlq', redrive)).toMatchObject({
        status: 0,
        answer: { redriven: 1, handled_before: 0, skipped: 0 },
      })
      expect(await run('dlq', ['list', ...ofUser])).toMatchObject({ status: 0, answer: undefined })
      const api = await openApi(context.stack(), context.state)
      await expect
        .poll(() => call(api, `/wallet/${user}?network=tron`), { timeout: 120_000, interval: 500 })
        .toMatchObject({ status: 200, body: { wallet_address: expect.stringMatching(/^T/) } })
      await expect
        .poll(() => readFileSync(join(context.stack().log_dir, 'functions.log'), 'utf8'), { timeout: 30_000 })
        .toMatch(
          /"command":"redrive-dead-letters","claimed_caller":"arn:[^"]+","status":"answered","source":"topic","count":1/,
        )
    })

    it('dlq: a message of the dead-letter queue is shown, sent round again, and gone', async () => {
      const client = {
        ...{ endpoint: context.stack().emulator_url, region: 'us-east-1' },
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      }
      const cloudFormation = new CloudFormationClient(client)
      const { Stacks } = await cloudFormation.send(
        new DescribeStacksCommand({ StackName: 'verified-wallets-local-data' }),
      )
      const url = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === 'VerificationDeadLetterQueueUrl')
      const MessageBody = JSON.stringify({ Records: [{ s3: { object: { key: `incoming/${randomUUID()}/1` } } }] })
      const queues = new SQSClient({ ...client, useQueueUrlAsEndpoint: false })
      const { MessageId = '' } = await queues.send(
        new SendMessageCommand({ QueueUrl: url?.OutputValue ?? '', MessageBody }),
      )
      const ofMessage = [...ofStack(), '--message', MessageId]
      expect(await run('dlq', ['show', ...ofMessage])).toMatchObject({ status: 0, answer: { message_id: MessageId } })
      const redriven = await run('dlq', ['redrive', ...ofMessage, '--confirm', '1'])
      expect(redriven).toMatchObject({ status: 0, answer: { redriven: 1, skipped: 0 } })
      expect(await run('dlq', ['show', ...ofMessage])).toMatchObject({ status: 1, error: { code: 'not_found' } })
    })

    it('deploy: looks at the account, synthesises, and deploys nothing when only asked to check', async () => {
      const { status, stderr } = await run('deploy', ['--stage', 'dev', '--check'], '', signedIn())
      expect([status, stderr]).toEqual([0, expect.stringContaining('nothing was deployed')])
      expect(stderr).toMatch(/ok {2}CDK bootstrap of version \d+/)
      expect(stderr).toMatch(/verified-wallets-dev-service: will be created/)
      await withStack('verified-wallets-prod-data', async () => {
        const shared = await run('deploy', ['--stage', 'dev', '--check'], '', signedIn())
        expect(shared).toMatchObject({ status: 1, error: { code: 'shared_account' } })
      })
      const local = await run('deploy', ['--stage', 'local'], '', signedIn())
      expect(local).toMatchObject({ status: 2, error: { code: 'emulated_stage' } })
    })

    it('destroy: of prod only what a person types, after it was said what survives', async () => {
      const name = 'verified-wallets-prod-service'
      await withStack(name, async () => {
        const hasty = await run('destroy', ['--stage', 'prod', '--yes'], '', signedIn())
        expect(hasty).toMatchObject({ status: 2, error: { code: 'not_confirmed' } })
        const piped = await run('destroy', ['--stage', 'prod'], 'destroy prod in 000000000000\n', signedIn())
        expect(piped).toMatchObject({ status: 2, error: { code: 'no_terminal' } })
        expect(piped.stderr).toContain(
          `${name}: goes, with 1 resources; these stay, and cost on:\n    Kept (AWS::SNS::Topic)`,
        )
        const { Stacks } = await openCloudFormation().send(new DescribeStacksCommand({ StackName: name }))
        expect(Stacks?.map(({ StackStatus }) => StackStatus)).toEqual(['CREATE_COMPLETE'])
      })
    })

    it('diff tells that a stage differs, and changes nothing; destroy deletes it, and says when there is none', async () => {
      await withStack('verified-wallets-dev-service', async () => {
        const differs = await run('diff', ['--stage', 'dev', '--fail'], '', signedIn())
        expect(differs).toMatchObject({ status: 1, error: { code: 'differs' } })
        const destroyed = await run('destroy', ['--stage', 'dev', '--yes'], '', signedIn())
        expect([destroyed.status, destroyed.stderr]).toEqual([0, expect.stringMatching(/\ndeleted\n$/)])
        const again = await run('destroy', ['--stage', 'dev', '--yes'], '', signedIn())
        expect(again).toMatchObject({ status: 2, error: { code: 'not_deployed' } })
      })
    })
  })
}
