// Sends documents to the API at a steady rate, and one call a second beside them that does nothing of ours. Autocannon is
// the generator; only loopback is called, so many times and for so long.
import autocannon from 'autocannon'
import type { MakeDocument } from './documents.ts'
import { makeUpload, type Upload } from './workload.ts'

/** One call of the API. */
export type Call = {
  /** Milliseconds since the run began. */
  readonly at: number
  /** Until its answer was there, in milliseconds. */
  readonly milliseconds: number
  readonly status: number
}

/** An answer 202 that was seen: whose wallet is promised. */
export type Accepted = Pick<Upload, 'userId' | 'network' | 'addressType'> & { readonly verificationId: string }

export type PostedLog = {
  readonly calls: Call[]
  readonly accepted: Accepted[]
  /** Broken or timed-out calls, by what was said of them. */
  readonly broken: Map<string, number>
  sent: number
}

export type FloorLog = { readonly calls: Call[]; readonly broken: Map<string, number> }

/** API Gateway gives up after 29 seconds, and the front door with it. */
const timeoutSeconds = 35
/** Calls that are on their way when the time is over get that much more. */
const graceSeconds = 10
/** The documents of a second are sent in so many groups: all at once would be a wave, and not a rate. */
const groupsPerSecond = 10

const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)

/** How many of a second's documents each group sends: as even as whole numbers allow. */
export function splitRate(rate: number): readonly number[] {
  const groups = Math.min(rate, groupsPerSecond)
  return Array.from({ length: groups }, (_, at) => Math.floor(rate / groups) + (at < rate % groups ? 1 : 0))
}

function assertLoopback(url: string): void {
  if (new URL(url).hostname !== '127.0.0.1') throw new TypeError(`expected an address on 127.0.0.1; got ${url}`)
}

/** Runs a generator to its end; `signal` ends it early. */
function run(
  options: autocannon.Options,
  signal: AbortSignal,
  follow: (instance: autocannon.Instance) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const instance = autocannon(
    { ...options, timeout: timeoutSeconds, sampleInt: 1000, ignoreCoordinatedOmission: true },
    (error: unknown) => (error ? reject(error) : resolve()),
  )
  const stop = () => instance.stop()
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop)
  follow(instance)
  return promise.finally(() => signal.removeEventListener('abort', stop))
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/**
 * Posts the documents of a run, each connection at most one a second. When answers take longer than that, fewer are sent than
 * asked for: the log tells how many.
 *
 * @param start of the run, by `performance.now()`
 */
export async function postDocuments(
  target: { readonly url: string; readonly token: string },
  work: { readonly run: string; readonly users: number; readonly rate: number; readonly seconds: number },
  makeDocument: MakeDocument,
  start: number,
  log: PostedLog,
  signal: AbortSignal,
): Promise<void> {
  assertLoopback(target.url)
  let next = 0
  const groups = splitRate(work.rate)
  const setupRequest = (request: autocannon.Request, context: object): autocannon.Request => {
    const upload = makeUpload(work.run, work.users, next++)
    Object.assign(context, { upload })
    const { userId, network, addressType, requestId } = upload
    return {
      ...request,
      headers: {
        ...{ authorization: `Bearer ${target.token}`, 'content-type': 'application/json', 'x-request-id': requestId },
      },
      body: JSON.stringify({
        ...{ user_id: userId, network, address_type: addressType },
        document: Buffer.from(makeDocument(upload)).toString('base64'),
      }),
    }
  }
  const onResponse = (status: number, body: string, context: object) => {
    if (status !== 202) return
    const { upload } = context as { readonly upload: Upload }
    const { verification_id: verificationId } = JSON.parse(body) as { readonly verification_id: string }
    const { userId, network, addressType } = upload
    log.accepted.push({ userId, network, addressType, verificationId })
  }
  await Promise.all(
    groups.map(async (rate, at) => {
      await wait((at * 1000) / groups.length)
      const requests = [{ method: 'POST', path: '/verify', setupRequest, onResponse }] as const
      await run(
        {
          url: target.url,
          ...{ connections: rate, overallRate: rate, requests: [...requests] },
          ...{ duration: work.seconds + graceSeconds, maxOverallRequests: rate * work.seconds },
        },
        signal,
        (instance) => {
          instance.on('response', (_client, status, _bytes, milliseconds) => {
            log.calls.push({ at: performance.now() - start - milliseconds, milliseconds, status })
          })
          instance.on('reqError', (error: unknown) => {
            count(log.broken, error instanceof Error ? error.message : String(error))
          })
        },
      )
    }),
  )
  log.sent = next
}

/**
 * Calls once a second what does nothing of ours, through the same front door, gateway and a function of its own: the contract,
 * which the caller says it has already.
 */
export async function callFloor(url: string, start: number, log: FloorLog, signal: AbortSignal): Promise<void> {
  assertLoopback(url)
  const contract = await fetch(`${url}/openapi.json`)
  const etag = contract.headers.get('etag') ?? ''
  await contract.body?.cancel()
  const headers = { 'if-none-match': etag }
  await run(
    // A day: the signal ends it.
    { url: `${url}/openapi.json`, headers, connections: 1, overallRate: 1, duration: 86_400 },
    signal,
    (instance) => {
      instance.on('response', (_client, status, _bytes, milliseconds) => {
        log.calls.push({ at: performance.now() - start - milliseconds, milliseconds, status })
      })
      instance.on('reqError', (error: unknown) => {
        count(log.broken, error instanceof Error ? error.message : String(error))
      })
    },
  )
}
