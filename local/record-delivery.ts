// How one batch of a partition gets through the function or past it: retries, bisecting, partial failures, age, and the
// destination of what fails. Lambda's rules for Kafka; time, broker and Lambda are ports.
import type { WalletTrigger } from '../lib/stage.ts'
import {
  buildEvent,
  type EncodedRecord,
  type EventSource,
  envelopeBytes,
  type InvocationResult,
  maximumPayloadBytes,
  readOutcome,
} from './msk-event.ts'

/** One line of the log. No key, value or header of a record ever is in one. */
export type TriggerLog = (line: { level: 'info' | 'warn' | 'error'; message: string; [field: string]: unknown }) => void

/** Why a record went to the destination instead of through the function. */
export type Failure = {
  readonly condition: 'RetryAttemptsExhausted' | 'MaximumRecordAgeExceeded' | 'PayloadTooLarge'
  /** How often the function failed with it. */
  readonly attempts: number
  /** The function's last failure, where there was one. */
  readonly error: string | undefined
}

export type DeliveryPorts = {
  /** Rejects when the function was not reached, or was throttled: that is no attempt of the function. */
  readonly invoke: (event: Uint8Array) => Promise<InvocationResult>
  /** Resolves once the destination has the record for good. */
  readonly setAside: (record: EncodedRecord, failure: Failure) => Promise<void>
  /** Every record before this offset is done. Resolves once the broker knows. */
  readonly commit: (offset: number) => Promise<void>
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** From 0 to below 1. */
  readonly random: () => number
  /** Waits; rejects as soon as `signal` says that the delivery is over. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>
  readonly log: TriggerLog
}

export type DeliverySettings = Pick<
  WalletTrigger,
  'maximumRetryAttempts' | 'maximumRecordAgeSeconds' | 'bisectBatchOnFunctionError'
>

/** With endless retries (-1) and a destination, Lambda stops after 10. */
const endlessRetryAttempts = 10

/** Full jitter: between 0 and this much, doubled with each attempt up to the longest. */
const firstBackoffMilliseconds = 500
const longestBackoffMilliseconds = 15_000

/**
 * Delivers records of one partition in order, committing as it goes. When it resolves, each record was in a successful
 * invocation or is at the destination, and the offset after the last is committed.
 *
 * @param records at least one, in the order of their offsets, no more than fit one invocation.
 * @param signal ends the delivery where it waits or before its next invocation: it rejects with the signal's reason, and
 *   what is not committed comes again.
 */
export async function deliverBatch(
  records: readonly EncodedRecord[],
  source: EventSource,
  settings: DeliverySettings,
  ports: DeliveryPorts,
  signal: AbortSignal,
): Promise<void> {
  const retries = settings.maximumRetryAttempts === -1 ? endlessRetryAttempts : settings.maximumRetryAttempts
  const keepTrying = <T>(problem: string, offset: number | undefined, action: () => Promise<T>) =>
    insist(action, { problem, partition: records[0]?.partition, offset }, ports, signal)
  const commit = (offset: number) => keepTrying('the offset was not committed', offset, () => ports.commit(offset))
  const setAside = (record: EncodedRecord, failure: Failure) =>
    keepTrying('the destination did not take a record', record.offset, () => ports.setAside(record, failure))

  const pending: Part[] = [{ records, end: nextOffset(records), attempts: 0, error: undefined }]
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    const { end, attempts } = part
    const sendable: EncodedRecord[] = []
    for (const record of part.records) {
      if (isTooOld(record, settings, ports.now())) {
        await setAside(record, { condition: 'MaximumRecordAgeExceeded', attempts, error: part.error })
        ports.log({ level: 'error', message: 'trigger: too old, set aside', ...describe([record]) })
      } else if (envelopeBytes(source, record) + record.bytes > maximumPayloadBytes) {
        await setAside(record, { condition: 'PayloadTooLarge', attempts, error: part.error })
        ports.log({ level: 'error', message: 'trigger: too large for Lambda, set aside', ...describe([record]) })
      } else {
        sendable.push(record)
      }
    }
    const [first] = sendable
    if (first === undefined) {
      await commit(end)
      continue
    }

    signal.throwIfAborted()
    const event = buildEvent(source, sendable)
    const result = await keepTrying('the function was not reached', first.offset, () => ports.invoke(event))
    const outcome = readOutcome(result, sendable)
    if (outcome.kind === 'succeeded') {
      await commit(end)
      continue
    }

    const middle = sendable[Math.ceil(sendable.length / 2)]
    if (outcome.kind === 'function-error' && settings.bisectBatchOnFunctionError && middle !== undefined) {
      const { error } = outcome
      ports.log({ level: 'warn', message: 'trigger: batch failed, bisected', ...describe(sendable), cause: error })
      const isBefore = ({ offset }: EncodedRecord) => offset < middle.offset
      // Splitting does not count as a retry.
      pending.unshift(
        { records: sendable.filter(isBefore), end: middle.offset, attempts, error },
        { records: sendable.filter((record) => !isBefore(record)), end, attempts, error },
      )
      await ports.wait(backoff(attempts + 1, ports), signal)
      continue
    }

    const from = outcome.kind === 'failed-from' ? outcome.offset : first.offset
    const error = outcome.kind === 'failed-from' ? 'reported in batchItemFailures' : outcome.error
    const failed = sendable.filter(({ offset }) => offset >= from)
    // Attempts are counted for the record that stops the partition: when that is another one, they start anew.
    const failures = from > first.offset ? 1 : attempts + 1
    if (from > first.offset) await commit(from)
    ports.log({ level: 'warn', message: 'trigger: batch failed', ...describe(failed), attempt: failures, cause: error })
    if (failures > retries) {
      for (const record of failed) {
        await setAside(record, { condition: 'RetryAttemptsExhausted', attempts: failures, error })
      }
      await commit(end)
      ports.log({ level: 'error', message: 'trigger: retries exhausted, set aside', ...describe(failed) })
    } else {
      pending.unshift({ records: failed, end, attempts: failures, error })
      await ports.wait(backoff(failures, ports), signal)
    }
  }
}

type Part = {
  readonly records: readonly EncodedRecord[]
  /** What to commit when all of them are done: also past records that were set aside before. */
  readonly end: number
  readonly attempts: number
  readonly error: string | undefined
}

/** Tries without end until it works: what it does must not be given up, and the cause is not the function's. */
async function insist<T>(
  action: () => Promise<T>,
  { problem, ...place }: { problem: string; partition: number | undefined; offset: number | undefined },
  ports: DeliveryPorts,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action()
    } catch (error) {
      signal.throwIfAborted()
      logAttempt(ports.log, `${problem}; trying again`, { ...place, attempt }, error)
      await ports.wait(backoff(attempt, ports), signal)
    }
  }
}

/** Logs the 1st, 2nd, 4th, 8th, ... of many attempts that fail: an outage of hours is no flood. */
export function logAttempt(
  log: TriggerLog,
  message: string,
  fields: { attempt: number; [field: string]: unknown },
  error: unknown,
) {
  if ((fields.attempt & (fields.attempt - 1)) !== 0) return
  const cause = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  log({ level: 'warn', message: `trigger: ${message}`, ...fields, cause })
}

function backoff(attempt: number, { random }: DeliveryPorts): number {
  return random() * Math.min(longestBackoffMilliseconds, firstBackoffMilliseconds * 2 ** Math.min(attempt - 1, 30))
}

function isTooOld({ timestamp }: EncodedRecord, { maximumRecordAgeSeconds }: DeliverySettings, now: number): boolean {
  return maximumRecordAgeSeconds !== -1 && now - timestamp > maximumRecordAgeSeconds * 1000
}

function nextOffset(records: readonly EncodedRecord[]): number {
  const last = records.at(-1)
  if (last === undefined) throw new TypeError('expected a batch of at least one record, got none')
  return last.offset + 1
}

function describe(records: readonly EncodedRecord[]) {
  return { partition: records[0]?.partition, offset: records[0]?.offset, records: records.length }
}
