import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Secret, type UrlPolicy } from "../../platform/core/index.ts";
import { type Imported, importDatabase, type Telling } from "../../platform/transfer/index.ts";
import { type TestDatabase, type TestServer, testDatabase, testServer } from "../harness/postgres.ts";

let server: TestServer;
let folder: string;
let source: TestDatabase;
let target: TestDatabase;
beforeAll(async () => {
  server = await testServer();
  folder = mkdtempSync(join(tmpdir(), "nebula-import-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  [source, target] = await Promise.all([testDatabase({ empty: true }), testDatabase({ empty: true })]);
});
afterEach(async () => {
  await Promise.all([source.close(), target.close()]);
  expect(readdirSync(folder), "nothing of a dump is left").toEqual([]);
});

const inside = { inside: ["127.0.0.1"] };

function importing(options: { readonly query?: string; readonly policy?: UrlPolicy; readonly tell?: Telling } = {}) {
  const { query = "", policy = inside, tell = () => undefined } = options;
  const { hostname, port, username, password } = new URL(target.url.reveal());
  return importDatabase({
    source: new Secret(`${source.url.reveal()}${query}`),
    target: {
      ...{ host: hostname, port: Number(port), user: username, database: target.name },
      password: new Secret(password),
    },
    ...{ policy, tell, folder, pgBin: server.pgBin, user: null },
    wake: async () => undefined,
    signal: new AbortController().signal,
  });
}

const filled = `
  create schema sales;
  create table public.customers (id int generated always as identity primary key, name text not null);
  create table sales."Order lines" (id bigserial primary key, customer int references public.customers, note text);
  create view sales.busy as select customer, count(*) from sales."Order lines" group by customer;
  create table sales.empty (a int);
  create table events (at date not null, what text) partition by range (at);
  create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
  insert into customers (name) select 'customer ' || n from generate_series(1, 500) n;
  insert into sales."Order lines" (customer, note) select 1 + n % 500, E'a "quoted"\\n\\\\! line' from generate_series(1, 3000) n;
  insert into events select '2026-03-01', 'x' from generate_series(1, 40);`;

test("definitions and rows come over, progress is told, and every table is counted on both sides", async () => {
  await source.sql.query(filled);
  const told: string[] = [];
  const imported: Imported = await importing({ tell: (phase, message) => told.push(`${phase} ${message}`) });
  expect(imported).toMatchObject({ tables: 4, rows: 3540 });
  const rows = await target.sql.one<{ lines: number; orphans: number; busy: number; next: number }>(
    `select (select count(*) from sales."Order lines")::int as lines, (select count(*) from sales.busy)::int as busy,
       (select count(*) from sales."Order lines" l left join customers c on c.id = l.customer where c.id is null)::int as orphans,
       nextval('sales."Order lines_id_seq"')::int as next`,
  );
  expect(rows).toEqual({ lines: 3000, busy: 500, orphans: 0, next: 3001 });
  expect(told[0]).toMatch(/^connect reached 127\.0\.0\.1:/);
  expect(told.some((line) => line.startsWith("dump ") && line.includes("customers"))).toBe(true);
  expect(told.some((line) => line.startsWith("restore ") && line.includes("customers"))).toBe(true);
  expect(told.at(-1)).toBe("compare 4 tables with 3540 rows are the same on both sides");
});

test("rows that are written while it runs are in neither count: dump and count see one moment", async () => {
  await source.sql.query(filled);
  let written = 0;
  const imported = await importing({
    tell: (phase) => {
      if (phase !== "dump" || written > 0) return;
      written += 1;
      void source.sql.query("insert into customers (name) select 'late' from generate_series(1, 50)");
    },
  });
  expect(imported.rows).toBe(3540);
  expect(written).toBe(1);
});

test("a target that has tables is not touched", async () => {
  await source.sql.query("create table a (b int)");
  await target.sql.query("create table mine (b int)");
  await expect(importing()).rejects.toMatchObject({ code: "NEB697" });
  const found = await target.sql.query<{ name: string }>(
    "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
  );
  expect(found).toEqual([{ name: "mine" }]);
});

test("what cannot be restored leaves nothing: everything, or nothing", async () => {
  await source.sql.query("create table first (a int); insert into first values (1); create table broken (at int);");
  // The definition names a function that exists at the source and is no part of what is dumped.
  await source.sql.query(`create function pg_temp.noop() returns int language sql as 'select 1';
    create schema lost; create function lost.f() returns int language sql as 'select 1';
    alter table broken add column x int default lost.f();`);
  await target.sql.query("create schema lost; create function lost.f() returns text language sql as $$select 'a'$$");
  await expect(importing()).rejects.toMatchObject({ code: "NEB698" });
  const found = await target.sql.query(
    "select from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
  );
  expect(found).toEqual([]);
});

test("extensions are declared first: the refusal says which", async () => {
  await source.sql.query(
    "create extension pg_trgm; create table a (b text); create index on a using gin (b gin_trgm_ops);",
  );
  await expect(importing()).rejects.toMatchObject({ code: "NEB697", message: expect.stringContaining("pg_trgm") });
  await target.sql.query("create extension pg_trgm");
  await expect(importing()).resolves.toMatchObject({ tables: 1 });
});

test("an address inside the network is not asked unless the operator allows it", async () => {
  await expect(importing({ policy: {} })).rejects.toMatchObject({ code: "NEB688" });
});

test("a source that speaks no TLS is refused where TLS is asked for", async () => {
  await expect(importing({ query: "?sslmode=require" })).rejects.toMatchObject({
    code: "NEB697",
    message: expect.stringContaining("speaks no TLS"),
  });
});

test("a wrong password and a server that is not there are said as they are, without the password", async () => {
  const wrong = new URL(source.url.reveal());
  wrong.password = "not-the-password";
  const failure = await importWith(wrong.href).catch((thrown: Error) => thrown);
  expect(String(failure)).not.toContain("not-the-password");
  expect(failure).toBeInstanceOf(Error);
  await expect(importWith("postgres://u:p@127.0.0.1:1/db")).rejects.toMatchObject({ code: "NEB697" });
});

function importWith(url: string) {
  const { hostname, port, username, password } = new URL(target.url.reveal());
  return importDatabase({
    source: new Secret(url),
    target: {
      ...{ host: hostname, port: Number(port), user: username, database: target.name },
      password: new Secret(password),
    },
    ...{ policy: inside, folder, pgBin: server.pgBin, user: null, tell: () => undefined },
    wake: async () => undefined,
    signal: new AbortController().signal,
  });
}
