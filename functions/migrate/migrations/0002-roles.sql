-- One role a function, each with the least that it needs. Passwords, where there are any, are set by the migrate
-- function. Roles belong to the whole server: another database of the same server may have made them already.

do $$
declare
  role_name text;
begin
  foreach role_name in array array['app_intake', 'app_verification', 'app_wallet', 'app_announce', 'app_read'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I login', role_name);
    end if;
  end loop;
end
$$;

revoke all on schema public from public;
revoke execute on all functions in schema verification, wallet from public;

grant usage on schema verification to app_intake, app_verification, app_announce, app_read;
grant usage on schema wallet to app_wallet, app_announce, app_read;
grant usage on schema operations to app_intake, app_verification, app_wallet, app_announce, app_read;

grant select on verification.verifications to app_intake;
-- A row begins pending: no column by which it would begin with a verdict.
grant insert (id, user_id, network, address_type, document_sha256, request_id, created_at)
  on verification.verifications to app_intake;
grant update (status, attempt, reasons, request_id) on verification.verifications to app_intake;

grant select on verification.verifications to app_verification;
grant update (status, reasons, verified_at, announced_at) on verification.verifications to app_verification;

grant select, insert on wallet.accounts, wallet.wallets to app_wallet;
grant usage on sequence wallet.account_index to app_wallet;
grant insert on wallet.quarantine, wallet.waiting to app_wallet;

grant select on verification.verifications, wallet.wallets, wallet.waiting to app_announce;
grant update (announced_at) on verification.verifications, wallet.wallets to app_announce;
grant update (released_at) on wallet.waiting to app_announce;

grant select on verification.verifications, wallet.wallets, operations.heartbeats to app_read;

grant select, insert, update on operations.heartbeats to app_intake, app_verification, app_wallet, app_announce;
