/** What happened to invoices reaches every consumer once, whoever wrote it when. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { closeMonth } from "../../platform/billing/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { appendBillingEvent, enrolDeliveries, openDeliveries } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { declare, forget, later, may, use } from "./ground.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());
beforeEach(async () => {
  await forget(db.sql);
  await declare(db.sql, { tenants: ["shop", "bank"].map((tenant) => ({ tenant, plan: "standard" })) });
});

const issued = async (tenant = "shop") => {
  const closed = await closeMonth(db.sql, { tenant, month: may.month, nowMs: later });
  if (closed.kind !== "issued") throw new Error(`expected an invoice, but ${closed.kind}`);
  return closed.invoice;
};
const told = async () => {
  const now = new Date(later);
  await enrolDeliveries(db.sql, "test", { now });
  return (await openDeliveries(db.sql, "test", { now })).map(({ kind, data }) => `${kind} ${data.number}`);
};

describe("what happened to invoices", () => {
  test("is told in the order in which it came to stand, though two say something at once", async () => {
    await use(db.sql, { hour: 1 }, { tenant: "bank", hour: 1 });
    const [first, second] = [await issued(), await issued("bank")];
    await told();
    const happen = (tx: Sql, { id, tenant }: typeof first) =>
      appendBillingEvent(tx, { kind: "invoice.paid", invoice: id, tenant, at: new Date(later), data: {} });
    let isOver = false;
    const others: Promise<unknown>[] = [];
    await db.sql.tx(async (tx) => {
      await happen(tx, first);
      others.push(db.sql.tx((other) => happen(other, second)).then(() => (isOver = true)));
      // The other one waits: had it a later number and were to be seen before this one, nobody would look back.
      await eventually("somebody waits", async () => {
        const waiting = await db.sql.query(
          `select from pg_locks where locktype = 'advisory' and not granted
             and database = (select oid from pg_database where datname = current_database())`,
        );
        return waiting.length > 0;
      });
      await enrolDeliveries(db.sql, "test", { now: new Date(later) });
      expect(isOver).toBe(false);
    });
    await Promise.all(others);
    expect((await told()).filter((one) => one.startsWith("invoice.paid"))).toHaveLength(2);
  });

  test("is read once by each consumer, from where it had come", async () => {
    await use(db.sql, { hour: 1 }, { tenant: "bank", hour: 1 });
    await issued();
    await enrolDeliveries(db.sql, "test", { now: new Date(later), portion: 1 });
    const before = await db.sql.one<{ seq: number }>("select seq from billing_consumers where name = 'test'");
    await issued("bank");
    await enrolDeliveries(db.sql, "test", { now: new Date(later), portion: 1 });
    const after = await db.sql.one<{ seq: number }>("select seq from billing_consumers where name = 'test'");
    expect(after.seq).toBeGreaterThan(before.seq);
    expect(await told()).toEqual(["invoice.finalized INV-000001", "invoice.finalized INV-000002"]);
  });
});
