-- The ledger: what NebulaDB knows beside Git. Times are timestamptz from the database's clock; money is integer micro-units.

create table repositories (
  id text primary key,                                   -- repo_...
  owner text not null,
  name text not null,
  default_branch text not null default 'main',
  api_url text not null,                                 -- GitHub REST base, for example http://127.0.0.1:4401/api/v3
  git_url text not null,
  app_id bigint,
  app_key_sealed text,                                   -- sealed PEM of the App's private key
  installation_id bigint,
  hook_secret_sealed text not null,
  bot_token_sealed text not null,                        -- the portal's token
  seen_commit text,                                      -- newest commit of the default branch whose changes are queued
  seen_at timestamptz,                                   -- when it was last fetched and understood
  stalled_code text,                                     -- NEB38x: a force-push, an empty repository...
  stalled_reason text,                                   -- ... in a sentence: nothing is queued until cleared
  unique (owner, name)
);

create table projects (
  stack text primary key,                                -- tenant.project
  tenant text not null,
  project text not null,
  repository text not null references repositories (id),
  wanted_commit text not null,
  wanted_tree text not null,                             -- hash of the project's inputs at wanted_commit
  wanted_spec jsonb,                                     -- null when it does not evaluate
  wanted_hash text,
  applied_commit text,
  applied_spec jsonb,
  applied_hash text,
  status text not null check (status in ('Ready', 'Reconciling', 'Stalled')),
  reason text not null,
  message text not null default '',
  problems jsonb not null default '[]',
  updated_at timestamptz not null default now(),
  unique (tenant, project)
);

create table fleets (                                    -- fleet/ and tenant.ts as of the newest evaluated commit
  repository text primary key references repositories (id),
  commit text not null,
  inputs text not null,                                  -- hash of the files it was read from
  fleet jsonb not null,
  tenants jsonb not null,                                -- TenantSpec[]
  problems jsonb not null default '[]'                   -- why a newer text is not in force
);

create table stacks (                                    -- the lease of a stack: one row, for ever
  stack text primary key,
  fence bigint not null default 0,                       -- newest fence handed out; an older one is refused everywhere
  holder text,                                           -- who: host, pid, start time; null when free
  operation text,
  lease_until timestamptz
);

create table operations (
  id text primary key,                                   -- op_...
  stack text not null,
  database text,                                         -- name inside the project, null for the whole stack
  type text not null check (type in ('DEPLOY', 'DESTROY', 'SCALE_HORIZONTAL', 'SCALE_VERTICAL', 'EXPAND_STORAGE',
    'UPGRADE_VERSION', 'BACKUP', 'RESTORE', 'PAUSE', 'RESUME', 'MIGRATE', 'ROTATE_CREDENTIALS', 'PULL_REQUEST')),
  state text not null default 'QUEUED' check (state in ('QUEUED', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED')),
  priority int not null default 0,
  params jsonb not null default '{}',
  commit text,
  pull_number int,
  requested_by text not null,
  attempt int not null default 0,
  max_attempts int not null default 4,                   -- the first try and 3 retries
  run_after timestamptz not null default now(),
  deadline_seconds int not null default 600,
  fence bigint,                                          -- of the lease it runs under; null: it needs none
  cancel_requested_at timestamptz,                       -- the holder sees it at its next heartbeat
  progress jsonb not null default '{}',
  outcome text,                                          -- applied | unchanged | retry | blocked | stalled
  error jsonb,                                           -- problem document
  result jsonb,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  reported_at timestamptz                                -- its ending was told to the Git host
);
create index operations_queue on operations (priority desc, created_at) where state = 'QUEUED';
create unique index operations_running on operations (stack) where state = 'IN_PROGRESS' and fence is not null;
create index operations_by_stack on operations (stack, created_at desc);
create index operations_by_commit on operations (commit) where commit is not null;
create index operations_unreported on operations (finished_at) where reported_at is null and commit is not null;
create index operations_newest on operations (created_at desc, id desc);

create table operation_events (
  id bigint generated always as identity primary key,
  operation text not null references operations (id) on delete cascade,
  at timestamptz not null default now(),
  level text not null check (level in ('info', 'warn', 'error')),
  phase text not null,                                   -- queued, claimed, evaluate, plan, deploy, provider, ready, ended...
  message text not null,
  data jsonb not null default '{}'
);
create index operation_events_by_operation on operation_events (operation, id);

create table instances (                                 -- what the provider made; the truth is the machine, this is the index
  id text primary key,                                   -- tenant.project.database
  stack text not null,
  database text not null,
  engine text not null,
  placement text not null,
  version text not null,
  phase text not null check (phase in ('Creating', 'Ready', 'Paused', 'Retired', 'Removed', 'Failed')),
  host text,
  port int unique,
  data_dir text,
  spec jsonb not null,                                   -- DatabaseSpec as applied
  fence bigint not null,                                 -- of the last writer
  commit text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  retired_at timestamptz,
  removed_at timestamptz,
  purge_after timestamptz                                -- the final copy is kept until then
);
create index instances_by_stack on instances (stack);

create table credentials (
  instance text not null,
  role text not null,
  password_sealed text not null,                         -- vault context: credential:<instance>:<role>
  version int not null default 1,
  created_at timestamptz not null default now(),
  primary key (instance, role)
);

create table secrets (                                   -- a tenant's own secrets, referenced by name from a declaration
  tenant text not null,
  name text not null,
  value_sealed text not null,                            -- vault context: secret:<tenant>:<name>
  created_at timestamptz not null default now(),
  primary key (tenant, name)
);

create table effects (                                   -- provider calls of `pulumi up` elsewhere, run by the reconciler
  id bigint generated always as identity primary key,
  stack text not null,
  fence bigint not null,
  verb text not null check (verb in ('create', 'read', 'update', 'delete')),
  input jsonb not null,
  state text not null default 'QUEUED' check (state in ('QUEUED', 'DONE', 'FAILED')),
  output jsonb,
  error jsonb,                                           -- problem document
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
create index effects_queue on effects (id) where state = 'QUEUED';

create table pulls (                                     -- which user a bot's pull request belongs to, and its newest review
  repository text not null references repositories (id),
  number int not null,
  requested_by text not null,
  operation text references operations (id),
  auto_merge boolean not null default false,
  head_commit text,
  base_commit text,
  plan jsonb,                                            -- Review, see reconciler/review
  plan_hash text,
  verdict text check (verdict in ('pending', 'success', 'failure', 'error')),
  reviewed_at timestamptz,
  posted_at timestamptz,                                 -- the newest review is on the pull request
  comment_id bigint,
  state text not null default 'open' check (state in ('open', 'merged', 'closed')),
  auto_merge_head text,                                  -- the commit that auto_merge speaks of: no other head is merged
  merge_commit text,
  merged_at timestamptz,
  deployed_commit text,                                  -- the default branch's commit that first contained the merge
  deployed_at timestamptz,                               -- when what it changed was queued
  reported_at timestamptz,                               -- its ending was told on the pull request
  primary key (repository, number)
);

create table deliveries (id text primary key, received_at timestamptz not null default now());

create table principals (                                -- API tokens: found by id, compared as hashes
  id text primary key,                                   -- the public part of ndb_<env>_<id>_<secret><checksum>
  name text not null,
  secret_hash bytea not null,
  user_name text not null,
  role text not null,                                    -- platform-admin or a MemberRole
  tenant text,                                           -- null: the platform
  project text,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);

create table idempotency_keys (
  principal text not null,
  key text not null,
  request_hash text not null,
  status int,
  headers jsonb,
  body jsonb,
  created_at timestamptz not null default now(),
  primary key (principal, key)
);

create table audit_logs (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,                                  -- the operation id of the route table, for example databases.create
  resource text not null,
  tenant text,
  project text,
  address text,
  user_agent text,
  details jsonb not null default '{}',
  result text not null check (result in ('accepted', 'refused', 'failed')),
  operation text,
  commit text
);
create index audit_logs_newest on audit_logs (id desc);

create table usage_samples (                             -- one row a database and slot of metering time; see platform/store/usage
  instance text not null,
  slot timestamptz not null,                             -- start of the slot, aligned
  slot_seconds int not null,
  measured_until timestamptz not null,                   -- how far into the slot the sums below reach
  awake_ms int not null,                                 -- sums only grow, so that writing one twice changes nothing
  compute_unit_ms numeric not null,
  storage_byte_ms numeric not null,
  connection_ms bigint not null,
  compute_units double precision not null,               -- last readings
  storage_bytes bigint not null,
  connections int not null,
  server_started_at timestamptz,                         -- which server answered; null: none did
  commit text,                                           -- whose declaration the instance ran
  primary key (instance, slot),
  check (measured_until > slot and measured_until <= slot + make_interval(secs => slot_seconds)),
  check (awake_ms between 0 and slot_seconds * 1000)
);
create index usage_samples_by_slot on usage_samples (slot);

create table usage_records (
  tenant text not null,
  project text not null,
  database text not null,
  meter text not null,                                   -- compute_unit_seconds | storage_byte_hours | ...
  window_start timestamptz not null,
  window_end timestamptz not null,
  quantity numeric not null check (quantity > 0),
  source text not null,
  revision int not null default 1,                       -- grows when the quantity changes, never otherwise
  commits text[] not null,
  primary key (tenant, project, database, meter, window_start)
);
create index usage_records_by_window on usage_records (window_start, tenant, project, database, meter);

create table settings (key text primary key, value jsonb not null);
