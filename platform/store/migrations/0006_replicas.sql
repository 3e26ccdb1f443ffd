-- Many replicas on one ledger: who is there, which singleton each of them holds, and fences that the database itself checks.

create table replicas (                                  -- processes that beat; the truth about leases is in the leases
  id text primary key,                                   -- host/pid/start, the holder that stands in leases
  kind text not null check (kind in ('portal', 'reconciler', 'gateway', 'forge')),
  host text not null,
  pid int not null,
  version text not null,
  address text,                                          -- where it serves, null when it serves nobody
  started_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now()
);

create table singleton_leases (                          -- work that runs once, however many replicas there are
  name text primary key,                                 -- status, usage, repository:<id>...
  holder text,                                           -- null when free
  fence bigint not null default 0,                       -- grows with every holder; an older one writes nothing
  lease_until timestamptz
);

-- The queue. A minute of waiting weighs as much as one step of priority, so nobody waits for ever; the order of two operations
-- never changes while they wait, so an index can hold it.
alter table operations add column turn timestamptz not null default now();
alter table operations add column seq bigint generated always as identity;
update operations set turn = created_at - make_interval(mins => priority) where state = 'QUEUED';
drop index operations_queue;
create index operations_queue on operations (turn, seq) where state = 'QUEUED';
create index operations_waiting on operations (stack, seq) where state = 'QUEUED';
create index stacks_leased on stacks (lease_until) where operation is not null;
alter table operations drop constraint operations_type_check;
alter table operations add constraint operations_type_check check (type in ('DEPLOY', 'DESTROY', 'SCALE_HORIZONTAL',
  'SCALE_VERTICAL', 'EXPAND_STORAGE', 'UPGRADE_VERSION', 'BACKUP', 'RESTORE', 'PAUSE', 'RESUME', 'RESTART', 'MIGRATE',
  'ROTATE_CREDENTIALS', 'PULL_REQUEST'));

-- What a holder writes it writes under its fence; the database refuses an old one, whatever the writer believes. A session shows
-- its fence as `nebula.fence` for the length of a transaction (platform/store/stacks/fence.ts).
create function shown_fence() returns bigint language sql stable
return nullif(current_setting('nebula.fence', true), '')::bigint;

create function refuse_fence(stack text, newest bigint, shown bigint) returns void language plpgsql as $$
begin
  raise exception 'NEB300 lease lost: stack % is at fence %, this writer shows %', stack, newest, coalesce(shown::text, 'none')
    using errcode = '42501';
end $$;

-- An operation under a lease is moved by the holder of that lease only. Asking it to stop, and telling others about it, is free.
create function guard_operation() returns trigger language plpgsql as $$
declare
  lease stacks;
begin
  if old.state <> 'IN_PROGRESS' or old.fence is null or (new.state, new.fence, new.attempt, new.outcome, new.error, new.result,
      new.progress, new.finished_at) is not distinct from (old.state, old.fence, old.attempt, old.outcome, old.error, old.result,
      old.progress, old.finished_at) then
    return new;
  end if;
  select * into lease from stacks where stack = old.stack;
  if lease.operation is distinct from old.id or lease.fence is distinct from shown_fence() then
    perform refuse_fence(old.stack, lease.fence, shown_fence());
  end if;
  return new;
end $$;
create trigger guard before update on operations for each row execute function guard_operation();

-- A line that a holder writes carries the fence it was written under; others write lines without one.
alter table operation_events add column fence bigint;
create function guard_event() returns trigger language plpgsql as $$
declare
  lease stacks;
begin
  select s.* into lease from operations o join stacks s on s.stack = o.stack where o.id = new.operation;
  if lease.operation is distinct from new.operation or lease.fence <> new.fence then
    perform refuse_fence(lease.stack, lease.fence, new.fence);
  end if;
  return new;
end $$;
create trigger guard before insert on operation_events for each row when (new.fence is not null) execute function guard_event();

-- An instance never goes back to an older writer, and a writer that shows a fence shows the newest.
create function guard_instance() returns trigger language plpgsql as $$
declare
  newest bigint;
begin
  if tg_op = 'UPDATE' and new.fence < old.fence then
    perform refuse_fence(new.stack, old.fence, new.fence);
  end if;
  if shown_fence() is not null then
    select fence into newest from stacks where stack = new.stack;
    if newest is distinct from shown_fence() then
      perform refuse_fence(new.stack, newest, shown_fence());
    end if;
  end if;
  return new;
end $$;
create trigger guard before insert or update on instances for each row execute function guard_instance();

-- The lease of a `pulumi up` elsewhere ends its operation under its own fence, as every holder does.
create or replace function ci_end_operation(ended text, ended_state text, ended_outcome text, message text) returns void
language plpgsql as $$
begin
  perform set_config('nebula.fence', (select s.fence::text from operations o join stacks s on s.stack = o.stack where o.id = ended),
    true);
  update operations set state = ended_state, outcome = ended_outcome, finished_at = clock_timestamp()
    where id = ended and state = 'IN_PROGRESS';
  perform add_operation_event(ended, case ended_state when 'COMPLETED' then 'info' else 'error' end, 'ended', message);
  perform pg_notify('nebula_operations', ended);
end $$;

create or replace function ci_release_lease(lease stacks) returns void language plpgsql as $$
declare
  result text;
begin
  select progress ->> 'result' into result from operations where id = lease.operation;
  if result is null then
    perform ci_end_operation(lease.operation, 'COMPLETED', 'unchanged', 'pulumi deployed nothing');
  elsif result = 'succeeded' then
    perform ci_end_operation(lease.operation, 'COMPLETED', 'applied', 'pulumi up succeeded');
  else
    perform ci_end_operation(lease.operation, 'FAILED', 'stalled', 'pulumi up did not succeed');
  end if;
  update stacks set holder = null, operation = null, lease_until = null where stack = lease.stack;
end $$;

create or replace function ci_write(lease stacks, key text, data json) returns void language plpgsql as $$
begin
  if lease.holder is distinct from ci_holder() then
    raise exception 'stack % is not locked by this run; its state may not be written', lease.stack using errcode = '42501';
  end if;
  update stacks set lease_until = clock_timestamp() + interval '60 seconds' where stack = lease.stack;
  if key like '%/.pulumi/history/%.history.json' then
    perform set_config('nebula.fence', lease.fence::text, true);
    update operations set progress = progress || jsonb_build_object('result', state_text(data)::jsonb -> 'result')
      where id = lease.operation;
  end if;
end $$;
