// The family of errors. Each answers two questions: whose fault is it, and is a retry worth it.
// Messages say expected and got, never a payload and never a secret.

/** One field that is wrong, in the words of the caller's request. */
export type Issue = { readonly path: string; readonly message: string }

/** What was got, for a message: a short plain word as it is, anything else by its length, for it may be a payload. */
export function describeGot(text: string): string {
  return /^[\w.-]{1,32}$/.test(text) ? `"${text}"` : `${text.length} characters`
}

/** The caller's fault: sending the same again cannot succeed, at once at least. Becomes the 4xx that it names. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly retriable = false
  readonly status: number
  readonly code: string
  readonly issues: readonly Issue[] | undefined
  /** When the same may succeed although it is the caller's fault now: too many requests, or one that is still running. */
  readonly retryAfterSeconds: number | undefined
  /** Where what stands in the way is told of: a path of this API. */
  readonly location: string | undefined

  constructor(
    status: number,
    code: string,
    detail: string,
    issues?: readonly Issue[],
    options: { readonly retryAfterSeconds?: number; readonly location?: string } = {},
  ) {
    super(detail)
    this.retryAfterSeconds = options.retryAfterSeconds
    this.location = options.location
    this.status = status
    this.code = code
    this.issues = issues
  }
}

/** A part that we depend on did not do its work. The same may succeed later: 503 with `Retry-After`, or a retried record. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError'
  readonly retriable = true
  readonly part: 'database' | 'documents' | 'kafka' | 'inspection' | 'vault' | 'issuer'

  constructor(part: UnavailableError['part'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.part = part
  }
}

/** The deployment's fault: a variable, a secret or a permission is missing. A person must act. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly retriable = false
}

/** A secret is marked for deletion: nobody can read it, and for some days a person can restore it. */
export class DeletedSecretError extends Error {
  override readonly name = 'DeletedSecretError'
  readonly retriable = false
}

/** The state contradicts itself: a bug or tampering. Nothing is written; a person must look. */
export class IntegrityError extends Error {
  override readonly name = 'IntegrityError'
  readonly retriable = false
}
