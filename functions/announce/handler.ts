// The announce function: by its schedule, and nudged by the wallet function. What it is called with says nothing.
import { UnavailableError } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { type AnnouncePorts, type AnnounceResult, announce } from './announce.ts'
import type { Forgotten } from './forget.ts'

export type AnnounceDependencies = AnnouncePorts & {
  readonly log: Log
  /** Notes for GET /health whether Kafka answers. Never fails. */
  readonly beat: (status: 'ok' | 'failing') => Promise<void>
  /** Asks Kafka for an answer, also when there is nothing to announce. */
  readonly pingKafka: () => Promise<void>
  /** Deletes what is over of the limits of POST. */
  readonly forget: () => Promise<Forgotten>
}

export function createHandler(dependencies: AnnounceDependencies) {
  const { log, beat, pingKafka } = dependencies

  /** Whatever became of the announcements, and without any effect on them: the next minute does it as well. */
  async function forget(): Promise<void> {
    try {
      const { keys, buckets } = await dependencies.forget()
      if (keys + buckets > 0) log.info('forgot', { keys, buckets })
    } catch (error) {
      log.warn('not forgotten: the next sweep tries again', { error })
    }
  }

  return async (): Promise<AnnounceResult> => {
    try {
      await pingKafka()
      const result = await announce(dependencies)
      await beat('ok')
      if (result.verifications + result.wallets + result.released > 0) {
        log.info('announced', result)
      }
      return result
    } catch (error) {
      log.error('not announced: the next sweep tries again', { error })
      if (error instanceof UnavailableError && error.part === 'kafka') await beat('failing')
      throw error
    } finally {
      await forget()
    }
  }
}
