-- Usage as a ledger of its own. What is filed waits in `usage_pending` until its hour is rolled up, and becomes a record then; what
-- comes later becomes one more record of the same hour, and no record is ever changed. See platform/store/usage and decision 0037.

create table usage_pending (                             -- filed and not recorded yet
  hour timestamptz not null,                             -- UTC
  instance text collate "C" not null,                    -- tenant.project.database; byte by byte, so that a tenant's lie together
  meter text collate "C" not null,
  commits text[] not null,                               -- whose declaration caused it; several only in what an earlier release wrote
  amount numeric not null,                               -- in grains, what is summed exactly: byte-milliseconds, unit-milliseconds, bytes
  grain bigint not null check (grain > 0),               -- grains of one unit of the meter
  source text not null default 'sampled',                -- sampled | reported
  primary key (hour, instance, meter, commits)
) with (fillfactor = 50);                                -- room on the page: adding up touches no index

-- Neither has a default: a reconciler of the release before, which files nothing, is refused, and the next one makes up for it.
alter table usage_samples add column branch_byte_ms numeric not null default 0;
alter table usage_samples alter column branch_byte_ms drop default;
alter table usage_traffic add column filed boolean not null default true; -- false: it came when its hour was final
alter table usage_traffic alter column filed drop default;

alter table usage_records
  add column amount numeric,                             -- exact, in grains; null in records of an earlier release
  add column seq bigint generated always as identity,    -- in the order in which they were written: what a feed goes by
  add column recorded_at timestamptz not null default now(),
  add column reason text,                                -- why somebody corrected it by hand
  drop constraint usage_records_pkey,
  drop constraint usage_records_quantity_check,
  add constraint usage_records_pkey primary key (window_start, tenant, project, database, meter, revision, commits),
  add constraint usage_records_quantity check (quantity >= 0 or revision > 1); -- a correction may take away
drop index usage_records_by_window;
create unique index usage_records_in_order on usage_records (seq);
create index usage_records_in_order_by_tenant on usage_records (tenant, seq); -- a tenant's feed costs what the tenant has
-- Nobody but the owner of the schema changes what was recorded.
revoke update, delete, truncate on usage_records from nebula_app;

create table usage_days (                                -- records added up, as far as `usage_folded` says
  day timestamptz not null,                              -- UTC
  tenant text not null,
  project text not null,
  database text not null,
  meter text not null,
  commits text[] not null,
  quantity numeric not null,
  records int not null,
  first timestamptz not null,                            -- windows: the first one's start, the last one's end
  last timestamptz not null,
  primary key (day, tenant, project, database, meter, commits)
) with (fillfactor = 70);
create index usage_days_by_tenant on usage_days (tenant, day);

create table usage_months (like usage_days including all);
alter table usage_months rename column day to month;

create table usage_folded (                              -- up to which record days and months were added up
  one boolean primary key default true check (one),
  seq bigint not null
);
insert into usage_folded (seq) values (0);

create table usage_gaps (                                -- when nobody looked, and what became of that time
  instance text not null,
  meter text not null default '',                        -- one that is reported from outside; '': all that is sampled
  source text not null default '',                       -- who counts it, where that is a counter
  gap_from timestamptz not null,
  gap_to timestamptz not null check (gap_to > gap_from),
  reason text not null check (reason in ('unwatched', 'unproved', 'too-late', 'clock', 'gone', 'unreported')),
  noted_at timestamptz not null default now(),
  primary key (instance, meter, source, gap_from, reason)
);
create index usage_gaps_by_time on usage_gaps (gap_to);

-- Hours that the release before had open, or would have revised.
insert into usage_pending (hour, instance, meter, commits, amount, grain)
select w.hour, w.instance, w.meter, w.commits, w.amount - coalesce(r.quantity * w.grain, 0), w.grain
from (
  select s.hour, s.instance, m.meter, s.commits, m.amount, m.grain
  from (
    select instance, date_trunc('hour', slot, 'UTC') as hour, sum(compute_unit_ms) as unit_ms, sum(frozen_unit_ms) as frozen_ms,
           sum(storage_byte_ms) as byte_ms, sum(backup_byte_ms) as backup_byte_ms, sum(connection_ms)::numeric as connection_ms,
           coalesce(array_agg(distinct commit order by commit) filter (where commit is not null), '{}') as commits
    from usage_samples where slot >= date_trunc('hour', now(), 'UTC') - interval '72 hours' group by 1, 2
  ) s cross join lateral (values
    ('compute_unit_seconds', unit_ms, 1000), ('frozen_unit_seconds', frozen_ms, 1000), ('storage_byte_hours', byte_ms, 3600000),
    ('backup_byte_hours', backup_byte_ms, 3600000), ('connection_seconds', connection_ms, 1000)) m (meter, amount, grain)
  union all
  select t.hour, t.instance, m.meter, t.commits, m.amount, 1
  from (
    select instance, date_trunc('hour', at, 'UTC') as hour, sum(bytes_out) as bytes, sum(requests) as requests,
           coalesce(array_agg(distinct commit order by commit) filter (where commit is not null), '{}') as commits
    from usage_traffic where at >= date_trunc('hour', now(), 'UTC') - interval '72 hours' group by 1, 2
  ) t cross join lateral (values ('egress_bytes', bytes), ('api_requests', requests)) m (meter, amount)
) w
left join usage_records r on r.window_start = w.hour and r.tenant || '.' || r.project || '.' || r.database = w.instance
  and r.meter = w.meter
where w.amount > 0 and (r.quantity is null or round(w.amount / w.grain, 6) <> r.quantity);
