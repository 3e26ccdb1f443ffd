import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Consumer, closeMonth, listInvoices, usageChanged, voidInvoice } from "../../platform/billing/index.ts";
import { makeMailer } from "../../platform/mail/index.ts";
import { billableTenants, foldRecords, listBillingProblems, putSamples, rollUp } from "../../platform/store/index.ts";
import { mailConsumer, makeBillingWorker } from "../../reconciler/billing/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { dayMs, declare, forget, may, prices, use } from "./ground.ts";

let db: TestDatabase;
let nowMs = may.fromMs;
const clock = { now: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
const folder = mkdtempSync(join(tmpdir(), "nebula-bills-"));
const mailer = makeMailer({ url: undefined, from: "NebulaDB <nebuladb@localhost>", folder });

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  await db?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await forget(db.sql);
  nowMs = may.fromMs;
  for (const file of readdirSync(folder)) rmSync(join(folder, file));
});

const worker = (...consumers: readonly Consumer[]) =>
  makeBillingWorker({ sql: db.sql, clock, observe: () => undefined, consumers });
const at = (ms: number): void => {
  nowMs = ms;
};

describe("the worker", () => {
  test("closes each month when its hours are final, and none from before it was there", async () => {
    await declare(db.sql);
    await use(db.sql, { fromMs: Date.UTC(2024, 3), hour: 1 }, { hour: 1 }, { hour: 1, fromMs: may.toMs });
    const it = worker();
    await it.pass();
    at(may.toMs + 3 * dayMs);
    expect(await it.pass()).toMatchObject({ issued: 0 });
    at(may.toMs + 4 * dayMs);
    expect(await it.pass()).toMatchObject({ issued: 1, refused: 0 });
    expect(await it.pass()).toMatchObject({ issued: 0, refused: 0 });
    at(Date.UTC(2024, 8));
    expect(await worker().pass()).toMatchObject({ issued: 1 });
    expect((await listInvoices(db.sql, {})).map(({ number, period }) => `${number} ${period.month}`)).toEqual([
      "INV-000002 2024-06",
      "INV-000001 2024-05",
    ]);
  });

  test("asks for a month's tenants of what was added up, of what was recorded since and of what waits", async () => {
    await use(db.sql, { hour: 1 }, { hour: 2, database: "carts" }, { tenant: "zoo", hour: 1 });
    await use(db.sql, { tenant: "bank", hour: 1, fromMs: may.toMs });
    expect(await billableTenants(db.sql, may.month)).toEqual(["shop", "zoo"]);
    await foldRecords(db.sql);
    await use(db.sql, { tenant: "late", hour: 3 });
    await db.sql.query(
      "insert into usage_pending (hour, instance, meter, commits, amount, grain) values ($1, 'wait.p.d', 'egress_bytes', '{}', 1, 1)",
      [new Date(may.toMs - 3_600_000)],
    );
    expect(await billableTenants(db.sql, may.month)).toEqual(["late", "shop", "wait", "zoo"]);
    expect(await billableTenants(db.sql, "2024-04")).toEqual([]);
  });

  test("bills what still waits to be rolled up, also of who has nothing else", async () => {
    await declare(db.sql);
    await use(db.sql, { hour: 1 });
    await worker().pass();
    const last = may.toMs - 3_600_000;
    await putSamples(db.sql, [
      {
        ...{
          instance: "late.shop.orders",
          slotMs: last,
          slotSeconds: 3600,
          untilMs: may.toMs,
          awakeMs: 3_600_000,
          commit: null,
        },
        ...{
          computeUnitMs: 3_600_000,
          frozenUnitMs: 0,
          storageByteMs: 0n,
          branchByteMs: 0n,
          backupByteMs: 0n,
          connectionMs: 0,
        },
        ...{ computeUnits: 1, storageBytes: 0, connections: 0, serverStartedAtMs: null },
      },
    ]);
    at(may.toMs + 4 * dayMs);
    expect(await worker().pass()).toMatchObject({ issued: 2 });
    expect(await listInvoices(db.sql, { tenants: ["late"] })).toMatchObject([{ totalMicros: 120_000 }]);
    await rollUp(db.sql, may.toMs);
    const [late] = await listInvoices(db.sql, { tenants: ["late"] });
    expect(late && (await usageChanged(db.sql, late))).toBe(false);
  });

  test("closes each month once where two of them come to it at once", async () => {
    const tenants = Array.from({ length: 12 }, (_, i) => ({ tenant: `t${i}`, plan: "standard" }));
    await declare(db.sql, { tenants });
    await use(db.sql, ...tenants.map(({ tenant }) => ({ tenant, hour: 1 })));
    await worker().pass();
    at(may.toMs + 4 * dayMs);
    const both = await Promise.all([worker().pass(), worker().pass()]);
    expect(both.map(({ refused }) => refused)).toEqual([0, 0]);
    expect(both.reduce((sum, { issued }) => sum + issued, 0)).toBe(12);
    expect((await listInvoices(db.sql, {})).map(({ number }) => number).sort()).toEqual(
      tenants.map((_, i) => `INV-${String(i + 1).padStart(6, "0")}`),
    );
  });

  test("goes on with the others where one cannot be billed, and comes back to it", async () => {
    const plans = { standard: { feeMicros: 0, minimumMicros: 0, included: {} } };
    const tenants = ["a", "b", "c"].map((tenant) => ({ tenant, plan: tenant === "b" ? "gold" : "standard" }));
    await declare(db.sql, { book: { ...prices, plans }, tenants });
    await use(db.sql, ...tenants.map(({ tenant }) => ({ tenant, hour: 1 })));
    const it = worker();
    await it.pass();
    at(may.toMs + 4 * dayMs);
    expect(await it.pass()).toMatchObject({ issued: 2, refused: 1 });
    expect(await it.pass()).toMatchObject({ issued: 0, refused: 1 });
    expect(await listBillingProblems(db.sql, null)).toMatchObject([{ tenant: "b", code: "NEB535" }]);
    await declare(db.sql, { book: { ...prices, plans: { ...plans, gold: plans.standard } }, tenants });
    expect(await it.pass()).toMatchObject({ issued: 1, refused: 0 });
    expect(await listBillingProblems(db.sql, null)).toEqual([]);
  });

  test("a month that a credit note opened again is closed by hand, never by itself, also while others are refused", async () => {
    const plans = { standard: { feeMicros: 0, minimumMicros: 0, included: {} } };
    const tenants = ["shop", "late"].map((tenant) => ({ tenant, plan: tenant === "late" ? "gold" : "standard" }));
    await declare(db.sql, { book: { ...prices, plans }, tenants });
    await use(db.sql, { hour: 1 }, { hour: 1, tenant: "late" });
    const it = worker();
    await it.pass();
    at(may.toMs + 4 * dayMs);
    await it.pass();
    await voidInvoice(db.sql, { invoice: "INV-000001", reason: "x", nowMs });
    expect(await it.pass()).toMatchObject({ issued: 0, refused: 1 });
    const closed = await closeMonth(db.sql, { tenant: "shop", month: may.month, nowMs });
    expect(closed).toMatchObject({ kind: "issued", invoice: { number: "INV-000002", attempt: 2 } });
  });
});

describe("mail", () => {
  const billTo = { name: "Shop", address: [], email: "bills@shop.example" };

  test("brings an invoice and its credit note to where the prices say, once each, with the document", async () => {
    await declare(db.sql, { book: { ...prices, tenants: { shop: { billTo } } } });
    await use(db.sql, { hour: 1 }, { hour: 1, tenant: "silent" });
    const it = worker(mailConsumer(db.sql, mailer));
    await it.pass();
    at(may.toMs + 4 * dayMs);
    expect((await it.pass()).deliveries.mail).toEqual({ delivered: 2, postponed: 0 });
    const shop = (await listInvoices(db.sql, { tenants: ["shop"] }))[0]?.number ?? "";
    await voidInvoice(db.sql, { invoice: shop, reason: "x", nowMs });
    await it.pass();
    await it.pass();
    const mails = readdirSync(folder)
      .sort()
      .map((file) => readFileSync(join(folder, file), "utf8"));
    expect(mails).toHaveLength(2);
    expect(mails[0]).toContain("To: bills@shop.example");
    expect(mails[0]).toContain(`Invoice ${shop}`);
    expect(mails[0]).toContain("application/pdf");
    expect(mails[1]).toContain("Credit note CN-000001");
  });

  test("of what became of an invoice waits until the invoice was told, and holds up no other", async () => {
    await declare(db.sql);
    await use(db.sql, { hour: 1 }, { hour: 1, tenant: "steady" });
    let isAway = true;
    const told: string[] = [];
    const it = worker({
      name: "payments",
      async send({ kind, tenant }) {
        if (isAway && tenant === "shop") throw new Error("busy");
        told.push(`${kind} ${tenant}`);
      },
    });
    await it.pass();
    at(may.toMs + 4 * dayMs);
    await it.pass();
    for (const tenant of ["shop", "steady"]) {
      const [{ id } = { id: "" }] = await listInvoices(db.sql, { tenants: [tenant] });
      await voidInvoice(db.sql, { invoice: id, reason: "x", nowMs });
    }
    await it.pass();
    at(nowMs + 90_000);
    await it.pass();
    expect(told).toEqual(["invoice.finalized steady", "invoice.voided steady"]);
    isAway = false;
    at(nowMs + 3_600_000);
    await it.pass();
    expect(told.slice(2)).toEqual(["invoice.finalized shop", "invoice.voided shop"]);
  });

  test("that fails is tried again later, in its place and never given up, and stops nobody else", async () => {
    await declare(db.sql);
    await use(db.sql, { hour: 1 });
    let refusals = 3;
    const tries: number[] = [];
    const shaky: Consumer = {
      name: "shaky",
      async send({ attempts }) {
        tries.push(attempts);
        if (refusals-- > 0) throw new Error("busy");
      },
    };
    const steady: string[] = [];
    const it = worker(shaky, { name: "steady", send: async ({ kind }) => steady.push(kind) });
    await it.pass();
    at(may.toMs + 4 * dayMs);
    for (let minute = 0; minute < 12; minute++) {
      await it.pass();
      at(nowMs + 60_000);
    }
    expect(tries).toEqual([0, 1, 2, 3]);
    expect(steady).toEqual(["invoice.finalized"]);
  });
});
