// What a batch costs besides deriving, and what batching gains, on a real PostgreSQL: `npm run bench -- batch`.
// Figures are of this machine; only the ratios are held to anything.
import { randomUUID } from 'node:crypto'
import { type Keyring, openRoot } from '../functions/wallet/derivation.ts'
import { createHandler } from '../functions/wallet/handler.ts'
import { type AddressType, addressTypes, type Network, networks } from '../shared/model.ts'
import { createTestDatabase } from '../test/support/database.ts'
import { tryOnce, walletContext } from '../test/support/fakes.ts'
import { startTemporaryPostgres } from '../test/support/temporary-postgres.ts'
import { makeIssuePorts, makeVerifiedRecord, phrase, toMskEvent } from '../test/support/wallet-records.ts'
import { median } from './statistics.ts'

const rounds = 15
const warmUpRounds = 5
const batchSize = 500
const singles = 150
/** CPU of the whole batch, of that of deriving and checking its addresses. */
const largestCpuRatio = 1.6
/** Wallets per second in batches, of that of one record at a time. */
const smallestSpeedRatio = 10

const types = networks.flatMap((network) => addressTypes[network].map((type) => [network, type] as const))
const { keyring } = openRoot(phrase, 1, 'mainnet')

type Derivation = { network: Network; addressType: AddressType; account: number; isCrossChecked: boolean }

/** Notes what the handler derives and checks. */
function watch(keyring: Keyring, derivations: Derivation[]): Keyring {
  return {
    ...keyring,
    derive: (network, addressType, account) => {
      derivations.push({ network, addressType, account, isCrossChecked: false })
      return keyring.derive(network, addressType, account)
    },
    crossCheck: (...given) => {
      const last = derivations.at(-1)
      if (last) last.isCrossChecked = true
      keyring.crossCheck(...given)
    },
  }
}

/** Milliseconds of CPU, of all threads of this process, and of the clock. */
async function measure(work: () => unknown): Promise<{ cpu: number; wall: number }> {
  const start = performance.now()
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / 1000, wall: performance.now() - start }
}

const makeRecords = (count: number) =>
  Array.from({ length: count }, (_, at) => {
    const [network, type] = types[at % types.length] as (typeof types)[number]
    return makeVerifiedRecord(randomUUID(), network, at % 6, type)
  })

async function measureRound(handle: (event: unknown) => Promise<unknown>, seen: Derivation[]) {
  const event = toMskEvent(makeRecords(batchSize))
  seen.length = 0
  const batch = await measure(() => handle(event))
  if (seen.length !== batchSize) throw new Error(`expected ${batchSize} derivations; got ${seen.length}`)
  const derivations = [...seen]
  const deriving = await measure(() => {
    for (const { network, addressType, account, isCrossChecked } of derivations) {
      const derived = keyring.derive(network, addressType, account)
      if (isCrossChecked) keyring.crossCheck(network, addressType, account, derived)
    }
  })
  const events = makeRecords(singles).map((record) => toMskEvent([record]))
  const single = await measure(async () => {
    for (const one of events) await handle(one)
  })
  return {
    batchCpu: batch.cpu,
    derivingCpu: deriving.cpu,
    cpuRatio: batch.cpu / deriving.cpu,
    batchSpeed: (batchSize / batch.wall) * 1000,
    singleSpeed: (singles / single.wall) * 1000,
    speedRatio: batchSize / batch.wall / (singles / single.wall),
  }
}

async function measureAll(serverUrl: string) {
  const database = await createTestDatabase({ serverUrl })
  try {
    const seen: Derivation[] = []
    const watched = watch(keyring, seen)
    const handler = createHandler({
      ...makeIssuePorts(database.open('app_wallet')),
      random: Math.random,
      createRetry: () => tryOnce,
      openKeyring: async () => ({ state: 'open', keyring: watched }),
      nudgeAnnounce: async () => {},
      beat: async () => {},
    })
    const handle = (event: unknown) => handler(event, walletContext)
    const results: Awaited<ReturnType<typeof measureRound>>[] = []
    for (let round = 0; round < warmUpRounds + rounds; round++) {
      const result = await measureRound(handle, seen)
      if (round >= warmUpRounds) results.push(result)
    }
    const sql = database.connect()
    const [{ wallets }] = await sql<[{ wallets: number }]>`select count(*)::int as wallets from wallet.wallets`
    const expected = (warmUpRounds + rounds) * (batchSize + singles)
    if (wallets !== expected) throw new Error(`expected ${expected} wallets; got ${wallets}`)
    return (read: (result: (typeof results)[number]) => number) => median(results.map(read))
  } finally {
    await database.drop()
  }
}

const server = await startTemporaryPostgres()
try {
  const middle = await measureAll(server.url)
  const print = (what: string, value: string) => console.log(`${what.padEnd(52)}${value.padStart(10)}`)
  const [cpuRatio, speedRatio] = [middle((result) => result.cpuRatio), middle((result) => result.speedRatio)]
  print(`CPU of a batch of ${batchSize}`, `${middle((result) => result.batchCpu).toFixed(1)} ms`)
  print('CPU of deriving and checking its addresses', `${middle((result) => result.derivingCpu).toFixed(1)} ms`)
  print(`  ratio, at most ${largestCpuRatio}`, cpuRatio.toFixed(2))
  print(`wallets per second, in batches of ${batchSize}`, middle((result) => result.batchSpeed).toFixed(0))
  print('wallets per second, one record at a time', middle((result) => result.singleSpeed).toFixed(0))
  print(`  ratio, at least ${smallestSpeedRatio}`, speedRatio.toFixed(1))
  console.log(`medians of ${rounds} rounds in turn, on this machine`)
  if (cpuRatio > largestCpuRatio) {
    console.error(`a batch costs ${cpuRatio.toFixed(2)} times what deriving does; expected at most ${largestCpuRatio}`)
    process.exitCode = 1
  }
  if (speedRatio < smallestSpeedRatio) {
    console.error(`batches are ${speedRatio.toFixed(1)} times as fast; expected at least ${smallestSpeedRatio}`)
    process.exitCode = 1
  }
} finally {
  await server.stop()
}
