/** When nobody looked can be seen, by whoever may see the usage. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Observation } from "../../platform/core/index.ts";
import { listGaps, putGaps, sumUsage, type UsageGap } from "../../platform/store/index.ts";
import { makeUsageWorker, type Reading } from "../../reconciler/usage/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const minute = 60_000;
const hour = 60 * minute;
const start = Date.UTC(2026, 4, 31, 22);
const always = { fromMs: Date.UTC(2026, 0), toMs: Date.UTC(2030, 0) };

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());
beforeEach(() =>
  db.sql.query(
    "truncate usage_samples, usage_pending, usage_records, usage_gaps, usage_days, usage_months, instances, settings",
  ),
);

const ids = ["acme.shop.orders", "acme.shop.carts", "globex.app.main"];
async function addInstances(): Promise<void> {
  for (const id of ids)
    await db.sql.query(
      `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence)
       values ($1, $2, $3, 'postgres', 'local', '18', 'Ready', $4, 1)`,
      [
        ...[id, id.split(".").slice(0, 2).join("."), id.split(".")[2]],
        JSON.stringify({ compute: { minUnits: 1, maxUnits: 1 }, instances: 1, replicas: 0 }),
      ],
    );
}

function makeMachine() {
  let trueMs = 0;
  const clock = { now: () => start + trueMs, monotonicMs: () => trueMs, sleep: async () => {} };
  const told: Observation[] = [];
  const reading: Reading = { startedAtMs: start, connections: 0, storageBytes: 1, stretches: [] };
  let blind: string | undefined;
  return {
    told,
    nowMs: () => start + trueMs,
    run: (ms: number) => {
      trueMs += ms;
    },
    cannotSee: (id: string | undefined) => {
      blind = id;
    },
    worker: () =>
      makeUsageWorker({
        ...{ sql: db.sql, clock, sampleEveryMs: minute, report: (o: Observation) => void told.push(o) },
        machine: () => ({ bootId: "this", uptimeMs: trueMs }),
        observe: async ({ id }) => {
          if (id === blind) throw new Error("no answer");
          return reading;
        },
      }),
  };
}

test("a sampler that was away leaves a gap for each database, noted once however often it is killed at it", async () => {
  await addInstances();
  const machine = makeMachine();
  await machine.worker().pass();
  machine.run(minute);
  await machine.worker().pass();
  machine.run(3 * hour);
  for (let i = 0; i < 3; i++) await machine.worker().pass();
  const gaps = await listGaps(db.sql, { ...always, nowMs: machine.nowMs() });
  expect(gaps).toHaveLength(3);
  expect(gaps[0]).toMatchObject({
    ...{ tenant: "acme", project: "shop", database: "carts", meter: null, reason: "unwatched" },
    ...{ from: new Date(start + minute), to: new Date(start + minute + 3 * hour) },
  });
  expect(machine.told).toContainEqual({ kind: "usage.gaps", gaps: 3 });
  const [line] = await sumUsage(db.sql, { ...always, meter: "compute_unit_seconds" });
  expect(line?.quantity).toBe(String((3 * hour + minute) / 1000));
});

test("a database that cannot be looked at is in a gap that goes on, until it can", async () => {
  await addInstances();
  const machine = makeMachine();
  const worker = machine.worker();
  await worker.pass();
  machine.run(minute);
  await worker.pass();
  machine.cannotSee("globex.app.main");
  for (let i = 0; i < 10; i++) {
    machine.run(minute);
    await worker.pass();
  }
  const open = await listGaps(db.sql, { ...always, nowMs: machine.nowMs() });
  expect(open).toEqual([
    {
      tenant: "globex",
      project: "app",
      database: "main",
      meter: null,
      from: new Date(start + minute),
      to: null,
      reason: "unwatched",
    },
  ]);
  machine.cannotSee(undefined);
  await worker.pass();
  expect(await listGaps(db.sql, { ...always, nowMs: machine.nowMs() })).toMatchObject([
    { to: new Date(machine.nowMs()) },
  ]);
});

test("nobody looked for longer than hours stay open: what is older is a gap and in no record", async () => {
  await addInstances();
  const machine = makeMachine();
  await machine.worker().pass();
  machine.run(minute);
  await machine.worker().pass();
  machine.run(100 * hour);
  await machine.worker().pass();
  const gaps = await listGaps(db.sql, { ...always, tenant: "globex", nowMs: machine.nowMs() });
  const openMs = machine.nowMs() - 72 * hour;
  expect(gaps.map(({ reason, from, to }) => [reason, from.getTime(), to?.getTime()])).toEqual([
    ["unwatched", openMs, machine.nowMs()],
    ["too-late", start + minute, openMs],
  ]);
  const [sum] = await sumUsage(db.sql, { ...always, tenant: "globex", meter: "compute_unit_seconds" });
  expect(sum?.quantity).toBe(String((72 * hour + minute) / 1000));
});

test("a database that nobody has ever looked at is in a gap since it was made", async () => {
  await addInstances();
  const nowMs = Date.now() + hour;
  const list = () => listGaps(db.sql, { ...always, tenant: "globex", nowMs });
  expect(await list()).toMatchObject([{ reason: "unwatched", meter: null, to: null }]);
  await db.sql.query("update instances set placement = 'aws'"); // it is not sampled
  expect(await list()).toEqual([]);
});

test("what a database lived after the last look and before its removal is a gap, and in no record", async () => {
  await addInstances();
  const machine = makeMachine();
  await machine.worker().pass();
  machine.run(minute);
  await machine.worker().pass();
  machine.run(2 * hour);
  await db.sql.query("update instances set phase = 'Removed', removed_at = $2 where id = $1", [
    "globex.app.main",
    new Date(start + hour),
  ]);
  await machine.worker().pass();
  await machine.worker().pass();
  expect(await listGaps(db.sql, { ...always, tenant: "globex", nowMs: machine.nowMs() })).toMatchObject([
    { reason: "gone", from: new Date(start + minute), to: new Date(start + hour) },
  ]);
  const sums = await sumUsage(db.sql, { ...always, tenant: "globex", meter: "compute_unit_seconds" });
  expect(sums.map(({ quantity }) => quantity)).toEqual(["60"]);
});

test("gaps are found by span, tenant and reach, and are the larger of what is told", async () => {
  const gap = (instance: string, from: number, to: number): UsageGap => ({
    ...{ instance, meter: null, reason: "unwatched", fromMs: start + from * hour, toMs: start + to * hour },
  });
  await putGaps(db.sql, [gap("acme.shop.orders", 0, 1), gap("acme.shop.orders", 0, 3), gap("globex.app.main", 5, 6)]);
  await putGaps(db.sql, [gap("acme.shop.orders", 0, 2)]);
  const list = (filter: object) => listGaps(db.sql, { ...always, nowMs: start, ...filter });
  expect((await list({})).map(({ tenant }) => tenant)).toEqual(["globex", "acme"]);
  expect(await list({ tenant: "acme" })).toMatchObject([{ to: new Date(start + 3 * hour) }]);
  expect(await list({ fromMs: start + 3 * hour, toMs: start + 5 * hour })).toEqual([]);
  expect(await list({ within: [{ tenant: "globex", project: null, database: null }] })).toHaveLength(1);
});
