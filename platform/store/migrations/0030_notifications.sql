-- Who is told of what, what a month may cost, and what is held because of money.
--
-- 1. A notification is named by what it says: saying it twice is saying it once.
-- 2. Who is told stands in tenant.ts, so a message keeps its channel's name and never an address or a secret.
-- 3. A hold is never deleted: it says why databases were paused, and who let them go.

create table notifications (
  seq bigint generated always as identity primary key,
  id text not null unique,
  tenant text not null,
  project text,
  kind text not null check (kind ~ '^[a-z]+\.[a-z-]+$'), -- <topic>.<what happened>
  at timestamptz not null,
  data jsonb not null,
  spread_at timestamptz                                  -- when messages were made of it; null: not yet
);
create index notifications_not_spread on notifications (seq) where spread_at is null;
create index notifications_of_tenant on notifications (tenant, seq desc);

create table notification_messages (
  notification text not null references notifications (id) on delete cascade,
  channel text not null,                                 -- made of its kind and whereto (platform/notify)
  tenant text not null,
  state text not null default 'waiting' check (state in ('waiting', 'delivered', 'dead', 'dropped')),
  attempts int not null default 0,
  made_at timestamptz not null,
  due_at timestamptz not null,
  ended_at timestamptz,
  status int,                                            -- of the last attempt, where it was HTTP
  error text,
  primary key (notification, channel)
);
create index notification_messages_due on notification_messages (due_at) where state = 'waiting';

create table budget_alerts (                             -- what was told of a budget: once a month, budget and step
  tenant text not null,
  project text not null default '',                      -- '': the whole tenant
  month text not null check (month ~ '^\d{4}-\d{2}$'),
  budget_micros bigint not null check (budget_micros > 0),
  what text not null check (what in ('spent', 'forecast')),
  percent int not null check (percent > 0),
  micros bigint not null,                                -- what was spent, or foreseen, then
  currency text not null,
  at timestamptz not null,
  primary key (tenant, project, month, budget_micros, what, percent)
);

create table cost_anomalies (
  tenant text not null,
  project text not null,
  day date not null,                                     -- UTC
  micros bigint not null,
  usual_micros bigint not null,
  currency text not null,
  at timestamptz not null,
  primary key (tenant, project, day)
);
create index cost_anomalies_by_day on cost_anomalies (day);

create table holds (
  id text primary key,                                   -- made of what it is about: what was lifted is not held again by itself
  tenant text not null,
  project text,                                          -- null: all of the tenant's
  reason text not null check (reason in ('budget', 'unpaid')),
  data jsonb not null,
  since timestamptz not null,
  lifted_at timestamptz,
  lifted_why text check ((lifted_at is null) = (lifted_why is null)),
  lifted_by text                                         -- who; null: nobody had to
);
create index holds_in_force on holds (tenant) where lifted_at is null;

create table held_databases (                            -- what was paused by holds, and is started when none is left
  instance text primary key,
  stack text not null,
  database text not null,
  operation text not null,                               -- the last one that was asked for
  resuming boolean not null default false,               -- that one starts it again
  paused_at timestamptz not null
);
