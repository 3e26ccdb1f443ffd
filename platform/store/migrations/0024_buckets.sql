-- What a database's buckets may hold counts as storage of its project (platform/policy, quotaUse); once, for objects have no standbys.

create or replace function quota_use(spec jsonb) returns quota_amounts language plpgsql immutable as $$
declare
  members int := (spec ->> 'instances')::int + (spec ->> 'replicas')::int;
  cpu numeric := case when (spec ->> 'retire')::boolean then 0 else (spec #>> '{compute,maxUnits}')::numeric * members end;
  files numeric := coalesce(
    (select sum((bucket.value ->> 'storageBytes')::numeric) from jsonb_each(spec -> 'buckets') bucket), 0);
begin
  return row(cpu, cpu * 2147483648, (spec ->> 'storageBytes')::numeric * members + files, 1)::quota_amounts;
end $$;
