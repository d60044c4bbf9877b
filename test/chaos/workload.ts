// What customers do meanwhile: documents posted over HTTP or by forms of S3's, each of them at least once more, by clients that repeat what was
// not answered by a 202. Knows nothing of faults.
import { createHash } from 'node:crypto'
import { Agent, request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { UploadForm } from '../../functions/intake/request-upload.ts'
import type { Network } from '../../shared/model.ts'
import { uploadDocument } from '../support/upload-document.ts'
import { makeCutDocument, makeDocument } from './documents.ts'

/** One document of one user. `good` ones end in a wallet, `cut` ones are rejected for good. */
export type Upload = {
  readonly userId: string
  readonly network: Network
  readonly kind: 'good' | 'cut'
  /** With its request, or by a form of S3's. */
  readonly way: 'inline' | 'form'
  readonly document: Uint8Array
  /** SHA-256 in hex. */
  readonly sha256: string
}

/** A 202 that the client saw. */
export type Acceptance = { readonly upload: Upload; readonly verificationId: string; readonly at: number }

export type Workload = {
  readonly acceptances: readonly Acceptance[]
  /** How many posts were answered by something else, or not at all. */
  readonly refusals: ReadonlyMap<string, number>
  /** Posts that were never accepted in the time that there was. */
  readonly unaccepted: () => number
  /** Resolves when that share of the posts has been accepted, or all have ended. */
  reached(share: number): Promise<void>
  readonly done: Promise<void>
}

const networks: readonly Network[] = ['ethereum', 'bitcoin', 'tron']
/** One document in 25 is rejected. */
const cutEvery = 25
/** One user in 5 posts another document instead of the same one. */
const otherEvery = 5
/** One user in 9 uploads by a form. */
const formEvery = 9

function makeUpload(user: Pick<Upload, 'userId' | 'network' | 'kind' | 'way'>, text: string): Upload {
  const document = user.kind === 'good' ? makeDocument(text) : makeCutDocument(text)
  return { ...user, document, sha256: createHash('sha256').update(document).digest('hex') }
}

/** Two posts a user: the second is the same document, or another one for the same wallet. Some come at once, some later. */
export function planUploads(prefix: string, count: number): readonly Upload[] {
  const users = Array.from({ length: Math.ceil(count / 2) }, (_, at) => {
    const userId = `${prefix}${at}`
    const network = networks[at % networks.length] as Network
    const kind = at % cutEvery === cutEvery - 1 ? 'cut' : 'good'
    const user = { userId, network, kind, way: at % formEvery === 4 ? 'form' : 'inline' } as const
    const first = makeUpload(user, userId)
    const isOther = kind === 'good' && at % otherEvery === 0
    return { first, second: isOther ? makeUpload(user, `${userId} again`) : first }
  })
  // Every third duplicate follows at once, the others when the first has likely been worked on.
  const behind = Math.ceil(users.length / 4)
  return [...users.keys(), ...Array.from({ length: behind }, (_, at) => users.length + at)].flatMap((at) => {
    const [now, then] = [users[at], users[at - behind]]
    return [
      ...(now ? [now.first, ...(at % 3 === 0 ? [now.second] : [])] : []),
      ...(then && (at - behind) % 3 !== 0 ? [then.second] : []),
    ]
  })
}

/** Begins to post. Clients give up at the deadline (ms since 1970), which no run should come to. */
export function startWorkload(options: {
  readonly apiUrl: string
  readonly token: string
  readonly uploads: readonly Upload[]
  readonly clients: number
  readonly deadline: number
  readonly signal: AbortSignal
}): Workload {
  const { apiUrl, token, uploads, deadline, signal } = options
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients })
  const acceptances: Acceptance[] = []
  const refusals = new Map<string, number>()
  /** Verifications whose document is known to be with S3: it is not sent there again. */
  const uploaded = new Set<string>()
  const rest = [...uploads]
  const milestones: { readonly count: number; readonly resolve: () => void }[] = []
  const tellMilestones = (isOver: boolean) => {
    for (const { count, resolve } of milestones) if (isOver || acceptances.length >= count) resolve()
  }

  async function post(upload: Upload): Promise<void> {
    for (let attempt = 1; Date.now() < deadline && !signal.aborted; attempt++) {
      const answer = await postOnce({ agent, apiUrl, token, uploaded }, upload)
      if ('verificationId' in answer) {
        acceptances.push({ upload, verificationId: answer.verificationId, at: Date.now() })
        tellMilestones(false)
        return
      }
      refusals.set(answer.refusal, (refusals.get(answer.refusal) ?? 0) + 1)
      await wait(Math.random() * Math.min(4000, 250 * 2 ** attempt))
    }
  }

  const done = Promise.all(
    Array.from({ length: options.clients }, async () => {
      for (let upload = rest.shift(); upload; upload = rest.shift()) await post(upload)
    }),
  ).then(() => {
    agent.destroy()
    tellMilestones(true)
  })
  return {
    acceptances,
    refusals,
    unaccepted: () => uploads.length - acceptances.length,
    reached: (share) =>
      new Promise((resolve) => {
        milestones.push({ count: share * uploads.length, resolve })
        tellMilestones(rest.length === 0)
      }),
    done,
  }
}

type PostAnswer = { readonly verificationId: string; readonly form?: UploadForm } | { readonly refusal: string }

async function postOnce(
  { agent, apiUrl, token, uploaded }: { agent: Agent; apiUrl: string; token: string; uploaded: Set<string> },
  { userId, network, document, way }: Upload,
): Promise<PostAnswer> {
  const user = { user_id: userId, network }
  if (way === 'inline') {
    const body = { ...user, document: Buffer.from(document).toString('base64') }
    return await send(agent, `${apiUrl}/verify`, token, body)
  }
  const body = { ...user, content_type: 'image/png', size: document.length }
  const answer = await send(agent, `${apiUrl}/verify/uploads`, token, body)
  if (!('form' in answer) || answer.form === undefined || uploaded.has(answer.verificationId)) return answer
  // What S3 did not take is uploaded by another form, of the same verification.
  const taken = await uploadDocument(answer.form, document).catch(() => ({ status: 0 }))
  if (taken.status !== 204) return { refusal: taken.status === 0 ? 'no answer' : `${taken.status} of S3` }
  uploaded.add(answer.verificationId)
  return answer
}

function send(agent: Agent, url: string, token: string, body: object): Promise<PostAnswer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(40_000)
    const outgoing = request(url, { method: 'POST', agent, headers, signal }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', () => resolve({ refusal: 'no answer' }))
      incoming.on('end', () => resolve(readAnswer(incoming.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'))))
    })
    outgoing.on('error', () => resolve({ refusal: 'no answer' }))
    outgoing.end(JSON.stringify(body))
  })
}

function readAnswer(status: number, text: string): PostAnswer {
  if (status !== 202) return { refusal: String(status) }
  const { verification_id: verificationId, upload: form } = JSON.parse(text) as {
    readonly verification_id: string
    readonly upload?: UploadForm
  }
  return { verificationId, ...(form ? { form } : {}) }
}
