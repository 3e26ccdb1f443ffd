/** What a scrape costs the ledger, and what a page says while it is away. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { makeMetrics, systemClock } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { registerFleetGauges } from "../../reconciler/metrics/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { declare } from "./ground.ts";

let ledger: TestDatabase;
let asked: string[] = [];
let isAway = false;
let nowMs = 0;
beforeAll(async () => {
  ledger = await testDatabase();
  await declare(ledger.sql, "shop.store.orders");
});
afterAll(async () => ledger?.close());
beforeEach(() => {
  [asked, isAway, nowMs] = [[], false, 1_000_000];
});

/** The ledger, with a note of what it was asked. */
function counting(): Sql {
  const noted = <T>(text: string, ask: () => Promise<T>): Promise<T> => {
    asked.push(text);
    return isAway ? Promise.reject(new Error("the ledger is away")) : ask();
  };
  const { sql } = ledger;
  return {
    ...sql,
    query: (text, params) => noted(text, () => sql.query(text, params)),
    one: (text, params) => noted(text, () => sql.one(text, params)),
    maybe: (text, params) => noted(text, () => sql.maybe(text, params)),
  };
}

const page = () => {
  const metrics = makeMetrics("reconciler");
  registerFleetGauges(metrics, counting(), { ...systemClock, monotonicMs: () => nowMs });
  return async () => (await metrics.render()).body;
};

test("a scrape asks the ledger once for all gauges over the same answer, and for what changes by days once a minute", async () => {
  const read = page();
  const first = await read();
  expect(first).toContain('nebuladb_databases{engine="postgres",phase="Ready",process="reconciler"} 1');
  expect(first).toContain('nebuladb_tenants{active="any",process="reconciler"} 1');
  expect(asked).toHaveLength(4);
  nowMs += 15_000;
  expect(await read()).toContain("nebuladb_databases{");
  expect(asked).toHaveLength(6);
  nowMs += 60_000;
  await read();
  expect(asked).toHaveLength(10);
});

test("while the ledger is away its gauges are absent and the rest is there; it is asked again at the next scrape", async () => {
  const read = page();
  isAway = true;
  const without = await read();
  expect(without).not.toMatch(/^nebuladb_(databases|tenants|accounts|replicas|operations_waiting)\{/m);
  expect(without).toMatch(/^process_resident_memory_bytes/m);
  isAway = false;
  expect(await read()).toContain("nebuladb_databases{");
});
