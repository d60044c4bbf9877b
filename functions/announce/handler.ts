// The announce function: by its schedule, which is the whole sweep, and nudged by who has something to announce.
import { UnavailableError } from '../../shared/errors.ts'
import type { Heartbeat } from '../../shared/heartbeats.ts'
import type { Log } from '../../shared/log.ts'
import { isNudge } from '../../shared/nudge.ts'
import { type AnnouncePorts, type AnnounceResult, announce, announceNew } from './announce.ts'
import type { Backlog } from './backlog.ts'
import type { Forgotten } from './forget.ts'

export type AnnounceDependencies = AnnouncePorts & {
  readonly log: Log
  /** Notes for GET /health whether Kafka answers. Never fails. */
  readonly beat: (status: 'ok' | 'failing') => Promise<void>
  /** Asks Kafka for an answer, also when there is nothing to announce. */
  readonly pingKafka: () => Promise<void>
  /** What is still to be done after the sweep, and what the owners of the parts last saw. */
  readonly readState: () => Promise<{ readonly backlog: Backlog; readonly heartbeats: readonly Heartbeat[] }>
  /** Deletes what is over of the limits of POST. */
  readonly forget: () => Promise<Forgotten>
}

export function createHandler(dependencies: AnnounceDependencies) {
  const { log, now, count, measure, beat, pingKafka } = dependencies

  /** For the metrics, also after a sweep that failed: that is when they are looked at. */
  async function measureState(): Promise<void> {
    try {
      const { backlog, heartbeats } = await dependencies.readState()
      const secondsSince = (date: Date | null) => (date === null ? 0 : (now().getTime() - date.getTime()) / 1000)
      measure('backlog', backlog.unannounced.count)
      measure('backlog_seconds', secondsSince(backlog.unannounced.since))
      measure('records_waiting', backlog.waiting.count)
      measure('waiting_seconds', secondsSince(backlog.waiting.since))
      measure('wallets_overdue', backlog.wallets.count)
      measure('wallets_overdue_seconds', secondsSince(backlog.wallets.since))
      measure('wallets_given_up', backlog.wallets.givenUp)
      measure('verdicts_overdue', backlog.verdicts.count)
      measure('verdicts_overdue_seconds', secondsSince(backlog.verdicts.since))
      measure('verdicts_given_up', backlog.verdicts.givenUp)
      for (const { part, status } of heartbeats) measure(`${part}_failing`, status === 'failing' ? 1 : 0)
    } catch (error) {
      log.warn('not measured: the next sweep tries again', { error })
    }
  }

  /** Whatever became of the announcements, and without any effect on them: the next minute does it as well. */
  async function forget(): Promise<void> {
    try {
      const { keys, buckets } = await dependencies.forget()
      if (keys + buckets > 0) log.info('forgot', { keys, buckets })
    } catch (error) {
      log.warn('not forgotten: the next sweep tries again', { error })
    }
  }

  function tell(result: AnnounceResult): void {
    count('verifications_announced', result.verifications)
    count('wallets_announced', result.wallets)
    count('records_released', result.released)
    count('verifications_republished', result.republished)
    count('documents_requeued', result.requeued)
    const { verifications, wallets, released, republished, requeued } = result
    if (verifications + wallets + released > 0) log.info('announced', { verifications, wallets, released })
    if (republished + requeued > 0) log.warn('set going again what is overdue', { republished, requeued })
  }

  return async (event?: unknown): Promise<AnnounceResult> => {
    const isWhole = !isNudge(event)
    try {
      if (isWhole) await pingKafka()
      const result = isWhole ? await announce(dependencies) : await announceNew(dependencies)
      if (isWhole) await beat('ok')
      tell(result)
      return result
    } catch (error) {
      log.error('not announced: the next sweep tries again', { error })
      const isKafkaAway = error instanceof UnavailableError && error.part === 'kafka'
      // Whatever else a sweep failed by, Kafka has answered it.
      if (isWhole || isKafkaAway) await beat(isKafkaAway ? 'failing' : 'ok')
      throw error
    } finally {
      if (isWhole) {
        await measureState()
        await forget()
      }
    }
  }
}
