// Starts a local stack as a person would, by its command, and calls it as a client would, over HTTP.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Bearer, issueToken } from '../../local/issuer.ts'
import { checkAnswer } from './contract.ts'

/** What `stack.json` of a ready stack says. */
export type StackDescription = {
  readonly api_url: string
  readonly emulator_url: string
  readonly kafka_brokers: string
  readonly database_url: string
  readonly log_dir: string
  readonly pid: number
}

export type StackProcess = {
  readonly child: ChildProcess
  /** What it printed so far, both streams. */
  readonly output: () => string
  readonly exited: Promise<number | null>
}

const root = new URL('../..', import.meta.url).pathname

/** Runs `npm start` without npm: the same bootstrap, so that the process to signal is known. */
export function runStart(flags: readonly string[], environment: Readonly<Record<string, string>> = {}): StackProcess {
  let output = ''
  const child = spawn(process.execPath, [join(root, 'local/bootstrap.mjs'), 'start', ...flags], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  return { child, output: () => output, exited }
}

/** Waits until the stack in that folder is ready; fails when its process ends before. */
export async function waitUntilStackIsReady(start: StackProcess, state: string): Promise<StackDescription> {
  const path = join(state, 'stack.json')
  for (;;) {
    if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as StackDescription
    if (start.child.exitCode !== null || start.child.signalCode !== null) {
      throw new Error(`expected the local stack to become ready; it ended:\n${start.output().slice(-4000)}`)
    }
    await wait(200)
  }
}

/** Asks the stack to stop, as Ctrl-C does, and waits for its end. */
export async function stopStack(start: StackProcess): Promise<number | null> {
  if (start.child.exitCode === null && start.child.signalCode === null) start.child.kill('SIGINT')
  return await start.exited
}

export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Record<string, unknown>
}

/** The API of a stack, and the token with which it is called; without one, as nobody. */
export type Api = { readonly url: string; readonly token?: string }

/** The API as a bearer of a token of that state meets it; a service that may do everything, unless said. */
export async function openApi(
  stack: StackDescription,
  state: string,
  bearer: Bearer = { service: 'test' },
  options: Parameters<typeof issueToken>[2] = {},
): Promise<Required<Api>> {
  return { url: stack.api_url, token: await issueToken(state, bearer, options) }
}

/**
 * One HTTP request whose path is sent as it is: a URL parser would resolve `.` and `..` in it. Fails when the answer is not
 * as the OpenAPI document says.
 */
export function call(
  api: Api,
  path: string,
  options: { method?: string; body?: string | Buffer; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(api.url)
  const { method = 'GET' } = options
  const authorization = api.token === undefined ? {} : { authorization: `Bearer ${api.token}` }
  const headers = { ...authorization, ...options.headers }
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, method, headers }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        try {
          resolve(readAnswer(method, path, incoming, Buffer.concat(chunks).toString('utf8')))
        } catch (error) {
          reject(error)
        }
      })
    })
    outgoing.on('error', reject)
    outgoing.end(options.body)
  })
}

/** Of an answer that is no JSON, the body is its `text`. */
function readAnswer(method: string, path: string, incoming: IncomingMessage, text: string): Answer {
  const { statusCode: status = 0, headers } = incoming
  let body: Record<string, unknown>
  if (status === 304 || status === 204 || String(headers['content-type']).startsWith('text/')) {
    body = { text }
  } else {
    try {
      body = JSON.parse(text)
    } catch (cause) {
      throw new Error(`expected JSON from ${path}; got ${status} ${text.slice(0, 200)}`, { cause })
    }
  }
  checkAnswer({ method, path, status, headers, body: body.text ?? body })
  return { status, headers, body }
}

/** `POST /verify`. */
export function postDocument(
  api: Api,
  upload: { user_id: string; network: string; document: Uint8Array; address_type?: string },
): Promise<Answer> {
  const body = JSON.stringify({ ...upload, document: Buffer.from(upload.document).toString('base64') })
  return call(api, '/verify', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
}

/** Repeats a call until its answer is as wanted; fails with the last answer after that many milliseconds. */
export async function poll(
  ask: () => Promise<Answer>,
  isDone: (answer: Answer) => boolean,
  milliseconds = 180_000,
): Promise<Answer> {
  const end = Date.now() + milliseconds
  for (;;) {
    const answer = await ask()
    if (isDone(answer)) return answer
    if (Date.now() > end) throw new Error(`not within ${milliseconds} ms; last answer ${JSON.stringify(answer)}`)
    await wait(250)
  }
}

/** The wallet of a user, waited for; of the network's default type unless one is given. */
export const waitForWallet = (
  api: Api,
  userId: string,
  network: string,
  options: { readonly addressType?: string | undefined; readonly milliseconds?: number } = {},
) => {
  const type = options.addressType === undefined ? '' : `&address_type=${options.addressType}`
  return poll(
    () => call(api, `/wallet/${encodePathSegment(userId)}?network=${network}${type}`),
    (answer) => answer.status === 200,
    options.milliseconds,
  )
}

/** Percent-encodes, dots too: a path segment of dots alone means another path to many clients. */
export const encodePathSegment = (text: string) => encodeURIComponent(text).replaceAll('.', '%2E')

/** Runs work for each item, so many at once. */
export async function forEachAtOnce<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = [...items]
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item)
    }),
  )
}
