// Stands between the functions and the emulator's KMS and S3, and fails as AWS does when it is told to. What it passes on it
// leaves as it is, the Host header too: the signature stays good, and IAM is enforced behind it as before.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

export type Service = 'kms' | 's3'

/** What becomes of a call. */
export type Misbehaviour =
  /** Passed on after that many milliseconds, or after a random time between the two. */
  | { readonly kind: 'slow'; readonly milliseconds: readonly [shortest: number, longest: number] }
  /** Answered here, and never passed on. */
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  /** The connection ends without an answer. */
  | { readonly kind: 'cut' }
  /** Passed on, and the connection ends without its answer: what was asked for has been done. */
  | { readonly kind: 'cut-after' }

export type FaultProxy = {
  readonly url: string
  /** Calls of a service misbehave from now on; the share of them, from 0 to 1. */
  misbehave(service: Service, how: Misbehaviour, share?: number): void
  /** How many calls misbehaved since all was well. */
  countMisbehaved(): number
  /** All is well again. Returns how many calls misbehaved. */
  behave(): number
  stop(): Promise<void>
}

/** The body that an AWS service with the JSON protocol refuses with. */
export const refusal = (type: string): Misbehaviour => ({
  kind: 'answer',
  status: 400,
  body: JSON.stringify({ __type: type, message: 'injected by the chaos run' }),
})

/** What S3 answers when it is asked for too much, by its documentation. */
export const slowDown: Misbehaviour = {
  kind: 'answer',
  status: 503,
  body: '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
}

/** @param upstream the emulator's address; asked for with each call, since it is not known when the proxy must be */
export async function startFaultProxy(upstream: () => string, port = 0): Promise<FaultProxy> {
  const rules = new Map<Service, { readonly how: Misbehaviour; readonly share: number }>()
  let misbehaved = 0

  async function serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const service = String(incoming.headers['x-amz-target'] ?? '').startsWith('TrentService.') ? 'kms' : 's3'
    const rule = rules.get(service)
    if (rule === undefined || Math.random() >= rule.share) return forward(incoming, answer)
    misbehaved += 1
    const { how } = rule
    switch (how.kind) {
      case 'answer': {
        incoming.resume()
        const type = service === 'kms' ? 'application/x-amz-json-1.1' : 'application/xml'
        answer.writeHead(how.status, { 'content-type': type, 'content-length': Buffer.byteLength(how.body) })
        answer.end(how.body)
        return
      }
      case 'slow': {
        const [shortest, longest] = how.milliseconds
        await wait(shortest + Math.random() * (longest - shortest))
        return forward(incoming, answer)
      }
      case 'cut':
        incoming.socket.destroy()
        return
      case 'cut-after':
        return forward(incoming, undefined)
    }
  }

  /** Without an answer to give it to, what comes back is dropped, with the connection. */
  function forward(incoming: IncomingMessage, answer: ServerResponse | undefined): void {
    const { hostname, port: upstreamPort } = new URL(upstream())
    const outgoing = request({
      ...{ hostname, port: upstreamPort, method: incoming.method, path: incoming.url, setHost: false },
      headers: Object.fromEntries(pairs(incoming.rawHeaders)),
    })
    outgoing.on('response', (response) => {
      if (answer === undefined) {
        response.resume()
        incoming.socket.destroy()
        return
      }
      answer.writeHead(response.statusCode ?? 502, response.rawHeaders)
      response.pipe(answer)
    })
    // The emulator is away, or the function has gone: either way the other end is to see a connection that ends.
    outgoing.on('error', () => incoming.socket.destroy())
    answer?.on('close', () => outgoing.destroy())
    incoming.pipe(outgoing)
  }

  const server = createServer((incoming, answer) => {
    serve(incoming, answer).catch(() => incoming.socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port }, resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    misbehave: (service, how, share = 1) => void rules.set(service, { how, share }),
    countMisbehaved: () => misbehaved,
    behave: () => {
      rules.clear()
      const count = misbehaved
      misbehaved = 0
      return count
    },
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? '']] : []))
}
