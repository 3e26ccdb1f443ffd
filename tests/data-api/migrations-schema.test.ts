/** What leads from one schema to another, told and written as SQL: run by a real server, it has to come out there. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  describeSchemaChanges,
  diffSchemas,
  fingerprintOf,
  type Snapshot,
  statementsOf,
  takeSnapshot,
  toScript,
} from "../../platform/migrations/index.ts";
import { makeMigrated } from "./migrations-ground.ts";

let it: Awaited<ReturnType<typeof makeMigrated>>;
beforeAll(async () => {
  it = await makeMigrated();
});
afterAll(() => it?.clear());

const snapshot = (): Promise<Snapshot> => it.door(({ admin }) => takeSnapshot(admin));

/** An empty database of the owner's, with this in it. */
async function begin(text: string): Promise<Snapshot> {
  await it.door(({ admin }) =>
    admin.query(
      "drop schema if exists sales cascade; drop schema public cascade; create schema public; grant all on schema public to public",
    ),
  );
  if (text !== "") await it.tenant(text);
  return snapshot();
}

const small = `
  create table customers (id bigint generated always as identity primary key, name text not null, at timestamptz default now());
  create table orders (id bigint primary key, customer bigint references customers, note varchar(10), total int default 0);
  create index orders_note on orders (note);
  create view open_orders as select id from orders;
  create function twice(n int) returns int language sql return n * 2;`;

const rich = `
  create schema sales;
  create type mood as enum ('good', 'it''s bad');
  create type point3 as (x int, y int);
  create domain email as text not null check (value like '%@%');
  create sequence sales.numbers as int increment by 5 start with 100;
  create table customers (id bigint generated always as identity primary key, name text, at timestamptz default now(), mail email,
    feels mood default 'good', "Odd Name" int, upper_name text generated always as (upper(name)) stored);
  create table orders (id bigint primary key, customer bigint references customers on delete cascade, note text not null, total bigint
    default 7, number int default nextval('sales.numbers'), constraint positive check (total > 0), unique (note, total));
  create table sales.events (id bigint, at date not null, primary key (id, at)) partition by range (at);
  create table sales.events_2026 partition of sales.events for values from ('2026-01-01') to ('2027-01-01');
  create unlogged table scratch (id bigint primary key);
  create unique index on customers (lower(name)) where mail is not null;
  create index events_at on sales.events (at);
  create view big as select id, total from orders where total > 100;
  create materialized view sums as select customer, sum(total) as total from orders group by customer;
  create function twice(n int) returns int language sql return n * 3;
  create function touch() returns trigger language plpgsql as $$ begin new.note := new.note || '!'; return new; end $$;
  create procedure nothing() language plpgsql as $$ begin end $$;
  create trigger touch before update on orders for each row execute function touch();
  alter table orders enable row level security;
  alter table customers enable row level security;
  alter table customers force row level security;
  create policy own on orders for select using (total < 10);
  create policy writes on orders for insert to current_user with check (total > 0);
  grant select, insert on orders to nebula_read;
  grant select on customers to public;
  comment on table orders is 'what was bought';
  comment on column orders.note is 'it''s a note';`;

test.each([
  ["nothing", "", "much", rich],
  ["little", small, "much", rich],
  ["much", rich, "little", small],
  ["much", rich, "nothing", ""],
])("from %s the SQL of a difference leads to %s", async (_, from, __, to) => {
  const wanted = await begin(to);
  const before = await begin(from);
  const script = toScript(statementsOf(diffSchemas(before, wanted)));
  expect(script).not.toMatch(/write it by hand/);
  await it.tenant(`begin;\n${script}\n;commit`).catch((thrown) => {
    throw new Error(`${String(thrown)}\n${script}`);
  });
  const after = await snapshot();
  expect(diffSchemas(after, wanted)).toEqual([]);
  expect(fingerprintOf(after)).toBe(fingerprintOf(wanted));
});

test("a fingerprint is of what there is, not of the order in which it was made", async () => {
  const one = await begin(
    "create table a (x int, y text); create table b (id bigint primary key); create index on a (x); create index on a (y);",
  );
  const other = await begin(
    "create table b (id bigint primary key); create table a (x int, y text); create index on a (y); create index on a (x);",
  );
  expect(fingerprintOf(other)).toBe(fingerprintOf(one));
  const third = await begin(
    "create table b (id bigint primary key); create table a (x int, y text default ''); create index on a (y); create index on a (x);",
  );
  expect(fingerprintOf(third)).not.toBe(fingerprintOf(one));
});

test("a new table is told with its columns and with whether its rows are guarded", async () => {
  const empty = await begin("");
  const told = async (text: string) => describeSchemaChanges(diffSchemas(empty, await begin(text)));
  const lines = ["+ table public.t", "    + n integer"];
  expect(await told("create table t (n int)")).toEqual(lines);
  expect(await told("create table t (n int); alter table t enable row level security")).toEqual([
    ...lines,
    "    + row-level security",
  ]);
});

test("what belongs to an extension, and the record of migrations, are no part of a schema", async () => {
  const before = await begin("create table a (id bigint primary key)");
  await it.door(({ admin }) => admin.query("create extension if not exists pg_trgm with schema public"));
  await it.apply({ "0001_nothing": "select 1;" });
  expect(diffSchemas(before, await snapshot())).toEqual([]);
});
