-- Migrations of tenants' databases: what their files say, and what each database's own record said last.

create table migration_texts (                           -- what a file says, by its hash; as Git had it
  checksum text primary key,
  text text not null,
  seen_at timestamptz not null default clock_timestamp()
);

create table database_schemas (                          -- a copy for lists and plans: the truth stands in the database itself
  instance text primary key,                             -- tenant.project.database
  applied jsonb not null default '{}',                   -- file to checksum, commit, at, operation
  failed jsonb,                                          -- file, checksum, code, message, line: the one that stopped the others
  waits jsonb,                                           -- file, checksum: not run without a person's word
  fingerprint text,                                      -- of the schema after the newest of them
  operation text,                                        -- that wrote this row
  at timestamptz not null default clock_timestamp()
);
