-- Verified once: also a document that came with its request is a duplicate when its user has passed meanwhile. It keeps its hash,
-- which says what was read. The release before knows none of it and runs on: of such a document it makes a second verified row.

alter table verification.verifications drop constraint verifications_duplicate_document;

-- As before, but for the lock: of an extension and a verdict at once, the second sees the first.
create or replace function verification.extend_verified(
  new_id uuid, person text, new_network text, new_address_type text, new_request_id text, at timestamptz
) returns setof verification.verifications
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  passed verification.verifications;
begin
  perform pg_advisory_xact_lock(hashtext(person), hashtext(new_network));
  return query
    select * from verification.verifications
    where user_id = person and network = new_network and address_type = new_address_type and status = 'verified'
    order by verified_at, id
    limit 1;
  if found then
    return;
  end if;
  select * into passed from verification.verifications
    where user_id = person and status = 'verified'
    order by verified_at, id
    limit 1;
  if not found then
    return;
  end if;
  -- There may be a row of the same document that is not decided, or was given another verdict: these bytes have passed.
  insert into verification.verifications as existing
    (id, user_id, network, address_type, document_sha256, status, request_id, created_at, verified_at, extended_from)
  values
    (new_id, person, new_network, new_address_type, passed.document_sha256, 'verified', new_request_id, at, at, passed.id)
  on conflict (user_id, network, address_type, document_sha256) do update
    set status = 'verified', reasons = '[]', verified_at = excluded.verified_at, extended_from = excluded.extended_from
    where existing.status <> 'verified';
  return query
    select * from verification.verifications
    where user_id = person and network = new_network and address_type = new_address_type and status = 'verified'
    order by verified_at, id
    limit 1;
end
$$;
