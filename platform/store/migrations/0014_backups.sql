-- Backups: what the object store holds of each database, as last seen. The truth is the store's own catalog, from which a restore
-- works without these rows; they are what the scheduler, the API and the meters go by.

create table backup_lines (                              -- the life of one data folder
  instance text not null,                                -- tenant.project.database
  identity text not null,
  recoverable_from timestamptz,                          -- the first moment that can be restored
  covered_to timestamptz,                                -- and the last
  last_segment text,                                     -- of the log that is stored
  stored_bytes bigint not null default 0,
  base_label text,                                       -- the newest backup
  base_at timestamptz,
  base_segment text,                                     -- the last part of the log that it needs
  full_at timestamptz,                                   -- when the newest full one ended
  tended_at timestamptz,                                 -- what may go went, and what should be there was
  verified_at timestamptz,                               -- a restore was tried and came out right
  copied_at timestamptz,                                 -- everything was in the second location
  problem text,                                          -- what is wrong; null when nothing is
  problem_at timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (instance, identity)
);

create table backups (                                   -- one base backup
  instance text not null,
  identity text not null,
  label text not null,
  kind text not null check (kind in ('full', 'incremental')),
  parent text,                                           -- the label that an incremental one is on top of
  started_at timestamptz not null,
  ended_at timestamptz not null,
  start_lsn text not null,
  stop_lsn text not null,
  stored_bytes bigint not null,
  operation text,                                        -- who asked; null: it was due
  expired_at timestamptz,
  primary key (instance, identity, label)
);
create index backups_by_time on backups (instance, ended_at desc) where expired_at is null;

alter table usage_samples add column backup_byte_ms numeric not null default 0;
