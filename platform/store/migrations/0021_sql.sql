-- What people ran in databases by the SQL endpoint, and the queries that they keep. Passwords are masked before a text comes here.

create table sql_history (
  id bigint generated always as identity primary key,
  person text not null,                                  -- e-mail or user name: only they see it
  tenant text not null,
  project text not null,
  database text not null,
  at timestamptz not null default clock_timestamp(),
  mode text not null check (mode in ('read', 'write')),
  status text not null check (status in ('done', 'failed', 'cancelled', 'timed-out', 'refused')),
  code text,                                             -- SQLSTATE, or NEB code of what was not run
  sql text not null,
  statements int not null,
  rows bigint,
  duration_ms int not null
);
create index sql_history_of on sql_history (person, tenant, project, database, id desc);
create index sql_history_at on sql_history (at);

create table sql_queries (
  id text primary key,
  tenant text not null,
  project text not null,
  database text,                                         -- null: for any database of the project
  owner text not null,
  name text not null,
  sql text not null,
  shared boolean not null default false,                 -- with everybody who may run SQL in the project
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  unique (tenant, project, owner, name)
);
