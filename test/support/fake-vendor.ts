// A vendor that looks at documents, as far as we see it: an HTTP server that takes them, and calls back signed whenever the
// test says so.
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** All bytes of a request. */
export async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** `t=TIME,v1=HMAC` of a body, by the vendor's clock. */
export function sign(secret: string, body: string | Uint8Array, at: Date): string {
  const time = Math.floor(at.getTime() / 1000)
  return `t=${time},v1=${createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex')}`
}

export type FakeVendor = {
  readonly url: string
  /** SHA-256 (hex) of what it was given, by the key that it was given with. A repetition begins nothing. */
  readonly checks: ReadonlyMap<string, string>
  /** How often it was called. */
  readonly calls: () => number
  /** Answers 503 from now on, or no longer. */
  readonly setAway: (away: boolean) => void
  readonly stop: () => Promise<void>
}

export async function startFakeVendor(): Promise<FakeVendor> {
  const checks = new Map<string, string>()
  let calls = 0
  let isAway = false
  const server = createServer(async (request, response) => {
    const body = await readBody(request)
    calls += 1
    const key = String(request.headers['idempotency-key'])
    if (!isAway && !checks.has(key)) checks.set(key, createHash('sha256').update(body).digest('hex'))
    response.writeHead(isAway ? 503 : 202).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    checks,
    calls: () => calls,
    setAway: (away) => {
      isAway = away
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
