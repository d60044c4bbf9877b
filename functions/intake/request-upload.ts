// The use case of POST /verify/uploads: a row that waits for its document, and a form with which S3 takes just that one.
import type { AddressType, Network, Verification } from '../../shared/model.ts'
import { requireRegistered } from './receive-document.ts'
import type { Registration } from './register-upload.ts'

/** What S3 is to take: exactly so many bytes, as that type. */
export type UploadTerms = { readonly contentType: string; readonly size: number }

export type UploadRequest = UploadTerms & {
  readonly userId: string
  readonly network: Network
  readonly addressType: AddressType
  readonly requestId: string
}

/** What a client asked to upload, until when it may, and the id that a new row would get. */
export type ExpectedUpload = UploadRequest & { readonly id: string; readonly now: Date; readonly expiresAt: Date }

/** A verification whose document may still be uploaded. */
export type OpenUpload = UploadTerms & { readonly id: string; readonly attempt: number }

/** A form of S3's (POST Object): the fields as they are, then the document in a field `file`, as multipart/form-data. */
export type UploadForm = { readonly url: string; readonly fields: Readonly<Record<string, string>> }

export type RequestUploadPorts = {
  /** The row that answers the request: one that waits for its document, or the verification that the user has passed. */
  readonly expectUpload: (upload: ExpectedUpload) => Promise<Registration>
  /** Lets the document come until that time; undefined when it is here, or its time is over. */
  readonly keepUploadOpen: (id: string, times: { now: Date; expiresAt: Date }) => Promise<OpenUpload | undefined>
  readonly signUpload: (upload: OpenUpload, seconds: number) => Promise<UploadForm>
  readonly newId: () => string
  readonly now: () => Date
}

/**
 * How long (s) a form is good: S3 looks when an upload begins, however long that takes. No longer, since it keeps away whoever
 * has chosen another file meanwhile. It ends sooner when the credentials end that it was signed with, those of the function's
 * role. Then the same request gives another one.
 */
const uploadSeconds = 5 * 60

const expireAt = (now: Date) => new Date(now.getTime() + uploadSeconds * 1000)

/**
 * Expects an upload. The same request again is the same verification while its document has not come.
 *
 * @throws {RequestError} 409 while another document of the user is being verified, 429 when there were too many
 * @throws {UnavailableError} when Postgres is away
 */
export async function requestUpload(ports: RequestUploadPorts, request: UploadRequest): Promise<Verification> {
  const now = ports.now()
  const registration = await ports.expectUpload({ ...request, id: ports.newId(), now, expiresAt: expireAt(now) })
  return requireRegistered(registration, now)
}

/**
 * The form for the document of a verification, made anew each time: it is worth what a key is, and never kept.
 *
 * @returns undefined when no document is awaited any more
 * @throws {UnavailableError} when Postgres is away
 */
export async function offerUpload(
  ports: RequestUploadPorts,
  verificationId: string,
): Promise<(UploadForm & { readonly expiresAt: Date }) | undefined> {
  const now = ports.now()
  const expiresAt = expireAt(now)
  const open = await ports.keepUploadOpen(verificationId, { now, expiresAt })
  return open && { ...(await ports.signUpload(open, uploadSeconds)), expiresAt }
}
