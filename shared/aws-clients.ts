// How long the functions wait for AWS: a call that hangs must end before the function does, to be told and retried.

/** Options of a client for small calls (a secret, a key, an invocation that returns at once); in milliseconds. */
export const quickCalls = { maxAttempts: 2, requestHandler: { connectionTimeout: 1000, requestTimeout: 2000 } }
