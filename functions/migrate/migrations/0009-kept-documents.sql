-- What is kept of documents that passed, and how it is erased. The release before knows none of it and runs on: of what it
-- verifies nothing is kept.

create table verification.kept_documents (
  verification_id uuid primary key references verification.verifications (id),
  -- What its two objects are named after, the key's and the copy's.
  object_id uuid not null,
  object_attempt integer not null check (object_attempt >= 1),
  kept_at timestamptz not null,
  legal_hold boolean not null default false,
  -- From then on its key and its copy may be gone; once both are, the second time is set.
  erasing_since timestamptz,
  erased_at timestamptz,
  unique (object_id, object_attempt),
  check (erased_at is null or erasing_since is not null),
  check (erasing_since is null or not legal_hold)
);

-- What retention looks for, and what a crash left half erased: neither holds what is erased.
create index kept_documents_left on verification.kept_documents (kept_at)
  where erasing_since is null and not legal_hold;
create index kept_documents_erasing on verification.kept_documents (verification_id)
  where erasing_since is not null and erased_at is null;

-- What is kept is of one attempt, and what is erased stays so.
create function verification.keep_erased() returns trigger language plpgsql as $$
begin
  if (new.verification_id, new.object_id, new.object_attempt) is distinct from
     (old.verification_id, old.object_id, old.object_attempt)
     or (old.erasing_since is not null and new.erasing_since is distinct from old.erasing_since)
     or (old.erased_at is not null and new.erased_at is distinct from old.erased_at) then
    raise exception 'the document of verification % does not come back', old.verification_id
      using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;

create trigger keep_erased before update on verification.kept_documents
  for each row execute function verification.keep_erased();

-- The verification whose document a verification stands on: its own, or that which vouches for it.
create function verification.document_of(verification_id uuid) returns uuid
language sql stable as $$
  with recursive chain (id, next) as (
    select v.id, v.extended_from from verification.verifications v where v.id = verification_id
    union
    select v.id, v.extended_from from verification.verifications v join chain on v.id = chain.next
  )
  select id from chain where next is null
$$;

do $$
begin
  if not exists (select from pg_roles where rolname = 'app_erase') then
    create role app_erase login;
  end if;
end
$$;

revoke execute on function verification.keep_erased, verification.document_of from public;
grant execute on function verification.document_of to app_read, app_erase;

grant insert (verification_id, object_id, object_attempt, kept_at) on verification.kept_documents to app_verification;
grant select on verification.kept_documents to app_verification;

grant select (verification_id, erased_at) on verification.kept_documents to app_read;
grant select (extended_from) on verification.verifications to app_read;

grant usage on schema verification to app_erase;
grant select (id, user_id, status, attempt, extended_from) on verification.verifications to app_erase;
grant select on verification.kept_documents to app_erase;
grant update (legal_hold, erasing_since, erased_at) on verification.kept_documents to app_erase;
