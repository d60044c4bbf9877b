// The use case of POST /verify: an upload becomes a row, then an object. What it means is decided by others.
import { createHash } from 'node:crypto'
import { crashPoint } from '../../shared/crash-point.ts'
import { RequestError } from '../../shared/errors.ts'
import type { AddressType, Network, Verification } from '../../shared/model.ts'
import type { Registration, Upload } from './register-upload.ts'

export type ReceiveDocumentPorts = {
  readonly registerUpload: (upload: Upload) => Promise<Registration>
  /** Puts the object unless it is there. */
  readonly putDocument: (verification: Verification, document: Uint8Array) => Promise<void>
  readonly newId: () => string
  readonly now: () => Date
}

export type DocumentRequest = {
  readonly userId: string
  readonly network: Network
  readonly addressType: AddressType
  readonly document: Uint8Array
  readonly requestId: string
}

// ITU-T T.81 B.1.1.3 (SOI, then a marker); PNG third edition 5.2; ISO 32000-1 7.5.2.
const signatures: readonly Uint8Array[] = [
  Uint8Array.of(0xff, 0xd8, 0xff),
  Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
  Buffer.from('%PDF-'),
]

function checkSignature(document: Uint8Array): void {
  if (signatures.some((signature) => Buffer.compare(signature, document.subarray(0, signature.length)) === 0)) return
  const got = Buffer.from(document.subarray(0, 4)).toString('hex')
  throw new RequestError(
    415,
    'unsupported_document_type',
    `expected a JPG, PNG or PDF document, told by its first bytes; got one that begins with ${got} (hex)`,
  )
}

/** What a client should wait (s) for the verdict on another document: mostly it is about to come. */
const secondsToVerdict = 5

const toSeconds = (until: Date, now: Date) => Math.max(Math.ceil((until.getTime() - now.getTime()) / 1000), 1)

/** @throws {RequestError} when the upload was not registered; the same may be when some time has passed */
export function requireRegistered(registration: Registration, now: Date): Verification {
  switch (registration.outcome) {
    case 'registered':
      return registration.verification
    case 'in_progress': {
      const { verification, awaitedUntil } = registration
      const { id } = verification
      const advice = awaitedUntil
        ? 'still waits for its document. Upload that, or come again after Retry-After seconds, when its time is over'
        : 'is not decided yet. Ask for its verdict first'
      // Once its time is over it is no longer in the way, so one second more.
      const retryAfterSeconds = awaitedUntil ? toSeconds(awaitedUntil, now) + 1 : secondsToVerdict
      throw new RequestError(
        409,
        'verification_in_progress',
        `expected no other document of the user under way for this network; verification ${id} ${advice}`,
        undefined,
        { retryAfterSeconds, location: `/verify/${id}` },
      )
    }
    case 'too_many_attempts': {
      throw new RequestError(
        429,
        'too_many_attempts',
        'too many documents of this user for this network within 24 hours; send one again after Retry-After seconds',
        undefined,
        { retryAfterSeconds: toSeconds(registration.mayBeginAt, now) },
      )
    }
  }
}

/**
 * Takes a document in. Row first, then object: whatever crashes in between, the client's repetition heals it, and
 * verification always finds a row.
 *
 * @returns the verification that answers this upload
 * @throws {RequestError} 415 when the first bytes are those of no known type, 409 while another document of the user is
 * under way for the network, 429 when the user has begun too many attempts for it
 * @throws {UnavailableError} when Postgres or S3 is away
 */
export async function receiveDocument(ports: ReceiveDocumentPorts, request: DocumentRequest): Promise<Verification> {
  checkSignature(request.document)
  const now = ports.now()
  const registration = await ports.registerUpload({
    id: ports.newId(),
    userId: request.userId,
    network: request.network,
    addressType: request.addressType,
    documentSha256: createHash('sha256').update(request.document).digest(),
    requestId: request.requestId,
    now,
  })
  const verification = requireRegistered(registration, now)
  crashPoint('intake-after-row', request.userId)
  if (verification.status === 'pending') await ports.putDocument(verification, request.document)
  crashPoint('intake-after-object')
  return verification
}
