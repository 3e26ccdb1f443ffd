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

-- The newest operations of a project or a tenant, a page at a time, however many others there are.
create index operations_of_stack on operations (stack, id);
create index operations_of_tenant on operations (split_part(stack, '.', 1), id);

-- What a project may use, as declared in the fleet and narrowed by itself; null where no fleet is in force. A plan that the fleet
-- lacks grants seed 002's quota (platform/spec, defaultQuota).
create function quota_of(wanted text) returns jsonb language sql stable as $$
  select jsonb_object_agg(field, least((granted ->> field)::numeric, (asked ->> field)::numeric))
  from (
    select coalesce(
        f.fleet -> 'quotas' -> coalesce((select t ->> 'plan' from jsonb_array_elements(f.tenants) t where t ->> 'tenant' = p.tenant), 'standard'),
        '{"cpuUnits": 10, "memoryBytes": 21474836480, "storageBytes": 107374182400, "databases": 10}') as granted,
      p.wanted_spec -> 'quota' as asked
    from projects p join fleets f on f.repository = p.repository where p.stack = wanted
  ) limits, unnest(array['cpuUnits', 'memoryBytes', 'storageBytes', 'databases']) field
$$;

-- What a database reserves: a retired one keeps its storage and its place, and gives its compute back (platform/policy, quotaUse).
create type quota_amounts as (cpu numeric, memory numeric, storage numeric, databases numeric);
create function quota_use(spec jsonb) returns quota_amounts language plpgsql immutable as $$
declare
  members int := (spec ->> 'instances')::int + (spec ->> 'replicas')::int;
  cpu numeric := case when (spec ->> 'retire')::boolean then 0 else (spec #>> '{compute,maxUnits}')::numeric * members end;
begin
  return row(cpu, cpu * 2147483648, (spec ->> 'storageBytes')::numeric * members, 1)::quota_amounts;
end $$;

-- A retired database that is not declared any more makes room in the deployment that removes it: that creates first.
create function leaves(one instances) returns boolean language sql stable as $$
  select one.phase = 'Retired' and exists (select from projects p where p.stack = one.stack
    and not p.wanted_spec -> 'databases' @> jsonb_build_array(jsonb_build_object('name', one.database)))
$$;

-- Whether a database may take what `spec` says, beside what its project has: asked before the machine is touched, and again when it
-- is written. Who grows waits for who grows in the same project, so that two do not both take the last place. What was too
-- much before may stay, and shrink.
create function admit_quota(wanted text, instance text, spec jsonb) returns void language plpgsql as $$
declare
  own quota_amounts := (select quota_use(i.spec) from instances i where i.id = instance and i.phase <> 'Removed');
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
    from instances i, quota_use(i.spec) u where i.stack = wanted and i.id <> instance and i.phase <> 'Removed' and not leaves(i);
  select format('%s %s of %s', trim_scale(used), field, trim_scale((limits ->> field)::numeric)) into over
    from (values ('cpuUnits', asked.cpu, own.cpu, others.cpu), ('memoryBytes', asked.memory, own.memory, others.memory),
      ('storageBytes', asked.storage, own.storage, others.storage), ('databases', asked.databases, own.databases, others.databases))
      as amounts (field, more, had, rest), lateral (select rest + more) u (used)
    where used > (limits ->> field)::numeric and more > coalesce(had, 0) limit 1;
  if over is not null then
    raise exception '% would use %', wanted, over using errcode = '53400';
  end if;
end $$;

create function guard_quota() returns trigger language plpgsql as $$
begin
  if new.phase <> 'Removed' then
    perform admit_quota(new.stack, new.id, new.spec);
  end if;
  return new;
end $$;
create trigger quota before insert or update of spec, phase on instances for each row execute function guard_quota();
