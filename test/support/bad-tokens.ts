// Tokens that nobody must let in, each wrong in one thing only, made with a real issuer's key. No test here.
import { createHmac, createPublicKey, type JsonWebKey, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The claims of a good token for an end user, from now on. */
export const makeClaims = (issuer: string, overrides: Readonly<Record<string, unknown>> = {}) => {
  const now = Math.floor(Date.now() / 1000)
  return {
    ...{ iss: issuer, aud: 'verified-wallets', sub: 'user-1', client_id: 'app-1' },
    ...{ scope: 'verify:write verify:read wallet:read', iat: now, exp: now + 600, jti: randomUUID() },
    ...overrides,
  }
}

/** Signs with a private key, whatever the header says of it. */
export async function sign(
  key: JWK,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const algorithm = key.alg ?? 'ES256'
  const signer = new SignJWT(claims).setProtectedHeader({
    alg: algorithm,
    kid: key.kid ?? '',
    typ: 'at+jwt',
    ...header,
  })
  return await signer.sign(await importJWK(key, algorithm), { crit: { b64: true } })
}

/** A private key of nobody's. */
export async function makeKey(kid: string, algorithm = 'ES256'): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg: algorithm, use: 'sig', kid }
}

/** The bad tokens by what is wrong with them, as headers `Authorization`; `none` has no header. */
export async function makeBadTokens(key: JWK, issuer: string): Promise<Record<string, string | undefined>> {
  const now = Math.floor(Date.now() / 1000)
  const claims = makeClaims(issuer)
  const { d: _private, ...publicKey } = key
  const publicKeyObject = createPublicKey({ key: publicKey as JsonWebKey, format: 'jwk' })
  const pem = publicKeyObject.export({ type: 'spki', format: 'pem' })
  const withSecret = (secret: string | Buffer) => {
    const input = `${encode({ alg: 'HS256', typ: 'JWT', kid: key.kid })}.${encode(claims)}`
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  const good = await sign(key, claims)
  const [header = '', payload = '', signature = ''] = good.split('.')
  const tokens = {
    'garbled base64': 'x.y.z',
    'no dots': 'garbled',
    'two parts': `${header}.${payload}`,
    'an altered claim': `${header}.${encode({ ...claims, sub: 'user-2' })}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'a cut signature': good.slice(0, -4),
    'alg none': `${encode({ alg: 'none', typ: 'JWT', kid: key.kid })}.${payload}.`,
    'alg none with a signature': `${encode({ alg: 'none', kid: key.kid })}.${payload}.${signature}`,
    'alg NONE': `${encode({ alg: 'NONE', kid: key.kid })}.${payload}.${signature}`,
    'no alg': `${encode({ kid: key.kid })}.${payload}.${signature}`,
    'HS256 with the public key (PEM) as secret': withSecret(pem),
    'HS256 with the public key (DER) as secret': withSecret(publicKeyObject.export({ type: 'spki', format: 'der' })),
    'HS256 with the public key (JWK) as secret': withSecret(JSON.stringify(publicKey)),
    'another issuer': await sign(key, { ...claims, iss: 'https://issuer.example' }),
    'no issuer': await sign(key, { ...claims, iss: undefined }),
    'another audience': await sign(key, { ...claims, aud: 'another' }),
    'no audience': await sign(key, { ...claims, aud: undefined }),
    expired: await sign(key, { ...claims, exp: now - 60 }),
    'without expiry': await sign(key, { ...claims, exp: undefined }),
    'not yet valid': await sign(key, { ...claims, nbf: now + 120 }),
    'a key id that does not exist': await sign(await makeKey('nobody'), claims),
    'no key id': await sign(key, claims, { kid: '' }),
    'a key of another with our id': await sign(await makeKey(key.kid ?? ''), claims),
    'a key of its own in the header': await sign(await makeKey(key.kid ?? ''), claims, { jwk: publicKey }),
    'a critical header': await sign(key, claims, { crit: ['b64'], b64: true }),
    'no subject': await sign(key, { ...claims, sub: undefined }),
    'no client': await sign(key, { ...claims, client_id: undefined }),
    'an id token': await sign(key, { ...claims, token_use: 'id' }),
    'huge by its claims': await sign(key, { ...claims, more: 'a'.repeat(9000) }),
    'huge, of 100,000 letters': `${header}.${'a'.repeat(100_000)}.${signature}`,
  }
  return {
    none: undefined,
    empty: '',
    'the scheme alone': 'Bearer',
    'another scheme': `Basic ${Buffer.from('user-1:secret').toString('base64')}`,
    'the token without its scheme': good,
    'an AWS signature':
      'AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=b',
    ...Object.fromEntries(Object.entries(tokens).map(([name, token]) => [name, `Bearer ${token}`])),
  }
}
