// 100,000 random derivations of every network and type, held against @scure/bip32 with the encodings of ethers,
// bitcoinjs-lib and tronweb. Child processes, one a core.
import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const program = fileURLToPath(new URL('../support/compare-derivations.ts', import.meta.url))
const total = 100_000

it('derives what others derive', { timeout: 3_600_000 }, async () => {
  const seed = crypto.randomUUID()
  const processes = Math.min(availableParallelism(), 8)
  const run = promisify(execFile)
  const results = await Promise.all(
    Array.from({ length: processes }, async (_, index) => {
      const { stdout } = await run(process.execPath, [
        program,
        `${seed}-${index}`,
        String(Math.ceil(total / processes)),
      ])
      return JSON.parse(stdout) as { compared: number; leadingZeros: Record<string, number> }
    }),
  )
  expect(results.reduce((sum, { compared }) => sum + compared, 0)).toBeGreaterThanOrEqual(total)
  // About one in 256 each: were there none, the draws would not be what they are meant to be.
  for (const name of ['accountPrivateKey', 'privateKey', 'chainCode', 'x', 'y']) {
    const found = results.reduce((sum, { leadingZeros }) => sum + (leadingZeros[name] ?? 0), 0)
    expect(found, name).toBeGreaterThan(50)
  }
})
