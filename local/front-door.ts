// Serves the deployed API on loopback, as a custom domain of API Gateway would, and restores what the emulator does
// otherwise than AWS: path encoding, the size limit, the timeout, the wording of its own errors. No route lives here.
import { Agent, type ClientRequest, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'

/** Lambda is called with at most 6 MB (Lambda quotas, "Invocation payload", synchronous). */
const maximumBodyBytes = 6 * 1024 * 1024

/** API Gateway waits 29 seconds for an integration. */
const integrationTimeoutMilliseconds = 29_000

/** API Gateway takes 10,240 bytes of headers; the emulator breaks off above 16 KiB. */
const longestAuthorization = 10_240
/** Whoever sends a token of that size shall read the same 401 as with any other bad one. */
const maximumHeaderBytes = 1024 * 1024

/** Headers that belong to one connection (RFC 9110, 7.6.1), and those that the front door answers itself. */
const connectionHeaders = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export type FrontDoorOptions = {
  /** Port on 127.0.0.1; 0 takes a free one. */
  readonly port: number
  /** Where the emulator serves the stage: `http://127.0.0.1:N/_aws/execute-api/{api}/{stage}`. */
  readonly upstream: string
  readonly log: (line: { level: 'info' | 'warn' | 'error'; message: string; [field: string]: unknown }) => void
  /** For tests: how long to wait for the answer once the whole request is sent. */
  readonly timeoutMilliseconds?: number
}

export type FrontDoor = {
  /** Without a trailing slash. */
  readonly url: string
  /** Takes no more requests, lets those that run end for up to 5 seconds, and frees the port. */
  readonly stop: () => Promise<void>
}

/** The port cannot be used. The message names it and says what to do. */
export class FrontDoorError extends Error {
  override readonly name = 'FrontDoorError'
}

/**
 * Opens the front door.
 *
 * @throws {FrontDoorError} when the port cannot be listened on.
 */
export async function startFrontDoor(options: FrontDoorOptions): Promise<FrontDoor> {
  const upstream = new URL(options.upstream)
  // The emulator closes idle connections after 75 seconds; ours go first, so that no request meets a closing one.
  const agent = new Agent({ keepAlive: true, timeout: 30_000 })
  const server = createServer({ maxHeaderSize: maximumHeaderBytes })

  const forward = (incoming: IncomingMessage, answer: ServerResponse): void => {
    forwardRequest(incoming, answer, {
      log: options.log,
      timeoutMilliseconds: options.timeoutMilliseconds ?? integrationTimeoutMilliseconds,
      open: (headers) =>
        request({
          agent,
          hostname: upstream.hostname,
          port: upstream.port || 80,
          method: incoming.method,
          path: upstream.pathname.replace(/\/$/, '') + encodeOnceMore(incoming.url ?? '/'),
          // The name that clients know us by, as behind a custom domain; never what a client writes there.
          headers: ['host', `127.0.0.1:${(server.address() as AddressInfo).port}`, ...headers],
        }),
    })
  }
  server.on('request', forward)
  server.on('checkContinue', (incoming: IncomingMessage, answer: ServerResponse) => {
    if (!declaresTooMuch(incoming)) answer.writeContinue()
    forward(incoming, answer)
  })
  server.on('clientError', (error: ParseError, socket: Duplex) => {
    const repaired = error.code === 'HPE_INVALID_URL' ? encodeRequestLine(error) : undefined
    if (repaired === undefined) {
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      else socket.destroy()
    } else {
      server.emit('connection', startAgain(socket, repaired))
    }
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(describeListenError(error, options.port)))
    server.listen({ host: '127.0.0.1', port: options.port }, resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      const force = setTimeout(() => server.closeAllConnections(), 5_000)
      await closed
      clearTimeout(force)
      agent.destroy()
    },
  }
}

/**
 * The request target that makes the emulator hand over what AWS hands over.
 *
 * The emulator percent-decodes a path once before it routes; AWS hands path parameters over as they were sent. So every
 * `%` is encoded once more, and a raw byte that no target may hold (UTF-8, `#`) as if the client had encoded it. Works on
 * the target as it came over the wire, one character a byte: a URL parser would resolve `.` and `..`.
 *
 * @param target `req.url`: the origin form, or the absolute form that proxies are sent (RFC 9112, 3.2.2).
 */
export function encodeOnceMore(target: string): string {
  const origin = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '')
  const [path = '', ...rest] = origin.split('?')
  const encodedPath = path.replace(/%/g, '%25').replace(/[^\x21-\x7e]|#/g, (byte) => `%25${hexadecimal(byte)}`)
  const query = rest.join('?').replace(/[^\x21-\x7e]|#/g, (byte) => `%${hexadecimal(byte)}`)
  return (encodedPath.startsWith('/') ? '' : '/') + encodedPath + (rest.length > 0 ? `?${query}` : '')
}

function hexadecimal(byte: string): string {
  return byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')
}

/** What Node's parser says of a request that it refuses: the bytes it was given, and how many of them it understood. */
type ParseError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer; readonly bytesParsed?: number }

/**
 * Node refuses raw UTF-8 in a request line, which is what `curl http://…/wallet/é` sends.
 *
 * @returns the same bytes from that request line on, with those above ASCII in it percent-encoded; nothing when that is
 *   not what was wrong, or when the line began in an earlier packet.
 */
function encodeRequestLine({ rawPacket, bytesParsed }: ParseError): Buffer | undefined {
  if (rawPacket === undefined || bytesParsed === undefined || (rawPacket[bytesParsed] ?? 0) < 0x80) return undefined
  const start = rawPacket.lastIndexOf('\n', bytesParsed) + 1
  const end = rawPacket.indexOf('\n', bytesParsed)
  const line = rawPacket.toString('latin1', start, end === -1 ? rawPacket.length : end)
  if (!/^[A-Z]+ \S+ HTTP\/1\.[01]\r?$/.test(line)) return undefined
  const encoded = line.replace(/[\x80-\xff]/g, (byte) => `%${hexadecimal(byte)}`)
  return Buffer.concat([Buffer.from(encoded, 'latin1'), rawPacket.subarray(end)])
}

/** The connection as if nothing had been read from it but these bytes, free of the parser that gave it up. */
function startAgain(socket: Duplex, first: Buffer): Duplex {
  for (const event of ['data', 'end', 'close', 'drain', 'timeout', 'error']) socket.removeAllListeners(event)
  async function* bytes() {
    yield first
    yield* socket
  }
  return Duplex.from({ readable: bytes(), writable: socket })
}

type Forwarding = {
  readonly log: FrontDoorOptions['log']
  readonly timeoutMilliseconds: number
  readonly open: (headers: string[]) => ClientRequest
}

function forwardRequest(
  incoming: IncomingMessage,
  answer: ServerResponse,
  { log, timeoutMilliseconds, open }: Forwarding,
) {
  if (declaresTooMuch(incoming)) {
    answerAsPlatform(answer, tooLong)
    return
  }

  const outgoing = open(requestHeaders(incoming))
  let timer: NodeJS.Timeout | undefined
  let received = 0

  const giveUp = (platformAnswer: PlatformAnswer) => {
    clearTimeout(timer)
    outgoing.destroy()
    answerAsPlatform(answer, platformAnswer)
  }
  const expectProgress = () => {
    timer ??= setTimeout(() => {
      log({ level: 'warn', message: `front door: no answer within ${timeoutMilliseconds} ms`, method: incoming.method })
      giveUp(timedOut)
    }, timeoutMilliseconds)
  }

  incoming.on('data', (chunk: Uint8Array) => {
    received += chunk.length
    // After any answer of our own, what still comes is read and dropped, so that the client gets to read the answer.
    if (answer.headersSent || answer.destroyed) return
    if (received > maximumBodyBytes) {
      giveUp(tooLong)
    } else if (!outgoing.write(chunk)) {
      incoming.pause()
      expectProgress()
    }
  })
  outgoing.on('drain', () => {
    clearTimeout(timer)
    timer = undefined
    incoming.resume()
  })
  incoming.on('end', () => {
    expectProgress()
    outgoing.end()
  })

  outgoing.on('response', (response) => {
    response.on('error', () => answer.destroy())
    response.on('end', () => clearTimeout(timer))
    if (response.statusCode === 502 && response.headers['content-type'] === 'application/json') {
      // The function threw, and the emulator passes its message on; API Gateway never says why. Our own functions
      // answer problems as application/problem+json.
      response.resume()
      answerAsPlatform(answer, failed)
    } else {
      answer.writeHead(response.statusCode ?? 502, response.statusMessage, keptHeaders(response))
      response.pipe(answer)
    }
  })
  outgoing.on('error', (error) => {
    if (answer.headersSent || answer.destroyed) {
      // Also the echo of giving up, when the answer is complete already and this changes nothing.
      if (!answer.writableEnded) answer.destroy()
      return
    }
    log({ level: 'warn', message: 'front door: the API did not answer', method: incoming.method, cause: error.message })
    giveUp(failed)
  })
  answer.on('close', () => {
    // A client that left while it was sending: half a request is not delivered. A whole one runs on, as on AWS.
    clearTimeout(timer)
    if (!incoming.complete) outgoing.destroy()
  })
}

function declaresTooMuch(incoming: IncomingMessage): boolean {
  return Number(incoming.headers['content-length'] ?? 0) > maximumBodyBytes
}

function requestHeaders(incoming: IncomingMessage): string[] {
  const isOversized = (incoming.headers.authorization?.length ?? 0) > longestAuthorization
  const headers = keptHeaders(incoming, ['x-forwarded-for', ...(isOversized ? ['authorization'] : [])])
  // Nothing that is a token by its form: the gateway refuses it as it would have refused that one.
  if (isOversized) headers.push('authorization', 'oversized')
  // The emulator takes the first entry for the caller's address, AWS the peer: a client may not choose it.
  headers.push('x-forwarded-for', incoming.socket.remoteAddress ?? '127.0.0.1')
  if (incoming.headers['transfer-encoding'] !== undefined) headers.push('transfer-encoding', 'chunked')
  return headers
}

/** Names and values in turn, in the order, case and number in which they came; without those of the connection. */
function keptHeaders(message: IncomingMessage, others: readonly string[] = []): string[] {
  const named = (message.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  const dropped = new Set([...connectionHeaders, ...named, ...others])
  // A response has its length or comes in chunks; a request must keep the one it was framed by.
  dropped.delete('content-length')
  const kept: string[] = []
  for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
    const name = message.rawHeaders[index] ?? ''
    if (!dropped.has(name.toLowerCase())) kept.push(name, message.rawHeaders[index + 1] ?? '')
  }
  return kept
}

/** An answer of the gateway's own, in AWS's words. */
type PlatformAnswer = { readonly status: number; readonly body: string }

const tooLong: PlatformAnswer = { status: 413, body: '{"message":"Request Too Long"}' }
const failed: PlatformAnswer = { status: 502, body: '{"message": "Internal server error"}' }
const timedOut: PlatformAnswer = { status: 504, body: '{"message":"Endpoint request timed out"}' }

function answerAsPlatform(answer: ServerResponse, { status, body }: PlatformAnswer): void {
  // The connection stays open, and Node reads and drops the rest of the body, for 5 minutes at most: closing it now would
  // reset it under a client that is still writing, and the answer would be lost with it.
  if (answer.headersSent) {
    answer.destroy()
    return
  }
  answer.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  answer.end(body)
}

function describeListenError(error: NodeJS.ErrnoException, port: number): FrontDoorError {
  const advice = 'Give another one with --port N, or --port 0 for any that is free.'
  if (error.code === 'EADDRINUSE') {
    return new FrontDoorError(
      `Port ${port} on 127.0.0.1 is taken by another program; the API was to be served there. Stop that program, or: ${advice}`,
      { cause: error },
    )
  }
  return new FrontDoorError(`Port ${port} on 127.0.0.1 cannot be listened on (${error.code}). ${advice}`, {
    cause: error,
  })
}
