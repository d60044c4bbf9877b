// The front door against an upstream made here, spoken to over plain sockets, so that nothing tidies what is sent.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeOnceMore, type FrontDoor, FrontDoorError, startFrontDoor } from '../../local/front-door.ts'
import { findFreePort } from '../../local/ports.ts'

type Seen = { method: string; url: string; headers: [string, string][]; body: Buffer }
type Answer = { status: number; headers: Record<string, string | string[]>; body: string }

let upstream: Server
let door: FrontDoor
let seen: Seen[]
let logged: { level: string; message: string }[]
let answerWith: (incoming: IncomingMessage, answer: ServerResponse) => void

beforeEach(async () => {
  seen = []
  logged = []
  answerWith = (_incoming, answer) => answer.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
  upstream = createServer((incoming, answer) => {
    const chunks: Buffer[] = []
    incoming.on('error', () => {})
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const headers = Array.from({ length: incoming.rawHeaders.length / 2 }, (_, index): [string, string] => [
        incoming.rawHeaders[2 * index] ?? '',
        incoming.rawHeaders[2 * index + 1] ?? '',
      ])
      const body = Buffer.concat(chunks)
      seen.push({ method: incoming.method ?? '', url: incoming.url ?? '', headers, body })
      answerWith(incoming, answer)
    })
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  door = await openDoor()
})

afterEach(async () => {
  await door.stop()
  upstream.closeAllConnections()
  await new Promise((resolve) => upstream.close(resolve))
})

function openDoor({
  to = upstream.address() as AddressInfo,
  ...options
}: {
  to?: AddressInfo
  port?: number
  timeoutMilliseconds?: number
} = {}): Promise<FrontDoor> {
  return startFrontDoor({
    port: 0,
    upstream: `http://127.0.0.1:${to.port}/_aws/execute-api/abc123/local`,
    log: (line) => logged.push(line),
    ...options,
  })
}

/** Sends bytes as they are and reads until the other side closes, or until one whole answer is there. */
function exchange(bytes: (string | Buffer)[], { at = door, pauseAt = -1 } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(at.url).port), '127.0.0.1')
    let text = ''
    const finish = () => {
      const answer = parseAnswer(text)
      if (answer === undefined) reject(new Error(`expected an answer, got ${JSON.stringify(text.slice(0, 200))}`))
      else resolve(answer)
      socket.destroy()
    }
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (parseAnswer(text) !== undefined && pauseAt === -1) finish()
    })
    socket.on('end', finish)
    socket.on('error', reject)
    const write = (index: number) => {
      const chunk = bytes[index]
      if (chunk === undefined) {
        if (pauseAt !== -1) {
          pauseAt = -1
          if (parseAnswer(text) !== undefined) finish()
        }
        return
      }
      socket.write(typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk, () => setImmediate(write, index + 1))
    }
    write(0)
  })
}

function parseAnswer(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers: Answer['headers'] = {}
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    const value = line.slice(line.indexOf(':') + 1).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : [...(typeof before === 'string' ? [before] : before), value]
  }
  const rest = text.slice(end + 4)
  if (statusLine.split(' ')[1] === '100') return parseAnswer(rest)
  const length = headers['content-length']
  if (typeof length === 'string' && rest.length < Number(length)) return undefined
  if (headers['transfer-encoding'] === 'chunked' && !rest.endsWith('0\r\n\r\n')) return undefined
  const body = headers['transfer-encoding'] === 'chunked' ? rest.replace(/(^|\r\n)[0-9a-f]+\r\n/g, '') : rest
  return { status: Number(statusLine.split(' ')[1]), headers, body: body.trimEnd() }
}

const get = (target: string, headers = '') => exchange([`GET ${target} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`])

const sixMegabytes = 6 * 1024 * 1024

describe('the path', () => {
  test.each([
    ['/wallet/a', '/wallet/a'],
    ['/wallet/.', '/wallet/.'],
    ['/wallet/..', '/wallet/..'],
    ['/wallet/./../x', '/wallet/./../x'],
    ['/wallet/%2E', '/wallet/%252E'],
    ['/wallet/%2e%2E', '/wallet/%252e%252E'],
    ['/wallet/a%2Fb', '/wallet/a%252Fb'],
    ['/wallet/%252F', '/wallet/%25252F'],
    ['/wallet/%C3%A9', '/wallet/%25C3%25A9'],
    ['/wallet/é', '/wallet/%25C3%25A9'],
    ['/wallet/e\u0301', '/wallet/e%25CC%2581'],
    ['/wallet/\u{1F600}', '/wallet/%25F0%259F%2598%2580'],
    ['/wallet/%', '/wallet/%25'],
    ['/wallet/%00', '/wallet/%2500'],
    ["/wallet/a+b:@!$&'()*,;=~\\|^", "/wallet/a+b:@!$&'()*,;=~\\|^"],
    ['/wallet/a//b/', '/wallet/a//b/'],
    ['//wallet', '//wallet'],
    ['/wallet/a#b', '/wallet/a%2523b'],
    ['/wallet/a?network=tron&x=%2F&x=a%20b+c&y', '/wallet/a?network=tron&x=%2F&x=a%20b+c&y'],
    ['/wallet/a?x=%C3%A9?y/.././', '/wallet/a?x=%C3%A9?y/.././'],
    ['/wallet/a?x=é', '/wallet/a?x=%C3%A9'],
    ['/wallet/a?', '/wallet/a?'],
    ['http://elsewhere:80/wallet/a%2Fb?x=1', '/wallet/a%252Fb?x=1'],
  ])('%s reaches the emulator as %s', async (target, expected) => {
    await get(target)
    expect(seen.map(({ url }) => url)).toEqual([`/_aws/execute-api/abc123/local${expected}`])
  })

  test('in raw UTF-8 comes again and again on one connection, with bodies', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(door.url).port), '127.0.0.1')
      const parts = [
        'POST /wallet/é HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\né',
        'ü',
        'GET /wallet/ü HTTP/1.1\r\nHost: x\r\n\r\n',
        'GET /wallet/plain HTTP/1.1\r\nHost: x\r\n\r\n',
        'GET /wallet/ö HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      ]
      let received = ''
      socket.on('data', (chunk) => {
        received += chunk.toString()
        const next = parts.shift()
        if (next !== undefined) socket.write(next)
      })
      socket.on('close', () => resolve(received))
      socket.on('error', reject)
      socket.write(parts.shift() ?? '', () => setImmediate(() => socket.write(parts.shift() ?? '')))
    })
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(Array(4).fill('HTTP/1.1 200'))
    expect(seen.map(({ url }) => url.slice(url.lastIndexOf('/')))).toEqual([
      '/%25C3%25A9',
      '/%25C3%25BC',
      '/plain',
      '/%25C3%25B6',
    ])
    expect(seen[0]?.body.toString()).toBe('éü')
  })

  test('in raw UTF-8 from a client that resets the connection harms nobody else', async () => {
    answerWith = () => {}
    const socket = connect(Number(new URL(door.url).port), '127.0.0.1')
    socket.write('GET /wallet/é HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(() => seen.length).toBe(1)
    socket.resetAndDestroy()
    answerWith = (_incoming, answer) => answer.end('{}')
    expect((await get('/health')).status).toBe(200)
  })

  test.each([
    ['a target with a control character', ['GET /wallet/\x01 HTTP/1.1\r\nHost: x\r\n\r\n']],
    ['raw UTF-8 in a line that is none', ['GET /wallet/é\r\n\r\n']],
    ['no HTTP', ['hello\r\n\r\n']],
  ])('is 400 for %s', async (_, parts) => {
    expect((await exchange(parts)).status).toBe(400)
    expect(seen).toEqual([])
  })

  test('is, decoded once, what any client wrote, with raw bytes encoded', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0x21, max: 0xff }), { maxLength: 50 }), (bytes) => {
        const sent = `/${String.fromCharCode(...bytes.filter((byte) => byte !== 0x3f))}`
        const decodedOnce = encodeOnceMore(sent).replace(/%([0-9A-F]{2})/g, (_, hex) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        )
        const expected = sent.replace(/[\x7f-\xff#]/g, (byte) => {
          return `%${byte.charCodeAt(0).toString(16).toUpperCase()}`
        })
        expect(decodedOnce).toBe(expected)
      }),
    )
  })
})

describe('the request', () => {
  test('keeps its method, headers and body', async () => {
    const body = Buffer.from([0, 255, 254, 13, 10, 0])
    await exchange([
      `POST /verify HTTP/1.1\r\nHost: evil.example\r\nX-Mixed-Case: v\r\nX-Twice: 1\r\nX-Twice: 2\r\nContent-Length: 6\r\n\r\n`,
      body,
    ])
    expect(seen[0]?.method).toBe('POST')
    expect(seen[0]?.body).toEqual(body)
    expect(seen[0]?.headers).toEqual([
      ['host', new URL(door.url).host],
      ['X-Mixed-Case', 'v'],
      ['X-Twice', '1'],
      ['X-Twice', '2'],
      ['Content-Length', '6'],
      ['x-forwarded-for', '127.0.0.1'],
      ['Connection', 'keep-alive'],
    ])
  })

  test('loses the headers of its connection and the address that a client claims', async () => {
    await get(
      '/health',
      'Connection: close, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=1\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: Basic x\r\nX-Forwarded-For: 9.9.9.9\r\nAuthorization: Bearer y\r\n',
    )
    expect(seen[0]?.headers).toEqual([
      ['host', new URL(door.url).host],
      ['Authorization', 'Bearer y'],
      ['x-forwarded-for', '127.0.0.1'],
      ['Connection', 'keep-alive'],
    ])
  })

  test.each(['POST', 'GET'])('that comes in chunks is framed as a %s with one body', async (method) => {
    await exchange([
      `${method} /verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
      '3\r\nabc\r\n',
      '4\r\ndefg\r\n',
      '0\r\n\r\n',
    ])
    expect(seen).toHaveLength(1)
    expect(seen[0]?.body.toString()).toBe('abcdefg')
  })

  test('of exactly 6 MB passes', async () => {
    const answer = await exchange([
      `POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: ${sixMegabytes}\r\n\r\n`,
      Buffer.alloc(sixMegabytes, 'a'),
    ])
    expect(answer.status).toBe(200)
    expect(seen[0]?.body.length).toBe(sixMegabytes)
  })

  test('of more, by its declared length, is refused as the platform does, and never reaches the emulator', async () => {
    const answer = await exchange([`POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: ${sixMegabytes + 1}\r\n\r\n`])
    expect(answer).toMatchObject({
      status: 413,
      headers: { 'content-type': 'application/json' },
      body: '{"message":"Request Too Long"}',
    })
    expect(seen).toEqual([])
  })

  test('of more, in chunks, is refused while it comes, to a client that goes on sending before it reads', async () => {
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000, 'a'), Buffer.from('\r\n')])
    const answer = await exchange(
      [
        'POST /verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
        ...Array.from({ length: 20 }, () => chunk),
        '0\r\n\r\n',
      ],
      { pauseAt: 0 },
    )
    expect(answer).toMatchObject({ status: 413, body: '{"message":"Request Too Long"}' })
    expect(seen).toEqual([])
  })

  test('that was refused leaves the connection usable for the next one', async () => {
    const answers = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(door.url).port), '127.0.0.1')
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString()
        if (text.includes('{"ok":true}')) socket.end()
      })
      socket.on('close', () => resolve(text))
      socket.on('error', reject)
      socket.write(`POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: ${sixMegabytes + 1}\r\n\r\n`)
      socket.write(Buffer.alloc(sixMegabytes + 1, 'a'))
      socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
    })
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200'])
  })

  test('that asks first (Expect: 100-continue) is told to go on, or refused before it sends', async () => {
    const allowed = await exchange([
      'POST /verify HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
      'abc',
    ])
    expect(allowed.status).toBe(200)
    expect(seen[0]?.headers.map(([name]) => name.toLowerCase())).not.toContain('expect')
    const refused = await exchange([
      `POST /verify HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${sixMegabytes + 1}\r\n\r\n`,
    ])
    expect(refused.status).toBe(413)
  })

  test('whose client leaves half-way is not delivered', async () => {
    const aborted = new Promise((resolve) => upstream.once('request', (incoming) => incoming.once('close', resolve)))
    const socket = connect(Number(new URL(door.url).port), '127.0.0.1')
    socket.write('POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc')
    await new Promise((resolve) => upstream.once('request', resolve))
    socket.destroy()
    await aborted
    expect(seen).toEqual([])
  })
})

describe('the answer', () => {
  test('keeps its status, headers and bytes', async () => {
    answerWith = (_incoming, answer) =>
      answer.writeHead(418, { 'X-Cased': 'v', 'Set-Cookie': ['a=1', 'b=2'], 'Content-Length': '3' }).end('tea')
    expect(await get('/health')).toMatchObject({
      status: 418,
      headers: { 'x-cased': 'v', 'set-cookie': ['a=1', 'b=2'], 'content-length': '3' },
      body: 'tea',
    })
  })

  test('without a length is streamed', async () => {
    answerWith = (_incoming, answer) => {
      answer.writeHead(200)
      answer.write('one')
      setImmediate(() => answer.end('two'))
    }
    expect((await get('/health')).body).toBe('onetwo')
  })

  test('of a function that threw says no more than API Gateway does', async () => {
    answerWith = (_incoming, answer) =>
      answer.writeHead(502, { 'content-type': 'application/json' }).end('{"message": "secret of the function"}')
    expect(await get('/health')).toMatchObject({ status: 502, body: '{"message": "Internal server error"}' })
  })

  test('of 502 that a function gave itself is kept', async () => {
    answerWith = (_incoming, answer) => answer.writeHead(502, { 'content-type': 'application/problem+json' }).end('{}')
    expect(await get('/health')).toMatchObject({ status: 502, body: '{}' })
  })

  test('that does not come in time is 504, and a late one changes nothing', async () => {
    const impatient = await openDoor({ timeoutMilliseconds: 50 })
    answerWith = () => {}
    const answer = await exchange(['GET /health HTTP/1.1\r\nHost: x\r\n\r\n'], { at: impatient })
    expect(answer).toMatchObject({
      status: 504,
      headers: { 'content-type': 'application/json' },
      body: '{"message":"Endpoint request timed out"}',
    })
    expect(logged).toHaveLength(1)
    await impatient.stop()
  })

  test('is 504 also when the emulator stops reading, to a client that is still sending', async () => {
    const sockets: Socket[] = []
    const deaf = createNetServer((socket) => void sockets.push(socket.pause()))
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
    const impatient = await openDoor({ timeoutMilliseconds: 200, to: deaf.address() as AddressInfo })
    const answer = await exchange(
      [`POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: ${sixMegabytes}\r\n\r\n`, Buffer.alloc(sixMegabytes, 'a')],
      { at: impatient, pauseAt: 0 },
    )
    expect(answer.status).toBe(504)
    await impatient.stop()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => deaf.close(resolve))
  })

  test('that breaks off is broken off for the client too', async () => {
    answerWith = (incoming, answer) => {
      answer.writeHead(200, { 'content-length': '10' })
      answer.write('abc', () => incoming.socket.destroy())
    }
    await expect(get('/health')).rejects.toThrow()
  })

  test('is 502 while the emulator is away, and comes again when it is back', async () => {
    // While it is free, no outgoing connection of another test is given this one.
    const port = await findFreePort()
    await Promise.all([new Promise((resolve) => upstream.close(resolve)), door.stop()])
    await new Promise<void>((resolve) => upstream.listen(port, '127.0.0.1', resolve))
    door = await openDoor()
    await get('/health')
    upstream.closeAllConnections()
    await new Promise((resolve) => upstream.close(resolve))
    expect(await get('/health')).toMatchObject({ status: 502, body: '{"message": "Internal server error"}' })
    await new Promise<void>((resolve) => upstream.listen(port, '127.0.0.1', resolve))
    expect((await get('/health')).status).toBe(200)
  })
})

describe('the port', () => {
  test('in use is named, with what to do', async () => {
    const { port } = upstream.address() as AddressInfo
    const error = await openDoor({ port }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(FrontDoorError)
    expect((error as Error).message).toContain(`Port ${port} on 127.0.0.1 is taken`)
    expect((error as Error).message).toContain('--port')
  })

  test('is free again after a stop, which lets a running request end', async () => {
    let release = () => {}
    answerWith = (_incoming, answer) => {
      release = () => answer.end('done')
    }
    const answer = get('/health')
    await new Promise((resolve) => upstream.once('request', resolve))
    await expect.poll(() => seen.length).toBe(1)
    const port = Number(new URL(door.url).port)
    const stopped = door.stop()
    release()
    expect((await answer).status).toBe(200)
    await stopped
    door = await openDoor({ port })
    expect(door.url).toBe(`http://127.0.0.1:${port}`)
  })
})

describe('a header Authorization', () => {
  const send = (value: string) =>
    exchange([`GET /wallet/a HTTP/1.1\r\nhost: x\r\nauthorization: ${value}\r\ncookie: a=b\r\n\r\n`])
  const forwarded = () => seen.map(({ headers }) => headers.filter(([name]) => name === 'authorization'))

  test('of 10,240 characters is passed on as it is', async () => {
    const value = `Bearer ${'a'.repeat(10_240 - 7)}`
    expect((await send(value)).status).toBe(200)
    expect(forwarded()).toEqual([[['authorization', value]]])
  })

  test.each([10_241, 100_000, 1_000_000])('of %i becomes one that the gateway refuses by its form', async (length) => {
    expect((await send('a'.repeat(length))).status).toBe(200)
    expect(forwarded()).toEqual([[['authorization', 'oversized']]])
  })

  test('above 1 MiB is answered here', async () => {
    expect(await send('a'.repeat(1024 * 1024 + 1))).toMatchObject({ status: 431 })
    expect(seen).toEqual([])
  })
})
