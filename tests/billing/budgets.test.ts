import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeMetrics, type Observation } from "../../platform/core/index.ts";
import type { BudgetSpec, DatabaseId } from "../../platform/spec/index.ts";
import { readSpending } from "../../platform/spending/index.ts";
import {
  activeHolds,
  getInstance,
  liftHold,
  listAnomalies,
  listHolds,
  putHold,
  setInstancePhase,
} from "../../platform/store/index.ts";
import { makeBudgetPass, registerBudgetGauges } from "../../reconciler/budgets/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { declared, runs } from "../portal/deployed.ts";
import { dayMs, hourMs, may, use } from "./ground.ts";
import { declareWatched, forgetWatched, kindsTold, testClock, told } from "./watch-ground.ts";

const clock = testClock(may.fromMs);
let db: TestDatabase;
const observed: Observation[] = [];

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());
beforeEach(async () => {
  await forgetWatched(db.sql);
  observed.length = 0;
  clock.at(may.fromMs + 10 * dayMs);
});

const pass = () => makeBudgetPass({ sql: db.sql, clock, observe: (one) => void observed.push(one) }).pass();
const budget = (monthlyMicros: number, more: Partial<BudgetSpec> = {}): BudgetSpec => ({
  ...{ project: null, monthlyMicros, alerts: [50, 80, 100], atCap: "tell" },
  ...more,
});
/** So many hours of one unit at 0.12, from an hour of the month on. */
const hours = (count: number, { from = 0, project = "store" } = {}) =>
  use(db.sql, ...Array.from({ length: count }, (_, index) => ({ hour: from + index, project })));
const operations = async () =>
  (
    await db.sql.query<{ type: string; database: string; by: string }>(
      "select type, database, requested_by as by from operations order by created_at, id",
    )
  ).map(({ type, database, by }) => `${type} ${database} ${by}`);
async function phase(id: DatabaseId, to: "Paused" | "Ready"): Promise<void> {
  const instance = await getInstance(db.sql, id);
  if (instance === undefined || !(await setInstancePhase(db.sql, instance, to)))
    throw new Error(`${id} does not become ${to}`);
}
/** What a worker would have done by now. */
const done = () =>
  db.sql.query("update operations set state = 'COMPLETED', finished_at = now() where state = 'QUEUED'");

test("the operator sees how far each budget is used up, and a raised one begins anew", async () => {
  const metrics = makeMetrics("test");
  registerBudgetGauges(metrics, db.sql, clock);
  const series = async () => ((await metrics.render()).body.match(/^nebuladb_(budget|holds).*$/gm) ?? []).sort();
  const declares = (monthlyMicros: number) =>
    declareWatched(db.sql, { shop: { budgets: [budget(monthlyMicros, { project: "store", atCap: "suspend" })] } });
  await declares(10_000_000);
  await hours(70); // 8.4 of 10
  await pass();
  expect(await series()).toEqual([
    'nebuladb_budget_reached_ratio{tenant="shop",project="store",process="test"} 0.8',
    'nebuladb_holds{reason="budget",process="test"} 0',
    'nebuladb_holds{reason="unpaid",process="test"} 0',
  ]);
  await hours(30, { from: 70 });
  await pass();
  expect((await series()).slice(0, 2)).toEqual([
    'nebuladb_budget_reached_ratio{tenant="shop",project="store",process="test"} 1',
    'nebuladb_holds{reason="budget",process="test"} 1',
  ]);
  await declares(1_000_000_000);
  await pass();
  expect((await series()).slice(0, 2)).toEqual([
    'nebuladb_budget_reached_ratio{tenant="shop",project="store",process="test"} 0',
    'nebuladb_holds{reason="budget",process="test"} 0',
  ]);
});

describe("a month in money", () => {
  test("is what the draft says so far, and goes on as the last days went", async () => {
    await declareWatched(db.sql, { shop: { budgets: [budget(100_000_000)] } });
    await hours(240); // ten days through
    await hours(24, { project: "lab", from: 216 }); // since a day
    const spending = await readSpending(db.sql, { tenant: "shop", nowMs: clock.now() });
    expect(spending).toMatchObject({ tenant: "shop", month: may.month, currency: "USD", spentMicros: 264 * 120_000 });
    // 21 days more of one unit each, in both
    expect(spending.forecastMicros).toBe((264 + 2 * 21 * 24) * 120_000);
    expect(spending.projects).toEqual([
      { project: "lab", spentMicros: 24 * 120_000, forecastMicros: (24 + 21 * 24) * 120_000 },
      { project: "store", spentMicros: 240 * 120_000, forecastMicros: (240 + 21 * 24) * 120_000 },
    ]);
    expect(spending.budgets).toMatchObject([{ percent: 31, state: "watch", foreseen: true }]);
  });

  test("says nothing of its end in its first two days", async () => {
    await declareWatched(db.sql, { shop: {} });
    clock.at(may.fromMs + dayMs);
    await hours(24);
    expect(await readSpending(db.sql, { tenant: "shop", nowMs: clock.now() })).toMatchObject({ forecastMicros: null });
  });
});

describe("a budget", () => {
  test("is told of once a step, the highest at once, and again in the next month or when it is changed", async () => {
    await declareWatched(db.sql, { shop: { budgets: [budget(30_000_000)] } });
    await hours(100, { from: 140 }); // 12.00: 40 %
    expect(await pass()).toMatchObject({ alerts: 1 }); // foreseen alone
    await hours(110, { from: 30 }); // 25.20: 84 %
    expect(await pass()).toMatchObject({ alerts: 2 });
    expect(await pass()).toMatchObject({ alerts: 0 });
    await hours(40, { project: "lab" }); // 30.00
    expect(await pass()).toMatchObject({ alerts: 1 });
    expect(await told(db.sql)).toMatchObject([
      { kind: "budget.foreseen", tenant: "shop", project: null },
      { kind: "budget.reached" },
      { kind: "budget.reached" },
    ]);
    await declareWatched(db.sql, { shop: { budgets: [budget(60_000_000)] } });
    expect(await pass()).toMatchObject({ alerts: 2 }); // 50 %, and foreseen
    clock.at(may.toMs + 3 * dayMs);
    expect(await pass()).toMatchObject({ alerts: 0 });
    expect(await activeHolds(db.sql)).toEqual([]);
  });

  test("of a project counts that project alone, and one tenant's trouble is no other's", async () => {
    await declareWatched(db.sql, {
      bank: { budgets: [budget(1_000_000)] },
      shop: { budgets: [budget(12_000_000, { project: "lab" }), budget(1_000_000_000)] },
    });
    await use(db.sql, { tenant: "bank", meter: "no_such_meter", hour: 1 });
    await hours(200);
    await hours(50, { project: "lab", from: 150 });
    expect(await pass()).toMatchObject({ alerts: 2 }); // 50 % of lab's, and foreseen
    expect(await told(db.sql)).toMatchObject([
      { kind: "budget.reached", tenant: "shop", project: "lab" },
      { kind: "budget.foreseen", tenant: "shop", project: "lab" },
    ]);
  });

  test("that suspends pauses what runs, once, and starts it again when the month is over", async () => {
    await declareWatched(db.sql, { shop: { budgets: [budget(12_000_000, { project: "store", atCap: "suspend" })] } });
    await db.sql.tx(async (tx) => {
      for (const name of ["orders", "users"]) await runs(tx, declared(name));
      await runs(tx, declared("other"), "bank");
    });
    await phase("shop.store.users", "Paused"); // by somebody, before
    await hours(99);
    expect(await pass()).toMatchObject({ paused: 0 });
    await hours(1, { from: 99 });
    clock.pass(150_000);
    expect(await pass()).toMatchObject({ paused: 1 });
    expect(await pass()).toMatchObject({ paused: 0 });
    expect(await operations()).toEqual(["PAUSE orders billing"]);
    expect(observed).toContainEqual({
      kind: "hold.changed",
      tenant: "shop",
      project: "store",
      reason: "budget",
      state: "placed",
    });
    await done();
    await phase("shop.store.orders", "Paused");
    expect(await pass()).toMatchObject({ paused: 0, resumed: 0 });
    clock.at(may.toMs + hourMs);
    expect(await pass()).toMatchObject({ lifted: 1, resumed: 1 });
    expect(await operations()).toEqual(["PAUSE orders billing", "RESUME orders billing"]);
    expect((await kindsTold(db.sql)).filter((kind) => kind.startsWith("hold."))).toEqual([
      "hold.placed",
      "hold.lifted",
    ]);
    expect(await pass()).toMatchObject({ lifted: 0, resumed: 0 });
  });

  test("that is raised lets go at once, unless it is used up already too; what was started meanwhile is left alone", async () => {
    const declareAt = (micros: number) =>
      declareWatched(db.sql, { shop: { budgets: [budget(micros, { atCap: "suspend" })] } });
    await declareAt(12_000_000);
    await db.sql.tx((tx) => runs(tx, declared("orders")));
    await hours(100);
    await pass();
    await done();
    await phase("shop.store.orders", "Paused");
    await declareAt(11_000_000);
    expect(await pass()).toMatchObject({ lifted: 1, resumed: 0 });
    expect(await activeHolds(db.sql)).toHaveLength(1);
    await phase("shop.store.orders", "Ready");
    expect(await pass()).toMatchObject({ paused: 1 });
    await done();
    await declareAt(50_000_000);
    expect(await pass()).toMatchObject({ lifted: 1, resumed: 0 });
    expect(await operations()).toEqual(["PAUSE orders billing", "PAUSE orders billing"]);
    expect((await listHolds(db.sql, "shop")).map(({ liftedWhy }) => liftedWhy)).toEqual([
      "the budget was changed",
      "the budget was changed",
    ]);
  });

  test("that a person lifted stays lifted, and a hold of an unpaid invoice holds beside it", async () => {
    await declareWatched(db.sql, { shop: { budgets: [budget(12_000_000, { atCap: "suspend" })] } });
    await db.sql.tx((tx) => runs(tx, declared("orders")));
    await hours(100);
    await pass();
    await done();
    await phase("shop.store.orders", "Paused");
    const [hold] = await activeHolds(db.sql);
    const unpaid = {
      id: "unpaid/x",
      tenant: "shop",
      project: null,
      reason: "unpaid",
      data: {},
      since: new Date(clock.now()),
    } as const;
    await putHold(db.sql, unpaid);
    await liftHold(db.sql, hold?.id ?? "", { at: new Date(clock.now()), why: "agreed", by: "ada" });
    clock.pass(300_000);
    expect(await pass()).toMatchObject({ resumed: 0 });
    expect(await activeHolds(db.sql)).toMatchObject([{ id: "unpaid/x" }]);
    await liftHold(db.sql, "unpaid/x", { at: new Date(clock.now()), why: "paid" });
    expect(await pass()).toMatchObject({ resumed: 1 });
  });
});

describe("an unusual day", () => {
  test("of a project is noted and told once, when its last hour is in", async () => {
    await declareWatched(db.sql, { shop: {} });
    for (let day = 0; day < 9; day++) await hours(10, { from: day * 24 });
    await use(db.sql, { hour: 9 * 24, quantity: String(3600 * 200) });
    await hours(10, { from: 9 * 24, project: "lab" });
    clock.at(may.fromMs + 10 * dayMs + 2 * hourMs);
    expect(await pass()).toMatchObject({ anomalies: 0 });
    clock.at(may.fromMs + 10 * dayMs + 4 * hourMs);
    expect(await pass()).toMatchObject({ anomalies: 1 });
    expect(await pass()).toMatchObject({ anomalies: 0 });
    const found = await listAnomalies(db.sql, { within: "everything", since: new Date(may.fromMs) });
    expect(found).toMatchObject([
      { project: "store", day: "2024-05-10", micros: 24_000_000, usualMicros: 1_200_000, currency: "USD" },
    ]);
    expect(await told(db.sql)).toMatchObject([{ kind: "anomaly.found", project: "store" }]);
  });
});
