// Hands a batch of Kafka records to the use case and answers which records are to come again.
import { UnavailableError } from '../../shared/errors.ts'
import { type IssueWalletsPorts, issueWallets } from './issue-wallets.ts'
import { readRecords } from './records.ts'

export type WalletDependencies = IssueWalletsPorts & {
  /** Tells announce that there is something to announce. Never fails: its schedule is the net. */
  readonly nudgeAnnounce: () => Promise<void>
  /** Notes for GET /health whether the vault opens. Never fails. */
  readonly beat: (status: 'ok' | 'failing') => Promise<void>
}

/** The form in which Lambda takes partial failures of a Kafka batch: `partition` is `topic-partition`. */
export type KafkaBatchResponse = {
  readonly batchItemFailures: readonly {
    readonly itemIdentifier: { readonly partition: string; readonly offset: number }
  }[]
}

export function createHandler(dependencies: WalletDependencies) {
  return async (event: unknown): Promise<KafkaBatchResponse> => {
    const records = readRecords(event)
    try {
      const result = await issueWallets(dependencies, records)
      if (result.inserted > 0) await dependencies.nudgeAnnounce()
      if (result.vault !== 'unused') await dependencies.beat(result.vault === 'open' ? 'ok' : 'failing')
      return { batchItemFailures: [] }
    } catch (error) {
      // Anything else is a bug or a contradiction: thrown, so that Lambda splits the batch down to the culprit.
      if (!(error instanceof UnavailableError)) throw error
      if (error.part === 'vault') await dependencies.beat('failing')
      dependencies.log.warn('batch is to come again', { part: error.part, count: records.length, error })
      return {
        batchItemFailures: records.map(({ topic, partition, offset }) => ({
          itemIdentifier: { partition: `${topic}-${partition}`, offset },
        })),
      }
    }
  }
}
