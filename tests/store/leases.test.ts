import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Observation } from "../../platform/core/index.ts";
import {
  expireSingleton,
  type Held,
  holdSingleton,
  keepLease,
  listSingletons,
  releaseSingleton,
  renewSingleton,
  type Singleton,
  takeSingleton,
  whileHolding,
} from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());
beforeEach(() => db.sql.query("truncate singleton_leases"));

const take = (holder: string, leaseSeconds = 15) => takeSingleton(db.sql, { name: "status", holder, leaseSeconds });
const runOut = () => db.sql.query("update singleton_leases set lease_until = clock_timestamp() - interval '1 second'");

test("of many who take a lease at once one has it", async () => {
  const taken = await Promise.all(Array.from({ length: 8 }, (_, i) => take(`h${i}/1/1`)));
  expect(taken.filter((lease) => lease !== undefined)).toHaveLength(1);
  expect(await take("late/1/1")).toBeUndefined();
});

test("a lease that ran out is lost to its holder, even before anybody else takes it", async () => {
  const lease = await take("a/1/1");
  if (lease === undefined) throw new Error("not taken");
  expect(await renewSingleton(db.sql, lease, 15)).toBe(true);
  await runOut();
  expect(await renewSingleton(db.sql, lease, 15)).toBe(false);
  await expect(db.sql.tx((tx) => holdSingleton(tx, lease))).rejects.toMatchObject({ code: "NEB300" });
  expect((await take("b/1/1"))?.fence).toBe(lease.fence + 1);
  await releaseSingleton(db.sql, lease);
  expect(await listSingletons(db.sql)).toMatchObject([{ holder: "b/1/1" }]);
});

test("nobody takes a lease in the middle of a write under it, and the renewal still gets through", async () => {
  const lease = await take("a/1/1");
  if (lease === undefined) throw new Error("not taken");
  await db.sql.tx(async (tx) => {
    await holdSingleton(tx, lease);
    expect(await renewSingleton(db.sql, lease, 0)).toBe(true);
    expect(await take("b/1/1")).toBeUndefined();
  });
  expect((await take("b/1/1"))?.fence).toBe(lease.fence + 1);
});

test("a lease of another fence is not expired", async () => {
  const lease = await take("a/1/1");
  if (lease === undefined) throw new Error("not taken");
  expect(await expireSingleton(db.sql, { ...lease, fence: 7 })).toBe(false);
  expect(await take("b/1/1")).toBeUndefined();
  expect(await expireSingleton(db.sql, lease)).toBe(true);
  expect(await take("b/1/1")).toBeDefined();
});

test("who is kept from renewing stops believing before anybody else may begin", async () => {
  const times = { leaseSeconds: 0.6, heartbeatMs: 100 };
  let isAway = false;
  const sql = {
    ...db.sql,
    maybe: (...args: Parameters<typeof db.sql.maybe>) =>
      isAway ? Promise.reject(new Error("away")) : db.sql.maybe(...args),
  };
  const kept = await keepLease({ sql: sql as typeof db.sql, holder: "a/1/1", times }, "status");
  if (kept === undefined) throw new Error("not taken");
  isAway = true;
  await eventually("it is lost", () => kept.signal.aborted, { everyMs: 5 });
  expect(await take("b/1/1")).toBeUndefined();
  isAway = false;
  await kept.release();
});

let singletons: Singleton[] = [];
afterEach(async () => {
  await Promise.all(singletons.map((one) => one.close()));
  singletons = [];
});
const seen: Observation[] = [];
const begin = (holder: string, work: (held: Held) => Promise<void>) => {
  const times = { leaseSeconds: 1, heartbeatMs: 100 };
  const one = whileHolding({ sql: db.sql, observe: (o) => seen.push(o), holder, times }, "status", work);
  one.start();
  singletons.push(one);
  return one;
};
const until = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

test("of several replicas one does the work, and the next one goes on at once when it stops", async () => {
  const at: string[] = [];
  const work =
    (name: string) =>
    async ({ signal }: Held) => {
      at.push(name);
      await until(signal);
    };
  const first = begin("a/1/1", work("a"));
  await eventually("the first works", () => first.held() !== undefined);
  const second = begin("b/1/1", work("b"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(second.held()).toBeUndefined();
  await first.close();
  await eventually("the second works", () => second.held() !== undefined, { timeoutMs: 900 });
  expect(at).toEqual(["a", "b"]);
});

test("whoever lost the lease is stopped, and what it still writes under it is refused", async () => {
  const refused: unknown[] = [];
  let rounds = 0;
  const one = begin("a/1/1", async ({ signal, hold }) => {
    if (rounds++ > 0) return until(signal);
    await until(signal);
    await db.sql.tx(hold).catch((thrown) => refused.push(thrown));
  });
  await eventually("it works", () => one.held() !== undefined);
  await db.sql.query("update singleton_leases set fence = fence + 1, holder = 'thief/1/1'");
  await eventually("it was refused", () => refused.length > 0);
  expect(refused[0]).toMatchObject({ code: "NEB300" });
  expect(seen.some((o) => o.kind === "lease.lost" && o.stack === "status")).toBe(true);
});

test("work that throws is begun again", async () => {
  let rounds = 0;
  begin("a/1/1", async ({ signal }) => {
    if (++rounds < 3) throw new Error("broken");
    await until(signal);
  });
  await eventually("the third round", () => rounds === 3);
});
