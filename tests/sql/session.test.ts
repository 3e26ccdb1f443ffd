import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeSessionPool, openSession, type Session } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

let db: TestDatabase;
const opened: Session[] = [];
beforeAll(async () => {
  db = await testDatabase({ empty: true });
  await db.sql.query("create table t (id int primary key, other int references t deferrable initially deferred)");
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((session) => session.close()));
  await db.sql.query("delete from t");
});
afterAll(() => db.close());

async function open(more: Partial<Parameters<typeof openSession>[0]> = {}) {
  const session = await openSession({ url: db.url, applicationName: "session test", ...more });
  opened.push(session);
  return session;
}
const count = async () => (await db.sql.one<{ n: number }>("select count(*) as n from t")).n;

describe("a script", () => {
  test("is one transaction that commits at its end", async () => {
    const session = await open();
    const end = await session.run([
      { text: "insert into t values ($1)", values: ["1"] },
      { text: "select id, other from t where id = $1", values: ["1"], name: "one" },
    ]);
    expect(end).toEqual({
      kind: "done",
      results: [
        { rows: [], command: "INSERT 0 1" },
        { rows: [["1", null]], command: "SELECT 1" },
      ],
    });
    expect(await count()).toBe(1);
  });
  test("undoes everything when a step fails, and says what the server said", async () => {
    const session = await open();
    const end = await session.run([{ text: "insert into t values (1)" }, { text: "insert into t values (1)" }]);
    expect(end).toMatchObject({ kind: "refused", error: { code: "23505", constraint: "t_pkey" } });
    expect(await count()).toBe(0);
    expect(await session.run([{ text: "select 1" }])).toMatchObject({ kind: "done" });
    expect(session.isClean()).toBe(true);
  });
  test("hears what is refused at its end only", async () => {
    const session = await open();
    expect(await session.run([{ text: "insert into t values (1, 99)" }])).toMatchObject({
      kind: "refused",
      error: { code: "23503" },
    });
    expect(await count()).toBe(0);
  });
  test("that begins a transaction leaves it open, and its session is not clean", async () => {
    const session = await open();
    await session.run([{ text: "begin" }, { text: "insert into t values (1)" }]);
    expect([session.isClean(), await count()]).toEqual([false, 0]);
    await session.run([{ text: "commit" }]);
    expect([session.isClean(), await count()]).toEqual([true, 1]);
  });
  test("keeps settings of its transaction to itself", async () => {
    const session = await open();
    const end = await session.run([
      { text: "select set_config('a.b', 'x', true)" },
      { text: "select current_setting('a.b')" },
    ]);
    expect(end).toMatchObject({ results: [{}, { rows: [["x"]] }] });
    expect(await session.run([{ text: "select current_setting('a.b', true)" }])).toMatchObject({
      results: [{ rows: [[""]] }],
    });
  });
});

describe("prepared statements", () => {
  test("are many on a connection, and the oldest go", async () => {
    const session = await open();
    for (let n = 0; n < 320; n++) await session.run([{ text: `select ${n}`, name: `s${n}` }]);
    expect(await session.run([{ text: "select 0", name: "s0" }])).toMatchObject({ results: [{ rows: [["0"]] }] });
    expect(await session.run([{ text: "select count(*)::text from pg_prepared_statements" }])).toMatchObject({
      results: [{ rows: [["300"]] }],
    });
  });
  test("of one name may change their text", async () => {
    const session = await open();
    await session.run([{ text: "select 1", name: "s" }]);
    expect(await session.run([{ text: "select 2", name: "s" }])).toMatchObject({ results: [{ rows: [["2"]] }] });
  });
  test("that did not parse are parsed again", async () => {
    const session = await open();
    const step = { text: "select * from later_made", name: "s" };
    expect(await session.run([step])).toMatchObject({ kind: "refused", error: { code: "42P01" } });
    await db.sql.query("create table later_made ()");
    expect(await session.run([step])).toMatchObject({ kind: "done" });
  });
  test("that somebody threw away make a session unclean", async () => {
    const session = await open();
    await session.run([{ text: "select 1", name: "s" }]);
    await session.run([{ text: "deallocate all" }]);
    expect(await session.run([{ text: "select 1", name: "s" }])).toMatchObject({
      kind: "refused",
      error: { code: "26000" },
    });
    expect(session.isClean()).toBe(false);
  });
});

test("a session hears notifications, and says when it is lost", async () => {
  const heard: string[] = [];
  let isLost = false;
  const session = await open({
    listen: ["news"],
    onNotify: (channel, payload) => void heard.push(`${channel} ${payload}`),
    onLost: () => {
      isLost = true;
    },
  });
  await db.sql.query("select pg_notify('news', 'x')");
  await eventually("the notification", () => heard.includes("news x"));
  await db.sql.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'session test'");
  await eventually("the loss", () => isLost);
  expect(session.isClean()).toBe(false);
  await expect(session.run([{ text: "select 1" }])).rejects.toMatchObject({ code: "NEB910" });
});

describe("a pool", () => {
  const make = (max: number, more: object = {}) =>
    makeSessionPool({
      max,
      open: (onLost) => openSession({ url: db.url, applicationName: "session pool", onLost }),
      ...more,
    });
  test("lends a session to one at a time, and opens no more than it may", async () => {
    const pool = make(2);
    try {
      let most = 0;
      let now = 0;
      await Promise.all(
        Array.from({ length: 20 }, () =>
          pool.lend(async (session) => {
            most = Math.max(most, ++now);
            await session.run([{ text: "select pg_sleep(0.01)" }]);
            now--;
          }),
        ),
      );
      expect([most, pool.size()]).toEqual([2, 2]);
    } finally {
      await pool.close();
    }
  });
  test("does not lend again what is in a transaction", async () => {
    const pool = make(1);
    try {
      await pool.lend((session) => session.run([{ text: "begin" }, { text: "insert into t values (7)" }]));
      await pool.lend((session) => session.run([{ text: "select 1" }]));
      expect(await count()).toBe(0);
    } finally {
      await pool.close();
    }
  });
  test("tells who waits for too long, and calls when there was none", async () => {
    let firsts = 0;
    const pool = make(1, { waitMs: 50, onFirst: () => firsts++ });
    try {
      await pool.lend(async () => {
        await expect(pool.lend(async () => 1)).rejects.toMatchObject({ code: "NEB916" });
      });
      expect([await pool.lend(async () => 1), firsts]).toEqual([1, 1]);
    } finally {
      await pool.close();
    }
  });
});
