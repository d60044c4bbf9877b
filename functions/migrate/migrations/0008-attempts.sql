-- Attempts: what became of each, how many a person may begin, and one at a time. And which document two users were verified
-- with. The release before knows none of it and runs on: its rows are not exclusive, and its attempts have no history.

alter table verification.verifications
  -- Whether the row, while it is not decided, keeps another one of the same user and network from being begun. False of
  -- what the release before began, of which there may be several.
  add column exclusive boolean not null default false,
  -- HMAC-SHA-256 of the document's SHA-256 under a key of KMS; of what was verified.
  add column document_mac bytea check (octet_length(document_mac) = 32),
  -- Whether another user had been verified with the same document: for a person to look at, and never told to a caller.
  add column shares_document boolean not null default false,
  add constraint verifications_mac check (document_mac is null or status = 'verified'),
  add constraint verifications_shares check (not shares_document or document_mac is not null);

-- One active attempt a user and network.
create unique index verifications_active on verification.verifications (user_id, network)
  where exclusive and status in ('pending', 'processing');
create index verifications_document_mac on verification.verifications (document_mac) where document_mac is not null;
-- For who reviews them.
create index verifications_shares_document on verification.verifications (verified_at) where shares_document;

-- A row an attempt: begun with the upload, completed with the verdict, and then as it is for good.
create table verification.attempts (
  verification_id uuid not null references verification.verifications (id),
  attempt integer not null check (attempt >= 1),
  -- Of the verification, for the bound of attempts.
  user_id text collate "C" not null,
  network text not null,
  began_at timestamptz not null,
  decided_at timestamptz,
  status text check (status in ('verified', 'rejected', 'expired')),
  reasons jsonb not null default '[]',
  -- By which rules it was inspected; null where no inspection led to the verdict.
  rules_version text,
  -- What was asked of the document, in order: [{"check", "outcome", "milliseconds"}].
  checks jsonb not null default '[]',
  primary key (verification_id, attempt),
  check ((status is null) = (decided_at is null))
);

create index attempts_of_user on verification.attempts (user_id, network, began_at);

-- The verdict is noted once; on an attempt that expired also the one that its document led to when it came after all.
create function verification.keep_attempts() returns trigger language plpgsql as $$
declare
  verdict constant text[] := '{decided_at,status,reasons,rules_version,checks}';
begin
  if tg_op = 'UPDATE' and (old.status is null or old.status = 'expired')
     and (to_jsonb(new) - verdict) = (to_jsonb(old) - verdict) then
    return new;
  end if;
  raise exception 'verification.attempts is history: % is refused', lower(tg_op) using errcode = 'restrict_violation';
end
$$;

create trigger keep_attempts before update or delete on verification.attempts
  for each row execute function verification.keep_attempts();
create trigger keep_attempts_whole before truncate on verification.attempts
  for each statement execute function verification.keep_attempts();

grant insert (exclusive), update (exclusive) on verification.verifications to app_intake;
grant update (document_mac, shares_document) on verification.verifications to app_verification;

grant select, insert (verification_id, attempt, user_id, network, began_at) on verification.attempts to app_intake;
-- It inserts those that the release before began.
grant select, insert, update (decided_at, status, reasons, rules_version, checks) on verification.attempts to app_verification;
grant select on verification.attempts to app_read;

-- Read answers strangers: what two users share is not among what it can see.
revoke select on verification.verifications from app_read;
grant select (id, user_id, network, address_type, document_sha256, status, attempt, reasons, request_id, created_at,
  verified_at, announced_at) on verification.verifications to app_read;
