// What the parser says to the function, on a pipe of its own: frames of a kind (1 byte), a length (4 bytes, big endian) and that
// many bytes. Whoever took the parser over writes here as well: what is too long or of no kind is not read any further.

/** Each kind, its number being its place, with the most bytes that it may have. */
const longest = {
  /** Its code is loaded: it waits for a document. */
  ready: 0,
  /** The name of the check that begins. */
  check: 64,
  /** The clean copy, before the answer. */
  copy: 64 * 1024 * 1024,
  /** The verdict, as JSON, and the end. */
  answer: 64 * 1024,
  /** It was refused memory. */
  memory: 0,
} as const

export type FrameKind = keyof typeof longest
const kinds = Object.keys(longest) as FrameKind[]

const headLength = 5

/** The head of a frame; its bytes follow. */
export function makeFrameHead(kind: FrameKind, length: number): Uint8Array {
  const head = Buffer.alloc(headLength)
  head.writeUInt8(kinds.indexOf(kind), 0)
  head.writeUInt32BE(length, 1)
  return head
}

/**
 * Reads frames from chunks, in whatever pieces they come.
 *
 * @returns what takes a chunk, and answers false for bytes that are no frame; after that it must not be called
 */
export function createFrameReader(take: (kind: FrameKind, bytes: Uint8Array) => void): (chunk: Uint8Array) => boolean {
  let parts: Uint8Array[] = []
  let missing = headLength
  let kind: FrameKind | undefined

  return (chunk) => {
    let rest = chunk
    while (rest.length > 0 || missing === 0) {
      const part = rest.subarray(0, missing)
      rest = rest.subarray(part.length)
      parts.push(part)
      missing -= part.length
      if (missing > 0) continue
      const bytes = Buffer.concat(parts)
      parts = []
      if (kind === undefined) {
        kind = kinds[bytes.readUInt8(0)]
        missing = bytes.readUInt32BE(1)
        if (kind === undefined || missing > longest[kind]) return false
      } else {
        take(kind, bytes)
        kind = undefined
        missing = headLength
      }
    }
    return true
  }
}
