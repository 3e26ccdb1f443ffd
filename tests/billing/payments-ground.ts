/** A ledger with closed months, a Stripe of our own, and what a reconciler does between them. */
import { closeMonth, pumpEvents, readInvoice } from "../../platform/billing/index.ts";
import { type Observation, Secret } from "../../platform/core/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import { keepPaymentEvent } from "../../platform/store/index.ts";
import { type MeterMap, makeStripe, type Stripe, type StripeSettings } from "../../platform/stripe/index.ts";
import {
  type DunningRules,
  makePaymentWorker,
  newsConsumer,
  type PaymentReport,
  stripeConsumer,
} from "../../reconciler/payments/index.ts";
import { invoiceOut } from "../harness/stripe/routes.ts";
import type { FakeStripe } from "../harness/stripe/server.ts";
import { may, use } from "./ground.ts";
import type { TestClock } from "./watch-ground.ts";

export const stripeSettings = (fake: FakeStripe, meters: MeterMap = {}): StripeSettings => ({
  ...{ key: new Secret(fake.key), account: null, url: new URL(fake.url), live: false, meters, prices: [] },
});

let events = 0;

export type Payments = {
  readonly stripe: Stripe;
  readonly observed: Observation[];
  /** What is to be told of invoices is told; how many were, and how many were not. */
  pump(): Promise<{ readonly delivered: number; readonly postponed: number }>;
  /** One pass of the worker. */
  pass(): Promise<PaymentReport>;
  /** A webhook that came: as the portal keeps it. */
  hear(type: string, remote: string): Promise<boolean>;
};

export function makePayments(
  sql: Pool,
  {
    fake,
    clock,
    rules = { graceDays: 14, suspends: false },
    meters = {},
    prices = [],
    account = null,
  }: {
    readonly fake: FakeStripe;
    readonly clock: TestClock;
    readonly rules?: DunningRules;
    readonly meters?: MeterMap;
    readonly prices?: readonly string[];
    readonly account?: string | null;
  },
): Payments {
  const stripe = makeStripe(stripeSettings(fake, meters), { clock });
  const observed: Observation[] = [];
  const observe = (one: Observation) => void observed.push(one);
  const paying = { sql, stripe, clock, observe };
  const worker = makePaymentWorker({ sql, clock, observe, rules, service: { stripe, account, meters, prices } });
  return {
    ...{ stripe, observed },
    async pump() {
      const [told, brought] = [
        await pumpEvents(sql, newsConsumer(sql), clock.now),
        await pumpEvents(sql, stripeConsumer(paying), clock.now),
      ];
      return { delivered: brought.delivered, postponed: told.postponed + brought.postponed };
    },
    pass: worker.pass,
    hear: (type, remote) => {
      const id = `evt_${String(++events).padStart(6, "0")}`;
      const created = new Date(clock.now());
      return keepPaymentEvent(sql, { id, type, object: remote, createdAt: created, now: created });
    },
  };
}

/** A closed May of a tenant with so many hours of compute at 0.12; the invoice's id. */
export async function bill(sql: Pool, clock: TestClock, { tenant = "shop", hours = 10 } = {}): Promise<string> {
  await use(sql, ...Array.from({ length: hours }, (_, hour) => ({ tenant, hour })));
  const closed = await closeMonth(sql, { tenant, month: may.month, nowMs: clock.now() });
  if (closed.kind !== "issued") throw new Error(`May of ${tenant} is ${closed.kind}`);
  return closed.invoice.id;
}

/** The one invoice there is at Stripe for ours, or an error. */
export function onlyRemote({ shop }: FakeStripe, id: string) {
  const found = [...shop.invoices.values()].filter(({ metadata }) => metadata.nebula_invoice === id);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`${id} is there ${found.length} times`);
  return { ...first, total: first.lines.reduce((sum, { amount }) => sum + amount, 0), out: invoiceOut(first) };
}

export const statusOf = async (sql: Pool, id: string): Promise<string | undefined> =>
  (await readInvoice(sql, id))?.status;
