-- Branches: databases that began as a copy of another one, some with an end, some as long as a pull request is open.

-- An expired branch is stopped, later taken away, and not made again as long as its declaration says nothing else.
alter table instances drop constraint instances_phase_check;
alter table instances add constraint instances_phase_check
  check (phase in ('Creating', 'Ready', 'Paused', 'Retired', 'Removed', 'Failed', 'Expired'));
create index instances_branches on instances (stack) where spec ? 'branch';

alter table operations drop constraint operations_type_check;
alter table operations add constraint operations_type_check check (type in ('DEPLOY', 'DESTROY', 'SCALE_HORIZONTAL',
  'SCALE_VERTICAL', 'EXPAND_STORAGE', 'UPGRADE_VERSION', 'BACKUP', 'RESTORE', 'PAUSE', 'RESUME', 'RESTART', 'MIGRATE',
  'ROTATE_CREDENTIALS', 'PULL_REQUEST', 'BRANCH', 'IMPORT'));

create index operations_of_branches on operations (finished_at) where type = 'BRANCH';

-- What a pull request asked for by a label.
alter table pulls add column labels text[] not null default '{}';

-- What a database reserves, as before; an expired branch reserves nothing.
create function reserves(one instances) returns boolean language sql stable as $$
  select one.phase not in ('Removed', 'Expired')
$$;

-- What is not declared any more makes room in the deployment that removes it: that creates first. A branch need not be retired for
-- that; one that belongs to a pull request was never declared.
create or replace function leaves(one instances) returns boolean language sql stable as $$
  select (one.phase = 'Retired' or one.spec ? 'branch') and one.spec #>> '{branch,pull}' is null
    and exists (select from projects p where p.stack = one.stack
      and not p.wanted_spec -> 'databases' @> jsonb_build_array(jsonb_build_object('name', one.database)))
$$;

create or replace function admit_quota(wanted text, instance text, spec jsonb) returns void language plpgsql as $$
declare
  own quota_amounts := (select quota_use(i.spec) from instances i where i.id = instance and reserves(i));
  asked quota_amounts := quota_use(spec);
  others quota_amounts;
  limits jsonb;
  over text;
begin
  if asked.cpu <= own.cpu and asked.storage <= own.storage then
    return;
  end if;
  limits := quota_of(wanted);
  if limits is null then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('nebuladb quota ' || wanted, 0));
  select coalesce(sum(u.cpu), 0), coalesce(sum(u.memory), 0), coalesce(sum(u.storage), 0), coalesce(sum(u.databases), 0) into others
    from instances i, quota_use(i.spec) u where i.stack = wanted and i.id <> instance and reserves(i) and not leaves(i);
  select format('%s %s of %s', trim_scale(used), field, trim_scale((limits ->> field)::numeric)) into over
    from (values ('cpuUnits', asked.cpu, own.cpu, others.cpu), ('memoryBytes', asked.memory, own.memory, others.memory),
      ('storageBytes', asked.storage, own.storage, others.storage), ('databases', asked.databases, own.databases, others.databases))
      as amounts (field, more, had, rest), lateral (select rest + more) u (used)
    where used > (limits ->> field)::numeric and more > coalesce(had, 0) limit 1;
  if over is not null then
    raise exception '% would use %', wanted, over using errcode = '53400';
  end if;
end $$;

create or replace function guard_quota() returns trigger language plpgsql as $$
begin
  if new.phase not in ('Removed', 'Expired') then
    perform admit_quota(new.stack, new.id, new.spec);
  end if;
  return new;
end $$;
