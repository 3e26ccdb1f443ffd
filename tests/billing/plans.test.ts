import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { closeMonth, notePlans } from "../../platform/billing/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { dayMs, declare, forget, later, may, prices } from "./ground.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());
beforeEach(() => forget(db.sql));

const issued = async (tenant: string) => {
  const closed = await closeMonth(db.sql, { tenant, month: may.month, nowMs: later });
  if (closed.kind !== "issued") throw new Error(`expected an invoice, but ${closed.kind}`);
  return closed.invoice;
};

describe("plans", () => {
  const plans = {
    standard: { feeMicros: 31_000_000, minimumMicros: 0, included: {} },
    large: { feeMicros: 62_000_000, minimumMicros: 0, included: {} },
  };

  test("are billed by their days as they were noted, also of a tenant that is gone", async () => {
    const book = { ...prices, plans };
    await declare(db.sql, { book });
    expect(await notePlans(db.sql, may.fromMs - dayMs)).toBe(1);
    expect(await notePlans(db.sql, may.fromMs)).toBe(0);
    await declare(db.sql, { book, tenants: [{ tenant: "shop", plan: "large" }] });
    await notePlans(db.sql, may.fromMs + 10 * dayMs + 5);
    await declare(db.sql, { book, tenants: [{ tenant: "bank", plan: "standard" }] });
    expect(await notePlans(db.sql, may.fromMs + 20 * dayMs)).toBe(2);
    expect((await issued("shop")).lines.map(({ description, micros }) => [description, micros / 1_000_000])).toEqual([
      ["Plan standard, 10 of 31 days", 10],
      ["Plan large, 10 of 31 days", 20],
    ]);
    expect(await issued("bank")).toMatchObject({ totalMicros: 11_000_000 });
    expect(await closeMonth(db.sql, { tenant: "shop", month: "2024-06", nowMs: later })).toEqual({ kind: "nothing" });
  });
});
