-- What a payment service was asked for, and what it said. Nothing here is a secret: keys and numbers of cards are there, never here.
--
-- 1. That something begins is written before it is sent: whoever comes later asks there first.
-- 2. What the service tells is kept before it is acted on, once by its id.

create table payment_customers (
  tenant text primary key,
  began_at timestamptz not null,
  customer text unique,                                  -- its id there; null: asked for, and nobody knows yet
  subscription text
);

create table payment_invoices (
  invoice text primary key references invoices (id),
  tenant text not null,
  began_at timestamptz not null,
  remote text unique,                                    -- its id there
  state text not null default 'begun' check (state in ('begun', 'draft', 'open', 'paid', 'void', 'uncollectible')),
  amount bigint,                                         -- in the smallest unit there
  refunded bigint not null default 0,
  currency text,
  pay_url text,                                          -- where a person pays it
  failures int not null default 0,                       -- times that money could not be taken
  failed_at timestamptz,
  looked_at timestamptz,                                 -- when it was last asked for there
  problem jsonb                                          -- {code, message, at}: why it stands still; null: it does not
);
create index payment_invoices_open on payment_invoices (looked_at) where state in ('begun', 'draft', 'open');
create index payment_invoices_of_tenant on payment_invoices (tenant, began_at desc, invoice desc);
create index payment_invoices_stuck on payment_invoices (began_at) where problem is not null;

create table payment_events (
  id text primary key,                                   -- the one that the service gave it
  type text not null,
  object text not null,                                  -- what it is about, by its id there
  created_at timestamptz not null,
  received_at timestamptz not null,
  attempts int not null default 0,
  due_at timestamptz not null,
  done_at timestamptz,
  outcome text                                           -- applied | unchanged | ignored | unknown | dead
);
create index payment_events_due on payment_events (due_at) where done_at is null;

create table payment_usage (                             -- usage that is told there, for people to look at; an outbox
  id text primary key,                                   -- made of tenant, meter, hour and part: the same however often it is told
  tenant text not null,
  meter text not null,
  hour timestamptz not null,                             -- UTC
  part int not null,                                     -- corrections of an hour come after its first
  value bigint not null,                                 -- whole units; what is left of one goes into the next part or hour
  state text not null default 'waiting' check (state in ('waiting', 'begun', 'told', 'late')),
  began_at timestamptz,
  told_at timestamptz,
  attempts int not null default 0,
  due_at timestamptz not null,
  failure text,
  unique (tenant, meter, hour, part)
);
create index payment_usage_open on payment_usage (due_at) where state in ('waiting', 'begun');

create table payment_usage_rest (                        -- millionths that were not a whole unit yet
  tenant text not null,
  meter text not null,
  millionths bigint not null,
  primary key (tenant, meter)
);

create table payment_checks (                            -- our invoices held against the service's
  at timestamptz primary key,
  checked int not null,
  differences jsonb not null                             -- [{invoice, number, what, ours, theirs}]
);

create table payment_standings (                         -- how a tenant stands with what it owes
  tenant text primary key,
  state text not null check (state in ('good', 'overdue', 'grace', 'suspended')),
  since timestamptz not null,
  invoice text references invoices (id),                 -- the oldest that is not paid
  reminders int not null default 0
);
create index payment_standings_not_good on payment_standings (tenant) where state <> 'good';
