-- Documents that clients upload to S3 by themselves: a row begins without one, and what it is, is known when it is here. The
-- release before knows none of it and runs on: it meets such a row only when it was rolled back to, and leaves it alone.

alter table verification.verifications
  alter column document_sha256 drop not null,
  -- What S3 was told to take, and until when. Null where the document came with the request.
  add column upload_content_type text,
  add column upload_size integer check (upload_size >= 1),
  add column upload_expires_at timestamptz,
  -- The verification that answers for this one: it is of the same document, or the user had passed.
  add column duplicate_of uuid references verification.verifications (id),
  drop constraint verifications_status_check,
  add constraint verifications_status_check
    check (status in ('pending', 'processing', 'verified', 'rejected', 'expired', 'duplicate')),
  add constraint verifications_duplicate check ((status = 'duplicate') = (duplicate_of is not null)),
  add constraint verifications_upload check (num_nulls(upload_content_type, upload_size, upload_expires_at) in (0, 3)),
  -- Only an upload has no document, until one has come or for ever; and nobody is verified without one.
  add constraint verifications_document check (
    document_sha256 is not null or (upload_expires_at is not null and status <> 'verified')),
  -- The document is the other row's.
  add constraint verifications_duplicate_document check (duplicate_of is null or document_sha256 is null);

-- Uploads that have not come; by it the sweep finds those whose time is over.
create index verifications_awaited on verification.verifications (upload_expires_at)
  where status = 'pending' and document_sha256 is null and noted_attempt is distinct from attempt;

alter table verification.attempts drop constraint attempts_status_check;
alter table verification.attempts add constraint attempts_status_check
  check (status in ('verified', 'rejected', 'expired', 'duplicate'));

grant insert (upload_content_type, upload_size, upload_expires_at), update (upload_expires_at)
  on verification.verifications to app_intake;
-- An upload whose time is over expires when the user comes with another one.
grant update (decided_at, status) on verification.attempts to app_intake;
-- Whose document it is, verification finds out; a verdict on a document that was rejected before is one more attempt.
grant update (document_sha256, duplicate_of, attempt, request_id, exclusive) on verification.verifications to app_verification;
grant select (duplicate_of) on verification.verifications to app_read, app_erase;

-- As before; a duplicate stands on the document of the one that answers for it.
create or replace function verification.document_of(verification_id uuid) returns uuid
language sql stable as $$
  with recursive chain (id, next) as (
    select v.id, coalesce(v.extended_from, v.duplicate_of) from verification.verifications v where v.id = verification_id
    union
    select v.id, coalesce(v.extended_from, v.duplicate_of) from verification.verifications v join chain on v.id = chain.next
  )
  select id from chain where next is null
$$;
