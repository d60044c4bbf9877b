// Repairs one method of kafkajs 2.2.4, for whoever connects with it: import this file for its effect.
// Nothing else lives here.
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

// As published, the first response arms a timer whose delay is negative, which runs after 1 ms and arms the next one,
// for ever (tulios/kafkajs#1751); Node 24 also warns of each first negative delay. A timer is needed only while
// requests wait: an answer that frees a place looks at the queue by itself.
RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests() {
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return
  const throttledFor = this.throttledUntil - Date.now()
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null
      this.checkPendingRequests()
    },
    throttledFor > 0 ? throttledFor : 10,
  )
}
