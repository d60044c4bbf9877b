-- The role of the function that operators call: it reads what tells how the service is, and no person's row.

do $$
begin
  if not exists (select from pg_roles where rolname = 'app_operate') then
    create role app_operate login;
  end if;
end
$$;

grant usage on schema wallet, operations to app_operate;
grant select on operations.heartbeats to app_operate;
-- Of accounts which indices are given, not to whom; of records that wait how many, not what they say.
grant select (keyring_id, account_index) on wallet.accounts to app_operate;
grant select (cause, released_at) on wallet.waiting to app_operate;
