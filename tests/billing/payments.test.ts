import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { closeMonth, readInvoice, recordPayment, voidInvoice } from "../../platform/billing/index.ts";
import {
  activeHolds,
  getPaymentCustomer,
  getPaymentInvoice,
  getStanding,
  lastPaymentCheck,
  listHolds,
  listPaymentProblems,
} from "../../platform/store/index.ts";
import { makePaymentWorker } from "../../reconciler/payments/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import { type FakeStripe, startStripe } from "../harness/stripe/server.ts";
import { dayMs, hourMs, later, prices } from "./ground.ts";
import { bill, makePayments, onlyRemote, type Payments, statusOf } from "./payments-ground.ts";
import { declareWatched, forgetWatched, kindsTold, testClock } from "./watch-ground.ts";

const clock = testClock(later);
const billTo = { name: "Shop Inc.", address: [], email: "bills@shop.example" };
let db: TestDatabase;
let fake: FakeStripe;
let payments: Payments;

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db?.close());
beforeEach(async () => {
  await forgetWatched(db.sql);
  await fake?.close();
  clock.at(later);
  fake = await startStripe(clock.now);
  payments = makePayments(db.sql, { fake, clock });
  await declareWatched(db.sql, { shop: {}, bank: {} }, { ...prices, tenants: { shop: { billTo } } });
});
afterAll(() => fake?.close());

const charge = async (id: string): Promise<string> => {
  const { id: remote } = onlyRemote(fake, id);
  fake.shop.charge(remote);
  await payments.hear("invoice.paid", remote);
  await payments.pass();
  return remote;
};
const problems = async () =>
  (await listPaymentProblems(db.sql)).map(({ number, problem }) => `${number} ${problem?.code}`);

describe("an issued invoice", () => {
  test("is there once, with our lines, our total to the unit, and collected only then", async () => {
    const id = await bill(db.sql, clock);
    expect(await payments.pump()).toEqual({ delivered: 1, postponed: 0 });
    const remote = onlyRemote(fake, id);
    expect(remote).toMatchObject({
      status: "open",
      total: 120,
      currency: "usd",
      auto_advance: true,
      collection_method: "send_invoice",
    });
    expect(remote.metadata).toMatchObject({ nebula_invoice: id, nebula_number: "INV-000001" });
    expect([...fake.shop.customers.values()]).toMatchObject([
      { name: "Shop Inc.", email: "bills@shop.example", metadata: { nebula_tenant: "shop" } },
    ]);
    expect(await getPaymentInvoice(db.sql, id)).toMatchObject({
      ...{
        remote: remote.id,
        state: "open",
        amount: 120,
        problem: null,
        payUrl: `https://invoice.stripe.test/${remote.id}`,
      },
    });
    const asked = fake.requests.length;
    expect(await payments.pump()).toEqual({ delivered: 0, postponed: 0 });
    expect(fake.requests.length).toBe(asked);
  });

  test("of a customer with a card is charged; of one that was there before no second customer is made", async () => {
    const first = await bill(db.sql, clock);
    await payments.pump();
    const [customer] = fake.shop.customers.values();
    if (customer !== undefined) customer.hasCard = true;
    await voidInvoice(db.sql, { invoice: first, reason: "x", nowMs: clock.now() });
    await closeMonth(db.sql, { tenant: "shop", month: "2024-05", nowMs: clock.now() });
    await payments.pump();
    expect(onlyRemote(fake, "shop/2024-05/2").collection_method).toBe("charge_automatically");
    expect(onlyRemote(fake, first).status).toBe("void");
    expect(fake.shop.customers.size).toBe(1);
  });

  test("is paid here when it is paid there, whatever is told how often and in which order", async () => {
    const id = await bill(db.sql, clock);
    await payments.pump();
    const remote = onlyRemote(fake, id).id;
    for (const type of ["invoice.finalized", "invoice.updated", "invoice.paid"]) await payments.hear(type, remote);
    await payments.pass();
    expect(await statusOf(db.sql, id)).toBe("open"); // it is not paid there, whatever the event says
    await charge(id);
    expect(await readInvoice(db.sql, id)).toMatchObject({
      status: "paid",
      payment: { reference: remote, via: "stripe", micros: 1_200_000 },
    });
    for (const type of ["invoice.payment_failed", "invoice.finalized", "invoice.paid"])
      await payments.hear(type, remote);
    await payments.pass();
    expect(await statusOf(db.sql, id)).toBe("paid");
    await payments.pump();
    expect(onlyRemote(fake, id)).toMatchObject({ status: "paid", paidElsewhere: 0 });
    expect(await kindsTold(db.sql)).toEqual(["invoice.finalized", "invoice.paid"]);
  });

  test("that is paid there while every webhook is lost is found by asking", async () => {
    const id = await bill(db.sql, clock);
    await payments.pump();
    fake.shop.charge(onlyRemote(fake, id).id);
    await payments.pass();
    expect(await statusOf(db.sql, id)).toBe("open");
    clock.pass(7 * hourMs);
    expect(await payments.pass()).toMatchObject({ looked: 1 });
    expect(await statusOf(db.sql, id)).toBe("paid");
  });

  test("that is paid by hand is noted there as paid elsewhere; paid twice is a problem that a person sees", async () => {
    const [one, two] = [await bill(db.sql, clock), await bill(db.sql, clock, { tenant: "bank", hours: 3 })];
    await payments.pump();
    const byHand = (invoice: string, micros: number) =>
      recordPayment(db.sql, {
        invoice,
        micros,
        currency: "USD",
        reference: "wire 1",
        via: "by hand",
        nowMs: clock.now(),
      });
    await byHand(one, 1_200_000);
    fake.shop.charge(onlyRemote(fake, two).id);
    await byHand(two, 360_000);
    await payments.pump();
    expect(onlyRemote(fake, one)).toMatchObject({ status: "paid", paidElsewhere: 120 });
    expect(await problems()).toEqual(["INV-000002 NEB570"]);
  });

  test("that is reversed is void there; one that was paid there is paid back, once", async () => {
    const [open, paid] = [await bill(db.sql, clock), await bill(db.sql, clock, { tenant: "bank", hours: 3 })];
    await payments.pump();
    await charge(paid);
    for (const invoice of [open, paid]) await voidInvoice(db.sql, { invoice, reason: "wrong", nowMs: clock.now() });
    await payments.pump();
    expect(onlyRemote(fake, open).status).toBe("void");
    expect(onlyRemote(fake, paid)).toMatchObject({ status: "paid", credited: 36, refunded: 36 });
    for (const id of [open, paid]) await payments.hear("invoice.updated", onlyRemote(fake, id).id);
    clock.pass(dayMs);
    expect(await payments.pass()).toMatchObject({ events: 2, checked: true });
    expect(onlyRemote(fake, paid)).toMatchObject({ credited: 36, refunded: 36 });
    expect((await lastPaymentCheck(db.sql))?.differences).toEqual([]);
  });

  test("that is reversed before it was ever sent is not sent", async () => {
    const id = await bill(db.sql, clock);
    await voidInvoice(db.sql, { invoice: id, reason: "wrong", nowMs: clock.now() });
    expect(await payments.pump()).toMatchObject({ delivered: 2 });
    expect(fake.shop.invoices.size).toBe(0);
  });

  test("that is paid there in the moment in which it is reversed here is paid back", async () => {
    const id = await bill(db.sql, clock);
    await payments.pump();
    fake.shop.charge(onlyRemote(fake, id).id);
    await voidInvoice(db.sql, { invoice: id, reason: "wrong", nowMs: clock.now() });
    await payments.pump();
    expect(onlyRemote(fake, id)).toMatchObject({ status: "paid", refunded: 120 });
    expect(await statusOf(db.sql, id)).toBe("void");
  });
});

describe("what goes wrong", () => {
  test("on the wire is tried again and leaves one invoice: before, after, and with an answer that is kept", async () => {
    const id = await bill(db.sql, clock);
    const mishaps = ["lost before", "lost after", "failed after", "slow down"] as const;
    let requests = 0;
    fake.mishap = (request) => (request.startsWith("POST") ? mishaps[requests++ % 6] : undefined);
    for (let minute = 0; minute < 600 && (await statusOf(db.sql, id)) === "open"; minute += 10) {
      if ((await payments.pump()).delivered > 0) break;
      clock.pass(10 * 60_000);
    }
    expect(onlyRemote(fake, id)).toMatchObject({ status: "open", total: 120 });
    expect(fake.shop.customers.size).toBe(1);
    expect(await problems()).toEqual([]);
  });

  test("in the middle is found again 25 hours later, when nothing there is remembered", async () => {
    for (const step of ["/v1/customers", "/v1/invoices", "/add_lines", "/finalize"]) {
      await forgetWatched(db.sql);
      await declareWatched(db.sql, { shop: {} });
      await fake.close();
      fake = await startStripe(clock.now);
      payments = makePayments(db.sql, { fake, clock });
      const id = await bill(db.sql, clock);
      fake.mishap = (request) => (request.startsWith("POST") && request.endsWith(step) ? "lost after" : undefined);
      expect(await payments.pump()).toEqual({ delivered: 0, postponed: 1 });
      fake.mishap = () => undefined;
      clock.pass(25 * hourMs);
      expect(await payments.pump(), step).toEqual({ delivered: 1, postponed: 0 });
      expect(onlyRemote(fake, id), step).toMatchObject({ status: "open", total: 120 });
      expect(fake.shop.customers.size, step).toBe(1);
    }
  });

  test("as an hour ends, with another key by then and a search that is behind, makes no second customer", async () => {
    const id = await bill(db.sql, clock);
    clock.pass(hourMs - 30_000);
    fake.mishap = (request) => (request === "POST /v1/customers" ? "lost after" : undefined);
    expect(await payments.pump()).toEqual({ delivered: 0, postponed: 1 });
    fake.mishap = () => undefined;
    clock.pass(60_000);
    expect(await payments.pump()).toEqual({ delivered: 1, postponed: 0 });
    expect(onlyRemote(fake, id).status).toBe("open");
    expect(fake.shop.customers.size).toBe(1);
  });

  test("there, where somebody changed the amount, is not collected and not believed", async () => {
    const [early, late] = [await bill(db.sql, clock), await bill(db.sql, clock, { tenant: "bank", hours: 3 })];
    fake.mishap = (request) => (request.endsWith("/finalize") ? "lost before" : undefined);
    await payments.pump();
    fake.mishap = () => undefined;
    const extra = { id: "il_x", amount: 1, description: "tip", metadata: {} };
    fake.shop.invoice(onlyRemote(fake, early).id).lines.push(extra);
    clock.pass(hourMs);
    await payments.pump();
    expect(onlyRemote(fake, early).status).toBe("draft");
    expect(await problems()).toEqual(["INV-000001 NEB569"]);
    fake.shop.invoice(onlyRemote(fake, late).id).lines.push(extra);
    await charge(late);
    expect(await statusOf(db.sql, late)).toBe("open");
    expect(await problems()).toContain("INV-000002 NEB569");
  });

  test("there, where somebody voided it or deleted a draft or the customer", async () => {
    const id = await bill(db.sql, clock);
    await payments.pump();
    fake.shop.void(onlyRemote(fake, id).id);
    await payments.hear("invoice.voided", onlyRemote(fake, id).id);
    await payments.pass();
    expect(await problems()).toEqual(["INV-000001 NEB569"]);
    const [customer] = fake.shop.customers.values();
    if (customer !== undefined) customer.deleted = true;
    await payments.hear("customer.deleted", customer?.id ?? "");
    await payments.pass();
    expect((await getPaymentCustomer(db.sql, "shop"))?.customer).toBeNull();
  });

  test("with a stranger's webhook: another invoice, one that says it is ours, another installation's", async () => {
    const id = await bill(db.sql, clock);
    await payments.pump();
    const mine = onlyRemote(fake, id);
    const forge = (metadata: Record<string, string>) => {
      const made = fake.shop.addInvoice({
        ...{ customer: mine.customer, currency: "usd", collection_method: "charge_automatically" },
        ...{ pending_invoice_items_behavior: "exclude", metadata },
      });
      made.lines.push({ id: "il_1", amount: 120, description: "", metadata: {} });
      Object.assign(made, { status: "paid", paid: 120 });
      return made.id;
    };
    const strangers = [
      forge({}),
      forge(mine.metadata as Record<string, string>),
      forge({ ...mine.metadata, nebula_installation: "inst_x" }),
      "in_nowhere",
    ];
    for (const remote of strangers) await payments.hear("invoice.paid", remote);
    await payments.hear("charge.dispute.created", "dp_1");
    await payments.pass();
    expect(await statusOf(db.sql, id)).toBe("open");
    const outcomes = await db.sql.query<{ outcome: string }>("select outcome from payment_events order by id");
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["unknown", "unknown", "unknown", "unknown", "ignored"]);
  });

  test("with the key of another account: nothing is sent and nothing is believed", async () => {
    const other = makePayments(db.sql, { fake, clock, account: "acct_other" });
    await other.hear("invoice.paid", "in_1");
    await expect(other.pass()).rejects.toMatchObject({ code: "NEB569" });
    expect(fake.requests).toEqual(["GET /v1/account"]);
  });

  test("with a key that is not accepted: it is tried again, and said nowhere", async () => {
    await bill(db.sql, clock);
    const wrong = { ...fake, key: "sk_test_wrong00000000" };
    const refused = makePayments(db.sql, { fake: wrong, clock });
    expect(await refused.pump()).toMatchObject({ postponed: 1 });
    const kept = JSON.stringify([
      await db.sql.query("select * from billing_deliveries"),
      await db.sql.query("select * from payment_invoices"),
      refused.observed,
    ]);
    expect(kept).toContain("NEB564");
    expect(kept).not.toContain("wrong00000000");
    expect(kept).not.toContain(fake.key);
  });
});

describe("the comparison", () => {
  test("of both sides once a day finds what differs, to the unit", async () => {
    const id = await bill(db.sql, clock);
    await payments.pump();
    expect(await payments.pass()).toMatchObject({ checked: true });
    expect(await lastPaymentCheck(db.sql)).toMatchObject({ checked: 1, differences: [] });
    fake.shop.invoice(onlyRemote(fake, id).id).lines.push({ id: "il_x", amount: 1, description: "tip", metadata: {} });
    expect(await payments.pass()).toMatchObject({ checked: false });
    clock.pass(dayMs);
    expect(await payments.pass()).toMatchObject({ checked: true });
    expect((await lastPaymentCheck(db.sql))?.differences).toMatchObject([
      { number: "INV-000001", what: "amount", ours: "120 USD", theirs: "121 USD" },
    ]);
    expect(payments.observed.findLast(({ kind }) => kind === "payment.checked")).toMatchObject({ differences: 1 });
  });
});

describe("dunning", () => {
  test("tells of money that could not be taken, once a try", async () => {
    const id = await bill(db.sql, clock);
    await payments.pump();
    const remote = onlyRemote(fake, id).id;
    fake.shop.charge(remote, { fails: true });
    for (let times = 0; times < 3; times++) await payments.hear("invoice.payment_failed", remote);
    await payments.pass();
    expect((await kindsTold(db.sql)).filter((kind) => kind === "payment.failed")).toHaveLength(1);
    fake.shop.charge(remote, { fails: true });
    await payments.hear("invoice.payment_failed", remote);
    await payments.pass();
    expect((await kindsTold(db.sql)).filter((kind) => kind === "payment.failed")).toHaveLength(2);
    expect(await getPaymentInvoice(db.sql, id)).toMatchObject({ failures: 2 });
  });

  test("reminds, suspends when the grace is over where that is wanted, and lets go when it is paid", async () => {
    const strict = makePayments(db.sql, { fake, clock, rules: { graceDays: 14, suspends: true } });
    const id = await bill(db.sql, clock);
    await strict.pump();
    for (let day = 0; day <= 30; day++) {
      await strict.pass();
      clock.pass(dayMs);
    }
    expect(await getStanding(db.sql, "shop")).toMatchObject({ state: "suspended", invoice: id });
    expect(await activeHolds(db.sql)).toMatchObject([
      { id: `unpaid/${id}`, tenant: "shop", project: null, reason: "unpaid" },
    ]);
    const remote = onlyRemote(fake, id).id;
    fake.shop.charge(remote);
    await strict.hear("invoice.paid", remote);
    for (let passes = 0; passes < 2; passes++) await strict.pass();
    expect(await getStanding(db.sql, "shop")).toMatchObject({ state: "good", invoice: null });
    expect(await activeHolds(db.sql)).toEqual([]);
    expect(await listHolds(db.sql, "shop")).toMatchObject([{ liftedWhy: "what was overdue is paid" }]);
    expect((await kindsTold(db.sql)).filter((kind) => !kind.startsWith("invoice."))).toEqual([
      ...["payment.overdue", "payment.overdue", "payment.overdue", "payment.suspended", "hold.placed"],
      ...["hold.lifted", "payment.settled"],
    ]);
    await strict.pass();
    expect(await activeHolds(db.sql)).toEqual([]);
  });

  test("works without a payment service, and suspends nobody by default", async () => {
    const rules = { graceDays: 14, suspends: false };
    const alone = makePaymentWorker({ sql: db.sql, clock, observe: () => undefined, rules, service: null });
    const id = await bill(db.sql, clock);
    clock.pass(40 * dayMs);
    expect(await alone.pass()).toMatchObject({ standings: 1 });
    expect(await alone.pass()).toMatchObject({ standings: 0 });
    expect(await getStanding(db.sql, "shop")).toMatchObject({ state: "overdue" });
    expect(await activeHolds(db.sql)).toEqual([]);
    await recordPayment(db.sql, {
      invoice: id,
      micros: 1_200_000,
      currency: "USD",
      reference: "w",
      via: "by hand",
      nowMs: clock.now(),
    });
    await alone.pass();
    expect(await getStanding(db.sql, "shop")).toMatchObject({ state: "good" });
    expect(fake.requests).toEqual([]);
  });
});
