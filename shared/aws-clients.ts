// How long the functions wait for AWS: a call that hangs must end before the function does, to be told and retried.

/**
 * Options of a client whose calls end in time, in milliseconds for each attempt. A connection that slept with its
 * container may be dead without either end knowing: such a request is never answered, and the next attempt connects
 * anew. Without `throwOnRequestTimeout` the SDK only prints a warning when the time is over, and goes on waiting.
 */
export const boundCalls = (bounds: { attempts: number; connect: number; request: number }) => ({
  maxAttempts: bounds.attempts,
  requestHandler: {
    connectionTimeout: bounds.connect,
    requestTimeout: bounds.request,
    throwOnRequestTimeout: true,
  },
})

/** For small calls: a secret, a key, an invocation that returns at once. */
export const quickCalls = boundCalls({ attempts: 2, connect: 1000, request: 2000 })
