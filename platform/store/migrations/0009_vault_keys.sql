-- The application's role, and the keys that seal what the ledger keeps secret.
--
-- 1. Portal and reconciler log in as nebula_app, which is no superuser and owns nothing: no schema change, no other role's login.
--    The owner makes its password and runs migrations (platform/store/prepare.ts).
-- 2. What needs more is a function of the owner's: making a tenant's state and its CI login.
-- 3. Pulumi creates its table `if not exists` at every start, for which Postgres wants the owner of the table; so nebula_app is
--    a member of each state role, and every real DDL of it is refused, as with a ci_ role.

do $$ begin
  create role nebula_app nologin nosuperuser nocreatedb nocreaterole;
exception when duplicate_object or unique_violation then
  null; -- roles belong to the server: another database of it has made it before
end $$;

grant select, insert, update, delete on all tables in schema public to nebula_app;
grant usage, select on all sequences in schema public to nebula_app;
grant execute on all functions in schema public to nebula_app;
alter default privileges in schema public grant select, insert, update, delete on tables to nebula_app;
alter default privileges in schema public grant usage, select on sequences to nebula_app;
alter default privileges in schema public grant execute on functions to nebula_app;
revoke insert, update, delete on migrations from nebula_app;

-- Taken from everybody by 0002, for a ci_ role's sake.
do $$ declare
  one regprocedure;
begin
  for one in select oid::regprocedure from pg_proc where pronamespace = 'pg_catalog'::regnamespace
    and proname ~ '^pg_(try_)?advisory_' loop
    execute format('grant execute on function %s to nebula_app', one);
  end loop;
end $$;

create or replace function refuse_ci_ddl() returns event_trigger language plpgsql as $$
begin
  -- Inside a function of the owner's, current_user is the owner.
  if (session_user like 'ci\_%' or (session_user = 'nebula_app' and current_user = session_user))
    and (tg_event = 'ddl_command_end' or tg_tag not in ('CREATE TABLE', 'CREATE INDEX')) then
    if tg_event = 'ddl_command_start' or exists (select from pg_event_trigger_ddl_commands()) then
      raise exception 'role % may not change the schema (%)', session_user, tg_tag using errcode = '42501';
    end if;
  end if;
end $$;

create function join_state_role(name text) returns void language plpgsql as $$
begin
  if not pg_has_role('nebula_app', name, 'usage') then
    execute format('grant %I to nebula_app with inherit true, set false', name);
  end if;
end $$;
revoke execute on function join_state_role from nebula_app;

alter function ensure_state(text) rename to make_state;
revoke execute on function make_state from nebula_app;

create function ensure_state(tenant text) returns void language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  perform make_state(tenant);
  perform join_state_role(state_schema(tenant));
end $$;

alter function ensure_ci_role(text, text) security definer set search_path = public, pg_temp;

-- What was made before nebula_app was.
select join_state_role(nspname) from pg_namespace
where nspname like 'state\_%' and exists (select from pg_roles where rolname = nspname);

-- Keys under which secrets are sealed, each wrapped by the key-encryption key that `kek` names (platform/keys).
create table data_keys (
  id text primary key,                                   -- dk_...; stands in every value sealed under it: v2:<id>:...
  purpose text not null check (purpose in ('root', 'data')),
  wrapped text not null,
  kek text not null,
  created_at timestamptz not null default clock_timestamp(),
  active_from timestamptz not null,                      -- sealed under from then on: every replica has learned it by then
  retired_at timestamptz                                 -- no value is sealed under it any more
);
create unique index data_keys_root on data_keys (purpose) where purpose = 'root';

create function tell_keys() returns trigger language plpgsql as $$
begin
  perform pg_notify('nebula_keys', '');
  return null;
end $$;
create trigger tell after insert or update on data_keys for each statement execute function tell_keys();
