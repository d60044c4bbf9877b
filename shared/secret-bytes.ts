// Memory for secrets: bytes that stay where they are, so that overwriting them overwrites the only copy.

/**
 * Zeroed bytes outside V8's heap. Those of `new Uint8Array(length)` lie inside it up to 64 bytes: the collector moves
 * them, and `subarray` copies them out, and what was there before stays.
 */
export const allocateSecret = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(new ArrayBuffer(length))

/** A copy in such memory; what it was copied from stays its owner's, who wipes it. */
export function copySecret(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = allocateSecret(bytes.length)
  copy.set(bytes)
  return copy
}
