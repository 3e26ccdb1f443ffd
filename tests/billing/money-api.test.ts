import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { tell } from "../../platform/notify/index.ts";
import { monthOf, monthSpan } from "../../platform/pricing/index.ts";
import {
  beginCustomer,
  beginPaymentInvoice,
  getInstance,
  markSpread,
  noteMessage,
  notePaymentProblem,
  putAnomaly,
  putHold,
  putPaymentCheck,
  setCustomer,
  setInstancePhase,
} from "../../platform/store/index.ts";
import { makeStripe } from "../../platform/stripe/index.ts";
import { type FakeStripe, type SignedEvent, startStripe } from "../harness/stripe/server.ts";
import { deployShop } from "../portal/deployed.ts";
import { type Caller, startPortal, type TestPortal } from "../portal/harness.ts";
import { hourMs, use } from "./ground.ts";
import { bill, stripeSettings } from "./payments-ground.ts";
import { declareWatched, everything, forgetWatched, testClock } from "./watch-ground.ts";

const run = promisify(execFile);
const cli = join(import.meta.dirname, "../../launcher/cli.ts");

let fake: FakeStripe;
let portal: TestPortal;
let plain: TestPortal;
let adminToken: string;
let admin: Caller;
let finance: Caller;
let owner: Caller;
let home: string;

beforeAll(async () => {
  fake = await startStripe(Date.now);
  const settings = stripeSettings(fake);
  const rules = "user=100000,key=100000,writes=100000,public=100000";
  portal = await startPortal({
    rules,
    payments: {
      stripe: makeStripe(settings, { clock: { now: Date.now } }),
      webhook: { secret: new Secret(fake.webhookSecret), account: fake.account, live: false },
      returnUrl: "https://nebula.example",
    },
  });
  plain = await startPortal({ beside: portal, rules });
  adminToken = await portal.tokenFor("platform-admin");
  admin = portal.as(adminToken);
  finance = portal.as(await portal.tokenFor("billing-viewer", "shop"));
  owner = portal.as(await portal.tokenFor("domain-admin", "shop", null, "olga"));
  home = mkdtempSync(join(tmpdir(), "nebula-money-"));
});
afterAll(async () => {
  await plain?.close();
  await portal?.close();
  await fake?.close();
  rmSync(home, { recursive: true, force: true });
});
beforeEach(async () => {
  await forgetWatched(portal.sql);
  await deployShop(portal.sql, ["orders"]);
  await declareWatched(portal.sql, {
    shop: {
      budgets: [{ project: "store", monthlyMicros: 1_000_000, alerts: [50, 100], atCap: "suspend" }],
      notify: [
        { kind: "email", address: "ops@shop.example", about: everything },
        { kind: "slack", secret: "ops", about: ["budget"] },
      ],
    },
    bank: {},
  });
});

const nebula = async (...args: string[]) => {
  const environment = { ...process.env, HOME: home, NEBULA_URL: portal.url, NEBULA_TOKEN: adminToken };
  return (await run(process.execPath, [cli, ...args], { env: environment, timeout: 60_000 })).stdout;
};
const month = () => monthSpan(monthOf(Date.now()));

describe("spending", () => {
  test("shows what the month costs, its budgets, and to who has one project that project alone", async () => {
    await use(
      portal.sql,
      { fromMs: month().fromMs, hour: 0, quantity: "18000" },
      { fromMs: month().fromMs, hour: 0, project: "lab" },
    );
    const { body } = await finance.get("/api/v1/spending");
    expect(body.items).toMatchObject([
      {
        ...{ tenant: "shop", month: month().month, total: { spent: { amount: "0.72", currency: "USD" } } },
        projects: [{ project: "lab" }, { project: "store", spent: { amount: "0.60" } }],
        budgets: [
          { project: "store", budget: { amount: "1.00" }, percent: 60, state: "watch", atCap: "suspend", told: [] },
        ],
      },
    ]);
    const ofLab = portal.as(await portal.tokenFor("developer", "shop", "lab"));
    const [narrow] = (await ofLab.get("/api/v1/spending")).body.items;
    expect(narrow).toMatchObject({ total: null, projects: [{ project: "lab" }], budgets: [] });
    expect((await admin.get("/api/v1/spending?domain=bank")).body.items).toMatchObject([{ tenant: "bank" }]);
    const table = await nebula("budget", "--tenant", "shop");
    expect(table).toContain("shop/store");
    expect(table).toContain("60 %");
  });

  test("of more tenants than one request should rate is asked for one by one", async () => {
    await declareWatched(portal.sql, Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`t${i}`, {}])));
    for (const list of ["spending", "savings"])
      expect(await admin.get(`/api/v1/${list}`)).toMatchObject({ status: 422 });
    expect((await admin.get("/api/v1/spending?domain=t100")).body.items).toMatchObject([{ tenant: "t100" }]);
  });

  test("shows unusual days", async () => {
    const day = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    await putAnomaly(portal.sql, {
      tenant: "shop",
      project: "store",
      day,
      micros: 9_000_000,
      usualMicros: 1_000_000,
      currency: "USD",
      at: new Date(),
    });
    expect((await finance.get("/api/v1/anomalies")).body.items).toMatchObject([
      { day, cost: { amount: "9.00" }, usual: { amount: "1.00" } },
    ]);
    const ofLab = portal.as(await portal.tokenFor("developer", "shop", "lab"));
    expect((await ofLab.get("/api/v1/anomalies")).body.items).toEqual([]);
    expect(await nebula("anomalies")).toContain("shop/store");
  });

  test("holds: nobody resumes what is held, and a platform administrator lets go", async () => {
    const hold = {
      id: "budget/shop/store/x",
      tenant: "shop",
      project: "store",
      reason: "budget",
      data: {},
      since: new Date(),
    } as const;
    await putHold(portal.sql, hold);
    const orders = await getInstance(portal.sql, "shop.store.orders");
    if (orders !== undefined) await setInstancePhase(portal.sql, orders, "Paused");
    const resume = () => owner.send("POST", "/api/v1/domain/shop/project/store/databases/orders/resume");
    expect(await resume()).toMatchObject({ status: 409, body: { code: "NEB572" } });
    expect((await finance.get("/api/v1/tenants/shop/holds")).body.items).toMatchObject([
      { id: hold.id, reason: "budget", liftedAt: null },
    ]);
    const lift = { hold: hold.id, reason: "agreed by phone" };
    expect(await owner.send("POST", "/api/v1/tenants/shop/holds/lift", lift)).toMatchObject({ status: 403 });
    expect(await admin.send("POST", "/api/v1/tenants/bank/holds/lift", lift)).toMatchObject({
      status: 404,
      body: { code: "NEB573" },
    });
    const words = { ...lift, reason: "agreed\nInvoice INV-000009 is paid" };
    expect(await admin.send("POST", "/api/v1/tenants/shop/holds/lift", words)).toMatchObject({ status: 422 });
    expect(await admin.send("POST", "/api/v1/tenants/shop/holds/lift", lift)).toMatchObject({
      status: 200,
      body: { liftedWhy: "agreed by phone" },
    });
    expect(await admin.send("POST", "/api/v1/tenants/shop/holds/lift", lift)).toMatchObject({
      status: 404,
      body: { code: "NEB573" },
    });
    expect(await resume()).toMatchObject({ status: 202 });
    expect(await nebula("budget", "holds", "shop")).toContain("agreed by phone");
  });
});

describe("notifications", () => {
  const put = async (about: string) => {
    await tell(portal.sql, {
      kind: "hold.lifted",
      about,
      tenant: "shop",
      project: "store",
      at: new Date(),
      data: { reason: "budget", why: "the month is over" },
    });
    return `hold.lifted:${about}`;
  };

  test("list who is told, what was told and what became of it; a test goes to one channel", async () => {
    const { items: channels } = (await finance.get("/api/v1/tenants/shop/channels")).body;
    expect(channels).toMatchObject([
      { kind: "email", to: "ops@shop.example", projects: null },
      { kind: "slack", to: 'secret("ops")', about: ["budget"] },
    ]);
    for (const about of ["1", "2", "3"]) await put(about);
    const first = (await finance.get("/api/v1/tenants/shop/notifications?limit=2")).body;
    expect(first.items).toMatchObject([
      { id: "hold.lifted:3", title: "The databases of shop/store are being started again" },
      { id: "hold.lifted:2" },
    ]);
    const second = (await finance.get(`/api/v1/tenants/shop/notifications?limit=2&cursor=${first.nextCursor}`)).body;
    expect(second).toMatchObject({ items: [{ id: "hold.lifted:1" }], nextCursor: null });
    const path = `/api/v1/tenants/shop/channels/${channels[0].id}/test`;
    expect(await finance.send("POST", path)).toMatchObject({ status: 403 });
    expect(await owner.send("POST", path)).toMatchObject({ status: 202 });
    expect(await owner.send("POST", "/api/v1/tenants/shop/channels/ch_000000000000/test")).toMatchObject({
      status: 404,
      body: { code: "NEB574" },
    });
    expect(await nebula("notify", "list", "shop")).toContain("ops@shop.example");
    expect(await nebula("notify", "log", "shop")).toContain("A test for shop");
  });

  test("that are dead are sent once more, by who may", async () => {
    const id = await put("1");
    await portal.sql.tx((tx) => markSpread(tx, { id, tenant: "shop" }, ["ch_a"], new Date()));
    await noteMessage(
      portal.sql,
      { id, channel: "ch_a" },
      { state: "dead", at: new Date(), status: 500, error: "answered 500" },
    );
    const dead = (await finance.get("/api/v1/tenants/shop/notifications?state=dead")).body.items;
    expect(dead).toMatchObject([
      { messages: [{ channel: "ch_a", state: "dead", attempts: 1, status: 500, error: "answered 500" }] },
    ]);
    const replay = "/api/v1/tenants/shop/notifications/replay";
    expect(await finance.send("POST", replay, {})).toMatchObject({ status: 403 });
    expect(await owner.send("POST", replay, { notification: "hold.lifted:9" })).toMatchObject({
      body: { replayed: 0 },
    });
    expect(await owner.send("POST", replay, {})).toMatchObject({ status: 200, body: { replayed: 1 } });
    expect((await finance.get("/api/v1/tenants/shop/notifications?state=dead")).body.items).toEqual([]);
  });
});

describe("Stripe's webhook", () => {
  const post = async (event: SignedEvent | { body: string; signature?: string }, to = portal) => {
    const headers = event.signature === undefined ? {} : { "stripe-signature": event.signature };
    return to.as("").send("POST", "/api/v1/payments/stripe", event.body, headers);
  };
  const kept = async () =>
    (await portal.sql.query<{ id: string }>("select id from payment_events order by id")).map(({ id }) => id);

  test("is taken once, by its signature, however often it is sent", async () => {
    const event = fake.event("invoice.paid", { id: "in_1" });
    expect(await post(event)).toMatchObject({ status: 200, body: { received: true, known: false } });
    expect(await post(event)).toMatchObject({ status: 200, body: { received: true, known: true } });
    expect(await kept()).toEqual([event.id]);
  });

  test("that is forged, old, of another account or mode is refused with a code, and nothing is kept", async () => {
    const event = fake.event("invoice.paid", { id: "in_1" });
    const old = { ...event, signature: fake.sign(event.body, { atMs: Date.now() - 20 * 60_000 }) };
    const other = { ...event, signature: fake.sign(event.body, { secret: "whsec_other" }) };
    const changed = { ...event, body: event.body.replace("in_1", "in_2") };
    for (const bad of [old, other, changed, { body: event.body }, { ...event, signature: "t=1,v1=0" }])
      expect(await post(bad)).toMatchObject({ status: 400, body: { code: "NEB565" } });
    for (const foreign of [{ account: "acct_other" }, { livemode: true }])
      expect(await post(fake.event("invoice.paid", { id: "in_1" }, foreign))).toMatchObject({
        status: 400,
        body: { code: "NEB566" },
      });
    expect(await kept()).toEqual([]);
    // Strangers do not fill the audit either.
    const lines = await portal.sql.query(
      "select from audit_logs where action = 'payments.event' and result <> 'accepted'",
    );
    expect(lines).toEqual([]);
  });

  test("is not there where there is no payment service", async () => {
    expect(await post(fake.event("invoice.paid", { id: "in_1" }), plain)).toMatchObject({
      status: 404,
      body: { code: "NEB568" },
    });
  });
});

describe("payments", () => {
  test("show how a tenant stands and where it pays; its page there opens for who runs the tenant", async () => {
    const clock = testClock(Date.UTC(2026, 6, 1));
    const invoice = await bill(portal.sql, clock);
    await beginPaymentInvoice(portal.sql, { invoice, tenant: "shop", at: new Date() });
    expect((await finance.get("/api/v1/tenants/shop/payments")).body).toMatchObject({
      ...{ tenant: "shop", service: true, customer: null, standing: "good" },
      invoices: [{ invoice, remote: null, state: "begun", problem: null }],
    });
    const page = "/api/v1/tenants/shop/payments/portal";
    expect(await finance.send("POST", page)).toMatchObject({ status: 403 });
    expect(await owner.send("POST", page)).toMatchObject({ status: 409 });
    const { id } = fake.shop.addCustomer({ name: "Shop" });
    await beginCustomer(portal.sql, "shop", new Date());
    await setCustomer(portal.sql, "shop", id);
    expect(await owner.send("POST", page)).toMatchObject({
      status: 200,
      body: { url: `https://billing.stripe.test/${id}` },
    });
    expect(await plain.as(adminToken).send("POST", page)).toMatchObject({ status: 404, body: { code: "NEB568" } });
    expect(await nebula("payments", "shop")).toContain("begun");
  });

  test("are compared, and what stands still is said, to platform administrators", async () => {
    const clock = testClock(Date.UTC(2026, 6, 1) + hourMs);
    const invoice = await bill(portal.sql, clock);
    await beginPaymentInvoice(portal.sql, { invoice, tenant: "shop", at: new Date() });
    await notePaymentProblem(
      portal.sql,
      { invoice, tenant: "shop" },
      { code: "NEB569", message: "another amount", at: new Date() },
    );
    const difference = { invoice, number: "INV-000001", what: "amount", ours: "1 USD", theirs: "2 USD" };
    await putPaymentCheck(portal.sql, { at: new Date(), checked: 1, differences: [difference] });
    expect(await finance.get("/api/v1/payments")).toMatchObject({ status: 403 });
    expect((await admin.get("/api/v1/payments")).body).toMatchObject({
      ...{ service: true, compared: 1, differences: [difference] },
      problems: [{ number: "INV-000001", tenant: "shop", problem: { code: "NEB569" } }],
    });
    expect(await nebula("payments", "problems")).toContain("NEB569");
    expect(await nebula("payments", "check")).toContain("2 USD");
  });
});
