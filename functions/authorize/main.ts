// Wires the authorize function: environment, and the issuer's keys over HTTPS. No database, no AWS client.
import { assertIsJwks, type Jwks } from 'aws-jwt-verify/jwk'
import { parseEnvironment } from '../../shared/environment.ts'
import { createLog } from '../../shared/log.ts'
import { createMetrics, flushAfter } from '../../shared/metrics.ts'
import { createTokenCheck } from './check-token.ts'
import { authorizeEnvironment } from './environment.ts'
import { createHandler } from './handler.ts'
import { createIssuerKeys } from './issuer-keys.ts'

const { TOKENS: settings, STAGE: stage } = parseEnvironment(authorizeEnvironment, process.env)
const metrics = createMetrics('authorize', stage)
const now = () => new Date()

const jwksUri = settings?.jwksUri ?? `${settings?.issuer.replace(/\/$/, '')}/.well-known/jwks.json`
/** A key set has a few keys of a few hundred bytes. */
const largestKeySet = 64 * 1024

async function fetchKeySet(): Promise<string> {
  // What redirects is not where the stage table says that the keys are.
  const answer = await fetch(jwksUri, { redirect: 'error', signal: AbortSignal.timeout(3000) })
  if (!answer.ok) throw new TypeError(`expected 200 from the issuer's key set; got ${answer.status}`)
  let text = ''
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > largestKeySet) throw new TypeError(`expected a key set of at most ${largestKeySet} characters`)
  }
  return text
}

async function fetchKeys(): Promise<Jwks> {
  const keys = settings?.keys === undefined ? JSON.parse(await fetchKeySet()) : { keys: settings.keys }
  assertIsJwks(keys)
  return keys
}

const handle = createHandler({
  log: createLog('authorize'),
  count: metrics.count,
  checkToken: createTokenCheck(settings, { findKey: createIssuerKeys({ now, fetchKeys }) }),
})

export const handler = flushAfter(metrics, handle)
