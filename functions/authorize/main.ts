// Wires the authorize function: environment, and the issuer's keys over HTTPS. No database, no AWS client.
import { assertIsJwks, type Jwks } from 'aws-jwt-verify/jwk'
import { parseEnvironment } from '../../shared/environment.ts'
import { createLog } from '../../shared/log.ts'
import { createMetrics, flushAfter } from '../../shared/metrics.ts'
import { createTokenCheck } from './check-token.ts'
import { authorizeEnvironment } from './environment.ts'
import { fetchKeySet } from './fetch-key-set.ts'
import { createHandler } from './handler.ts'
import { createIssuerKeys } from './issuer-keys.ts'

const { TOKENS: settings, STAGE: stage } = parseEnvironment(authorizeEnvironment, process.env)
const metrics = createMetrics('authorize', stage)
const now = () => new Date()

const jwksUri = settings?.jwksUri ?? `${settings?.issuer.replace(/\/$/, '')}/.well-known/jwks.json`
async function fetchKeys(): Promise<Jwks> {
  const keys = settings?.keys === undefined ? JSON.parse(await fetchKeySet(jwksUri)) : { keys: settings.keys }
  assertIsJwks(keys)
  return keys
}

const handle = createHandler({
  log: createLog('authorize'),
  count: metrics.count,
  checkToken: createTokenCheck(settings, { findKey: createIssuerKeys({ now, fetchKeys }) }),
})

export const handler = flushAfter(metrics, handle)
