// The issuer of the local stack's access tokens: a key pair in the state's folder, what a server of OpenID Connect publishes
// of it, and tokens signed with it. Nobody signs in here: whoever may read the folder may have any token.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import { localAudience } from '../lib/stage-local.ts'
import { type Scope, scopes } from '../shared/access.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { LocalError } from './local-error.ts'
import { readPorts } from './ports.ts'

const algorithm = 'ES256'
/** The application through which end users are supposed to have signed in. */
export const localClientId = 'local-app'

const toKeyPath = (stateFolder: string) => join(stateFolder, 'issuer', 'key.json')
export const toIssuerUrl = (port: number) => `http://127.0.0.1:${port}`

/** The private key of a state, as JWK; undefined when no start has made one yet. */
async function readKey(stateFolder: string): Promise<JWK | undefined> {
  const text = await readFile(toKeyPath(stateFolder), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as JWK)
}

async function makeKey(stateFolder: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const key = { ...(await exportJWK(privateKey)), alg: algorithm, use: 'sig' }
  const named = { ...key, kid: await calculateJwkThumbprint(key) }
  await writeFileAtomically(toKeyPath(stateFolder), `${JSON.stringify(named)}\n`, 0o600)
  return named
}

/** The public key of a state, as the issuer publishes it. Makes the key when the state has none. */
export async function readPublicKey(stateFolder: string): Promise<JWK & { readonly kid: string }> {
  const { d: _private, kid = '', ...key } = (await readKey(stateFolder)) ?? (await makeKey(stateFolder))
  return { ...key, kid }
}

export type RunningIssuer = { readonly url: string; readonly stop: () => Promise<void> }

/** Serves the public key and where to find it, on 127.0.0.1. */
export async function startIssuer(options: {
  readonly stateFolder: string
  readonly port: number
}): Promise<RunningIssuer> {
  const publicKey = await readPublicKey(options.stateFolder)
  const url = toIssuerUrl(options.port)
  const documents = new Map<string | undefined, unknown>([
    ['/.well-known/jwks.json', { keys: [publicKey] }],
    [
      '/.well-known/openid-configuration',
      // OpenID Connect Discovery 1.0, 3: tokens are had by a command, so there are no other endpoints.
      {
        issuer: url,
        jwks_uri: `${url}/.well-known/jwks.json`,
        scopes_supported: scopes.flatMap((scope) => [scope, `${scope}:any`]),
        response_types_supported: [],
        grant_types_supported: [],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: [algorithm],
      },
    ],
  ])
  const server = createServer((request, response) => {
    const document = request.method === 'GET' ? documents.get(request.url) : undefined
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(document ?? { error: 'not_found' }))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new LocalError(`the issuer of tokens cannot listen on 127.0.0.1:${options.port}`, { cause }))
    })
    server.listen({ host: '127.0.0.1', port: options.port }, resolve)
  })
  return {
    url,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

/** Whom a token is for: an end user, or a service that acts for itself (client credentials; RFC 6749, 4.4). */
export type Bearer = { readonly user: string } | { readonly service: string }

/** All that such a bearer may be given. A service has no user of its own, so what it may do it may do for any. */
const toGrantedScopes = (bearer: Bearer, asked: readonly string[] = scopes.slice()): string[] => {
  if ('user' in bearer) return [...asked]
  const isForUsers = (name: string) => scopes.includes(name as Scope) && !name.startsWith('ops:')
  return asked.map((name) => (isForUsers(name) ? `${name}:any` : name))
}

/**
 * A token of the issuer of that state, whether it runs or not (RFC 9068).
 *
 * @param options.scopes all that the bearer may have, unless said
 * @param options.lifetime seconds; an hour unless said
 * @throws {LocalError} when no start has made the state
 */
export async function issueToken(
  stateFolder: string,
  bearer: Bearer,
  options: { readonly scopes?: readonly string[] | undefined; readonly lifetime?: number | undefined } = {},
): Promise<string> {
  const [key, ports] = await Promise.all([readKey(stateFolder), readPorts(stateFolder)])
  if (key?.kid === undefined || ports?.issuer === undefined) {
    throw new LocalError(
      `${stateFolder} is not the state of a local stack: expected one that npm start has made; name it by --state DIR`,
    )
  }
  const [subject, clientId] = 'user' in bearer ? [bearer.user, localClientId] : [bearer.service, bearer.service]
  return await new SignJWT({
    client_id: clientId,
    scope: toGrantedScopes(bearer, options.scopes).join(' '),
  })
    .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', kid: key.kid })
    .setIssuer(toIssuerUrl(ports.issuer))
    .setAudience(localAudience)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(`${options.lifetime ?? 3600} s`)
    .setJti(crypto.randomUUID())
    .sign(await importJWK(key, algorithm))
}
