// The use case of `npm run smoke`: one document in, one wallet out, against any deployed stage, over HTTP as a client has it.
import { addressTypes, type BitcoinNetwork, type Network } from '../shared/model.ts'
import { validateAddress } from '../shared/validate-address.ts'
import { InputError } from './command-line.ts'

export type SmokeRequest = {
  /** Of the API, without a slash at its end. */
  readonly url: string
  /** An access token; never shown. */
  readonly token: string
  readonly userId: string
  readonly network: Network
  readonly addressType: string
  readonly bitcoinNetwork: BitcoinNetwork
  readonly timeoutSeconds: number
}

export type SmokePorts = {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Milliseconds. */
  readonly now: () => number
  readonly wait: (milliseconds: number) => Promise<unknown>
  readonly say: (text: string) => void
}

export type SmokeResult = {
  readonly user_id: string
  readonly verification_id: string
  readonly network: Network
  readonly address_type: string
  readonly wallet_address: string
  readonly derivation_path: string
  readonly seconds: number
}

type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> }

/** The stage did not do as it should. */
const fail = (code: string, message: string, cause?: unknown) =>
  new InputError(code, message, { exitStatus: 1, ...(cause === undefined ? {} : { cause }) })

/** About the least document that is let through: a PDF of one page with some lines; the text makes it different from every other. */
export function makeDocument(text: string): Uint8Array {
  const lines = Array.from({ length: 12 }, (_, line) => `72 ${760 - 24 * line} 400 8 re`).join(' ')
  const content = `0 g ${lines} f`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
  ]
  let pdf = `%PDF-1.7\n%${Buffer.from(text).toString('hex')}\n`
  const offsets = objects.map((object, index) => {
    const offset = pdf.length
    pdf += `${index + 1} 0 obj\n${object}\nendobj\n`
    return offset
  })
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const size = objects.length + 1
  const trailer = `trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${pdf.length}\n%%EOF\n`
  return Buffer.from(`${pdf}xref\n0 ${size}\n0000000000 65535 f \n${table}${trailer}`, 'latin1')
}

/**
 * Posts a document, waits for its verdict and for the wallet, checks the address.
 *
 * @throws {InputError} with exit status 1 and a code that says at which step: `health`, `post`, `verify`, `wallet`, `address`
 */
export async function runSmoke(request: SmokeRequest, ports: SmokePorts): Promise<SmokeResult> {
  const started = ports.now()
  const { userId, network, addressType } = request
  const ask = createClient(request, ports, started + request.timeoutSeconds * 1000)

  const health = await ask('health', 'GET', '/health', ({ status }) => status === 200)
  ports.say(`  health: ${health.body.status}`)

  const document = Buffer.from(makeDocument(`${userId} ${started}`)).toString('base64')
  const body = { user_id: userId, network, address_type: addressType, document }
  const posted = await ask('post', 'POST', '/verify', ({ status }) => status === 202, body)
  const id = String(posted.body.verification_id)
  if (posted.body.status === 'verified') {
    throw fail('post', `expected a user who is not verified yet; ${userId} is: nothing was tested. Give another --user`)
  }
  ports.say(`  posted: verification ${id} of ${userId}`)

  const verified = await ask('verify', 'GET', `/verify/${id}`, (answer) => isDecided(answer))
  if (verified.body.status !== 'verified') {
    throw fail('verify', `expected verified; got ${verified.body.status}: ${JSON.stringify(verified.body.reasons)}`)
  }
  ports.say('  verified')

  const query = `?network=${network}&address_type=${addressType}`
  const path = `/wallet/${encodeURIComponent(userId).replaceAll('.', '%2E')}${query}`
  const { body: wallet } = await ask('wallet', 'GET', path, ({ status }) => status === 200, undefined, [404])
  const address = String(wallet.wallet_address)
  checkAddress(request, address, wallet.address_type)
  ports.say(`  wallet: ${address}`)
  return {
    user_id: userId,
    verification_id: id,
    network,
    address_type: addressType,
    wallet_address: address,
    derivation_path: String(wallet.derivation_path),
    seconds: Math.round((ports.now() - started) / 100) / 10,
  }
}

const isDecided = ({ status, body }: Answer) =>
  status === 200 && !['pending', 'processing'].includes(String(body.status))

function checkAddress(request: SmokeRequest, address: string, answeredType: unknown): void {
  const { network, addressType, bitcoinNetwork } = request
  const validity = validateAddress(address, network, bitcoinNetwork)
  if (!validity.valid) throw fail('address', `expected an address of ${network}; got "${address}": ${validity.detail}`)
  // A P2SH address does not tell its script: it is taken for the only type of that form which is issued.
  if (validity.addressType !== addressType || answeredType !== addressType) {
    throw fail(
      'address',
      `expected an address of type ${addressType}; "${address}" is ${validity.addressType}, called ${answeredType}`,
    )
  }
}

/** What is worth asking again: a throttled caller, and parts that are away for a moment. */
const passing = [429, 502, 503, 504]

function createClient(request: SmokeRequest, ports: SmokePorts, end: number) {
  /** Asks until the answer is as wanted; answers that are neither that nor passing end it. */
  return async (
    step: string,
    method: 'GET' | 'POST',
    path: string,
    isDone: (answer: Answer) => boolean,
    body?: object,
    worthWaiting: readonly number[] = [],
  ): Promise<Answer> => {
    for (;;) {
      const answer = await send(step, method, path, body)
      if (isDone(answer)) return answer
      const mayCome = answer.status === 200 || passing.includes(answer.status) || worthWaiting.includes(answer.status)
      if (!mayCome) throw fail(step, `${method} ${path}: ${describe(answer)}`)
      if (ports.now() > end) {
        throw fail(step, `${method} ${path}: not within ${request.timeoutSeconds} s; last answer: ${describe(answer)}`)
      }
      await ports.wait(1000)
    }
  }

  async function send(step: string, method: string, path: string, body?: object): Promise<Answer> {
    try {
      const response = await ports.fetch(`${request.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${request.token}`, 'content-type': 'application/json' },
        redirect: 'error',
        signal: AbortSignal.timeout(30_000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: parse(text) }
    } catch (cause) {
      throw fail(step, `${method} ${request.url}${path} was not answered: ${describeCause(cause)}`, cause)
    }
  }
}

/** An answer that is no JSON object, such as a proxy's page, tells by its status alone. */
function parse(text: string): Answer['body'] {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Answer['body']) : {}
  } catch {
    return {}
  }
}

function describe({ status, body }: Answer): string {
  const { detail, code, request_id: requestId } = body
  const words = [code, detail, requestId === undefined ? undefined : `request ${requestId}`]
  return [status, ...words.filter((word) => word !== undefined)].join(', ')
}

/** `fetch` says "fetch failed", and why in its cause. */
function describeCause(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

/**
 * The user that a token may post for: its own, or for a service a new one, since a user who is verified tests nothing.
 * Reads the token's claims without checking them: the stage does.
 *
 * @throws {InputError} `invalid_token`
 */
export function chooseUser(token: string, newId: () => string): string {
  try {
    const { sub, scope } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    const isService = String(scope)
      .split(' ')
      .some((name) => name.endsWith('verify:write:any'))
    if (isService) return `smoke-${newId()}`
    if (typeof sub === 'string' && sub !== '') return sub
  } catch {
    // Told below.
  }
  throw new InputError('invalid_token', 'expected an access token (a JWT with sub and scope), on one line')
}

/** The network's default type, unless another of it is named. @throws {InputError} `unknown_address_type` */
export function toSmokeAddressType(network: Network, given: string | true | undefined): string {
  const known: readonly string[] = addressTypes[network]
  const type = given ?? known[0]
  if (typeof type === 'string' && known.includes(type)) return type
  throw new InputError('unknown_address_type', `expected an address type of ${network}: ${known.join(', ')}`)
}
