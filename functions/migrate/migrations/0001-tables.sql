-- The tables. Ids and instants come from the functions; what must hold is held here.

create schema verification;
create schema wallet;
create schema operations;

create table verification.verifications (
  id uuid primary key,
  -- Compared byte by byte: collation "C" knows neither case nor normal forms.
  user_id text collate "C" not null check (char_length(user_id) between 1 and 255),
  network text not null check (network in ('ethereum', 'bitcoin', 'tron')),
  address_type text not null,
  document_sha256 bytea not null check (octet_length(document_sha256) = 32),
  status text not null default 'pending'
    check (status in ('pending', 'processing', 'verified', 'rejected', 'expired')),
  attempt integer not null default 1 check (attempt >= 1),
  reasons jsonb not null default '[]',
  request_id text not null,
  created_at timestamptz not null,
  verified_at timestamptz,
  announced_at timestamptz,
  unique (user_id, network, address_type, document_sha256),
  check ((status = 'verified') = (verified_at is not null)),
  check (announced_at is null or status = 'verified')
);

create index verifications_unannounced on verification.verifications (verified_at)
  where status = 'verified' and announced_at is null;

-- Verified is final: no later verdict takes it back.
create function verification.keep_verified() returns trigger language plpgsql as $$
begin
  if old.status = 'verified' and
     (to_jsonb(new) - 'announced_at') is distinct from (to_jsonb(old) - 'announced_at') then
    raise exception 'verification % is verified: it does not change', old.id using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;

create trigger keep_verified before update on verification.verifications
  for each row execute function verification.keep_verified();

-- One account index a user, shared by all networks: hardened child numbers 0 to 2^31-1 (BIP-32). The sequence goes on
-- after them, and whoever allocates leaves those values out: at its own end it would refuse a whole batch.
create sequence wallet.account_index as bigint minvalue 0 start 0 no cycle;

create table wallet.accounts (
  user_id text collate "C" primary key check (char_length(user_id) between 1 and 255),
  keyring_id integer not null check (keyring_id >= 1),
  account_index integer not null check (account_index >= 0),
  created_at timestamptz not null,
  unique (keyring_id, account_index),
  -- For the foreign key of wallets: a wallet has the index of its own user.
  unique (user_id, keyring_id, account_index)
);

create table wallet.wallets (
  user_id text collate "C" not null,
  network text not null check (network in ('ethereum', 'bitcoin', 'tron')),
  address_type text not null,
  keyring_id integer not null,
  account_index integer not null,
  derivation_path text not null,
  address text not null,
  -- Compressed, SEC 1 section 2.3.3.
  public_key bytea not null check (octet_length(public_key) = 33),
  account_xpub text not null,
  source_event_id uuid not null,
  source_topic text not null,
  source_partition integer not null,
  source_offset bigint not null,
  request_id text not null,
  created_at timestamptz not null,
  announced_at timestamptz,
  primary key (user_id, network, address_type, keyring_id),
  unique (network, address),
  foreign key (user_id, keyring_id, account_index) references wallet.accounts (user_id, keyring_id, account_index)
);

create index wallets_unannounced on wallet.wallets (created_at) where announced_at is null;

-- An issued row does not change, whoever asks, its owner too. Only the note that it was announced is added, once.
create function wallet.refuse_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and tg_table_name = 'wallets' then
    if (to_jsonb(new) - 'announced_at') = (to_jsonb(old) - 'announced_at')
       and old.announced_at is null and new.announced_at is not null then
      return new;
    end if;
  end if;
  raise exception '%.% holds what was issued: % is refused', tg_table_schema, tg_table_name, lower(tg_op)
    using errcode = 'restrict_violation';
end
$$;

create trigger refuse_change before update or delete on wallet.wallets
  for each row execute function wallet.refuse_change();
create trigger refuse_truncate before truncate on wallet.wallets
  for each statement execute function wallet.refuse_change();
create trigger refuse_change before update or delete on wallet.accounts
  for each row execute function wallet.refuse_change();
create trigger refuse_truncate before truncate on wallet.accounts
  for each statement execute function wallet.refuse_change();

-- Kafka records that are not ours or not understood: the original bytes, for a person.
-- The record's time is part of the key: a topic that was made anew starts again at offset 0.
-- Headers are json, not jsonb, which refuses some names that Kafka takes.
create table wallet.quarantine (
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  recorded_at timestamptz not null,
  key bytea,
  value bytea,
  headers json not null,
  reason text not null,
  quarantined_at timestamptz not null,
  primary key (topic, partition, "offset", recorded_at)
);

-- Good records that cannot become a wallet yet: parked, and published again when their cause is gone.
create table wallet.waiting (
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  recorded_at timestamptz not null,
  key bytea,
  value bytea not null,
  headers json not null,
  cause text not null check (cause in ('no_root', 'root_refused', 'account_indices_used_up')),
  parked_at timestamptz not null,
  released_at timestamptz,
  primary key (topic, partition, "offset", recorded_at)
);

create index waiting_unreleased on wallet.waiting (parked_at) where released_at is null;

-- What the owner of a part last saw of it, for GET /health.
create table operations.heartbeats (
  part text primary key check (part in ('kafka', 'vault', 'documents')),
  status text not null check (status in ('ok', 'failing')),
  seen_at timestamptz not null
);
