-- What happened to invoices, for whoever acts on it (payments, notifications, mail). An event is written in the transaction of what it
-- says; each consumer keeps how far it came with each.

create table billing_events (
  seq bigint generated always as identity primary key,
  id text not null unique,                               -- <kind>:<invoice>: the same however often it is told
  kind text not null check (kind in ('invoice.finalized', 'invoice.paid', 'invoice.voided')),
  invoice text not null references invoices (id),
  tenant text not null,
  at timestamptz not null,
  data jsonb not null
);

create index billing_events_of_invoice on billing_events (invoice, seq);

create table billing_consumers (                         -- up to which event each has its deliveries below
  name text primary key,
  seq bigint not null default 0
);

create table billing_deliveries (
  consumer text not null,
  event text not null references billing_events (id),
  attempts int not null default 0,
  began_at timestamptz,                                  -- of the first attempt: whether the receiver may still know it; null: none
  run_after timestamptz not null,
  done_at timestamptz,
  receipt jsonb,
  failure text,
  primary key (consumer, event)
);
create index billing_deliveries_open on billing_deliveries (consumer, event) where done_at is null;
revoke update, delete, truncate on billing_events from nebula_app;
