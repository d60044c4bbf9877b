-- What a POST may and promises: how often one caller may send one, the answer to a request that comes twice, and the
-- further wallet of a person who is verified. The release before knows none of it and runs on.

-- A token bucket a caller (GCRA: one instant says how full it is). SHA-256 of who calls: no name stands here.
create table operations.rate_limits (
  caller bytea primary key check (octet_length(caller) = 32),
  -- When the bucket is full again. From then on the row says no more than no row does, and may go.
  full_at timestamptz not null,
  -- Whether the last request was let through.
  passed boolean not null
);

-- What was answered under an Idempotency-Key. Hashes, and the answer: no document, no name.
create table operations.idempotency_keys (
  -- SHA-256 of caller, route and key.
  id bytea primary key check (octet_length(id) = 32),
  -- SHA-256 of the request as it was understood.
  request_sha256 bytea not null check (octet_length(request_sha256) = 32),
  -- Who works on it, and until when nobody else may: a function that died has not taken the key with it.
  holder uuid not null,
  leased_until timestamptz not null,
  expires_at timestamptz not null,
  -- The answer, once there is one; never a 5xx.
  status smallint check (status between 200 and 499),
  content_type text,
  location text,
  body text check (octet_length(body) <= 16384),
  check ((status is null) = (body is null) and (status is null) = (content_type is null))
);

create index idempotency_keys_expires_at on operations.idempotency_keys (expires_at);

grant select, insert, update on operations.rate_limits to app_intake;
grant select, insert, update, delete on operations.idempotency_keys to app_intake;

-- Announce, which is called each minute, forgets what is over. It cannot read an answer.
grant select (caller, full_at), delete on operations.rate_limits to app_announce;
grant select (id, expires_at), delete on operations.idempotency_keys to app_announce;

-- The verification that vouches for this one: the same person's, of the same document, for another network or type.
alter table verification.verifications
  add column extended_from uuid references verification.verifications (id),
  add constraint verifications_extended check (extended_from is null or status = 'verified');

create index verifications_extended on verification.verifications (verified_at)
  where extended_from is not null and announced_at is null;

-- No function's role may insert a verified row, and intake's may make none of another. The role below can, and nobody can
-- sign in as it: it acts only as the owner of a function that takes no verdict and no document from its caller.
do $$
begin
  if not exists (select from pg_roles where rolname = 'verified_extender') then
    create role verified_extender nologin;
  end if;
end
$$;

grant usage on schema verification to verified_extender;
grant select on verification.verifications to verified_extender;
grant insert (id, user_id, network, address_type, document_sha256, status, request_id, created_at, verified_at, extended_from)
  on verification.verifications to verified_extender;
grant update (status, reasons, verified_at, extended_from) on verification.verifications to verified_extender;

-- Answers the person's verification for that network and type, and makes it when the person has passed for another one:
-- a row of its own with the document that passed. No row when the person never passed.
create function verification.extend_verified(
  new_id uuid, person text, new_network text, new_address_type text, new_request_id text, at timestamptz
) returns setof verification.verifications
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  passed verification.verifications;
begin
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

revoke execute on function verification.extend_verified from public;
grant execute on function verification.extend_verified to app_intake;

-- To give a function away one must be a member of the new owner, which must be able to create in its schema: for this
-- moment only.
grant verified_extender to current_user;
grant create on schema verification to verified_extender;
alter function verification.extend_verified owner to verified_extender;
revoke create on schema verification from verified_extender;
