// What can be seen of a stack from outside, by SQL, Kafka, HTTP and what lies in the buckets, of the users of one fault and of all wallets. It judges
// nothing.
import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import type { IHeaders } from 'kafkajs'
import { forEachAtOnce } from '../support/local-stack.ts'
import { listObjects, type SeenObjects, tryToOpen } from './buckets.ts'
import type { ChaosStack } from './stack.ts'

/** As `GET` answers it: of a duplicate all but the id is that of the one which answers for it. */
export type SeenVerification = {
  readonly id: string
  readonly userId: string
  readonly network: string
  readonly addressType: string
  readonly sha256: string
  readonly status: string
  /** Rejected, and the reasons ask for the same document once more. */
  readonly retriable: boolean
}

export type SeenWallet = {
  readonly userId: string
  readonly network: string
  readonly addressType: string
  readonly accountIndex: number
  readonly path: string
  readonly address: string
  readonly isAnnounced: boolean
}

export type SeenEvent = {
  readonly topic: string
  readonly key: string
  readonly value: string
  readonly headers: IHeaders
}

/** What a row says of its document. */
export type SeenDocument = {
  readonly id: string
  readonly userId: string
  readonly attempt: number
  readonly status: string
  /** Whether it stands on the document of another verification. */
  readonly isExtended: boolean
  readonly sha256: string
  /** What its copy and its data key are named after, `{verification_id}/{attempt}`; null: nothing was ever kept. */
  readonly object: string | null
  readonly erasure: 'none' | 'begun' | 'done'
}

export type Observation = {
  readonly verifications: readonly SeenVerification[]
  /** Of everybody, also of users of earlier faults. */
  readonly wallets: readonly SeenWallet[]
  readonly accounts: readonly { readonly userId: string; readonly accountIndex: number }[]
  /** What was published since the fault began. */
  readonly events: readonly SeenEvent[]
  /** By user and network: the address that `GET /wallet` answers. Undefined: it answers that there is none. */
  readonly answers: ReadonlyMap<string, string | undefined>
  /** Of everybody. */
  readonly documents: readonly SeenDocument[]
  readonly objects: SeenObjects
  /** By object, of a sample of what is kept: why it does not open. */
  readonly unopened: ReadonlyMap<string, string>
}

export const toWalletKey = (wallet: { readonly userId: string; readonly network: string }) =>
  `${wallet.network} ${wallet.userId}`

/** Every wallet that was ever issued. */
export async function readWallets({ sql }: ChaosStack): Promise<SeenWallet[]> {
  return await sql<SeenWallet[]>`
    select user_id as "userId", network, address_type as "addressType", account_index as "accountIndex",
      derivation_path as path, address, announced_at is not null as "isAnnounced"
    from wallet.wallets order by account_index, network, address_type`
}

export async function readVerifications({ sql }: ChaosStack, prefix: string): Promise<SeenVerification[]> {
  return await sql<SeenVerification[]>`
    select asked.id, user_id as "userId", network, address_type as "addressType", status,
      encode(document_sha256, 'hex') as sha256, status = 'rejected' and not reasons @> '[{"retry": false}]' as retriable
    from verification.verifications join (select id, coalesce(duplicate_of, id) as answering from verification.verifications)
      as asked on answering = verifications.id
    where starts_with(user_id, ${prefix})`
}

async function readDocuments({ sql }: ChaosStack): Promise<SeenDocument[]> {
  return await sql<SeenDocument[]>`
    select id, user_id as "userId", attempt, status, extended_from is not null as "isExtended",
      coalesce(encode(document_sha256, 'hex'), '') as sha256, object_id || '/' || object_attempt as object,
      case when erased_at is not null then 'done' when erasing_since is not null then 'begun' else 'none' end as erasure
    from verification.verifications left join verification.kept_documents on verification_id = id
    order by kept_at nulls first`
}

/** Tries those of the users of a fault that were kept last. */
async function findUnopened(
  stack: ChaosStack,
  prefix: string,
  documents: readonly SeenDocument[],
): Promise<Map<string, string>> {
  const kept = documents.flatMap(({ userId, object, erasure, sha256 }) =>
    userId.startsWith(prefix) && object !== null && erasure === 'none' ? [{ object, sha256 }] : [],
  )
  const tried = kept.slice(-sampleSize).map(async (each) => [each.object, await tryToOpen(stack, each)] as const)
  return new Map((await Promise.all(tried)).flatMap(([object, why]) => (why === undefined ? [] : [[object, why]])))
}

/** How much is still to be done for these users; all 0 when they are settled. */
export type Open = { readonly undecided: number; readonly withoutWallet: number; readonly unannounced: number }

export async function countOpen({ sql }: ChaosStack, prefix: string): Promise<Open> {
  const [open] = await sql<[Open]>`
    select
      count(*) filter (where status in ('pending', 'processing'))::integer as undecided,
      count(*) filter (where status = 'verified' and wallets.user_id is null)::integer as "withoutWallet",
      count(*) filter (where status = 'verified' and (verifications.announced_at is null
        or (wallets.user_id is not null and wallets.announced_at is null)))::integer as unannounced
    from verification.verifications left join wallet.wallets using (user_id, network, address_type)
    where starts_with(user_id, ${prefix})`
  return open
}

/** By partition: the offset that the next record gets. */
export type Offsets = ReadonlyMap<string, ReadonlyMap<number, bigint>>

/** How many kept documents are opened. */
const sampleSize = 9

const ownTopics = ['user.verified', 'wallet.created']

export async function readOffsets({ kafka }: ChaosStack, topics = ownTopics): Promise<Offsets> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const entries = topics.map(async (topic) => {
      const offsets = await admin.fetchTopicOffsets(topic)
      return [topic, new Map(offsets.map(({ partition, high }) => [partition, BigInt(high)]))] as const
    })
    return new Map(await Promise.all(entries))
  } finally {
    await admin.disconnect()
  }
}

/** The header of records that faults make up; others are the stack's own, and repetitions of them. */
export const forged = 'forged'

/** What the stack has put on those topics since those offsets. */
export async function readEvents(stack: ChaosStack, from: Offsets): Promise<SeenEvent[]> {
  const topics = [...from.keys()]
  const to = await readOffsets(stack, topics)
  const missing = new Set<string>()
  const places = topics.flatMap((topic) =>
    [...(to.get(topic) ?? [])].map(([partition, end]) => ({
      ...{ topic, partition, end, start: from.get(topic)?.get(partition) ?? 0n },
    })),
  )
  for (const { topic, partition, start, end } of places) if (start < end) missing.add(`${topic} ${partition}`)
  const events: SeenEvent[] = []
  if (missing.size === 0) return events

  const consumer = stack.kafka.consumer({ groupId: `chaos-${randomUUID()}`, maxWaitTimeInMs: 100 })
  const done = Promise.withResolvers<void>()
  const bound = setTimeout(() => done.reject(new Error(`Kafka gave nothing more of ${[...missing]}`)), 120_000)
  consumer.on(consumer.events.CRASH, ({ payload }) => done.reject(payload.error))
  try {
    await consumer.connect()
    await consumer.subscribe({ topics, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        const place = places.find((each) => each.topic === topic && each.partition === partition)
        const offset = BigInt(message.offset)
        if (place === undefined || offset >= place.end) return
        if (offset >= place.start) {
          const [key, value] = [message.key?.toString('utf8') ?? '', message.value?.toString('utf8') ?? '']
          const { headers = {} } = message
          if (headers[forged] === undefined) events.push({ topic, key, value, headers })
        }
        if (offset === place.end - 1n) missing.delete(`${topic} ${partition}`)
        if (missing.size === 0) done.resolve()
      },
    })
    for (const { topic, partition, start } of places) consumer.seek({ topic, partition, offset: String(start) })
    await done.promise
  } finally {
    clearTimeout(bound)
    await consumer.disconnect()
  }
  return events
}

/** `GET /wallet` for each of them. Asked again while the API is not well. */
async function readAnswers(
  stack: ChaosStack,
  users: readonly { readonly userId: string; readonly network: string }[],
): Promise<Map<string, string | undefined>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const headers = { authorization: `Bearer ${await stack.issueToken()}` }
  const answers = new Map<string, string | undefined>()
  const ask = ({ userId, network }: { readonly userId: string; readonly network: string }) =>
    new Promise<{ status: number; text: string }>((resolve) => {
      const url = `${stack.description.api_url}/wallet/${userId}?network=${network}`
      const outgoing = request(url, { agent, headers, signal: AbortSignal.timeout(40_000) }, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        const end = () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') })
        incoming.on('end', end)
        incoming.on('error', () => resolve({ status: 0, text: '' }))
      })
      outgoing.on('error', () => resolve({ status: 0, text: '' }))
      outgoing.end()
    })
  await forEachAtOnce(users, 8, async (user) => {
    for (let attempt = 1; attempt <= 20; attempt++) {
      const { status, text } = await ask(user)
      if (status === 200)
        answers.set(toWalletKey(user), (JSON.parse(text) as { wallet_address: string }).wallet_address)
      if (status === 404) answers.set(toWalletKey(user), undefined)
      if (status === 200 || status === 404) return
      await new Promise((resolve) => setTimeout(resolve, 250 * attempt))
    }
    throw new Error(`GET /wallet did not answer for ${user.userId}`)
  })
  agent.destroy()
  return answers
}

/** Looks at everything, once. */
export async function observe(
  stack: ChaosStack,
  prefix: string,
  options: {
    readonly from: Offsets
    readonly users: readonly { readonly userId: string; readonly network: string }[]
  },
): Promise<Observation> {
  const [verifications, wallets, accounts, events, answers, documents, objects] = await Promise.all([
    readVerifications(stack, prefix),
    readWallets(stack),
    stack.sql<{ userId: string; accountIndex: number }[]>`
      select user_id as "userId", account_index as "accountIndex" from wallet.accounts`,
    readEvents(stack, options.from),
    readAnswers(stack, options.users),
    readDocuments(stack),
    listObjects(stack),
  ])
  const unopened = await findUnopened(stack, prefix, documents)
  return { verifications, wallets, accounts: [...accounts], events, answers, documents, objects, unopened }
}
