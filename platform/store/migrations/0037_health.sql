-- What the platform says of its own health.

create table component_states (                          -- how a part of the platform was, from when on: a line for each change
  id bigint generated always as identity primary key,
  component text not null,
  state text not null check (state in ('ok', 'degraded', 'down')),
  reasons text[] not null default '{}',                  -- codes of docs/errors.md, never a message
  at timestamptz not null default clock_timestamp()
);
create index component_states_newest on component_states (component, id desc);
create index component_states_at on component_states (at);

create table incidents (                                 -- what operators tell everybody
  id text primary key,
  title text not null,
  impact text not null check (impact in ('none', 'minor', 'major', 'critical')),
  components text[] not null default '{}',
  state text not null check (state in ('investigating', 'identified', 'monitoring', 'resolved')),
  started_at timestamptz not null default clock_timestamp(),
  resolved_at timestamptz,
  constraint incidents_resolved check ((state = 'resolved') = (resolved_at is not null))
);
create index incidents_started on incidents (started_at desc);

create table incident_updates (
  id bigint generated always as identity primary key,
  incident text not null references incidents (id) on delete cascade,
  state text not null,
  message text not null,
  declared_by text not null,                             -- not shown to the public
  at timestamptz not null default clock_timestamp()
);
create index incident_updates_of on incident_updates (incident, id);
