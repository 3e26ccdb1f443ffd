import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { type FakeStripe, startStripe } from "../harness/stripe/server.ts";
import { dayMs, hourMs, later, use } from "./ground.ts";
import { makePayments, type Payments } from "./payments-ground.ts";
import { declareWatched, forgetWatched, testClock } from "./watch-ground.ts";

const clock = testClock(later);
const meters = {
  compute_unit_seconds: { meter: "mtr_compute", event: "compute" },
  egress_bytes: { meter: "mtr_egress", event: "egress" },
};
let db: TestDatabase;
let fake: FakeStripe;
let payments: Payments;

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  await fake?.close();
  await db?.close();
});
beforeEach(async () => {
  await forgetWatched(db.sql);
  await fake?.close();
  clock.at(later);
  fake = await startStripe(clock.now);
  payments = makePayments(db.sql, { fake, clock, meters });
  await declareWatched(db.sql, { shop: {}, bank: {} });
});

const fromMs = later - 3 * dayMs;
const states = async () =>
  (await db.sql.query<{ id: string; state: string }>("select id, state from payment_usage order by id")).map(
    ({ id, state }) => `${id} ${state}`,
  );
const counted = (name = "compute") =>
  fake.shop.events.filter((event) => event.name === name).reduce((sum, { value }) => sum + value, 0);

test("usage is told once an hour and meter, in whole units that add up, and of no meter that is not mapped", async () => {
  await use(
    db.sql,
    ...[0, 1, 2].map((hour) => ({ fromMs, hour, quantity: "100.4" })),
    { fromMs, hour: 0, database: "users", quantity: "10" },
    { fromMs, hour: 0, meter: "egress_bytes", quantity: "5" },
    { fromMs, hour: 0, meter: "storage_byte_hours", quantity: "5" },
    { fromMs, hour: 0, tenant: "bank", quantity: "7" },
  );
  expect(await payments.pass()).toMatchObject({ told: 5 });
  expect(await payments.pass()).toMatchObject({ told: 0 });
  // 110.4, 100.4 and 100.4: 110, 100 and 101
  expect(fake.shop.events.map(({ name, value }) => `${name} ${value}`).sort()).toEqual([
    ...["compute 100", "compute 101", "compute 110", "compute 7", "egress 5"],
  ]);
  expect(new Set(fake.shop.events.map(({ customer }) => customer)).size).toBe(2);
  expect(new Set(fake.shop.events.map(({ identifier }) => identifier)).size).toBe(5);
});

test("a correction is another part of its hour, and may take away", async () => {
  await use(db.sql, { fromMs, hour: 0, quantity: "100" });
  await payments.pass();
  await db.sql.query(
    `insert into usage_records (tenant, project, database, meter, window_start, window_end, quantity, source, commits, revision)
     select tenant, project, database, meter, window_start, window_end, -40, source, commits, 2 from usage_records`,
  );
  expect(await payments.pass()).toMatchObject({ told: 1 });
  expect(counted()).toBe(60);
  expect((await states()).map((state) => state.split("/").at(-1))).toEqual(["1 told", "2 told"]);
});

test("what was sent while the answer was lost is told once: a minute later by its name, 25 hours later by the sum of its hour", async () => {
  for (const waitMs of [10 * 60_000, 25 * hourMs]) {
    await use(db.sql, { fromMs, hour: waitMs === 25 * hourMs ? 5 : 6, quantity: "100" });
    fake.mishap = (request) => (request.endsWith("/meter_events") ? "lost after" : undefined);
    expect(await payments.pass()).toMatchObject({ told: 0 });
    fake.mishap = () => undefined;
    clock.pass(waitMs);
    expect(await payments.pass()).toMatchObject({ told: 1 });
  }
  expect(counted()).toBe(200);
  expect(fake.shop.events).toHaveLength(2);
});

test("what never arrived is told 25 hours later; where the sum is neither with it nor without it, nothing is", async () => {
  await use(db.sql, { fromMs, hour: 5, quantity: "100" });
  fake.mishap = (request) => (request.endsWith("/meter_events") ? "lost before" : undefined);
  await payments.pass();
  fake.mishap = () => undefined;
  clock.pass(25 * hourMs);
  expect(await payments.pass()).toMatchObject({ told: 1 });
  expect(counted()).toBe(100);
  await use(db.sql, { fromMs, hour: 6, quantity: "100" });
  fake.mishap = (request) => (request.endsWith("/meter_events") ? "lost before" : undefined);
  await payments.pass();
  fake.mishap = () => undefined;
  const [first] = fake.shop.events;
  if (first !== undefined)
    fake.shop.events.push({ ...first, identifier: "somebody", at: (fromMs + 6 * hourMs) / 1000, value: 3 });
  clock.pass(25 * hourMs);
  expect(await payments.pass()).toMatchObject({ told: 0 });
  const [stuck] = await db.sql.query<{ failure: string }>("select failure from payment_usage where state = 'begun'");
  expect(stuck?.failure).toContain("NEB569");
});

test("hours that are too old for the service are left out, and said", async () => {
  await use(db.sql, { fromMs: later - 40 * dayMs, hour: 0, quantity: "100" });
  expect(await payments.pass()).toMatchObject({ told: 0 });
  expect((await states())[0]).toMatch(/ late$/);
  expect(fake.shop.events).toEqual([]);
});

test("a customer subscribes to prices of nothing, once; a price that is something is refused", async () => {
  fake.shop.prices.set("price_free", 0);
  fake.shop.prices.set("price_dear", 5);
  await use(db.sql, { fromMs, hour: 5, quantity: "100" });
  const dear = makePayments(db.sql, { fake, clock, meters, prices: ["price_dear"] });
  expect(await dear.pass()).toMatchObject({ told: 0 });
  const [refused] = await db.sql.query<{ failure: string }>("select failure from payment_usage");
  expect(refused?.failure).toContain("NEB571");
  clock.pass(hourMs);
  const free = makePayments(db.sql, { fake, clock, meters, prices: ["price_free"] });
  expect(await free.pass()).toMatchObject({ told: 1 });
  await use(db.sql, { fromMs, hour: 6, quantity: "100" });
  await free.pass();
  expect([...fake.shop.subscriptions.values()]).toMatchObject([{ prices: ["price_free"] }]);
});
