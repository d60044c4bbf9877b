// The adapters to AWS, each against two emulators that were written apart: the one of `npm start`, and LocalStack. Both get
// the data stack by the CDK CLI. Where the two differ, or differ from what AWS documents, that is said in their rows.
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateKeyCommand } from '@aws-sdk/client-kms'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
} from '@aws-sdk/client-secrets-manager'
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { App } from 'aws-cdk-lib'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type HeldMessage, withDeadLetterQueue } from '../../bin/dead-letter-queue.ts'
import { createRequeue } from '../../functions/announce/requeue.ts'
import { createRootExists } from '../../functions/announce/root-exists.ts'
import { createReadDocument } from '../../functions/inspect/read-document.ts'
import { createPutDocument } from '../../functions/intake/put-document.ts'
import { createSignUpload } from '../../functions/intake/sign-upload.ts'
import { provision } from '../../functions/provision/provision.ts'
import { createVaultPorts as createProvisionPorts } from '../../functions/provision/vault-ports.ts'
import { createHandler } from '../../functions/verification/handler.ts'
import { createVaultPorts as createWalletPorts } from '../../functions/wallet/vault-ports.ts'
import { DataStack } from '../../lib/data-stack.ts'
import { readSettings } from '../../lib/settings.ts'
import { findStage } from '../../lib/stage-table.ts'
import { bootstrapAccount, deployStack } from '../../local/deploy.ts'
import { startEmulator } from '../../local/emulator.ts'
import { createEmulatorClients, credentials, type EmulatorClients, region } from '../../local/emulator-clients.ts'
import { installEmulator } from '../../local/install.ts'
import type { Target } from '../../local/servers.ts'
import { ConfigurationError, DeletedSecretError, IntegrityError, UnavailableError } from '../../shared/errors.ts'
import { commitMnemonic } from '../../shared/mnemonic.ts'
import { readSecret } from '../../shared/secrets.ts'
import { openPhrase, parseVaultRecord } from '../../shared/vault.ts'
import { createMemoryLog, createMemoryMetrics, makeVerification, noon } from '../support/fakes.ts'
import { installLocalStack, startLocalStack, withoutLocalStack } from '../support/localstack.ts'
import { uploadDocument } from '../support/upload-document.ts'

type Running = Target & { readonly stop: () => Promise<void> }

type Emulator = {
  readonly name: string
  /** Undefined: it cannot be started on this machine, for want of a tool. */
  readonly start: (stateFolder: string) => Promise<Running | undefined>
  /** KMS, Decrypt: "InvalidCiphertextException" of a ciphertext that was altered. Else its plaintext is another one. */
  readonly authenticatesCiphertexts: boolean
  /** KMS, Decrypt: "IncorrectKeyException" of a key that is not the ciphertext's. Else the key that is named is passed over. */
  readonly comparesKeys: boolean
  /** Amazon S3, event message structure: keys are "URL encoded", `red flower.jpg` as `red+flower.jpg`. */
  readonly encodedSpace: '+' | '%20'
  /** POST Object: "the conditions in your policy must be met", the signature as well. Else the size alone is looked at. */
  readonly checksForms: boolean
  /** Secrets Manager, PutSecretValue: "you can't modify an existing version". Else the version's value is replaced. */
  readonly keepsVersions: boolean
}

const say = (text: string) => console.log(text)
const emulators: readonly Emulator[] = [
  {
    name: 'ministack',
    start: async (stateFolder) => startEmulator({ stateFolder, python: await installEmulator({ say }) }),
    authenticatesCiphertexts: false,
    comparesKeys: false,
    encodedSpace: '+',
    checksForms: true,
    keepsVersions: false,
  },
  {
    name: 'LocalStack',
    start: async (stateFolder) => {
      const python = await installLocalStack(say)
      return python === undefined ? undefined : startLocalStack({ stateFolder, python })
    },
    authenticatesCiphertexts: true,
    comparesKeys: true,
    encodedSpace: '%20',
    checksForms: false,
    keepsVersions: true,
  },
]

const root = join(import.meta.dirname, '../..')
const stage = findStage('local', readSettings({ VERIFICATION_DELAY_SECONDS: '0' }))

describe.each(emulators)('$name', (emulator) => {
  const signal = AbortSignal.timeout(3_600_000)
  let running: Running | undefined
  let clients: EmulatorClients
  let queues: SQSClient
  let outputs: Record<string, string> = {}
  let deployLog = ''
  const output = (name: string) => outputs[name] ?? ''

  beforeAll(async () => {
    const stateFolder = mkdtempSync(join(inject('serversFolder'), 'adapters-'))
    running = await emulator.start(stateFolder)
    if (running === undefined) return
    const { url } = running
    clients = createEmulatorClients(url)
    queues = new SQSClient({ endpoint: url, region, credentials, useQueueUrlAsEndpoint: false })

    const assembly = join(stateFolder, 'cdk.out')
    const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'))
    const app = new App({ context, analyticsReporting: false, outdir: assembly })
    const stack = new DataStack(app, { stage })
    app.synth()
    const options = { stateFolder, say: () => {}, signal }
    await bootstrapAccount(options, running, clients)
    outputs = await deployStack(options, running, assembly, stack.stackName)
    deployLog = readFileSync(join(stateFolder, 'logs/cdk-deploy.log'), 'utf8')
  })

  afterAll(async () => {
    clients?.close()
    queues?.destroy()
    await running?.stop()
  })

  /** What follows is not asked of an emulator that is not here; in CI it is. */
  const test = (title: string, work: () => Promise<void>) =>
    it(title, async () => {
      if (running === undefined) console.warn(withoutLocalStack)
      else await work()
    })

  test('has the data stack, and passed over nothing of it', async () => {
    expect(deployLog).toContain('CREATE_COMPLETE')
    // LocalStack says so of a type that it does not know, and goes on.
    expect(deployLog).not.toContain('not supported')
  })

  describe('documents', () => {
    const verification = () => ({ id: randomUUID(), attempt: 1 }) as Parameters<ReturnType<typeof createPutDocument>>[0]

    test('what was put is read, byte by byte, and a repetition changes nothing', async () => {
      const put = createPutDocument(clients.s3, output('DocumentBucketName'))
      const read = createReadDocument(clients.s3, output('DocumentBucketName'))
      const one = verification()
      const document = randomBytes(100_000)
      await put(one, document)
      await put(one, randomBytes(10))
      expect(Buffer.from((await read(`incoming/${one.id}/1`)) ?? []).equals(document)).toBe(true)
    })

    test('one that is not there is told as such', async () => {
      const read = createReadDocument(clients.s3, output('DocumentBucketName'))
      expect(await read(`incoming/${randomUUID()}/1`)).toBeUndefined()
    })

    test('a bucket that is not there is a failure, not a missing document', async () => {
      await expect(createPutDocument(clients.s3, 'no-such-bucket')(verification(), randomBytes(1))).rejects.toThrow(
        UnavailableError,
      )
      await expect(createReadDocument(clients.s3, 'no-such-bucket')('incoming/x/1')).rejects.toThrow(/bucket/i)
    })
  })

  describe('a form for an upload', () => {
    const mebibyte = 1024 * 1024
    const sign = (id: string, size: number, seconds = 3600) =>
      createSignUpload(clients.s3, output('DocumentBucketName'))(
        { id, attempt: 1, contentType: 'application/pdf', size },
        seconds,
      )

    test('takes 10 MiB to the byte, and no byte more or less', async () => {
      const id = randomUUID()
      const document = randomBytes(10 * mebibyte + 1)
      const form = await sign(id, 10 * mebibyte)
      expect(await uploadDocument(form, document)).toEqual({ status: 400, code: 'EntityTooLarge' })
      expect(await uploadDocument(form, document.subarray(2))).toEqual({ status: 400, code: 'EntityTooSmall' })
      const read = createReadDocument(clients.s3, output('DocumentBucketName'))
      expect(await read(`incoming/${id}/1`)).toBeUndefined()
      expect(await uploadDocument(form, document.subarray(1))).toMatchObject({ status: 204 })
      const stored = Buffer.from((await read(`incoming/${id}/1`)) ?? [])
      expect(stored.equals(document.subarray(1))).toBe(true)
    })

    test('takes nothing else than it was made for', async () => {
      const id = randomUUID()
      const { url, fields } = await sign(id, 9)
      const document = randomBytes(9)
      const others = {
        key: { ...fields, key: `incoming/${randomUUID()}/1` },
        attempt: { ...fields, key: `incoming/${id}/2` },
        type: { ...fields, 'Content-Type': 'text/html' },
        more: { ...fields, acl: 'public-read' },
        signature: { ...fields, 'X-Amz-Signature': '0'.repeat(64) },
        policy: { ...fields, Policy: (await sign(randomUUID(), 10)).fields.Policy ?? '' },
      }
      for (const [what, other] of emulator.checksForms ? Object.entries(others) : []) {
        expect((await uploadDocument({ url, fields: other }, document)).status, what).toBe(403)
      }
      expect(await uploadDocument({ url, fields }, document)).toMatchObject({ status: 204 })
    })

    test('ends', async () => {
      const form = await sign(randomUUID(), 9, -1)
      expect(await uploadDocument(form, randomBytes(9))).toEqual({ status: 403, code: 'AccessDenied' })
    })
  })

  describe('the queue', () => {
    const receive = async (url: string, visibilityTimeout: number) => {
      const command = new ReceiveMessageCommand({
        ...{ QueueUrl: url, MaxNumberOfMessages: 1, WaitTimeSeconds: 5, VisibilityTimeout: visibilityTimeout },
      })
      return (await queues.send(command)).Messages?.[0]
    }
    /** What was taken out and is still to be wanted: the queue keeps no order. */
    const taken: string[] = []
    /** Takes messages out of the queue, until one is as wanted; gives up before the test does, as it would take another one's. */
    const take = async (isWanted: (body: string) => boolean): Promise<string> => {
      const at = taken.findIndex(isWanted)
      if (at >= 0) return taken.splice(at, 1)[0] ?? ''
      for (let empty = 0; empty < 10; ) {
        const message = await receive(output('VerificationQueueUrl'), 30)
        if (message === undefined) {
          empty += 1
          continue
        }
        const { Body = '', ReceiptHandle } = message
        await queues.send(new DeleteMessageCommand({ QueueUrl: output('VerificationQueueUrl'), ReceiptHandle }))
        if (isWanted(Body)) return Body
        taken.push(Body)
      }
      throw new Error('expected a message as wanted; got none')
    }
    /** Which objects the consumer looks for, and which messages it hands back. */
    const consume = async (body: string) => {
      const asked: string[] = []
      const nothing = async () => undefined
      const handle = createHandler({
        ...{ log: createMemoryLog(), ...createMemoryMetrics(), now: () => new Date(), topic: 'user.verified' },
        ...{
          commitVerdict: nothing,
          commitArrival: nothing,
          markAnnounced: nothing,
          publish: nothing,
          macDocument: async () => Buffer.alloc(32),
          findKeptAttempts: async () => [],
          closeReplaced: async () => true,
          deleteDataKeys: async () => {},
          deleteDocuments: async () => {},
        },
        findVerification: async () => makeVerification({ status: 'verified', verifiedAt: noon, announcedAt: noon }),
        inspect: async () => ({ outcome: 'absent' }),
        providerDefers: false,
        beginInspection: async (id, attempt) => {
          asked.push(`${id}/${attempt}`)
          return undefined
        },
      })
      const event = { Records: [{ messageId: 'm1', body }] } as Parameters<typeof handle>[0]
      return { ...(await handle(event)), asked }
    }

    test('begins with a test event of S3, which the consumer passes over', async () => {
      const body = await take((text) => text.includes('s3:TestEvent'))
      expect(await consume(body)).toEqual({ batchItemFailures: [], asked: [] })
    })

    test('tells of an upload as of a document that was put', async () => {
      const id = randomUUID()
      const upload = { id, attempt: 3, contentType: 'image/png', size: 9 }
      const form = await createSignUpload(clients.s3, output('DocumentBucketName'))(upload, 3600)
      expect(await uploadDocument(form, randomBytes(9))).toMatchObject({ status: 204 })
      const body = await take((text) => text.includes(id))
      expect(body).toContain('ObjectCreated:Post')
      expect(await consume(body)).toEqual({ batchItemFailures: [], asked: [`${id}/3`] })
    })

    test('tells of a new document in a form that the consumer reads', async () => {
      const one = { id: randomUUID(), attempt: 7 } as Parameters<ReturnType<typeof createPutDocument>>[0]
      await createPutDocument(clients.s3, output('DocumentBucketName'))(one, randomBytes(10))
      const body = await take((text) => text.includes(one.id))
      expect(await consume(body)).toEqual({ batchItemFailures: [], asked: [`${one.id}/7`] })
    })

    test('takes documents again, in the form in which S3 tells of new ones; and what it does not take is a failure', async () => {
      const rows = [
        makeVerification({ id: randomUUID() }),
        makeVerification({ id: randomUUID(), attempt: 12 }),
      ] as const
      await createRequeue(queues, output('VerificationQueueUrl'))(rows)
      for (const { id, attempt } of rows) {
        const body = await take((text) => text.includes(id))
        expect(await consume(body)).toEqual({ batchItemFailures: [], asked: [`${id}/${attempt}`] })
      }
      const nowhere = output('VerificationQueueUrl').replace(/[^/]+$/, 'no-such-queue')
      await expect(createRequeue(queues, nowhere)(rows)).rejects.toThrow(UnavailableError)
      await createRequeue(queues, nowhere)([])
    })

    test('encodes keys, in one of the two ways that the consumer decodes', async () => {
      const Bucket = output('DocumentBucketName')
      // No UUID begins with x: the keys of the other tests do.
      await clients.s3.send(new PutObjectCommand({ Bucket, Key: 'incoming/x b+c/é', Body: 'x' }))
      const body = await take((text) => text.includes('incoming/x'))
      expect(JSON.parse(body).Records[0].s3.object.key).toBe(`incoming/x${emulator.encodedSpace}b%2Bc/%C3%A9`)
    })

    test('sets a message aside that was handed back too often', async () => {
      const Bucket = output('DocumentBucketName')
      await clients.s3.send(new PutObjectCommand({ Bucket, Key: 'incoming/never', Body: 'x' }))
      const url = output('VerificationQueueUrl')
      let handedBack = 0
      for (let message = await receive(url, 0); message !== undefined; message = await receive(url, 0)) {
        if (message.Body?.includes('incoming/never')) handedBack++
        // What another test left, as one that failed does.
        else await queues.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle }))
      }
      expect(handedBack).toBe(20)
      const message = await receive(output('VerificationDeadLetterQueueUrl'), 30)
      expect(message?.Body).toContain('incoming/never')
    })

    test('lends its dead letters to the command, takes them back, and is rid of what is sent round again', async () => {
      const { url: endpoint } = running as Running
      const urls = {
        deadLetters: output('VerificationDeadLetterQueueUrl'),
        verification: output('VerificationQueueUrl'),
      }
      const ids: readonly string[] = [randomUUID(), randomUUID()]
      for (const id of ids) {
        const MessageBody = JSON.stringify({ Records: [{ s3: { object: { key: `incoming/${id}/3` } } }] })
        await queues.send(new SendMessageCommand({ QueueUrl: urls.deadLetters, MessageBody }))
      }
      await withDeadLetterQueue({ region, endpoint, credentials }, urls, async (queue) => {
        const receiveOurs = async () => {
          const held: HeldMessage[] = []
          for (let some = await queue.receive(); some.length > 0; some = await queue.receive()) held.push(...some)
          return held.filter(({ letter }) => ids.includes(letter.verification_id ?? ''))
        }
        const held = await receiveOurs()
        expect(held.map(({ letter }) => [letter.reason, letter.attempt])).toEqual([
          ['document without a verdict', 3],
          ['document without a verdict', 3],
        ])
        expect(Math.abs(Date.parse(held[0]?.letter.set_aside_at ?? '') - Date.now())).toBeLessThan(3_600_000)
        expect(await receiveOurs()).toEqual([])
        expect(await queue.count()).toBeGreaterThanOrEqual(2)
        await queue.giveBack(held)
        const [first, second] = await receiveOurs()
        if (!first || !second) return expect.unreachable()
        await queue.send([first])
        await queue.remove([first])
        await queue.giveBack([second])
        expect((await receiveOurs()).map(({ letter }) => letter.message_id)).toEqual([second.letter.message_id])
        expect(await take((text) => text.includes(first.letter.verification_id ?? 'none'))).toBe(first.body)
      })
    })
  })

  describe('secrets', () => {
    const create = async () => {
      const { ARN = '' } = await clients.secrets.send(new CreateSecretCommand({ Name: randomUUID() }))
      return ARN
    }

    test('one without a value reads as none, one with a value as that', async () => {
      const arn = await create()
      expect(await readSecret(clients.secrets, arn)).toBeUndefined()
      await clients.secrets.send(new PutSecretValueCommand({ SecretId: arn, SecretString: 'x' }))
      expect(await readSecret(clients.secrets, arn)).toBe('x')
      expect(await readSecret(clients.secrets, `${arn}-not`)).toBeUndefined()
    })

    test('one that is marked for deletion is told as such, until it is restored', async () => {
      const arn = await create()
      await clients.secrets.send(new PutSecretValueCommand({ SecretId: arn, SecretString: 'x' }))
      await clients.secrets.send(new DeleteSecretCommand({ SecretId: arn, RecoveryWindowInDays: 7 }))
      await expect(readSecret(clients.secrets, arn)).rejects.toThrow(DeletedSecretError)
      await clients.secrets.send(new RestoreSecretCommand({ SecretId: arn }))
      expect(await readSecret(clients.secrets, arn)).toBe('x')
    })

    test('of two roots that are put at once the first stands', async () => {
      const arn = await create()
      const vault = { stage: 'local', secretArn: arn, keyArn: output('VaultKeyArn') }
      const ports = createProvisionPorts(clients, vault)
      const rootExists = createRootExists(clients.secrets, arn)
      expect(await rootExists()).toBe(false)
      await ports.putRecord('the first')
      expect(await rootExists()).toBe(true)
      await ports.putRecord('the second')
      expect(await ports.readRecord()).toBe(emulator.keepsVersions ? 'the first' : 'the second')
    })
  })

  describe('the vault', () => {
    const vault = (changed: { stage?: string; keyArn?: string } = {}) => ({
      ...{ stage: 'local', secretArn: output('VaultSecretArn'), keyArn: output('VaultKeyArn') },
      ...changed,
    })
    const openWith = async (changed: { stage?: string; keyArn?: string } = {}, bend = (wrapped: Buffer) => wrapped) => {
      const ports = createWalletPorts(clients, vault(changed))
      const record = parseVaultRecord((await ports.readRecord()) ?? '')
      const dataKey = await ports.unwrapDataKey(bend(Buffer.from(record.wrapped_dek, 'base64')))
      return { record, phrase: openPhrase(record, 'local', dataKey) }
    }

    beforeAll(async () => {
      if (running !== undefined) await provision(createProvisionPorts(clients, vault()))
    })

    test('is filled once, and opens to the root that it commits to', async () => {
      const again = await provision(createProvisionPorts(clients, vault()))
      expect(again.outcome).toBe('present')
      const { record, phrase } = await openWith()
      expect(commitMnemonic(phrase)).toBe(record.root_commitment)
      expect(again.root_commitment).toBe(record.root_commitment)
      expect(await createRootExists(clients.secrets, output('VaultSecretArn'))()).toBe(true)
    })

    test('does not open in the context of another stage', async () => {
      await expect(openWith({ stage: 'prod' })).rejects.toThrow(ConfigurationError)
    })

    test('does not open by another key', async () => {
      const { KeyMetadata } = await clients.kms.send(new CreateKeyCommand({}))
      const refusal = emulator.comparesKeys ? ConfigurationError : IntegrityError
      await expect(openWith({ keyArn: KeyMetadata?.Arn ?? '' })).rejects.toThrow(refusal)
    })

    test('does not open when one bit of its data key was flipped', async () => {
      const flipLastBit = (wrapped: Buffer) => {
        const last = wrapped.length - 1
        wrapped.writeUInt8(wrapped.readUInt8(last) ^ 1, last)
        return wrapped
      }
      const refusal = emulator.authenticatesCiphertexts ? ConfigurationError : IntegrityError
      await expect(openWith({}, flipLastBit)).rejects.toThrow(refusal)
    })
  })
})
