// When the publisher keeps its connection, when it makes a new one, and for how long it waits: with a Kafka that is none.
import { Kafka, type KafkaConfig } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ConfigurationError, UnavailableError } from '../../shared/errors.ts'
import { createPublisher, type KafkaLogin, type Publication } from '../../shared/kafka.ts'
import { createMskLogin, openPublisher } from '../../shared/msk.ts'
import { publishInTurn } from '../../shared/publish-in-turn.ts'
import { catchError } from '../support/fakes.ts'

vi.mock('kafkajs', async (importOriginal) => ({ ...(await importOriginal<object>()), Kafka: vi.fn() }))

/** What the producers do, in order: each one has its number. */
let calls: string[]
/** What the next sends do instead of succeeding. */
let failures: ('fails' | 'hangs')[]
let farewell: () => Promise<void>
let configuration: KafkaConfig | undefined
let now: number

const authenticate = async () => {
  const { sasl } = configuration ?? {}
  if (sasl?.mechanism === 'oauthbearer' && 'oauthBearerProvider' in sasl) await sasl.oauthBearerProvider()
}

beforeEach(() => {
  calls = []
  failures = []
  farewell = async () => {}
  now = 1_000_000
  let count = 0
  vi.mocked(Kafka).mockImplementation(function FakeKafka(given: KafkaConfig) {
    configuration = given
    return {
      producer: () => {
        count++
        const name = `producer ${count}`
        return {
          connect: async () => {
            calls.push(`${name} connects`)
            await authenticate()
          },
          sendBatch: async () => {
            const failure = failures.shift()
            calls.push(`${name} ${failure ?? 'sends'}`)
            if (failure === 'fails') throw new Error('connection closed')
            if (failure === 'hangs') await new Promise(() => {})
          },
          disconnect: async () => {
            calls.push(`${name} disconnects`)
            await farewell()
          },
        }
      },
    } as unknown as Kafka
  })
  vi.useFakeTimers()
})

afterEach(() => void vi.useRealTimers())

const open = (login?: KafkaLogin) =>
  createPublisher({ brokers: ['127.0.0.1:1'], clientId: 'test', login, deadline: 8000, now: () => now })
const record = { topic: 'topic', key: 'key', value: 'value', headers: {} }
const takeCalls = () => calls.splice(0)

/** Publishes while the clock runs; answers after how many milliseconds that ended, and how. */
async function publish(publisher: ReturnType<typeof createPublisher>) {
  const start = Date.now()
  const outcome = publisher.publish([record]).then(
    () => 'published',
    (error: unknown) => error,
  )
  await vi.runAllTimersAsync()
  return { outcome: await outcome, after: Date.now() - start }
}

describe('a connection', () => {
  it('is kept from one publication to the next', async () => {
    const publisher = open()
    await publish(publisher)
    now += 240_000
    expect(await publish(publisher)).toMatchObject({ outcome: 'published' })
    expect(takeCalls()).toEqual(['producer 1 connects', 'producer 1 sends', 'producer 1 sends'])
  })

  it('that nobody used for four minutes by the wall clock is replaced', async () => {
    const publisher = open()
    await publish(publisher)
    now += 240_001
    await publish(publisher)
    expect(takeCalls().slice(2)).toEqual(['producer 1 disconnects', 'producer 2 connects', 'producer 2 sends'])
  })

  it('of an earlier call that fails is replaced, and the records are sent on the new one', async () => {
    const publisher = open()
    await publish(publisher)
    takeCalls()
    failures = ['fails']
    expect(await publish(publisher)).toMatchObject({ outcome: 'published' })
    expect(takeCalls()).toEqual([
      ...['producer 1 fails', 'producer 1 disconnects', 'producer 2 connects', 'producer 2 sends'],
    ])
  })

  it('of this call that fails is an outage at once', async () => {
    const publisher = open()
    failures = ['fails']
    const { outcome } = await publish(publisher)
    expect(outcome).toBeInstanceOf(UnavailableError)
    expect(outcome).toMatchObject({ part: 'kafka', message: 'could not publish 1 records' })
    expect(takeCalls()).toEqual(['producer 1 connects', 'producer 1 fails', 'producer 1 disconnects'])
    expect(await publish(publisher)).toMatchObject({ outcome: 'published' })
  })

  it('is tried again once, not more', async () => {
    const publisher = open()
    await publish(publisher)
    failures = ['fails', 'fails']
    expect((await publish(publisher)).outcome).toBeInstanceOf(UnavailableError)
    expect(takeCalls().filter((call) => call.endsWith('fails'))).toHaveLength(2)
  })
})

describe('the deadline', () => {
  it('leaves half of its time for a new connection when the old one says nothing', async () => {
    const publisher = open()
    await publish(publisher)
    failures = ['hangs']
    expect(await publish(publisher)).toEqual({ outcome: 'published', after: 4000 })
  })

  it('holds when the new one says nothing either, and when neither takes its farewell', async () => {
    const publisher = open()
    await publish(publisher)
    failures = ['hangs', 'hangs']
    farewell = () => new Promise(() => {})
    const { outcome, after } = await publish(publisher)
    expect(outcome).toBeInstanceOf(UnavailableError)
    expect((outcome as Error).cause).toEqual(new Error('no answer within 4000 ms'))
    expect(after).toBe(9000)
  })

  it('is for the first connection as a whole', async () => {
    failures = ['hangs']
    const { outcome, after } = await publish(open())
    expect(outcome).toBeInstanceOf(UnavailableError)
    expect(after).toBe(8000)
  })
})

describe('a token', () => {
  const makeLogin = (lifetime: number) => {
    const readToken = vi.fn(async () => ({ value: 'token', expiresAt: now + lifetime }))
    return { certificateAuthority: undefined, readToken }
  }

  it('is read for each connection, which ends a minute before its token does, however busy it is', async () => {
    const login = makeLogin(900_000)
    const publisher = open(login)
    for (let minute = 0; minute <= 14; minute++) {
      await publish(publisher)
      now += 60_000
    }
    expect(login.readToken).toHaveBeenCalledTimes(1)
    now += 1
    await publish(publisher)
    expect(login.readToken).toHaveBeenCalledTimes(2)
    expect(takeCalls()).toContain('producer 1 disconnects')
    now += 200_000
    await publish(publisher)
    expect(login.readToken).toHaveBeenCalledTimes(2)
  })

  it('that is about to end is used for one publication', async () => {
    const login = makeLogin(30_000)
    const publisher = open(login)
    await publish(publisher)
    await publish(publisher)
    expect(login.readToken).toHaveBeenCalledTimes(2)
  })

  it('goes over TLS only, to brokers that Node trusts or that the authority vouches for', () => {
    open(makeLogin(1))
    expect(configuration).toMatchObject({ ssl: true, sasl: { mechanism: 'oauthbearer' } })
    open({ ...makeLogin(1), certificateAuthority: 'PEM' })
    expect(configuration).toMatchObject({ ssl: { ca: 'PEM' } })
    open()
    expect(configuration).not.toHaveProperty('ssl')
    expect(configuration).not.toHaveProperty('sasl')
  })
})

describe('signing in to MSK', () => {
  const broker = 'b-1.wallets.abc123.c2.kafka.eu-west-1.amazonaws.com:9098'

  beforeEach(() => {
    vi.useRealTimers()
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hidden')
    vi.stubEnv('AWS_SESSION_TOKEN', 'session')
    return () => void vi.unstubAllEnvs()
  })

  const readUrl = (value: string) => new URL(Buffer.from(value, 'base64url').toString('utf8'))

  it('is a request to connect, signed for the region of the brokers, good for 15 minutes', async () => {
    const before = Date.now()
    const { value, expiresAt } = await createMskLogin([broker, broker.replace('b-1', 'b-2')]).readToken()
    const url = readUrl(value)
    expect(url.origin).toBe('https://kafka.eu-west-1.amazonaws.com')
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      Action: 'kafka-cluster:Connect',
      'X-Amz-Expires': '900',
      'X-Amz-Security-Token': 'session',
    })
    expect(url.searchParams.get('X-Amz-Credential')).toMatch(/^AKIDEXAMPLE\/\d{8}\/eu-west-1\/kafka-cluster\//)
    expect(Math.abs(expiresAt - before - 900_000)).toBeLessThan(60_000)
    expect(url.href).not.toContain('hidden')
  })

  it('is not good for longer than the credentials, and takes those of the moment', async () => {
    const login = createMskLogin([broker])
    const end = new Date(Date.now() + 120_000)
    vi.stubEnv('AWS_CREDENTIAL_EXPIRATION', end.toISOString())
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDNEXT')
    const { value, expiresAt } = await login.readToken()
    expect(readUrl(value).searchParams.get('X-Amz-Credential')).toMatch(/^AKIDNEXT/)
    expect(expiresAt).toBeLessThanOrEqual(end.getTime())
  })

  it.each([
    [['127.0.0.1:9092']],
    [[broker, broker.replace('eu-west-1', 'eu-west-2')]],
    [[broker.replace(':9098', '')]],
    [['kafka.eu-west-1.amazonaws.com.example:9098']],
  ])('%j are no brokers of one region of MSK', async (brokers) => {
    expect(await catchError(() => createMskLogin(brokers))).toBeInstanceOf(ConfigurationError)
  })

  it('is what the environment says', () => {
    const options = { clientId: 'test', deadline: 1000 }
    openPublisher({ KAFKA_BOOTSTRAP_SERVERS: `${broker},${broker}`, KAFKA_AUTHENTICATION: 'iam' }, options)
    expect(configuration).toMatchObject({ brokers: [broker, broker], clientId: 'test', ssl: true })
    openPublisher({ KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', KAFKA_AUTHENTICATION: 'none' }, options)
    expect(configuration).not.toHaveProperty('ssl')
  })
})

describe('what is published side by side', () => {
  const make = (key: string): Publication => ({ topic: 'user.verified', key, value: '{}', headers: {} })

  it('goes one request at a time, which takes along what came meanwhile', async () => {
    const requests: unknown[][] = []
    const answers: PromiseWithResolvers<void>[] = []
    const publish = publishInTurn((publications) => {
      requests.push(publications.map(({ key }) => key))
      const answer = Promise.withResolvers<void>()
      answers.push(answer)
      return answer.promise
    })
    const first = publish([make('a')])
    await Promise.resolve()
    const others = [publish([make('b')]), publish([make('c'), make('d')])]
    await Promise.resolve()
    expect(requests).toEqual([['a']])
    answers[0]?.resolve()
    await first
    await vi.waitFor(() => expect(requests).toEqual([['a'], ['b', 'c', 'd']]))
    answers[1]?.resolve()
    await Promise.all(others)
  })

  it('is told of its own request alone when that fails', async () => {
    const publish = publishInTurn(async (publications) => {
      if (publications.some(({ key }) => key === 'bad')) throw new UnavailableError('kafka', 'away')
    })
    const results = await Promise.allSettled([publish([make('bad')]), publish([make('beside')])])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await expect(publish([make('later')])).resolves.toBeUndefined()
  })

  it('is what a publisher does', async () => {
    const publisher = createPublisher({
      brokers: [],
      clientId: 'test',
      deadline: 1000,
      login: undefined,
      now: () => now,
    })
    await Promise.all(['a', 'b', 'c'].map((key) => publisher.publish([make(key)])))
    expect(calls.filter((call) => call.includes('connect'))).toHaveLength(1)
    expect(calls.filter((call) => call.includes('send'))).toHaveLength(1)
  })
})
