// Least privilege, live: each function loses one permission in the emulator's IAM, which enforces it, and must fail at just that.
import { randomUUID } from 'node:crypto'
import { GetRolePolicyCommand, IAMClient, ListRolePoliciesCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam'
import {
  GenerateDataKeyWithoutPlaintextCommand,
  GetKeyPolicyCommand,
  KMSClient,
  PutKeyPolicyCommand,
} from '@aws-sdk/client-kms'
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import {
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import type postgres from 'postgres'
import { describe, expect, it } from 'vitest'
import { toUserVerified } from '../../shared/events.ts'
import { toDocumentContext } from '../../shared/kept-documents.ts'
import { makeLetter } from '../support/fixtures.ts'
import { type Api, call, postDocument, type StackDescription } from '../support/local-stack.ts'

type Context = {
  readonly stack: () => StackDescription
  /** The API as a service that may do everything meets it. */
  readonly api: () => Api
  readonly sql: () => postgres.Sql
  /** The deployed stacks' outputs. */
  readonly outputs: () => Readonly<Record<string, string>>
}

type Statement = { Sid?: string }
type Policy = { Version: string; Statement: Statement[] }

const withoutStatement = (document: string, sid: string): string => {
  const policy: Policy = JSON.parse(document)
  const rest = policy.Statement.filter((statement) => statement.Sid !== sid)
  if (rest.length !== policy.Statement.length - 1) throw new Error(`expected one statement ${sid}`)
  return JSON.stringify({ ...policy, Statement: rest })
}

/** Defines the tests; the stack must be running when they run. */
export function describePermissions(context: Context): void {
  const options = () => ({
    endpoint: context.stack().emulator_url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  const functionName = (name: string) => context.outputs()[`${name}FunctionName`] ?? ''

  async function invoke(name: string, event: unknown): Promise<{ failed: boolean; body: unknown }> {
    const result = await new LambdaClient(options()).send(
      new InvokeCommand({ FunctionName: functionName(name), Payload: Buffer.from(JSON.stringify(event)) }),
    )
    const text = Buffer.from(result.Payload ?? []).toString('utf8')
    return { failed: result.FunctionError !== undefined, body: text ? JSON.parse(text) : undefined }
  }

  /** What a container learnt once must be learnt again: a changed configuration makes Lambda start new ones. */
  async function renewContainers(name: string): Promise<void> {
    const lambda = new LambdaClient(options())
    const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionName(name) }))
    const variables = { ...Environment?.Variables, CONTAINER_GENERATION: String(Date.now()) }
    await lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: functionName(name),
        Environment: { Variables: variables },
      }),
    )
  }

  async function withoutPermission(name: string, sid: string, work: () => Promise<void>): Promise<void> {
    const iam = new IAMClient(options())
    const { Role } = await new LambdaClient(options()).send(
      new GetFunctionConfigurationCommand({ FunctionName: functionName(name) }),
    )
    const RoleName = Role?.split('/').at(-1) ?? ''
    const { PolicyNames } = await iam.send(new ListRolePoliciesCommand({ RoleName }))
    const PolicyName = PolicyNames?.[0] ?? ''
    expect(PolicyNames).toHaveLength(1)
    const { PolicyDocument } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }))
    const original = decodeURIComponent(PolicyDocument ?? '')
    const put = (document: string) =>
      iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: document }))
    await put(withoutStatement(original, sid))
    await renewContainers(name)
    try {
      await work()
    } finally {
      await put(original)
      await renewContainers(name)
    }
  }

  const post = (user_id: string) =>
    postDocument(context.api(), { user_id, network: 'tron', document: makeLetter(user_id) })

  /** A document that nobody is told of, and a data key for it. */
  async function plantDocument() {
    const s3 = new S3Client({ ...options(), forcePathStyle: true })
    const Bucket = context.outputs().DocumentBucketName
    const id = randomUUID()
    const key = `incoming/${id}/1`
    const { QueueConfigurations } = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }))
    const tell = (queues: typeof QueueConfigurations) =>
      s3.send(
        new PutBucketNotificationConfigurationCommand({
          Bucket,
          NotificationConfiguration: { QueueConfigurations: queues },
        }),
      )
    expect(QueueConfigurations).toHaveLength(1)
    await tell([])
    try {
      await s3.send(new PutObjectCommand({ Bucket, Key: key, Body: makeLetter(id) }))
    } finally {
      await tell(QueueConfigurations)
    }
    const { CiphertextBlob = new Uint8Array() } = await new KMSClient(options()).send(
      new GenerateDataKeyWithoutPlaintextCommand({
        ...{ KeyId: context.outputs().DocumentDataKeyArn, KeySpec: 'AES_256' },
        EncryptionContext: toDocumentContext('local', id),
      }),
    )
    return { key, wrapped_data_key: Buffer.from(CiphertextBlob).toString('base64') }
  }

  /** An S3 notification of an object, as the queue delivers it. */
  const toQueueEvent = (key: string) => ({
    Records: [{ messageId: 'm1', body: JSON.stringify({ Records: [{ s3: { object: { key } } }] }) }],
  })

  /** The Kafka event of a verified person who has no wallet, at a place that no real record of this run has. */
  const farOffset = 1_000_000
  function toKafkaEvent(userId: string, number: number) {
    const offset = farOffset + number
    const record = toUserVerified({
      id: '00000000-0000-4000-8000-000000000001',
      userId,
      network: 'tron',
      addressType: 'base58check',
      documentSha256: new Uint8Array(32),
      status: 'verified',
      attempt: 1,
      reasons: [],
      requestId: 'permissions',
      createdAt: new Date(0),
      verifiedAt: new Date(0),
      announcedAt: null,
    })
    const encoded = {
      topic: 'user.verified',
      partition: 0,
      offset,
      timestamp: Date.now(),
      timestampType: 'CREATE_TIME',
      key: Buffer.from(record.key).toString('base64'),
      value: Buffer.from(record.value).toString('base64'),
      headers: [],
    }
    return { eventSource: 'aws:kafka', records: { 'user.verified-0': [encoded] } }
  }
  const hasWallet = async (userId: string) =>
    (await call(context.api(), `/wallet/${userId}?network=tron`)).status === 200

  /** As a minute does, and a message comes again after three: for so long nobody else reads what one delivery has begun to. */
  const endReading = (id: string) =>
    context.sql()`update verification.verifications set read_until = null where id = ${id}`

  describe('one permission less', () => {
    it('intake without its database secret takes nothing', async () => {
      await withoutPermission('Intake', 'ReadOwnDatabaseSecret', async () => {
        expect((await post('less-1')).status).toBe(503)
      })
      expect((await post('less-1')).status).toBe(202)
    })

    it('intake without the bucket puts nothing, and the repetition heals it', async () => {
      await withoutPermission('Intake', 'PutDocuments', async () => {
        expect((await post('less-2')).status).toBe(503)
      })
      expect((await post('less-2')).status).toBe(202)
    })

    it('inspect without the object reads nothing, without the listing cannot tell a missing one', async () => {
      const { key } = await plantDocument()
      expect((await invoke('Inspect', { key })).body).toMatchObject({ outcome: 'inspected' })
      await withoutPermission('Inspect', 'GetDocuments', async () => {
        expect((await invoke('Inspect', { key })).body).toEqual({ outcome: 'unreadable' })
      })
      const missing = { key: 'incoming/00000000-0000-4000-8000-000000000000/1' }
      expect((await invoke('Inspect', missing)).body).toEqual({ outcome: 'absent' })
    })

    it.each(['UnwrapDataKeys', 'KeepCopies'])('inspect without %s keeps no copy, and gives no verdict', async (sid) => {
      const { key, wrapped_data_key } = await plantDocument()
      await withoutPermission('Inspect', sid, async () => {
        expect((await invoke('Inspect', { key, wrapped_data_key })).body).toEqual({ outcome: 'not_kept' })
      })
      expect((await invoke('Inspect', { key, wrapped_data_key })).body).toMatchObject({ verdict: 'passed', kept: true })
    })

    it.each(['ReadOwnDatabaseSecret', 'MakeDataKeys', 'KeepDataKeys', 'InvokeInspect'])(
      'verification without %s hands its message back',
      async (sid) => {
        const [row] = await context.sql()<[{ id: string }]>`
        insert into verification.verifications (id, user_id, network, address_type, document_sha256, request_id, created_at)
        values (gen_random_uuid(), ${`less-${sid}`}, 'tron', 'base58check', sha256(${sid}::text::bytea), 'permissions', now())
        returning id`
        const event = toQueueEvent(`incoming/${row.id}/1`)
        const handedBack = { batchItemFailures: [{ itemIdentifier: 'm1' }] }
        await withoutPermission('Verification', sid, async () => {
          expect((await invoke('Verification', event)).body).toEqual(handedBack)
        })
        await endReading(row.id)
        // There is no object: with the permission back, that is found out.
        expect((await invoke('Verification', event)).body).toEqual({ batchItemFailures: [] })
        const [decided] = await context.sql()`select status from verification.verifications where id = ${row.id}`
        expect(decided?.status).toBe('expired')
      },
    )

    it('verification without CompareDocuments verifies nobody, until it has it back', async () => {
      const document = makeLetter('less-compare')
      const [row] = await context.sql()<[{ id: string }]>`
        insert into verification.verifications (id, user_id, network, address_type, document_sha256, request_id, created_at)
        values (gen_random_uuid(), 'less-compare', 'tron', 'base58check', sha256(${document}), 'permissions', now())
        returning id`
      const key = `incoming/${row.id}/1`
      const readStatus = async () => (await call(context.api(), `/verify/${row.id}`)).body.status
      await withoutPermission('Verification', 'CompareDocuments', async () => {
        const s3 = new S3Client({ ...options(), forcePathStyle: true })
        await s3.send(new PutObjectCommand({ Bucket: context.outputs().DocumentBucketName, Key: key, Body: document }))
        expect((await invoke('Verification', toQueueEvent(key))).body).toEqual({
          batchItemFailures: [{ itemIdentifier: 'm1' }],
        })
        expect(await readStatus()).toBe('processing')
      })
      await endReading(row.id)
      expect((await invoke('Verification', toQueueEvent(key))).body).toEqual({ batchItemFailures: [] })
      expect(await readStatus()).toBe('verified')
    })

    it('verification without DeleteDocuments hands back what has its verdict', async () => {
      const [row] = await context.sql()<[{ id: string; attempt: number }]>`
        select id, attempt from verification.verifications where status = 'verified' and extended_from is null limit 1`
      const event = toQueueEvent(`incoming/${row.id}/${row.attempt}`)
      await withoutPermission('Verification', 'DeleteDocuments', async () => {
        expect((await invoke('Verification', event)).body).toEqual({ batchItemFailures: [{ itemIdentifier: 'm1' }] })
      })
      expect((await invoke('Verification', event)).body).toEqual({ batchItemFailures: [] })
    })

    it.each(['ReadOwnDatabaseSecret', 'DestroyDataKeys', 'DeleteDocuments'])(
      'erase without %s erases nothing whole, and the repetition heals it',
      async (sid) => {
        const { body } = await post(`less-erase-${sid}`)
        const path = `/verify/${body.verification_id}`
        const readDocument = async () => (await call(context.api(), path)).body.document
        await expect.poll(readDocument, { timeout: 120_000, interval: 500 }).toBe('kept')
        const erase = async () => (await call(context.api(), `${path}/document`, { method: 'DELETE' })).status
        await withoutPermission('Erase', sid, async () => {
          expect(await erase()).toBe(503)
        })
        expect(await readDocument()).toBe('kept')
        expect(await erase()).toBe(204)
        expect(await readDocument()).toBe('erased')
      },
    )

    it('wallet without its database secret issues nothing', async () => {
      await withoutPermission('Wallet', 'ReadOwnDatabaseSecret', async () => {
        expect((await invoke('Wallet', toKafkaEvent('less-wallet-1', 1))).body).toEqual({
          batchItemFailures: [{ itemIdentifier: { partition: 'user.verified-0', offset: farOffset + 1 } }],
        })
      })
      expect(await hasWallet('less-wallet-1')).toBe(false)
    })

    it('wallet without the vault issues nothing: its record waits', async () => {
      await withoutPermission('Wallet', 'ReadVault', async () => {
        expect((await invoke('Wallet', toKafkaEvent('less-wallet-2', 2))).body).toEqual({ batchItemFailures: [] })
      })
      expect(await hasWallet('less-wallet-2')).toBe(false)
      const [row] = await context.sql()`select cause from wallet.waiting where "offset" = ${farOffset + 2}`
      expect(row?.cause).toBe('root_refused')
    })

    it('wallet without the key issues nothing: its record waits', async () => {
      const kms = new KMSClient(options())
      const KeyId = context.outputs().VaultKeyArn ?? ''
      const { Policy: original = '' } = await kms.send(new GetKeyPolicyCommand({ KeyId, PolicyName: 'default' }))
      const put = (document: string) =>
        kms.send(new PutKeyPolicyCommand({ KeyId, PolicyName: 'default', Policy: document }))
      await put(withoutStatement(original, 'OpenMnemonic'))
      await renewContainers('Wallet')
      try {
        expect((await invoke('Wallet', toKafkaEvent('less-wallet-3', 3))).body).toEqual({ batchItemFailures: [] })
      } finally {
        await put(original)
        await renewContainers('Wallet')
      }
      expect(await hasWallet('less-wallet-3')).toBe(false)
      const [row] = await context.sql()`select cause from wallet.waiting where "offset" = ${farOffset + 3}`
      expect(row?.cause).toBe('root_refused')
      expect((await invoke('Wallet', toKafkaEvent('less-wallet-3', 4))).body).toEqual({ batchItemFailures: [] })
      expect(await hasWallet('less-wallet-3')).toBe(true)
    })

    it.each(['ReadOwnDatabaseSecret', 'DescribeVault'])('announce without %s fails', async (sid) => {
      await withoutPermission('Announce', sid, async () => {
        expect((await invoke('Announce', {})).failed).toBe(true)
      })
      expect((await invoke('Announce', {})).failed).toBe(false)
    })

    it('announce without RequeueDocuments puts no document into the queue again', async () => {
      const id = randomUUID()
      await withoutPermission('Announce', 'RequeueDocuments', async () => {
        await context.sql()`
          insert into verification.verifications
            (id, user_id, network, address_type, document_sha256, request_id, created_at)
          values (${id}, 'less-queue', 'tron', 'base58check', sha256('x'), 'permissions', now() - interval '2 hours')`
        // While the sweep of the schedule has the turn, this one leaves it alone.
        await expect.poll(async () => (await invoke('Announce', {})).failed, { timeout: 120_000 }).toBe(true)
      })
      expect((await invoke('Announce', {})).failed).toBe(false)
      // Nobody ever put its document into the bucket: verification finds that out.
      const readStatus = async () => (await call(context.api(), `/verify/${id}`)).body.status
      await expect.poll(readStatus, { timeout: 120_000, interval: 500 }).toBe('expired')
    })

    it('read without its database secret reads nothing', async () => {
      await withoutPermission('Read', 'ReadOwnDatabaseSecret', async () => {
        expect((await call(context.api(), '/wallet/anyone')).status).toBe(503)
      })
      expect((await call(context.api(), '/wallet/anyone')).status).toBe(404)
    })

    const vaultStatus = { command: 'vault-status', caller: 'arn:aws:iam::000000000000:root' }

    it.each(['ReadVault', 'DescribeVaultKey'])('operate without %s fails', async (sid) => {
      await withoutPermission('Operate', sid, async () => {
        expect((await invoke('Operate', vaultStatus)).failed).toBe(true)
      })
      expect((await invoke('Operate', vaultStatus)).body).toMatchObject({ verdict: 'ready' })
    })

    it('operate without its database secret tells nothing of the use of the vault', async () => {
      await withoutPermission('Operate', 'ReadOwnDatabaseSecret', async () => {
        expect((await invoke('Operate', vaultStatus)).body).toMatchObject({ verdict: 'ready', use: null })
      })
    })

    it.each(['ReadAdminSecret', 'ReadRoleSecrets'])('migrate without %s fails', async (sid) => {
      await withoutPermission('Migrate', sid, async () => {
        expect((await invoke('Migrate', {})).failed).toBe(true)
      })
      expect((await invoke('Migrate', {})).failed).toBe(false)
    })

    it('provision without the vault fails', async () => {
      await withoutPermission('Provision', 'FillVault', async () => {
        expect((await invoke('Provision', {})).failed).toBe(true)
      })
      expect((await invoke('Provision', {})).body).toMatchObject({ outcome: 'present' })
    })
  })
}
