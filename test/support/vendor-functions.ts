// What a vendor needs beside our functions, as docs/providers.md describes it: a provider that hands on, a function that
// submits, and one that hears. Written for tests: no vendor is shipped.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import type { InspectAnswer, InspectionProvider } from '../../functions/verification/verify-documents.ts'
import type { Reason } from '../../shared/model.ts'

type Passed = Extract<InspectAnswer, { verdict: 'passed' }>

/**
 * A document for the vendor, in a queue that leads out of the network. `reference`: the same for the same attempt. `sha256`
 * (hex): of the bytes that ours passed.
 */
export type Submission = { readonly reference: string; readonly key: string; readonly sha256: string }

/**
 * Ours first, and once: what it rejects the vendor never sees. What passes is handed on, and what ours said of it is kept until
 * the vendor's verdict is there. What lies in the place of an upload later is not looked at.
 */
export function createVendorProvider(ports: {
  readonly inspect: InspectionProvider
  readonly find: (reference: string) => Promise<Passed | undefined>
  readonly keep: (reference: string, answer: Passed) => Promise<void>
  readonly submit: (submission: Submission) => Promise<void>
}): InspectionProvider {
  return async (request) => {
    const reference = `${request.id}/${request.attempt}`
    const said = await ports.find(reference)
    const answer = said ?? (await ports.inspect(request))
    if (answer.outcome !== 'inspected' || answer.verdict === 'rejected') return answer
    if (!said) await ports.keep(reference, answer)
    await ports.submit({ reference, key: request.key, sha256: answer.sha256 })
    return { outcome: 'deferred' }
  }
}

/** Outside of the network. By its key a submission that comes twice is one to the vendor. Rejects when ours passed other bytes. */
export function createSubmit(vendorUrl: string, readDocument: (key: string) => Promise<Uint8Array>) {
  return async ({ reference, key, sha256 }: Submission): Promise<void> => {
    const body = Buffer.from(await readDocument(key))
    if (createHash('sha256').update(body).digest('hex') !== sha256) {
      throw new Error('expected the document that was inspected; got another in its place')
    }
    const answer = await fetch(`${vendorUrl}/checks`, {
      method: 'POST',
      headers: { 'idempotency-key': reference },
      body,
    })
    if (!answer.ok) throw new Error(`expected 2xx of the vendor; got ${answer.status}`)
  }
}

/** Seconds between the vendor's clock and ours, and on the way. Who recorded a call cannot send it after that. */
const tolerance = 300

const callSchema = z.object({
  reference: z.string().regex(/^[0-9a-f-]{36}\/[1-9]\d{0,8}$/),
  decision: z.enum(['approved', 'declined']),
  labels: z.array(z.string()).default([]),
})

/** The vendor's words, in ours: each tells a person what to do. */
const reasonOf: Readonly<Record<string, Reason>> = {
  document_expired: {
    code: 'document_expired',
    message: 'The document is no longer valid. Upload one that is.',
    retry: false,
  },
  glare: {
    code: 'too_bright',
    message: 'Light is reflected. Photograph the document again, turned away.',
    retry: false,
  },
}
const otherReason: Reason = {
  code: 'not_accepted',
  message: 'The document was not accepted. Upload another one.',
  retry: false,
}

/** Whether the vendor said it, and lately: HMAC-SHA-256 of the time and the bytes of the body as they came. */
function isVendors(secret: string, rawBody: Uint8Array, signature: string, now: Date): boolean {
  const [, time = '', given = ''] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(signature) ?? []
  const expected = createHmac('sha256', secret).update(`${time}.`).update(rawBody).digest()
  // Both are 32 bytes: of another length nothing is compared.
  const isSame = given.length === 64 && timingSafeEqual(expected, Buffer.from(given, 'hex'))
  return isSame && Math.abs(now.getTime() / 1000 - Number(time)) <= tolerance
}

/**
 * Hears the vendor: `rawBody` are the bytes as they came, never what was parsed and written again.
 *
 * @returns the HTTP status: 200 when the verdict is in the queue. It rejects when that is away, so that the vendor comes again
 */
export function createWebhook(ports: {
  readonly secret: string
  readonly now: () => Date
  readonly find: (reference: string) => Promise<Passed | undefined>
  /** Puts a message into the verification queue. */
  readonly send: (body: string) => Promise<void>
}) {
  return async (rawBody: Uint8Array, signature: string): Promise<number> => {
    if (!isVendors(ports.secret, rawBody, signature, ports.now())) return 401
    const call = callSchema.safeParse(JSON.parse(Buffer.from(rawBody).toString('utf8')))
    if (!call.success) return 400
    const { reference, decision, labels } = call.data
    const ours = await ports.find(reference)
    if (!ours) return 404
    const [id, attempt] = reference.split('/')
    const isApproved = decision === 'approved'
    const found = labels.map((label) => reasonOf[label] ?? otherReason)
    const check = { check: 'vendor', outcome: isApproved ? 'passed' : 'failed', milliseconds: 0 }
    const answer = {
      ...ours,
      ...(isApproved ? {} : { verdict: 'rejected', reasons: found.length > 0 ? found : [otherReason] }),
      checks: [...ours.checks, check],
    }
    await ports.send(JSON.stringify({ verification_id: id, attempt: Number(attempt), answer }))
    return 200
  }
}
