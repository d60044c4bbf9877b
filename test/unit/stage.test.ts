// The settings that a deployer gives, and what the stage table makes of them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { authorizeEnvironment } from '../../functions/authorize/environment.ts'
import { maximumBytes } from '../../functions/inspect/reasons.ts'
import { readSettings, SettingsError } from '../../lib/settings.ts'
import { findStage, stageNames } from '../../lib/stage-table.ts'

const refusal = (environment: Record<string, string>) => {
  try {
    readSettings(environment)
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError)
    return (error as SettingsError).message
  }
  throw new Error('expected the settings to be refused; they were accepted')
}

test('without settings, the defaults', () => {
  expect(readSettings({})).toEqual({
    maxDocumentSizeMb: 10,
    maxAttempts: 10,
    verificationDelaySeconds: 3,
    maxConcurrentGenerations: 50,
    net: { walletOverdueSeconds: 600, verdictOverdueSeconds: undefined },
    kafkaBootstrapServers: ['127.0.0.1:19092'],
    databaseUrl: 'postgresql://127.0.0.1:15432/wallets',
    postLimit: { capacity: 5000, refillPerSecond: 1000 },
    tokenIssuer: 'http://127.0.0.1:15443',
    account: '111122223333',
    region: 'us-east-1',
  })
})

test('README and `npm start -- --help` name every setting, and no other', () => {
  const read = (name: string) => readFileSync(join(import.meta.dirname, '../..', name), 'utf8')
  const variables = (text = '') => [...text.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)].map(([name]) => name)
  const [, schema] = /const settingsSchema = z\.object\(\{([\s\S]*?)\n\}\)/.exec(read('lib/settings.ts')) ?? []
  // What `npm start` and the CDK CLI set themselves, and chaos runs.
  const inner = /^(TOKEN|CDK_DEFAULT|CHAOS)_/
  const settings = variables(schema?.replaceAll(/\/\/.*/g, '')).filter((name) => !inner.test(name))
  expect(settings.length).toBeGreaterThan(8)
  const [, table] = /\n## Settings\n([\s\S]*?)\n`MNEMONIC` is refused/.exec(read('README.md')) ?? []
  expect([...new Set(variables(table))].toSorted()).toEqual(settings.toSorted())
  const [, usage] = /\nEnvironment: ([\s\S]*?)`\n/.exec(read('local/supervisor.ts')) ?? []
  expect(variables(usage).toSorted()).toEqual(settings.toSorted())
})

test('an empty variable counts as absent', () => {
  const names = ['MAX_DOCUMENT_SIZE_MB', 'VERIFICATION_DELAY_SECONDS', 'KAFKA_BOOTSTRAP_SERVERS', 'DATABASE_URL']
  expect(readSettings(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readSettings({}))
})

describe('VERIFICATION_DELAY_SECONDS', () => {
  test.each([
    ['0', 0],
    ['3', 3],
    ['3.0', 3],
    [' 7 ', 7],
    ['900', 900],
  ])('accepts "%s"', (text, seconds) => {
    expect(readSettings({ VERIFICATION_DELAY_SECONDS: text }).verificationDelaySeconds).toBe(seconds)
  })

  test.each(['2.5', '-1', '901', 'three', 'NaN', 'Infinity', ' '])('refuses "%s" with the reason', (text) => {
    const message = refusal({ VERIFICATION_DELAY_SECONDS: text })
    expect(message).toContain('VERIFICATION_DELAY_SECONDS: expected whole seconds from 0 to 900')
    expect(message).toContain('because SQS delays by whole seconds')
    expect(message).toContain(`got "${text}"`)
  })
})

test('what is overdue is told in seconds, of wallets and of verdicts', () => {
  const environment = { WALLET_OVERDUE_SECONDS: '5', VERDICT_OVERDUE_SECONDS: '20' }
  expect(readSettings(environment).net).toEqual({ walletOverdueSeconds: 5, verdictOverdueSeconds: 20 })
  for (const name of ['WALLET_OVERDUE_SECONDS', 'VERDICT_OVERDUE_SECONDS']) {
    expect(refusal({ [name]: '0' })).toContain(`${name}: expected a whole number from 1 to 604800`)
  }
})

describe.each([
  ['MAX_DOCUMENT_SIZE_MB', 'maxDocumentSizeMb', maximumBytes / 1024 / 1024],
  ['MAX_ATTEMPTS', 'maxAttempts', 10_000],
  ['MAX_CONCURRENT_GENERATIONS', 'maxConcurrentGenerations', 10_000],
] as const)('%s', (name, field, maximum) => {
  test.each(['1', '4', String(maximum)])('accepts %s', (text) => {
    expect(readSettings({ [name]: text })[field]).toBe(Number(text))
  })

  test.each(['0', '-1', '1.5', 'ten', String(maximum + 1)])('refuses %s', (text) => {
    expect(refusal({ [name]: text })).toBe(`${name}: expected a whole number from 1 to ${maximum}; got "${text}"`)
  })
})

describe('POST_LIMIT_CAPACITY and POST_LIMIT_REFILL_PER_SECOND', () => {
  test.each([
    ['1', '0.001', { capacity: 1, refillPerSecond: 0.001 }],
    ['1000000', '100000', { capacity: 1_000_000, refillPerSecond: 100_000 }],
    ['20', '2.5', { capacity: 20, refillPerSecond: 2.5 }],
  ])('accept %s and %s', (capacity, refill, postLimit) => {
    const settings = readSettings({ POST_LIMIT_CAPACITY: capacity, POST_LIMIT_REFILL_PER_SECOND: refill })
    expect(findStage('local', settings).postLimit).toEqual(postLimit)
  })

  test.each(['0', '-1', '1.5', 'ten', '1000001'])('refuse a capacity of %s', (text) => {
    expect(refusal({ POST_LIMIT_CAPACITY: text })).toContain(
      'POST_LIMIT_CAPACITY: expected a whole number from 1 to 1000000',
    )
  })

  test.each(['0', '0.000', '-1', '.5', '1e3', '0.0001', '100000.1', 'Infinity', ' '])(
    'refuse a refill of "%s"',
    (text) => {
      expect(refusal({ POST_LIMIT_REFILL_PER_SECOND: text })).toBe(
        `POST_LIMIT_REFILL_PER_SECOND: expected a number above 0, at most 100000, with up to 3 decimals; got "${text}"`,
      )
    },
  )
})

describe('KAFKA_BOOTSTRAP_SERVERS', () => {
  test('accepts several brokers', () => {
    expect(readSettings({ KAFKA_BOOTSTRAP_SERVERS: 'one:1,two:2' }).kafkaBootstrapServers).toEqual(['one:1', 'two:2'])
  })

  test.each(['one', 'one:', 'one:x', 'one:1, two:2', 'one:1,'])('refuses "%s"', (text) => {
    expect(refusal({ KAFKA_BOOTSTRAP_SERVERS: text })).toBe(
      'KAFKA_BOOTSTRAP_SERVERS: expected host:port, several separated by commas',
    )
  })
})

describe('DATABASE_URL', () => {
  test.each([
    ['postgres://h/d', { host: 'h', port: 5432, name: 'd' }],
    ['postgresql://u:p@h:6543/d', { host: 'h', port: 6543, name: 'd' }],
    ['postgresql://h', { host: 'h', port: 5432, name: 'wallets' }],
  ])('%s: address, never credentials', (url, address) => {
    expect(findStage('local', readSettings({ DATABASE_URL: url })).database).toEqual({ kind: 'external', ...address })
  })

  test('refuses another database, without repeating the URL', () => {
    const message = refusal({ DATABASE_URL: 'mysql://root:hunter2@h/d' })
    expect(message).toBe('DATABASE_URL: expected a URL that begins with postgresql://')
  })
})

test('MNEMONIC is refused with the reason and what to do, and never repeated', () => {
  const message = refusal({ MNEMONIC: 'legal winner thank year' })
  expect(message).toContain('MNEMONIC is refused')
  expect(message).toContain('readable by every child process')
  expect(message).toContain('--mnemonic-file FILE')
  expect(message).not.toContain('legal winner')
})

test('an empty MNEMONIC is refused as well', () => {
  expect(refusal({ MNEMONIC: '' })).toContain('MNEMONIC is refused')
})

test('all that is wrong is said at once', () => {
  const message = refusal({ VERIFICATION_DELAY_SECONDS: '2.5', MAX_DOCUMENT_SIZE_MB: '0' })
  expect(message.split('\n')).toHaveLength(2)
})

describe('the stage table', () => {
  test('knows its rows by name, and names them when asked for another', () => {
    expect(stageNames).toEqual(['local', 'dev', 'prod'])
    for (const name of stageNames) expect(findStage(name, readSettings({})).name).toBe(name)
    expect(() => findStage('test', readSettings({}))).toThrow(
      new SettingsError('expected a stage of local, dev, prod; got "test"'),
    )
    expect(() => findStage('toString', readSettings({}))).toThrow(SettingsError)
  })

  test.each([
    ['50', 6],
    ['6', 6],
    ['2', 2],
  ])(
    'bounds wallet invocations by MAX_CONCURRENT_GENERATIONS and by the partitions: %s gives %i',
    (given, effective) => {
      const stage = findStage('local', readSettings({ MAX_CONCURRENT_GENERATIONS: given }))
      expect(stage.walletTrigger.maximumConcurrency).toBe(effective)
      expect(stage.topics.userVerified.partitions).toBe(6)
    },
  )

  test('feeds the trigger and the topics from one place', () => {
    const { walletTrigger, topics } = findStage('local', readSettings({}))
    expect(walletTrigger.topic).toBe(topics.userVerified.name)
    expect(walletTrigger.onFailureTopic).toBe(topics.userVerifiedDeadLetter.name)
  })

  test('issues Bitcoin addresses of mainnet', () => {
    expect(findStage('local', readSettings({})).bitcoinNetwork).toBe('mainnet')
  })

  test('runs on the CPU of this machine', () => {
    expect(findStage('local', readSettings({})).architecture).toBe(process.arch === 'arm64' ? 'arm64' : 'x86_64')
  })
})

describe('tokens', () => {
  test('of the local stack are those of its own issuer, for its own audience', () => {
    const { tokens } = findStage('local', readSettings({ TOKEN_ISSUER: 'http://127.0.0.1:1234' }))
    expect(tokens).toEqual({ issuer: 'http://127.0.0.1:1234', algorithm: 'ES256', audiences: ['verified-wallets'] })
  })

  test.each(['http://localhost:1', 'http://127.0.0.1', 'http://127.0.0.1:1/x', 'https://issuer.example', 'x'])(
    'of %s are none of the local stack',
    (issuer) => expect(refusal({ TOKEN_ISSUER: issuer })).toBe('TOKEN_ISSUER: expected http://127.0.0.1:PORT'),
  )
})

describe.each(['dev', 'prod'] as const)('the row %s', (name) => {
  const stage = findStage(name, readSettings({}))

  test('goes where the credentials of the CDK CLI lead, and nothing else of the environment has a say in it', () => {
    const elsewhere = { CDK_DEFAULT_ACCOUNT: '444455556666', CDK_DEFAULT_REGION: 'eu-central-1' }
    const others = {
      ...{ MAX_DOCUMENT_SIZE_MB: '1', VERIFICATION_DELAY_SECONDS: '9', MAX_CONCURRENT_GENERATIONS: '1' },
      ...{ POST_LIMIT_CAPACITY: '1', POST_LIMIT_REFILL_PER_SECOND: '1', TOKEN_ISSUER: 'http://127.0.0.1:1' },
      ...{ DATABASE_URL: 'postgresql://elsewhere/x', KAFKA_BOOTSTRAP_SERVERS: 'elsewhere:1' },
      ...{ WALLET_OVERDUE_SECONDS: '1', VERDICT_OVERDUE_SECONDS: '1', MAX_ATTEMPTS: '1' },
    }
    expect(findStage(name, readSettings({ ...elsewhere, ...others }))).toEqual({
      ...stage,
      account: '444455556666',
      region: 'eu-central-1',
    })
  })

  test('trusts nothing that local trusts for want of AWS', () => {
    expect(stage).toMatchObject({
      provisionsRoot: false,
      accountTakesOnRoles: false,
      importNeedsMfa: true,
      emulated: false,
      acceptsPublicMnemonics: false,
      enforcesTls: true,
      requiresEncryptionContext: true,
      architecture: 'arm64',
      kafka: { kind: 'msk' },
      database: { kind: 'aurora' },
    })
    expect(stage.rootCommitment).not.toBe('of-record')
    expect(stage.network?.interfaceServices.toSorted()).toEqual(['kms', 'lambda', 'secretsmanager', 'sqs'])
  })

  test('triggers the wallet function as local does, but for how many run at once', () => {
    const { walletTrigger } = findStage('local', readSettings({}))
    expect(stage.walletTrigger).toEqual({
      ...walletTrigger,
      maximumConcurrency: stage.topics.userVerified.partitions,
    })
  })

  test('has a broker in every zone, and enough of them for the replicas', () => {
    const { kafka, network } = stage
    if (kafka.kind !== 'msk' || !network) throw new Error('expected a cluster in a network')
    expect(kafka.brokers % network.availabilityZones).toBe(0)
    expect(kafka.replicationFactor).toBeLessThanOrEqual(kafka.brokers)
    // One broker less, and records are taken all the same.
    expect(kafka.minimumInSyncReplicas ?? 2).toBeLessThan(kafka.replicationFactor)
    const zones = name === 'prod' ? 3 : 2
    expect(network.availabilityZones).toBe(zones)
  })

  test('has pollers for as many invocations at once as there are partitions, five each', () => {
    const { kafka, topics } = stage
    if (kafka.kind !== 'msk') throw new Error('expected a cluster')
    expect(kafka.pollers.maximum).toBe(Math.ceil(topics.userVerified.partitions / 5))
  })
})

describe('what prod reserves', () => {
  const { reservedConcurrency: reserved = {}, ...prod } = findStage('prod', readSettings({}))

  test('leaves a function what its source may ask of it, and the account the 100 that must stay free', () => {
    expect(reserved.verification).toBe(prod.verificationMaximumConcurrency)
    expect(reserved.inspect).toBe(prod.verificationMaximumConcurrency * prod.verificationBatchSize)
    expect(reserved.wallet).toBe(prod.walletTrigger.maximumConcurrency)
    expect(Object.values(reserved).reduce((total, count) => total + count, 0)).toBeLessThanOrEqual(900)
  })
})

test.each(['12', '12345678901x', ''])('an account of "%s" is none', (account) => {
  if (account === '') expect(readSettings({ CDK_DEFAULT_ACCOUNT: account }).account).toBe('111122223333')
  else expect(refusal({ CDK_DEFAULT_ACCOUNT: account })).toContain('expected the 12 digits of an AWS account')
})

describe('TOKEN_KEYS', () => {
  test('are what the authorizer of the local stage is given instead of fetching', () => {
    const key = { kty: 'EC', kid: 'k1' }
    const stage = findStage('local', readSettings({ TOKEN_KEYS: JSON.stringify([key]) }))
    const environment = { TOKENS: JSON.stringify(stage.tokens), STAGE: stage.name }
    expect(authorizeEnvironment.parse(environment).TOKENS?.keys).toEqual([key])
    expect(findStage('local', readSettings({})).tokens).not.toHaveProperty('keys.0')
  })

  test('are JSON', () => {
    expect(refusal({ TOKEN_KEYS: 'k1' })).toContain('TOKEN_KEYS: expected JSON')
  })
})
