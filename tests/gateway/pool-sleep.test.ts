import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findPid } from "../../gateway/pool/index.ts";
import { eventually } from "../harness/eventually.ts";
import { makePoolGround, type PoolGround, refusalOf } from "./pool-ground.ts";

let it: PoolGround;
beforeAll(async () => {
  it = await makePoolGround();
});
afterAll(() => it?.clear());

/** Suspends as soon as PgBouncer has let go of its idle connections. */
const suspended = (id: Parameters<PoolGround["keeper"]["suspend"]>[0]) =>
  eventually("it is suspended", () => it.keeper.suspend(id), { timeoutMs: 40_000, everyMs: 500 });

const startsOf = (id: Parameters<PoolGround["keeper"]["suspend"]>[0]) => it.keeper.starts.get(id) ?? 0;

test("a sleeping database is woken once by any number of clients", async () => {
  const wanted = await it.add();
  expect(await it.keeper.suspend(wanted.id)).toBe(true);
  const clients = await Promise.all(Array.from({ length: 40 }, () => it.connect(wanted)));
  const answers = await Promise.all(clients.map((client) => client.query("select 1 as one")));
  expect(answers.every(({ rows }) => rows[0].one === 1)).toBe(true);
  expect(startsOf(wanted.id)).toBe(1);
});

test("a client stays connected while its database sleeps, and wakes it by its next statement", async () => {
  const wanted = await it.add();
  const client = await it.connect(wanted);
  await client.query("create table kept (id int)");
  await client.query({ name: "put", text: "insert into kept values ($1)", values: [1] });
  await suspended(wanted.id);
  expect((await it.ground.driver.observe(wanted.id))?.running).toBe(false);
  await client.query({ name: "put", text: "insert into kept values ($1)", values: [2] });
  expect((await client.query("select count(*)::int as rows from kept")).rows[0].rows).toBe(2);
  expect(startsOf(wanted.id)).toBe(1);
}, 180_000);

test("nobody is suspended while a pooled client is in a transaction or its connection is warm", async () => {
  const wanted = await it.add();
  const client = await it.connect(wanted);
  await client.query("begin");
  expect(await it.keeper.suspend(wanted.id)).toBe(false);
  await client.query("create table open_work (id int)");
  await client.query("commit");
  expect(await it.keeper.suspend(wanted.id)).toBe(false);
  expect((await client.query("select count(*)::int as rows from open_work")).rows[0].rows).toBe(0);
});

test("once it is awake, new server connections do not pass the gateway, and what passes still counts", async () => {
  const wanted = await it.add();
  const clients = await Promise.all([1, 2, 3, 4].map(() => it.connect(wanted)));
  await Promise.all(clients.map((client) => client.query("select pg_sleep(0.2)")));
  const entered = it.keeper.entered.filter((id) => id === wanted.id).length;
  expect(entered).toBe(1);
  expect(it.pool().state().straight).toBeGreaterThan(0);
  const before = it.keeper.touched.get(wanted.id) ?? 0;
  await eventually("the keeper hears of it", async () => {
    await clients[3]?.query("select 1");
    return (it.keeper.touched.get(wanted.id) ?? 0) > before + 2;
  });
});

test("clients of a database that is stopped by others are served again when it may run", async () => {
  const wanted = await it.add();
  const client = await it.connect(wanted);
  await client.query("select 1");
  await it.ground.driver.pause(wanted.id);
  const said = async () => refusalOf((await it.connect(wanted)).query("select 1"));
  expect(
    await eventually("the reason is said", async () => (await said()).includes("paused") && (await said())),
  ).toMatch(/^(55000|08P01): .*paused/);
  await it.ground.driver.resume(wanted.id);
  await eventually("it is let in", async () => (await said()) === "let in");
});

test("a server that died is started for pooled clients by nobody but us", async () => {
  const wanted = await it.add();
  const served = async () => (await (await it.connect(wanted)).query("select 1 as one")).rows[0].one === 1;
  await served();
  process.kill((await it.ground.driver.observe(wanted.id))?.pid ?? 0, "SIGKILL");
  // a session of the dead server may answer once more before it notices
  const isStarted = async () => (await served()) && startsOf(wanted.id) > 0;
  await eventually("somebody is served again", isStarted, { everyMs: 100 });
  expect(startsOf(wanted.id)).toBe(1);
});

test("a gateway that is replaced keeps its PgBouncer, and pooled sessions stand", async () => {
  const wanted = await it.add();
  const client = await it.connect(wanted);
  const served = async () => (await client.query("select 1 as one")).rows;
  await served();
  const pid = (await findPid(it.ground.dataDir))?.pid;
  await it.pool().close();
  expect(await served()).toEqual([{ one: 1 }]);
  await it.reopen();
  expect((await findPid(it.ground.dataDir))?.pid).toBe(pid);
  expect(await served()).toEqual([{ one: 1 }]);
  await (await it.connect(wanted)).query("select 1");
});

test("other settings than the running one's replace it", async () => {
  const pid = (await findPid(it.ground.dataDir))?.pid;
  await it.reopen({ addresses: ["127.0.0.1", "127.0.0.2"] });
  expect((await findPid(it.ground.dataDir))?.pid).not.toBe(pid);
  await it.reopen();
});

test("PgBouncer is started again when it is killed, and sleeping databases stay asleep", async () => {
  const [wanted, asleep] = [await it.add(), await it.add()];
  await it.keeper.suspend(asleep.id);
  await (await it.connect(wanted)).query("select 1");
  for (let round = 0; round < 3; round++) {
    const pid = (await findPid(it.ground.dataDir))?.pid ?? 0;
    process.kill(pid, "SIGKILL");
    await eventually("somebody is let in again", async () => {
      const found = await findPid(it.ground.dataDir);
      return found !== undefined && found.pid !== pid && (await refusalOf(it.connect(wanted))) === "let in";
    });
    await sleep(100);
  }
  expect(startsOf(asleep.id)).toBe(0);
  expect((await it.ground.driver.observe(asleep.id))?.running).toBe(false);
});
