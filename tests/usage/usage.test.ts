import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeMetrics, type Observation } from "../../platform/core/index.ts";
import { draftInvoice } from "../../platform/pricing/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import {
  heldSql,
  holdSingleton,
  listMeteredInstances,
  listSamples,
  listUsage,
  pruneSamples,
  putSamples,
  rollUp,
  sumUsage,
  takeSingleton,
  type UsageFilter,
  type UsageSample,
} from "../../platform/store/index.ts";
import { makeUsageWorker, type Reading, registerUsageGauges } from "../../reconciler/usage/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const gib = 1024 ** 3;
const start = Date.UTC(2026, 4, 31, 22);
const always: UsageFilter = { fromMs: Date.UTC(2026, 0), toMs: Date.UTC(2030, 0) };

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());
beforeEach(() =>
  db.sql.query(
    "truncate usage_samples, usage_records, usage_pending, usage_days, usage_months, usage_gaps, instances, settings",
  ),
);

async function addInstance(id: string, { units = 0.5, phase = "Ready", commit = "c0ffee" } = {}): Promise<void> {
  const [tenant, project, database] = id.split(".");
  const spec = { name: database, compute: { minUnits: 0.25, maxUnits: units }, instances: 1, replicas: 0 };
  await db.sql.query(
    `insert into instances (id, stack, database, engine, placement, version, phase, spec, fence, commit)
     values ($1, $2, $3, 'postgres', 'local', '18', $4, $5, 1, $6)`,
    [id, `${tenant}.${project}`, database, phase, JSON.stringify(spec), commit],
  );
}

/** A machine whose clocks and servers the test moves. */
function makeMachine() {
  let trueMs = 0;
  let offsetMs = 0;
  const reading = new Map<string, Reading | Error>();
  const clock = { now: () => start + trueMs + offsetMs, monotonicMs: () => trueMs + 0.25, sleep: async () => {} };
  return {
    clock,
    run: (ms: number) => {
      trueMs += ms;
    },
    step: (ms: number) => {
      offsetMs += ms;
    },
    runs: (id: string, storageBytes = gib) =>
      reading.set(id, { startedAtMs: clock.now(), connections: 1, storageBytes, stretches: [] }),
    stops: (id: string) => reading.set(id, { startedAtMs: null, connections: 0, storageBytes: gib, stretches: [] }),
    answers: (id: string, answer: Reading | Error | undefined) => answer && reading.set(id, answer),
    reading: (id: string) => reading.get(id),
    worker: (report: (observation: Observation) => void = () => {}, sql: Sql = db.sql) =>
      makeUsageWorker({
        sql,
        clock,
        report,
        machine: () => ({ bootId: "this", uptimeMs: trueMs }),
        sampleEveryMs: minute,
        observe: async ({ id }) => {
          const now = reading.get(id);
          if (now instanceof Error) throw now;
          return now;
        },
      }),
  };
}

const quantities = async (filter: UsageFilter = always) =>
  Object.fromEntries(
    (await sumUsage(db.sql, filter)).map(({ tenant, project, database, meter, quantity }) => [
      `${tenant}.${project}.${database} ${meter}`,
      quantity,
    ]),
  );

describe("metering", () => {
  test("an hour of half a unit is 1800 unit-seconds, a GiB for an hour a GiB-hour, and the open hour is seen at once", async () => {
    await addInstance("acme.shop.orders");
    const machine = makeMachine();
    machine.runs("acme.shop.orders");
    const worker = machine.worker();
    for (let i = 0; i <= 90; i++) {
      await worker.pass();
      machine.run(minute);
    }
    expect(await quantities()).toEqual({
      "acme.shop.orders compute_unit_seconds": "2700",
      "acme.shop.orders connection_seconds": "5400",
      "acme.shop.orders storage_byte_hours": String(1.5 * gib),
    });
    const records = await listUsage(db.sql, { ...always, meter: "compute_unit_seconds" });
    expect(records).toMatchObject([
      {
        windowStart: new Date(start),
        windowEnd: new Date(start + hour),
        quantity: "1800",
        revision: 1,
        commits: ["c0ffee"],
      },
      { windowStart: new Date(start + hour), quantity: "900", revision: 0 },
    ]);
    await worker.close();
  });

  test("sampling twice, by two workers and again after restarts, counts once", async () => {
    await addInstance("acme.shop.orders");
    const machine = makeMachine();
    machine.runs("acme.shop.orders");
    for (let i = 0; i < 40; i++) {
      const [one, other] = [machine.worker(), machine.worker()];
      await Promise.all([one.pass(), other.pass(), one.pass()]);
      machine.run(7 * minute);
      await Promise.all([one.pass(), other.pass()]);
      await Promise.all([one.close(), other.close()]);
    }
    expect(await quantities()).toMatchObject({ "acme.shop.orders compute_unit_seconds": String((40 * 7 * 60) / 2) });
    const revisions = await listUsage(db.sql, { ...always, meter: "compute_unit_seconds" });
    expect(revisions.slice(0, -1).every(({ revision }) => revision === 1)).toBe(true);
  });

  test("whoever has lost the lease meters nothing any more, and the next one makes up for it", async () => {
    await db.sql.query("truncate singleton_leases");
    await addInstance("acme.shop.orders");
    const machine = makeMachine();
    machine.runs("acme.shop.orders");
    const holding = async (holder: string) => {
      const lease = await takeSingleton(db.sql, { name: "usage", holder, leaseSeconds: 600 });
      if (lease === undefined) throw new Error("not taken");
      return machine.worker(
        undefined,
        heldSql(db.sql, (tx) => holdSingleton(tx, lease)),
      );
    };
    const first = await holding("a/1/1");
    await first.pass();
    machine.run(minute);
    await first.pass();
    const before = await quantities();
    await db.sql.query("update singleton_leases set lease_until = clock_timestamp() - interval '1 second'");
    machine.run(2 * hour);
    await expect(first.pass()).rejects.toMatchObject({ code: "NEB300" });
    const second = await holding("b/1/1");
    await expect(first.pass()).rejects.toMatchObject({ code: "NEB300" });
    expect(await quantities()).toEqual(before);
    await second.pass();
    expect((await quantities())["acme.shop.orders compute_unit_seconds"]).toBe(String((2 * 3600 + 60) / 2));
  });

  test("what is paused or retired costs storage alone, what is removed costs nothing", async () => {
    await addInstance("acme.shop.orders", { phase: "Retired" });
    await addInstance("acme.shop.carts", { phase: "Removed" });
    await addInstance("acme.shop.stock", { phase: "Paused" });
    expect((await listMeteredInstances(db.sql)).map(({ id }) => id)).toEqual(["acme.shop.orders", "acme.shop.stock"]);
    const machine = makeMachine();
    for (const name of ["orders", "carts", "stock"]) machine.stops(`acme.shop.${name}`);
    const worker = machine.worker();
    await worker.pass();
    machine.run(hour);
    await worker.pass();
    expect(await quantities()).toEqual({
      "acme.shop.orders storage_byte_hours": String(gib),
      "acme.shop.stock storage_byte_hours": String(gib),
    });
  });

  test("one database that cannot be looked at is told, does not stop the others, and is made up for", async () => {
    await addInstance("acme.shop.orders");
    await addInstance("acme.shop.carts");
    const machine = makeMachine();
    machine.runs("acme.shop.orders");
    machine.runs("acme.shop.carts");
    const told: Observation[] = [];
    const worker = machine.worker((observation) => told.push(observation));
    await worker.pass();
    const healthy = machine.reading("acme.shop.carts");
    machine.answers("acme.shop.carts", new Error("no answer"));
    machine.run(2 * hour);
    await worker.pass();
    expect(told).toContainEqual(expect.objectContaining({ kind: "fault", where: "usage.observe" }));
    expect(Object.keys(await quantities())).toEqual([
      "acme.shop.orders compute_unit_seconds",
      "acme.shop.orders connection_seconds",
      "acme.shop.orders storage_byte_hours",
    ]);
    machine.answers("acme.shop.carts", healthy);
    machine.run(minute);
    await worker.pass();
    expect(await quantities()).toMatchObject({ "acme.shop.carts compute_unit_seconds": "3630" });
  });

  test("clock steps and month ends neither double nor lose an hour", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.record({ run: fc.integer({ min: 5 * second, max: 20 * minute }) }),
            fc.record({ step: fc.integer({ min: -2 * hour, max: 2 * hour }) }),
            fc.record({ restart: fc.constant(true) }),
          ),
          { minLength: 10, maxLength: 40 },
        ),
        async (events) => {
          await db.sql.query(
            "truncate usage_samples, usage_records, usage_pending, usage_days, usage_months, usage_gaps, instances, settings",
          );
          await addInstance("acme.shop.orders", { units: 1 });
          const machine = makeMachine();
          machine.runs("acme.shop.orders");
          let worker = machine.worker();
          machine.run(second);
          await worker.pass();
          let [lived, back] = [second, 0];
          for (const event of events) {
            if ("run" in event) {
              machine.run(event.run);
              lived += event.run;
            } else if ("step" in event) {
              machine.step(event.step);
              back += event.step < 0 ? 1 : 0;
            } else {
              await worker.close();
              worker = machine.worker();
              continue;
            }
            await worker.pass();
          }
          const [line] = await sumUsage(db.sql, { ...always, meter: "compute_unit_seconds" });
          const metered = Math.round(Number(line?.quantity ?? 0) * 1000);
          expect(metered).toBeLessThanOrEqual(lived);
          expect(lived - metered).toBeLessThanOrEqual(back * 2 * second);
          const windows = await listUsage(db.sql, { ...always, meter: "compute_unit_seconds" });
          for (const { quantity, windowStart, windowEnd } of windows) {
            expect(Number(quantity)).toBeLessThanOrEqual(3600);
            expect(windowEnd.getTime() - windowStart.getTime()).toBe(hour);
          }
          const may = { ...always, toMs: Date.UTC(2026, 5) };
          const june = { ...always, fromMs: Date.UTC(2026, 5) };
          const parts = [await sumUsage(db.sql, may), await sumUsage(db.sql, june)].flat();
          const sum = parts.filter(({ meter }) => meter === "compute_unit_seconds");
          expect(sum.reduce((all, { quantity }) => all + Math.round(Number(quantity) * 1000), 0)).toBe(metered);
          await worker.close();
        },
      ),
      { numRuns: 100 },
    );
  });
});

const sample = (slotMs: number, change: Partial<UsageSample> = {}): UsageSample => ({
  instance: "acme.shop.orders",
  slotMs,
  slotSeconds: 60,
  untilMs: slotMs + minute,
  awakeMs: minute,
  computeUnitMs: minute,
  frozenUnitMs: 0,
  storageByteMs: BigInt(gib) * BigInt(minute),
  branchByteMs: 0n,
  backupByteMs: 0n,
  connectionMs: 0,
  computeUnits: 1,
  storageBytes: gib,
  connections: 0,
  serverStartedAtMs: start,
  commit: "c0ffee",
  ...change,
});

describe("the records", () => {
  test("get a revision when late samples change an hour, and none when nothing changed", async () => {
    await putSamples(db.sql, [sample(start), sample(start + minute)]);
    expect(await rollUp(db.sql, start + hour)).toBe(2);
    expect(await rollUp(db.sql, start + hour)).toBe(0);
    await putSamples(db.sql, [sample(start), sample(start + 2 * minute, { commit: "facade" })]);
    expect(await rollUp(db.sql, start + hour)).toBe(2);
    expect(await listUsage(db.sql, { ...always, meter: "compute_unit_seconds" })).toMatchObject([
      { quantity: "180", revision: 2, commits: ["c0ffee", "facade"] },
    ]);
  });

  test("keep the larger sums of a slot, whichever was written last", async () => {
    await putSamples(db.sql, [sample(start)]);
    await putSamples(db.sql, [sample(start, { untilMs: start + 10 * second, awakeMs: 10 * second })]);
    expect(await listSamples(db.sql, "acme.shop.orders", start)).toEqual([sample(start)]);
  });

  test("outlive their samples", async () => {
    await putSamples(db.sql, [sample(start)]);
    await rollUp(db.sql, start + hour);
    await pruneSamples(db.sql, start + hour);
    expect(await listSamples(db.sql, "acme.shop.orders", start)).toEqual([]);
    expect(await rollUp(db.sql, start + hour)).toBe(0);
    expect(await quantities()).toMatchObject({ "acme.shop.orders compute_unit_seconds": "60" });
  });

  test("are read page by page, each once, within tenant and project", async () => {
    const ids = ["acme.shop.orders", "acme.web.site", "globex.app.main"];
    const slots = [0, 1, 2, 3].map((i) => start + i * hour);
    await putSamples(
      db.sql,
      ids.flatMap((instance) => slots.map((slot) => sample(slot, { instance }))),
    );
    await rollUp(db.sql, start + 3 * hour);
    const all = await listUsage(db.sql, always);
    expect(all).toHaveLength(3 * 4 * 2);
    const paged = [];
    for (let page = await listUsage(db.sql, always, { limit: 5 }); page.length > 0; ) {
      paged.push(...page);
      const after = page.at(-1);
      page = after === undefined ? [] : await listUsage(db.sql, always, { after, limit: 5 });
    }
    expect(paged).toEqual(all);
    expect(await listUsage(db.sql, { ...always, tenant: "acme" })).toHaveLength(16);
    expect(
      await listUsage(db.sql, { ...always, tenant: "acme", project: "web", meter: "compute_unit_seconds" }),
    ).toHaveLength(4);
  });
});

test("the draft invoice is rated from the ledger's sums and names records and commits", async () => {
  const june = Date.UTC(2026, 5);
  await putSamples(db.sql, [
    ...[0, 1, 2].map((i) => sample(june + i * hour, { commit: i === 2 ? "facade" : "c0ffee" })),
    sample(june - minute),
  ]);
  await rollUp(db.sql, june + hour);
  const usage = await sumUsage(db.sql, { tenant: "acme", fromMs: june, toMs: Date.UTC(2026, 6) });
  const prices = {
    computeUnitHourMicros: 60_000,
    storageGibMonthMicros: 0,
    backupGibMonthMicros: 0,
    egressGibMicros: 0,
  };
  const book = { id: "standard", currency: "USD", prices: { ...prices, apiMillionRequestsMicros: 0 } };
  const invoice = draftInvoice({ tenant: "acme", month: "2026-06", usage, book, nowMs: june });
  expect(invoice.lines[0]).toMatchObject({
    ...{ meter: "compute_unit_seconds", quantity: "180", micros: 3000, records: 3, commits: ["c0ffee", "facade"] },
  });
  expect(invoice.lines.at(-1)).toMatchObject({ kind: "rounding", micros: -3000 });
  expect(invoice.total).toEqual({ amount: "0.00", currency: "USD" });
});

test("the gauges show the current month by database", async () => {
  await putSamples(db.sql, [sample(start), sample(Date.UTC(2026, 5))]);
  const machine = makeMachine();
  machine.run(3 * hour);
  const metrics = makeMetrics("test");
  registerUsageGauges(metrics, db.sql, machine.clock);
  const { body } = await metrics.render();
  expect(body).toMatch(
    /nebuladb_usage_compute_unit_seconds\{(?=.*tenant="acme")(?=.*project="shop")(?=.*database="orders").*\} 60\n/,
  );
  expect(body).toContain("nebuladb_usage_storage_byte_hours{");
});
