-- Drift: what was found on machines that the declaration does not say, found by looking and never by applying.

-- Which data folder an instance has, as it was when the instance was last brought about. Null until a deployment or a look notes it.
alter table instances add column identity text;

create table drift_checks (                              -- when each instance was last looked at
  instance text primary key,                             -- tenant.project.database
  looked_at timestamptz,                                 -- its files, address, folder
  inspected_at timestamptz,                              -- its server too
  problem text                                           -- why the last look inside failed; null when it did not
);

create table drift_findings (                            -- one difference of one database, from its first sight to its last
  id bigint generated always as identity primary key,
  instance text not null,                                -- tenant.project.database
  stack text not null,
  path text not null,                                    -- as in the spec where it has a word for it: compute.maxUnits
  declared jsonb,
  observed jsonb,
  effect text not null check (effect in ('in place', 'restart', 'by hand')),
  inside boolean not null,                               -- only a look inside the server can see that it is gone
  opened_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  heal_operation text,                                   -- the newest operation that was to heal it
  heal_at timestamptz
);
create unique index drift_open on drift_findings (instance, path) where closed_at is null;
create index drift_by_stack on drift_findings (stack) where closed_at is null;
create index drift_closed on drift_findings (closed_at) where closed_at is not null;

create table drift_orphans (                             -- on a machine, with a tag of ours or another installation's, in no row
  path text primary key,
  kind text not null check (kind in ('instance', 'draft', 'copy', 'server')),
  instance text,                                         -- what it says it is
  owner text,                                            -- the tag that it carries
  ours boolean not null,
  pid int,
  port int,
  reason text not null,
  opened_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp()
);
