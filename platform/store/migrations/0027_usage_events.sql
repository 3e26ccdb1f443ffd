-- Usage that others measured, as CloudEvents: metering of other placements, gateways elsewhere.

create table usage_events (
  id uuid primary key,                                   -- of its source and its id there: sending one again changes nothing
  source text not null,
  event text not null,                                   -- the id that its source gave it
  kind text not null check (kind in ('delta', 'level', 'counter', 'correction')),
  instance text not null,
  meter text not null,
  since timestamptz,                                     -- a delta is of [since, at)
  at timestamptz not null,
  quantity numeric not null,                             -- as it was sent
  epoch text not null default '',                        -- of a counter: another one began anew
  reason text,
  commit text,                                           -- whose declaration the instance ran when it was filed
  arrived_at timestamptz not null default now()
);
create index usage_events_by_arrival on usage_events (arrived_at);
revoke update, truncate on usage_events from nebula_app;

create table usage_readings (                            -- levels and counters: what holds until the next one
  instance text collate "C" not null,
  meter text collate "C" not null,
  source text collate "C" not null default '',           -- who counted; '': a level, which is the database's
  at timestamptz not null,
  kind text not null check (kind in ('level', 'counter')),
  quantity numeric not null,
  epoch text not null default '',
  commit text,
  event uuid not null,
  primary key (instance, meter, source, at)
);
create index usage_readings_by_time on usage_readings (at);
