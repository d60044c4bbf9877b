// The log: JSON lines with a closed set of fields. Never a document, a mnemonic, a key, a token or a user id.
import { Logger } from '@aws-lambda-powertools/logger'

/** Every field that a log line of ours may carry. A new one is added here, where a reviewer sees it. */
export type LogFields = {
  readonly request_id?: string | undefined
  readonly verification_id?: string
  /** Of a queue, by which a dead letter is found. */
  readonly message_id?: string
  readonly event_id?: string
  readonly method?: string
  readonly route?: string
  readonly status?: number | string
  readonly code?: string
  readonly network?: string
  readonly topic?: string
  readonly partition?: number
  readonly offset?: number | string
  readonly attempt?: number
  readonly count?: number
  readonly new?: number
  readonly duplicate?: number
  readonly quarantined?: number
  readonly waiting?: number
  readonly verifications?: number
  readonly wallets?: number
  readonly released?: number
  readonly republished?: number
  readonly requeued?: number
  readonly keys?: number
  readonly buckets?: number
  readonly milliseconds?: number
  readonly keyring_id?: number
  readonly part?: string
  readonly reason?: string
  /** Of dead letters. */
  readonly source?: string
  readonly version?: number
  /** What an operator asked for, and who that is by their own word. */
  readonly command?: string
  readonly claimed_caller?: string
  readonly error?: unknown
}

export type Log = {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** Causes may go in a circle. */
const deepestCause = 8

/** What may be told of an error: names, messages, codes and stacks along its causes. Never its other properties: a driver puts rows there. */
function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const cause =
    error.cause === undefined || depth === deepestCause ? {} : { cause: describeError(error.cause, depth + 1) }
  return { name: error.name, message: error.message, ...code, stack: error.stack, ...cause }
}

/** The log of one function, on standard output, as Lambda collects it. */
export function createLog(service: string): Log {
  const logger = new Logger({ serviceName: service, logLevel: 'INFO' })
  const write = (level: 'info' | 'warn' | 'error', message: string, fields: LogFields = {}) => {
    const { error, ...rest } = fields
    logger[level](message, error === undefined ? rest : { ...rest, error: describeError(error) })
  }
  return {
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  }
}
