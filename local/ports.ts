// The ports of the local stack, all on loopback: chosen once and kept with the state, since they are part of what is deployed.

import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { writeFileAtomically } from './atomic-file.ts'
import { tryLock } from './file-lock.mjs'

const portsSchema = z.object({
  postgres: z.int(),
  kafka: z.int(),
  kafkaController: z.int(),
  emulator: z.int(),
  issuer: z.int(),
})

export type Ports = Readonly<z.infer<typeof portsSchema>>

const keptPortsSchema = portsSchema.partial()

const toPortsPath = (stateFolder: string) => join(stateFolder, 'ports.json')

/** The ports of the last start of a state: those that it had, for an older release knew fewer. */
export function readPorts(stateFolder: string): Promise<z.infer<typeof keptPortsSchema> | undefined> {
  return readFile(toPortsPath(stateFolder), 'utf8').then(
    (text) => keptPortsSchema.parse(JSON.parse(text)),
    () => undefined,
  )
}

/** Whether nothing listens on a port of 127.0.0.1. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)))
  })
}

/** A lock for each port that a process of this project has found, which perhaps does not listen on it yet. */
const locks = fileURLToPath(new URL('../.local/ports/', import.meta.url))
/** What unlocks those of this process. */
const releases: (() => void)[] = []
process.on('exit', () => {
  for (const release of releases) release()
})

/**
 * A free port below the ranges that systems take outgoing connections' ports from: it will likely be free next time too.
 * It is found by no other process of this project while this one lives, be it listened on or not.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000)
    if (!(await isPortFree(port))) continue
    const lock = tryLock(join(locks, String(port)))
    if (!('release' in lock)) continue
    releases.push(lock.release)
    return port
  }
}

/** The ports of a state: those of its last start as far as they are free, else others; `say` tells of each that moved. */
export async function choosePorts(stateFolder: string, say: (text: string) => void): Promise<Ports> {
  const kept = await readPorts(stateFolder)
  const ports = { postgres: 0, kafka: 0, kafkaController: 0, emulator: 0, issuer: 0 }
  for (const part of ['postgres', 'kafka', 'kafkaController', 'emulator', 'issuer'] as const) {
    const port = kept?.[part]
    if (port !== undefined && (await isPortFree(port))) {
      ports[part] = port
      continue
    }
    ports[part] = await findFreePort()
    if (port !== undefined) {
      say(`port ${port}, which ${part} had so far, is taken by another program: ${part} moves to ${ports[part]}`)
    }
  }
  await writeFileAtomically(toPortsPath(stateFolder), `${JSON.stringify(ports, null, 2)}\n`)
  return ports
}
