// Servers of a test file's own, to be stopped and started again. They end with the test run at the latest.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
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
    freeze: () => freeze(current.child.pid),
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

/** Stops a process. The signal takes a moment to reach each thread, and until then a server still answers: Linux tells. */
function freeze(pid: number): void {
  process.kill(pid, 'SIGSTOP')
  if (process.platform !== 'linux') return
  const isStopped = (thread: string) => {
    const file = `/proc/${pid}/task/${thread}/stat`
    // One that ended meanwhile is no longer listed the next time.
    const stat = existsSync(file) ? readFileSync(file, 'utf8') : ''
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
  }
  const end = performance.now() + 10_000
  while (!readdirSync(`/proc/${pid}/task`).every(isStopped)) {
    if (performance.now() > end) throw new Error('expected a server to stand still; it runs')
  }
}
