-- How databases are doing, as last looked at, and what portals remember of it for each other.

-- One row a database, overwritten. `figures` and `rates` are figures by the names of platform/telemetry; a sleeper keeps those of before it
-- slept, and `sampled_at` with them. What it says of an instance that has no row any more, housekeeping clears away.
create table database_samples (
  instance text primary key,
  state text not null check (state in ('awake', 'frozen', 'asleep', 'stopped', 'paused', 'damaged')),
  sampled_at timestamptz,
  server_started_at timestamptz,
  figures jsonb not null default '{}' check (jsonb_typeof(figures) = 'object'),
  rates jsonb not null default '{}' check (jsonb_typeof(rates) = 'object'),
  looked_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- The second layer of the metrics path, where no Redis is given. A crash of the ledger's server forgets it, and nothing is lost.
create unlogged table metric_cache (
  key text primary key,
  value jsonb not null,
  kept_at timestamptz not null default clock_timestamp(),
  forget_at timestamptz not null
) with (fillfactor = 50);
create index metric_cache_forget_at on metric_cache (forget_at);
