-- Pulumi's state, fenced by the database itself. One schema a tenant, the table as Pulumi's `postgres://` backend makes it.
--
-- 1. A row of a stack is written only by the holder of the stack's newest fence: the reconciler shows its fence as the session
--    setting `nebula.fence`; a `pulumi up` elsewhere logs in as ci_<tenant> and takes the lease by inserting Pulumi's lock row.
-- 2. A ci_ role reaches the state of its own tenant and the functions of schema `ci`, nothing else. It owns the table through a
--    role, because Pulumi runs `create index if not exists` at every start, so every real DDL of a ci_ role is refused.
-- 3. A lock row remembers the fence it was made under. An older fence can write nowhere any more: its lock is dead by proof.

create function state_schema(tenant text) returns text language sql immutable strict
return 'state_' || replace(tenant, '-', '_');

create function ci_role(tenant text) returns text language sql immutable strict
return 'ci_' || replace(tenant, '-', '_');

-- Pulumi puts the path of the state URL, the database's name, before every key: `nebula/.pulumi/stacks/...`.
create function state_key(path text) returns text language sql stable strict
return current_database() || '/.pulumi/' || path;

-- The stack a state key belongs to: `.../stacks/nebuladb/acme.shop.json`, `.../locks/organization/nebuladb/acme.shop/...`
create function stack_of_state_key(key text) returns text language sql immutable strict
return substring(key from '^[^/]+/\.pulumi/(?:stacks|backups|history|locks/organization|tags)/nebuladb/([a-z][a-z0-9-]*\.[a-z][a-z0-9-]*)(?:[./]|$)');

create function state_text(data json) returns text language sql immutable strict
return convert_from(decode(data ->> 'data', 'base64'), 'utf8');

create function new_operation_id() returns text language plpgsql as $$
declare
  alphabet constant text := '0123456789abcdefghjkmnpqrstvwxyz';
  ms bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
  random_bytes bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
  id text := '';
begin
  for i in 1..10 loop
    id := substr(alphabet, (ms % 32)::int + 1, 1) || id;
    ms := ms / 32;
  end loop;
  for i in 0..15 loop
    id := id || substr(alphabet, get_byte(random_bytes, i * 2) % 32 + 1, 1);
  end loop;
  return 'op_' || id;
end $$;

-- The lease as the guard sees it. `for key share`: a take-over waits until the write that was allowed is done.
create function lease_of(wanted text) returns stacks language plpgsql as $$
declare
  lease stacks;
begin
  select * into lease from stacks where stack = wanted for key share;
  return lease;
end $$;

create function add_operation_event(operation text, level text, phase text, message text) returns void language plpgsql as $$
begin
  insert into operation_events (operation, level, phase, message) values (operation, level, phase, message);
  perform pg_notify('nebula_events', operation);
end $$;

-- Who holds a lease taken by Pulumi's lock. `nebula.run` tells two runs of one role apart (the run's id, in the state URL).
create function ci_holder() returns text language sql stable
return 'ci:' || session_user || ':' || coalesce(nullif(current_setting('nebula.run', true), ''), 'any');

create function ci_take_lease(wanted text) returns bigint language plpgsql as $$
declare
  lease stacks;
  taken text := new_operation_id();
begin
  insert into stacks (stack) values (wanted) on conflict do nothing;
  select * into lease from stacks where stack = wanted for update;
  if lease.operation is not null and (lease.lease_until > clock_timestamp() or lease.holder not like 'ci:%') then
    raise exception 'stack % is being deployed by operation % (%); wait for it to end', wanted, lease.operation, lease.holder
      using errcode = '55006', hint = 'nebula ops watch ' || lease.operation;
  end if;
  if lease.operation is not null then
    perform ci_end_operation(lease.operation, 'FAILED', 'stalled', 'its lease ran out');
  end if;
  update stacks set fence = fence + 1, holder = ci_holder(), operation = taken,
    lease_until = clock_timestamp() + interval '60 seconds' where stack = wanted;
  insert into operations (id, stack, type, state, requested_by, attempt, max_attempts, fence, started_at)
    values (taken, wanted, 'DEPLOY', 'IN_PROGRESS', 'ci:' || session_user, 1, 1, lease.fence + 1, clock_timestamp());
  perform add_operation_event(taken, 'info', 'claimed', 'pulumi up took the lease');
  return lease.fence + 1;
end $$;

create function ci_end_operation(ended text, ended_state text, ended_outcome text, message text) returns void
language plpgsql as $$
begin
  update operations set state = ended_state, outcome = ended_outcome, finished_at = clock_timestamp()
    where id = ended and state = 'IN_PROGRESS';
  perform add_operation_event(ended, case ended_state when 'COMPLETED' then 'info' else 'error' end, 'ended', message);
  perform pg_notify('nebula_operations', ended);
end $$;

-- Pulumi's history, written just before, says how the run ended; `stack init` and the like write none.
create function ci_release_lease(lease stacks) returns void language plpgsql as $$
declare
  result text;
begin
  select progress ->> 'result' into result from operations where id = lease.operation;
  update stacks set holder = null, operation = null, lease_until = null where stack = lease.stack;
  if result is null then
    perform ci_end_operation(lease.operation, 'COMPLETED', 'unchanged', 'pulumi deployed nothing');
  elsif result = 'succeeded' then
    perform ci_end_operation(lease.operation, 'COMPLETED', 'applied', 'pulumi up succeeded');
  else
    perform ci_end_operation(lease.operation, 'FAILED', 'stalled', 'pulumi up did not succeed');
  end if;
end $$;

create function ci_write(lease stacks, key text, data json) returns void language plpgsql as $$
begin
  if lease.holder is distinct from ci_holder() then
    raise exception 'stack % is not locked by this run; its state may not be written', lease.stack using errcode = '42501';
  end if;
  update stacks set lease_until = clock_timestamp() + interval '60 seconds' where stack = lease.stack;
  if key like '%/.pulumi/history/%.history.json' then
    update operations set progress = progress || jsonb_build_object('result', state_text(data)::jsonb -> 'result')
      where id = lease.operation;
  end if;
end $$;

create function guard_state() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  row_key text := case tg_op when 'DELETE' then old.key else new.key end;
  is_lock boolean := row_key like '%/.pulumi/locks/%';
  stack_name text := stack_of_state_key(row_key);
  lease stacks;
begin
  if tg_op = 'UPDATE' and new.key <> old.key then
    raise exception 'a state key does not change' using errcode = '42501';
  end if;
  if stack_name is null or state_schema(split_part(stack_name, '.', 1)) <> tg_table_schema then
    raise exception 'state key % belongs to no stack of this tenant', row_key using errcode = '42501';
  end if;
  if session_user not like 'ci\_%' then
    lease := lease_of(stack_name);
    if lease.operation is null or lease.fence::text is distinct from current_setting('nebula.fence', true) then
      raise exception 'NEB300 lease lost: stack % is at fence %, this session shows %', stack_name, lease.fence,
        coalesce(nullif(current_setting('nebula.fence', true), ''), 'none') using errcode = '42501';
    end if;
  elsif is_lock and tg_op = 'INSERT' then
    perform ci_take_lease(stack_name);
    lease := lease_of(stack_name);
  else
    lease := lease_of(stack_name);
    perform ci_write(lease, row_key, case tg_op when 'DELETE' then old.data else new.data end);
    if is_lock and tg_op = 'DELETE' then
      perform ci_release_lease(lease);
    end if;
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  new.fence := lease.fence;
  return new;
end $$;

create function refuse_state_truncate() returns trigger language plpgsql as $$
begin
  raise exception 'state is not truncated' using errcode = '42501';
end $$;

-- What every ci_ role is a member of. Roles belong to the server: another database of it may have made it before.
do $$ begin
  if not exists (select from pg_roles where rolname = 'nebula_ci') then
    create role nebula_ci nologin;
  end if;
end $$;

-- Makes a tenant's state, once; safe when two do it at the same time.
create function ensure_state(tenant text) returns void language plpgsql as $$
declare
  name text := state_schema(tenant);
begin
  if tenant !~ '^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$' then
    raise exception '% is not a tenant name', tenant using errcode = '22023';
  end if;
  if to_regclass(format('%I.pulumi_state', name)) is not null then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtext('ensure_state'));
  -- A query, not to_regclass: waiting for an advisory lock does not refresh what a session remembers as missing.
  if exists (select from pg_namespace where nspname = name) then
    return;
  end if;
  if not exists (select from pg_roles where rolname = name) then
    execute format('create role %I nologin', name);
  end if;
  execute format('create schema %I', name);
  execute format('grant usage, create on schema %I to %I', name, name);
  execute format('create table %I.pulumi_state (key text primary key, data json not null,
    updated_at timestamp with time zone not null default now(), fence bigint)', name);
  execute format('create index pulumi_state_key_prefix_idx on %I.pulumi_state (key text_pattern_ops)', name);
  execute format('insert into %I.pulumi_state (key, data) values (%L, %L)', name, state_key('meta.yaml'),
    json_build_object('data', encode(convert_to('version: 1' || chr(10), 'utf8'), 'base64')));
  execute format('create trigger guard before insert or update or delete on %I.pulumi_state
    for each row execute function guard_state()', name);
  execute format('create trigger guard_truncate before truncate on %I.pulumi_state
    for each statement execute function refuse_state_truncate()', name);
  execute format('alter table %I.pulumi_state owner to %I', name, name);
end $$;

-- The login role of `pulumi up` outside, with a new password. It sees its tenant's state and schema `ci`.
create function ensure_ci_role(tenant text, password text) returns void language plpgsql as $$
declare
  name text := ci_role(tenant);
  other text;
begin
  perform ensure_state(tenant);
  perform pg_advisory_xact_lock(hashtext('ensure_ci_role'));
  if not exists (select from pg_roles where rolname = name) then
    execute format('create role %I login connection limit 20', name);
    execute format('grant nebula_ci, %I to %I with inherit true, set false', state_schema(tenant), name);
  end if;
  execute format('alter role %I password %L', name, password);
  execute format('alter role %I in database %I set search_path = %I', name, current_database(), state_schema(tenant));
  execute format('alter role %I in database %I set idle_in_transaction_session_timeout = %L', name, current_database(), '10s');
  for other in select datname from pg_database where datallowconn loop
    execute format('revoke all on database %I from public', other);
  end loop;
  execute format('grant connect on database %I to nebula_ci', current_database());
end $$;

-- Removes Pulumi's locks made under a fence older than `below`, for the holder of the lease; says whose they were.
create function remove_dead_locks(wanted text, below bigint) returns table (owner text, lock_fence bigint)
language plpgsql as $$
declare
  lease stacks := lease_of(wanted);
  name text := state_schema(split_part(wanted, '.', 1));
begin
  if to_regclass(format('%I.pulumi_state', name)) is null then
    return;
  end if;
  perform set_config('nebula.fence', lease.fence::text, true);
  return query execute format(
    'delete from %I.pulumi_state where key like %L and coalesce(fence, 0) < %s returning state_text(data), fence',
    name, state_key('locks/organization/nebuladb/' || wanted || '/%'), below);
end $$;

-- Keeps the newest `keep` rows of a stack's history (two an update), for the holder of the lease: Pulumi itself keeps all for ever.
create function prune_history(wanted text, keep int) returns void language plpgsql as $$
declare
  name text := state_schema(split_part(wanted, '.', 1));
begin
  perform set_config('nebula.fence', (lease_of(wanted)).fence::text, true);
  execute format('delete from %I.pulumi_state where key in
    (select key from %I.pulumi_state where key like %L order by key desc offset %s)',
    name, name, state_key('history/nebuladb/' || wanted || '/%'), keep);
end $$;

create schema ci;

create function ci.heartbeat(wanted text) returns boolean language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  update stacks set lease_until = clock_timestamp() + interval '60 seconds' where stack = wanted and holder = ci_holder();
  return found;
end $$;

create function ci.request_effect(wanted text, verb text, input jsonb) returns bigint language plpgsql
security definer set search_path = public, pg_temp as $$
declare
  lease stacks := lease_of(wanted);
  requested bigint;
begin
  if lease.holder is distinct from ci_holder() then
    raise exception 'stack % is not locked by this run', wanted using errcode = '42501';
  end if;
  insert into effects (stack, fence, verb, input) values (wanted, lease.fence, verb, input) returning id into requested;
  perform pg_notify('nebula_effects', requested::text);
  return requested;
end $$;

create function ci.effect(requested bigint) returns table (state text, output jsonb, error jsonb) language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  return query select e.state, e.output, e.error from effects e
    where e.id = requested and ci_role(split_part(e.stack, '.', 1)) = session_user;
end $$;

revoke execute on all functions in schema public, ci from public;
alter default privileges revoke execute on functions from public;

-- What a ci_ role could keep the ledger from working with: its advisory locks, and room for large objects.
do $$ declare
  one regprocedure;
begin
  for one in select oid::regprocedure from pg_proc where pronamespace = 'pg_catalog'::regnamespace
    and (proname ~ '^pg_(try_)?advisory_' or proname ~ '^(lo_|lowrite|loread)') loop
    execute format('revoke execute on function %s from public', one);
  end loop;
end $$;
grant usage on schema ci to nebula_ci;
grant execute on all functions in schema ci to nebula_ci;

create function refuse_ci_ddl() returns event_trigger language plpgsql as $$
begin
  if session_user like 'ci\_%' and (tg_event = 'ddl_command_end' or tg_tag not in ('CREATE TABLE', 'CREATE INDEX')) then
    if tg_event = 'ddl_command_start' or exists (select from pg_event_trigger_ddl_commands()) then
      raise exception 'role % may not change the schema (%)', session_user, tg_tag using errcode = '42501';
    end if;
  end if;
end $$;
create event trigger refuse_ci_ddl_start on ddl_command_start execute function refuse_ci_ddl();
create event trigger refuse_ci_ddl_end on ddl_command_end execute function refuse_ci_ddl();
