// Tells a decoder that refused its input from one that failed itself.

/** The message of a decoder that refused its input; anything else that was thrown (a trap, no memory) is thrown on. */
export function readRefusal(error: unknown): string {
  // Both decoders refuse with a plain Error; a wasm trap is a RuntimeError, and memory is only told by its message.
  if (!(error instanceof Error) || error.name !== 'Error' || /memory/i.test(error.message)) throw error
  return error.message
}
