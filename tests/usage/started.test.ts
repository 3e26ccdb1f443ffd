import { afterAll, beforeAll, expect, test } from "vitest";
import type { Observation } from "../../platform/core/index.ts";
import { sumUsage } from "../../platform/store/index.ts";
import { makeUsageWorker } from "../../reconciler/usage/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const minute = 60_000;
const start = Date.UTC(2026, 4, 31, 22);

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
  const spec = { name: "orders", compute: { minUnits: 0.25, maxUnits: 0.5 }, instances: 1, replicas: 0 };
  await db.sql.query(
    `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, commit)
     values ('acme.shop.orders', 'acme.shop', 'orders', 'postgres', 'local', '18', 'Ready', $1, 1, 'c0ffee')`,
    [JSON.stringify(spec)],
  );
});
afterAll(() => db?.close());

test("a worker that is started samples, outlives a failing ledger, and stops when closed", async () => {
  let [trueMs, passes, fail] = [0, 0, false];
  const turns: (() => void)[] = [];
  const clock = {
    now: () => start + trueMs,
    monotonicMs: () => trueMs + 0.25,
    sleep: (_: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        passes += 1;
        turns.push(resolve);
        signal?.addEventListener("abort", () => resolve());
      }),
  };
  const told: Observation[] = [];
  const sql = {
    ...db.sql,
    query: <T>(text: string, params?: readonly unknown[]) => {
      if (fail) throw new Error("the ledger is gone");
      return db.sql.query<T>(text, params);
    },
  };
  const observe = async () => ({ startedAtMs: start, connections: 1, storageBytes: 2 ** 30, stretches: [] });
  const worker = makeUsageWorker({ sql, clock, observe, sampleEveryMs: minute, report: (o) => told.push(o) });
  worker.start();
  worker.start();
  const sleeps = () => eventually("it sleeps until its next pass", () => turns.length === 1);
  for (const broken of [false, true, false]) {
    await sleeps();
    fail = broken;
    trueMs += minute;
    turns.shift()?.();
    await sleeps();
  }
  await worker.close();
  expect(passes).toBe(4);
  expect(told.filter(({ kind }) => kind === "fault")).toMatchObject([{ where: "usage.pass" }]);
  const compute = (await sumUsage(db.sql, { fromMs: Date.UTC(2026, 0), toMs: Date.UTC(2030, 0) })).find(
    ({ meter }) => meter === "compute_unit_seconds",
  );
  expect(compute).toMatchObject({ quantity: "90" });
});
