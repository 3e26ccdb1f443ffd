import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { makeSqlGround, requestOf, rowsOf, type SqlGround } from "./sql-ground.ts";

let on: SqlGround;
beforeAll(async () => {
  on = await makeSqlGround();
  await on.write(
    "create table notes (id bigint primary key generated always as identity, body text not null, price numeric(12,2), at timestamptz);" +
      "insert into notes (body, price, at) values ('a', 0.10, '2026-01-02 03:04:05.123456+00'), ('b', null, null)",
  );
}, 240_000);
afterAll(() => on?.close());

test("values come as the server's own text, with the names and oids of their types", async () => {
  const answer = await on.read(
    "select 9223372036854775807 as big, 0.10::numeric(12,2) as price, at, null as nothing, true as yes, '{1,2}'::int[] as list from notes where id = 1",
    { timeZone: "Europe/Paris" },
  );
  expect(answer).toMatchObject({ status: "done", transaction: "read-only", problem: null, cursor: null });
  expect(answer.results[0]?.columns).toEqual([
    { name: "big", oid: 20, type: "bigint" },
    { name: "price", oid: 1700, type: "numeric(12,2)" },
    { name: "at", oid: 1184, type: "timestamp with time zone" },
    { name: "nothing", oid: 25, type: "text" },
    { name: "yes", oid: 16, type: "boolean" },
    { name: "list", oid: 1007, type: "integer[]" },
  ]);
  expect(rowsOf(answer)).toEqual([
    ["9223372036854775807", "0.10", "2026-01-02 04:04:05.123456+01", null, "t", "{1,2}"],
  ]);
});

test("a type of the tenant's own has its name too", async () => {
  await on.write("create type mood as enum ('good', 'bad')");
  expect((await on.read("select 'bad'::mood as m")).results[0]?.columns[0]?.type).toBe("mood");
});

test("several statements give several results, in one transaction: all or nothing", async () => {
  const done = await on.write(
    "insert into notes (body) values ('c'); select count(*) from notes; delete from notes where body = 'c'",
  );
  expect(done.transaction).toBe("committed");
  expect(done.results.map(({ command, rowCount }) => [command, rowCount])).toEqual([
    ["INSERT", 1],
    ["SELECT", 1],
    ["DELETE", 1],
  ]);
  const failed = await on.write("insert into notes (body) values ('d');\ninsert into notes (body) values (null)");
  expect(failed).toMatchObject({
    status: "failed",
    transaction: "rolled-back",
    problem: { statement: 1, sqlstate: "23502" },
  });
  expect(failed.problem).toMatchObject({ table: "notes", columnName: "body" });
  expect(rowsOf(await on.read("select 1 from notes where body = 'd'"))).toEqual([]);
});

test("statement by statement, what was done before the one that fails stays", async () => {
  const failed = await on.write("insert into notes (body) values ('e'); select 1/0", { transaction: "each" });
  expect(failed).toMatchObject({ status: "failed", transaction: "each", problem: { sqlstate: "22012" } });
  expect(rowsOf(await on.write("delete from notes where body = 'e' returning body"))).toEqual([["e"]]);
});

test("a text with its own begin and commit is run as it says, and what it leaves open is undone", async () => {
  await on.write("begin; insert into notes (body) values ('f'); rollback; insert into notes (body) values ('g')");
  const left = await on.write("begin; insert into notes (body) values ('h')");
  expect(left).toMatchObject({ status: "done", transaction: "rolled-back" });
  expect(rowsOf(await on.write("delete from notes where body in ('f', 'g', 'h') returning body"))).toEqual([["g"]]);
  await expect(on.write("begin; select 1", { transaction: "all" })).rejects.toMatchObject({ code: "NEB783" });
});

test("what no transaction may hold runs by itself", async () => {
  expect(await on.write("vacuum notes")).toMatchObject({ status: "done" });
  expect(await on.write("create index concurrently on notes (body)")).toMatchObject({ status: "done" });
});

test("a deferred constraint that fails at the end undoes everything and is told", async () => {
  await on.write(
    "create table parents (id int primary key); create table children (p int references parents deferrable initially deferred)",
  );
  const failed = await on.write("insert into children values (7); select 1");
  expect(failed).toMatchObject({
    status: "failed",
    transaction: "rolled-back",
    problem: { sqlstate: "23503", table: "children" },
  });
  expect(rowsOf(await on.read("select 1 from children"))).toEqual([]);
});

test("what is made belongs to the owner, and everybody who reads may read it", async () => {
  await on.write("create table made (a int)");
  const owner = "select relowner::regrole::text from pg_class where relname = 'made'";
  expect(rowsOf(await on.read(owner))).toEqual([[on.wanted.ownerRole]]);
  expect(rowsOf(await on.read("select a from made"))).toEqual([]);
});

test("parameters are bound, never pasted, and must be as many as the statements name", async () => {
  const answer = await on.read("select $1::text, $2::int + 1; select upper($1)", {
    parameters: ["'; drop table notes; --", "41"],
  });
  expect(answer.results.map(({ rows }) => rows)).toEqual([
    [["'; drop table notes; --", "42"]],
    [["'; DROP TABLE NOTES; --"]],
  ]);
  for (const parameters of [[], ["1", "2"]])
    await expect(on.read("select $1", { parameters })).rejects.toMatchObject({ code: "NEB783" });
  expect(await on.write("create function plus(int) returns int return $1 + 1")).toMatchObject({ status: "done" });
});

test("a mistake of the grammar's runs nothing and names its place; one of the server's does too", async () => {
  await expect(on.write("insert into notes (body) values ('i');\nselect * form notes")).rejects.toMatchObject({
    ...{ code: "NEB780", fields: { line: 2, column: 10 } },
  });
  expect(rowsOf(await on.read("select 1 from notes where body = 'i'"))).toEqual([]);
  const failed = await on.read("select 'é😀';\n\n  select nope\n from notes");
  expect(failed.problem).toMatchObject({ statement: 1, sqlstate: "42703", line: 3, column: 10 });
  expect(await on.read("select * from notess")).toMatchObject({ problem: { sqlstate: "42P01", line: 1, column: 15 } });
  expect(await on.read("select upper(id) from notes")).toMatchObject({
    problem: { hint: expect.stringMatching(/type casts/) },
  });
});

test("rows and bytes are limited, and it is said", async () => {
  const many = await on.read("select g from generate_series(1, 100000) g", { maxRows: 10 });
  expect(many.results[0]).toMatchObject({ truncated: true, rowCount: null });
  expect(many.results[0]?.rows).toHaveLength(10);
  const exact = await on.read("select g from generate_series(1, 10) g", { maxRows: 10 });
  expect(exact.results[0]).toMatchObject({ truncated: false, rowCount: 10 });
  const wide = await on.read("select repeat('x', 100000) from generate_series(1, 1000)", { maxBytes: 1_000_000 });
  expect(wide.results[0]?.truncated).toBe(true);
  expect(JSON.stringify(wide).length).toBeLessThan(2_500_000);
});

test("an insert that returns more than is shown has inserted everything", async () => {
  await on.write("create table many (a int)");
  const answer = await on.write("insert into many select generate_series(1, 5000) returning a", { maxRows: 3 });
  expect(answer.results[0]).toMatchObject({ truncated: true });
  expect(rowsOf(await on.read("select count(*) from many"))).toEqual([["5000"]]);
});

test("one value that is too large for anybody ends the request and not the gateway", async () => {
  await expect(on.read("select repeat('x', 300000000)")).rejects.toMatchObject({ code: "NEB788" });
  expect(rowsOf(await on.read("select 1"))).toEqual([["1"]]);
});

test("notices come along, the first hundred of them", async () => {
  const answer = await on.write(
    "do $$ begin for i in 1..300 loop raise notice 'n%', i using hint = 'h'; end loop; end $$",
  );
  expect(answer.notices).toHaveLength(100);
  expect(answer.notices[0]).toMatchObject({ severity: "NOTICE", message: "n1", hint: "h" });
  expect(answer.noticesLost).toBe(200);
});

test("explain is a tree; with analyze it has run, and a write is undone", async () => {
  const plan = await on.read("select * from notes where id = $1", { explain: "plan", parameters: ["1"] });
  expect(plan.results[0]?.plan).toMatchObject([{ Plan: { "Node Type": expect.any(String) } }]);
  const ran = await on.write("delete from notes", { explain: "analyze" });
  expect(ran).toMatchObject({ transaction: "rolled-back" });
  expect(ran.results[0]?.plan).toMatchObject([{ Plan: { "Actual Rows": 0 }, "Execution Time": expect.any(Number) }]);
  expect(rowsOf(await on.read("select count(*) > 0 from notes"))).toEqual([["t"]]);
  const wrong = await on.read("select nope from notes", { explain: "plan" });
  expect(wrong.problem).toMatchObject({ sqlstate: "42703", column: 8 });
});

test("a cancel ends a statement, also one that does not want to hear it, and so does a client that has gone", async () => {
  const deaf =
    "do $$ begin loop begin perform pg_sleep(600); exception when query_canceled then null; end; end loop; end $$";
  for (const [index, sql] of ["select pg_sleep(600)", deaf].entries()) {
    const request = `cancel-${index}`;
    const running = on.write(sql, { request });
    await eventually("it runs", () => isRunning(sql));
    expect(on.desk.cancel({ ...on.writer, user: "eve" }, request)).toBe(false);
    expect(on.desk.cancel(on.writer, request)).toBe(true);
    expect(await running).toMatchObject({ status: "cancelled", problem: { sqlstate: "57014" } });
    await eventually("its backend has ended", async () => !(await isRunning(sql)));
  }
  const gone = new AbortController();
  const running = on.desk.run(on.reader, requestOf("select pg_sleep(601)"), gone.signal);
  await eventually("it runs", () => isRunning("select pg_sleep(601)", "read"));
  gone.abort();
  expect((await running).status).toBe("cancelled");
}, 120_000);

/** Looked at by the same login: nobody else sees what it runs. */
const isRunning = async (sql: string, mode: "read" | "write" = "write"): Promise<boolean> => {
  const active = "reset role; select 1 from pg_stat_activity where query = $1 and state = 'active'";
  const answer = await on.desk.run({ ...on.writer, user: "watcher" }, requestOf(active, { mode, parameters: [sql] }));
  return rowsOf(answer).length === 1;
};

test("a statement has its time, also when it lifts the server's limit", async () => {
  expect(await on.read("select pg_sleep(600)", { timeoutMs: 300 })).toMatchObject({
    status: "timed-out",
    problem: { sqlstate: "57014" },
  });
  expect(await on.read("set statement_timeout = 0; select pg_sleep(600)", { timeoutMs: 300 })).toMatchObject({
    status: "timed-out",
  });
});

test("a cursor gives page after page, to its own user only, and ends with the last", async () => {
  const first = await on.read("select g from generate_series(1, 25) g", { cursor: true, maxRows: 10 });
  const cursor = first.cursor ?? "";
  expect(rowsOf(first)).toHaveLength(10);
  for (const stranger of [{ ...on.reader, user: "eve" }, on.writer])
    await expect(on.desk.page(stranger, cursor)).rejects.toMatchObject({ code: "NEB785" });
  const second = await on.desk.page(on.reader, cursor);
  expect(second.rows.at(-1)).toEqual(["20"]);
  const third = await on.desk.page(on.reader, cursor);
  expect(third).toMatchObject({ cursor: null, rows: [["21"], ["22"], ["23"], ["24"], ["25"]] });
  await expect(on.desk.page(on.reader, cursor)).rejects.toMatchObject({ code: "NEB785" });
});

test("a cursor sees its own moment, is closed by its user, and is for one select only", async () => {
  const first = await on.read("select id from many_rows()", { cursor: true }).catch(() => undefined);
  expect(first?.cursor ?? null).toBeNull();
  const open = await on.read("select g from generate_series(1, 25) g", { cursor: true, maxRows: 1 });
  await on.desk.endCursor(on.reader, open.cursor ?? "");
  await expect(on.desk.page(on.reader, open.cursor ?? "")).rejects.toMatchObject({ code: "NEB785" });
  for (const sql of ["select 1; select 2", "insert into notes (body) values ('x') returning id", "show work_mem"])
    await expect(on.write(sql, { cursor: true })).rejects.toMatchObject({ code: "NEB783" });
});

test("what a request leaves in its session is gone with it", async () => {
  await on.write(
    "set search_path = pg_catalog; create temp table left_here (a int); prepare p as select 1; select set_config('my.secret', 's', false)",
    { transaction: "each" },
  );
  expect(
    rowsOf(
      await on.write(
        "select to_regclass('pg_temp.left_here'), current_setting('my.secret', true), (select count(*) from pg_prepared_statements)",
      ),
    ),
  ).toEqual([[null, null, "0"]]);
});

test("copy, listen and load are not run here, and say what to do instead", async () => {
  for (const sql of [
    "copy notes to stdout",
    "copy notes from '/etc/passwd'",
    "copy (select 1) to program 'id'",
    "listen a",
    "load 'x'",
  ])
    await expect(on.write(sql)).rejects.toMatchObject({ code: "NEB782" });
});
