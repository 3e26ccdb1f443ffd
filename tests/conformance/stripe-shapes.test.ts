/**
 * Every request of the door to Stripe against `stripe-mock`, which knows Stripe's own description of its API: what that does not know, or has
 * another shape, is refused. It keeps nothing: how the requests follow each other is tried with our own fake (tests/billing).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { quiet, resolveStripeMock } from "../../launcher/index.ts";
import { Secret, systemClock } from "../../platform/core/index.ts";
import { makeStripe, type Stripe } from "../../platform/stripe/index.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";

const patient = 20 * 60_000;
const tags = { nebula_installation: "inst_1", nebula_tenant: "shop" };
const dueAt = new Date(Date.now() + 14 * 86_400_000);
const anInvoice = { customer: "cus_1", currency: "usd", dueAt, description: "Invoice INV-000001", tags };
const hour = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000);
const lines = [
  { position: 1, amount: 120, description: "Compute" },
  { position: 2, amount: -20, description: "Credit" },
];

type Ask = (stripe: Stripe) => Promise<unknown>;

/** One of each; a new one without a line here does not compile. */
const requests: { readonly [K in Exclude<keyof Stripe, "live">]: Readonly<Record<string, Ask>> } = {
  accountId: { ask: ({ accountId }) => accountId() },
  customers: {
    read: ({ customers }) => customers.read("cus_1"),
    find: ({ customers }) => customers.find(tags),
    create: ({ customers }) => customers.create({ name: "Shop Inc.", email: "bills@shop.example", tags }),
  } satisfies Record<keyof Stripe["customers"], Ask>,
  invoices: {
    read: ({ invoices }) => invoices.read("in_1"),
    list: async ({ invoices }) => [await invoices.list({ customer: "cus_1" }), await invoices.list({ since: hour })],
    create: async ({ invoices }) => [
      await invoices.create({ ...anInvoice, collection: "send_invoice" }),
      await invoices.create({ ...anInvoice, collection: "charge_automatically" }),
    ],
    positions: ({ invoices }) => invoices.positions("in_1"),
    addLines: ({ invoices }) => invoices.addLines("in_1", lines),
    finalize: ({ invoices }) => invoices.finalize("in_1"),
    payOutOfBand: ({ invoices }) => invoices.payOutOfBand("in_1"),
    void: ({ invoices }) => invoices.void("in_1"),
    deleteDraft: ({ invoices }) => invoices.deleteDraft("in_1"),
    reverse: ({ invoices }) =>
      invoices.reverse("in_1", { amount: 100, refund: 60, memo: "Credit note CN-000001", tags }),
  } satisfies Record<keyof Stripe["invoices"], Ask>,
  portalUrl: { ask: ({ portalUrl }) => portalUrl("cus_1", "https://nebula.example") },
  subscriptions: {
    find: ({ subscriptions }) => subscriptions.find("cus_1", tags),
    create: ({ subscriptions }) => subscriptions.create({ customer: "cus_1", prices: ["price_1"], tags }),
    priced: ({ subscriptions }) => subscriptions.priced(["price_1"]),
  } satisfies Record<keyof Stripe["subscriptions"], Ask>,
  usage: {
    tell: ({ usage }) =>
      usage.tell({ event: "compute", customer: "cus_1", value: 7, id: "inst_1/shop/compute/1", at: hour }),
    sum: ({ usage }) => usage.sum({ meter: "mtr_1", customer: "cus_1", hour }),
  } satisfies Record<keyof Stripe["usage"], Ask>,
};

let mock: ChildProcess;
let stripe: Stripe;

beforeAll(async () => {
  const port = await freePort();
  mock = spawn(await resolveStripeMock(process.env, quiet), ["-http-addr", `127.0.0.1:${port}`], { stdio: "ignore" });
  const url = new URL(`http://127.0.0.1:${port}`);
  await eventually("stripe-mock answers", async () => (await fetch(url)).status > 0, { timeoutMs: 60_000 });
  const key = new Secret("sk_test_0123456789ab");
  stripe = makeStripe({ key, account: null, url, live: false, meters: {}, prices: [] }, { clock: systemClock });
}, patient);
afterAll(async () => {
  if (mock === undefined || mock.exitCode !== null) return;
  const ended = once(mock, "close");
  mock.kill("SIGKILL");
  await ended;
});

test.each(
  Object.entries(requests).flatMap(([of, all]) =>
    Object.entries(all).map(([name, ask]) => [`${of}.${name}`, ask] as const),
  ),
)("%s has a shape that Stripe knows", async (_name, ask) => {
  await expect(ask(stripe)).resolves.not.toThrow();
});

test("what it does not know is refused, so that the others mean something", async () => {
  await expect(
    stripe.invoices.create({ ...anInvoice, collection: "by pigeon" as "send_invoice" }),
  ).rejects.toMatchObject({ code: "NEB563" });
});
