// Hands a batch of Kafka records to the use case and answers which records are to come again: those of what stayed away.

import type { Context } from 'aws-lambda'
import { readRecords } from '../../shared/kafka-records.ts'
import { CrossCheckError } from './derivation.ts'
import { type IssueResult, type IssueWalletsPorts, issueWallets } from './issue-wallets.ts'
import type { Retry } from './retry-transient.ts'

export type WalletDependencies = Omit<IssueWalletsPorts, 'retry'> & {
  /** How an invocation that has so many milliseconds left tries again what was away. */
  readonly createRetry: (remainingMilliseconds: number) => Retry
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

function countResult({ count }: WalletDependencies, result: IssueResult): void {
  count('wallets_issued', result.inserted)
  count('records_repeated', result.duplicate)
  count('records_set_aside', result.quarantined)
  count('records_retried', result.unfinished?.records.length ?? 0)
  if (result.vault === 'no_root') count('vault_empty', result.waiting)
  if (result.vault === 'root_refused') count('vault_refused', result.waiting)
}

/**
 * Answers exactly the records of which nothing is committed. The mapping delivers again from the lowest of them in each
 * partition: those above it that are committed come a second time, which changes nothing.
 */
export function createHandler(dependencies: WalletDependencies) {
  const { beat, log, nudgeAnnounce } = dependencies
  return async (event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<KafkaBatchResponse> => {
    const retry = dependencies.createRetry(context.getRemainingTimeInMillis())
    const records = readRecords(event)
    try {
      const result = await issueWallets({ ...dependencies, retry }, records)
      countResult(dependencies, result)
      const { inserted, vault, unfinished } = result
      if (inserted > 0) await nudgeAnnounce()
      if (unfinished) {
        const { error } = unfinished
        log.warn('batch is to come again', { part: error.part, count: unfinished.records.length, error })
      }
      if (unfinished?.error.part === 'vault') await beat('failing')
      // The beat is written to the database.
      else if (vault !== 'unused' && !unfinished) await beat(vault === 'open' ? 'ok' : 'failing')
      return {
        batchItemFailures: (unfinished?.records ?? []).map(({ topic, partition, offset }) => ({
          itemIdentifier: { partition: `${topic}-${partition}`, offset },
        })),
      }
    } catch (error) {
      // All that is left here is a bug or a keyring that cannot be trusted: thrown, so that the mapping tries again, and
      // in the end sets the records aside.
      if (error instanceof CrossCheckError) await beat('failing')
      throw error
    }
  }
}
