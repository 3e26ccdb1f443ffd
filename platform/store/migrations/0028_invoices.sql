-- What tenants are billed: issued invoices and credit notes, credits, the plans that tenants were on, and what others are told of it.
--
-- 1. An invoice is named by what it bills: closing a month twice makes one.
-- 2. Its number is given in the transaction that issues it, so that numbers have no gaps.
-- 3. What was issued is never changed and never deleted, by nobody (triggers): only paid, and reversed by a credit note of the whole.
-- 4. A tenant's month has at most one invoice that is not reversed.
-- 5. The lines of an invoice are written at once and add up to its total; the ledger asks whoever wrote them.

create table tenant_plans (                              -- which plan since when; written when it changes
  tenant text not null,
  since timestamptz not null,
  plan text,                                             -- null: the tenant is gone
  repository text not null,                              -- whose fleet declares it, or did last: by whose prices it is billed
  primary key (tenant, since)
);

create table invoice_series (
  name text primary key,
  next bigint not null default 1 check (next >= 1)
);
insert into invoice_series (name) values ('INV'), ('CN');

create table invoices (
  id text primary key,                                   -- <tenant>/<month>/<attempt>, /credit of its credit note
  kind text not null check (kind in ('invoice', 'credit-note')),
  tenant text not null,
  month text not null check (month ~ '^\d{4}-\d{2}$'),
  attempt int not null check (attempt >= 1),
  status text not null check (status in ('open', 'paid', 'void')),
  number text not null unique,
  currency text not null,
  price_book text not null,
  total_micros bigint not null,
  body jsonb not null,                                   -- platform/pricing's Invoice, as it was issued, without its lines
  usage_hash text not null,                              -- of the usage it was made of: tells whether something came later
  corrects text references invoices (id),                -- of a credit note: what it reverses
  reversed_by text references invoices (id),
  issued_at timestamptz not null,
  due_at timestamptz not null,
  paid_at timestamptz,
  voided_at timestamptz,
  payment jsonb,
  unique (tenant, month, attempt, kind),
  check ((kind = 'credit-note') = (corrects is not null))
);
create unique index invoices_in_force on invoices (tenant, month) where kind = 'invoice' and reversed_by is null;
create index invoices_newest on invoices (issued_at desc, id desc);
create index invoices_of_month on invoices (month, tenant);
create index invoices_unpaid on invoices (tenant, due_at) where kind = 'invoice' and status = 'open';
create index pulls_by_merge on pulls (merge_commit) where merge_commit is not null;
create index pulls_by_deployed on pulls (deployed_commit) where deployed_commit is not null;
create index fleets_by_tenant on fleets using gin (tenants jsonb_path_ops); -- whose prices a tenant is billed by

create table invoice_lines (
  invoice text not null references invoices (id),
  position int not null,
  kind text not null,
  project text,
  database text,
  meter text,
  micros bigint not null,
  line jsonb not null,                                   -- platform/pricing's InvoiceLine
  primary key (invoice, position)
);

create table credits (
  id text primary key,
  tenant text not null,
  currency text not null,
  amount_micros bigint not null check (amount_micros > 0),
  reason text not null,
  granted_by text not null,
  granted_at timestamptz not null,
  expires_at timestamptz
);
create index credits_of_tenant on credits (tenant, granted_at);

create table credit_uses (                               -- of a credit note: what is given back, negative
  credit text not null references credits (id),
  invoice text not null references invoices (id),
  micros bigint not null,
  primary key (credit, invoice)
);

create table billing_problems (                          -- why a month of a tenant is not closed; gone when it is
  tenant text not null,
  month text not null,
  code text not null,
  message text not null,
  at timestamptz not null,
  primary key (tenant, month)
);

create table pull_costs (                                -- what a merged pull request was estimated at, and what came of it
  repository text not null,
  number int not null,
  stack text not null,
  database text not null,
  month text not null,
  hours int not null,                                    -- in which the database ran as the pull request declares it
  estimated_micros bigint not null,                      -- of those hours
  actual_micros bigint not null,
  currency text not null,
  price_book text not null,
  primary key (repository, number, stack, database, month)
);

create function refuse_issued() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'what was issued is not deleted' using errcode = 'check_violation';
  end if;
  if tg_table_name = 'invoice_lines' then
    raise exception 'invoice % was issued' , old.invoice using errcode = 'check_violation';
  end if;
  if (new.id, new.kind, new.tenant, new.month, new.attempt, new.number, new.currency, new.price_book, new.total_micros, new.body,
      new.usage_hash, new.corrects, new.issued_at, new.due_at)
     is distinct from
     (old.id, old.kind, old.tenant, old.month, old.attempt, old.number, old.currency, old.price_book, old.total_micros, old.body,
      old.usage_hash, old.corrects, old.issued_at, old.due_at)
     or (old.status <> new.status and not (old.status = 'open' and new.status in ('paid', 'void')))
     or (old.status <> 'open' and (new.paid_at, new.payment, new.voided_at) is distinct from (old.paid_at, old.payment, old.voided_at))
     or (old.reversed_by is not null and new.reversed_by is distinct from old.reversed_by) then
    raise exception 'invoice % was issued', old.number using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger invoices_stay before update or delete on invoices for each row execute function refuse_issued();
create trigger invoice_lines_stay before update or delete on invoice_lines for each row execute function refuse_issued();

-- Asked when the transaction ends: an invoice comes before its lines.
create function refuse_sum() returns trigger language plpgsql as $$
begin
  if (select coalesce(sum(micros), 0) from invoice_lines where invoice = new.id) <> new.total_micros then
    raise exception 'the lines of % do not add up to its total', new.number using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger invoices_add_up after insert on invoices deferrable initially deferred
  for each row execute function refuse_sum();

create function refuse_later_lines() returns trigger language plpgsql as $$
begin
  if exists (
    select from invoice_lines l where l.invoice in (select invoice from added)
    group by l.invoice having count(*) <> (select count(*) from added a where a.invoice = l.invoice)
  ) then
    raise exception 'the lines of an invoice are written at once' using errcode = 'check_violation';
  end if;
  return null;
end $$;
create trigger invoice_lines_at_once after insert on invoice_lines referencing new table as added
  for each statement execute function refuse_later_lines();

-- Portal and reconciler have no other way around the triggers either.
revoke delete, truncate on invoices, invoice_lines, credits, credit_uses, tenant_plans from nebula_app;
revoke update, truncate on invoice_lines, credit_uses from nebula_app;
