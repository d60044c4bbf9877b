// shared/kafka.ts on a broker that speaks TLS, takes tokens (SASL/OAUTHBEARER) and ends sessions, as MSK does. The broker
// takes unsigned tokens, which Kafka has for tests.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, expect, inject, test, vi } from 'vitest'
import { findFreePort } from '../../local/ports.ts'
import { UnavailableError } from '../../shared/errors.ts'
import { createPublisher, type KafkaLogin } from '../../shared/kafka.ts'
import { type Authority, makeAuthority } from '../support/certificates.ts'
import { catchError } from '../support/fakes.ts'
import { createTestKafka } from '../support/kafka.ts'
import { startOwnKafka } from '../support/servers.ts'

/** How long the broker lets a connection live without a new token, in milliseconds; kafkajs asks for one 10 s before. */
const sessionLifetime = 12_000

let authority: Authority
let other: Authority
let address: string
let kafka: ReturnType<typeof createTestKafka>
const opened: ReturnType<typeof createPublisher>[] = []

beforeAll(async () => {
  const folder = mkdtempSync(join(inject('serversFolder'), 'certificates-'))
  authority = makeAuthority(folder, 'authority')
  other = makeAuthority(folder, 'other')
  const { certificate, key } = authority.issue('localhost')
  const keyStore = join(folder, 'broker.pem')
  writeFileSync(keyStore, key + certificate, { mode: 0o600 })
  const port = await findFreePort()
  address = `localhost:${port}`
  const oauth = 'org.apache.kafka.common.security.oauthbearer'
  const broker = await startOwnKafka((plain) => [
    `listeners=PLAINTEXT://127.0.0.1:${plain.port},CONTROLLER://127.0.0.1:${plain.controllerPort},TOKENS://127.0.0.1:${port}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${plain.port},TOKENS://localhost:${port}`,
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,TOKENS:SASL_SSL',
    'listener.name.tokens.sasl.enabled.mechanisms=OAUTHBEARER',
    `listener.name.tokens.oauthbearer.sasl.jaas.config=${oauth}.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    `listener.name.tokens.oauthbearer.sasl.server.callback.handler.class=${oauth}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler`,
    `listener.name.tokens.oauthbearer.connections.max.reauth.ms=${sessionLifetime}`,
    'listener.name.tokens.ssl.keystore.type=PEM',
    `listener.name.tokens.ssl.keystore.location=${keyStore}`,
  ])
  kafka = createTestKafka(broker.first.bootstrapServers.join())
  return () => broker.stop()
})

afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(opened.splice(0).map((publisher) => publisher.close()))
})

const encode = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url')

/** An unsigned token (RFC 7519, section 6) of that subject, which ends after so many seconds. */
function makeToken(subject: string, seconds: number) {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: subject, iat: now - 10, exp: now + seconds }
  return { value: `${encode({ alg: 'none' })}.${encode(claims)}.`, expiresAt: claims.exp * 1000 }
}

/** A login whose tokens are of these subjects, in order; the last one stays. */
function openAs(subjects: readonly string[], options: Partial<KafkaLogin> = {}) {
  const made: string[] = []
  const login: KafkaLogin = {
    certificateAuthority: authority.certificate,
    readToken: async () => {
      const subject = subjects[made.length] ?? subjects.at(-1) ?? ''
      made.push(subject)
      return makeToken(subject, 3600)
    },
    ...options,
  }
  const publisher = createPublisher({ brokers: [address], clientId: 'test', login, deadline: 30_000, now: Date.now })
  opened.push(publisher)
  const publish = (topic: string, value: string) => publisher.publish([{ topic, key: 'key', value, headers: {} }])
  return { ...publisher, publish, made }
}

const readValues = async (topic: string) => (await kafka.readTopic(topic)).map(({ value }) => value?.toString())

/** The clock of kafkajs for sessions, ahead by so many seconds; frozen when there is none. */
function setSessionClock(ahead?: number) {
  const hrtime = process.hrtime
  const start = hrtime()
  const fake = (since: [number, number] = [0, 0]): [number, number] => {
    const [seconds, nanoseconds] = ahead === undefined ? start : hrtime()
    return [seconds + (ahead ?? 0) - since[0], nanoseconds - since[1]]
  }
  vi.spyOn(process, 'hrtime').mockImplementation(fake as typeof process.hrtime)
}

test('records arrive over TLS, with one token for a connection', async () => {
  // Else a slow machine reaches the time for another token.
  setSessionClock()
  const topic = await kafka.createTopic(1)
  const { publish, ping, made } = openAs(['producer'])
  await publish(topic, '1')
  const connections = made.length
  await publish(topic, '2')
  expect(made).toHaveLength(connections)
  await ping()
  expect(await readValues(topic)).toEqual(['1', '2'])
})

test('brokers of another authority, and tokens that have ended, are outages that tell no token', async () => {
  const topic = await kafka.createTopic(1)
  const untrusted = openAs(['producer'], { certificateAuthority: other.certificate })
  expect(await catchError(() => untrusted.publish(topic, 'lost'))).toBeInstanceOf(UnavailableError)
  expect(untrusted.made).toEqual([])

  const ended = makeToken('producer', -5)
  const error = await catchError(() => openAs([], { readToken: async () => ended }).publish(topic, 'lost'))
  expect(error).toBeInstanceOf(UnavailableError)
  expect(String(error.cause)).not.toContain(ended.value)
  expect(await readValues(topic)).toEqual([])
})

test('a token that is refused is an outage, and the next publication signs in with another', async () => {
  const topic = await kafka.createTopic(1)
  let seconds = -5
  const { publish } = openAs([], { readToken: async () => makeToken('producer', seconds) })
  expect(await catchError(() => publish(topic, 'lost'))).toBeInstanceOf(UnavailableError)
  seconds = 3600
  await publish(topic, 'after')
  expect(await readValues(topic)).toEqual(['after'])
})

test('a session is prolonged on its connection by a new token of the same name', async () => {
  const topic = await kafka.createTopic(1)
  const { publish, made } = openAs(['producer'])
  await publish(topic, 'before')
  const connections = made.length
  setSessionClock(5)
  await publish(topic, 'after')
  expect(made.length).toBeGreaterThan(connections)
  expect(await readValues(topic)).toEqual(['before', 'after'])
})

test('a name that changed is refused by the broker on the old connection, and let in on a new one', async () => {
  const topic = await kafka.createTopic(1)
  const subjects = ['session 1']
  const { publish } = openAs([], { readToken: async () => makeToken(subjects.at(-1) ?? '', 3600) })
  await publish(topic, 'before')
  subjects.push('session 2')
  setSessionClock(5)
  await publish(topic, 'after')
  expect(await readValues(topic)).toEqual(['before', 'after'])
})

test('a session that ended while the clock of the container stood still costs no record', async () => {
  const topic = await kafka.createTopic(1)
  const { publish, made } = openAs(['producer'])
  setSessionClock()
  await publish(topic, 'before')
  const connections = made.length
  await sleep(sessionLifetime + 1000)
  await publish(topic, 'after')
  expect(made.length).toBeGreaterThan(connections)
  expect(await readValues(topic)).toEqual(['before', 'after'])
})
