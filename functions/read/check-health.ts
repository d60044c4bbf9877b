// The use case of GET /health: the database is asked now, the other parts are known by what their owners last saw.
import type { Heartbeat, Part } from '../../shared/heartbeats.ts'
import type { Log } from '../../shared/log.ts'

export type HealthPorts = {
  readonly log: Log
  /** Rejects when the database is away. */
  readonly findHeartbeats: () => Promise<readonly Heartbeat[]>
  readonly now: () => Date
}

type Check = 'ok' | 'failing' | 'unknown'
export type Health = { readonly status: 'ok' | 'failing'; readonly checks: Record<'database' | Part, Check> }

/** A heartbeat older than this (ms) says nothing: its owner may only have had nothing to do. */
const stale = 10 * 60_000

/** The service is failing when any part is seen to fail; what nobody looked at lately is `unknown` and fails nothing. */
export async function checkHealth(ports: HealthPorts): Promise<Health> {
  let heartbeats: readonly Heartbeat[] = []
  let database: Check = 'ok'
  try {
    heartbeats = await ports.findHeartbeats()
  } catch (error) {
    ports.log.error('the database does not answer', { part: 'database', error })
    database = 'failing'
  }
  const check = (part: Part): Check => {
    const heartbeat = heartbeats.find((candidate) => candidate.part === part)
    return heartbeat && ports.now().getTime() - heartbeat.seenAt.getTime() < stale ? heartbeat.status : 'unknown'
  }
  const checks = { database, kafka: check('kafka'), vault: check('vault'), documents: check('documents') }
  return { status: Object.values(checks).includes('failing') ? 'failing' : 'ok', checks }
}
