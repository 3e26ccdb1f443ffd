import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readMigration } from "../read/migration.ts";
import * as clients from "./clients.ts";
import * as columns from "./columns.ts";
import { lint, losesData, refusing } from "./lint.ts";
import * as locks from "./locks.ts";
import * as loss from "./loss.ts";

/** A rule, a statement that meets it, and one that does the same without harm. */
const cases: readonly (readonly [rule: string, bad: string, good: string])[] = [
  ["drop-table", "drop table orders", "drop index concurrently i"],
  ["drop-column", "alter table orders drop column note", "alter table orders alter column note set default 'x'"],
  ["drop-schema", "drop schema sales", "create schema sales"],
  ["drop-cascade", "drop view v cascade", "drop view v"],
  ["truncate", "truncate orders", "delete from orders where id = 1"],
  ["delete-without-where", "delete from orders", "delete from orders where id < 10"],
  ["update-without-where", "update orders set note = ''", "update orders set note = '' where id < 10"],
  ["drop-object", "drop function f(int)", "create function f(a int) returns int language sql return 1"],
  [
    "not-null-without-default",
    "alter table orders add column n int not null",
    "alter table orders add column n int not null default 0",
  ],
  [
    "volatile-default",
    "alter table orders add column u uuid default gen_random_uuid()",
    "alter table orders add column at timestamptz default now()",
  ],
  ["rewriting-column", "alter table orders add column n bigserial", "alter table orders add column n bigint"],
  [
    "rewriting-column",
    "alter table orders add column d int generated always as (a * 2) stored",
    "alter table orders add column d int generated always as (a * 2) virtual",
  ],
  [
    "type-change",
    "alter table orders alter column n type bigint",
    "alter table orders alter column n set statistics 100",
  ],
  [
    "set-not-null",
    "alter table orders alter column n set not null",
    "alter table orders add constraint c check (n is not null) not valid",
  ],
  [
    "drop-not-null",
    "alter table orders alter column n drop not null",
    "alter table orders alter column n drop default",
  ],
  [
    "constraint-in-column",
    "alter table orders add column c bigint references customers",
    "alter table orders add column c bigint",
  ],
  ["table-rewrite", "alter table orders set unlogged", "alter table orders set (fillfactor = 90)"],
  ["char-type", "create table t (id bigint primary key, c char(3))", "create table t (id bigint primary key, c text)"],
  [
    "timestamp-without-time-zone",
    "alter table orders add column at timestamp",
    "alter table orders add column at timestamptz",
  ],
  ["narrow-key", "create table t (id int primary key)", "create table t (id bigint primary key, n int)"],
  [
    "blocking-index",
    "create index i on orders (n)",
    "-- nebula: no-transaction\ncreate index concurrently i on orders (n)",
  ],
  ["blocking-index-drop", "drop index i", "-- nebula: no-transaction\ndrop index concurrently i"],
  [
    "constraint-validated-at-once",
    "alter table orders add constraint c foreign key (c) references customers",
    "alter table orders add constraint c foreign key (c) references customers not valid",
  ],
  [
    "unique-constraint",
    "alter table orders add constraint u unique (n)",
    "alter table orders add constraint u unique using index i",
  ],
  [
    "blocking-maintenance",
    "-- nebula: no-transaction\nreindex table orders",
    "-- nebula: no-transaction\nreindex table concurrently orders",
  ],
  ["blocking-maintenance", "refresh materialized view v", "refresh materialized view concurrently v"],
  [
    "attach-partition",
    "alter table events attach partition e1 for values in (1)",
    "create table e2 (id bigint primary key)",
  ],
  ["detach-partition", "alter table events detach partition e1", "create table e2 (id bigint primary key)"],
  ["lock-timeout-off", "set lock_timeout = 0", "set lock_timeout = '10s'"],
  ["lock-timeout-off", "set lock_timeout = '1h'", "set lock_timeout = 500"],
  ["rename-table", "alter table orders rename to sales", "alter index i rename to j"],
  ["rename-column", "alter table orders rename column n to m", "alter table orders rename constraint c to d"],
  ["rename-object", "alter type mood rename value 'ok' to 'fine'", "alter type mood add value 'fine'"],
  ["row-security-off", "alter table orders disable row level security", "alter table orders enable row level security"],
  ["triggers-off", "alter table orders disable trigger all", "alter table orders enable trigger all"],
  ["grant-to-public", "grant select on orders to public", "grant select on orders to reporting"],
  [
    "definer-search-path",
    "create function f() returns int security definer language sql return 1",
    "create function f() returns int security definer set search_path = '' language sql return 1",
  ],
  ["no-primary-key", "create table t (a int)", "create table t (a int, primary key (a))"],
];

const read = (text: string) => readMigration({ file: "0001_x", text });
const rulesOf = async (text: string) => lint([await read(text)]).map(({ id }) => id);
const rules = [loss, columns, locks, clients]
  .flatMap((module) => Object.values(module) as unknown[])
  .filter((one): one is { readonly id: string } => typeof one === "object" && one !== null && "id" in one);

describe("every rule", () => {
  test.each(cases)("%s is met by: %s", async (rule, bad, good) => {
    expect(await rulesOf(bad)).toContain(rule);
    expect(await rulesOf(good)).not.toContain(rule);
    expect((await read(bad)).problems).toEqual([]);
  });

  test("has a case here, and stands in the reference", () => {
    const text = readFileSync(join(import.meta.dirname, "../../../docs/migrations.md"), "utf8");
    const tried = new Set(cases.map(([rule]) => rule));
    expect(rules.length).toBeGreaterThan(30);
    for (const { id } of rules) {
      expect(tried, id).toContain(id);
      expect(text, id).toContain(`\`${id}\``);
    }
  });
});

test("what the same files create is nobody's yet", async () => {
  const first = await read(
    "create table t (id bigint primary key, n int); create index on t (n); alter table t rename to u;",
  );
  const second = await readMigration({ file: "0002_y", text: "alter table t add column c int not null;" });
  expect(lint([first, second])).toEqual([]);
  expect(lint([second])).not.toEqual([]);
});

test("a reason allows the rule that it names, on the statement below it and no other", async () => {
  const text =
    "-- nebula: allow drop-table because it is empty\n-- for ever\ndrop table a;\ndrop table b;\n-- nebula: allow drop-column because no\ndrop table c;";
  const findings = lint([await read(text)]);
  expect(findings.map(({ line, allowed }) => [line, allowed])).toEqual([
    [3, "it is empty"],
    [4, null],
    [6, null],
  ]);
  expect(refusing(findings)).toHaveLength(2);
});

test("an allowance inside of a text is none", async () => {
  const found = lint([
    await read("insert into t values (1, '\n-- nebula: allow drop-table because\n'); drop table a;"),
  ]);
  expect(found.map(({ allowed }) => allowed)).toEqual([null]);
});

test("data is lost by what takes rows or columns away, allowed or not", async () => {
  expect(
    losesData(
      await read("-- nebula: allow drop-table because\n-- nebula: allow drop-table because old\ndrop table a;"),
    ),
  ).toBe(true);
  expect(losesData(await read("alter table a rename to b;"))).toBe(false);
});
