// The error of a local step whose message explains itself: what failed, and what to do.

/** `logFile` holds what the failed program wrote, `tail` its last lines. */
export class LocalError extends Error {
  override readonly name = 'LocalError'
  readonly logFile: string | undefined
  readonly tail: string | undefined

  constructor(message: string, options: { cause?: unknown; logFile?: string; tail?: string } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.logFile = options.logFile
    this.tail = options.tail
  }
}

/** The message of anything that was thrown. */
export function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describe).join('; ')
  return error instanceof Error ? error.message : String(error)
}
