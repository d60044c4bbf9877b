// The SQL of what an upload turns out to be, inside the transaction of commit-arrival.ts.
import type { Sql } from '../../shared/database.ts'
import type { Verification } from '../../shared/model.ts'
import { type VerificationRow, verificationColumns } from '../../shared/verifications.ts'

/** What was read as the document of an upload's attempt. */
export type Arrival = { readonly id: string; readonly attempt: number; readonly documentSha256: Uint8Array }

/** The upload, locked; undefined when it is decided, or when it is known already which document it is. */
export async function lockUpload(tx: Sql, { id, attempt }: Arrival): Promise<Verification | undefined> {
  const [upload] = await tx<VerificationRow[]>`
    select ${verificationColumns(tx)} from verification.verifications
    where id = ${id} and attempt = ${attempt} and status = 'processing' and document_sha256 is null
    for update`
  return upload
}

/** The verification that the user has passed for this network and type, else the one of this very document. Locked. */
export async function lockEarlier(
  tx: Sql,
  { userId, network, addressType }: Verification,
  documentSha256: Uint8Array,
): Promise<Verification | undefined> {
  const [earlier] = await tx<VerificationRow[]>`
    select ${verificationColumns(tx)} from verification.verifications
    where user_id = ${userId} and network = ${network} and address_type = ${addressType}
      and (status = 'verified' or document_sha256 = ${documentSha256})
    order by verified_at nulls last, id
    limit 1
    for update`
  return earlier
}

/** Makes an upload that is new one like any other. */
export async function noteDocument(tx: Sql, { id, documentSha256 }: Arrival): Promise<void> {
  await tx`update verification.verifications set document_sha256 = ${documentSha256} where id = ${id}`
}

/**
 * Puts the earlier one under inspection, in the upload's name: as one more attempt, unless it waits for a verdict.
 * Answers which attempt it is; undefined when its verdict is final.
 */
export async function openEarlier(
  tx: Sql,
  { requestId, createdAt }: Verification,
  earlierId: string,
): Promise<{ readonly id: string; readonly attempt: number } | undefined> {
  const [opened] = await tx<{ id: string; attempt: number }[]>`
    with opened as (
      update verification.verifications
      set status = 'processing', exclusive = true, reasons = '[]', request_id = ${requestId},
        attempt = attempt + case when status in ('pending', 'processing') then 0 else 1 end
      where id = ${earlierId} and (status in ('pending', 'processing', 'expired')
        or (status = 'rejected' and not reasons @> '[{"retry": false}]'))
      returning *
    ), begun as (
      insert into verification.attempts (verification_id, attempt, user_id, network, began_at)
      select id, attempt, user_id, network, ${createdAt} from opened
      on conflict do nothing
    )
    select id, attempt from opened`
  return opened
}
