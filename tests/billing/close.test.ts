import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  closeMonth,
  draftMonth,
  listInvoices,
  notePlans,
  readInvoice,
  recordPayment,
  tryClose,
  voidInvoice,
} from "../../platform/billing/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import {
  enrolDeliveries,
  insertCredit,
  listBillingProblems,
  listCredits,
  openDeliveries,
} from "../../platform/store/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { commit, dayMs, declare, forget, later, may, prices, use } from "./ground.ts";

let db: TestDatabase;
/** As portal and reconciler log in: no owner of anything. */
let app: Pool;
beforeAll(async () => {
  db = await testDatabase();
  app = makePool({ url: db.appUrl, applicationName: "test", max: 8 });
});
afterAll(async () => {
  await app?.close();
  await db?.close();
});
beforeEach(async () => {
  await forget(db.sql);
  await declare(db.sql);
});

const close = (tenant = "shop", month = may.month, nowMs = later) => closeMonth(app, { tenant, month, nowMs });
const issued = async (...of: Parameters<typeof close>) => {
  const closed = await close(...of);
  if (closed.kind !== "issued") throw new Error(`expected an invoice, but ${closed.kind}`);
  return closed.invoice;
};
const open = async () => {
  await enrolDeliveries(db.sql, "test", { now: new Date(later) });
  return openDeliveries(db.sql, "test", { now: new Date(later) });
};
const told = async () => (await open()).map(({ kind, data }) => `${kind} ${data.number}`);
const credit = (tenant: string, units: number, expiresAt: Date | null = null) =>
  insertCredit(app, {
    ...{ tenant, currency: "USD", amountMicros: units * 1_000_000, reason: "sorry", grantedBy: "ada", expiresAt },
    at: new Date(may.fromMs),
  });

describe("a month that is closed", () => {
  test("is an invoice with a number, whose lines point at usage and commit, and whose prices at theirs", async () => {
    await use(db.sql, { hour: 1 }, { hour: 2 }, { hour: 3, meter: "egress_bytes", quantity: String(2 ** 30) });
    const invoice = await issued();
    expect(invoice).toMatchObject({
      ...{ number: "INV-000001", kind: "invoice", status: "open", tenant: "shop", attempt: 1, totalMicros: 320_000 },
      ...{ priceBook: "list-1", fleet: { repository: "repo_1", commit: "a".repeat(40) } },
      issuedAt: new Date(later),
      dueAt: new Date(later + 14 * dayMs),
    });
    expect(
      invoice.lines.map(({ position, meter, micros, records, commits }) => [position, meter, micros, records, commits]),
    ).toEqual([
      [1, "compute_unit_seconds", 240_000, 2, [commit]],
      [2, "egress_bytes", 80_000, 1, [commit]],
    ]);
    expect(await readInvoice(app, "INV-000001")).toEqual(invoice);
    expect(await listInvoices(app, { tenants: ["shop"], month: may.month })).toEqual([invoice]);
    expect(await told()).toEqual(["invoice.finalized INV-000001"]);
  });

  test("is what its draft was, to the last line", async () => {
    await use(db.sql, { hour: 1, quantity: "1234.567891" }, { hour: 2, database: "carts" });
    const { invoice: draft } = await draftMonth(app, { tenant: "shop", month: may.month, nowMs: later });
    const invoice = await issued();
    expect(invoice.lines).toEqual(draft.lines);
    expect(invoice.totalMicros).toBe(draft.totalMicros);
  });

  test("is closed once, however often and however many try", async () => {
    await use(db.sql, { hour: 1 });
    const all = await Promise.all(Array.from({ length: 8 }, () => close()));
    expect(all.filter(({ kind }) => kind === "issued")).toHaveLength(1);
    expect(all.filter(({ kind }) => kind === "already")).toHaveLength(7);
    await use(db.sql, { hour: 2 });
    expect(await close()).toMatchObject({ kind: "already", invoice: { number: "INV-000001", totalMicros: 120_000 } });
    expect(await told()).toEqual(["invoice.finalized INV-000001"]);
  });

  test("cannot be changed or deleted by anybody, and neither can its lines", async () => {
    await use(db.sql, { hour: 1 });
    const { id } = await issued();
    for (const statement of [
      "update invoices set total_micros = 1 where id = $1",
      "update invoices set body = '{}' where id = $1",
      "update invoices set number = 'INV-000009' where id = $1",
      "update invoices set status = 'draft' where id = $1",
      "delete from invoices where id = $1",
      "update invoice_lines set micros = 0 where invoice = $1",
      "delete from invoice_lines where invoice = $1",
      // A line more that changes no sum.
      `insert into invoice_lines (invoice, position, kind, micros, line) values ($1, 99, 'usage', 0, '{}')`,
      'insert into invoices select (jsonb_populate_record(i, \'{"id": "x", "attempt": 9, "number": "INV-9", "month": "2020-01"}\')).* from invoices i where id = $1',
    ])
      expect(await codeOf(db.sql.query(statement, [id])), statement).not.toBe("no error");
    expect((await readInvoice(app, id))?.totalMicros).toBe(120_000);
    expect((await listInvoices(app, {})).map(({ lines }) => lines.length)).toEqual([1]);
    await recordPayment(app, {
      invoice: id,
      reference: "p",
      micros: 120_000,
      currency: "USD",
      via: "bank",
      nowMs: later,
    });
    for (const change of [`payment = '{"reference": "q"}'`, "paid_at = now()", "voided_at = now()", "status = 'open'"])
      expect(await codeOf(db.sql.query(`update invoices set ${change} where id = $1`, [id])), change).not.toBe(
        "no error",
      );
    for (const text of [
      "truncate invoices cascade",
      "delete from credits",
      "delete from billing_events",
      "truncate tenant_plans",
    ])
      await expect(app.query(text)).rejects.toThrow(/42501/);
  });

  test("is refused while its hours may change, and when it is none", async () => {
    await use(db.sql, { hour: 1 });
    expect(await codeOf(close("shop", may.month, may.toMs - 1))).toBe("NEB540");
    expect(await codeOf(close("shop", may.month, may.toMs + 3 * dayMs))).toBe("NEB540");
    expect(await codeOf(close("shop", "2024-13"))).toBe("NEB502");
    expect(await listInvoices(app, {})).toEqual([]);
    expect((await close("shop", may.month, may.toMs + 4 * dayMs)).kind).toBe("issued");
  });

  test("makes no paper of nothing, and a paid one of what was free", async () => {
    expect(await close()).toEqual({ kind: "nothing" });
    await use(db.sql, { hour: 1, meter: "connection_seconds", quantity: "60" });
    expect(await close()).toEqual({ kind: "nothing" });
    const plans = { standard: { feeMicros: 0, minimumMicros: 0, included: { computeUnitHour: "10" } } };
    await declare(db.sql, { book: { ...prices, plans } });
    await use(db.sql, { hour: 2 });
    expect(await issued()).toMatchObject({ status: "paid", totalMicros: 0 });
    expect(await told()).toEqual(["invoice.finalized INV-000001", "invoice.paid INV-000001"]);
  });
});

describe("numbers", () => {
  test("have no gaps, whoever closes with whom and whatever is refused in between", async () => {
    const names = Array.from({ length: 24 }, (_, i) => `t${i}`);
    const priced: typeof prices = { ...prices, plans: { standard: { feeMicros: 0, minimumMicros: 0, included: {} } } };
    await declare(db.sql, {
      book: priced,
      tenants: names.map((tenant, i) => ({ tenant, plan: i % 3 === 0 ? "gold" : "standard" })),
    });
    await use(db.sql, ...names.map((tenant) => ({ tenant, hour: 1 })));
    const closed = await Promise.all(names.map((tenant) => tryClose(app, { tenant, month: may.month, nowMs: later })));
    expect(closed.filter(({ kind }) => kind === "refused")).toHaveLength(8);
    const numbers = (await listInvoices(app, {})).map(({ number }) => Number(number.slice(4))).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
  });
});

describe("a fault of ours", () => {
  test("at any place of a close leaves nothing of it, takes no number, stops nobody else, and is told to nobody outside", async () => {
    const names = ["a", "b", "c"];
    await declare(db.sql, { tenants: names.map((tenant) => ({ tenant, plan: "standard" })) });
    await use(db.sql, ...names.map((tenant) => ({ tenant, hour: 1 })));
    for (const table of ["invoices", "invoice_lines", "credit_uses", "billing_events"]) {
      const whose = ["invoices", "billing_events"].includes(table) ? "new.tenant = 'b'" : "new.invoice like 'b/%'";
      await credit("b", 1);
      await db.sql.query(`create function break() returns trigger language plpgsql as
        $$ begin if ${whose} then raise exception 'a secret of ours'; end if; return new; end $$;
        create trigger break before insert on ${table} for each row execute function break()`);
      const refused = await tryClose(app, { tenant: "b", month: may.month, nowMs: later });
      await db.sql.query("drop function break cascade");
      expect(refused, table).toMatchObject({ kind: "refused", code: "NEB900", fault: expect.anything() });
      const [problem] = await listBillingProblems(app, ["b"]);
      expect(problem).toMatchObject({ code: "NEB900", message: expect.not.stringContaining("secret") });
    }
    expect(await listInvoices(app, {})).toEqual([]);
    expect((await listCredits(app, ["b"])).map(({ remainingMicros }) => remainingMicros)).toEqual(
      Array(4).fill(1_000_000),
    );
    expect(await told()).toEqual([]);
    for (const [index, tenant] of names.entries()) expect((await issued(tenant)).number).toBe(`INV-00000${index + 1}`);
  });
});

describe("what cannot be billed", () => {
  const plans = { standard: { feeMicros: 1_000_000, minimumMicros: 0, included: {} } };

  test("is refused by code with nothing done, and kept until it can", async () => {
    await use(db.sql, { hour: 1 });
    await declare(db.sql, { book: { ...prices, plans }, tenants: [{ tenant: "shop", plan: "gold" }] });
    expect(await codeOf(close())).toBe("NEB535");
    expect(await tryClose(app, { tenant: "shop", month: may.month, nowMs: later })).toEqual({
      kind: "refused",
      code: "NEB535",
    });
    expect(await listBillingProblems(db.sql, ["shop"])).toMatchObject([{ month: may.month, code: "NEB535" }]);
    expect(await listInvoices(app, {})).toEqual([]);
    await declare(db.sql, { book: { ...prices, plans } });
    expect(await issued()).toMatchObject({ number: "INV-000001", totalMicros: 1_120_000 });
    expect(await listBillingProblems(db.sql, null)).toEqual([]);
  });

  test("is a currency that changed, a meter that nobody knows, a month without prices, and no fleet at all", async () => {
    await use(db.sql, { hour: 1 }, { hour: 1, fromMs: may.toMs });
    await issued();
    await declare(db.sql, { book: { ...prices, currency: "EUR" } });
    expect(await codeOf(close("shop", "2024-06"))).toBe("NEB537");
    await declare(db.sql, { book: { ...prices, from: "2024-07" } });
    expect(await codeOf(close("shop", "2024-06"))).toBe("NEB536");
    await declare(db.sql);
    await use(db.sql, { hour: 2, fromMs: may.toMs, meter: "gpu_seconds" });
    expect(await codeOf(close("shop", "2024-06"))).toBe("NEB500");
    await db.sql.query("truncate fleets");
    expect(await codeOf(close("shop", "2024-06"))).toBe("NEB545");
    expect(await listInvoices(app, {})).toHaveLength(1);
  });
});

describe("prices", () => {
  const other = { ...prices.prices, computeUnitHourMicros: 1_000_000 };

  test("of a month are of the version in force in it, to the hour at which it begins in UTC", async () => {
    const versions = [
      { ...prices, until: "2024-06" },
      { ...prices, id: "list-2", prices: other, from: "2024-06" },
    ];
    await declare(db.sql, { book: { ...(versions[0] as typeof prices), versions } });
    await use(db.sql, { fromMs: may.toMs, hour: -1 }, { fromMs: may.toMs, hour: 0 });
    expect(await issued()).toMatchObject({ priceBook: "list-1", totalMicros: 120_000 });
    expect(await issued("shop", "2024-06")).toMatchObject({ priceBook: "list-2", totalMicros: 1_000_000 });
  });

  test("are those of the repository that declares the tenant, also when it is gone, and never those of another", async () => {
    const theirs = { book: { ...prices, id: "theirs", prices: other }, repository: "repo_2" };
    await declare(db.sql);
    await declare(db.sql, { ...theirs, tenants: [{ tenant: "bank", plan: "standard" }] });
    await notePlans(app, may.fromMs);
    await declare(db.sql, { ...theirs, tenants: [] });
    await notePlans(app, may.fromMs + dayMs);
    await use(db.sql, { tenant: "bank", hour: 1 }, { tenant: "nobody", hour: 1 });
    expect(await issued("bank")).toMatchObject({
      priceBook: "theirs",
      fleet: { repository: "repo_2" },
      totalMicros: 1_000_000,
    });
    expect(await codeOf(close("nobody"))).toBe("NEB545");
    await declare(db.sql, { tenants: [{ tenant: "bank", plan: "standard" }] });
    // It moved: billed by the other's prices from then on; and shop is gone from there.
    expect(await notePlans(app, later)).toBe(2);
    expect((await draftMonth(app, { tenant: "bank", month: "2024-06", nowMs: later })).invoice.priceBook).toBe(
      "list-1",
    );
  });
});

describe("a credit note", () => {
  test("reverses the whole, opens the month, and the month is billed again as it is known then", async () => {
    await use(db.sql, { hour: 1 });
    const first = await issued();
    await use(db.sql, { hour: 2 });
    const { invoice, creditNote } = await voidInvoice(app, {
      ...{ invoice: first.number, reason: "an hour was missing", nowMs: later },
    });
    expect(invoice).toMatchObject({
      status: "void",
      reversedBy: creditNote.id,
      voidedAt: new Date(later),
      totalMicros: 120_000,
    });
    expect(creditNote).toMatchObject({
      number: "CN-000001",
      kind: "credit-note",
      status: "paid",
      totalMicros: -120_000,
    });
    expect(creditNote.corrects).toBe(first.id);
    const again = await issued();
    expect(again).toMatchObject({ number: "INV-000002", attempt: 2, totalMicros: 240_000 });
    const all = await listInvoices(app, { month: may.month });
    expect(all.reduce((sum, { totalMicros }) => sum + totalMicros, 0)).toBe(240_000);
    expect(await told()).toEqual([
      "invoice.finalized INV-000001",
      "invoice.voided INV-000001",
      "invoice.finalized INV-000002",
    ]);
  });

  test("is made once, and never of a credit note or of nothing", async () => {
    await use(db.sql, { hour: 1 });
    await issued();
    const reverse = (invoice: string) => voidInvoice(app, { invoice, reason: "x", nowMs: later });
    const both = await Promise.allSettled([reverse("INV-000001"), reverse("INV-000001")]);
    expect(both.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await codeOf(reverse("INV-000001"))).toBe("NEB543");
    expect(await codeOf(reverse("CN-000001"))).toBe("NEB543");
    expect(await codeOf(reverse("INV-000099"))).toBe("NEB542");
    expect(await listInvoices(app, { kind: "credit-note" })).toHaveLength(1);
  });

  test("of a paid invoice leaves it paid and says what is due back", async () => {
    await use(db.sql, { hour: 1 });
    const { totalMicros: micros, currency } = await issued();
    await recordPayment(app, { invoice: "INV-000001", reference: "p1", micros, currency, via: "bank", nowMs: later });
    const { invoice } = await voidInvoice(app, { invoice: "INV-000001", reason: "x", nowMs: later });
    expect(invoice).toMatchObject({ status: "paid", voidedAt: null });
    const events = (await open()).filter(({ kind }) => kind === "invoice.voided");
    expect(events).toMatchObject([{ data: { creditNote: "CN-000001", refundMicros: micros } }]);
    expect((await close()).kind).toBe("issued");
  });
});

describe("a payment", () => {
  const pay = (change: object = {}) =>
    recordPayment(app, {
      ...{ invoice: "INV-000001", reference: "p1", micros: 120_000, currency: "USD", via: "bank", nowMs: later },
      ...change,
    });

  test("pays an invoice whole and once; told again it changes nothing", async () => {
    await use(db.sql, { hour: 1 });
    await issued();
    for (const wrong of [{ micros: 119_999 }, { micros: 0 }, { currency: "EUR" }])
      expect(await codeOf(pay(wrong))).toBe("NEB544");
    expect(await codeOf(pay({ invoice: "INV-000002" }))).toBe("NEB542");
    const many = await Promise.all(Array.from({ length: 4 }, () => pay()));
    for (const paid of many) expect(paid).toMatchObject({ status: "paid", payment: { reference: "p1", via: "bank" } });
    expect(await codeOf(pay({ reference: "p2" }))).toBe("NEB544");
    expect(await told()).toEqual(["invoice.finalized INV-000001", "invoice.paid INV-000001"]);
  });

  test("of what was reversed is refused", async () => {
    await use(db.sql, { hour: 1 });
    await issued();
    await voidInvoice(app, { invoice: "INV-000001", reason: "x", nowMs: later });
    expect(await codeOf(pay())).toBe("NEB544");
    expect(await codeOf(pay({ invoice: "CN-000001", micros: -120_000 }))).toBe("NEB544");
  });
});

describe("credits", () => {
  test("are used once though two months are closed together, and a reversal gives them back", async () => {
    await use(db.sql, { hour: 1, quantity: "36000" }, { hour: 1, fromMs: may.toMs, quantity: "36000" });
    const id = await credit("shop", 1);
    const both = await Promise.all([issued("shop", may.month), issued("shop", "2024-06")]);
    const used = both.flatMap(({ credits }) => credits);
    expect(used.reduce((sum, { micros }) => sum + micros, 0)).toBe(1_000_000);
    expect(both.reduce((sum, { totalMicros }) => sum + totalMicros, 0)).toBe(2 * 1_200_000 - 1_000_000);
    expect(await listCredits(db.sql, ["shop"])).toMatchObject([{ id, remainingMicros: 0 }]);
    const user = both.find(({ credits }) => credits.length > 0);
    await voidInvoice(app, { invoice: user?.number ?? "", reason: "x", nowMs: later });
    expect(await listCredits(db.sql, ["shop"])).toMatchObject([{ remainingMicros: used[0]?.micros }]);
  });

  test("that expire first go first, and those of others or of before go nowhere", async () => {
    await use(db.sql, { hour: 1, quantity: "36000" });
    await credit("other", 1);
    await credit("shop", 1, new Date(may.fromMs));
    const lasting = await credit("shop", 1);
    const expiring = await credit("shop", 1, new Date(may.toMs));
    const { credits } = await issued();
    expect(credits).toEqual([
      { credit: expiring, micros: 1_000_000 },
      { credit: lasting, micros: 200_000 },
    ]);
  });
});
