// The part of kafkajs that kafkajs-patch.ts changes; the package declares no types for its inner modules.
declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    /** Requests that wait to be sent. */
    pending: unknown[]
    /** Until when the broker asked us to send nothing: milliseconds since 1970, in the past when it did not. */
    throttledUntil: number
    throttleCheckTimeoutId: NodeJS.Timeout | null
    checkPendingRequests(): void
    scheduleCheckPendingRequests(): void
  }
}
