-- What portals count together, and what they tell each other.

-- Requests by whom they are counted for. Unlogged: a crash of the server begins the windows anew, and nothing waits for a disk.
create unlogged table rate_windows (
  key text primary key,                                  -- rule and subject, for example user:ada
  taken int not null,                                    -- handed to portals in this window
  ends_at timestamptz not null
) with (fillfactor = 50);                                -- room on the page: taking tokens touches no index
create index rate_windows_ended on rate_windows (ends_at);

-- Portals remember for a moment whom a token speaks for; this makes them forget at once.
create function notify_access() returns trigger language plpgsql as $$
begin
  perform pg_notify('nebula_access', '');
  return null;
end $$;
create trigger access_changed after delete or update of secret_hash, role, tenant, project, expires_at, revoked_at
  on principals for each statement execute function notify_access();
create trigger access_changed after insert or delete or update of tenants
  on fleets for each statement execute function notify_access();
create trigger access_changed after delete or update of email, email_verified_at, platform_admin, disabled_at
  on users for each statement execute function notify_access();
create trigger access_changed after insert or delete or update of user_id
  on user_identities for each statement execute function notify_access();
create trigger access_changed after delete or update of ended_at
  on sessions for each statement execute function notify_access();

-- What a tenant, or a project of it, used since a time, a page at a time.
create index usage_records_by_tenant on usage_records (tenant, window_start, project, database, meter);
