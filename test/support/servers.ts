// Servers of a test file's own, to be stopped and started again. They end with the test run at the latest.
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { startKafka } from '../../local/kafka.ts'
import { findFreePort } from '../../local/ports.ts'
import { startPostgres } from '../../local/postgres.ts'

/** A server that always comes back on the same port, with what it knew. */
export type OwnServer<Running> = {
  readonly first: Running
  readonly stop: () => Promise<void>
  readonly startAgain: () => Promise<void>
  /** Freezes its process: connections stay open, and nothing answers. */
  readonly freeze: () => void
  readonly thaw: () => void
}

type Running = { readonly child: { readonly pid: number }; readonly stop: () => Promise<void> }

async function startOwn<Server extends Running>(start: () => Promise<Server>): Promise<OwnServer<Server>> {
  const first = await start()
  let current = first
  return {
    first,
    stop: () => current.stop(),
    startAgain: async () => {
      current = await start()
    },
    freeze: () => process.kill(current.child.pid, 'SIGSTOP'),
    thaw: () => process.kill(current.child.pid, 'SIGCONT'),
  }
}

export async function startOwnPostgres(settings: Readonly<Record<string, string>> = {}) {
  const stateFolder = await mkdtemp(join(inject('serversFolder'), 'postgres-'))
  const port = await findFreePort()
  return await startOwn(() => startPostgres({ stateFolder, port, settings }))
}

/** @param toProperties more properties of the broker, given its ports */
export async function startOwnKafka(
  toProperties: (ports: { port: number; controllerPort: number }) => readonly string[] = () => [],
) {
  const stateFolder = await mkdtemp(join(inject('serversFolder'), 'kafka-'))
  const [port, controllerPort] = [await findFreePort(), await findFreePort()]
  const properties = toProperties({ port, controllerPort })
  const jarFolder = inject('kafkaJarFolder')
  return await startOwn(() => startKafka({ stateFolder, jarFolder, port, controllerPort, properties }))
}
