// How a clean copy rests: under AES-256-GCM, with a data key of its own, behind a header that says whose it is. Who may
// unwrap that key is not known here, nor where the bytes go.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { IntegrityError } from '../../shared/errors.ts'
import type { DocumentAttempt } from '../../shared/kept-documents.ts'
import type { CleanCopy, MediaType } from './check.ts'

/*
 * The bytes, in this order:
 *
 *   0     version, 1
 *   1     media type of the copy: its place below, from 1
 *   2     verification id, 16 bytes
 *   18    attempt, 4 bytes, big-endian
 *   22    SHA-256 of the original, 32 bytes
 *   54    initialisation vector, 12 bytes
 *   66    ciphertext
 *   end   tag, 16 bytes
 *
 * Additional authenticated data: all that comes before the ciphertext.
 */
const version = 1
const mediaTypes: readonly MediaType[] = ['image/jpeg', 'image/png', 'application/pdf']
const idStart = 2
const attemptStart = 18
const sha256Start = 22
const ivStart = 54
const headerLength = 66
const tagLength = 16

/** Whose copy it is, and of which bytes it was made. */
export type CopyOrigin = DocumentAttempt & {
  /** SHA-256 of the original, 32 bytes. */
  readonly sha256: Uint8Array
}

function writeHeader({ id, attempt, sha256 }: CopyOrigin, mediaType: MediaType, iv: Uint8Array): Buffer {
  const header = Buffer.alloc(headerLength)
  header.writeUInt8(version, 0)
  header.writeUInt8(mediaTypes.indexOf(mediaType) + 1, 1)
  header.write(id.replaceAll('-', ''), idStart, 'hex')
  header.writeUInt32BE(attempt, attemptStart)
  header.set(sha256, sha256Start)
  header.set(iv, ivStart)
  return header
}

/** Seals a clean copy. `dataKey`: 32 bytes; `iv`: 12 random bytes, never twice with one key. */
export function sealCopy(
  { mediaType, bytes }: CleanCopy,
  options: { readonly origin: CopyOrigin; readonly dataKey: Uint8Array; readonly iv: Uint8Array },
): Uint8Array {
  const header = writeHeader(options.origin, mediaType, options.iv)
  const cipher = createCipheriv('aes-256-gcm', options.dataKey, options.iv, { authTagLength: tagLength })
  cipher.setAAD(header)
  return Buffer.concat([header, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
}

/**
 * Opens a sealed copy: what whoever may read a kept document does. No function of this system is one.
 *
 * @param dataKey the unwrapped data key, 32 bytes
 * @param origin whose copy it must be
 * @throws {IntegrityError} when it is none, was altered, is another's, or the key is another
 */
export function openCopy(
  sealed: Uint8Array,
  options: { readonly origin: CopyOrigin; readonly dataKey: Uint8Array },
): CleanCopy {
  const bytes = Buffer.from(sealed)
  const mediaType = mediaTypes[(bytes[1] ?? 0) - 1]
  if (bytes.length < headerLength + tagLength || bytes[0] !== version || mediaType === undefined) {
    throw new IntegrityError('expected a sealed copy of version 1; got something else')
  }
  const iv = bytes.subarray(ivStart, headerLength)
  const header = bytes.subarray(0, headerLength)
  if (!header.equals(writeHeader(options.origin, mediaType, iv))) {
    throw new IntegrityError('expected the sealed copy of that document; got that of another')
  }
  try {
    const decipher = createDecipheriv('aes-256-gcm', options.dataKey, iv, { authTagLength: tagLength })
    decipher.setAAD(header)
    decipher.setAuthTag(bytes.subarray(-tagLength))
    const opened = decipher.update(bytes.subarray(headerLength, -tagLength))
    decipher.final()
    return { mediaType, bytes: opened }
  } catch (error) {
    throw new IntegrityError('the copy does not open: it was altered, or is of another key', { cause: error })
  }
}
