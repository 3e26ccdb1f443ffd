-- The forge's own database: what a Git host knows beside its repositories. References and objects are git's; nothing here
-- repeats them except a pull request's head, which survives the deletion of its branch.

create table accounts (
  id bigint generated always as identity (start with 1001) primary key,
  login text not null,
  type text not null check (type in ('User', 'Organization', 'Bot')),
  name text,
  email text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index accounts_by_login on accounts (lower(login));
create index accounts_by_email on accounts (lower(email));

create table repositories (
  id bigint generated always as identity (start with 1001) primary key,
  owner bigint not null references accounts (id),
  name text not null,
  description text,
  private boolean not null,
  default_branch text not null,
  last_number int not null default 0,                    -- of issues and pull requests
  created_at timestamptz not null,
  updated_at timestamptz not null,
  pushed_at timestamptz not null
);
create unique index repositories_by_name on repositories (owner, lower(name));

create table apps (
  id bigint generated always as identity (start with 101) primary key,
  slug text not null unique,
  name text not null,
  owner bigint not null references accounts (id),
  bot bigint not null references accounts (id),
  public_key text not null,                              -- SPKI PEM; the private key is shown once and not kept
  permissions jsonb not null,
  events text[] not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create table installations (
  id bigint generated always as identity (start with 10001) primary key,
  app bigint not null references apps (id),
  account bigint not null references accounts (id),
  created_at timestamptz not null,
  unique (app, account)
);

create table tokens (
  id bigint generated always as identity primary key,
  hash bytea not null unique,                            -- sha256 of the token; its entropy makes a slow hash pointless
  name text not null,
  account bigint not null references accounts (id),      -- who acts: a user, or an app's bot
  installation bigint references installations (id),
  owner bigint not null references accounts (id),        -- whose repositories it reaches
  repositories bigint[],                                 -- null: all of the owner's
  permissions jsonb not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz
);
create index tokens_expiring on tokens (expires_at) where installation is not null;

create table protections (
  repository bigint not null references repositories (id) on delete cascade,
  branch text not null,
  settings jsonb not null,                               -- see rules/protection.ts
  primary key (repository, branch)
);

create table pulls (
  id bigint generated always as identity (start with 100001) primary key,
  repository bigint not null references repositories (id) on delete cascade,
  number int not null,
  author bigint not null references accounts (id),
  title text not null,
  body text,
  state text not null default 'open' check (state in ('open', 'closed')),
  draft boolean not null default false,
  base_ref text not null,
  base_sha text not null,                                -- tip of the base at the last change of the head, or before the merge
  head_ref text not null,
  head_sha text not null,
  merge_intent text,                                     -- commit about to become the base; proves a merge after a crash
  merge_commit_sha text,
  merged_by bigint references accounts (id),
  merged_at timestamptz,
  closed_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (repository, number)
);
create unique index pulls_open_once on pulls (repository, base_ref, head_ref) where state = 'open';
create index pulls_open_by_head on pulls (repository, head_ref) where state = 'open';
create index pulls_open_by_base on pulls (repository, base_ref) where state = 'open';
create index pulls_by_head_sha on pulls (repository, head_sha);

create table reviews (
  id bigint generated always as identity primary key,
  repository bigint not null,
  number int not null,
  author bigint not null references accounts (id),
  state text not null check (state in ('APPROVED', 'CHANGES_REQUESTED', 'COMMENTED')),
  body text not null,
  commit_sha text not null,
  submitted_at timestamptz not null,
  foreign key (repository, number) references pulls (repository, number) on delete cascade
);
create index reviews_by_pull on reviews (repository, number);

create table comments (
  id bigint generated always as identity (start with 100001) primary key,
  repository bigint not null,
  number int not null,
  author bigint not null references accounts (id),
  app bigint references apps (id),
  body text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  foreign key (repository, number) references pulls (repository, number) on delete cascade
);
create index comments_by_pull on comments (repository, number, id);

create table statuses (
  id bigint generated always as identity (start with 100001) primary key,
  repository bigint not null references repositories (id) on delete cascade,
  sha text not null,
  context text not null,
  state text not null check (state in ('error', 'failure', 'pending', 'success')),
  description text,
  target_url text,
  creator bigint not null references accounts (id),
  app bigint references apps (id),
  created_at timestamptz not null
);
create index statuses_by_commit on statuses (repository, sha, context, id desc);

create table check_suites (
  id bigint generated always as identity (start with 100001) primary key,
  repository bigint not null references repositories (id) on delete cascade,
  app bigint not null references apps (id),
  head_sha text not null,
  created_at timestamptz not null,
  unique (repository, head_sha, app)
);

create table check_runs (
  id bigint generated always as identity (start with 100001) primary key,
  suite bigint not null references check_suites (id) on delete cascade,
  repository bigint not null references repositories (id) on delete cascade,
  app bigint not null references apps (id),
  head_sha text not null,
  name text not null,
  external_id text,
  details_url text,
  status text not null,
  conclusion text,
  started_at timestamptz,
  completed_at timestamptz,
  title text,
  summary text,
  text text
);
create index check_runs_by_commit on check_runs (repository, head_sha, name, id desc);

create table annotations (
  id bigint generated always as identity primary key,
  check_run bigint not null references check_runs (id) on delete cascade,
  path text not null,
  start_line int not null,
  end_line int not null,
  start_column int,
  end_column int,
  annotation_level text not null,
  title text,
  message text not null,
  raw_details text
);
create index annotations_by_run on annotations (check_run, id);

create table deployments (
  id bigint generated always as identity (start with 100001) primary key,
  repository bigint not null references repositories (id) on delete cascade,
  sha text not null,
  ref text not null,
  task text not null,
  payload jsonb not null,
  environment text not null,
  description text,
  transient boolean not null,
  production boolean not null,
  creator bigint not null references accounts (id),
  app bigint references apps (id),
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index deployments_by_repository on deployments (repository, id desc);

create table deployment_statuses (
  id bigint generated always as identity (start with 100001) primary key,
  deployment bigint not null references deployments (id) on delete cascade,
  state text not null,
  description text not null,
  environment text not null,
  environment_url text not null,
  log_url text not null,
  creator bigint not null references accounts (id),
  app bigint references apps (id),
  created_at timestamptz not null
);
create index deployment_statuses_by_deployment on deployment_statuses (deployment, id desc);

create table hooks (                                     -- of a repository, or of an app for all that it is installed on
  id bigint generated always as identity (start with 1001) primary key,
  repository bigint references repositories (id) on delete cascade,
  app bigint unique references apps (id),
  url text not null,
  content_type text not null check (content_type in ('json', 'form')),
  secret_sealed text,                                    -- vault context: forge-hook
  insecure_ssl boolean not null default false,
  events text[] not null,
  active boolean not null,
  last_code int,
  last_status text not null default 'unused',
  last_message text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((repository is null) <> (app is null))
);
create index hooks_by_repository on hooks (repository);

create table deliveries (
  id bigint generated always as identity (start with 100001) primary key,
  hook bigint not null references hooks (id) on delete cascade,
  repository bigint,
  installation bigint,
  guid uuid not null,
  event text not null,
  action text,
  redelivery boolean not null,
  payload text not null,                                 -- the exact bytes that were signed
  request_headers jsonb not null default '{}',
  response_headers jsonb,
  response_body text,
  status text not null default 'pending',
  status_code int not null default 0,
  duration_ms double precision not null default 0,
  created_at timestamptz not null,
  delivered_at timestamptz                               -- null: still to be attempted
);
create index deliveries_by_hook on deliveries (hook, id desc);
create index deliveries_waiting on deliveries (id) where delivered_at is null;
create index deliveries_by_age on deliveries (created_at);
