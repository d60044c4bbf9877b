-- What the sweep asks beyond the outbox: which verified person has no wallet, and which document no verdict, although it
-- should by now. The release before knows none of it and runs on: what it writes is looked at like any other row.

alter table verification.verifications
  -- The attempt whose missing verdict is noted below.
  add column noted_attempt integer,
  -- When the sweep looked for the wallet of a verified row: it found one, or noted below that there is none.
  add column looked_at timestamptz;

-- Both hold only what is still to be looked at.
create index verifications_undecided on verification.verifications (created_at)
  where status in ('pending', 'processing') and noted_attempt is distinct from attempt;
create index verifications_not_looked_at on verification.verifications (announced_at)
  where announced_at is not null and looked_at is null;

-- As before, with one more note that a verified row takes.
create or replace function verification.keep_verified() returns trigger language plpgsql as $$
begin
  if old.status = 'verified' and
     (to_jsonb(new) - '{announced_at,looked_at}'::text[])
       is distinct from (to_jsonb(old) - '{announced_at,looked_at}'::text[]) then
    raise exception 'verification % is verified: it does not change', old.id using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;

-- What should be there and is not, until it is: a few rows, unless something is broken.
create table verification.overdue (
  verification_id uuid not null references verification.verifications (id),
  missing text not null check (missing in ('verdict', 'wallet')),
  -- Of the verification, when it was noted.
  attempt integer not null,
  -- Since when whoever asked waits.
  since timestamptz not null,
  -- How often it was set going again.
  tries integer not null default 0 check (tries >= 0),
  next_at timestamptz not null,
  -- When the last try had not helped either: from then on it is a person's.
  given_up_at timestamptz,
  primary key (verification_id, missing)
);

create index overdue_next on verification.overdue (missing, next_at);

-- By the event's bytes: whether a record waits already. A hash, since bytes may be longer than an entry of a B-tree.
create index waiting_unreleased_value on wallet.waiting using hash (value) where released_at is null;

grant update (noted_attempt, looked_at) on verification.verifications to app_announce;
grant select, insert, delete on verification.overdue to app_announce;
grant update (attempt, since, tries, next_at, given_up_at) on verification.overdue to app_announce;
