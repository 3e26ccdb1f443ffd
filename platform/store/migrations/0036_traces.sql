-- Traces that go on across rows.

alter table operations
  add column traceparent text;                           -- W3C trace context of whoever asked for it; null: nothing was traced

create table commit_traces (                             -- which trace a commit belongs to; kept for 30 days
  repository text not null,
  "commit" text not null,
  traceparent text not null,
  at timestamptz not null default clock_timestamp(),
  primary key (repository, "commit")
);
create index commit_traces_at on commit_traces (at);
