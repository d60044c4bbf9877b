// Addresses per CPU-second, ours beside the libraries that others derive with: `npm run bench -- derive`.
// Each candidate runs in a process of its own; they take turns, so that what the machine does meanwhile hits all alike.
import { execFileSync, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AddressType, addressTypes, type Network, networks } from '../shared/model.ts'
import { type Candidate, candidates, type Turn } from './derive-candidates.ts'
import { median } from './statistics.ts'

const rounds = 9
const turnMilliseconds = 250
const warmUpMilliseconds = 1500

/** What the issue of this project asks for, where the candidate derives from cached nodes; TronWeb starts at the words. */
const floors: Partial<Record<Candidate, number>> = { '@scure/bip32': 7, ethers: 10, tronweb: 50 }

type Runner = {
  readonly candidate: Candidate
  readonly run: (turn: Turn) => Promise<unknown>
  readonly stop: () => void
}

function startRunner(candidate: Candidate): Runner {
  const child = fork(fileURLToPath(new URL('./derive-candidates.ts', import.meta.url)), [candidate])
  const exited = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${candidate} ended with status ${code}`)))
  })
  exited.catch(() => undefined)
  return {
    candidate,
    run: async (turn) => {
      child.send(turn)
      const answer = new Promise((resolve) => child.once('message', resolve))
      return await Promise.race([answer, exited])
    },
    stop: () => child.kill(),
  }
}

/** Multiplications of the generator per CPU-second by Debian's libsecp256k1 in C; undefined without a compiler or it. */
function measureLibsecp256k1(): number | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'libsecp256k1-'))
  const program = `
    #include <secp256k1.h>
    #include <stdio.h>
    #include <time.h>
    int main(void) {
      secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
      secp256k1_pubkey point; unsigned char key[32] = {1}; int count = 20000;
      clock_t start = clock();
      for (int i = 0; i < count; i++) { key[30] = i >> 8; key[31] = i; secp256k1_ec_pubkey_create(context, &point, key); }
      printf("%f", count / ((double)(clock() - start) / CLOCKS_PER_SEC));
      return 0;
    }`
  try {
    writeFileSync(join(folder, 'measure.c'), program.replaceAll(/^ {4}/gm, ''))
    const output = join(folder, 'measure')
    execFileSync('cc', ['-O2', '-o', output, join(folder, 'measure.c'), '-lsecp256k1'], { stdio: 'ignore' })
    return median(Array.from({ length: 3 }, () => Number(execFileSync(output, { encoding: 'utf8' }))))
  } catch {
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The rates of each candidate that knows this type, round by round. Their addresses are compared first. */
async function measure(runners: readonly Runner[], network: Network, addressType: AddressType) {
  const turn = { network, addressType }
  const knowing: Runner[] = []
  let expected: string | undefined
  for (const runner of runners) {
    const addresses = await runner.run({ ...turn, kind: 'addresses' })
    if (addresses === null) continue
    expected ??= JSON.stringify(addresses)
    if (JSON.stringify(addresses) !== expected) {
      throw new Error(`${runner.candidate} derives other ${addressType} addresses: ${JSON.stringify(addresses)}`)
    }
    knowing.push(runner)
  }
  for (const runner of knowing) await runner.run({ ...turn, kind: 'run', milliseconds: warmUpMilliseconds })
  const rates = new Map(knowing.map(({ candidate }) => [candidate, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const runner of knowing) {
      const rate = await runner.run({ ...turn, kind: 'run', milliseconds: turnMilliseconds })
      rates.get(runner.candidate)?.push(Number(rate))
    }
  }
  return rates
}

const runners = (Object.keys(candidates) as Candidate[]).map(startRunner)
const missed: string[] = []
let slowest = Number.POSITIVE_INFINITY
console.log('addresses per CPU-second (median), and how many times that ours is (median of the rounds)\n')
for (const network of networks) {
  for (const addressType of addressTypes[network]) {
    const rates = await measure(runners, network, addressType)
    const ours = rates.get('ours') ?? []
    slowest = Math.min(slowest, median(ours))
    console.log(`${network} ${addressType}`)
    for (const [candidate, values] of rates) {
      const ratio = median(values.map((value, round) => (ours[round] ?? Number.NaN) / value))
      console.log(`  ${candidate.padEnd(34)} ${median(values).toFixed(0).padStart(6)}  ${ratio.toFixed(1).padStart(6)}`)
      const floor = floors[candidate]
      if (floor !== undefined && ratio < floor) {
        missed.push(`${network} ${addressType}: ${ratio.toFixed(1)} times ${candidate}, expected ${floor}`)
      }
    }
  }
}
for (const runner of runners) runner.stop()
const multiplications = measureLibsecp256k1()
console.log(
  multiplications === undefined
    ? '\nno C compiler with libsecp256k1-dev here: no ratio to ec_pubkey_create'
    : `\nlibsecp256k1 in C: ${multiplications.toFixed(0)} ec_pubkey_create per CPU-second; an address takes three, so ` +
        `ours at its slowest is ${((3 * slowest) / multiplications).toFixed(2)} of what C allows for these alone`,
)
if (missed.length > 0) {
  console.error(`\nslower than it must be:\n${missed.join('\n')}`)
  process.exitCode = 1
}
