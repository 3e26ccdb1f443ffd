-- What is applied is what was reviewed: who asked for which commit, what was reviewed of it, who approved what nobody reviewed,
-- and what a database can be put back to.

create table proposals (                                 -- commits that the portal wrote, and for whom
  repository text not null references repositories (id),
  head text not null,                                    -- the commit; another head of the same branch is somebody else's
  requested_by text not null,
  principal jsonb not null,                              -- kind, grants, scopes and database of who asked, at that moment
  created_at timestamptz not null default now(),
  primary key (repository, head)
);

create table reviews (                                   -- every finished review: one head merged into one base
  repository text not null,
  number int not null,
  head text not null,
  base text not null,
  merge_tree text,                                       -- git's tree of that merge; null: it conflicts
  verdict text not null check (verdict in ('pending', 'success', 'failure', 'error')),
  plan_hash text not null,
  plans jsonb not null,                                  -- [{stack, hash, steps, project}]
  reviewed_at timestamptz not null default clock_timestamp(),
  primary key (repository, number, head, base),
  foreign key (repository, number) references pulls (repository, number) on delete cascade
);

-- Which reviewed plans lead from what runs to what is wanted, oldest first: [{number, head, commit, hash, wanted, steps, project}].
-- Number 0 is what was found at the first look. null: the fleet does without reviews, or the text is older than this column.
alter table projects add column wanted_reviews jsonb;

create table approvals (                                 -- of plans that were stopped: not reviewed, or above the prune budget
  id bigint generated always as identity primary key,
  stack text not null,
  plan_hash text not null,
  operation text not null references operations (id),    -- the one that was stopped
  commit text,
  approved_by text not null,
  approved_at timestamptz not null default clock_timestamp(),
  applied_at timestamptz                                 -- used up by the deployment that it allowed
);
create index approvals_open on approvals (stack, plan_hash) where applied_at is null;

-- The strongest protection of the default branch that was seen; what falls behind it stops the repository.
alter table repositories add column protection jsonb;
alter table repositories add column stalled_commit text;   -- what it was stalled at: an approval speaks of that and nothing later
alter table repositories add column approved_commit text;  -- up to here the history was approved by hand

create table restore_points (                            -- taken before an apply that can touch data
  id text primary key,                                   -- rp_...
  instance text not null,                                -- tenant.project.database
  at timestamptz not null default clock_timestamp(),
  lsn text not null,                                     -- of the server's write-ahead log
  name text not null,                                    -- as given to pg_create_restore_point
  commit text,                                           -- whose declaration ran until then
  operation text not null references operations (id)
);
create index restore_points_by_instance on restore_points (instance, at desc);

-- Rules that a fleet did not name before get their defaults: it is read anew. So is every open pull request: nobody asked before
-- whether its author may change what it changes.
update fleets set inputs = '';
update pulls set posted_at = null where state = 'open';
